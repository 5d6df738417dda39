//===- Pooling.cpp - decompositions of pooling into two dims ---===//
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

/// A list of one int as the list for (1, that dim); an empty list stays.
static Value inTwoDims(Value list, int64_t other, Decomposer &b) {
  auto elements = getListElements(list);
  if (!elements || elements->empty())
    return list;
  return b.list({b.integer(other), elements->front()});
}

/// Pooling over [.., L] is pooling over [.., 1, L].
static FailureOr<Value> DecomposeAtenAvgPool1d(AtenAvgPool1dOp op, Decomposer &b) {
  Value pooled = b.create<AtenAvgPool2dOp>(b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getKernelSize(), 1, b),
                                           inTwoDims(op.getStride(), 1, b), inTwoDims(op.getPadding(), 0, b),
                                           op.getCeilMode(), op.getCountIncludePad(), b.none());
  return b.squeeze(pooled, -2);
}
static FailureOr<Value> DecomposeAtenMaxPool1d(AtenMaxPool1dOp op, Decomposer &b) {
  Value pooled = b.create<AtenMaxPool2dOp>(b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getKernelSize(), 1, b),
                                           inTwoDims(op.getStride(), 1, b), inTwoDims(op.getPadding(), 0, b),
                                           inTwoDims(op.getDilation(), 1, b), op.getCeilMode());
  return b.squeeze(pooled, -2);
}
static FailureOr<Value> DecomposeAtenAdaptiveAvgPool1d(AtenAdaptiveAvgPool1dOp op, Decomposer &b) {
  Value pooled = b.create<AtenAdaptiveAvgPool2dOp>(b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getOutputSize(), 1, b));
  return b.squeeze(pooled, -2);
}
static FailureOr<Value> DecomposeAten_AdaptiveAvgPool2d(Aten_AdaptiveAvgPool2dOp op, Decomposer &b) {
  return b.createAs<AtenAdaptiveAvgPool2dOp>(op.getType(), op.getSelf(), op.getOutputSize());
}

static FailureOr<Value> DecomposeAten_AdaptiveAvgPool3d(Aten_AdaptiveAvgPool3dOp op, Decomposer &b) {
  return b.createAs<AtenAdaptiveAvgPool3dOp>(op.getType(), op.getSelf(), op.getOutputSize());
}

/// Maxima and places of [.., 1, L], whose types are those of the op's results with one dim more.
static Decomposed buildWithIndices(Operation *op, StringRef name, ArrayRef<Value> operands, Decomposer &b) {
  SmallVector<Type> types;
  for (Value result : op->getResults()) {
    BaseTensorType type = getTensorType(result);
    if (!type.hasRank())
      return b.unsupported("a result of unknown rank");
    SmallVector<int64_t> sizes(type.getSizes());
    sizes.insert(sizes.end() - 1, 1);
    types.push_back(ValueTensorType::get(b.getBuilder().getContext(), sizes, type.getDtype()));
  }
  OperationState state(b.getLoc(), name, operands, types);
  Operation *pooled = b.getBuilder().create(state);
  return SmallVector<Value>{b.squeeze(pooled->getResult(0), -2), b.squeeze(pooled->getResult(1), -2)};
}
static Decomposed DecomposeAtenMaxPool1dWithIndices(AtenMaxPool1dWithIndicesOp op, Decomposer &b) {
  return buildWithIndices(op, AtenMaxPool2dWithIndicesOp::getOperationName(),
                          {b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getKernelSize(), 1, b),
                           inTwoDims(op.getStride(), 1, b), inTwoDims(op.getPadding(), 0, b),
                           inTwoDims(op.getDilation(), 1, b), op.getCeilMode()},
                          b);
}
static Decomposed DecomposeAtenAdaptiveMaxPool1d(AtenAdaptiveMaxPool1dOp op, Decomposer &b) {
  return buildWithIndices(op, AtenAdaptiveMaxPool2dOp::getOperationName(),
                          {b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getOutputSize(), 1, b)}, b);
}

//===----------------------------------------------------------------------===//
// Windows at random places
//===----------------------------------------------------------------------===//

