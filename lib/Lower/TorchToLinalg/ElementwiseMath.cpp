//===- ElementwiseMath.cpp - functions of one real variable, and atan2 ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Real.h"
#include "Sizes.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

/// A function that the math dialect has.
template <typename OpT> static Value lowerByMathOp(ElementBuilder &b, ValueRange x) { return OpT::create(b, x); }
/// A rounding, which leaves integers as they are.
template <typename OpT> static Value lowerByRounding(ElementBuilder &b, ValueRange x) {
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

/// x - trunc(x)
static Value lowerAtenFrac(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return b.number(0);
  return arith::SubFOp::create(b, x[0], math::TruncOp::create(b, x[0]));
}
static Value lowerAtenDeg2rad(ElementBuilder &b, ValueRange x) {
  return arith::MulFOp::create(b, x[0], b.number(std::numbers::pi / 180));
}
static Value lowerAtenRad2deg(ElementBuilder &b, ValueRange x) {
  return arith::MulFOp::create(b, x[0], b.number(180 / std::numbers::pi));
}
/// Of real numbers: pi below 0.
static Value lowerAtenAngle(ElementBuilder &b, ValueRange x) {
  Real value(b, x[0]);
  return select(value.isNan(), value, select(value < 0.0, value.number(std::numbers::pi), value.number(0))).get();
}
/// sin(pi x) / (pi x)
static Real sinc(Real x) {
  Real angle = std::numbers::pi * x;
  return select(x == 0.0, x.number(1), sin(angle) / angle);
}
static Value lowerAtenAtan2(ElementBuilder &b, ValueRange x) { return atan2(Real(b, x[0]), Real(b, x[1])).get(); }
/// By the legs of the unit circle, which lose no digits near 1.
static Real asin(Real x) { return atan2(x, sqrt((1.0 - x) * (1.0 + x))); }
static Real acos(Real x) { return atan2(sqrt((1.0 - x) * (1.0 + x)), x); }
static Real hypot(Real x, Real y) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Truth isInfinite = (abs(x) == kInfinity) || (abs(y) == kInfinity);
  return select(isInfinite, x.number(kInfinity), sqrt(x * x + y * y));
}
/// log(x / (1 - x)), x first moved into [eps, 1 - eps]
static Value lowerAtenLogit(ElementBuilder &b, ValueRange x) {
  Real value = Real(b, x[0]).widen();
  if (x[1]) {
    double eps = *getConstantNumber(b.getOp()->getOperand(1));
    // The bounds are those of the dtype.
    auto bound = [&](double number) { return Real(b, b.number(number)).widen(); };
    value = min(max(value, bound(eps)), bound(1 - eps));
  }
  return convertElement(b, log(value / (1.0 - value)).get(), b.getF64Type(), b.getDtype());
}
static bool hasConstantSecond(Operation *op) {
  return isNone(op->getOperand(1)) || getConstantNumber(op->getOperand(1));
}
/// Rounds to a number of digits behind the point, or before it.
static Value lowerAtenRoundDecimals(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return x[0];
  auto digits = *getConstantNumber(b.getOp()->getOperand(1));
  Real value(b, x[0]);
  Real factor = value.number(std::pow(10.0, std::abs(digits)));
  return (digits < 0 ? roundEven(value / factor) * factor : roundEven(value * factor) / factor).get();
}
/// log(exp(x) + exp(y)) = max + log(1 + exp(-|x - y|)); the same infinity twice stays.
static Real logaddexp(Real x, Real y) {
  Truth isSame = (x == y) && (abs(x) == std::numeric_limits<double>::infinity());
  return select(isSame, x, max(x, y) + log1p(exp(-abs(x - y))));
}
static Real logaddexp2(Real x, Real y) {
  return logaddexp(x * std::numbers::ln2, y * std::numbers::ln2) * (1 / std::numbers::ln2);
}
/// x log y, 0 for x = 0 whatever y, but for NaN
static Real xlogy(Real x, Real y) { return select(y.isNan(), y, select(x == 0.0, x.number(0), x * log(y))); }
static Real xlog1py(Real x, Real y) { return select(y.isNan(), y, select(x == 0.0, x.number(0), x * log1p(y))); }
/// 0 below 0, the second operand at 0, else 1
static Value lowerAtenHeaviside(ElementBuilder &b, ValueRange x) {
  Value zero = b.number(0);
  Value step = arith::SelectOp::create(b, b.compare(CmpIPredicate::sgt, x[0], zero), b.number(1), zero);
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::eq, x[0], zero), x[1], step);
}
static Value lowerAtenErf(ElementBuilder &b, ValueRange x) { return erf(Real(b, x[0])).get(); }
/// The number beside x in the direction of y: one step of the bits.
static Value lowerAtenNextafter(ElementBuilder &b, ValueRange x) {
  unsigned width = b.getDtype().getIntOrFloatBitWidth();
  Type integer = b.getIntegerType(width);
  Real from(b, x[0]), to(b, x[1]);
  auto constant = [&](int64_t value) { return arith::ConstantOp::create(b, b.getIntegerAttr(integer, value)); };
  Value bits = arith::BitcastOp::create(b, integer, x[0]);
  // Away from 0 the bits grow.
  Truth grows = {&b, arith::CmpIOp::create(b, CmpIPredicate::eq, (from < to).value, (from > 0.0).value)};
  Value step = arith::SelectOp::create(b, grows.value, constant(1), constant(-1));
  Real next(b, arith::BitcastOp::create(b, x[0].getType(), arith::AddIOp::create(b, bits, step)));
  Real smallest(b, arith::BitcastOp::create(b, x[0].getType(), constant(1)));
  next = select(from == 0.0, copySign(smallest, to), next);
  next = select(from == to, to, next);
  return select(from.isNan() || to.isNan(), from + to, next).get();
}
/// Replaces NaN and the infinities; without numbers by 0 and the dtype's largest.
static Value lowerAtenNanToNum(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return x[0];
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Type dtype = Lowering::getDtype(b.getOp()->getOperand(0));
  double largest = APFloat::getLargest(cast<mlir::FloatType>(dtype).getFloatSemantics()).convertToDouble();
  Real value(b, x[0]);
  auto numberOr = [&](unsigned i, double otherwise) { return x[i] ? Real(b, x[i]) : value.number(otherwise); };
  Real result = select(value == kInfinity, numberOr(2, largest), value);
  result = select(value == -kInfinity, numberOr(3, -largest), result);
  return select(value.isNan(), numberOr(1, 0), result).get();
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
    {"torch.aten.erf", ComputeIn::Result, 1, lowerAtenErf},
    {"torch.aten.sigmoid", ComputeIn::Result, 1, lowerAtenSigmoid},
    {"torch.aten.sign", ComputeIn::Result, 1, lowerAtenSign},
    {"torch.aten.floor", ComputeIn::Result, 1, lowerByRounding<math::FloorOp>},
    {"torch.aten.ceil", ComputeIn::Result, 1, lowerByRounding<math::CeilOp>},
    {"torch.aten.round", ComputeIn::Result, 1, lowerByRounding<math::RoundEvenOp>},
    {"torch.aten.trunc", ComputeIn::Result, 1, lowerByRounding<math::TruncOp>},
    {"torch.aten.atan2", ComputeIn::Result, 2, lowerAtenAtan2},
    {"torch.aten.tan", ComputeIn::Result, 1, lowerByMathOp<math::TanOp>},
    {"torch.aten.asin", ComputeIn::Result, 1, lowerInDouble<asin>},
    {"torch.aten.acos", ComputeIn::Result, 1, lowerInDouble<acos>},
    {"torch.aten.atan", ComputeIn::Result, 1, lowerByMathOp<math::AtanOp>},
    {"torch.aten.sinh", ComputeIn::Result, 1, lowerByMathOp<math::SinhOp>},
    {"torch.aten.cosh", ComputeIn::Result, 1, lowerByMathOp<math::CoshOp>},
    {"torch.aten.asinh", ComputeIn::Result, 1, lowerByMathOp<math::AsinhOp>},
    {"torch.aten.acosh", ComputeIn::Result, 1, lowerByMathOp<math::AcoshOp>},
    {"torch.aten.atanh", ComputeIn::Result, 1, lowerByMathOp<math::AtanhOp>},
    {"torch.aten.exp2", ComputeIn::Result, 1, lowerByMathOp<math::Exp2Op>},
    {"torch.aten.log10", ComputeIn::Result, 1, lowerByMathOp<math::Log10Op>},
    {"torch.aten.frac", ComputeIn::Result, 1, lowerAtenFrac},
    {"torch.aten.deg2rad", ComputeIn::Result, 1, lowerAtenDeg2rad},
    {"torch.aten.rad2deg", ComputeIn::Result, 1, lowerAtenRad2deg},
    {"torch.aten.angle", ComputeIn::Result, 1, lowerAtenAngle},
    {"torch.aten.sgn", ComputeIn::Result, 1, lowerAtenSign},
    {"torch.aten.sinc", ComputeIn::Result, 1, lowerInDouble<sinc>},
    {"torch.aten.hypot", ComputeIn::Result, 2, lowerInDouble<hypot>},
    {"torch.aten.logit", ComputeIn::Result, 2, lowerAtenLogit, -1, hasConstantSecond, "eps is not constant"},
    {"torch.aten.round.decimals", ComputeIn::Result, 1, lowerAtenRoundDecimals, -1, hasConstantSecond,
     "decimals are not constant"},
    {"torch.aten.copysign.Tensor", ComputeIn::Result, 2, lowerByMathOp<math::CopySignOp>},
    {"torch.aten.copysign.Scalar", ComputeIn::Result, 2, lowerByMathOp<math::CopySignOp>},
    {"torch.aten.logaddexp", ComputeIn::Result, 2, lowerInDouble<logaddexp>},
    {"torch.aten.logaddexp2", ComputeIn::Result, 2, lowerInDouble<logaddexp2>},
    {"torch.aten.xlogy.Tensor", ComputeIn::Result, 2, lowerInDouble<xlogy>},
    {"torch.aten.xlogy.Scalar_Self", ComputeIn::Result, 2, lowerInDouble<xlogy>},
    {"torch.aten.xlogy.Scalar_Other", ComputeIn::Result, 2, lowerInDouble<xlogy>},
    {"torch.aten.special_xlog1py", ComputeIn::Result, 2, lowerInDouble<xlog1py>},
    {"torch.aten.special_xlog1py.self_scalar", ComputeIn::Result, 2, lowerInDouble<xlog1py>},
    {"torch.aten.special_xlog1py.other_scalar", ComputeIn::Result, 2, lowerInDouble<xlog1py>},
    {"torch.aten.heaviside", ComputeIn::Result, 2, lowerAtenHeaviside},
    {"torch.aten.nextafter", ComputeIn::Result, 2, lowerAtenNextafter},
    {"torch.aten.nan_to_num", ComputeIn::Result, 4, lowerAtenNanToNum},
};

