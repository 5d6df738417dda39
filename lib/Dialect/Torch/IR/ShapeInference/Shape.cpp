//===- Shape.cpp - result types of ops that rearrange elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// `wanted` with its -1 solved from the number of elements of `self`.
static Types inferView(Value self, Shape wanted) {
  Type dtype = getDtype(self);
  if (!wanted)
    return tensorOf(std::nullopt, dtype);
  Shape shape = getShape(self);
  int64_t count = shape ? getElementCount(*shape) : kDynamic, known = 1;
  int64_t *open = nullptr;
  for (int64_t &size : *wanted) {
    if (size == -1)
      open = &size;
    else
      known = multiply(known, size);
  }
  if (open)
    *open = ShapedType::isDynamic(count) || ShapedType::isDynamic(known) || known == 0 ? kDynamic : count / known;
  return tensorOf(wanted, dtype);
}
static Types inferViewOp(ValueRange operands) { return inferView(operands[0], getSizes(operands[1])); }
static Types inferViewLikeOther(ValueRange operands) { return tensorOf(getShape(operands[1]), getDtype(operands[0])); }

static Types permuted(Value self, ArrayRef<int64_t> order) {
  Shape shape = getShape(self);
  if (!shape || shape->size() != order.size())
    return tensorOf(std::nullopt, getDtype(self));
  SmallVector<int64_t> sizes;
  for (int64_t dim : order) {
    auto wrapped = wrapDim(dim, order.size());
    if (!wrapped)
      return failure();
    sizes.push_back((*shape)[*wrapped]);
  }
  return tensorOf(sizes, getDtype(self));
}

static Types transposed(Value self, std::optional<int64_t> dim0, std::optional<int64_t> dim1) {
  Shape shape = getShape(self);
  if (!shape || !dim0 || !dim1)
    return tensorOf(std::nullopt, getDtype(self));
  auto first = wrapDim(*dim0, shape->size()), second = wrapDim(*dim1, shape->size());
  if (!first || !second)
    return failure();
  if (!shape->empty())
    std::swap((*shape)[*first], (*shape)[*second]);
  return tensorOf(shape, getDtype(self));
}
static Types inferTranspose(ValueRange operands) {
  return transposed(operands[0], getConstantInt(operands[1]), getConstantInt(operands[2]));
}
/// t() of a vector is the vector.
static Types inferT(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  return shape && shape->size() < 2 ? inferLikeFirst(operands) : transposed(operands[0], 0, 1);
}

static Types inferPermute(ValueRange operands) {
  auto order = getConstantIntList(operands[1]);
  return order ? permuted(operands[0], *order) : tensorOf(std::nullopt, getDtype(operands[0]));
}

static Types inferReversed(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  if (shape)
    std::reverse(shape->begin(), shape->end());
  return tensorOf(shape, getDtype(operands[0]));
}

static Types inferMovedim(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  auto from = getConstantIntList(operands[1]), to = getConstantIntList(operands[2]);
  if (!shape || !from || !to || from->size() != to->size())
    return tensorOf(std::nullopt, getDtype(operands[0]));
  SmallVector<int64_t> order(shape->size(), -1), rest;
  for (auto [source, destination] : llvm::zip(*from, *to)) {
    auto s = wrapDim(source, shape->size()), d = wrapDim(destination, shape->size());
    if (!s || !d)
      return failure();
    order[*d] = *s;
  }
  for (int64_t dim = 0, rank = shape->size(); dim < rank; ++dim)
    if (!llvm::is_contained(order, dim))
      rest.push_back(dim);
  auto next = rest.begin();
  for (int64_t &dim : order)
    if (dim < 0)
      dim = *next++;
  return permuted(operands[0], order);
}

