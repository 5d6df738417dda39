//===- Indexing.cpp - result types of ops that pick or write elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// The number of elements in start:end:step of `size`, as Python counts.
static int64_t getSliceLength(int64_t size, Value start, Value end, Value step) {
  auto constantOr = [](Value value, int64_t otherwise) -> std::optional<int64_t> {
    return isNone(value) ? otherwise : getConstantInt(value);
  };
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  auto first = constantOr(start, 0), last = constantOr(end, kEnd), stride = getConstantInt(step);
  if (!first || !last || !stride || *stride <= 0 || ShapedType::isDynamic(size))
    return kDynamic;
  auto clamp = [&](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size); };
  int64_t length = clamp(*last) - clamp(*first);
  return length <= 0 ? 0 : (length + *stride - 1) / *stride;
}

static Types inferSlice(AtenSliceTensorOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto dim = getConstantInt(op.getDim());
  if (!shape || !dim)
    return tensorOf(std::nullopt, getDtype(op.getSelf()));
  auto axis = wrapDim(*dim, shape->size());
  if (!axis || shape->empty())
    return failure();
  (*shape)[*axis] = getSliceLength((*shape)[*axis], op.getStart(), op.getEnd(), op.getStep());
  return tensorOf(shape, getDtype(op.getSelf()));
}

static Types inferNarrow(AtenNarrowOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto dim = getConstantInt(op.getDim());
  auto axis = shape && dim ? wrapDim(*dim, shape->size()) : std::nullopt;
  if (!axis || shape->empty())
    return failure();
  (*shape)[*axis] = getConstantInt(op.getLength()).value_or(kDynamic);
  return tensorOf(shape, getDtype(op.getSelf()));
}

static Types inferSelect(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  auto dim = getConstantInt(operands[1]);
  auto axis = shape && dim ? wrapDim(*dim, shape->size()) : std::nullopt;
  if (!axis || shape->empty())
    return failure();
  shape->erase(shape->begin() + *axis);
  return tensorOf(shape, getDtype(operands[0]));
}

/// weight [rows, width], indices [...] -> [..., width].
static Types inferEmbedding(ValueRange operands) {
  Shape weight = getShape(operands[0]), indices = getShape(operands[1]);
  if (weight && indices && weight->size() == 2)
    indices->push_back(weight->back());
  return tensorOf(weight ? indices : Shape(), getDtype(operands[0]));
}

static Types inferIndexSelect(AtenIndexSelectOp::Adaptor op) {
  Shape shape = getShape(op.getSelf()), index = getShape(op.getIndex());
  auto dim = getConstantInt(op.getDim());
  auto axis = shape && index && dim ? wrapDim(*dim, shape->size()) : std::nullopt;
  if (!axis)
    return failure();
  if (!shape->empty())
    (*shape)[*axis] = index->empty() ? 1 : index->front();
  return tensorOf(shape, getDtype(op.getSelf()));
}

static Types inferGather(AtenGatherOp::Adaptor op) { return tensorOf(getShape(op.getIndex()), getDtype(op.getSelf())); }

/// Index tensors are broadcast against each other; their dims stand where the
/// first one does, or in front where a None or slice parts them. A bool index
/// stands for as many dims as it has, and gives a size only run time knows.
static Types inferIndex(AtenIndexTensorOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto indices = getListElements(op.getIndices());
  Type dtype = getDtype(op.getSelf());
  if (!shape || !indices)
    return tensorOf(std::nullopt, dtype);
  SmallVector<Value> tensors;
  SmallVector<int64_t> rest;
  size_t dim = 0;
  std::optional<size_t> front;
  bool adjacent = true, ended = false, hasMask = false;
  for (Value index : *indices) {
    if (isNone(index)) {
      ended = front.has_value();
      if (dim >= shape->size())
        return failure();
      rest.push_back((*shape)[dim++]);
      continue;
    }
    while (auto derefine = index.getDefiningOp<DerefineOp>())
      index = derefine.getOperand();
    Shape indexShape = getShape(index);
    Type indexDtype = getDtype(index);
    if (!indexShape || !indexDtype)
      return tensorOf(std::nullopt, dtype);
    adjacent &= !ended;
    if (!front)
      front = rest.size();
    bool mask = indexDtype.isInteger(1) || indexDtype.isUnsignedInteger(8);
    hasMask |= mask;
    dim += mask ? indexShape->size() : 1;
    if (!mask)
      tensors.push_back(index);
  }
  if (dim > shape->size())
    return failure();
  llvm::append_range(rest, ArrayRef<int64_t>(*shape).drop_front(dim));
  Shape picked = broadcast(tensors);
  if (!picked)
    return tensorOf(std::nullopt, dtype);
  if (hasMask)
    picked = picked->size() > 1 ? picked : Shape(SmallVector<int64_t>{kDynamic});
  size_t position = adjacent ? front.value_or(0) : 0;
  rest.insert(rest.begin() + position, picked->begin(), picked->end());
  return tensorOf(rest, dtype);
}

