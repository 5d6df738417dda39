//===- ElementwiseMath.cpp - functions of one real variable, and atan2 ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace torchc;
using arith::CmpIPredicate;

/// A function that the math dialect has.
template <typename OpT>
static Value lowerByMathOp(ElementBuilder &b, ValueRange x) {
  return OpT::create(b, x);
}
/// A rounding, which leaves integers as they are.
template <typename OpT>
static Value lowerByRounding(ElementBuilder &b, ValueRange x) {
  return b.isFloat() ? OpT::create(b, x[0]).getResult() : x[0];
}

static Value lowerAtenAbs(ElementBuilder &b, ValueRange x) {
  if (b.isFloat())
    return math::AbsFOp::create(b, x[0]);
  return b.isUnsigned() ? x[0] : math::AbsIOp::create(b, x[0]).getResult();
}
static Value lowerAtenNeg(ElementBuilder &b, ValueRange x) {
  return b.isFloat() ? arith::NegFOp::create(b, x[0]).getResult() : arith::SubIOp::create(b, b.number(0), x[0]);
}
/// 1 / x
static Value lowerAtenReciprocal(ElementBuilder &b, ValueRange x) {
  return arith::DivFOp::create(b, b.number(1), x[0]);
}
/// 1 / (1 + exp(-x))
static Value lowerAtenSigmoid(ElementBuilder &b, ValueRange x) {
  Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x[0]));
  return arith::DivFOp::create(b, b.number(1), arith::AddFOp::create(b, exp, b.number(1)));
}
/// (0 < x) - (x < 0): 0 for NaN.
static Value lowerAtenSign(ElementBuilder &b, ValueRange x) {
  Value zero = b.number(0);
  Value isPositive = b.compare(CmpIPredicate::sgt, x[0], zero);
  if (b.isUnsigned())
    return arith::SelectOp::create(b, isPositive, b.number(1), zero);
  Value negative = arith::SelectOp::create(b, b.compare(CmpIPredicate::slt, x[0], zero), b.number(-1), zero);
  return arith::SelectOp::create(b, isPositive, b.number(1), negative);
}

static const ElementwiseOp functions[] = {
    {"torch.aten.abs", ComputeIn::Result, 1, lowerAtenAbs},
    {"torch.aten.neg", ComputeIn::Result, 1, lowerAtenNeg},
    {"torch.aten.exp", ComputeIn::Result, 1, lowerByMathOp<math::ExpOp>},
    {"torch.aten.expm1", ComputeIn::Result, 1, lowerByMathOp<math::ExpM1Op>},
    {"torch.aten.log", ComputeIn::Result, 1, lowerByMathOp<math::LogOp>},
    {"torch.aten.log1p", ComputeIn::Result, 1, lowerByMathOp<math::Log1pOp>},
    {"torch.aten.log2", ComputeIn::Result, 1, lowerByMathOp<math::Log2Op>},
    {"torch.aten.sqrt", ComputeIn::Result, 1, lowerByMathOp<math::SqrtOp>},
    {"torch.aten.rsqrt", ComputeIn::Result, 1, lowerByMathOp<math::RsqrtOp>},
    {"torch.aten.reciprocal", ComputeIn::Result, 1, lowerAtenReciprocal},
    {"torch.aten.sin", ComputeIn::Result, 1, lowerByMathOp<math::SinOp>},
    {"torch.aten.cos", ComputeIn::Result, 1, lowerByMathOp<math::CosOp>},
    {"torch.aten.tanh", ComputeIn::Result, 1, lowerByMathOp<math::TanhOp>},
    {"torch.aten.erf", ComputeIn::Result, 1, lowerByMathOp<math::ErfOp>},
    {"torch.aten.sigmoid", ComputeIn::Result, 1, lowerAtenSigmoid},
    {"torch.aten.sign", ComputeIn::Result, 1, lowerAtenSign},
    {"torch.aten.floor", ComputeIn::Result, 1, lowerByRounding<math::FloorOp>},
    {"torch.aten.ceil", ComputeIn::Result, 1, lowerByRounding<math::CeilOp>},
    {"torch.aten.round", ComputeIn::Result, 1, lowerByRounding<math::RoundEvenOp>},
    {"torch.aten.trunc", ComputeIn::Result, 1, lowerByRounding<math::TruncOp>},
    {"torch.aten.atan2", ComputeIn::Result, 2, lowerByMathOp<math::Atan2Op>},
};

void torchc::populateElementwiseMathPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  populateElementwiseOps(patterns, context, functions);
}
