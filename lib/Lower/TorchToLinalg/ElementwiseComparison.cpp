//===- ElementwiseComparison.cpp - comparison, choice, logic and bits ---===//
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

template <CmpIPredicate predicate> static Value lowerByComparison(ElementBuilder &b, ValueRange x) {
  return b.compare(predicate, x[0], x[1]);
}
template <typename OpT> static Value lowerByBits(ElementBuilder &b, ValueRange x) { return OpT::create(b, x[0], x[1]); }

/// NaN wins.
static Value lowerAtenMaximum(ElementBuilder &b, ValueRange x) {
  if (b.isFloat())
    return arith::MaximumFOp::create(b, x[0], x[1]);
  return b.isUnsigned() ? arith::MaxUIOp::create(b, x[0], x[1]).getResult() : arith::MaxSIOp::create(b, x[0], x[1]);
}
/// NaN wins.
static Value lowerAtenMinimum(ElementBuilder &b, ValueRange x) {
  if (b.isFloat())
    return arith::MinimumFOp::create(b, x[0], x[1]);
  return b.isUnsigned() ? arith::MinUIOp::create(b, x[0], x[1]).getResult() : arith::MinSIOp::create(b, x[0], x[1]);
}
/// condition ? a : b
static Value lowerAtenWhere(ElementBuilder &b, ValueRange x) {
  return b.createOrFold<arith::SelectOp>(x[0], x[1], x[2]);
}
static Value lowerAtenNot(ElementBuilder &b, ValueRange x) {
  Value ones = arith::ConstantOp::create(b, b.getIntegerAttr(x[0].getType(), -1));
  return arith::XOrIOp::create(b, x[0], ones);
}
static Value lowerAtenIsnan(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return arith::ConstantIntOp::create(b, 0, 1);
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x[0], x[0]);
}
static Value lowerAtenIsinf(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return arith::ConstantIntOp::create(b, 0, 1);
  Value infinity = arith::ConstantOp::create(b, getHighest(b, b.getDtype()));
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, math::AbsFOp::create(b, x[0]), infinity);
}

/// A number is finite where it minus itself is 0.
static Value lowerAtenIsfinite(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return arith::ConstantIntOp::create(b, 1, 1);
  Value infinity = arith::ConstantOp::create(b, getHighest(b, b.getDtype()));
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, x[0]), infinity);
}
template <bool isNegative> static Value lowerByInfinity(ElementBuilder &b, ValueRange x) {
  if (!b.isFloat())
    return arith::ConstantIntOp::create(b, 0, 1);
  TypedAttr infinity = isNegative ? getLowest(b, b.getDtype()) : getHighest(b, b.getDtype());
  return b.compare(CmpIPredicate::eq, x[0], arith::ConstantOp::create(b, infinity));
}
static Value lowerAtenSignbit(ElementBuilder &b, ValueRange x) {
  if (b.isUnsigned())
    return arith::ConstantIntOp::create(b, 0, 1);
  Value sign = b.isFloat() ? math::CopySignOp::create(b, b.number(1), x[0]).getResult() : x[0];
  return b.compare(CmpIPredicate::slt, sign, b.number(0));
}
/// NaN loses. (LLVM would call fmaxf for the maxnum of halfs.)
template <Value (*extremum)(ElementBuilder &, ValueRange)> static Value lowerByNumber(ElementBuilder &b, ValueRange x) {
  Value result = extremum(b, x);
  if (!b.isFloat())
    return result;
  for (auto [value, other] : {std::pair(x[0], x[1]), std::pair(x[1], x[0])})
    result = arith::SelectOp::create(b, b.compare(CmpIPredicate::ne, value, value), other, result);
  return result;
}
/// Shifts by the width or more give what as many single steps would.
template <bool isLeft> static Value lowerByShift(ElementBuilder &b, ValueRange x) {
  unsigned width = b.getDtype().getIntOrFloatBitWidth();
  Value isWide = arith::CmpIOp::create(b, CmpIPredicate::uge, x[1], b.number(width));
  Value amount = arith::SelectOp::create(b, isWide, b.number(width - 1), x[1]);
  if (isLeft)
    return arith::SelectOp::create(b, isWide, b.number(0), arith::ShLIOp::create(b, x[0], amount));
  if (b.isUnsigned())
    return arith::SelectOp::create(b, isWide, b.number(0), arith::ShRUIOp::create(b, x[0], amount));
  return arith::ShRSIOp::create(b, x[0], amount);
}

