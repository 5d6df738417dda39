//===- Normalization.cpp - decompositions of normalizations ---===//
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

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// With a dtype, complex numbers too lose their imaginary parts.
static FailureOr<Value> DecomposeAtenSoftmaxInt(AtenSoftmaxIntOp op, Decomposer &b) {
  Value x = b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
  return b.createAs<Aten_SoftmaxOp>(op.getType(), x, op.getDim(), b.boolean(false));
}
static FailureOr<Value> DecomposeAtenLogSoftmaxInt(AtenLogSoftmaxIntOp op, Decomposer &b) {
  Value x = b.AtenBuilder::convert(op.getSelf(), getResultDtype(op));
  return b.createAs<Aten_LogSoftmaxOp>(op.getType(), x, op.getDim(), b.boolean(false));
}

/// softmax, but 0 where a whole row is -inf
static FailureOr<Value> DecomposeAten_SafeSoftmax(Aten_SafeSoftmaxOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Value x = b.convert(op.getSelf(), getResultDtype(op));
  Value isMasked = b.create<AtenEqScalarOp>(x, b.floating(-std::numeric_limits<double>::infinity()));
  Value isEmpty = b.create<AtenAllDimOp>(isMasked, op.getDim(), b.boolean(true));
  Value result = b.create<Aten_SoftmaxOp>(x, op.getDim(), b.boolean(false));
  return b.where(isEmpty, b.literal(getResultDtype(op), 0), result);
}
/// y (g - sum(g y))
static FailureOr<Value> DecomposeAten_SoftmaxBackwardData(Aten_SoftmaxBackwardDataOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Type dtype = getResultDtype(op), computed = getComputeDtype(getTensorType(op.getOutput()).getDtype());
  Value y = b.convert(op.getOutput(), computed), g = b.convert(op.getGradOutput(), computed);
  Value sum = b.sum(b.mulTensors(g, y), {*dim}, true);
  return b.convert(b.mulTensors(y, b.subTensors(g, sum)), dtype);
}

//===----------------------------------------------------------------------===//
// Batch norm
//===----------------------------------------------------------------------===//

/// [C] as [C, 1, 1, ...], to be broadcast over `rank` dims of which C is the second.
static Value alongChannels(Value perChannel, int64_t rank, Decomposer &b) {
  for (int64_t dim = 1; dim < rank - 1; ++dim)
    perChannel = b.unsqueeze(perChannel, dim);
  return perChannel;
}

/// scale = weight / sqrt(var + eps), shift = bias - mean scale, y = x scale + shift.
/// Scale and shift are per channel and constant, so that they fold into the
/// weights of a convolution before them. Half types are computed in f32.
static Value buildBatchNorm(Value x, Value weight, Value bias, Value mean, Value variance, Value eps, Decomposer &b) {
  BaseTensorType type = getTensorType(x);
  Type computed = getComputeDtype(type.getDtype());
  Value scale = b.create<AtenRsqrtOp>(b.create<AtenAddScalarOp>(b.convert(variance, computed), eps, b.integer(1)));
  if (!isNone(weight))
    scale = b.mulTensors(scale, b.convert(weight, computed));
  Value shift = b.mulTensors(b.convert(mean, computed), scale);
  shift = isNone(bias) ? b.create<AtenNegOp>(shift) : b.subTensors(b.convert(bias, computed), shift);
  Value scaled = b.mulTensors(b.convert(x, computed), alongChannels(scale, type.getRank(), b));
  return b.convert(b.addTensors(scaled, alongChannels(shift, type.getRank(), b)), type.getDtype());
}

/// All dims but the channels.
static SmallVector<int64_t> getBatchDims(Value x) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < getTensorType(x).getRank(); ++dim)
    if (dim != 1)
      dims.push_back(dim);
  return dims;
}

namespace {

/// What a batch norm in training computes besides its output, per channel, in the dtype of computation.
struct BatchStatistics {
  Value mean, variance, inverse; ///< Of the batch; the variance over n; 1 / sqrt(variance + eps).
  Value squares, count;          ///< The sum of squared deviations, and n as an int.
};

} // namespace

