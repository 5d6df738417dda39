//===- ElementwiseBackward.cpp - gradients of activations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {

/// A gradient and what the function was taken of, in the dtype of computation.
template <typename Op> struct Backward {
  Backward(Op op, Value gradient, Value point, Decomposer &b)
      : b(b), dtype(getResultDtype(op)), computed(getComputeDtype(dtype)), g(b.convert(gradient, computed)),
        x(b.convert(point, computed)), zero(b.literal(computed, 0)) {}

  Value finish(Value result) { return b.convert(result, dtype); }

  Decomposer &b;
  Type dtype, computed;
  Value g, x, zero;
};

} // namespace

/// Of both: low < x < high, or with `closed` low <= x <= high
static Value isBetween(Value x, Value low, Value high, bool closed, Decomposer &b) {
  Value above = closed ? b.create<AtenGeScalarOp>(x, low) : b.create<AtenGtScalarOp>(x, low);
  Value below = closed ? b.create<AtenLeScalarOp>(x, high) : b.create<AtenLtScalarOp>(x, high);
  return b.create<AtenLogicalAndOp>(above, below);
}
/// 1 - x
static Value complement(Value x, Decomposer &b) { return b.create<AtenRsubScalarOp>(x, b.integer(1), b.integer(1)); }

//===----------------------------------------------------------------------===//
// Of the function's value
//===----------------------------------------------------------------------===//

/// g y (1 - y)
static FailureOr<Value> DecomposeAtenSigmoidBackward(AtenSigmoidBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getOutput(), b);
  return d.finish(b.mulTensors(d.g, b.mulTensors(complement(d.x, b), d.x)));
}
/// g (1 - y^2)
static FailureOr<Value> DecomposeAtenTanhBackward(AtenTanhBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getOutput(), b);
  return d.finish(b.mulTensors(d.g, complement(b.mulTensors(d.x, d.x), b)));
}

//===----------------------------------------------------------------------===//
// In pieces
//===----------------------------------------------------------------------===//

/// x <= threshold ? 0 : g
static FailureOr<Value> DecomposeAtenThresholdBackward(AtenThresholdBackwardOp op, Decomposer &b) {
  Value isBelow = b.create<AtenLeScalarOp>(op.getSelf(), op.getThreshold());
  return b.where(isBelow, b.literal(getResultDtype(op), 0), op.getGradOutput());
}
/// x > 0 ? g : slope g
static FailureOr<Value> DecomposeAtenLeakyReluBackward(AtenLeakyReluBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value steep = b.create<AtenMulScalarOp>(d.g, op.getNegativeSlope());
  return d.finish(b.where(b.create<AtenGtScalarOp>(d.x, b.integer(0)), d.g, steep));
}
/// min < x < max ? g : 0
static FailureOr<Value> DecomposeAtenHardtanhBackward(AtenHardtanhBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value isOutside = b.create<AtenLogicalOrOp>(b.create<AtenLeScalarOp>(d.x, op.getMinVal()),
                                              b.create<AtenGeScalarOp>(d.x, op.getMaxVal()));
  return d.finish(b.where(isOutside, d.zero, d.g));
}
/// -3 < x < 3 ? g / 6 : 0
static FailureOr<Value> DecomposeAtenHardsigmoidBackward(AtenHardsigmoidBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  return d.finish(b.where(isBetween(d.x, b.integer(-3), b.integer(3), false, b), b.mulNumber(d.g, 1.0 / 6), d.zero));
}
/// x <= -3 ? 0 : x < 3 ? g (x / 3 + 1 / 2) : g
static FailureOr<Value> DecomposeAtenHardswishBackward(AtenHardswishBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value slope = b.addNumber(b.create<AtenDivScalarOp>(d.x, b.integer(3)), 0.5);
  Value rising = b.where(b.create<AtenLtScalarOp>(d.x, b.integer(3)), b.mulTensors(d.g, slope), d.g);
  return d.finish(b.where(b.create<AtenLeScalarOp>(d.x, b.integer(-3)), d.zero, rising));
}
/// |x| <= lambda ? 0 : g
template <typename Op> static FailureOr<Value> decomposeShrinkBackward(Op op, Value gradient, Decomposer &b) {
  auto lambda = getConstantNumber(op.getLambd());
  if (!lambda)
    return b.unsupported("a lambda that is not constant");
  Backward d(op, gradient, op.getSelf(), b);
  return d.finish(b.where(isBetween(d.x, b.floating(-*lambda), b.floating(*lambda), true, b), d.zero, d.g));
}
static FailureOr<Value> DecomposeAtenHardshrinkBackward(AtenHardshrinkBackwardOp op, Decomposer &b) {
  return decomposeShrinkBackward(op, op.getGradOut(), b);
}
static FailureOr<Value> DecomposeAtenSoftshrinkBackward(AtenSoftshrinkBackwardOp op, Decomposer &b) {
  return decomposeShrinkBackward(op, op.getGradOutput(), b);
}

