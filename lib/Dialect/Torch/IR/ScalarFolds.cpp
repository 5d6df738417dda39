//===- ScalarFolds.cpp - folds of ops on numbers, sizes and lists ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/Dtypes.h"
#include "torchc/Dialect/Torch/IR/ShapeInference.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace torchc::torch;

static Attribute getInt(MLIRContext *context, int64_t value) { return Builder(context).getI64IntegerAttr(value); }
static Attribute getBool(MLIRContext *context, bool value) { return BoolAttr::get(context, value); }

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// A static size.
static OpFoldResult foldSize(Value self, Value dimValue) {
  auto type = cast<BaseTensorType>(self.getType());
  auto dim = getConstantInt(dimValue);
  if (!type.hasRank() || !dim || type.getRank() == 0)
    return {};
  auto axis = wrapDim(*dim, type.getRank());
  if (!axis || ShapedType::isDynamic(type.getSizes()[*axis]))
    return {};
  return getInt(self.getContext(), type.getSizes()[*axis]);
}
OpFoldResult AtenSizeIntOp::fold(FoldAdaptor) { return foldSize(getSelf(), getDim()); }
OpFoldResult AtenSymSizeIntOp::fold(FoldAdaptor) { return foldSize(getSelf(), getDim()); }

static OpFoldResult foldElementCount(Value self) {
  auto type = cast<BaseTensorType>(self.getType());
  if (!type.hasRank())
    return {};
  int64_t count = 1;
  for (int64_t size : type.getSizes()) {
    if (ShapedType::isDynamic(size))
      return {};
    count *= size;
  }
  return getInt(self.getContext(), count);
}
OpFoldResult AtenNumelOp::fold(FoldAdaptor) { return foldElementCount(getSelf()); }
OpFoldResult AtenSymNumelOp::fold(FoldAdaptor) { return foldElementCount(getSelf()); }

