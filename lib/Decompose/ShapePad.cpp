//===- ShapePad.cpp - decompositions of padding with elements of the tensor ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {
enum class PadMode { Reflect, Replicate, Circular };

/// A dim, and from which of its elements those of the padded dim come, as a tensor of places.
struct Selection {
  int64_t dim;
  Value places;
};
} // namespace

/// The place that element `i` of a dim comes from that gets `front` and `back` elements more.
static std::optional<int64_t> getPaddingSource(PadMode mode, int64_t i, int64_t extent, int64_t front, int64_t back) {
  if (mode == PadMode::Circular) {
    // What is cut off takes no part.
    int64_t first = std::max<int64_t>(-front, 0), kept = extent - first - std::max<int64_t>(-back, 0);
    if (kept <= 0)
      return std::nullopt;
    return first + (((i - first) % kept) + kept) % kept;
  }
  if (mode == PadMode::Replicate)
    return std::clamp<int64_t>(i, 0, extent - 1);
  if (i <= -extent || i >= 2 * extent - 1)
    return std::nullopt;
  return i < 0 ? -i : i >= extent ? 2 * (extent - 1) - i : i;
}

/// The same of an extent that only run time knows; of Reflect, places outside of the tensor are found there.
static Value buildPaddingPlaces(PadMode mode, Value extent, int64_t front, int64_t back, Decomposer &b) {
  Value zero = b.integer(0), one = b.integer(1), last = b.sub(extent, one);
  Value places = b.create<AtenAddScalarOp>(b.range(b.add(extent, b.integer(front + back))), b.integer(-front), one);
  if (mode == PadMode::Replicate) {
    b.checkLessEqual(one, extent, "there is no element to pad with");
    return b.create<AtenClampOp>(places, zero, last);
  }
  if (mode == PadMode::Circular) {
    b.checkLessEqual(b.integer(std::max(front, back)), extent, "padding more often than once around");
    // What is cut off takes no part.
    int64_t first = std::max<int64_t>(-front, 0), cut = first + std::max<int64_t>(-back, 0);
    Value fromFirst = b.create<AtenAddScalarOp>(places, b.integer(-first), one);
    Value kept = b.max(b.sub(extent, b.integer(cut)), one);
    return b.create<AtenAddScalarOp>(b.create<AtenRemainderScalarOp>(fromFirst, kept), b.integer(first), one);
  }
  // | .. | folds the elements in front back, and seen from the last element those behind.
  Value fromLast = b.create<AtenAbsOp>(b.create<AtenRsubScalarOp>(b.create<AtenAbsOp>(places), last, one));
  return b.create<AtenRsubScalarOp>(fromLast, last, one);
}

/// For amounts in front of and behind the last dim, the one before it, ...
static FailureOr<SmallVector<Selection>> selectPadded(Value x, Value amountList, PadMode mode, Decomposer &b) {
  auto amounts = getConstantIntList(amountList);
  if (!amounts)
    return b.unsupported("amounts that are not constant");
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  // First what may be refused.
  SmallVector<SmallVector<double>> constants;
  for (size_t i = 0; i + 1 < amounts->size(); i += 2) {
    int64_t extent = getTensorType(x).getSizes()[getRank(x) - 1 - static_cast<int64_t>(i / 2)];
    int64_t front = (*amounts)[i], back = (*amounts)[i + 1];
    if (extent == 0)
      return b.unsupported("of a dim that is empty");
    SmallVector<double> &places = constants.emplace_back();
    for (int64_t place = -front; !ShapedType::isDynamic(extent) && place < extent + back; ++place) {
      auto source = getPaddingSource(mode, place, extent, front, back);
      if (!source)
        return b.unsupported("with more elements than there are to reflect");
      places.push_back(static_cast<double>(*source));
    }
  }
  SmallVector<Selection> selections;
  for (auto [i, places] : llvm::enumerate(constants)) {
    int64_t dim = getRank(x) - 1 - static_cast<int64_t>(i), front = (*amounts)[2 * i], back = (*amounts)[2 * i + 1];
    if (front == 0 && back == 0)
      continue;
    if (ShapedType::isDynamic(getTensorType(x).getSizes()[dim]))
      selections.push_back({dim, buildPaddingPlaces(mode, b.size(x, dim), front, back, b)});
    else
      selections.push_back({dim, b.literal(si64, places, {static_cast<int64_t>(places.size())})});
  }
  return selections;
}

