//===- ArithToVM.cpp - arith to vm: integers of the host ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An integer of n bits is kept in an i64 register with its sign extended, an i1
// as 0 or 1. Arithmetic is on index, i64 and i1 only, where registers wrap as
// the type does; narrower types come from tensors and are extended first.
//
//===----------------------------------------------------------------------===//

#include "HostToVM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace torchc;

static bool isWide(Type type) { return type.isIndex() || type.isInteger(64); }

namespace {

struct ConvertConstant : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto value = dyn_cast<IntegerAttr>(op.getValue());
    if (!value)
      return rewriter.notifyMatchFailure(op, "not an integer");
    int64_t bits = op.getType().isInteger(1) ? value.getValue().getZExtValue() : value.getValue().getSExtValue();
    rewriter.replaceOpWithNewOp<vm::ConstI64Op>(op, rewriter.getI64Type(), bits);
    return success();
  }
};

/// Operations that are one instruction, on wide integers.
template <typename ArithOp, typename VMOp> struct ConvertBinary : OpConversionPattern<ArithOp> {
  using OpConversionPattern<ArithOp>::OpConversionPattern;
  LogicalResult matchAndRewrite(ArithOp op, typename ArithOp::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isWide(op.getType()))
      return rewriter.notifyMatchFailure(op, "not an index or i64");
    rewriter.replaceOpWithNewOp<VMOp>(op, rewriter.getI64Type(), adaptor.getLhs(), adaptor.getRhs());
    return success();
  }
};

/// The same for bitwise operations, which hold for integers of any width.
template <typename ArithOp, typename VMOp> struct ConvertBitwise : OpConversionPattern<ArithOp> {
  using OpConversionPattern<ArithOp>::OpConversionPattern;
  LogicalResult matchAndRewrite(ArithOp op, typename ArithOp::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<VMOp>(op, rewriter.getI64Type(), adaptor.getLhs(), adaptor.getRhs());
    return success();
  }
};

/// a / b rounded towards zero: floor(a / b), plus 1 where the quotient is
/// negative and not exact.
static Value truncatedDiv(Value a, Value b, OpBuilder &builder, Location loc) {
  VMBuilder vm(builder, loc);
  Type i64 = builder.getI64Type();
  Value zero = vm.constant(0);
  Value floor = vm.floorDiv(a, b);
  Value rest = vm.floorMod(a, b);
  Value inexact = vm::NeI64Op::create(builder, loc, i64, rest, zero);
  Value negative = vm::LtI64Op::create(builder, loc, i64, floor, zero);
  return vm.add(floor, vm::AndI64Op::create(builder, loc, i64, inexact, negative));
}

struct ConvertDivS : OpConversionPattern<arith::DivSIOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::DivSIOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isWide(op.getType()))
      return rewriter.notifyMatchFailure(op, "not an index or i64");
    rewriter.replaceOp(op, truncatedDiv(adaptor.getLhs(), adaptor.getRhs(), rewriter, op.getLoc()));
    return success();
  }
};

/// a % b with the sign of a: a - b * trunc(a / b).
struct ConvertRemS : OpConversionPattern<arith::RemSIOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::RemSIOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isWide(op.getType()))
      return rewriter.notifyMatchFailure(op, "not an index or i64");
    Value quotient = truncatedDiv(adaptor.getLhs(), adaptor.getRhs(), rewriter, op.getLoc());
    Value product = VMBuilder(rewriter, op.getLoc()).mul(quotient, adaptor.getRhs());
    rewriter.replaceOpWithNewOp<vm::SubI64Op>(op, rewriter.getI64Type(), adaptor.getLhs(), product);
    return success();
  }
};

/// ceil(a / b) = -floor(-a / b)
struct ConvertCeilDivS : OpConversionPattern<arith::CeilDivSIOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::CeilDivSIOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isWide(op.getType()))
      return rewriter.notifyMatchFailure(op, "not an index or i64");
    VMBuilder vm(rewriter, op.getLoc());
    Value minusOne = vm.constant(-1);
    rewriter.replaceOp(op, vm.mul(vm.floorDiv(vm.mul(adaptor.getLhs(), minusOne), adaptor.getRhs()), minusOne));
    return success();
  }
};