OpFoldResult AtenDimOp::fold(FoldAdaptor) {
  auto type = cast<BaseTensorType>(getSelf().getType());
  return type.hasRank() ? OpFoldResult(getInt(getContext(), type.getRank())) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

using Integers = std::optional<std::pair<int64_t, int64_t>>;
static Integers getConstants(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  return x && y ? Integers({*x, *y}) : std::nullopt;
}

/// Null where the result does not fit into 64 bits.
static OpFoldResult fitting(MLIRContext *context, bool overflows, int64_t value) {
  return overflows ? OpFoldResult() : OpFoldResult(getInt(context, value));
}

OpFoldResult AtenAddIntOp::fold(FoldAdaptor) {
  if (getConstantInt(getB()) == 0)
    return getA();
  if (getConstantInt(getA()) == 0)
    return getB();
  auto constants = getConstants(getA(), getB());
  int64_t result;
  return constants ? fitting(getContext(), llvm::AddOverflow(constants->first, constants->second, result), result)
                   : OpFoldResult();
}
OpFoldResult AtenSubIntOp::fold(FoldAdaptor) {
  if (getConstantInt(getB()) == 0)
    return getA();
  if (getA() == getB())
    return getInt(getContext(), 0);
  auto constants = getConstants(getA(), getB());
  int64_t result;
  return constants ? fitting(getContext(), llvm::SubOverflow(constants->first, constants->second, result), result)
                   : OpFoldResult();
}
OpFoldResult AtenMulIntOp::fold(FoldAdaptor) {
  if (getConstantInt(getB()) == 1)
    return getA();
  if (getConstantInt(getA()) == 1)
    return getB();
  auto constants = getConstants(getA(), getB());
  int64_t result;
  return constants ? fitting(getContext(), llvm::MulOverflow(constants->first, constants->second, result), result)
                   : OpFoldResult();
}
/// Rounded down, as Python's //.
OpFoldResult AtenFloordivIntOp::fold(FoldAdaptor) {
  if (getConstantInt(getB()) == 1)
    return getA();
  auto constants = getConstants(getA(), getB());
  if (!constants || constants->second == 0 || constants->second == -1)
    return {};
  return getInt(getContext(), llvm::divideFloorSigned(constants->first, constants->second));
}
/// With the sign of the divisor, as Python's %.
OpFoldResult AtenRemainderIntOp::fold(FoldAdaptor) {
  auto constants = getConstants(getA(), getB());
  if (!constants || constants->second == 0 || constants->second == -1)
    return {};
  int64_t remainder = constants->first % constants->second;
  if (remainder != 0 && (remainder < 0) != (constants->second < 0))
    remainder += constants->second;
  return getInt(getContext(), remainder);
}
OpFoldResult AtenNegIntOp::fold(FoldAdaptor) {
  auto value = getConstantInt(getA());
  if (!value || *value == std::numeric_limits<int64_t>::min())
    return {};
  return getInt(getContext(), -*value);
}

/// `compare` of two constants, or of a value with itself.
template <typename Compare> static OpFoldResult foldComparison(Value a, Value b, Compare compare) {
  if (a == b)
    return getBool(a.getContext(), compare(0, 0));
  auto constants = getConstants(a, b);
  return constants ? OpFoldResult(getBool(a.getContext(), compare(constants->first, constants->second)))
                   : OpFoldResult();
}
OpFoldResult AtenEqIntOp::fold(FoldAdaptor) { return foldComparison(getA(), getB(), std::equal_to<int64_t>()); }
OpFoldResult AtenNeIntOp::fold(FoldAdaptor) { return foldComparison(getA(), getB(), std::not_equal_to<int64_t>()); }
OpFoldResult AtenLtIntOp::fold(FoldAdaptor) { return foldComparison(getA(), getB(), std::less<int64_t>()); }
OpFoldResult AtenLeIntOp::fold(FoldAdaptor) { return foldComparison(getA(), getB(), std::less_equal<int64_t>()); }
OpFoldResult AtenGtIntOp::fold(FoldAdaptor) { return foldComparison(getA(), getB(), std::greater<int64_t>()); }
OpFoldResult AtenGeIntOp::fold(FoldAdaptor) { return foldComparison(getA(), getB(), std::greater_equal<int64_t>()); }

OpFoldResult PrimMaxIntOp::fold(FoldAdaptor) {
  auto constants = getConstants(getA(), getB());
  return constants ? OpFoldResult(getInt(getContext(), std::max(constants->first, constants->second))) : OpFoldResult();
}
OpFoldResult PrimMinIntOp::fold(FoldAdaptor) {
  auto constants = getConstants(getA(), getB());
  return constants ? OpFoldResult(getInt(getContext(), std::min(constants->first, constants->second))) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// Floats and bools
//===----------------------------------------------------------------------===//

static Attribute getFloat(MLIRContext *context, double value) { return Builder(context).getF64FloatAttr(value); }
static Attribute getFloat(MLIRContext *context, bool value) { return getBool(context, value); }

/// `compute` of two constants.
template <typename Compute> static OpFoldResult foldFloats(Value a, Value b, Compute compute) {
  auto x = getConstantNumber(a), y = getConstantNumber(b);
  return x && y ? OpFoldResult(getFloat(a.getContext(), compute(*x, *y))) : OpFoldResult();
}
OpFoldResult AtenAddFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::plus<double>()); }
OpFoldResult AtenSubFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::minus<double>()); }
OpFoldResult AtenMulFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::multiplies<double>()); }
/// Python raises an error where the divisor is zero.
OpFoldResult AtenDivFloatOp::fold(FoldAdaptor) {
  return getConstantNumber(getB()) == 0.0 ? OpFoldResult() : foldFloats(getA(), getB(), std::divides<double>());
}
OpFoldResult AtenEqFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::equal_to<double>()); }
OpFoldResult AtenNeFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::not_equal_to<double>()); }
OpFoldResult AtenLtFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::less<double>()); }
OpFoldResult AtenLeFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::less_equal<double>()); }
OpFoldResult AtenGtFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::greater<double>()); }
OpFoldResult AtenGeFloatOp::fold(FoldAdaptor) { return foldFloats(getA(), getB(), std::greater_equal<double>()); }
/// max(a, b) of Python: b where it is greater, else a, also where one is NaN.
OpFoldResult PrimMaxFloatOp::fold(FoldAdaptor) {
  return foldFloats(getA(), getB(), [](double a, double b) { return b > a ? b : a; });
}
OpFoldResult PrimMinFloatOp::fold(FoldAdaptor) {
  return foldFloats(getA(), getB(), [](double a, double b) { return b < a ? b : a; });
}
OpFoldResult AtenNegFloatOp::fold(FoldAdaptor) {
  auto value = getConstantNumber(getA());
  return value ? OpFoldResult(getFloat(getContext(), -*value)) : OpFoldResult();
}

