//===- ExpandComplex.cpp - ops on complex tensors as ops on their parts ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Decompose/Passes.h"

#include "Complex.h"
#include "Patterns.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace torchc {
#define GEN_PASS_DEF_EXPANDCOMPLEX
#include "torchc/Decompose/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static bool isComplex(Value value) {
  auto type = dyn_cast<BaseTensorType>(value.getType());
  return type && type.hasDtype() && isComplexDtype(type.getDtype());
}

/// Also where the operand is a list that has complex tensors.
static bool hasComplex(Operation *op) {
  return llvm::any_of(op->getResults(), isComplex) || llvm::any_of(op->getOperands(), [](Value operand) {
           auto elements = isa<ListType>(operand.getType()) ? getListElements(operand) : std::nullopt;
           return isComplex(operand) || (elements && llvm::any_of(*elements, isComplex));
         });
}

/// A result's type with the dtype of its parts.
static Type getPartType(Value result) {
  auto type = cast<BaseTensorType>(result.getType());
  return type.hasRank()
             ? ValueTensorType::get(result.getContext(), true, type.getSizes(), getPartDtype(type.getDtype()))
             : ValueTensorType::get(result.getContext(), false, {}, getPartDtype(type.getDtype()));
}

//===----------------------------------------------------------------------===//
// The same on both parts
//===----------------------------------------------------------------------===//

/// Ops that move elements, or are linear in them.
static bool isPartwise(Operation *op) {
  return isa<AtenViewOp, AtenReshapeOp, Aten_UnsafeViewOp, AtenFlattenUsingIntsOp, AtenUnflattenIntOp, AtenPermuteOp,
             AtenTransposeIntOp, AtenTOp, AtenUnsqueezeOp, AtenSqueezeDimOp, AtenSqueezeDimsOp, AtenSqueezeOp,
             AtenExpandOp, AtenCatOp, AtenRepeatOp, AtenFlipOp, AtenRollOp, AtenSliceTensorOp, AtenSelectIntOp,
             AtenIndexSelectOp, AtenGatherOp, AtenIndexTensorOp, AtenSliceScatterOp, AtenSelectScatterOp, AtenTrilOp,
             AtenTriuOp, AtenScatterSrcOp, AtenIndexPutOp, AtenWhereSelfOp, AtenNegOp, AtenAddTensorOp, AtenSubTensorOp,
             AtenMulScalarOp, AtenDivScalarOp, TensorStaticInfoCastOp>(op);
}

/// Sums, where they keep the dtype.
static bool isPartwiseSum(Operation *op) {
  if (auto sum = dyn_cast<AtenSumDimIntListOp>(op))
    return isNone(sum.getDtype());
  if (auto mean = dyn_cast<AtenMeanDimOp>(op))
    return isNone(mean.getDtype());
  auto running = dyn_cast<AtenCumsumOp>(op);
  return running && isNone(running.getDtype());
}

/// Whether the elements of operand `i` come to be elements of the result; conditions and indices do not.
static bool isData(Operation *op, unsigned i) {
  if (isa<AtenWhereSelfOp>(op))
    return i != 0;
  if (isa<AtenAddTensorOp, AtenSubTensorOp, AtenSliceScatterOp, AtenSelectScatterOp>(op))
    return i < 2;
  if (isa<AtenScatterSrcOp>(op))
    return i == 0 || i == 3;
  return isa<AtenIndexPutOp>(op) ? i == 0 || i == 2 : i == 0;
}

/// An operand for one of the parts: of complex tensors that part, of real data 0 for the second.
static Value getPart(Value operand, bool isData, bool imaginary, AtenBuilder &b) {
  auto type = dyn_cast<BaseTensorType>(operand.getType());
  if (type && isComplex(operand)) {
    Complex parts = splitComplex(operand, b);
    return imaginary ? parts.im : parts.re;
  }
  if (type && isData && imaginary)
    return b.full(b.sizes(operand), b.integer(0), type.getDtype());
  auto elements = isa<ListType>(operand.getType()) ? getListElements(operand) : std::nullopt;
  if (!elements || llvm::none_of(*elements, isComplex))
    return operand;
  SmallVector<Value> parts = llvm::map_to_vector(*elements, [&](Value e) { return getPart(e, isData, imaginary, b); });
  Type any = ValueTensorType::get(operand.getContext(), false, {}, getTensorType(parts.front()).getDtype());
  return b.list(parts, any);
}

static Value expandPartwise(Operation *op, AtenBuilder &b) {
  Complex parts;
  for (bool imaginary : {false, true}) {
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      operands.push_back(getPart(operand, isData(op, i), imaginary, b));
    Value part = b.createOp(op->getName().getStringRef(), getPartType(op->getResult(0)), operands)->getResult(0);
    (imaginary ? parts.im : parts.re) = part;
  }
  return joinComplex(parts, b);
}

