//===- Elementwise.cpp - decompositions of elementwise ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Complex.h"
#include "Patterns.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// relu6(x) = clamp(x, 0, 6)
static FailureOr<Value> DecomposeAtenRelu6(AtenRelu6Op op, Decomposer &b) {
  return b.createAs<AtenClampOp>(op.getType(), op.getSelf(), b.integer(0), b.integer(6));
}

/// threshold(x, t, v) = x <= t ? v : x
static FailureOr<Value> DecomposeAtenThreshold(AtenThresholdOp op, Decomposer &b) {
  Value isBelow = b.create<AtenLeScalarOp>(op.getSelf(), op.getThreshold());
  return b.createAs<AtenWhereSelfOp>(op.getType(), isBelow, b.scalarTensor(op.getValue(), getResultDtype(op)),
                                     op.getSelf());
}

/// log_sigmoid(x) = min(x, 0) - log(1 + exp(-|x|))
static FailureOr<Value> DecomposeAtenLogSigmoid(AtenLogSigmoidOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value x = b.convert(op.getSelf(), getComputeDtype(dtype));
  Value tail = b.create<AtenLog1pOp>(b.create<AtenExpOp>(b.create<AtenNegOp>(b.create<AtenAbsOp>(x))));
  return b.convert(b.subTensors(b.create<AtenClampMaxOp>(x, b.integer(0)), tail), dtype);
}

/// x > 0 ? x : weight x, the weight along the second dim
static FailureOr<Value> DecomposeAtenPrelu(AtenPreluOp op, Decomposer &b) {
  Value x = op.getSelf(), weight = op.getWeight();
  int64_t rank = getTensorType(x).getRank();
  if (getTensorType(weight).getRank() == 1 && rank >= 2)
    for (int64_t dim = 2; dim < rank; ++dim)
      weight = b.unsqueeze(weight, -1);
  else if (getTensorType(weight).getRank() == 1 && rank == 0)
    weight = b.squeeze(weight, 0);
  return b.where(b.create<AtenGtScalarOp>(x, b.integer(0)), x, b.mulTensors(x, weight));
}