static BatchStatistics buildBatchStatistics(Value input, Value eps, Decomposer &b) {
  SmallVector<int64_t> dims = getBatchDims(input);
  BatchStatistics result;
  result.count = b.integer(1);
  for (int64_t dim : dims)
    result.count = b.mul(result.count, b.size(input, dim));
  Value x = b.convert(input, getComputeDtype(getTensorType(input).getDtype()));
  Value deviation = b.subTensors(x, b.mean(x, dims, true));
  result.mean = b.mean(x, dims, false);
  result.squares = b.sum(b.mulTensors(deviation, deviation), dims, false);
  result.variance = b.create<AtenDivScalarOp>(result.squares, result.count);
  result.inverse = b.create<AtenRsqrtOp>(b.create<AtenAddScalarOp>(result.variance, eps, b.integer(1)));
  return result;
}

/// (1 - momentum) running + momentum value
static Value buildRunning(Value running, Value value, double momentum, Decomposer &b) {
  Type dtype = getTensorType(running).getDtype(), computed = getTensorType(value).getDtype();
  Value kept = b.mulNumber(b.convert(running, computed), 1 - momentum);
  return b.convert(b.addTensors(kept, b.mulNumber(value, momentum)), dtype);
}

/// Without running statistics to update, a batch norm in training reads none.
static FailureOr<Value> DecomposeAtenBatchNorm(AtenBatchNormOp op, Decomposer &b) {
  auto training = getConstantBool(op.getTraining());
  bool hasMean = !isNone(op.getRunningMean()), hasVariance = !isNone(op.getRunningVar());
  if (!training || (*training && (hasMean || hasVariance)) || (!*training && !(hasMean && hasVariance)))
    return b.unsupported("in training mode with running statistics that it cannot write, or without any outside of it");
  Value mean = op.getRunningMean(), variance = op.getRunningVar();
  if (*training) {
    BatchStatistics statistics = buildBatchStatistics(op.getInput(), op.getEps(), b);
    mean = statistics.mean;
    variance = statistics.variance;
  }
  return buildBatchNorm(op.getInput(), op.getWeight(), op.getBias(), mean, variance, op.getEps(), b);
}

/// The output; mean and 1 / std of the batch (outside of training they are empty); then what the
/// op has more: the running statistics after the batch, or a reserve that only GPUs fill.
static Decomposed buildNativeBatchNorm(Operation *op, Value input, Value weight, Value bias, Value runningMean,
                                       Value runningVariance, bool training, Value momentumValue, Value eps,
                                       bool givesRunning, Decomposer &b) {
  auto momentum = getConstantNumber(momentumValue);
  bool hasRunning = !isNone(runningMean) && !isNone(runningVariance);
  if (!momentum || (!hasRunning && (!training || givesRunning)))
    return b.unsupported("without running statistics, or with a momentum that is not constant");
  SmallVector<Value> values;
  auto empty = [&](Value result) { return b.full({b.integer(0)}, b.integer(0), getTensorType(result).getDtype()); };
  if (!training) {
    values = {buildBatchNorm(input, weight, bias, runningMean, runningVariance, eps, b), empty(op->getResult(1)),
              empty(op->getResult(2))};
    if (givesRunning)
      llvm::append_values(values, runningMean, runningVariance);
  } else {
    BatchStatistics batch = buildBatchStatistics(input, eps, b);
    values = {buildBatchNorm(input, weight, bias, batch.mean, batch.variance, eps, b),
              b.convert(batch.mean, getTensorType(op->getResult(1)).getDtype()),
              b.convert(batch.inverse, getTensorType(op->getResult(2)).getDtype())};
    if (givesRunning) {
      Value unbiased = b.create<AtenDivScalarOp>(batch.squares, b.sub(batch.count, b.integer(1)));
      for (auto [running, own] : {std::pair(runningMean, batch.mean), std::pair(runningVariance, unbiased)}) {
        Value updated = buildRunning(running, own, *momentum, b);
        // A batch of nothing leaves them as they are.
        if (!getConstantInt(batch.count)) {
          Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
          Value isEmpty = b.create<AtenEqScalarOp>(b.scalarTensor(batch.count, si64), b.integer(0));
          updated = b.where(isEmpty, running, updated);
        }
        values.push_back(updated);
      }
    }
  }
  if (values.size() + 1 == op->getNumResults())
    values.insert(values.begin() + 3, empty(op->getResult(3)));
  return values;
}

