//===- IndexingScatter.cpp - elements written at places that tensors of indices give ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Every element of the result looks for the updates that are meant for it: a reduction over the
// updates, in their order. Nothing is written at an index, so none can be written outside,
// and the result does not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

namespace {

/// How updates combine with what is there.
enum class Combine { Replace, Sum, Product, Maximum, Minimum };

/// Updates of elements of `self` that are found in loops behind those of the result.
struct Updates {
  Value self;
  Type dtype;
  SmallVector<MappedOperand> indices; ///< One for each indexed dim.
  SmallVector<int64_t> dims;          ///< The indexed dims.
  MappedOperand source;
  Type sourceDtype;
  SmallVector<OpFoldResult> loops; ///< Dims of the result, then of the updates.
  bool wraps = false;              ///< Negative indices count from the end.
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

/// Whether the update of the current loops is meant for the element of the current loops.
/// An index outside fails the kernel.
static Value isMeant(ImplicitLocOpBuilder &body, Lowering &b, const Updates &updates, ValueRange indices,
                     ArrayRef<Value> extents) {
  Value all;
  for (auto [dim, element, extent] : llvm::zip_equal(updates.dims, indices, extents)) {
    Value index = arith::IndexCastOp::create(body, body.getIndexType(), element);
    Value zero = arith::ConstantIndexOp::create(body, 0);
    if (updates.wraps) {
      Value isNegative = arith::CmpIOp::create(body, CmpIPredicate::slt, index, zero);
      index = arith::SelectOp::create(body, isNegative, arith::AddIOp::create(body, index, extent), index);
    }
    Value isInside = arith::CmpIOp::create(body, CmpIPredicate::ult, index, extent);
    cf::AssertOp::create(body, isInside,
                         body.getStringAttr("index out of range in " + b.getOp()->getName().stripDialect()));
    Value isHere = arith::CmpIOp::create(body, CmpIPredicate::eq, index, linalg::IndexOp::create(body, dim));
    all = all ? arith::AndIOp::create(body, all, isHere).getResult() : isHere;
  }
  return all;
}

/// The updates combined in dtype `compute` from `start`, a tensor or one number.
static Value combineUpdates(Lowering &b, const Updates &updates, Combine combine, Type compute, Value start) {
  int64_t rank = cast<RankedTensorType>(updates.self.getType()).getRank(), numLoops = updates.loops.size();
  SmallVector<int64_t> reduced = llvm::to_vector(llvm::seq<int64_t>(rank, numLoops));
  SmallVector<utils::IteratorType> iterators(numLoops, utils::IteratorType::parallel);
  for (int64_t loop : reduced)
    iterators[loop] = utils::IteratorType::reduction;
  SmallVector<MappedOperand> operands(updates.indices);
  operands.push_back(updates.source);
  SmallVector<Value> extents;
  for (int64_t dim : updates.dims)
    extents.push_back(toIndex(b, updates.loops[dim]));
  MappedOperand destination = {start, getKeptMap(b.getContext(), numLoops, reduced)};
  size_t numIndices = updates.indices.size();
  return createGeneric(b, operands, destination, iterators, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
    Value meant = isMeant(body, b, updates, elements.take_front(numIndices), extents);
    Value element = convertElement(body, elements[numIndices], updates.sourceDtype, compute);
    Value accumulator = elements.back();
    if (combine == Combine::Replace)
      return arith::SelectOp::create(body, meant, element, accumulator).getResult();
    ElementBuilder builder(body, b.getOp(), compute);
    Value neutral = arith::ConstantOp::create(body, getNeutral(body, compute, combine));
    return join(builder, combine, accumulator, arith::SelectOp::create(body, meant, element, neutral));
  });
}

/// How many updates each element gets, as i64.
static Value countUpdates(Lowering &b, const Updates &updates) {
  Updates counted = updates;
  Type si64 = IntegerType::get(b.getContext(), 64, IntegerType::Signed);
  int64_t rank = cast<RankedTensorType>(updates.self.getType()).getRank();
  Value one = createFilled(b, {}, b.getI64IntegerAttr(1));
  counted.source = {one, AffineMap::get(updates.loops.size(), 0, {}, b.getContext())};
  counted.sourceDtype = si64;
  Value zeros = createFilled(b, ArrayRef(updates.loops).take_front(rank), b.getI64IntegerAttr(0));
  return combineUpdates(b, counted, Combine::Sum, si64, zeros);
}

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
  updates.loops = covered;
  updates.loops.push_back(indexSizes[dim]);
  SmallVector<AffineExpr> read;
  for (int64_t i = 0; i < rank; ++i)
    read.push_back(b.getAffineDimExpr(i == dim ? rank : i));
  AffineMap map = AffineMap::get(rank + 1, 0, read, b.getContext());
  updates.indices = {{index, map}};
  updates.dims = {dim};
  updates.source = {takeFront(b, source, indexSizes), map};
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
      return combineUpdates(b, updates, Combine::Replace, updates.dtype, updates.self);
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
    if (!combine || !includesSelf || (isMean && !isFloat(Lowering::getDtype(op.getSelf()))))
      return b.refuse("reduce or include_self is not known, or a mean of integers");
    return lowerScatter(b, op.getSelf(), op.getDim(), op.getIndex(), op.getSrc(), [&](const Updates &updates) {
      return reduceUpdates(b, updates, *combine, isMean, *includesSelf);
    });
  }

  static Value reduceUpdates(Lowering &b, const Updates &updates, Combine combine, bool isMean, bool includesSelf) {
    Type dtype = updates.dtype, compute = getComputeDtype(dtype);
    SmallVector<OpFoldResult> sizes = getDims(b, updates.self);
    Value start = includesSelf ? convertTensor(b, updates.self, dtype, compute)
                               : createFilled(b, sizes, getNeutral(b, compute, combine));
    Value reduced = combineUpdates(b, updates, combine, compute, start);
    if (includesSelf && !isMean)
      return convertTensor(b, reduced, compute, dtype);
    // Elements without updates stay; a mean counts them, and self where it is included.
    Value counts = countUpdates(b, updates);
    return createElementwise(
        b, {reduced, counts, updates.self}, sizes, getValueType(dtype),
        [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          Value value = elements[0];
          if (isMean) {
            Value count = elements[1];
            if (includesSelf)
              count = arith::AddIOp::create(body, count, arith::ConstantIntOp::create(body, 1, 64));
            value = arith::DivFOp::create(body, value, arith::SIToFPOp::create(body, compute, count));
          }
          value = convertElement(body, value, compute, dtype);
          Value isUntouched =
              arith::CmpIOp::create(body, CmpIPredicate::eq, elements[1], arith::ConstantIntOp::create(body, 0, 64));
          return arith::SelectOp::create(body, isUntouched, elements[2], value).getResult();
        });
  }
};