struct ConvertCompare : OpConversionPattern<arith::CmpIOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::CmpIOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type i64 = rewriter.getI64Type();
    Value a = adaptor.getLhs(), b = adaptor.getRhs();
    bool isBit = op.getLhs().getType().isInteger(1);
    if (isBit && op.getPredicate() != arith::CmpIPredicate::eq && op.getPredicate() != arith::CmpIPredicate::ne)
      return rewriter.notifyMatchFailure(op, "orders i1");
    switch (op.getPredicate()) {
    case arith::CmpIPredicate::eq: rewriter.replaceOpWithNewOp<vm::EqI64Op>(op, i64, a, b); return success();
    case arith::CmpIPredicate::ne: rewriter.replaceOpWithNewOp<vm::NeI64Op>(op, i64, a, b); return success();
    case arith::CmpIPredicate::slt: rewriter.replaceOpWithNewOp<vm::LtI64Op>(op, i64, a, b); return success();
    case arith::CmpIPredicate::sle: rewriter.replaceOpWithNewOp<vm::LeI64Op>(op, i64, a, b); return success();
    case arith::CmpIPredicate::sgt: rewriter.replaceOpWithNewOp<vm::LtI64Op>(op, i64, b, a); return success();
    case arith::CmpIPredicate::sge: rewriter.replaceOpWithNewOp<vm::LeI64Op>(op, i64, b, a); return success();
    default: break;
    }
    // Unsigned order is signed order with the top bits flipped.
    Value top = VMBuilder(rewriter, op.getLoc()).constant(std::numeric_limits<int64_t>::min());
    a = vm::XorI64Op::create(rewriter, op.getLoc(), i64, a, top);
    b = vm::XorI64Op::create(rewriter, op.getLoc(), i64, b, top);
    switch (op.getPredicate()) {
    case arith::CmpIPredicate::ult: rewriter.replaceOpWithNewOp<vm::LtI64Op>(op, i64, a, b); return success();
    case arith::CmpIPredicate::ule: rewriter.replaceOpWithNewOp<vm::LeI64Op>(op, i64, a, b); return success();
    case arith::CmpIPredicate::ugt: rewriter.replaceOpWithNewOp<vm::LtI64Op>(op, i64, b, a); return success();
    default: rewriter.replaceOpWithNewOp<vm::LeI64Op>(op, i64, b, a); return success();
    }
  }
};

struct ConvertSelect : OpConversionPattern<arith::SelectOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::SelectOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!op.getCondition().getType().isInteger(1))
      return rewriter.notifyMatchFailure(op, "selects by element");
    Value a = adaptor.getTrueValue(), b = adaptor.getFalseValue();
    if (isa<vm::RefType>(a.getType()))
      rewriter.replaceOpWithNewOp<vm::SelectRefOp>(op, a.getType(), adaptor.getCondition(), a, b);
    else
      rewriter.replaceOpWithNewOp<vm::SelectI64Op>(op, a.getType(), adaptor.getCondition(), a, b);
    return success();
  }
};

/// `value` as the n-bit integer that its low bits are: sign-extended, or 0 or 1.
static Value truncate(Value value, unsigned width, OpBuilder &builder, Location loc) {
  VMBuilder vm(builder, loc);
  if (width >= 64)
    return value;
  if (width == 1)
    return vm::AndI64Op::create(builder, loc, builder.getI64Type(), value, vm.constant(1));
  int64_t half = int64_t(1) << (width - 1);
  return vm.add(vm.floorMod(vm.add(value, vm.constant(half)), vm.constant(2 * half)), vm.constant(-half));
}

static unsigned getWidth(Type type) { return type.isIndex() ? 64 : type.getIntOrFloatBitWidth(); }

template <typename ArithOp> struct ConvertTruncation : OpConversionPattern<ArithOp> {
  using OpConversionPattern<ArithOp>::OpConversionPattern;
  LogicalResult matchAndRewrite(ArithOp op, typename ArithOp::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isa<IntegerType, IndexType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "not an integer");
    unsigned from = getWidth(op.getIn().getType()), to = getWidth(op.getType());
    Value value = adaptor.getIn();
    // A set i1 is -1 where it is extended as a signed integer.
    if (from == 1)
      value = VMBuilder(rewriter, op.getLoc()).mul(value, VMBuilder(rewriter, op.getLoc()).constant(-1));
    else if (to < from)
      value = truncate(value, to, rewriter, op.getLoc());
    rewriter.replaceOp(op, value);
    return success();
  }
};

template <typename ArithOp> struct ConvertZeroExtension : OpConversionPattern<ArithOp> {
  using OpConversionPattern<ArithOp>::OpConversionPattern;
  LogicalResult matchAndRewrite(ArithOp op, typename ArithOp::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isa<IntegerType, IndexType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "not an integer");
    unsigned from = getWidth(op.getIn().getType()), to = getWidth(op.getType());
    Value value = adaptor.getIn();
    if (to < from) {
      value = truncate(value, to, rewriter, op.getLoc());
    } else if (from != 1 && from < 64) {
      Value mask = VMBuilder(rewriter, op.getLoc()).constant((int64_t(1) << from) - 1);
      value = vm::AndI64Op::create(rewriter, op.getLoc(), rewriter.getI64Type(), value, mask);
    }
    rewriter.replaceOp(op, value);
    return success();
  }
};

} // namespace

void torchc::populateArithToVMPatterns(TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConvertConstant, ConvertBinary<arith::AddIOp, vm::AddI64Op>, ConvertBinary<arith::SubIOp, vm::SubI64Op>,
               ConvertBinary<arith::MulIOp, vm::MulI64Op>, ConvertBinary<arith::FloorDivSIOp, vm::FloorDivI64Op>,
               ConvertBinary<arith::MinSIOp, vm::MinI64Op>, ConvertBinary<arith::MaxSIOp, vm::MaxI64Op>,
               ConvertBitwise<arith::AndIOp, vm::AndI64Op>, ConvertBitwise<arith::OrIOp, vm::OrI64Op>,
               ConvertBitwise<arith::XOrIOp, vm::XorI64Op>, ConvertDivS, ConvertRemS, ConvertCeilDivS, ConvertCompare,
               ConvertSelect, ConvertTruncation<arith::TruncIOp>, ConvertTruncation<arith::ExtSIOp>,
               ConvertTruncation<arith::IndexCastOp>, ConvertZeroExtension<arith::ExtUIOp>,
               ConvertZeroExtension<arith::IndexCastUIOp>>(converter, patterns.getContext());
}