static Decomposed DecomposeAten_NativeBatchNormLegitNoTraining(Aten_NativeBatchNormLegitNoTrainingOp op,
                                                               Decomposer &b) {
  return buildNativeBatchNorm(op, op.getInput(), op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar(),
                              false, op.getMomentum(), op.getEps(), false, b);
}
static Decomposed DecomposeAten_BatchNormNoUpdate(Aten_BatchNormNoUpdateOp op, Decomposer &b) {
  return buildNativeBatchNorm(op, op.getInput(), op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar(),
                              false, op.getMomentum(), op.getEps(), false, b);
}
static Decomposed DecomposeAten_NativeBatchNormLegitNoStats(Aten_NativeBatchNormLegitNoStatsOp op, Decomposer &b) {
  if (getConstantBool(op.getTraining()) != true)
    return b.unsupported("outside of training");
  Value none = b.none();
  return buildNativeBatchNorm(op, op.getInput(), op.getWeight(), op.getBias(), none, none, true, op.getMomentum(),
                              op.getEps(), false, b);
}
static Decomposed DecomposeAten_BatchNormWithUpdateFunctional(Aten_BatchNormWithUpdateFunctionalOp op, Decomposer &b) {
  return buildNativeBatchNorm(op, op.getInput(), op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar(),
                              true, op.getMomentum(), op.getEps(), true, b);
}
static Decomposed DecomposeAten_NativeBatchNormLegitFunctional(Aten_NativeBatchNormLegitFunctionalOp op,
                                                               Decomposer &b) {
  auto training = getConstantBool(op.getTraining());
  if (!training)
    return b.unsupported("a mode that is not constant");
  return buildNativeBatchNorm(op, op.getInput(), op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar(),
                              *training, op.getMomentum(), op.getEps(), true, b);
}
/// Ops that would write running statistics: Normalize has made those in training functional.
template <typename Op> static Decomposed decomposeWritingBatchNorm(Op op, Decomposer &b) {
  auto training = getConstantBool(op.getTraining());
  if (!training || (*training && !isNone(op.getRunningMean())))
    return b.unsupported("in training mode with running statistics that it cannot write");
  return buildNativeBatchNorm(op, op.getInput(), op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar(),
                              *training, op.getMomentum(), op.getEps(), false, b);
}
static Decomposed DecomposeAtenNativeBatchNorm(AtenNativeBatchNormOp op, Decomposer &b) {
  return decomposeWritingBatchNorm(op, b);
}
static Decomposed DecomposeAten_NativeBatchNormLegit(Aten_NativeBatchNormLegitOp op, Decomposer &b) {
  return decomposeWritingBatchNorm(op, b);
}

//===----------------------------------------------------------------------===//
// Layer, group and instance norm
//===----------------------------------------------------------------------===//

/// mean and 1 / sqrt(var + eps) over `dims`, which stay with size 1.
static std::pair<Value, Value> buildStatistics(Value x, ArrayRef<int64_t> dims, Value eps, Decomposer &b) {
  x = b.convert(x, getComputeDtype(getTensorType(x).getDtype()));
  Value mean = b.mean(x, dims, true);
  Value deviation = b.subTensors(x, mean);
  Value variance = b.mean(b.mulTensors(deviation, deviation), dims, true);
  return {mean, b.create<AtenRsqrtOp>(b.create<AtenAddScalarOp>(variance, eps, b.integer(1)))};
}