namespace {

/// x = mantissa 2^exponent, 1/2 <= |mantissa| < 1. 0, infinities and NaN are their own mantissa.
struct LowerAtenFrexpTensor : LowerMultiResultOp<LowerAtenFrexpTensor, AtenFrexpTensorOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenFrexpTensorOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf()), compute = getComputeDtype(dtype);
    if (!isFloat(dtype))
      return b.refuse("on a dtype that is not floating point");
    Value self = b.get(op.getSelf());
    auto build = [&](Type to, function_ref<Value(ImplicitLocOpBuilder &, std::pair<Value, Value>)> pick) {
      return createElementwise(b, self, getDims(b, self), to, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
        return pick(body, split(body, convertElement(body, elements[0], dtype, compute)));
      });
    };
    Value mantissa = build(getValueType(dtype), [&](ImplicitLocOpBuilder &body, std::pair<Value, Value> parts) {
      return convertElement(body, parts.first, compute, dtype);
    });
    Value exponent =
        build(b.getI32Type(), [](ImplicitLocOpBuilder &, std::pair<Value, Value> parts) { return parts.second; });
    return SmallVector<Value>{mantissa, exponent};
  }

  /// Mantissa and exponent (i32) of an f32 or f64, by their bits.
  static std::pair<Value, Value> split(ImplicitLocOpBuilder &b, Value x) {
    auto type = cast<mlir::FloatType>(x.getType());
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    int64_t width = type.getWidth(), fraction = APFloat::semanticsPrecision(semantics) - 1;
    int64_t mask = (int64_t(1) << (width - 1 - fraction)) - 1, bias = mask / 2;
    Type bitsType = b.getIntegerType(width);
    auto number = [&](int64_t value) -> Value { return arith::ConstantIntOp::create(b, bitsType, value); };
    // Subnormal numbers are made normal first.
    Real value(b, x);
    Truth isSubnormal = abs(value) < APFloat::getSmallestNormalized(semantics).convertToDouble();
    Real scaled = select(isSubnormal, value * std::ldexp(1.0, static_cast<int>(fraction) + 1), value);
    Value bits = arith::BitcastOp::create(b, bitsType, scaled.get());
    Value stored = arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, number(fraction)), number(mask));
    Value bare = arith::AndIOp::create(b, bits, number(~(mask << fraction)));
    Value mantissa = arith::BitcastOp::create(b, type, arith::OrIOp::create(b, bare, number((bias - 1) << fraction)));
    Value offset = arith::SelectOp::create(b, isSubnormal.value, number(bias + fraction), number(bias - 1));
    Value exponent = arith::SubIOp::create(b, stored, offset);
    Value isOdd = arith::CmpIOp::create(b, CmpIPredicate::eq, stored, number(mask));
    isOdd = arith::OrIOp::create(b, isOdd, (value == 0.0).value);
    exponent = arith::SelectOp::create(b, isOdd, number(0), exponent);
    if (width > 32)
      exponent = arith::TruncIOp::create(b, b.getI32Type(), exponent);
    return {arith::SelectOp::create(b, isOdd, x, mantissa), exponent};
  }
};

} // namespace

void torchc::populateElementwiseMathPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenFrexpTensor>(patterns, context);
  populateElementwiseOps(patterns, context, functions);
}
