//===- NormalizationBackward.cpp - gradients of normalizations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Backward.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

//
// Of y = (x - mean) rstd w + bias, with n = (x - mean) rstd, g the gradient of y and h = g w:
//   of x: rstd (h - mean(h) - n mean(h n)), the means over what the statistics are of
//   of w: the sum of g n, of the bias that of g, over all that share them
// All of it in f32 for half types.
//

/// rstd (h - mean(h) - n mean(h n)) over `dims`
static Value buildNormalizedGradient(Value h, Value n, Value rstd, ArrayRef<int64_t> dims, Decomposer &b) {
  Value inner = b.subTensors(h, b.mean(h, dims, true));
  inner = b.subTensors(inner, b.mulTensors(n, b.mean(b.mulTensors(h, n), dims, true)));
  return b.mulTensors(inner, rstd);
}

static Value sumOver(Value x, ArrayRef<int64_t> dims, Decomposer &b) {
  return dims.empty() ? x : b.sum(x, dims, false);
}

/// The values in the dtypes of the results.
static SmallVector<Value> convertToResults(Operation *op, SmallVector<Value> values, Decomposer &b) {
  for (auto [value, result] : llvm::zip_equal(values, op->getResults()))
    if (value)
      value = b.convert(value, getDtype(result));
  return values;
}

/// g - exp(y) sum(g)
static FailureOr<Value> DecomposeAten_LogSoftmaxBackwardData(Aten_LogSoftmaxBackwardDataOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Type computed = getComputeDtype(getDtype(op.getOutput()));
  Value y = b.convert(op.getOutput(), computed), g = b.convert(op.getGradOutput(), computed);
  Value share = b.mulTensors(b.create<AtenExpOp>(y), b.sum(g, {*dim}, true));
  return b.convert(b.subTensors(g, share), getResultDtype(op));
}

//===----------------------------------------------------------------------===//
// Over the last dims
//===----------------------------------------------------------------------===//

/// The dims that are normalized, and those before them.
struct LayerDims {
  SmallVector<int64_t> inner, outer;
};
static FailureOr<LayerDims> getLayerDims(Value x, Value shape, Decomposer &b) {
  auto normalized = getListElements(shape);
  int64_t rank = getRank(x);
  if (!normalized || static_cast<int64_t>(normalized->size()) > rank)
    return b.unsupported("a normalized shape of unknown length");
  int64_t first = rank - static_cast<int64_t>(normalized->size());
  return LayerDims{llvm::to_vector(llvm::seq<int64_t>(first, rank)), llvm::to_vector(llvm::seq<int64_t>(0, first))};
}

static Decomposed DecomposeAtenNativeLayerNormBackward(AtenNativeLayerNormBackwardOp op, Decomposer &b) {
  auto mask = getOutputMask(op, op.getOutputMask(), b);
  if (failed(mask))
    return failure();
  auto dims = getLayerDims(op.getInput(), op.getNormalizedShape(), b);
  if (failed(dims))
    return failure();
  Type computed = getComputeDtype(getDtype(op.getInput()));
  Value g = b.convert(op.getGradOut(), computed), rstd = b.convert(op.getRstd(), computed);
  Value n = b.subTensors(b.convert(op.getInput(), computed), b.convert(op.getMean(), computed));
  n = b.mulTensors(n, rstd);
  SmallVector<Value> values(3);
  if ((*mask)[0]) {
    Value h = isNone(op.getWeight()) ? g : b.mulTensors(g, b.convert(op.getWeight(), computed));
    values[0] = buildNormalizedGradient(h, n, rstd, dims->inner, b);
  }
  if ((*mask)[1])
    values[1] = sumOver(b.mulTensors(g, n), dims->outer, b);
  if ((*mask)[2])
    values[2] = sumOver(g, dims->outer, b);
  return convertToResults(op, values, b);
}

//===----------------------------------------------------------------------===//
// Over groups of channels
//===----------------------------------------------------------------------===//

