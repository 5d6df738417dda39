//===- ShapeViews.cpp - other sizes and orders of the same elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Reshape.h"
#include "Sizes.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

#include <numeric>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static int64_t getRank(Value torchTensor) { return cast<BaseTensorType>(torchTensor.getType()).getRank(); }

/// Sizes of a view: those the result's type knows, else the list's.
static FailureOr<SmallVector<OpFoldResult>> getViewSizes(Lowering &b, Value tensor, Value list, Value result) {
  std::optional<SmallVector<OpFoldResult>> sizes = b.getSizeList(list);
  if (!sizes)
    return b.refuse("sizes are not a list built in sight");
  RankedTensorType type = b.getTensorType(result);
  if (type.getRank() != static_cast<int64_t>(sizes->size()))
    return b.refuse("result has another rank than the list of sizes");
  for (auto [size, extent] : llvm::zip(*sizes, type.getShape()))
    if (!ShapedType::isDynamic(extent))
      size = b.getIndexAttr(extent);
  return inferSize(b, tensor, *sizes);
}

namespace {

template <typename OpT> struct LowerView : LowerOp<LowerView<OpT>, OpT> {
  using LowerOp<LowerView<OpT>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Value tensor = b.get(op.getSelf());
    FailureOr<SmallVector<OpFoldResult>> sizes = getViewSizes(b, tensor, op->getOperand(1), op.getResult());
    if (failed(sizes))
      return failure();
    return reshape(b, tensor, *sizes);
  }
};
using LowerAtenView = LowerView<AtenViewOp>;
using LowerAtenReshape = LowerView<AtenReshapeOp>;
using LowerAten_UnsafeView = LowerView<Aten_UnsafeViewOp>;

struct LowerAtenFlattenUsingInts : LowerOp<LowerAtenFlattenUsingInts, AtenFlattenUsingIntsOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenFlattenUsingIntsOp op, Lowering &b) const {
    std::optional<int64_t> first = getConstantInt(op.getStartDim()), last = getConstantInt(op.getEndDim());
    if (!first || !last)
      return b.refuse("dims are not constant");
    Value tensor = b.get(op.getSelf());
    int64_t rank = getRank(op.getSelf());
    if (rank == 0)
      return insertUnitDims(b, tensor, 0);
    return flatten(b, tensor, wrapDim(*first, rank), wrapDim(*last, rank));
  }
};

struct LowerAtenUnflattenInt : LowerOp<LowerAtenUnflattenInt, AtenUnflattenIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenUnflattenIntOp op, Lowering &b) const {
    std::optional<int64_t> dim = getConstantInt(op.getDim());
    std::optional<SmallVector<OpFoldResult>> parts = b.getSizeList(op.getSizes());
    if (!dim || !parts)
      return b.refuse("dim is not constant, or sizes are not a list built in sight");
    Value tensor = b.get(op.getSelf());
    SmallVector<OpFoldResult> sizes = getDims(b, tensor);
    int64_t position = wrapDim(*dim, sizes.size());
    sizes.erase(sizes.begin() + position);
    sizes.insert(sizes.begin() + position, parts->begin(), parts->end());
    return reshape(b, tensor, inferSize(b, tensor, sizes));
  }
};

struct LowerAtenUnsqueeze : LowerOp<LowerAtenUnsqueeze, AtenUnsqueezeOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenUnsqueezeOp op, Lowering &b) const {
    std::optional<int64_t> dim = getConstantInt(op.getDim());
    if (!dim)
      return b.refuse("dim is not constant");
    return insertUnitDims(b, b.get(op.getSelf()), wrapDim(*dim, getRank(op.getSelf()) + 1));
  }
};

} // namespace

/// Drops those of `dims` that are 1. A dynamic dim stays or goes as the rank
/// of the result says.
static FailureOr<Value> squeeze(Lowering &b, Value self, ArrayRef<int64_t> dims, Value result) {
  ArrayRef<int64_t> shape = cast<BaseTensorType>(self.getType()).getSizes();
  SmallVector<int64_t> dropped;
  for (int64_t dim : dims)
    if (!shape.empty() && shape[wrapDim(dim, shape.size())] == 1)
      dropped.push_back(wrapDim(dim, shape.size()));
  if (getRank(result) != static_cast<int64_t>(shape.size() - dropped.size()))
    return b.refuse("a dynamic dim may be 1 or not");
  return dropUnitDims(b, b.get(self), dropped);
}

namespace {

struct LowerAtenSqueeze : LowerOp<LowerAtenSqueeze, AtenSqueezeOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSqueezeOp op, Lowering &b) const {
    return squeeze(b, op.getSelf(), llvm::to_vector(llvm::seq<int64_t>(getRank(op.getSelf()))), op.getResult());
  }
};