/// The first half times the sigmoid of the second
static FailureOr<Value> DecomposeAtenGlu(AtenGluOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Value x = op.getSelf(), size = b.size(x, *dim), half = b.floordiv(size, b.integer(2));
  return b.mulTensors(b.slice(x, *dim, b.integer(0), half), b.create<AtenSigmoidOp>(b.slice(x, *dim, half, size)));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// square(x) = x * x
static FailureOr<Value> DecomposeAtenSquare(AtenSquareOp op, Decomposer &b) {
  Value x = b.convert(op.getSelf(), getResultDtype(op));
  return b.mulTensors(x, x);
}

/// rsub(x, y, alpha) = y - alpha * x
static FailureOr<Value> DecomposeAtenRsubTensor(AtenRsubTensorOp op, Decomposer &b) {
  return b.createAs<AtenSubTensorOp>(op.getType(), op.getOther(), op.getSelf(), op.getAlpha());
}
static FailureOr<Value> DecomposeAtenRsubScalar(AtenRsubScalarOp op, Decomposer &b) {
  Value other = b.scalarTensor(op.getOther(), getResultDtype(op));
  return b.createAs<AtenSubTensorOp>(op.getType(), other, op.getSelf(), op.getAlpha());
}

static FailureOr<Value> DecomposeAtenTrueDivideTensor(AtenTrueDivideTensorOp op, Decomposer &b) {
  return b.createAs<AtenDivTensorOp>(op.getType(), op.getSelf(), op.getOther());
}
static FailureOr<Value> DecomposeAtenFloorDivide(AtenFloorDivideOp op, Decomposer &b) {
  return b.createAs<AtenDivTensorModeOp>(op.getType(), op.getSelf(), op.getOther(), b.string("floor"));
}
static FailureOr<Value> DecomposeAtenFloorDivideScalar(AtenFloorDivideScalarOp op, Decomposer &b) {
  return b.createAs<AtenDivScalarModeOp>(op.getType(), op.getSelf(), op.getOther(), b.string("floor"));
}

/// An op on a number and a tensor as the one on two tensors.
template <typename To, typename From> static FailureOr<Value> decomposeOfNumber(From op, Decomposer &b) {
  return b.createAs<To>(op.getType(), b.scalarTensor(op.getSelf(), getResultDtype(op)), op.getOther());
}

/// lcm(x, y) = |x / gcd(x, y) y|; 0 where both are 0
static FailureOr<Value> DecomposeAtenLcm(AtenLcmOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value x = b.convert(op.getSelf(), dtype), y = b.convert(op.getOther(), dtype);
  Value divisor = b.create<AtenClampMinOp>(b.create<AtenGcdOp>(x, y), b.integer(1));
  return b.create<AtenAbsOp>(b.mulTensors(b.create<AtenDivTensorModeOp>(x, divisor, b.string("trunc")), y));
}

/// float_power(x, y) = f64(x) ^ y
static FailureOr<Value> DecomposeAtenFloatPowerTensorScalar(AtenFloatPowerTensorScalarOp op, Decomposer &b) {
  return b.createAs<AtenPowTensorScalarOp>(op.getType(), b.convert(op.getSelf(), getResultDtype(op)), op.getExponent());
}

/// float_power(x, y) = f64(x) ^ f64(y)
static FailureOr<Value> DecomposeAtenFloatPowerTensorTensor(AtenFloatPowerTensorTensorOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  return b.createAs<AtenPowTensorTensorOp>(op.getType(), b.convert(op.getSelf(), dtype),
                                           b.convert(op.getExponent(), dtype));
}
static FailureOr<Value> DecomposeAtenFloatPowerScalar(AtenFloatPowerScalarOp op, Decomposer &b) {
  return b.createAs<AtenPowScalarOp>(op.getType(), op.getSelf(), b.convert(op.getExponent(), getResultDtype(op)));
}

/// x 2^y
static FailureOr<Value> DecomposeAtenLdexpTensor(AtenLdexpTensorOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value power = b.create<AtenPowScalarOp>(b.floating(2), b.convert(op.getOther(), dtype));
  return b.mulTensors(b.convert(op.getSelf(), dtype), power);
}

/// log gamma_p(x) = p (p - 1) / 4 log pi + the sum of log gamma(x - i / 2), i < p
static FailureOr<Value> DecomposeAtenMvlgamma(AtenMvlgammaOp op, Decomposer &b) {
  auto p = getConstantInt(op.getP());
  if (!p || *p < 1)
    return b.unsupported("an order that is not constant");
  Value x = b.convert(op.getSelf(), getResultDtype(op)), sum;
  for (int64_t i = 0; i < *p; ++i) {
    Value term = b.create<AtenLgammaOp>(b.addNumber(x, -0.5 * static_cast<double>(i)));
    sum = sum ? b.addTensors(sum, term) : term;
  }
  return b.addNumber(sum, static_cast<double>(*p * (*p - 1)) / 4 * std::log(std::numbers::pi));
}
static FailureOr<Value> DecomposeAtenSpecialPolygamma(AtenSpecialPolygammaOp op, Decomposer &b) {
  return b.createAs<AtenPolygammaOp>(op.getType(), op.getN(), op.getSelf());
}

/// |x - y| <= atol + rtol |y|, or the same infinity, or two NaNs where they count as equal
static FailureOr<Value> DecomposeAtenIsclose(AtenIscloseOp op, Decomposer &b) {
  auto rtol = getConstantNumber(op.getRtol()), atol = getConstantNumber(op.getAtol());
  auto equalNan = getConstantBool(op.getEqualNan());
  if (!rtol || !atol || !equalNan)
    return b.unsupported("an option that is not constant");
  Value x = op.getSelf(), y = op.getOther();
  Value close = b.create<AtenEqTensorOp>(x, y);
  if (*equalNan)
    close = b.create<AtenLogicalOrOp>(close,
                                      b.create<AtenLogicalAndOp>(b.create<AtenIsnanOp>(x), b.create<AtenIsnanOp>(y)));
  if (*rtol == 0 && *atol == 0)
    return close;
  if (isBoolDtype(getTensorType(x).getDtype())) {
    Type si64 = b.getBuilder().getIntegerType(64, true);
    x = b.convert(x, si64);
    y = b.convert(y, si64);
  }
  Value allowed = b.addNumber(b.create<AtenAbsOp>(b.mulNumber(y, *rtol)), *atol);
  Value distance = b.create<AtenAbsOp>(b.subTensors(x, y));
  Value isNear =
      b.create<AtenLogicalAndOp>(b.create<AtenIsfiniteOp>(distance), b.create<AtenLeTensorOp>(distance, allowed));
  return b.create<AtenLogicalOrOp>(close, isNear);
}

/// Real numbers are all real.
static FailureOr<Value> DecomposeAtenIsreal(AtenIsrealOp op, Decomposer &b) {
  if (Value im = splitComplex(op.getSelf(), b).im)
    return b.create<AtenEqScalarOp>(im, b.integer(0));
  return b.full(b.sizes(op.getSelf()), b.boolean(true), getResultDtype(op));
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenWhereScalarSelf(AtenWhereScalarSelfOp op, Decomposer &b) {
  return b.createAs<AtenWhereSelfOp>(op.getType(), op.getCondition(), b.scalarTensor(op.getSelf(), getResultDtype(op)),
                                     op.getOther());
}
static FailureOr<Value> DecomposeAtenWhereScalarOther(AtenWhereScalarOtherOp op, Decomposer &b) {
  return b.createAs<AtenWhereSelfOp>(op.getType(), op.getCondition(), op.getSelf(),
                                     b.scalarTensor(op.getOther(), getResultDtype(op)));
}
static FailureOr<Value> DecomposeAtenWhereScalar(AtenWhereScalarOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  return b.createAs<AtenWhereSelfOp>(op.getType(), op.getCondition(), b.scalarTensor(op.getSelf(), dtype),
                                     b.scalarTensor(op.getOther(), dtype));
}

/// masked_fill(x, mask, v) = mask ? v : x, in the dtype of x
static FailureOr<Value> DecomposeAtenMaskedFillScalar(AtenMaskedFillScalarOp op, Decomposer &b) {
  return b.createAs<AtenWhereSelfOp>(op.getType(), op.getMask(), b.scalarTensor(op.getValue(), getResultDtype(op)),
                                     op.getSelf());
}
static FailureOr<Value> DecomposeAtenMaskedFillTensor(AtenMaskedFillTensorOp op, Decomposer &b) {
  return b.createAs<AtenWhereSelfOp>(op.getType(), op.getMask(), b.convert(op.getValue(), getResultDtype(op)),
                                     op.getSelf());
}

//===----------------------------------------------------------------------===//
// Conversions: what is left of them is the dtype
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenTypeAs(AtenTypeAsOp op, Decomposer &b) {
  return b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenToDevice(AtenToDeviceOp op, Decomposer &b) {
  return b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenToDtypeLayout(AtenToDtypeLayoutOp op, Decomposer &b) {
  return b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenToOther(AtenToOtherOp op, Decomposer &b) {
  return b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAten_ToCopy(Aten_ToCopyOp op, Decomposer &b) {
  return b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
}

//===----------------------------------------------------------------------===//
// Identities on values
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenClone(AtenCloneOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenContiguous(AtenContiguousOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenDetach(AtenDetachOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenAlias(AtenAliasOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenLiftFreshCopy(AtenLiftFreshCopyOp op, Decomposer &b) { return op.getSelf(); }

static FailureOr<Value> DecomposeAtenPositive(AtenPositiveOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenAliasCopy(AtenAliasCopyOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenDetachCopy(AtenDetachCopyOp op, Decomposer &b) { return op.getSelf(); }
/// A value is never a lazily conjugated or negated view.
static FailureOr<Value> DecomposeAtenResolveConj(AtenResolveConjOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenResolveNeg(AtenResolveNegOp op, Decomposer &b) { return op.getSelf(); }

//===----------------------------------------------------------------------===//
// Parts of complex numbers
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenReal(AtenRealOp op, Decomposer &b) { return splitComplex(op.getSelf(), b).re; }
static FailureOr<Value> DecomposeAtenImag(AtenImagOp op, Decomposer &b) {
  Complex parts = splitComplex(op.getSelf(), b);
  return parts.im ? FailureOr<Value>(parts.im) : FailureOr<Value>(b.unsupported("on real numbers"));
}
static FailureOr<Value> DecomposeAten_Conj(Aten_ConjOp op, Decomposer &b) { return buildConjugate(op.getSelf(), b); }
static FailureOr<Value> DecomposeAtenConjPhysical(AtenConjPhysicalOp op, Decomposer &b) {
  return buildConjugate(op.getSelf(), b);
}
static FailureOr<Value> DecomposeAtenComplex(AtenComplexOp op, Decomposer &b) {
  Value re = op.getReal(), im = op.getImag();
  if (re.getType() != im.getType()) {
    SmallVector<Value> sizes = b.sizes(b.addTensors(re, im));
    re = b.expand(re, sizes);
    im = b.expand(im, sizes);
  }
  return joinComplex({re, im}, b);
}
static FailureOr<Value> DecomposeAtenPolar(AtenPolarOp op, Decomposer &b) {
  Value size = op.getAbs(), angle = op.getAngle();
  return joinComplex({b.mulTensors(size, b.create<AtenCosOp>(angle)), b.mulTensors(size, b.create<AtenSinOp>(angle))},
                     b);
}

/// Checked here: sizes and dtype. Strides and devices are the compiler's own.
static Decomposed DecomposeAten_AssertTensorMetadata(Aten_AssertTensorMetadataOp op, Decomposer &b) {
  BaseTensorType type = getTensorType(op.getA());
  if (!isNone(op.getDtype())) {
    auto code = getConstantInt(op.getDtype());
    if (!code || getDtypeFromCode(op.getContext(), *code) != type.getDtype())
      return b.unsupported("the dtype is not the asserted one");
  }
  if (!isNone(op.getSize())) {
    auto sizes = getConstantIntList(op.getSize());
    if (!sizes || ArrayRef<int64_t>(*sizes) != type.getSizes())
      return b.unsupported("the sizes are not known to be the asserted ones");
  }
  return SmallVector<Value>{};
}

void torchc::populateElementwisePatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenPrelu, DecomposeAtenGlu, DecomposeAtenFloatPowerTensorTensor,
                    DecomposeAtenFloatPowerScalar, DecomposeAtenLdexpTensor, DecomposeAtenMvlgamma,
                    DecomposeAtenSpecialPolygamma, DecomposeAtenIsclose, DecomposeAtenIsreal, DecomposeAtenPositive,
                    DecomposeAtenAliasCopy, DecomposeAtenDetachCopy,
                    decomposeAs<AtenConjPhysicalOp, Aten_ConjPhysicalOp>, DecomposeAtenResolveConj,
                    DecomposeAtenResolveNeg, DecomposeAtenReal, DecomposeAtenImag, DecomposeAten_Conj,
                    DecomposeAtenConjPhysical, DecomposeAtenComplex, DecomposeAtenPolar);
  addDecompositions(patterns, decomposeAs<AtenMaximumOp, AtenMaxOtherOp>, decomposeAs<AtenMinimumOp, AtenMinOtherOp>,
                    decomposeAs<AtenDivTensorOp, AtenDivideTensorOp>, decomposeAs<AtenDivScalarOp, AtenDivideScalarOp>,
                    decomposeAs<AtenDivTensorModeOp, AtenDivideTensorModeOp>,
                    decomposeAs<AtenMulTensorOp, AtenMultiplyTensorOp>,
                    decomposeAs<AtenSubTensorOp, AtenSubtractTensorOp>,
                    decomposeAs<AtenXlogyTensorOp, AtenSpecialXlogyOp>, decomposeAs<AtenLogitOp, AtenSpecialLogitOp>);
  addDecompositions(
      patterns, decomposeAs<AtenAbsOp, AtenAbsoluteOp>, decomposeAs<AtenNegOp, AtenNegativeOp>,
      decomposeAs<AtenNeTensorOp, AtenNotEqualTensorOp>, decomposeAs<AtenNeScalarOp, AtenNotEqualScalarOp>,
      decomposeAs<AtenMulScalarOp, AtenMultiplyScalarOp>, decomposeAs<AtenSubScalarOp, AtenSubtractScalarOp>,
      decomposeAs<AtenDivScalarModeOp, AtenDivideScalarModeOp>, decomposeAs<AtenClampOp, AtenClipOp>,
      decomposeAs<AtenClampTensorOp, AtenClipTensorOp>);
  addDecompositions(
      patterns, decomposeAs<AtenAcosOp, AtenArccosOp>, decomposeAs<AtenAcoshOp, AtenArccoshOp>,
      decomposeAs<AtenAsinOp, AtenArcsinOp>, decomposeAs<AtenAsinhOp, AtenArcsinhOp>,
      decomposeAs<AtenAtanOp, AtenArctanOp>, decomposeAs<AtenAtan2Op, AtenArctan2Op>,
      decomposeAs<AtenAtanhOp, AtenArctanhOp>, decomposeAs<AtenTruncOp, AtenFixOp>,
      decomposeAs<AtenGtTensorOp, AtenGreaterTensorOp>, decomposeAs<AtenGtScalarOp, AtenGreaterScalarOp>,
      decomposeAs<AtenGeTensorOp, AtenGreaterEqualTensorOp>, decomposeAs<AtenGeScalarOp, AtenGreaterEqualScalarOp>,
      decomposeAs<AtenLtTensorOp, AtenLessTensorOp>, decomposeAs<AtenLtScalarOp, AtenLessScalarOp>,
      decomposeAs<AtenLeTensorOp, AtenLessEqualTensorOp>, decomposeAs<AtenLeScalarOp, AtenLessEqualScalarOp>,
      decomposeAs<AtenDivScalarOp, AtenTrueDivideScalarOp>);
  addDecompositions(patterns, decomposeAs<AtenExpm1Op, AtenSpecialExpm1Op>,
                    decomposeAs<AtenSigmoidOp, AtenSpecialExpitOp>, decomposeAs<AtenErfOp, AtenSpecialErfOp>,
                    decomposeAs<AtenErfcOp, AtenSpecialErfcOp>, decomposeAs<AtenErfinvOp, AtenSpecialErfinvOp>,
                    decomposeAs<AtenExp2Op, AtenSpecialExp2Op>, decomposeAs<AtenLog1pOp, AtenSpecialLog1pOp>,
                    decomposeAs<AtenSincOp, AtenSpecialSincOp>, decomposeAs<AtenDigammaOp, AtenSpecialDigammaOp>,
                    decomposeAs<AtenDigammaOp, AtenSpecialPsiOp>, decomposeAs<AtenLgammaOp, AtenSpecialGammalnOp>,
                    decomposeAs<AtenI0Op, AtenSpecialI0Op>, decomposeAs<AtenRoundDecimalsOp, AtenSpecialRoundOp>,
                    decomposeAs<AtenXlogyScalarSelfOp, AtenSpecialXlogySelfScalarOp>,
                    decomposeAs<AtenXlogyScalarOtherOp, AtenSpecialXlogyOtherScalarOp>,
                    decomposeAs<AtenMvlgammaOp, AtenSpecialMultigammalnOp>,
                    decomposeAs<AtenIgammaOp, AtenSpecialGammaincOp>,
                    decomposeAs<AtenIgammacOp, AtenSpecialGammainccOp>);
  addDecompositions(patterns, decomposeOfNumber<AtenBitwiseAndTensorOp, AtenBitwiseAndScalarTensorOp>,
                    decomposeOfNumber<AtenBitwiseOrTensorOp, AtenBitwiseOrScalarTensorOp>,
                    decomposeOfNumber<AtenBitwiseXorTensorOp, AtenBitwiseXorScalarTensorOp>,
                    decomposeOfNumber<AtenRemainderTensorOp, AtenRemainderScalarTensorOp>,
                    decomposeOfNumber<AtenBitwiseLeftShiftTensorOp, AtenBitwiseLeftShiftScalarTensorOp>,
                    decomposeOfNumber<AtenBitwiseRightShiftTensorOp, AtenBitwiseRightShiftScalarTensorOp>,
                    DecomposeAtenLcm);
  addDecompositions(patterns, DecomposeAtenRelu6, DecomposeAtenThreshold, DecomposeAtenLogSigmoid);
  addDecompositions(patterns, DecomposeAtenSquare, DecomposeAtenRsubTensor, DecomposeAtenRsubScalar,
                    DecomposeAtenTrueDivideTensor, DecomposeAtenFloorDivide, DecomposeAtenFloorDivideScalar,
                    DecomposeAtenFloatPowerTensorScalar);
  addDecompositions(
      patterns, decomposeAs<AtenBitwiseAndTensorOp, Aten__And__TensorOp>,
      decomposeAs<AtenBitwiseOrTensorOp, Aten__Or__TensorOp>, decomposeAs<AtenBitwiseXorTensorOp, Aten__Xor__TensorOp>,
      decomposeAs<AtenBitwiseLeftShiftTensorOp, Aten__Lshift__TensorOp>,
      decomposeAs<AtenBitwiseRightShiftTensorOp, Aten__Rshift__TensorOp>,
      decomposeAs<AtenBitwiseAndScalarOp, Aten__And__ScalarOp>, decomposeAs<AtenBitwiseOrScalarOp, Aten__Or__ScalarOp>,
      decomposeAs<AtenBitwiseXorScalarOp, Aten__Xor__ScalarOp>,
      decomposeAs<AtenBitwiseLeftShiftTensorScalarOp, Aten__Lshift__ScalarOp>,
      decomposeAs<AtenBitwiseRightShiftTensorScalarOp, Aten__Rshift__ScalarOp>);
  addDecompositions(patterns, DecomposeAtenWhereScalarSelf, DecomposeAtenWhereScalarOther, DecomposeAtenWhereScalar,
                    DecomposeAtenMaskedFillScalar, DecomposeAtenMaskedFillTensor);
  addDecompositions(patterns, DecomposeAtenTypeAs, DecomposeAtenToDevice, DecomposeAtenToDtypeLayout,
                    DecomposeAtenToOther, DecomposeAten_ToCopy);
  addDecompositions(patterns, DecomposeAtenClone, DecomposeAtenContiguous, DecomposeAtenDetach, DecomposeAtenAlias,
                    DecomposeAtenLiftFreshCopy, DecomposeAten_AssertTensorMetadata);
}