/// Where the windows of a dim start [N, C, count], by B. Graham, Fractional max-pooling, 2014: `sample` [N, C] moves
/// them; the last one ends with the dim.
static Value buildStarts(Value sample, Value extent, int64_t window, Value count, Decomposer &b) {
  Type dtype = getDtype(sample), si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value one = b.integer(1), moves = b.sub(extent, b.integer(window)), steps = b.sub(count, one);
  b.checkLessEqual(b.add(count, b.integer(window - 1)), extent, "the windows do not fit in the image");
  Value places = b.range(count), moved = b.unsqueeze(sample, -1), alpha;
  if (auto distance = getConstantInt(moves), number = getConstantInt(steps); distance && number) {
    double spread = *number > 0 ? static_cast<double>(*distance) / static_cast<double>(*number) : 0;
    alpha = b.literal(dtype, spread);
  } else {
    // A single window is the last one.
    alpha = b.divTensors(b.scalarTensor(moves, dtype), b.scalarTensor(b.max(steps, one), dtype));
  }
  Value end = b.mulTensors(b.addTensors(b.convert(places, dtype), moved), alpha);
  Value starts = b.subTensors(b.convert(end, si64), b.convert(b.mulTensors(moved, alpha), si64));
  Value isLast = b.create<AtenEqScalarOp>(places, steps);
  return b.where(isLast, b.scalarTensor(moves, si64), starts);
}

/// Maxima and their places in the whole image; `order`: the sample of each dim.
template <typename Op> static Decomposed decomposeFractional(Op op, ArrayRef<int64_t> order, Decomposer &b) {
  auto spatial = static_cast<int64_t>(order.size());
  auto kernel = getConstantIntList(op.getKernelSize());
  auto output = getListElements(op.getOutputSize());
  Value x = op.getSelf();
  bool isBatched = getRank(x) == spatial + 2;
  if (!kernel || !output || static_cast<int64_t>(kernel->size()) != spatial ||
      static_cast<int64_t>(output->size()) != spatial)
    return b.unsupported("windows of a size that is not constant");
  if (!isBatched)
    x = b.unsqueeze(x, 0);
  // The place of element (o1, k1, o2, k2, ...) as a number.
  Value places;
  SmallVector<int64_t> outputDims{0, 1}, windowDims;
  for (int64_t dim = 0; dim < spatial; ++dim) {
    Value sample = b.select(op.getRandomSamples(), 2, order[dim]);
    Value extent = b.size(x, 2 + dim), starts = buildStarts(sample, extent, (*kernel)[dim], (*output)[dim], b);
    Value own = b.addTensors(b.unsqueeze(starts, -1), b.range(b.integer((*kernel)[dim])));
    for (int64_t before = 0; before < 2 * dim; ++before)
      own = b.unsqueeze(own, 2);
    if (places) {
      places = b.create<AtenMulScalarOp>(places, extent);
      places = b.unsqueeze(b.unsqueeze(places, -1), -1);
      own = b.addTensors(places, own);
    }
    places = own;
    outputDims.push_back(2 + 2 * dim);
    windowDims.push_back(3 + 2 * dim);
  }
  SmallVector<int64_t> dims(outputDims);
  llvm::append_range(dims, windowDims);
  places = b.permute(places, dims);
  SmallVector<Value> sizes = b.sizes(places);
  sizes.resize(2 + spatial);
  int64_t count = 1;
  for (int64_t extent : *kernel)
    count *= extent;
  sizes.push_back(b.integer(count));
  places = b.create<AtenReshapeOp>(places, b.list(sizes));
  Value minusOne = b.integer(-1), no = b.boolean(false);
  Value elements = b.create<AtenGatherOp>(b.flatten(x, 2, -1), minusOne, b.flatten(places, 2, -1), no);
  elements = b.create<AtenReshapeOp>(elements, b.list(b.sizes(places)));
  Operation *maxima = b.createOp(AtenMaxDimOp::getOperationName(), {}, {elements, minusOne, b.boolean(true)});
  Value found = b.create<AtenGatherOp>(places, minusOne, maxima->getResult(1), no);
  return llvm::map_to_vector(ValueRange{maxima->getResult(0), found}, [&](Value result) {
    result = b.squeeze(result, -1);
    return isBatched ? result : b.squeeze(result, 0);
  });
}
static Decomposed DecomposeAtenFractionalMaxPool2d(AtenFractionalMaxPool2dOp op, Decomposer &b) {
  return decomposeFractional(op, {1, 0}, b);
}
static Decomposed DecomposeAtenFractionalMaxPool3d(AtenFractionalMaxPool3dOp op, Decomposer &b) {
  return decomposeFractional(op, {0, 1, 2}, b);
}

void torchc::populatePoolingPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenAvgPool1d, DecomposeAtenMaxPool1d, DecomposeAtenAdaptiveAvgPool1d,
                    DecomposeAten_AdaptiveAvgPool2d, DecomposeAten_AdaptiveAvgPool3d, DecomposeAtenMaxPool1dWithIndices,
                    DecomposeAtenAdaptiveMaxPool1d, DecomposeAtenFractionalMaxPool2d, DecomposeAtenFractionalMaxPool3d);
}
