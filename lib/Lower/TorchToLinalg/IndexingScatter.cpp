//===- IndexingScatter.cpp - elements written at places that tensors of indices give ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The updates are sorted by their index, so that those of one element stand together, in their order.
// Every element of the result then finds its own by bisection and combines them: nothing is
// written at an index, so none can be written outside, and the result does not depend on the
// number of threads.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

namespace {

/// How updates combine with what is there.
enum class Combine { Replace, Sum, Product, Maximum, Minimum };

/// Updates of elements of `self` along one dim.
struct Updates {
  Value self;
  Type dtype;
  int64_t dim;  ///< The indexed dim.
  Value index;  ///< i64 within the dim; as many dims as self, or one: the same for all other dims.
  Value source; ///< As many dims as self, `dim` as long as the index.
  Type sourceDtype;

  int64_t getRank() const { return cast<RankedTensorType>(self.getType()).getRank(); }
  bool isShared() const { return cast<RankedTensorType>(index.getType()).getRank() != getRank(); }
  /// The indexed dim in the tensors of indices.
  int64_t getIndexDim() const { return isShared() ? 0 : dim; }
  /// The place in a tensor of indices, for an element of self.
  SmallVector<Value> getLane(ValueRange at, Value place) const {
    SmallVector<Value> lane(isShared() ? ValueRange(place) : at);
    lane[getIndexDim()] = place;
    return lane;
  }
};

/// The updates in the order of their indices, and those of each element: from `first` to before `end`.
struct Runs {
  Value order, first, end;
};

} // namespace

static TypedAttr getNeutral(OpBuilder &b, Type dtype, Combine combine) {
  switch (combine) {
  case Combine::Product: return getNumber(b, dtype, 1);
  case Combine::Maximum: return getLowest(b, dtype);
  case Combine::Minimum: return getHighest(b, dtype);
  default: return getNumber(b, dtype, 0);
  }
}

static Value join(ElementBuilder &b, Combine combine, Value accumulator, Value element) {
  switch (combine) {
  case Combine::Replace: return element;
  case Combine::Sum:
    if (b.isBool())
      return arith::OrIOp::create(b, accumulator, element);
    return b.isFloat() ? arith::AddFOp::create(b, accumulator, element).getResult()
                       : arith::AddIOp::create(b, accumulator, element);
  case Combine::Product:
    return b.isFloat() ? arith::MulFOp::create(b, accumulator, element).getResult()
                       : arith::MulIOp::create(b, accumulator, element);
  case Combine::Maximum:
    if (b.isFloat())
      return arith::MaximumFOp::create(b, accumulator, element);
    return b.isUnsigned() ? arith::MaxUIOp::create(b, accumulator, element).getResult()
                          : arith::MaxSIOp::create(b, accumulator, element);
  case Combine::Minimum:
    if (b.isFloat())
      return arith::MinimumFOp::create(b, accumulator, element);
    return b.isUnsigned() ? arith::MinUIOp::create(b, accumulator, element).getResult()
                          : arith::MinSIOp::create(b, accumulator, element);
  }
  llvm_unreachable("not a way to combine");
}

