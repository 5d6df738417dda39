//===- ReductionLossBackward.cpp - gradients of loss functions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReductionLoss.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {

/// Operands of the gradient of a loss, in the dtype of computation.
template <typename Op> struct LossBackward {
  LossBackward(Op op, Decomposer &b)
      : op(op), b(b), dtype(getResultDtype(op)), computed(getComputeDtype(dtype)),
        g(b.convert(op.getGradOutput(), computed)), x(b.convert(op.getSelf(), computed)),
        target(b.convert(op.getTarget(), computed)) {}

  /// The gradient of the loss times `slope`, a share of it where the loss is a mean.
  FailureOr<Value> finish(Value slope) {
    auto reduction = getReduction(op.getReduction());
    if (!reduction)
      return b.unsupported("a reduction that is not constant");
    if (*reduction == LossReduction::Mean) {
      Value count = b.integer(1);
      for (Value size : b.sizes(x))
        count = b.mul(count, size);
      slope = b.create<AtenDivScalarOp>(slope, count);
    }
    return b.convert(b.mulTensors(slope, g), dtype);
  }

  Op op;
  Decomposer &b;
  Type dtype, computed;
  Value g, x, target;
};

} // namespace

/// 2 (x - t)
static FailureOr<Value> DecomposeAtenMseLossBackward(AtenMseLossBackwardOp op, Decomposer &b) {
  LossBackward d(op, b);
  return d.finish(b.mulNumber(b.subTensors(d.x, d.target), 2));
}
/// d = x - t; |d| < beta ? d / beta : sign(d)
static FailureOr<Value> DecomposeAtenSmoothL1LossBackward(AtenSmoothL1LossBackwardOp op, Decomposer &b) {
  auto beta = getConstantNumber(op.getBeta());
  if (!beta)
    return b.unsupported("a beta that is not constant");
  LossBackward d(op, b);
  Value difference = b.subTensors(d.x, d.target), slope = b.create<AtenSignOp>(difference);
  if (*beta > 0)
    slope = b.where(b.create<AtenLtScalarOp>(b.create<AtenAbsOp>(difference), b.floating(*beta)),
                    b.create<AtenDivScalarOp>(difference, b.floating(*beta)), slope);
  return d.finish(slope);
}
/// x - t within [-delta, delta]
static FailureOr<Value> DecomposeAtenHuberLossBackward(AtenHuberLossBackwardOp op, Decomposer &b) {
  auto delta = getConstantNumber(op.getDelta());
  if (!delta)
    return b.unsupported("a delta that is not constant");
  LossBackward d(op, b);
  return d.finish(b.create<AtenClampOp>(b.subTensors(d.x, d.target), b.floating(-*delta), b.floating(*delta)));
}
/// (x - t) / (x (1 - x)), the denominator at least 1e-12
static FailureOr<Value> DecomposeAtenBinaryCrossEntropyBackward(AtenBinaryCrossEntropyBackwardOp op, Decomposer &b) {
  LossBackward d(op, b);
  Value variance = b.mulTensors(d.x, b.create<AtenRsubScalarOp>(d.x, b.integer(1), b.integer(1)));
  Value slope = b.divTensors(b.subTensors(d.x, d.target), b.create<AtenClampMinOp>(variance, b.floating(1e-12)));
  if (!isNone(op.getWeight()))
    slope = b.mulTensors(slope, b.convert(op.getWeight(), d.computed));
  return d.finish(slope);
}
/// -t sigmoid(-t x)
static FailureOr<Value> DecomposeAtenSoftMarginLossBackward(AtenSoftMarginLossBackwardOp op, Decomposer &b) {
  LossBackward d(op, b);
  Value minusTarget = b.create<AtenNegOp>(d.target);
  return d.finish(b.mulTensors(minusTarget, b.create<AtenSigmoidOp>(b.mulTensors(minusTarget, d.x))));
}

/// -w[t] g at the target's class, 0 at all others; a mean is over the weights.
template <typename Op> static FailureOr<Value> decomposeNllLossBackward(Op op, Decomposer &b) {
  auto reduction = getReduction(op.getReduction());
  auto ignored = getConstantInt(op.getIgnoreIndex());
  if (!reduction || !ignored)
    return b.unsupported("an option that is not constant");
  Value x = op.getSelf(), target = op.getTarget();
  int64_t rank = getRank(x), dim = rank == 1 ? 0 : 1;
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  auto alongClasses = [&](Value perClass) {
    for (int64_t i = dim + 1; i < rank; ++i)
      perClass = b.unsqueeze(perClass, -1);
    return perClass;
  };
  if (getRank(target) < rank)
    target = b.unsqueeze(target, dim);
  Value isTarget = b.create<AtenEqTensorOp>(alongClasses(b.range(b.size(x, dim))), target);
  isTarget = b.create<AtenLogicalAndOp>(isTarget, b.create<AtenNeScalarOp>(target, b.integer(*ignored)));
  Value slope = b.create<AtenNegOp>(b.convert(op.getGradOutput(), computed));
  if (*reduction == LossReduction::Mean)
    slope = b.divTensors(slope, b.convert(op.getTotalWeight(), computed));
  if (getRank(slope) > 0 && getRank(slope) < rank)
    slope = b.unsqueeze(slope, dim);
  if (!isNone(op.getWeight()))
    slope = b.mulTensors(slope, alongClasses(b.convert(op.getWeight(), computed)));
  return b.convert(b.where(isTarget, slope, b.literal(computed, 0)), dtype);
}

void torchc::populateReductionLossBackwardPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenMseLossBackward, DecomposeAtenSmoothL1LossBackward,
                    DecomposeAtenHuberLossBackward, DecomposeAtenBinaryCrossEntropyBackward,
                    DecomposeAtenSoftMarginLossBackward, decomposeNllLossBackward<AtenNllLossBackwardOp>,
                    decomposeNllLossBackward<AtenNllLoss2dBackwardOp>);
}