/// x > 0 ? x : w x; w broadcasts
static FailureOr<Value> DecomposeAten_PreluKernel(Aten_PreluKernelOp op, Decomposer &b) {
  Value isPositive = b.create<AtenGtScalarOp>(op.getSelf(), b.integer(0));
  return b.where(isPositive, op.getSelf(), b.mulTensors(op.getWeight(), op.getSelf()));
}
/// Of x: x > 0 ? g : w g; of w, for each element of x: x > 0 ? 0 : x g
static Decomposed DecomposeAten_PreluKernelBackward(Aten_PreluKernelBackwardOp op, Decomposer &b) {
  Value x = op.getSelf(), g = op.getGradOutput(), isPositive = b.create<AtenGtScalarOp>(x, b.integer(0));
  return SmallVector<Value>{b.where(isPositive, g, b.mulTensors(op.getWeight(), g)),
                            b.where(isPositive, b.literal(getDtype(x), 0), b.mulTensors(x, g))};
}

//===----------------------------------------------------------------------===//
// With exponentials
//===----------------------------------------------------------------------===//

/// g (cdf(x) + x pdf(x)) of the normal distribution, or the derivative of its approximation by tanh
static FailureOr<Value> DecomposeAtenGeluBackward(AtenGeluBackwardOp op, Decomposer &b) {
  auto approximate = getConstantString(op.getApproximate());
  if (approximate != "none" && approximate != "tanh")
    return b.unsupported("an approximation that is neither \"none\" nor \"tanh\"");
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value square = b.mulTensors(d.x, d.x), slope;
  if (approximate == "none") {
    Value cdf = b.mulNumber(b.addNumber(b.create<AtenErfOp>(b.mulNumber(d.x, 1 / std::numbers::sqrt2)), 1), 0.5);
    Value pdf =
        b.mulNumber(b.create<AtenExpOp>(b.mulNumber(square, -0.5)), std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    slope = b.addTensors(cdf, b.mulTensors(d.x, pdf));
  } else {
    constexpr double kBeta = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, kCubic = 0.044715;
    Value inner = b.mulNumber(b.addTensors(d.x, b.mulNumber(b.mulTensors(square, d.x), kCubic)), kBeta);
    Value tanh = b.create<AtenTanhOp>(inner);
    Value innerSlope = b.mulNumber(b.addNumber(b.mulNumber(square, 3 * kCubic), 1), kBeta);
    Value bend = b.mulTensors(b.mulTensors(d.x, complement(b.mulTensors(tanh, tanh), b)), innerSlope);
    slope = b.mulNumber(b.addTensors(b.addNumber(tanh, 1), bend), 0.5);
  }
  return d.finish(b.mulTensors(d.g, slope));
}
/// g s (1 + x (1 - s)), s = sigmoid(x)
static FailureOr<Value> DecomposeAtenSiluBackward(AtenSiluBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value s = b.create<AtenSigmoidOp>(d.x);
  Value slope = b.mulTensors(s, b.addNumber(b.mulTensors(d.x, complement(s, b)), 1));
  return d.finish(b.mulTensors(d.g, slope));
}
/// g (t + x s (1 - t^2)), s = sigmoid(x), t = tanh(softplus(x))
static FailureOr<Value> DecomposeAtenMishBackward(AtenMishBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value t = b.create<AtenTanhOp>(b.create<AtenSoftplusOp>(d.x, b.integer(1), b.integer(20)));
  Value bend = b.mulTensors(b.mulTensors(d.x, b.create<AtenSigmoidOp>(d.x)), complement(b.mulTensors(t, t), b));
  return d.finish(b.mulTensors(d.g, b.addTensors(t, bend)));
}
/// x <= 0 ? g input_scale scale alpha exp(input_scale x) : g scale; scale alpha exp(..) is the result + scale alpha
static FailureOr<Value> DecomposeAtenEluBackward(AtenEluBackwardOp op, Decomposer &b) {
  auto alpha = getConstantNumber(op.getAlpha()), scale = getConstantNumber(op.getScale()),
       inputScale = getConstantNumber(op.getInputScale());
  auto isResult = getConstantBool(op.getIsResult());
  if (!alpha || !scale || !inputScale || !isResult)
    return b.unsupported("a number that is not constant");
  Backward d(op, op.getGradOutput(), op.getSelfOrResult(), b);
  Value power = *isResult ? b.addNumber(d.x, *alpha * *scale)
                          : b.mulNumber(b.create<AtenExpOp>(b.mulNumber(d.x, *inputScale)), *alpha * *scale);
  Value below = b.mulTensors(b.mulNumber(d.g, *inputScale), power);
  return d.finish(b.where(b.create<AtenLeScalarOp>(d.x, b.integer(0)), below, b.mulNumber(d.g, *scale)));
}
/// beta x > threshold ? g : g sigmoid(beta x)
static FailureOr<Value> DecomposeAtenSoftplusBackward(AtenSoftplusBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value scaled = b.create<AtenMulScalarOp>(d.x, op.getBeta());
  Value bent = b.mulTensors(d.g, b.create<AtenSigmoidOp>(scaled));
  return d.finish(b.where(b.create<AtenGtScalarOp>(scaled, op.getThreshold()), d.g, bent));
}
/// log_sigmoid(x), and exp(-|x|)
static Decomposed DecomposeAtenLogSigmoidForward(AtenLogSigmoidForwardOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value x = b.convert(op.getSelf(), getComputeDtype(dtype));
  Value power = b.create<AtenExpOp>(b.create<AtenNegOp>(b.create<AtenAbsOp>(x)));
  return SmallVector<Value>{b.createAs<AtenLogSigmoidOp>(op->getResult(0).getType(), op.getSelf()),
                            b.convert(power, getDtype(op->getResult(1)))};
}
/// g sigmoid(-x)
static FailureOr<Value> DecomposeAtenLogSigmoidBackward(AtenLogSigmoidBackwardOp op, Decomposer &b) {
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  return d.finish(b.mulTensors(d.g, b.create<AtenSigmoidOp>(b.create<AtenNegOp>(d.x))));
}
/// Of x = [u, v]: [g s, g u s (1 - s)], s = sigmoid(v)
static FailureOr<Value> DecomposeAtenGluBackward(AtenGluBackwardOp op, Decomposer &b) {
  auto constant = getConstantInt(op.getDim());
  auto dim = constant ? wrapDim(*constant, getRank(op.getSelf())) : std::nullopt;
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value size = b.size(d.x, *dim), half = b.floordiv(size, b.integer(2));
  Value u = b.slice(d.x, *dim, b.integer(0), half), s = b.create<AtenSigmoidOp>(b.slice(d.x, *dim, half, size));
  Value ofFirst = b.mulTensors(d.g, s);
  return d.finish(b.cat({ofFirst, b.mulTensors(b.mulTensors(ofFirst, u), complement(s, b))}, *dim));
}
/// g / (x (1 - x)) for eps <= x <= 1 - eps, else 0; without eps NaN outside of [0, 1]
static FailureOr<Value> DecomposeAtenLogitBackward(AtenLogitBackwardOp op, Decomposer &b) {
  auto eps = getConstantNumber(op.getEps());
  if (!eps && !isNone(op.getEps()))
    return b.unsupported("an eps that is not constant");
  Backward d(op, op.getGradOutput(), op.getSelf(), b);
  Value inner = b.divTensors(d.g, b.mulTensors(d.x, complement(d.x, b)));
  Value isInside = isBetween(d.x, b.floating(eps.value_or(0)), b.floating(1 - eps.value_or(0)), true, b);
  Value outside = eps ? d.zero : b.literal(d.computed, std::numeric_limits<double>::quiet_NaN());
  return d.finish(b.where(isInside, inner, outside));
}

void torchc::populateElementwiseBackwardPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenSigmoidBackward, DecomposeAtenTanhBackward, DecomposeAtenThresholdBackward,
                    DecomposeAtenLeakyReluBackward, DecomposeAtenHardtanhBackward, DecomposeAtenHardsigmoidBackward,
                    DecomposeAtenHardswishBackward, DecomposeAtenHardshrinkBackward, DecomposeAtenSoftshrinkBackward,
                    DecomposeAten_PreluKernel, DecomposeAten_PreluKernelBackward);
  addDecompositions(patterns, DecomposeAtenGeluBackward, DecomposeAtenSiluBackward, DecomposeAtenMishBackward,
                    DecomposeAtenEluBackward, DecomposeAtenSoftplusBackward, DecomposeAtenLogSigmoidForward,
                    DecomposeAtenLogSigmoidBackward, DecomposeAtenGluBackward, DecomposeAtenLogitBackward);
}