static Runs findRuns(Lowering &b, const Updates &updates) {
  Type si64 = IntegerType::get(b.getContext(), 64, IntegerType::Signed);
  int64_t indexDim = updates.getIndexDim();
  Runs runs;
  runs.order = sortPlaces(b, updates.index, si64, indexDim, /*descending=*/false);
  Value keys = createElementwise(b, runs.order, getDims(b, updates.index), b.getI64Type(),
                                 [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
                                   SmallVector<Value> at;
                                   for (int64_t i = 0; i < cast<RankedTensorType>(runs.order.getType()).getRank(); ++i)
                                     at.push_back(linalg::IndexOp::create(body, i));
                                   at[indexDim] = arith::IndexCastOp::create(body, body.getIndexType(), elements[0]);
                                   return tensor::ExtractOp::create(body, updates.index, at);
                                 });
  SmallVector<OpFoldResult> sizes = getDims(b, updates.self);
  if (updates.isShared())
    sizes = {sizes[updates.dim]};
  Value extent = toIndex(b, getDim(b, updates.index, indexDim));
  auto findBound = [&](CmpIPredicate predicate) {
    return createFromIndices(b, sizes, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
      Value own = arith::IndexCastOp::create(body, body.getI64Type(), at[indexDim]);
      Value bound = searchFirst(body, extent, [&](ImplicitLocOpBuilder &inner, Value place) -> Value {
        SmallVector<Value> lane(at);
        lane[indexDim] = place;
        return arith::CmpIOp::create(inner, predicate, tensor::ExtractOp::create(inner, keys, lane), own);
      });
      return arith::IndexCastOp::create(body, body.getI64Type(), bound);
    });
  };
  runs.first = findBound(CmpIPredicate::sge);
  runs.end = findBound(CmpIPredicate::sgt);
  return runs;
}

/// The map from the elements of self to a tensor of indices.
static AffineMap getLaneMap(Lowering &b, const Updates &updates) {
  int64_t rank = updates.getRank();
  return updates.isShared() ? AffineMap::get(rank, 0, b.getAffineDimExpr(updates.dim)) : b.getMultiDimIdentityMap(rank);
}

/// The updates combined in dtype `compute` from `start`, of the sizes of self.
static Value combineUpdates(Lowering &b, const Updates &updates, const Runs &runs, Combine combine, Type compute,
                            Value start) {
  AffineMap identity = b.getMultiDimIdentityMap(updates.getRank()), lane = getLaneMap(b, updates);
  SmallVector<MappedOperand> operands{{start, identity}, {runs.first, lane}, {runs.end, lane}};
  return createMapped(b, operands, getDims(b, updates.self), getValueType(compute),
                      [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
                        SmallVector<Value> at;
                        for (int64_t i = 0; i < updates.getRank(); ++i)
                          at.push_back(linalg::IndexOp::create(body, i));
                        Value first = arith::IndexCastOp::create(body, body.getIndexType(), elements[1]);
                        Value end = arith::IndexCastOp::create(body, body.getIndexType(), elements[2]);
                        Value one = arith::ConstantIndexOp::create(body, 1);
                        // The last one stays.
                        if (combine == Combine::Replace)
                          first = arith::MaxSIOp::create(body, first, arith::SubIOp::create(body, end, one));
                        auto loop = scf::ForOp::create(
                            body, first, end, one, elements[0],
                            [&](OpBuilder &nested, Location loc, Value i, ValueRange carried) {
                              ImplicitLocOpBuilder inner(loc, nested);
                              Value place = tensor::ExtractOp::create(inner, runs.order, updates.getLane(at, i));
                              SmallVector<Value> source(at);
                              source[updates.dim] = arith::IndexCastOp::create(inner, inner.getIndexType(), place);
                              Value element = tensor::ExtractOp::create(inner, updates.source, source);
                              element = convertElement(inner, element, updates.sourceDtype, compute);
                              ElementBuilder builder(inner, b.getOp(), compute);
                              scf::YieldOp::create(inner, join(builder, combine, carried[0], element));
                            });
                        return loop.getResult(0);
                      });
}

//===----------------------------------------------------------------------===//
// scatter
//===----------------------------------------------------------------------===//

/// Of a tensor the part of these sizes from the origin.
static Value takeFront(Lowering &b, Value tensor, ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> extents = getDims(b, tensor);
  if (llvm::equal(extents, sizes, areEqualSizes))
    return tensor;
  for (auto [size, extent] : llvm::zip_equal(sizes, extents)) {
    std::optional<int64_t> known = getConstantIntValue(size), limit = getConstantIntValue(extent);
    if (areEqualSizes(size, extent) || (known && limit && *known <= *limit))
      continue;
    Value fits = arith::CmpIOp::create(b, CmpIPredicate::sle, toIndex(b, size), toIndex(b, extent));
    cf::AssertOp::create(b, fits,
                         b.getStringAttr("index is larger than self or src in " + b.getOp()->getName().stripDialect()));
  }
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)), strides(sizes.size(), b.getIndexAttr(1));
  return extractSlice(b, tensor, offsets, sizes, strides);
}

