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

template <CmpIPredicate predicate>
static Value lowerByComparison(ElementBuilder &b, ValueRange x) {
  return b.compare(predicate, x[0], x[1]);
}
template <typename OpT>
static Value lowerByBits(ElementBuilder &b, ValueRange x) {
  return OpT::create(b, x[0], x[1]);
}

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
