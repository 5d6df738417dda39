//===- PartBounds.cpp - where the parts of a split tensor are ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/PartBounds.h"

#include "torchc/Dialect/Torch/IR/ShapeInference.h"
#include "torchc/Dialect/Torch/IR/TorchDialect.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {

/// Collects the places of one list.
class PartBoundsBuilder {
public:
  PartBoundsBuilder(Operation *op, Value whole, std::optional<TakenParts> taken, AtenBuilder &b)
      : places{b.integer(0)}, op(op), whole(whole), taken(taken), b(b) {}

  SmallVector<Value> places;

  /// Parts of `length`, the last one shorter; `numberIfEmpty` of an empty dim.
  LogicalResult addEven(Value length, int64_t numberIfEmpty);
  /// `sections` parts, the first ones longer by 1 where they are not equal.
  LogicalResult addSections(Value sections);
  LogicalResult addSizes(Value sizes);
  LogicalResult addIndices(Value indices);

private:
  Operation *op;
  Value whole;
  std::optional<TakenParts> taken;
  AtenBuilder &b;
};

} // namespace

LogicalResult PartBoundsBuilder::addEven(Value length, int64_t numberIfEmpty) {
  int64_t number;
  auto extent = getConstantInt(whole), constantLength = getConstantInt(length);
  if (extent && constantLength) {
    number = *extent == 0 || *constantLength <= 0 ? numberIfEmpty : llvm::divideCeil(*extent, *constantLength);
  } else {
    if (!taken)
      return failure();
    number = taken->count;
    StringRef name = op->getName().getStringRef();
    name.consume_front("torch.");
    std::string message =
        (name + " gives another number of parts than " + Twine(number) + ", which the model takes").str();
    // The last part that is taken has an element, if any part has one.
    Value elements = number > numberIfEmpty ? whole : b.max(whole, b.integer(1));
    b.checkLessEqual(b.add(b.mul(length, b.integer(number - 1)), b.integer(1)), elements, message);
    if (taken->areAll)
      b.checkLessEqual(whole, b.mul(length, b.integer(number)), message);
  }
  for (int64_t i = 1; i <= number; ++i)
    places.push_back(b.mul(length, b.integer(i)));
  if (extent || taken->areAll)
    places.back() = whole;
  return success();
}

LogicalResult PartBoundsBuilder::addSections(Value sections) {
  auto number = getConstantInt(sections);
  if (!number || *number <= 0)
    return failure();
  for (int64_t i = 1; i <= *number; ++i)
    places.push_back(b.add(places.back(), b.floordiv(b.add(whole, b.integer(*number - i)), sections)));
  return success();
}

LogicalResult PartBoundsBuilder::addSizes(Value sizes) {
  auto elements = getListElements(sizes);
  if (!elements)
    return failure();
  for (Value size : *elements)
    places.push_back(b.add(places.back(), size));
  return success();
}

LogicalResult PartBoundsBuilder::addIndices(Value indices) {
  auto elements = getListElements(indices);
  if (!elements)
    return failure();
  llvm::append_range(places, *elements);
  places.push_back(b.integer(std::numeric_limits<int64_t>::max()));
  return success();
}

/// The dim that an op splits.
static std::optional<int64_t> getDim(Operation *op, int64_t rank) {
  if (isa<AtenHsplitIntOp, AtenHsplitArrayOp>(op))
    return wrapDim(rank == 1 ? 0 : 1, rank);
  if (isa<AtenVsplitIntOp, AtenVsplitArrayOp>(op))
    return wrapDim(0, rank);
  if (isa<AtenDsplitIntOp, AtenDsplitArrayOp>(op))
    return wrapDim(2, rank);
  auto dim = getConstantInt(op->getOperands().back());
  return dim ? wrapDim(*dim, rank) : std::nullopt;
}

std::optional<PartBounds> torch::buildPartBounds(Operation *op, Value tensor, std::optional<TakenParts> taken,
                                                 AtenBuilder &b) {
  BaseTensorType type = getTensorType(tensor);
  auto dim = type.hasRank() && type.getRank() > 0 ? getDim(op, type.getRank()) : std::nullopt;
  if (!dim)
    return std::nullopt;
  Value whole = b.size(tensor, *dim), how = op->getOperand(1);
  PartBoundsBuilder parts(op, whole, taken, b);
  LogicalResult areKnown = failure();
  if (isa<AtenSplitTensorOp, AtenUnsafeSplitTensorOp, AtenSplitCopyTensorOp>(op)) {
    areKnown = parts.addEven(how, /*numberIfEmpty=*/1);
  } else if (isa<AtenUnbindIntOp>(op)) {
    areKnown = parts.addEven(b.integer(1), /*numberIfEmpty=*/0);
  } else if (isa<AtenChunkOp, AtenUnsafeChunkOp>(op)) {
    if (auto chunks = getConstantInt(how); chunks && *chunks > 0)
      areKnown = parts.addEven(b.floordiv(b.add(whole, b.integer(*chunks - 1)), how), /*numberIfEmpty=*/*chunks);
  } else if (isa<AtenTensorSplitSectionsOp, AtenHsplitIntOp, AtenVsplitIntOp, AtenDsplitIntOp>(op)) {
    areKnown = parts.addSections(how);
  } else if (isa<AtenSplitWithSizesOp, AtenUnsafeSplitWithSizesOp, AtenSplitWithSizesCopyOp, AtenSplitSizesOp>(op)) {
    areKnown = parts.addSizes(how);
  } else if (isa<AtenTensorSplitIndicesOp, AtenHsplitArrayOp, AtenVsplitArrayOp, AtenDsplitArrayOp>(op)) {
    areKnown = parts.addIndices(how);
  }
  if (failed(areKnown))
    return std::nullopt;
  return PartBounds{*dim, std::move(parts.places)};
}