struct LowerAtenSqueezeDim : LowerOp<LowerAtenSqueezeDim, AtenSqueezeDimOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSqueezeDimOp op, Lowering &b) const {
    std::optional<int64_t> dim = getConstantInt(op.getDim());
    if (!dim)
      return b.refuse("dim is not constant");
    return squeeze(b, op.getSelf(), *dim, op.getResult());
  }
};

struct LowerAtenSqueezeDims : LowerOp<LowerAtenSqueezeDims, AtenSqueezeDimsOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSqueezeDimsOp op, Lowering &b) const {
    std::optional<SmallVector<int64_t>> dims = getConstantIntList(op.getDim());
    if (!dims)
      return b.refuse("dims are not constant");
    return squeeze(b, op.getSelf(), *dims, op.getResult());
  }
};

struct LowerAtenPermute : LowerOp<LowerAtenPermute, AtenPermuteOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenPermuteOp op, Lowering &b) const {
    std::optional<SmallVector<int64_t>> dims = getConstantIntList(op.getDims());
    if (!dims)
      return b.refuse("dims are not constant");
    for (int64_t &dim : *dims)
      dim = wrapDim(dim, dims->size());
    return transpose(b, b.get(op.getSelf()), *dims);
  }
};

} // namespace

static FailureOr<Value> swapDims(Lowering &b, Value self, int64_t lhs, int64_t rhs) {
  int64_t rank = getRank(self);
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(rank));
  if (rank > 0)
    std::swap(permutation[wrapDim(lhs, rank)], permutation[wrapDim(rhs, rank)]);
  return transpose(b, b.get(self), permutation);
}

namespace {

struct LowerAtenTransposeInt : LowerOp<LowerAtenTransposeInt, AtenTransposeIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenTransposeIntOp op, Lowering &b) const {
    std::optional<int64_t> lhs = getConstantInt(op.getDim0()), rhs = getConstantInt(op.getDim1());
    if (!lhs || !rhs)
      return b.refuse("dims are not constant");
    return swapDims(b, op.getSelf(), *lhs, *rhs);
  }
};

struct LowerAtenT : LowerOp<LowerAtenT, AtenTOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenTOp op, Lowering &b) const {
    return getRank(op.getSelf()) < 2 ? b.get(op.getSelf()) : swapDims(b, op.getSelf(), 0, 1);
  }
};

/// Repeats dims of size 1; a size of -1 leaves the dim as it is.
struct LowerAtenExpand : LowerOp<LowerAtenExpand, AtenExpandOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenExpandOp op, Lowering &b) const {
    Value tensor = b.get(op.getSelf());
    std::optional<SmallVector<OpFoldResult>> sizes = b.getSizeList(op.getSize());
    if (!sizes)
      return b.refuse("sizes are not a list built in sight");
    RankedTensorType resultType = b.getTensorType(op.getResult());
    auto type = cast<RankedTensorType>(tensor.getType());
    int64_t offset = resultType.getRank() - type.getRank();
    bool repeats = offset > 0;
    for (int64_t dim = 0; dim < resultType.getRank(); ++dim) {
      OpFoldResult &size = (*sizes)[dim];
      if (!resultType.isDynamicDim(dim))
        size = b.getIndexAttr(resultType.getDimSize(dim));
      if (dim < offset)
        continue;
      if (type.getDimSize(dim - offset) != 1)
        size = getDim(b, tensor, dim - offset);
      else if (getConstantIntValue(size) == -1)
        size = b.getIndexAttr(1);
      else
        repeats |= getConstantIntValue(size) != 1;
    }
    if (!repeats)
      return tensor;
    return createElementwise(b, tensor, *sizes, type.getElementType(),
                             [](ImplicitLocOpBuilder &, ValueRange element) { return element[0]; });
  }
};

/// [...] of complex numbers and [..., 2] of real ones are the same memory.
struct LowerAtenViewAsReal : LowerOp<LowerAtenViewAsReal, AtenViewAsRealOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenViewAsRealOp op, Lowering &b) const {
    Value self = b.get(op.getSelf());
    auto type = cast<RankedTensorType>(self.getType());
    auto complex = dyn_cast<ComplexType>(type.getElementType());
    if (!complex)
      return b.refuse("on real numbers");
    SmallVector<int64_t> shape(type.getShape());
    shape.push_back(2);
    auto result = RankedTensorType::get(shape, complex.getElementType());
    return dispatch::ReinterpretOp::create(b, result, self).getResult();
  }
};

struct LowerAtenViewAsComplex : LowerOp<LowerAtenViewAsComplex, AtenViewAsComplexOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenViewAsComplexOp op, Lowering &b) const {
    Value self = b.get(op.getSelf());
    auto type = cast<RankedTensorType>(self.getType());
    if (!isa<Float32Type, Float64Type>(type.getElementType()) || type.getRank() == 0 || type.getShape().back() != 2)
      return b.refuse("on other than pairs of f32 or f64");
    auto result = RankedTensorType::get(type.getShape().drop_back(), ComplexType::get(type.getElementType()));
    return dispatch::ReinterpretOp::create(b, result, self).getResult();
  }
};

