//===- Elementwise.cpp - decompositions of elementwise ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static Type getResultDtype(Operation *op) { return cast<BaseTensorType>(op->getResult(0).getType()).getDtype(); }

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

/// float_power(x, y) = f64(x) ^ y
static FailureOr<Value> DecomposeAtenFloatPowerTensorScalar(AtenFloatPowerTensorScalarOp op, Decomposer &b) {
  return b.createAs<AtenPowTensorScalarOp>(op.getType(), b.convert(op.getSelf(), getResultDtype(op)),
                                           op.getExponent());
}

static FailureOr<Value> DecomposeAten__And__Tensor(Aten__And__TensorOp op, Decomposer &b) {
  return b.createAs<AtenBitwiseAndTensorOp>(op.getType(), op.getSelf(), op.getOther());
}
static FailureOr<Value> DecomposeAten__Or__Tensor(Aten__Or__TensorOp op, Decomposer &b) {
  return b.createAs<AtenBitwiseOrTensorOp>(op.getType(), op.getSelf(), op.getOther());
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
  return b.convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenToDevice(AtenToDeviceOp op, Decomposer &b) {
  return b.convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenToDtypeLayout(AtenToDtypeLayoutOp op, Decomposer &b) {
  return b.convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenToOther(AtenToOtherOp op, Decomposer &b) {
  return b.convert(op.getSelf(), getResultDtype(op));
}
static FailureOr<Value> DecomposeAten_ToCopy(Aten_ToCopyOp op, Decomposer &b) {
  return b.convert(op.getSelf(), getResultDtype(op));
}

//===----------------------------------------------------------------------===//
// Identities on values
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenClone(AtenCloneOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenContiguous(AtenContiguousOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenDetach(AtenDetachOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenAlias(AtenAliasOp op, Decomposer &b) { return op.getSelf(); }
static FailureOr<Value> DecomposeAtenLiftFreshCopy(AtenLiftFreshCopyOp op, Decomposer &b) { return op.getSelf(); }

/// Outside of training, dropout is the identity.
template <typename Op>
static FailureOr<Value> decomposeDropout(Op op, Decomposer &b) {
  auto train = getConstantBool(op.getTrain());
  auto probability = getConstantNumber(op.getP());
  if (train == false || probability == 0.0)
    return op.getInput();
  return b.unsupported("in training mode");
}
static FailureOr<Value> DecomposeAtenDropout(AtenDropoutOp op, Decomposer &b) { return decomposeDropout(op, b); }
static FailureOr<Value> DecomposeAtenAlphaDropout(AtenAlphaDropoutOp op, Decomposer &b) {
  return decomposeDropout(op, b);
}
static FailureOr<Value> DecomposeAtenFeatureDropout(AtenFeatureDropoutOp op, Decomposer &b) {
  return decomposeDropout(op, b);
}
/// native_dropout(x) = x, all true
static Decomposed DecomposeAtenNativeDropout(AtenNativeDropoutOp op, Decomposer &b) {
  if (getConstantBool(op.getTrain()) != false)
    return b.unsupported("in training mode");
  Type mask = cast<BaseTensorType>(op->getResult(1).getType()).getDtype();
  return SmallVector<Value>{op.getInput(), b.full(b.sizes(op.getInput()), b.boolean(true), mask)};
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
  addDecompositions(patterns, DecomposeAtenRelu6, DecomposeAtenThreshold, DecomposeAtenLogSigmoid);
  addDecompositions(patterns, DecomposeAtenSquare, DecomposeAtenRsubTensor, DecomposeAtenRsubScalar,
                    DecomposeAtenTrueDivideTensor, DecomposeAtenFloorDivide, DecomposeAtenFloorDivideScalar,
                    DecomposeAtenFloatPowerTensorScalar, DecomposeAten__And__Tensor, DecomposeAten__Or__Tensor);
  addDecompositions(patterns, DecomposeAtenWhereScalarSelf, DecomposeAtenWhereScalarOther, DecomposeAtenWhereScalar,
                    DecomposeAtenMaskedFillScalar, DecomposeAtenMaskedFillTensor);
  addDecompositions(patterns, DecomposeAtenTypeAs, DecomposeAtenToDevice, DecomposeAtenToDtypeLayout,
                    DecomposeAtenToOther, DecomposeAten_ToCopy);
  addDecompositions(patterns, DecomposeAtenClone, DecomposeAtenContiguous, DecomposeAtenDetach, DecomposeAtenAlias,
                    DecomposeAtenLiftFreshCopy, DecomposeAtenDropout, DecomposeAtenAlphaDropout,
                    DecomposeAtenFeatureDropout, DecomposeAtenNativeDropout, DecomposeAten_AssertTensorMetadata);
}
