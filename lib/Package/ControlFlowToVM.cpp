//===- ControlFlowToVM.cpp - func and cf to vm ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "HostToVM.h"
#include "Signature.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace torchc;

namespace {

struct ConvertFunc : OpConversionPattern<func::FuncOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(func::FuncOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    if (op.isExternal())
      return rewriter.notifyMatchFailure(op, "has no body");
    TypeConverter::SignatureConversion signature(op.getNumArguments());
    SmallVector<Type> results;
    if (failed(getTypeConverter()->convertSignatureArgs(op.getArgumentTypes(), signature)) ||
        failed(getTypeConverter()->convertTypes(op.getResultTypes(), results)))
      return rewriter.notifyMatchFailure(op, "takes or returns what is no tensor and no integer");
    auto type = rewriter.getFunctionType(signature.getConvertedTypes(), results);
    auto function = vm::FuncOp::create(rewriter, op.getLoc(), op.getSymNameAttr(), TypeAttr::get(type),
                                       op.getSymVisibilityAttr(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    if (Attribute attribute = op->getAttr(kSignatureAttr))
      function->setAttr(kSignatureAttr, attribute);
    rewriter.inlineRegionBefore(op.getBody(), function.getBody(), function.getBody().end());
    if (failed(rewriter.convertRegionTypes(&function.getBody(), *getTypeConverter(), &signature)))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

/// Whether a value is an argument, or a view of one, which at run time has the caller's dtype.
bool isOfArgument(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(op))
      return false;
    value = op->getOperand(0);
  }
  return true;
}

/// Results get the dtype of the function's signature: u8 and i8 are one builtin type.
struct ConvertReturn : OpConversionPattern<func::ReturnOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(func::ReturnOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> results(adaptor.getOperands());
    auto signature = op->getParentOp()->getAttrOfType<DictionaryAttr>(kSignatureAttr);
    for (auto [i, operand] : llvm::enumerate(op.getOperands())) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      std::optional<runtime::ElementType> declared = getOutputType(signature, i);
      if (!type || !declared)
        continue;
      bool isSame = declared == getElementType(type.getElementType());
      if (isSame && !(isa<IntegerType>(type.getElementType()) && isOfArgument(operand)))
        continue;
      VMBuilder vm(rewriter, op.getLoc());
      results[i] = vm::ViewOp::create(rewriter, op.getLoc(), results[i].getType(), results[i], vm.constant(0),
                                      getBuiltinType(*declared, getContext()), vm.dimsOf(type, results[i]));
    }
    rewriter.replaceOpWithNewOp<vm::RetOp>(op, results);
    return success();
  }
};

/// A block that passes `arguments` on to `target`; `target` itself if there are none.
Block *makeEdge(Block *target, ValueRange arguments, Location loc, ConversionPatternRewriter &rewriter) {
  if (arguments.empty())
    return target;
  OpBuilder::InsertionGuard guard(rewriter);
  Block *edge = rewriter.createBlock(target->getParent(), std::next(rewriter.getInsertionBlock()->getIterator()));
  vm::BrOp::create(rewriter, loc, arguments, target);
  return edge;
}

struct ConvertBranch : OpConversionPattern<cf::BranchOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(cf::BranchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<vm::BrOp>(op, adaptor.getDestOperands(), op.getDest());
    return success();
  }
};

struct ConvertCondBranch : OpConversionPattern<cf::CondBranchOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(cf::CondBranchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Block *otherwise = makeEdge(op.getFalseDest(), adaptor.getFalseDestOperands(), op.getLoc(), rewriter);
    Block *then = makeEdge(op.getTrueDest(), adaptor.getTrueDestOperands(), op.getLoc(), rewriter);
    rewriter.replaceOpWithNewOp<vm::CondBrOp>(op, adaptor.getCondition(), then, otherwise);
    return success();
  }
};

/// A chain of comparisons; programs have few cases.
struct ConvertSwitch : OpConversionPattern<cf::SwitchOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(cf::SwitchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SmallVector<APInt> cases;
    if (op.getCaseValues())
      llvm::append_range(cases, op.getCaseValues()->getValues<APInt>());
    for (auto [i, value] : llvm::enumerate(cases)) {
      Block *then = makeEdge(op.getCaseDestinations()[i], adaptor.getCaseOperands()[i], loc, rewriter);
      Block *next;
      {
        OpBuilder::InsertionGuard guard(rewriter);
        Block *current = rewriter.getInsertionBlock();
        next = rewriter.createBlock(current->getParent(), std::next(current->getIterator()));
      }
      Value wanted = VMBuilder(rewriter, loc).constant(value.getSExtValue());
      Value equal = vm::EqI64Op::create(rewriter, loc, rewriter.getI64Type(), adaptor.getFlag(), wanted);
      vm::CondBrOp::create(rewriter, loc, equal, then, next);
      rewriter.setInsertionPointToEnd(next);
    }
    vm::BrOp::create(rewriter, loc, adaptor.getDefaultOperands(), op.getDefaultDestination());
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertAssert : OpConversionPattern<cf::AssertOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(cf::AssertOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<vm::CheckTrueOp>(op, adaptor.getArg(), op.getMsgAttr());
    return success();
  }
};

} // namespace

void torchc::populateControlFlowToVMPatterns(TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConvertFunc, ConvertReturn, ConvertBranch, ConvertCondBranch, ConvertSwitch, ConvertAssert>(
      converter, patterns.getContext());
}