static Decomposed DecomposeAtenNativeGroupNormBackward(AtenNativeGroupNormBackwardOp op, Decomposer &b) {
  auto mask = getOutputMask(op, op.getOutputMask(), b);
  if (failed(mask))
    return failure();
  Type computed = getComputeDtype(getDtype(op.getInput()));
  Value groups = op.getGroup(), channels = b.floordiv(op.getC(), groups), one = b.integer(1);
  // [N, groups, channels of a group, the rest]
  Value shape = b.list({op.getN(), groups, channels, op.getHxW()}), statistics = b.list({op.getN(), groups, one, one});
  auto split = [&](Value x, Value sizes) { return b.create<AtenReshapeOp>(b.convert(x, computed), sizes); };
  Value g = split(op.getGradOut(), shape), rstd = split(op.getRstd(), statistics);
  Value n = b.mulTensors(b.subTensors(split(op.getInput(), shape), split(op.getMean(), statistics)), rstd);
  Value perChannel = b.list(ValueRange{op.getC()});
  SmallVector<Value> values(3);
  if ((*mask)[0]) {
    Value h = isNone(op.getWeight()) ? g : b.mulTensors(g, split(op.getWeight(), b.list({one, groups, channels, one})));
    values[0] = b.create<AtenReshapeOp>(buildNormalizedGradient(h, n, rstd, {2, 3}, b), b.list(b.sizes(op.getInput())));
  }
  if ((*mask)[1])
    values[1] = b.create<AtenReshapeOp>(b.sum(b.mulTensors(g, n), {0, 3}, false), perChannel);
  if ((*mask)[2])
    values[2] = b.create<AtenReshapeOp>(b.sum(g, {0, 3}, false), perChannel);
  return convertToResults(op, values, b);
}

/// In training by the statistics of the batch, else by those that were given, which do not depend on x.
template <typename Op>
static Decomposed decomposeBatchNormBackward(Op op, Value savedMean, Value savedRstd, Value trainingValue,
                                             Decomposer &b) {
  auto mask = getOutputMask(op, op.getOutputMask(), b);
  if (failed(mask))
    return failure();
  auto training = getConstantBool(trainingValue);
  Value mean = training == true ? savedMean : op.getRunningMean();
  Value spread = training == true ? savedRstd : op.getRunningVar();
  if (!training || isNone(mean) || isNone(spread))
    return b.unsupported("without statistics, or in a mode that is not constant");
  Value x = op.getInput();
  Type computed = getComputeDtype(getDtype(x));
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < getRank(x); ++dim)
    if (dim != 1)
      dims.push_back(dim);
  auto alongChannels = [&](Value perChannel) {
    perChannel = b.convert(perChannel, computed);
    for (int64_t dim = 2; dim < getRank(x); ++dim)
      perChannel = b.unsqueeze(perChannel, -1);
    return perChannel;
  };
  Value rstd = alongChannels(spread), g = b.convert(op.getGradOut(), computed);
  if (!*training)
    rstd = b.create<AtenRsqrtOp>(b.create<AtenAddScalarOp>(rstd, op.getEps(), b.integer(1)));
  Value n = b.mulTensors(b.subTensors(b.convert(x, computed), alongChannels(mean)), rstd);
  SmallVector<Value> values(3);
  if ((*mask)[0]) {
    Value h = isNone(op.getWeight()) ? g : b.mulTensors(g, alongChannels(op.getWeight()));
    values[0] = *training ? buildNormalizedGradient(h, n, rstd, dims, b) : b.mulTensors(h, rstd);
  }
  if ((*mask)[1])
    values[1] = b.sum(b.mulTensors(g, n), dims, false);
  if ((*mask)[2])
    values[2] = b.sum(g, dims, false);
  return convertToResults(op, values, b);
}
static Decomposed DecomposeAtenNativeBatchNormBackward(AtenNativeBatchNormBackwardOp op, Decomposer &b) {
  return decomposeBatchNormBackward(op, op.getSaveMean(), op.getSaveInvstd(), op.getTrain(), b);
}
static Decomposed DecomposeAtenBatchNormBackward(AtenBatchNormBackwardOp op, Decomposer &b) {
  return decomposeBatchNormBackward(op, op.getSaveMean(), op.getSaveVar(), op.getUpdate(), b);
}

void torchc::populateNormalizationBackwardPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAten_LogSoftmaxBackwardData, DecomposeAtenNativeLayerNormBackward,
                    DecomposeAtenNativeGroupNormBackward, DecomposeAtenNativeBatchNormBackward,
                    DecomposeAtenBatchNormBackward);
}
