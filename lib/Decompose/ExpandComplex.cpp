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

#include <numbers>

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

static bool isNumber(Value value) {
  return isa<IntType, torchc::torch::FloatType, torchc::torch::BoolType, NumberType>(value.getType());
}

/// Also where the operand is a list that has complex tensors.
static bool hasComplex(Operation *op) {
  return llvm::any_of(op->getResults(), isComplex) || llvm::any_of(op->getOperands(), [](Value operand) {
           auto elements = isa<ListType>(operand.getType()) ? getListElements(operand) : std::nullopt;
           return isComplex(operand) || (elements && llvm::any_of(*elements, isComplex));
         });
}

/// A tensor result's type with the dtype of its parts.
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
             AtenTriuOp, AtenScatterSrcOp, AtenIndexPutOp, AtenConstantPadNdOp, AtenWhereSelfOp, AtenNegOp,
             AtenAddTensorOp, AtenSubTensorOp, AtenAddScalarOp, AtenSubScalarOp, AtenMulScalarOp, AtenDivScalarOp,
             AtenSumDimIntListOp, AtenMeanDimOp, AtenCumsumOp, AtenFullOp, AtenScalarTensorOp, AtenEmptyMemoryFormatOp,
             AtenRandOp, AtenRandnOp, TensorStaticInfoCastOp>(op) ||
         (isa<AtenScatterReduceTwoOp>(op) && getConstantString(op->getOperand(4)) == "sum");
}

/// Whether the elements of operand `i` come to be elements of the result; conditions, indices and factors do not.
static bool isData(Operation *op, unsigned i) {
  if (isa<AtenWhereSelfOp>(op))
    return i != 0;
  if (isa<AtenAddTensorOp, AtenSubTensorOp, AtenAddScalarOp, AtenSubScalarOp, AtenSliceScatterOp, AtenSelectScatterOp>(
          op))
    return i < 2;
  if (isa<AtenScatterSrcOp, AtenScatterReduceTwoOp>(op))
    return i == 0 || i == 3;
  if (isa<AtenFullOp>(op))
    return i == 1;
  return isa<AtenIndexPutOp, AtenConstantPadNdOp>(op) ? i == 0 || i == 2 : i == 0;
}

/// The operand that names the dtype of the result.
static std::optional<unsigned> getDtypeOperand(Operation *op) {
  if (isa<AtenSumDimIntListOp, AtenMeanDimOp, AtenProdDimIntOp>(op))
    return 3;
  if (isa<AtenFullOp, AtenCumsumOp, AtenCumprodOp>(op))
    return 2;
  if (isa<AtenScalarTensorOp, AtenEmptyMemoryFormatOp, AtenRandOp, AtenRandnOp>(op))
    return 1;
  return std::nullopt;
}

/// An operand for one of the parts: of complex tensors and numbers that part, of real data 0 for the second.
static Value getPart(Value operand, bool isData, bool imaginary, AtenBuilder &b) {
  auto type = dyn_cast<BaseTensorType>(operand.getType());
  if (type && isComplex(operand)) {
    Complex parts = splitComplex(operand, b);
    return imaginary ? parts.im : parts.re;
  }
  if (type && isData && imaginary)
    return b.full(b.sizes(operand), b.integer(0), type.getDtype());
  if (auto number = operand.getDefiningOp<ConstantComplexOp>())
    return b.floating((imaginary ? number.getImag() : number.getReal()).convertToDouble());
  if (isData && imaginary && isNumber(operand))
    return b.integer(0);
  auto elements = isa<ListType>(operand.getType()) ? getListElements(operand) : std::nullopt;
  if (!elements || llvm::none_of(*elements, isComplex))
    return operand;
  SmallVector<Value> parts = llvm::map_to_vector(*elements, [&](Value e) { return getPart(e, isData, imaginary, b); });
  Type any = ValueTensorType::get(operand.getContext(), false, {}, getTensorType(parts.front()).getDtype());
  return b.list(parts, any);
}