//===----------------------------------------------------------------------===//
// Arithmetic and functions
//===----------------------------------------------------------------------===//

static Value magnitude(Complex x, AtenBuilder &b) {
  return x.im ? b.createAs<AtenHypotOp>(x.re.getType(), x.re, x.im) : b.create<AtenAbsOp>(x.re);
}

/// x / y; divided by the larger part of y first, so that its square neither over- nor underflows.
static Complex divide(Complex x, Complex y, AtenBuilder &b) {
  if (!y.im)
    return {b.divTensors(x.re, y.re), x.im ? b.divTensors(x.im, y.re) : Value()};
  Value scale = b.create<AtenMaximumOp>(b.create<AtenAbsOp>(y.re), b.create<AtenAbsOp>(y.im));
  Complex scaled = {b.divTensors(y.re, scale), b.divTensors(y.im, scale)};
  Value square = b.addTensors(b.mulTensors(scaled.re, scaled.re), b.mulTensors(scaled.im, scaled.im));
  Complex numerator = multiply(x, conjugate(scaled, b), b);
  Value divisor = b.mulTensors(square, scale);
  return {b.divTensors(numerator.re, divisor), b.divTensors(numerator.im, divisor)};
}

/// t = sqrt((|x| + |re x|) / 2) is the larger part of the root.
static Complex squareRoot(Complex x, AtenBuilder &b) {
  Value t = b.create<AtenSqrtOp>(b.mulNumber(b.addTensors(magnitude(x, b), b.create<AtenAbsOp>(x.re)), 0.5));
  Value isZero = b.create<AtenEqScalarOp>(t, b.integer(0)), isRight = b.create<AtenGeScalarOp>(x.re, b.integer(0));
  Value other = b.divTensors(x.im, b.mulNumber(t, 2));
  Value re = b.where(isRight, t, b.create<AtenAbsOp>(other));
  Value im = b.where(isRight, other, b.create<AtenCopysignTensorOp>(t, x.im));
  return {b.where(isZero, t, re), b.where(isZero, x.im, im)};
}

static Complex exponential(Complex x, AtenBuilder &b) {
  Value size = b.create<AtenExpOp>(x.re);
  return {b.mulTensors(size, b.create<AtenCosOp>(x.im)), b.mulTensors(size, b.create<AtenSinOp>(x.im))};
}

/// Products of matrices, by `op` on the parts.
static Complex multiplyMatrices(Operation *op, Complex x, Complex y, ArrayRef<Value> more, AtenBuilder &b) {
  auto product = [&](Value left, Value right) -> Value {
    if (!left || !right)
      return {};
    SmallVector<Value> operands{left, right};
    llvm::append_range(operands, more);
    return b.createOp(op->getName().getStringRef(), getPartType(op->getResult(0)), operands)->getResult(0);
  };
  Value re = product(x.re, y.re), both = product(x.im, y.im), first = product(x.re, y.im), second = product(x.im, y.re);
  return {both ? b.subTensors(re, both) : re, first && second ? b.addTensors(first, second) : first ? first : second};
}