/// The bits of the elements as elements of another dtype; a wider or narrower one joins or divides those of the
/// last dim, of which the first has the lowest bits.
struct LowerAtenViewDtype : LowerOp<LowerAtenViewDtype, AtenViewDtypeOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenViewDtypeOp op, Lowering &b) const {
    Type from = Lowering::getDtype(op.getSelf()), to = Lowering::getDtype(op.getResult());
    for (Type dtype : {from, to})
      if (!isa<IntegerType, mlir::FloatType>(dtype))
        return b.refuse("of complex numbers");
    Value self = b.get(op.getSelf());
    SmallVector<OpFoldResult> sizes = getDims(b, self);
    int64_t wide = getBits(from), narrow = getBits(to);
    if (wide == narrow)
      return createElementwise(b, self, sizes, getValueType(to), [&](ImplicitLocOpBuilder &body, ValueRange element) {
        return fromBits(body, toBits(body, element[0]), to);
      });
    bool divides = wide > narrow;
    int64_t ratio = divides ? wide / narrow : narrow / wide, last = static_cast<int64_t>(sizes.size()) - 1;
    if (last < 0)
      return b.refuse("of a tensor of rank 0, in a dtype of another size");
    OpFoldResult parts = b.getIndexAttr(ratio);
    if (!divides && getConstantIntValue(sizes[last]).value_or(0) % ratio != 0)
      return b.refuse("a last dim that is no multiple of " + Twine(ratio));
    if (!divides)
      assertEqualSizes(b, mulSizes(b, floorDivSizes(b, sizes[last], parts), parts), sizes[last],
                       "view.dtype: the last dim is no multiple of " + Twine(ratio));
    sizes[last] = divides ? mulSizes(b, sizes[last], parts) : floorDivSizes(b, sizes[last], parts);
    return createFromIndices(b, sizes, getValueType(to), [&](ImplicitLocOpBuilder &body, ValueRange indices) -> Value {
      SmallVector<Value> at(indices);
      Value count = arith::ConstantIndexOp::create(body, ratio);
      auto number = [&](Type type, int64_t value) -> Value { return arith::ConstantIntOp::create(body, type, value); };
      if (divides) {
        Value part = arith::RemUIOp::create(body, at[last], count);
        at[last] = arith::DivUIOp::create(body, at[last], count);
        Value bits = toBits(body, tensor::ExtractOp::create(body, self, at));
        part = arith::IndexCastOp::create(body, bits.getType(), part);
        Value shift = arith::MulIOp::create(body, part, number(bits.getType(), narrow));
        bits = arith::ShRUIOp::create(body, bits, shift);
        return fromBits(body, arith::TruncIOp::create(body, body.getIntegerType(narrow), bits), to);
      }
      Type type = body.getIntegerType(narrow);
      Value first = arith::MulIOp::create(body, at[last], count), bits = number(type, 0);
      for (int64_t part = 0; part < ratio; ++part) {
        at[last] = arith::AddIOp::create(body, first, arith::ConstantIndexOp::create(body, part));
        Value own = toBits(body, tensor::ExtractOp::create(body, self, at));
        own = arith::ExtUIOp::create(body, type, own);
        bits = arith::OrIOp::create(body, bits, arith::ShLIOp::create(body, own, number(type, part * wide)));
      }
      return fromBits(body, bits, to);
    });
  }

private:
  /// A bool takes a byte.
  static int64_t getBits(Type dtype) { return std::max<int64_t>(dtype.getIntOrFloatBitWidth(), 8); }
  static Value toBits(ImplicitLocOpBuilder &b, Value element) {
    if (isa<mlir::FloatType>(element.getType()))
      return arith::BitcastOp::create(b, b.getIntegerType(getBits(element.getType())), element);
    return element.getType().isInteger(1) ? arith::ExtUIOp::create(b, b.getI8Type(), element).getResult() : element;
  }
  static Value fromBits(ImplicitLocOpBuilder &b, Value bits, Type dtype) {
    if (isFloat(dtype))
      return arith::BitcastOp::create(b, dtype, bits);
    if (!isBool(dtype))
      return bits;
    Value zero = arith::ConstantIntOp::create(b, bits.getType(), 0);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, zero);
  }
};

} // namespace

void torchc::populateShapeViewPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenView, LowerAtenReshape, LowerAten_UnsafeView, LowerAtenFlattenUsingInts, LowerAtenUnflattenInt,
              LowerAtenUnsqueeze, LowerAtenSqueeze, LowerAtenSqueezeDim, LowerAtenSqueezeDims, LowerAtenPermute,
              LowerAtenTransposeInt, LowerAtenT, LowerAtenExpand, LowerAtenViewAsReal, LowerAtenViewAsComplex,
              LowerAtenViewDtype>(patterns, context);
}
