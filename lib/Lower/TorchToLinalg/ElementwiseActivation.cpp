//===- ElementwiseActivation.cpp - activation functions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Real.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

static Value add(ElementBuilder &b, Value lhs, Value rhs) { return arith::AddFOp::create(b, lhs, rhs); }
static Value multiply(ElementBuilder &b, Value lhs, Value rhs) { return b.createOrFold<arith::MulFOp>(lhs, rhs); }

/// max(x, 0); NaN stays.
static Value lowerAtenRelu(ElementBuilder &b, ValueRange x) {
  if (b.isFloat())
    return arith::MaximumFOp::create(b, x[0], b.number(0));
  return b.isUnsigned() ? x[0] : arith::MaxSIOp::create(b, x[0], b.number(0)).getResult();
}

/// x / 2 (1 + erf(x / sqrt 2)), or with approximate = "tanh":
/// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
static Value lowerAtenGelu(ElementBuilder &b, ValueRange x) {
  Value inner;
  if (getConstantString(b.getOp()->getOperand(1)) == "tanh") {
    Value cube = multiply(b, multiply(b, x[0], x[0]), x[0]);
    Value sum = add(b, x[0], multiply(b, b.number(0.044715), cube));
    inner = math::TanhOp::create(b, multiply(b, b.number(std::numbers::sqrt2 * std::numbers::inv_sqrtpi), sum));
  } else {
    inner = erf(Real(b, multiply(b, x[0], b.number(1 / std::numbers::sqrt2)))).get();
  }
  return multiply(b, multiply(b, b.number(0.5), x[0]), add(b, inner, b.number(1)));
}
static bool hasKnownApproximation(Operation *op) {
  return llvm::is_contained({"none", "tanh"}, getConstantString(op->getOperand(1)).value_or(""));
}

/// x / (1 + exp(-x))
static Value lowerAtenSilu(ElementBuilder &b, ValueRange x) {
  Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x[0]));
  return arith::DivFOp::create(b, x[0], add(b, exp, b.number(1)));
}
/// x where x > 0, else slope x
static Value lowerAtenLeakyRelu(ElementBuilder &b, ValueRange x) {
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, x[0], b.number(0)), x[0], multiply(b, x[0], x[1]));
}
/// scale x where x > 0, else scale alpha (exp(input_scale x) - 1)
static Value lowerAtenElu(ElementBuilder &b, ValueRange x) {
  Value exp = math::ExpM1Op::create(b, multiply(b, x[0], x[3]));
  Value negative = multiply(b, exp, multiply(b, x[1], x[2]));
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, x[0], b.number(0)), multiply(b, x[0], x[2]),
                                 negative);
}
/// log(1 + exp(beta x)) / beta; x where beta x is above the threshold
static Value lowerAtenSoftplus(ElementBuilder &b, ValueRange x) {
  Value scaled = multiply(b, x[0], x[1]);
  Value log = math::Log1pOp::create(b, math::ExpOp::create(b, scaled));
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, scaled, x[2]), x[0],
                                 b.createOrFold<arith::DivFOp>(log, x[1]));
}
/// x tanh(log(1 + e)), e = exp(x): x n / (n + 2) with n = e (e + 2)
static Value lowerAtenMish(ElementBuilder &b, ValueRange x) {
  Value e = math::ExpOp::create(b, x[0]), n = multiply(b, e, add(b, e, b.number(2)));
  Value value = multiply(b, x[0], arith::DivFOp::create(b, n, add(b, n, b.number(2))));
  // n overflows long after the result has become x.
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, x[0], b.number(40)), x[0], value);
}

/// min(max(x, low), high); NaN stays.
static Value clampTo(ElementBuilder &b, Value x, Value low, Value high) {
  if (low)
    x = b.isFloat()      ? arith::MaximumFOp::create(b, x, low).getResult()
        : b.isUnsigned() ? arith::MaxUIOp::create(b, x, low).getResult()
                         : arith::MaxSIOp::create(b, x, low).getResult();
  if (high)
    x = b.isFloat()      ? arith::MinimumFOp::create(b, x, high).getResult()
        : b.isUnsigned() ? arith::MinUIOp::create(b, x, high).getResult()
                         : arith::MinSIOp::create(b, x, high).getResult();
  return x;
}
static Value lowerAtenClamp(ElementBuilder &b, ValueRange x) { return clampTo(b, x[0], x[1], x[2]); }
static Value lowerAtenClampMin(ElementBuilder &b, ValueRange x) { return clampTo(b, x[0], x[1], {}); }
static Value lowerAtenClampMax(ElementBuilder &b, ValueRange x) { return clampTo(b, x[0], {}, x[1]); }
/// min(max(x + 3, 0), 6) / 6
static Value lowerAtenHardsigmoid(ElementBuilder &b, ValueRange x) {
  Value clamped = clampTo(b, add(b, x[0], b.number(3)), b.number(0), b.number(6));
  return arith::DivFOp::create(b, clamped, b.number(6));
}
/// x min(max(x + 3, 0), 6) / 6
static Value lowerAtenHardswish(ElementBuilder &b, ValueRange x) {
  Value clamped = clampTo(b, add(b, x[0], b.number(3)), b.number(0), b.number(6));
  return arith::DivFOp::create(b, multiply(b, x[0], clamped), b.number(6));
}