/// A list of tensors whose number is the list's reader's to know.
static Types inferListOf(ValueRange operands) {
  Type dtype = getDtype(operands.front());
  if (!dtype)
    return failure();
  Shape shape = getShape(operands.front());
  Type element = ValueTensorType::get(dtype.getContext(), false, {}, dtype);
  if (shape)
    element = ValueTensorType::get(dtype.getContext(), SmallVector<int64_t>(shape->size(), kDynamic), dtype);
  return SmallVector<Type>{ListType::get(element)};
}

static Types inferUnbind(ValueRange operands) {
  Types types = inferSelect(ValueRange{operands[0], operands[1]});
  if (failed(types))
    return failure();
  return SmallVector<Type>{ListType::get(types->front())};
}

static Types inferDiff(AtenDiffOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto dim = getConstantInt(op.getDim()), n = getConstantInt(op.getN());
  auto axis = shape && dim ? wrapDim(*dim, shape->size()) : std::nullopt;
  if (!axis || !n || shape->empty())
    return failure();
  int64_t size = (*shape)[*axis];
  for (Value more : {op.getPrepend(), op.getAppend()}) {
    if (isNone(more))
      continue;
    Shape other = getShape(more);
    int64_t length = other && other->size() == shape->size() ? (*other)[*axis] : kDynamic;
    size = ShapedType::isDynamic(size) || ShapedType::isDynamic(length) ? kDynamic : size + length;
  }
  (*shape)[*axis] = ShapedType::isDynamic(size) ? kDynamic : std::max<int64_t>(size - *n, 0);
  return tensorOf(shape, getDtype(op.getSelf()));
}

/// The elements that lie on the diagonal become the last dim.
static Types inferDiagonal(AtenDiagonalOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto offset = getConstantInt(op.getOffset()), dim1 = getConstantInt(op.getDim1()),
       dim2 = getConstantInt(op.getDim2());
  if (!shape || !offset || !dim1 || !dim2)
    return failure();
  auto row = wrapDim(*dim1, shape->size()), column = wrapDim(*dim2, shape->size());
  if (!row || !column || *row == *column)
    return failure();
  int64_t rows = (*shape)[*row], columns = (*shape)[*column], length = kDynamic;
  if (!ShapedType::isDynamic(rows) && !ShapedType::isDynamic(columns))
    length = std::max<int64_t>(0, *offset >= 0 ? std::min(rows, columns - *offset) : std::min(rows + *offset, columns));
  SmallVector<int64_t> sizes;
  for (auto [dim, size] : llvm::enumerate(*shape))
    if (static_cast<int64_t>(dim) != *row && static_cast<int64_t>(dim) != *column)
      sizes.push_back(size);
  sizes.push_back(length);
  return tensorOf(sizes, getDtype(op.getSelf()));
}

static Types inferOneHot(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  int64_t classes = getConstantInt(operands[1]).value_or(kDynamic);
  if (shape)
    shape->push_back(classes == -1 ? kDynamic : classes);
  return tensorOf(shape, getDtype(operands[0]));
}

/// Values and their places, both like the first operand.
static Types inferSort(ValueRange operands) {
  Type places = IntegerType::get(operands.front().getContext(), 64, IntegerType::Signed);
  return concat({inferLikeFirst(operands), tensorOf(getShape(operands.front()), places)});
}

static Types inferSearchsorted(AtenSearchsortedTensorOp::Adaptor op) {
  auto isShort = getConstantBool(op.getOutInt32());
  if (!isShort)
    return failure();
  return tensorOf(getShape(op.getSelf()),
                  IntegerType::get(op.getSelf().getContext(), *isShort ? 32 : 64, IntegerType::Signed));
}

void torchc::torch::addIndexingInference(InferenceTable &table) {
  table.add<AtenSliceTensorOp>(inferSlice);
  table.add<AtenNarrowOp>(inferNarrow);
  table.addAll<AtenSelectIntOp>(inferSelect);
  table.addAll<AtenEmbeddingOp>(inferEmbedding);
  table.add<AtenIndexSelectOp>(inferIndexSelect);
  table.add<AtenGatherOp>(inferGather);
  table.add<AtenIndexTensorOp>(inferIndex);
  table.addAll<AtenSliceScatterOp, AtenSelectScatterOp, AtenScatterSrcOp, AtenScatterReduceTwoOp, AtenIndexPutOp,
               AtenTrilOp, AtenTriuOp, AtenScatterValueOp, AtenScatterReduceOp, AtenScatterValueReduceOp,
               AtenScatterAddOp, AtenIndexAddOp, AtenIndexReduceOp, AtenIndexCopyOp, AtenIndexFillIntScalarOp,
               AtenIndexFillIntTensorOp, AtenPutOp, AtenMaskedScatterOp, AtenDiagonalScatterOp, AtenEmbeddingRenormOp>(
      inferLikeFirst);
  table.addAll<AtenSplitTensorOp, AtenSplitWithSizesOp, AtenChunkOp>(inferListOf);
  table.addAll<AtenUnbindIntOp>(inferUnbind);
  table.add<AtenDiffOp>(inferDiff);
  table.add<AtenDiagonalOp>(inferDiagonal);
  table.addAll<AtenOneHotOp>(inferOneHot);
  table.addAll<AtenSortStableOp, AtenCummaxOp>(inferSort);
  table.add<AtenSearchsortedTensorOp>(inferSearchsorted);
}