/// The results after the first: mean and 1 / std, built only where they are read.
static void appendStatistics(Operation *op, Value x, ArrayRef<int64_t> dims, Value eps, Value sizes, Decomposer &b,
                             SmallVectorImpl<Value> &values) {
  if (op->getResult(1).use_empty() && op->getResult(2).use_empty()) {
    values.append(2, Value());
    return;
  }
  auto [mean, inverse] = buildStatistics(x, dims, eps, b);
  for (auto [statistics, result] : llvm::zip(std::array{mean, inverse}, op->getResults().drop_front())) {
    Value value = sizes ? b.create<AtenViewOp>(statistics, sizes) : statistics;
    values.push_back(b.convert(value, getTensorType(result).getDtype()));
  }
}

static Decomposed DecomposeAtenNativeLayerNorm(AtenNativeLayerNormOp op, Decomposer &b) {
  auto normalized = getListElements(op.getNormalizedShape());
  int64_t rank = getTensorType(op.getInput()).getRank();
  if (!normalized || static_cast<int64_t>(normalized->size()) > rank)
    return b.unsupported("a normalized shape of unknown length");
  SmallVector<Value> values{b.createAs<AtenLayerNormOp>(op->getResult(0).getType(), op.getInput(),
                                                        op.getNormalizedShape(), op.getWeight(), op.getBias(),
                                                        op.getEps(), b.boolean(true))};
  auto dims = llvm::to_vector(llvm::seq<int64_t>(rank - normalized->size(), rank));
  appendStatistics(op, op.getInput(), dims, op.getEps(), Value(), b, values);
  return values;
}

/// x as [N, groups, the rest]; null where N or the rest cannot be told.
static Value groupChannels(Value x, Value groups, Decomposer &b) {
  Value rest = b.floordiv(b.size(x, 1), groups);
  for (int64_t dim = 2, rank = getTensorType(x).getRank(); dim < rank; ++dim)
    rest = b.mul(rest, b.size(x, dim));
  return b.create<AtenReshapeOp>(x, b.list({b.size(x, 0), groups, rest}));
}

/// group_norm(x) = layer_norm over the elements of each group, then weight and
/// bias per channel. Half types are computed in f32.
static Value buildGroupNorm(Value x, Value groups, Value weight, Value bias, Value eps, Decomposer &b) {
  // Of no channels there are no groups either.
  if (getConstantInt(groups) == 0)
    return x;
  BaseTensorType type = getTensorType(x);
  Type computed = getComputeDtype(type.getDtype());
  Value wide = b.convert(x, computed);
  Value grouped = groupChannels(wide, groups, b);
  Value none = b.none();
  Value normalized = b.create<AtenLayerNormOp>(grouped, b.list({b.size(grouped, 2)}), none, none, eps, b.boolean(true));
  Value result = b.view(normalized, b.sizes(wide));
  if (!isNone(weight))
    result = b.mulTensors(result, alongChannels(b.convert(weight, computed), type.getRank(), b));
  if (!isNone(bias))
    result = b.addTensors(result, alongChannels(b.convert(bias, computed), type.getRank(), b));
  return b.convert(result, type.getDtype());
}

static FailureOr<Value> DecomposeAtenGroupNorm(AtenGroupNormOp op, Decomposer &b) {
  return buildGroupNorm(op.getInput(), op.getNumGroups(), op.getWeight(), op.getBias(), op.getEps(), b);
}
static Decomposed DecomposeAtenNativeGroupNorm(AtenNativeGroupNormOp op, Decomposer &b) {
  SmallVector<Value> values{buildGroupNorm(op.getInput(), op.getGroup(), op.getWeight(), op.getBias(), op.getEps(), b)};
  Value grouped = groupChannels(op.getInput(), op.getGroup(), b);
  appendStatistics(op, grouped, {2}, op.getEps(), b.list({op.getN(), op.getGroup()}), b, values);
  return values;
}
/// With the statistics of the input: a group norm of one channel a group.
static FailureOr<Value> DecomposeAtenInstanceNorm(AtenInstanceNormOp op, Decomposer &b) {
  auto usesInput = getConstantBool(op.getUseInputStats());
  bool hasRunning = !isNone(op.getRunningMean()) && !isNone(op.getRunningVar());
  if (!usesInput || (!*usesInput && !hasRunning))
    return b.unsupported("without statistics");
  if (!*usesInput)
    return buildBatchNorm(op.getInput(), op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar(),
                          op.getEps(), b);
  if (hasRunning)
    return b.unsupported("in training mode");
  return buildGroupNorm(op.getInput(), b.size(op.getInput(), 1), op.getWeight(), op.getBias(), op.getEps(), b);
}