/// x where x > 0, else alpha (exp(x / alpha) - 1)
static Value lowerAtenCelu(ElementBuilder &b, ValueRange x) {
  Value exp = math::ExpM1Op::create(b, b.createOrFold<arith::DivFOp>(x[0], x[1]));
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, x[0], b.number(0)), x[0], multiply(b, exp, x[1]));
}
/// elu of fixed scales, for which mean 0 and variance 1 are stable (G. Klambauer et al., 2017)
static Value lowerAtenSelu(ElementBuilder &b, ValueRange x) {
  constexpr double kAlpha = 1.6732632423543772848170429916717, kScale = 1.0507009873554804934193349852946;
  return lowerAtenElu(b, {x[0], b.number(kAlpha), b.number(kScale), b.number(1)});
}
/// x without what lies within lambda of 0
static Value lowerAtenHardshrink(ElementBuilder &b, ValueRange x) {
  Value isAbove = b.compare(CmpIPredicate::sge, x[0], arith::NegFOp::create(b, x[1]));
  Value isSmall = arith::AndIOp::create(b, isAbove, b.compare(CmpIPredicate::sle, x[0], x[1]));
  return arith::SelectOp::create(b, isSmall, b.number(0), x[0]);
}
/// x moved by lambda towards 0, 0 within
static Value lowerAtenSoftshrink(ElementBuilder &b, ValueRange x) {
  Value minus = arith::NegFOp::create(b, x[1]);
  // NaN times 0 is NaN.
  Value inner = arith::MulFOp::create(b, x[0], b.number(0));
  Value low = arith::SelectOp::create(b, b.compare(CmpIPredicate::slt, x[0], minus), add(b, x[0], x[1]), inner);
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, x[0], x[1]), arith::SubFOp::create(b, x[0], x[1]),
                                 low);
}

static const ElementwiseOp activations[] = {
    {"torch.aten.relu", ComputeIn::Result, 1, lowerAtenRelu},
    {"torch.aten.gelu", ComputeIn::Result, 1, lowerAtenGelu, -1, hasKnownApproximation,
     "approximate is neither 'none' nor 'tanh'"},
    {"torch.aten.silu", ComputeIn::Result, 1, lowerAtenSilu},
    {"torch.aten.leaky_relu", ComputeIn::Result, 2, lowerAtenLeakyRelu},
    {"torch.aten.elu", ComputeIn::Result, 4, lowerAtenElu},
    {"torch.aten.softplus", ComputeIn::Result, 3, lowerAtenSoftplus},
    {"torch.aten.mish", ComputeIn::Result, 1, lowerAtenMish},
    {"torch.aten.clamp", ComputeIn::Result, 3, lowerAtenClamp},
    {"torch.aten.clamp.Tensor", ComputeIn::Result, 3, lowerAtenClamp},
    {"torch.aten.clamp_min", ComputeIn::Result, 2, lowerAtenClampMin},
    {"torch.aten.clamp_max", ComputeIn::Result, 2, lowerAtenClampMax},
    {"torch.aten.clamp_min.Tensor", ComputeIn::Result, 2, lowerAtenClampMin},
    {"torch.aten.clamp_max.Tensor", ComputeIn::Result, 2, lowerAtenClampMax},
    {"torch.aten.celu", ComputeIn::Result, 2, lowerAtenCelu},
    {"torch.aten.selu", ComputeIn::Result, 1, lowerAtenSelu},
    {"torch.aten.hardshrink", ComputeIn::Result, 2, lowerAtenHardshrink},
    {"torch.aten.softshrink", ComputeIn::Result, 2, lowerAtenSoftshrink},
    {"torch.aten.hardtanh", ComputeIn::Result, 3, lowerAtenClamp},
    {"torch.aten.hardsigmoid", ComputeIn::Result, 1, lowerAtenHardsigmoid},
    {"torch.aten.hardswish", ComputeIn::Result, 1, lowerAtenHardswish},
};

void torchc::populateElementwiseActivationPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  populateElementwiseOps(patterns, context, activations);
}