/// self[i0, :, i1] = values: the index tensors broadcast together; their dims stand in `values`
/// where the first of them stands if they are neighbours, else in front.
struct LowerAtenIndexPut : LowerOp<LowerAtenIndexPut, AtenIndexPutOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenIndexPutOp op, Lowering &b) const {
    std::optional<SmallVector<Value>> list = getListElements(op.getIndices());
    std::optional<bool> accumulates = getConstantBool(op.getAccumulate());
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!list || !accumulates || isa<ComplexType>(dtype))
      return b.refuse("indices are not a list built in sight, accumulate is not constant, or complex numbers");
    Updates updates;
    SmallVector<Value> tensors;
    for (auto [dim, index] : llvm::enumerate(*list)) {
      while (auto derefine = index.getDefiningOp<DerefineOp>())
        index = derefine.getOperand();
      if (isNone(index))
        continue;
      Type indexDtype = Lowering::getDtype(index);
      if (isBool(indexDtype) || indexDtype.isUnsignedInteger(8) || !isa<IntegerType>(indexDtype))
        return b.refuse("indices are not integers");
      updates.dims.push_back(dim);
      tensors.push_back(b.get(index));
    }
    updates.self = b.get(op.getSelf());
    if (tensors.empty())
      return b.refuse("no indices");
    SmallVector<OpFoldResult> extents = getDims(b, updates.self);
    int64_t rank = extents.size(), indexRank = 0;
    for (Value tensor : tensors)
      indexRank = std::max(indexRank, cast<RankedTensorType>(tensor.getType()).getRank());
    SmallVector<int64_t> shape(indexRank, 1);
    for (Value tensor : tensors)
      for (auto [size, own] :
           llvm::zip(llvm::reverse(shape), llvm::reverse(cast<RankedTensorType>(tensor.getType()).getShape())))
        if (own != 1)
          size = ShapedType::isDynamic(size) || size == 1 ? own : size;
    SmallVector<OpFoldResult> indexSizes = broadcastSizes(b, tensors, shape);

    updates.loops = extents;
    updates.loops.append(indexSizes);
    int64_t numLoops = updates.loops.size();
    SmallVector<AffineExpr> indexLoops;
    for (int64_t i = 0; i < indexRank; ++i)
      indexLoops.push_back(b.getAffineDimExpr(rank + i));
    AffineMap toIndexLoops = AffineMap::get(numLoops, 0, indexLoops, b.getContext());
    for (Value tensor : tensors)
      updates.indices.push_back(
          {tensor, getBroadcastMap(cast<RankedTensorType>(tensor.getType()), indexSizes).compose(toIndexLoops)});

    // The dims of self[indices], which the values broadcast to.
    bool areNeighbours = updates.dims.back() - updates.dims.front() + 1 == static_cast<int64_t>(updates.dims.size());
    int64_t place = areNeighbours ? updates.dims.front() : 0;
    SmallVector<OpFoldResult> sizes;
    SmallVector<AffineExpr> exprs;
    for (int64_t dim = 0; dim <= rank; ++dim) {
      if (static_cast<int64_t>(sizes.size()) == place) {
        sizes.append(indexSizes);
        exprs.append(indexLoops);
      }
      if (dim < rank && !llvm::is_contained(updates.dims, dim)) {
        sizes.push_back(extents[dim]);
        exprs.push_back(b.getAffineDimExpr(dim));
      }
    }
    Value values = b.get(op.getValues());
    auto type = cast<RankedTensorType>(values.getType());
    if (type.getRank() > static_cast<int64_t>(sizes.size()))
      return b.refuse("values of more dims than the indexed tensor");
    updates.source = {values, getBroadcastMap(type, sizes).compose(AffineMap::get(numLoops, 0, exprs, b.getContext()))};
    updates.sourceDtype = Lowering::getDtype(op.getValues());
    updates.dtype = dtype;
    updates.wraps = true;
    if (!*accumulates)
      return combineUpdates(b, updates, Combine::Replace, dtype, updates.self);
    Type compute = getComputeDtype(dtype);
    Value sums = combineUpdates(b, updates, Combine::Sum, compute, convertTensor(b, updates.self, dtype, compute));
    return convertTensor(b, sums, compute, dtype);
  }
};

} // namespace

void torchc::populateIndexingScatterPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenScatterSrc, LowerAtenScatterReduceTwo, LowerAtenIndexPut>(patterns, context);
}