/// scatter: index and src have the dims of self, and may be shorter in all but `dim`. `combine`
/// makes the new elements of the part of self that they cover.
static FailureOr<Value> lowerScatter(Lowering &b, Value torchSelf, Value dimValue, Value torchIndex, Value torchSource,
                                     function_ref<Value(const Updates &)> combine) {
  std::optional<int64_t> constant = getConstantInt(dimValue);
  Value self = b.get(torchSelf), index = b.get(torchIndex), source = b.get(torchSource);
  SmallVector<OpFoldResult> sizes = getDims(b, self), indexSizes = getDims(b, index);
  Type dtype = Lowering::getDtype(torchSelf);
  if (!constant || sizes.size() != indexSizes.size() ||
      cast<RankedTensorType>(source.getType()).getRank() != static_cast<int64_t>(sizes.size()) ||
      isa<ComplexType>(dtype))
    return b.refuse("dim is not constant, operands do not have the same number of dims, or complex numbers");
  if (llvm::any_of(indexSizes, [](OpFoldResult size) { return getConstantIntValue(size) == 0; }))
    return self;
  bool isScalar = sizes.empty();
  if (isScalar) {
    // One element at index 0 of one.
    auto raise = [&](Value tensor) {
      auto type = cast<RankedTensorType>(tensor.getType()).clone(ArrayRef<int64_t>{1});
      return tensor::ExpandShapeOp::create(b, type, tensor, ArrayRef<ReassociationIndices>{}).getResult();
    };
    self = raise(self), index = raise(index), source = raise(source);
    sizes = indexSizes = {b.getIndexAttr(1)};
  }
  int64_t rank = sizes.size(), dim = wrapDim(*constant, rank);
  SmallVector<OpFoldResult> covered = indexSizes;
  covered[dim] = sizes[dim];
  Updates updates;
  updates.self = takeFront(b, self, covered);
  updates.dtype = dtype;
  updates.dim = dim;
  updates.index = checkIndices(b, index, Lowering::getDtype(torchIndex), sizes[dim], /*wraps=*/false);
  updates.source = takeFront(b, source, indexSizes);
  updates.sourceDtype = Lowering::getDtype(torchSource);
  Value result = combine(updates);
  if (updates.self != self) {
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)), strides(rank, b.getIndexAttr(1));
    result = insertSlice(b, result, self, offsets, covered, strides);
  }
  if (isScalar)
    result = tensor::CollapseShapeOp::create(b, cast<RankedTensorType>(result.getType()).clone(ArrayRef<int64_t>{}),
                                             result, ArrayRef<ReassociationIndices>{});
  return result;
}

namespace {

/// Where several updates are meant for one element, the last one stays.
struct LowerAtenScatterSrc : LowerOp<LowerAtenScatterSrc, AtenScatterSrcOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenScatterSrcOp op, Lowering &b) const {
    return lowerScatter(b, op.getSelf(), op.getDim(), op.getIndex(), op.getSrc(), [&](const Updates &updates) {
      return combineUpdates(b, updates, findRuns(b, updates), Combine::Replace, updates.dtype, updates.self);
    });
  }
};