static FailureOr<Value> buildPadded(Value x, Value amounts, PadMode mode, Decomposer &b) {
  auto selections = selectPadded(x, amounts, mode, b);
  if (failed(selections))
    return failure();
  for (Selection &selection : *selections)
    x = b.create<AtenIndexSelectOp>(x, b.integer(selection.dim), selection.places);
  return x;
}

/// Each element gets the sum of the gradients of those that it was taken for.
static FailureOr<Value> buildPaddedGradient(Operation *op, Value gradient, Value x, Value amounts, PadMode mode,
                                            Decomposer &b) {
  auto selections = selectPadded(x, amounts, mode, b);
  if (failed(selections))
    return failure();
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value result = b.convert(gradient, computed);
  for (Selection &selection : llvm::reverse(*selections)) {
    SmallVector<Value> sizes = b.sizes(result);
    sizes[selection.dim] = b.size(x, selection.dim);
    result = b.create<AtenIndexAddOp>(b.full(sizes, b.integer(0), computed), b.integer(selection.dim), selection.places,
                                      result, b.integer(1));
  }
  return b.convert(result, dtype);
}

/// Modes other than "constant" repeat elements of the tensor: one selection a dim.
static FailureOr<Value> DecomposeAtenPad(AtenPadOp op, Decomposer &b) {
  auto mode = getConstantString(op.getMode());
  if (mode == "constant") {
    Value value = isNone(op.getValue()) ? b.integer(0) : op.getValue();
    return b.createAs<AtenConstantPadNdOp>(op.getType(), op.getSelf(), op.getPad(), value);
  }
  if (mode == "reflect")
    return buildPadded(op.getSelf(), op.getPad(), PadMode::Reflect, b);
  if (mode == "replicate")
    return buildPadded(op.getSelf(), op.getPad(), PadMode::Replicate, b);
  if (mode == "circular")
    return buildPadded(op.getSelf(), op.getPad(), PadMode::Circular, b);
  return b.unsupported("in mode " + mode.value_or("(not constant)"));
}

template <PadMode mode, typename Op> static FailureOr<Value> decomposePad(Op op, Decomposer &b) {
  return buildPadded(op.getSelf(), op.getPadding(), mode, b);
}
template <PadMode mode, typename Op> static FailureOr<Value> decomposePadBackward(Op op, Decomposer &b) {
  return buildPaddedGradient(op, op.getGradOutput(), op.getSelf(), op.getPadding(), mode, b);
}

void torchc::populateShapePadPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenPad, decomposePad<PadMode::Reflect, AtenReflectionPad1dOp>,
                    decomposePad<PadMode::Reflect, AtenReflectionPad2dOp>,
                    decomposePad<PadMode::Reflect, AtenReflectionPad3dOp>,
                    decomposePad<PadMode::Replicate, AtenReplicationPad1dOp>,
                    decomposePad<PadMode::Replicate, AtenReplicationPad2dOp>,
                    decomposePad<PadMode::Replicate, AtenReplicationPad3dOp>);
  addDecompositions(patterns, decomposePadBackward<PadMode::Reflect, AtenReflectionPad1dBackwardOp>,
                    decomposePadBackward<PadMode::Reflect, AtenReflectionPad2dBackwardOp>,
                    decomposePadBackward<PadMode::Reflect, AtenReflectionPad3dBackwardOp>,
                    decomposePadBackward<PadMode::Replicate, AtenReplicationPad1dBackwardOp>,
                    decomposePadBackward<PadMode::Replicate, AtenReplicationPad2dBackwardOp>,
                    decomposePadBackward<PadMode::Replicate, AtenReplicationPad3dBackwardOp>);
}