static const ElementwiseOp comparisons[] = {
    {"torch.aten.eq.Tensor", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::eq>},
    {"torch.aten.eq.Scalar", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::eq>},
    {"torch.aten.ne.Tensor", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::ne>},
    {"torch.aten.ne.Scalar", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::ne>},
    {"torch.aten.lt.Tensor", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::slt>},
    {"torch.aten.lt.Scalar", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::slt>},
    {"torch.aten.le.Tensor", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::sle>},
    {"torch.aten.le.Scalar", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::sle>},
    {"torch.aten.gt.Tensor", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::sgt>},
    {"torch.aten.gt.Scalar", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::sgt>},
    {"torch.aten.ge.Tensor", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::sge>},
    {"torch.aten.ge.Scalar", ComputeIn::Operands, 2, lowerByComparison<CmpIPredicate::sge>},
    {"torch.aten.isnan", ComputeIn::Operands, 1, lowerAtenIsnan},
    {"torch.aten.isinf", ComputeIn::Operands, 1, lowerAtenIsinf},
    {"torch.aten.maximum", ComputeIn::Result, 2, lowerAtenMaximum},
    {"torch.aten.minimum", ComputeIn::Result, 2, lowerAtenMinimum},
    {"torch.aten.isfinite", ComputeIn::Operands, 1, lowerAtenIsfinite},
    {"torch.aten.isposinf", ComputeIn::Operands, 1, lowerByInfinity<false>},
    {"torch.aten.isneginf", ComputeIn::Operands, 1, lowerByInfinity<true>},
    {"torch.aten.signbit", ComputeIn::Operands, 1, lowerAtenSignbit},
    {"torch.aten.fmax", ComputeIn::Result, 2, lowerByNumber<lowerAtenMaximum>},
    {"torch.aten.fmin", ComputeIn::Result, 2, lowerByNumber<lowerAtenMinimum>},
    {"torch.aten.bitwise_left_shift.Tensor", ComputeIn::Result, 2, lowerByShift<true>},
    {"torch.aten.bitwise_left_shift.Tensor_Scalar", ComputeIn::Result, 2, lowerByShift<true>},
    {"torch.aten.bitwise_right_shift.Tensor", ComputeIn::Result, 2, lowerByShift<false>},
    {"torch.aten.bitwise_right_shift.Tensor_Scalar", ComputeIn::Result, 2, lowerByShift<false>},
    {"torch.aten.bitwise_xor.Scalar", ComputeIn::Result, 2, lowerByBits<arith::XOrIOp>},
    {"torch.aten.where.self", ComputeIn::Result, 3, lowerAtenWhere, /*condition=*/0},
    {"torch.aten.logical_not", ComputeIn::Bool, 1, lowerAtenNot},
    {"torch.aten.logical_and", ComputeIn::Bool, 2, lowerByBits<arith::AndIOp>},
    {"torch.aten.logical_or", ComputeIn::Bool, 2, lowerByBits<arith::OrIOp>},
    {"torch.aten.logical_xor", ComputeIn::Bool, 2, lowerByBits<arith::XOrIOp>},
    {"torch.aten.bitwise_not", ComputeIn::Result, 1, lowerAtenNot},
    {"torch.aten.bitwise_and.Tensor", ComputeIn::Result, 2, lowerByBits<arith::AndIOp>},
    {"torch.aten.bitwise_and.Scalar", ComputeIn::Result, 2, lowerByBits<arith::AndIOp>},
    {"torch.aten.bitwise_or.Tensor", ComputeIn::Result, 2, lowerByBits<arith::OrIOp>},
    {"torch.aten.bitwise_or.Scalar", ComputeIn::Result, 2, lowerByBits<arith::OrIOp>},
    {"torch.aten.bitwise_xor.Tensor", ComputeIn::Result, 2, lowerByBits<arith::XOrIOp>},
};

void torchc::populateElementwiseComparisonPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  populateElementwiseOps(patterns, context, comparisons);
}