/// An int of a float, where it fits.
static OpFoldResult foldToInt(Value number, double (*round)(double)) {
  auto value = getConstantNumber(number);
  if (!value || !(std::abs(*value) < 0x1p62))
    return {};
  return getInt(number.getContext(), static_cast<int64_t>(round(*value)));
}
OpFoldResult AtenIntFloatOp::fold(FoldAdaptor) { return foldToInt(getA(), std::trunc); }
OpFoldResult AtenFloorFloatOp::fold(FoldAdaptor) { return foldToInt(getA(), std::floor); }
OpFoldResult AtenCeilFloatOp::fold(FoldAdaptor) { return foldToInt(getA(), std::ceil); }
OpFoldResult AtenIntBoolOp::fold(FoldAdaptor) { return foldToInt(getA(), std::trunc); }
static OpFoldResult foldToFloat(Value number) {
  auto value = getConstantNumber(number);
  return value ? OpFoldResult(getFloat(number.getContext(), *value)) : OpFoldResult();
}
OpFoldResult AtenFloatIntOp::fold(FoldAdaptor) { return foldToFloat(getA()); }
OpFoldResult AtenFloatBoolOp::fold(FoldAdaptor) { return foldToFloat(getA()); }

OpFoldResult Aten__And__BoolOp::fold(FoldAdaptor) {
  auto a = getConstantBool(getA()), b = getConstantBool(getB());
  if (a == false || b == true)
    return getA();
  return a == true || b == false ? OpFoldResult(getB()) : OpFoldResult();
}
OpFoldResult Aten__Or__BoolOp::fold(FoldAdaptor) {
  auto a = getConstantBool(getA()), b = getConstantBool(getB());
  if (a == true || b == false)
    return getA();
  return a == false || b == true ? OpFoldResult(getB()) : OpFoldResult();
}
OpFoldResult Aten__Not__Op::fold(FoldAdaptor) {
  auto value = getConstantBool(getSelf());
  return value ? OpFoldResult(getBool(getContext(), !*value)) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// Numbers out of tensors
//===----------------------------------------------------------------------===//

/// The element of a literal that holds one, as the constant of `result`.
static OpFoldResult foldItem(Value self, Type result) {
  auto literal = self.getDefiningOp<ValueTensorLiteralOp>();
  auto elements = literal ? dyn_cast<DenseElementsAttr>(literal.getValue()) : DenseElementsAttr();
  if (!elements || elements.getNumElements() != 1)
    return {};
  Attribute element = *elements.value_begin<Attribute>();
  if (auto number = dyn_cast<FloatAttr>(element); number && isa<torchc::torch::FloatType>(result))
    return FloatAttr::get(Float64Type::get(result.getContext()), number.getValueAsDouble());
  auto integer = dyn_cast<IntegerAttr>(element);
  if (!integer)
    return {};
  if (isa<torchc::torch::BoolType>(result) && integer.getType().isInteger(1))
    return getBool(result.getContext(), !integer.getValue().isZero());
  if (!isa<IntType>(result))
    return {};
  bool isUnsigned = integer.getType().isUnsignedInteger() || integer.getType().isInteger(1);
  return getInt(result.getContext(),
                isUnsigned ? integer.getValue().getZExtValue() : integer.getValue().getSExtValue());
}
OpFoldResult AtenItemOp::fold(FoldAdaptor) { return foldItem(getSelf(), getType()); }
OpFoldResult Aten_LocalScalarDenseOp::fold(FoldAdaptor) { return foldItem(getSelf(), getType()); }
OpFoldResult AtenIntTensorOp::fold(FoldAdaptor) { return foldItem(getA(), getType()); }
OpFoldResult AtenIsNonzeroOp::fold(FoldAdaptor) { return foldItem(getSelf(), getType()); }

/// Tensors of other sizes are not equal.
OpFoldResult AtenEqualOp::fold(FoldAdaptor) {
  auto type = cast<BaseTensorType>(getSelf().getType()), other = cast<BaseTensorType>(getOther().getType());
  if (!type.hasRank() || !other.hasRank())
    return {};
  bool differ = type.getRank() != other.getRank() ||
                llvm::any_of(llvm::zip_equal(type.getSizes(), other.getSizes()), [](auto sizes) {
                  auto [size, otherSize] = sizes;
                  return !ShapedType::isDynamic(size) && !ShapedType::isDynamic(otherSize) && size != otherSize;
                });
  return differ ? OpFoldResult(getBool(getContext(), false)) : OpFoldResult();
}
/// A tensor is close to itself, where NaN is to NaN.
OpFoldResult AtenAllcloseOp::fold(FoldAdaptor) {
  bool isCertain = getSelf() == getOther() && getConstantBool(getEqualNan()) == true;
  return isCertain ? OpFoldResult(getBool(getContext(), true)) : OpFoldResult();
}

/// A condition that holds is no assertion.
static LogicalResult eraseTrueAssertion(Aten_AssertScalarOp op, PatternRewriter &rewriter) {
  auto condition = getConstantNumber(op.getSelf());
  if (!condition || *condition == 0)
    return rewriter.notifyMatchFailure(op, "the condition is not known to hold");
  rewriter.eraseOp(op);
  return success();
}
void Aten_AssertScalarOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(eraseTrueAssertion);
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

OpFoldResult AtenLenTOp::fold(FoldAdaptor) {
  auto elements = getListElements(getA());
  return elements ? OpFoldResult(getInt(getContext(), elements->size())) : OpFoldResult();
}

/// [a, b, c][1] -> b; a negative index counts from the end.
static LogicalResult pickElement(Aten__Getitem__TOp op, PatternRewriter &rewriter) {
  auto elements = getListElements(op.getList());
  auto index = getConstantInt(op.getIdx());
  if (!elements || !index)
    return rewriter.notifyMatchFailure(op, "the list or the index is not known");
  int64_t count = elements->size(), place = *index < 0 ? *index + count : *index;
  if (place < 0 || place >= count)
    return rewriter.notifyMatchFailure(op, "the index is out of range");
  if ((*elements)[place].getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "the types differ");
  rewriter.replaceOp(op, (*elements)[place]);
  return success();
}
void Aten__Getitem__TOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(pickElement);
}

/// size(x) -> [size(x, 0), size(x, 1), ...]
static LogicalResult listSizes(AtenSizeOp op, PatternRewriter &rewriter) {
  auto type = cast<BaseTensorType>(op.getSelf().getType());
  if (!type.hasRank())
    return rewriter.notifyMatchFailure(op, "the rank is not known");
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    Value index = ConstantIntOp::create(rewriter, op.getLoc(), dim);
    sizes.push_back(AtenSizeIntOp::create(rewriter, op.getLoc(), rewriter.getType<IntType>(), {op.getSelf(), index}));
  }
  rewriter.replaceOpWithNewOp<PrimListConstructOp>(op, cast<ListType>(op.getType()), sizes);
  return success();
}
void AtenSizeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) { patterns.add(listSizes); }