struct LowerAtenScatterReduceTwo : LowerOp<LowerAtenScatterReduceTwo, AtenScatterReduceTwoOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenScatterReduceTwoOp op, Lowering &b) const {
    StringRef reduce = getConstantString(op.getReduce()).value_or("");
    std::optional<bool> includesSelf = getConstantBool(op.getIncludeSelf());
    bool isMean = reduce == "mean";
    auto combine = llvm::StringSwitch<std::optional<Combine>>(reduce)
                       .Cases({"sum", "mean"}, Combine::Sum)
                       .Case("prod", Combine::Product)
                       .Case("amax", Combine::Maximum)
                       .Case("amin", Combine::Minimum)
                       .Default(std::nullopt);
    if (!combine || !includesSelf || (isMean && isBool(Lowering::getDtype(op.getSelf()))))
      return b.refuse("reduce or include_self is not known, or a mean of bools");
    return lowerScatter(b, op.getSelf(), op.getDim(), op.getIndex(), op.getSrc(), [&](const Updates &updates) {
      return reduceUpdates(b, updates, *combine, isMean, *includesSelf);
    });
  }

  static Value reduceUpdates(Lowering &b, const Updates &updates, Combine combine, bool isMean, bool includesSelf) {
    Type dtype = updates.dtype, compute = getComputeDtype(dtype);
    SmallVector<OpFoldResult> sizes = getDims(b, updates.self);
    Value start = includesSelf ? convertTensor(b, updates.self, dtype, compute)
                               : createFilled(b, sizes, getNeutral(b, compute, combine));
    Runs runs = findRuns(b, updates);
    Value reduced = combineUpdates(b, updates, runs, combine, compute, start);
    if (includesSelf && !isMean)
      return convertTensor(b, reduced, compute, dtype);
    // Elements without updates stay; a mean counts them, and self where it is included.
    AffineMap identity = b.getMultiDimIdentityMap(sizes.size()), lane = getLaneMap(b, updates);
    SmallVector<MappedOperand> operands{
        {reduced, identity}, {updates.self, identity}, {runs.first, lane}, {runs.end, lane}};
    return createMapped(b, operands, sizes, getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
      Value value = elements[0], updated = arith::SubIOp::create(body, elements[3], elements[2]);
      if (isMean) {
        Value count = updated;
        if (includesSelf)
          count = arith::AddIOp::create(body, count, arith::ConstantIntOp::create(body, 1, 64));
        Type si64 = IntegerType::get(b.getContext(), 64, IntegerType::Signed);
        Value divisor = convertElement(body, count, si64, compute);
        // The mean of integers is rounded down.
        if (isFloat(compute))
          value = arith::DivFOp::create(body, value, divisor);
        else if (isUnsigned(compute))
          value = arith::DivUIOp::create(body, value, divisor);
        else
          value = arith::FloorDivSIOp::create(body, value, divisor);
      }
      value = convertElement(body, value, compute, dtype);
      Value isUntouched =
          arith::CmpIOp::create(body, CmpIPredicate::eq, updated, arith::ConstantIntOp::create(body, 0, 64));
      return arith::SelectOp::create(body, isUntouched, elements[1], value).getResult();
    });
  }
};