/// The value that replaces the only result of `op`; null for an op that has no expansion.
static Value expand(Operation *op, AtenBuilder &b) {
  if (isPartwise(op) || isPartwiseSum(op))
    return expandPartwise(op, b);
  SmallVector<Complex> x;
  for (Value operand : op->getOperands())
    x.push_back(isa<BaseTensorType>(operand.getType()) ? splitComplex(operand, b) : Complex());
  auto part = [&](Value tensor) { return b.convert(tensor, getPartDtype(getTensorType(op->getResult(0)).getDtype())); };
  auto join = [&](Complex value) { return joinComplex({part(value.re), value.im ? part(value.im) : Value()}, b); };
  auto both = [&](Value re, Value im) { return b.create<AtenLogicalAndOp>(re, im); };
  auto either = [&](Value re, Value im) { return b.create<AtenLogicalOrOp>(re, im); };
  auto getIm = [&](Complex value) {
    return value.im ? value.im : b.full(b.sizes(value.re), b.integer(0), getTensorType(value.re).getDtype());
  };
  if (isa<AtenMulTensorOp>(op))
    return join(multiply(x[0], x[1], b));
  if (isa<AtenDivTensorOp>(op))
    return join(divide(x[0], x[1], b));
  if (isa<AtenAddScalarOp, AtenSubScalarOp>(op)) {
    Value re = b.createOp(op->getName().getStringRef(), getPartType(op->getResult(0)),
                          {x[0].re, op->getOperand(1), op->getOperand(2)})
                   ->getResult(0);
    return join({re, x[0].im});
  }
  if (isa<AtenReciprocalOp>(op)) {
    Value one = b.full(b.sizes(x[0].re), b.integer(1), getTensorType(x[0].re).getDtype());
    return join(divide({one, getIm({one, {}})}, x[0], b));
  }
  if (isa<AtenAbsOp>(op))
    return magnitude(x[0], b);
  if (isa<AtenAngleOp>(op))
    return b.create<AtenAtan2Op>(x[0].im, x[0].re);
  if (isa<AtenSgnOp>(op)) {
    Value size = magnitude(x[0], b), isZero = b.create<AtenEqScalarOp>(size, b.integer(0));
    Value safe = b.where(isZero, b.full(b.sizes(size), b.integer(1), getTensorType(size).getDtype()), size);
    return join({b.divTensors(x[0].re, safe), b.divTensors(x[0].im, safe)});
  }
  if (isa<AtenExpOp>(op))
    return join(exponential(x[0], b));
  if (isa<AtenLogOp>(op))
    return join({b.create<AtenLogOp>(magnitude(x[0], b)), b.create<AtenAtan2Op>(x[0].im, x[0].re)});
  if (isa<AtenSqrtOp>(op))
    return join(squareRoot(x[0], b));
  if (isa<AtenEqTensorOp>(op))
    return both(b.create<AtenEqTensorOp>(x[0].re, x[1].re), b.create<AtenEqTensorOp>(getIm(x[0]), getIm(x[1])));
  if (isa<AtenNeTensorOp>(op))
    return either(b.create<AtenNeTensorOp>(x[0].re, x[1].re), b.create<AtenNeTensorOp>(getIm(x[0]), getIm(x[1])));
  if (isa<AtenIsnanOp>(op))
    return either(b.create<AtenIsnanOp>(x[0].re), b.create<AtenIsnanOp>(x[0].im));
  if (isa<AtenIsinfOp>(op))
    return either(b.create<AtenIsinfOp>(x[0].re), b.create<AtenIsinfOp>(x[0].im));
  if (isa<AtenIsfiniteOp>(op))
    return both(b.create<AtenIsfiniteOp>(x[0].re), b.create<AtenIsfiniteOp>(x[0].im));
  if (isa<AtenToDtypeOp>(op))
    return isComplex(op->getResult(0)) ? join(x[0]) : part(x[0].re);
  if (auto full = dyn_cast<AtenFullOp>(op)) {
    Value dtype = b.dtype(getPartDtype(getTensorType(op->getResult(0)).getDtype()));
    return joinComplex({b.createAs<AtenFullOp>(getPartType(op->getResult(0)), full.getSize(), full.getFillValue(),
                                               dtype, b.none(), b.none(), b.none()),
                        {}},
                       b);
  }
  if (isa<AtenMatmulOp, AtenMmOp, AtenBmmOp>(op))
    return joinComplex(multiplyMatrices(op, x[0], x[1], {}, b), b);
  if (isa<AtenLinearOp>(op) && isNone(op->getOperand(2)))
    return joinComplex(multiplyMatrices(op, x[0], x[1], b.none(), b), b);
  return {};
}

namespace {
struct ExpandComplex : torchc::impl::ExpandComplexBase<ExpandComplex> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<TorchDialect>(op->getDialect()) && op->getNumResults() == 1 && op->getNumRegions() == 0 &&
          !isa<AtenViewAsRealOp, AtenViewAsComplexOp, PrimListConstructOp, ValueTensorLiteralOp>(op) &&
          hasComplex(op) && !op->hasAttr(kUnsupportedAttr))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      OpBuilder builder(op);
      AtenBuilder b(builder, op->getLoc());
      Value value = expand(op, b);
      if (!value) {
        op->setAttr(kUnsupportedAttr, builder.getStringAttr("on complex numbers"));
        continue;
      }
      Value result = op->getResult(0);
      if (value.getType() != result.getType())
        value = TensorStaticInfoCastOp::create(builder, op->getLoc(), result.getType(), value);
      result.replaceAllUsesWith(value);
      op->erase();
    }
    cancelViews();
  }

  /// view_as_real(view_as_complex(x)) is x.
  void cancelViews() {
    getOperation().walk([](AtenViewAsRealOp op) {
      Value source = op.getSelf();
      while (auto cast = source.getDefiningOp<TensorStaticInfoCastOp>())
        source = cast.getOperand();
      auto made = source.getDefiningOp<AtenViewAsComplexOp>();
      if (!made)
        return;
      OpBuilder builder(op);
      Value parts = made.getSelf();
      if (parts.getType() != op.getType())
        parts = TensorStaticInfoCastOp::create(builder, op.getLoc(), op.getType(), parts);
      op.getResult().replaceAllUsesWith(parts);
    });
  }
};
} // namespace
