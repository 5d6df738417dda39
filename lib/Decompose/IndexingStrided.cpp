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
  auto sizes = getConstantIntList(sizeList), strides = getConstantIntList(strideList);
  auto first = isNone(offset) ? std::optional<int64_t>(0) : getConstantInt(offset);
  ArrayRef<int64_t> shape = getTensorType(self).getSizes();
  if (!sizes || !strides || !first || sizes->size() != strides->size() || llvm::any_of(shape, ShapedType::isDynamic))
    return b.unsupported("sizes, strides or an offset that are not constant, or of a tensor that is not static");
  if (llvm::is_contained(*sizes, 0))
    return Value();
  int64_t last = *first, count = llvm::product_of(shape);
  for (auto [size, stride] : llvm::zip_equal(*sizes, *strides))
    last += (size - 1) * stride;
  if (*first < 0 || last >= count)
    return b.unsupported("memory behind the end of the tensor");
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value places = b.literal(si64, static_cast<double>(*first));
  for (auto [size, stride] : llvm::zip_equal(*sizes, *strides)) {
    Value steps = b.create<AtenMulScalarOp>(b.range(b.integer(size)), b.integer(stride));
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
