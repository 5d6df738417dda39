//===- IndexingStrided.cpp - decompositions of ops that say where in memory elements lie ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Tensors have no strides here: their memory is what a row-major one of their sizes would have.
// The importer refuses these ops on a tensor that PyTorch laid out in another way.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// offset + i * strides[0] + j * strides[1] + ..., flat: the place of each element of the view in
/// the flattened tensor. Null for a view without elements.
static FailureOr<Value> buildPlaces(Value self, Value sizeList, Value strideList, Value offset, Decomposer &b) {
  auto sizes = getListElements(sizeList), strides = getListElements(strideList);
  if (!sizes || !strides || sizes->size() != strides->size())
    return b.unsupported("sizes and strides that are no lists of known length");
  if (llvm::any_of(*sizes, [](Value size) { return getConstantInt(size) == 0; }))
    return Value();
  Value zero = b.integer(0), one = b.integer(1), first = isNone(offset) ? zero : offset, end = b.add(first, one);
  Value count = one;
  for (auto [size, stride] : llvm::zip_equal(*sizes, *strides))
    end = b.add(end, b.mul(b.sub(size, one), stride));
  for (Value size : b.sizes(self))
    count = b.mul(count, size);
  auto last = getConstantInt(end), elements = getConstantInt(count), start = getConstantInt(first);
  if ((last && elements && *last > *elements) || (start && *start < 0))
    return b.unsupported("memory behind the end of the tensor");
  b.checkLessEqual(zero, first, "a view that starts in front of its tensor");
  b.checkLessEqual(end, count, "a view of memory behind the end of its tensor");
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value places = b.scalarTensor(first, si64);
  for (auto [size, stride] : llvm::zip_equal(*sizes, *strides)) {
    Value steps = b.create<AtenMulScalarOp>(b.range(size), stride);
    places = b.addTensors(b.unsqueeze(places, -1), steps);
  }
  return b.flatten(places);
}

template <typename Op> static FailureOr<Value> decomposeAsStrided(Op op, Decomposer &b) {
  auto places = buildPlaces(op.getSelf(), op.getSize(), op.getStride(), op.getStorageOffset(), b);
  if (failed(places))
    return failure();
  auto sizes = getListElements(op.getSize());
  if (!*places)
    return b.full(*sizes, b.integer(0), getTensorType(op.getSelf()).getDtype());
  Value picked = b.create<AtenIndexSelectOp>(b.flatten(op.getSelf()), b.integer(0), *places);
  return b.createAs<AtenReshapeOp>(op.getType(), picked, op.getSize());
}
static FailureOr<Value> DecomposeAtenAsStrided(AtenAsStridedOp op, Decomposer &b) { return decomposeAsStrided(op, b); }
static FailureOr<Value> DecomposeAtenAsStridedCopy(AtenAsStridedCopyOp op, Decomposer &b) {
  return decomposeAsStrided(op, b);
}

/// self with src in the place of its strided view.
static FailureOr<Value> DecomposeAtenAsStridedScatter(AtenAsStridedScatterOp op, Decomposer &b) {
  auto places = buildPlaces(op.getSelf(), op.getSize(), op.getStride(), op.getStorageOffset(), b);
  if (failed(places))
    return failure();
  if (!*places)
    return op.getSelf();
  Value source = b.flatten(b.expand(op.getSrc(), *getListElements(op.getSize())));
  Value written = b.create<AtenScatterSrcOp>(b.flatten(op.getSelf()), b.integer(0), *places, source);
  return b.createAs<AtenReshapeOp>(op.getType(), written, b.list(b.sizes(op.getSelf())));
}

void torchc::populateIndexingStridedPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenAsStrided, DecomposeAtenAsStridedCopy, DecomposeAtenAsStridedScatter);
}