/// self[i0, :, i1] = values: the index tensors broadcast together; their dims stand in `values`
/// where the first of them stands if they are neighbours, else in front.
struct LowerAtenIndexPut : LowerOp<LowerAtenIndexPut, AtenIndexPutOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenIndexPutOp op, Lowering &b) const {
    std::optional<bool> accumulates = getConstantBool(op.getAccumulate());
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!accumulates || isa<ComplexType>(dtype))
      return b.refuse("accumulate is not constant, or complex numbers");
    FailureOr<IndexList> list = getIndexList(b, op.getSelf(), op.getIndices());
    if (failed(list))
      return failure();
    if (list->tensors.empty())
      return b.refuse("no indices");
    // The indexed dims become one, in front if they are not neighbours.
    Value self = b.get(op.getSelf());
    SmallVector<OpFoldResult> extents = getDims(b, self), indexed;
    int64_t rank = extents.size(), place = list->dims.front(), count = list->dims.size();
    for (int64_t dim : list->dims)
      indexed.push_back(extents[dim]);
    bool areNeighbours = list->dims.back() - place + 1 == count;
    SmallVector<int64_t> order(list->dims);
    if (!areNeighbours) {
      for (int64_t dim = 0; dim < rank; ++dim)
        if (!llvm::is_contained(list->dims, dim))
          order.push_back(dim);
      self = transpose(b, self, order);
      place = 0;
    }
    Updates updates;
    updates.self = flatten(b, self, place, place + count - 1);
    updates.dtype = dtype;
    updates.dim = place;
    SmallVector<OpFoldResult> indexSizes = getIndexSizes(b, list->tensors);
    updates.index = reshape(b, flattenIndices(b, *list, indexed, indexSizes), multiplySizes(b, indexSizes));

    // The dims of self[indices], which the values broadcast to.
    SmallVector<OpFoldResult> sizes = getDims(b, updates.self), sourceSizes = sizes;
    sizes.erase(sizes.begin() + place);
    sizes.insert(sizes.begin() + place, indexSizes.begin(), indexSizes.end());
    Value values = b.get(op.getValues());
    auto type = cast<RankedTensorType>(values.getType());
    if (type.getRank() > static_cast<int64_t>(sizes.size()))
      return b.refuse("values of more dims than the indexed tensor");
    if (getConstantIntValue(getDim(b, updates.index, 0)) == 0)
      return b.get(op.getSelf());
    Value source = createElementwise(b, values, sizes, type.getElementType(),
                                     [](ImplicitLocOpBuilder &, ValueRange elements) { return elements[0]; });
    sourceSizes[place] = getDim(b, updates.index, 0);
    updates.source = reshape(b, source, sourceSizes);
    updates.sourceDtype = Lowering::getDtype(op.getValues());

    Runs runs = findRuns(b, updates);
    Type compute = *accumulates ? getComputeDtype(dtype) : dtype;
    Value start = convertTensor(b, updates.self, dtype, compute);
    Value result = combineUpdates(b, updates, runs, *accumulates ? Combine::Sum : Combine::Replace, compute, start);
    result = reshape(b, convertTensor(b, result, compute, dtype), getDims(b, self));
    return areNeighbours ? result : transpose(b, result, invertPermutationVector(order));
  }

  /// What the index tensors broadcast to.
  static SmallVector<OpFoldResult> getIndexSizes(Lowering &b, ArrayRef<Value> tensors) {
    int64_t rank = 0;
    for (Value tensor : tensors)
      rank = std::max(rank, cast<RankedTensorType>(tensor.getType()).getRank());
    SmallVector<int64_t> shape(rank, 1);
    for (Value tensor : tensors)
      for (auto [size, own] :
           llvm::zip(llvm::reverse(shape), llvm::reverse(cast<RankedTensorType>(tensor.getType()).getShape())))
        if (own != 1)
          size = ShapedType::isDynamic(size) || size == 1 ? own : size;
    return broadcastSizes(b, tensors, shape);
  }

  /// The place in the dims of `extents` made one; negative indices count from the end.
  static Value flattenIndices(Lowering &b, const IndexList &list, ArrayRef<OpFoldResult> extents,
                              ArrayRef<OpFoldResult> sizes) {
    SmallVector<Value> limits = llvm::map_to_vector(extents, [&](OpFoldResult extent) { return toIndex(b, extent); });
    return createElementwise(
        b, list.tensors, sizes, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
          Value all;
          for (auto [element, dtype, limit] : llvm::zip_equal(elements, list.dtypes, limits)) {
            Value own = checkIndex(body, b.getOp(), element, dtype, limit, /*wraps=*/true);
            all = all ? arith::AddIOp::create(body, arith::MulIOp::create(body, all, limit), own).getResult() : own;
          }
          return arith::IndexCastOp::create(body, body.getI64Type(), all);
        });
  }
};

} // namespace

void torchc::populateIndexingScatterPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenScatterSrc, LowerAtenScatterReduceTwo, LowerAtenIndexPut>(patterns, context);
}