static Types inferFlatten(AtenFlattenUsingIntsOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto start = getConstantInt(op.getStartDim()), end = getConstantInt(op.getEndDim());
  if (!shape || !start || !end)
    return tensorOf(std::nullopt, getDtype(op.getSelf()));
  auto first = wrapDim(*start, shape->size()), last = wrapDim(*end, shape->size());
  if (!first || !last || *first > *last)
    return failure();
  if (shape->empty())
    return tensorOf(SmallVector<int64_t>{1}, getDtype(op.getSelf()));
  int64_t count = getElementCount(ArrayRef<int64_t>(*shape).slice(*first, *last - *first + 1));
  shape->erase(shape->begin() + *first, shape->begin() + *last + 1);
  shape->insert(shape->begin() + *first, count);
  return tensorOf(shape, getDtype(op.getSelf()));
}

static Types inferUnflatten(AtenUnflattenIntOp::Adaptor op) {
  Shape shape = getShape(op.getSelf()), sizes = getSizes(op.getSizes());
  auto dim = getConstantInt(op.getDim());
  if (!shape || !sizes || !dim)
    return tensorOf(std::nullopt, getDtype(op.getSelf()));
  auto wrapped = wrapDim(*dim, shape->size());
  if (!wrapped || shape->empty())
    return failure();
  int64_t whole = (*shape)[*wrapped], known = 1;
  for (int64_t size : *sizes)
    known = size == -1 ? known : multiply(known, size);
  bool solvable = !ShapedType::isDynamic(whole) && !ShapedType::isDynamic(known) && known != 0;
  for (int64_t &size : *sizes)
    if (size == -1)
      size = solvable ? whole / known : kDynamic;
  shape->erase(shape->begin() + *wrapped);
  shape->insert(shape->begin() + *wrapped, sizes->begin(), sizes->end());
  return tensorOf(shape, getDtype(op.getSelf()));
}

/// Windows of a dim, their elements in a new last dim.
static Types inferUnfold(AtenUnfoldOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  auto dim = getConstantInt(op.getDimension()), size = getConstantInt(op.getSize()),
       step = getConstantInt(op.getStep());
  if (!shape || shape->empty() || !dim || !size || !step || *step <= 0)
    return failure();
  auto axis = wrapDim(*dim, shape->size());
  if (!axis)
    return failure();
  int64_t &extent = (*shape)[*axis];
  if (!ShapedType::isDynamic(extent) && extent < *size)
    return failure();
  extent = ShapedType::isDynamic(extent) ? kDynamic : (extent - *size) / *step + 1;
  shape->push_back(*size);
  return tensorOf(shape, getDtype(op.getSelf()));
}

static Types inferUnsqueeze(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  auto dim = getConstantInt(operands[1]);
  if (!shape || !dim)
    return tensorOf(std::nullopt, getDtype(operands[0]));
  auto wrapped = wrapDim(*dim, shape->size() + 1);
  if (!wrapped)
    return failure();
  shape->insert(shape->begin() + *wrapped, 1);
  return tensorOf(shape, getDtype(operands[0]));
}

/// Leaves out those `dims` whose size is 1; a `?` among them leaves the rank open.
static Types squeezed(Value self, ArrayRef<int64_t> dims) {
  Shape shape = getShape(self);
  SmallVector<int64_t> sizes;
  for (auto [dim, size] : llvm::enumerate(*shape)) {
    bool named = llvm::is_contained(dims, static_cast<int64_t>(dim));
    if (named && ShapedType::isDynamic(size))
      return tensorOf(std::nullopt, getDtype(self));
    if (!named || size != 1)
      sizes.push_back(size);
  }
  return tensorOf(sizes, getDtype(self));
}
static Types inferSqueezeDims(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  std::optional<SmallVector<int64_t>> dims;
  if (operands.size() == 1)
    dims.emplace(llvm::to_vector(llvm::seq<int64_t>(0, shape ? shape->size() : 0)));
  else if (auto dim = getConstantInt(operands[1]))
    dims.emplace({*dim});
  else
    dims = getConstantIntList(operands[1]);
  if (!shape || !dims)
    return tensorOf(std::nullopt, getDtype(operands[0]));
  for (int64_t &dim : *dims) {
    auto wrapped = wrapDim(dim, shape->size());
    if (!wrapped)
      return failure();
    dim = *wrapped;
  }
  return squeezed(operands[0], *dims);
}