/// The sum of what one place of `dim` holds, or of all for -1
static Value sumOfPlaces(Value x, int64_t dim, Decomposer &b) {
  SmallVector<int64_t> dims;
  int64_t rank = getTensorType(x).getRank();
  for (int64_t i = 0; i < rank; ++i)
    if (i != (dim < -1 ? dim + rank : dim))
      dims.push_back(i);
  return dims.empty() ? x : b.sum(x, dims, /*keepdim=*/dim != -1);
}
/// w = g v / |v|, and |v|
static Decomposed buildWeightNorm(Value v, Value g, Value place, Decomposer &b) {
  auto dim = getConstantInt(place);
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Value norms = b.create<AtenSqrtOp>(sumOfPlaces(b.mulTensors(v, v), *dim, b));
  return SmallVector<Value>{b.mulTensors(v, b.divTensors(g, norms)), norms};
}
static FailureOr<Value> DecomposeAten_WeightNorm(Aten_WeightNormOp op, Decomposer &b) {
  Decomposed results = buildWeightNorm(op.getV(), op.getG(), op.getDim(), b);
  return failed(results) ? FailureOr<Value>() : results->front();
}
static Decomposed DecomposeAten_WeightNormInterface(Aten_WeightNormInterfaceOp op, Decomposer &b) {
  Decomposed results = buildWeightNorm(op.getV(), op.getG(), op.getDim(), b);
  if (succeeded(results))
    results->back() = b.convert(results->back(), getResultDtype(op, 1));
  return results;
}
/// dv = g / |v| (dw - v (dw v) / |v|^2), dg = (dw v) / |v|
static Decomposed DecomposeAten_WeightNormInterfaceBackward(Aten_WeightNormInterfaceBackwardOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Value v = op.getSavedV(), norms = op.getSavedNorms();
  Value dot = sumOfPlaces(b.mulTensors(op.getGradW(), v), *dim, b);
  Value along = b.mulTensors(v, b.divTensors(dot, b.mulTensors(norms, norms)));
  Value ofV = b.mulTensors(b.divTensors(op.getSavedG(), norms), b.subTensors(op.getGradW(), along));
  return SmallVector<Value>{b.convert(ofV, getResultDtype(op)),
                            b.convert(b.divTensors(dot, norms), getResultDtype(op, 1))};
}

void torchc::populateNormalizationPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenSoftmaxInt, DecomposeAtenLogSoftmaxInt, DecomposeAtenBatchNorm,
                    DecomposeAten_NativeBatchNormLegitNoTraining, DecomposeAtenNativeLayerNorm, DecomposeAtenGroupNorm,
                    DecomposeAtenNativeGroupNorm, DecomposeAtenInstanceNorm, DecomposeAten_SafeSoftmax,
                    DecomposeAten_SoftmaxBackwardData, DecomposeAten_WeightNorm, DecomposeAten_WeightNormInterface,
                    DecomposeAten_WeightNormInterfaceBackward, decomposeAs<AtenSoftmaxIntOp, AtenSpecialSoftmaxOp>,
                    decomposeAs<AtenLogSoftmaxIntOp, AtenSpecialLogSoftmaxOp>);
  addDecompositions(patterns, DecomposeAtenNativeBatchNorm, DecomposeAten_NativeBatchNormLegit,
                    DecomposeAten_NativeBatchNormLegitNoStats, DecomposeAten_NativeBatchNormLegitFunctional,
                    DecomposeAten_BatchNormWithUpdateFunctional, DecomposeAten_BatchNormNoUpdate);
}