static Value expandPartwise(Operation *op, AtenBuilder &b) {
  Complex parts;
  Type type = getPartType(op->getResult(0));
  std::optional<unsigned> dtypeOperand = getDtypeOperand(op);
  for (bool imaginary : {false, true}) {
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      operands.push_back(dtypeOperand == i && !isNone(operand) ? b.dtype(cast<BaseTensorType>(type).getDtype())
                                                               : getPart(operand, isData(op, i), imaginary, b));
    Value part = b.createOp(op->getName().getStringRef(), type, operands)->getResult(0);
    // The variance of a complex number is the sum of its parts'.
    if (isa<AtenRandnOp>(op))
      part = b.mulNumber(part, std::numbers::sqrt2 / 2);
    (imaginary ? parts.im : parts.re) = part;
  }
  return joinComplex(parts, b);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A product of two operands, by the op `name` on the parts. `rest` are its other operands; a bias, the first of
/// them, is added once.
static Complex multiplyBy(StringRef name, Type type, Complex x, Complex y, Complex bias, ArrayRef<Value> rest,
                          AtenBuilder &b) {
  auto product = [&](Value left, Value right, Value added) -> Value {
    if (!left || !right)
      return {};
    SmallVector<Value> operands{left, right};
    llvm::append_range(operands, rest);
    if (bias.re)
      operands[2] = added ? added : b.none();
    return b.createOp(name, type, operands)->getResult(0);
  };
  Value re = product(x.re, y.re, bias.re), both = product(x.im, y.im, {});
  Value first = product(x.re, y.im, bias.im), second = product(x.im, y.re, first ? Value() : bias.im);
  return {both ? b.subTensors(re, both) : re, first && second ? b.addTensors(first, second) : first ? first : second};
}

/// Products of matrices, and convolutions; null for other ops.
static Value expandProduct(Operation *op, ArrayRef<Complex> x, AtenBuilder &b) {
  Type type = getPartType(op->getResult(0));
  StringRef name = op->getName().getStringRef();
  if (isa<AtenMatmulOp, AtenMmOp, AtenBmmOp>(op))
    return joinComplex(multiplyBy(name, type, x[0], x[1], {}, {}, b), b);
  if (isa<AtenLinearOp, AtenConvolutionOp>(op))
    return joinComplex(multiplyBy(name, type, x[0], x[1], x[2], llvm::to_vector(op->getOperands().drop_front(2)), b),
                       b);
  if (!isa<AtenAddmmOp, AtenBaddbmmOp>(op))
    return {};
  // beta self + alpha product; a beta of 0 leaves out even what is not finite.
  name = isa<AtenAddmmOp>(op) ? AtenMmOp::getOperationName() : AtenBmmOp::getOperationName();
  Complex scaled = multiply(multiplyBy(name, type, x[1], x[2], {}, {}, b), x[4], b);
  if (getConstantNumber(op->getOperand(3)) == 0.0)
    return joinComplex(scaled, b);
  Complex own = multiply(x[0], x[3], b);
  auto add = [&](Value y, Value z) { return y && z ? b.addTensors(y, z) : y ? y : z; };
  return joinComplex({add(own.re, scaled.re), add(own.im, scaled.im)}, b);
}

//===----------------------------------------------------------------------===//
// The rest
//===----------------------------------------------------------------------===//

/// Whether a number is not 0.
static Value buildTruth(Complex x, AtenBuilder &b) {
  Value re = b.create<AtenNeScalarOp>(x.re, b.integer(0));
  return x.im ? b.create<AtenLogicalOrOp>(re, b.create<AtenNeScalarOp>(x.im, b.integer(0))) : re;
}

/// Ops that ask of numbers only whether they are 0, and of tensors only their sizes.
static Value expandOnReplaced(Operation *op, ArrayRef<Complex> x, AtenBuilder &b) {
  bool asksTruth = isa<AtenLogicalNotOp, AtenLogicalAndOp, AtenLogicalOrOp, AtenLogicalXorOp, AtenAnyDimOp,
                       AtenAllDimOp, AtenNonzeroOp>(op);
  if (!asksTruth && !isa<AtenSizeIntOp, AtenSymSizeIntOp, AtenSymNumelOp>(op))
    return {};
  SmallVector<Value> operands;
  for (auto [operand, parts] : llvm::zip(op->getOperands(), x))
    operands.push_back(!isComplex(operand) ? operand : asksTruth ? buildTruth(parts, b) : parts.re);
  return b.createOp(op->getName().getStringRef(), op->getResult(0).getType(), operands)->getResult(0);
}

/// x / sqrt(mean(x^2) + eps) weight
static std::optional<Complex> buildRmsNorm(AtenRmsNormOp op, Complex x, Complex weight, AtenBuilder &b) {
  auto sizes = getConstantIntList(op.getNormalizedShape());
  auto eps = isNone(op.getEps()) ? std::nullopt : getConstantNumber(op.getEps());
  if (!sizes || (!eps && !isNone(op.getEps())))
    return std::nullopt;
  bool isDouble = getTensorType(x.re).getDtype().isF64();
  double epsilon =
      eps.value_or(isDouble ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon());
  int64_t rank = getTensorType(x.re).getRank();
  auto dims = llvm::to_vector(llvm::seq<int64_t>(rank - sizes->size(), rank));
  Complex squares = multiply(x, x, b);
  Complex square = {b.addNumber(b.mean(squares.re, dims, true), epsilon), b.mean(squares.im, dims, true)};
  Complex result = multiply(x, buildRsqrt(square, b), b);
  return weight.re ? multiply(result, weight, b) : result;
}

/// Parts of the operands that are tensors or numbers, in `dtype` where that is not null.
static SmallVector<Complex> splitOperands(Operation *op, Type dtype, AtenBuilder &b) {
  SmallVector<Complex> parts;
  for (Value operand : op->getOperands()) {
    Complex &x = parts.emplace_back();
    if (isa<BaseTensorType>(operand.getType())) {
      x = splitComplex(operand, b);
      if (dtype)
        x = {b.convert(x.re, dtype), x.im ? b.convert(x.im, dtype) : Value()};
    } else if (auto number = operand.getDefiningOp<ConstantComplexOp>(); number && dtype) {
      x = {b.literal(dtype, number.getReal().convertToDouble()), b.literal(dtype, number.getImag().convertToDouble())};
    } else if (isNumber(operand) && dtype) {
      x = {b.scalarTensor(operand, dtype), {}};
    }
  }
  return parts;
}

/// The value that replaces the only result of `op`; null for an op that has no expansion.
static Value expand(Operation *op, AtenBuilder &b) {
  Value result = op->getResult(0);
  bool hasFactor = llvm::any_of(llvm::enumerate(op->getOperands()), [&](auto operand) {
    return !isData(op, operand.index()) && operand.value().template getDefiningOp<ConstantComplexOp>();
  });
  if (isPartwise(op) && isComplex(result) && !hasFactor)
    return expandPartwise(op, b);
  // A result that is real is asked of numbers as they are.
  Type dtype = isComplex(result) ? getPartDtype(getTensorType(result).getDtype()) : Type();
  SmallVector<Complex> x = splitOperands(op, dtype, b);
  auto both = [&](Value re, Value im) { return b.create<AtenLogicalAndOp>(re, im); };
  auto either = [&](Value re, Value im) { return b.create<AtenLogicalOrOp>(re, im); };
  auto getIm = [&](Complex value) {
    return value.im ? value.im : b.full(b.sizes(value.re), b.integer(0), getTensorType(value.re).getDtype());
  };
  if (Value replaced = expandOnReplaced(op, x, b))
    return replaced;
  if (isa<AtenAbsOp>(op))
    return buildMagnitude(x[0], b);
  if (isa<AtenAngleOp>(op))
    return b.create<AtenAtan2Op>(x[0].im, x[0].re);
  if (isa<AtenEqTensorOp>(op))
    return both(b.create<AtenEqTensorOp>(x[0].re, x[1].re), b.create<AtenEqTensorOp>(getIm(x[0]), getIm(x[1])));
  if (isa<AtenNeTensorOp>(op))
    return either(b.create<AtenNeTensorOp>(x[0].re, x[1].re), b.create<AtenNeTensorOp>(getIm(x[0]), getIm(x[1])));
  if (isa<AtenEqScalarOp, AtenNeScalarOp>(op)) {
    auto compare = [&](Value part, bool imaginary) {
      Value number = getPart(op->getOperand(1), /*isData=*/true, imaginary, b);
      return b.createOp(op->getName().getStringRef(), result.getType(), {part, number})->getResult(0);
    };
    Value re = compare(x[0].re, false), im = compare(x[0].im, true);
    return isa<AtenEqScalarOp>(op) ? both(re, im) : either(re, im);
  }
  if (isa<AtenIsnanOp>(op))
    return either(b.create<AtenIsnanOp>(x[0].re), b.create<AtenIsnanOp>(x[0].im));
  if (isa<AtenIsinfOp>(op))
    return either(b.create<AtenIsinfOp>(x[0].re), b.create<AtenIsinfOp>(x[0].im));
  if (isa<AtenIsfiniteOp>(op))
    return both(b.create<AtenIsfiniteOp>(x[0].re), b.create<AtenIsfiniteOp>(x[0].im));
  if (isa<AtenToDtypeOp>(op)) {
    Type to = getTensorType(result).getDtype();
    return isComplex(result) ? joinComplex(x[0], b) : isBoolDtype(to) ? buildTruth(x[0], b) : b.convert(x[0].re, to);
  }
  if (!isComplex(result))
    return {};
  if (Value product = expandProduct(op, x, b))
    return product;
  std::optional<Complex> parts;
  if (isa<AtenProdDimIntOp, AtenCumprodOp, AtenLogcumsumexpOp>(op)) {
    int64_t rank = getTensorType(x[0].re).getRank();
    auto constant = getConstantInt(op->getOperand(1));
    auto dim = constant && rank > 0 ? wrapDim(*constant, rank) : std::nullopt;
    Complex whole = {x[0].re, getIm(x[0])};
    parts = rank == 0 ? whole : dim ? buildComplexScan(op, whole, *dim, b) : std::nullopt;
    if (parts && rank > 0 && isa<AtenProdDimIntOp>(op)) {
      auto keepdim = getConstantBool(op->getOperand(2));
      if (!keepdim)
        return {};
      if (!*keepdim)
        parts = {b.squeeze(parts->re, *dim), b.squeeze(parts->im, *dim)};
    }
  } else if (auto norm = dyn_cast<AtenRmsNormOp>(op)) {
    parts = buildRmsNorm(norm, x[0], x[2], b);
  } else {
    parts = buildComplexFunction(op, x, b);
  }
  return parts ? joinComplex(*parts, b) : Value();
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