/// -1 keeps the size of that dim.
static Types inferExpand(ValueRange operands) {
  Shape shape = getShape(operands[0]), sizes = getSizes(operands[1]);
  if (!shape || !sizes || sizes->size() < shape->size())
    return tensorOf(std::nullopt, getDtype(operands[0]));
  for (auto [size, own] : llvm::zip(llvm::reverse(*sizes), llvm::reverse(*shape)))
    if (size == -1)
      size = own;
  return tensorOf(sizes, getDtype(operands[0]));
}

static Types inferCat(AtenCatOp::Adaptor op) {
  auto tensors = getListElements(op.getTensors());
  auto dim = getConstantInt(op.getDim());
  if (!tensors || tensors->empty())
    return failure();
  Type dtype = getResultDtype(*tensors);
  Shape result;
  for (Value part : *tensors) {
    Shape shape = getShape(part);
    if (!shape || !dim)
      return tensorOf(std::nullopt, dtype);
    // A [0] of any neighbours is skipped: an old rule of PyTorch's.
    if (shape->size() == 1 && shape->front() == 0)
      continue;
    if (!result) {
      result = shape;
      continue;
    }
    auto axis = wrapDim(*dim, shape->size());
    if (!axis || shape->size() != result->size())
      return failure();
    for (auto [i, size] : llvm::enumerate(*shape)) {
      int64_t &known = (*result)[i];
      if (static_cast<int64_t>(i) == *axis)
        known = ShapedType::isDynamic(known) || ShapedType::isDynamic(size) ? kDynamic : known + size;
      else if (ShapedType::isDynamic(known))
        known = size;
    }
  }
  return tensorOf(result ? result : Shape(SmallVector<int64_t>{0}), dtype);
}

static Types inferStack(AtenStackOp::Adaptor op) {
  auto tensors = getListElements(op.getTensors());
  auto dim = getConstantInt(op.getDim());
  if (!tensors || tensors->empty())
    return failure();
  Shape shape = broadcast(*tensors);
  if (!shape || !dim)
    return tensorOf(std::nullopt, getResultDtype(*tensors));
  auto axis = wrapDim(*dim, shape->size() + 1);
  if (!axis)
    return failure();
  shape->insert(shape->begin() + *axis, tensors->size());
  return tensorOf(shape, getResultDtype(*tensors));
}

/// `pad` holds (before, after) of the last dim first.
static Types inferPad(ValueRange operands) {
  Shape shape = getShape(operands[0]), pad = getSizes(operands[1]);
  if (!shape || !pad || pad->size() > 2 * shape->size())
    return tensorOf(std::nullopt, getDtype(operands[0]));
  for (size_t i = 0; 2 * i + 1 < pad->size(); ++i) {
    int64_t &size = (*shape)[shape->size() - 1 - i], before = (*pad)[2 * i], after = (*pad)[2 * i + 1];
    bool known = !ShapedType::isDynamic(size) && !ShapedType::isDynamic(before) && !ShapedType::isDynamic(after);
    size = known ? size + before + after : kDynamic;
  }
  return tensorOf(shape, getDtype(operands[0]));
}

static Types inferRepeat(ValueRange operands) {
  Shape shape = getShape(operands[0]), repeats = getSizes(operands[1]);
  if (!shape || !repeats || repeats->size() < shape->size())
    return tensorOf(std::nullopt, getDtype(operands[0]));
  for (auto [count, size] : llvm::zip(llvm::reverse(*repeats), llvm::reverse(*shape)))
    count = multiply(count, size);
  return tensorOf(repeats, getDtype(operands[0]));
}

static Types inferPixelShuffle(ValueRange operands) {
  Shape shape = getShape(operands[0]);
  auto factor = getConstantInt(operands[1]);
  if (!shape || !factor || shape->size() < 3 || *factor <= 0)
    return tensorOf(std::nullopt, getDtype(operands[0]));
  MutableArrayRef<int64_t> last = MutableArrayRef<int64_t>(*shape).take_back(3);
  last[0] = ShapedType::isDynamic(last[0]) ? kDynamic : last[0] / (*factor * *factor);
  last[1] = multiply(last[1], *factor);
  last[2] = multiply(last[2], *factor);
  return tensorOf(shape, getDtype(operands[0]));
}

static Types inferRepeatInterleave(AtenRepeatInterleaveSelfIntOp::Adaptor op) {
  Shape shape = getShape(op.getSelf());
  if (!shape)
    return tensorOf(std::nullopt, getDtype(op.getSelf()));
  int64_t repeats = getConstantInt(op.getRepeats()).value_or(kDynamic);
  if (isNone(op.getDim()))
    return tensorOf(SmallVector<int64_t>{multiply(getElementCount(*shape), repeats)}, getDtype(op.getSelf()));
  auto dim = getConstantInt(op.getDim());
  auto axis = dim ? wrapDim(*dim, shape->size()) : std::nullopt;
  if (!axis || shape->empty())
    return failure();
  (*shape)[*axis] = multiply((*shape)[*axis], repeats);
  return tensorOf(shape, getDtype(op.getSelf()));
}

void torchc::torch::addShapeInference(InferenceTable &table) {
  table.addAll<AtenViewOp, AtenReshapeOp, Aten_UnsafeViewOp>(inferViewOp);
  table.addAll<AtenViewAsOp, AtenReshapeAsOp, AtenExpandAsOp>(inferViewLikeOther);
  table.add<AtenFlattenUsingIntsOp>(inferFlatten);
  table.add<AtenUnflattenIntOp>(inferUnflatten);
  table.addAll<AtenRavelOp>([](ValueRange operands) { return inferView(operands[0], SmallVector<int64_t>{-1}); });
  table.addAll<AtenPermuteOp>(inferPermute);
  table.addAll<AtenTransposeIntOp, AtenSwapaxesOp>(inferTranspose);
  table.addAll<AtenTOp>(inferT);
  table.addAll<AtenMTOp, AtenAdjointOp>([](ValueRange operands) { return transposed(operands[0], -2, -1); });
  table.addAll<AtenNumpyTOp>(inferReversed);
  table.addAll<AtenMovedimIntlistOp>(inferMovedim);
  table.add<AtenUnfoldOp>(inferUnfold);
  table.addAll<AtenUnsqueezeOp>(inferUnsqueeze);
  table.addAll<AtenSqueezeOp, AtenSqueezeDimOp, AtenSqueezeDimsOp>(inferSqueezeDims);
  table.addAll<AtenExpandOp, AtenBroadcastToOp>(inferExpand);
  table.add<AtenCatOp>(inferCat);
  table.add<AtenStackOp>(inferStack);
  table.addAll<AtenConstantPadNdOp, AtenPadOp>(inferPad);
  table.addAll<AtenRepeatOp>(inferRepeat);
  table.addAll<AtenFlipOp, AtenRollOp>(inferLikeFirst);
  table.addAll<AtenViewAsRealOp>([](ValueRange operands) -> Types {
    Shape shape = getShape(operands[0]);
    auto complex = dyn_cast_or_null<ComplexType>(getDtype(operands[0]));
    if (!shape || !complex)
      return failure();
    shape->push_back(2);
    return tensorOf(shape, complex.getElementType());
  });
  table.addAll<AtenViewAsComplexOp>([](ValueRange operands) -> Types {
    Shape shape = getShape(operands[0]);
    Type dtype = getDtype(operands[0]);
    if (!shape || shape->empty() || !dtype || !isFloatDtype(dtype))
      return failure();
    shape->pop_back();
    return tensorOf(shape, ComplexType::get(dtype));
  });
  table.addAll<AtenAtleast1dOp>([](ValueRange operands) {
    Shape shape = getShape(operands[0]);
    return shape && shape->empty() ? tensorOf(SmallVector<int64_t>{1}, getDtype(operands[0]))
                                   : inferLikeFirst(operands);
  });
  table.addAll<AtenPixelShuffleOp>(inferPixelShuffle);
  table.add<AtenRepeatInterleaveSelfIntOp>(inferRepeatInterleave);
}
