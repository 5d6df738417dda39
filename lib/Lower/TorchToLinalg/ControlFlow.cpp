//===- ControlFlow.cpp - lowering of torch.prim.If and torch.prim.Loop ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// `values` cast to the types that stand at the edge of a region.
static SmallVector<Value> castTo(TypeRange types, ValueRange values, ImplicitLocOpBuilder &b) {
  SmallVector<Value> results;
  for (auto [type, value] : llvm::zip_equal(types, values)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    results.push_back(tensor ? castTensor(b, value, tensor) : value);
  }
  return results;
}

namespace {

/// The types of what leaves a region; failure where one does not outlive this
/// stage, or is a float: outside of kernels there is no arithmetic on floats.
template <typename OpT> class ControlFlowPattern : public OpConversionPattern<OpT> {
public:
  ControlFlowPattern(LoweringContext &context, MLIRContext *mlirContext)
      : OpConversionPattern<OpT>(context.types, mlirContext), context(context) {}

protected:
  FailureOr<SmallVector<Type>> convertTypes(OpT op, TypeRange types, ConversionPatternRewriter &rewriter) const {
    SmallVector<Type> converted;
    for (Type type : types) {
      Type result = context.types.convertType(type);
      if (!isa_and_nonnull<RankedTensorType, IntegerType>(result)) {
        std::string text;
        llvm::raw_string_ostream(text) << "a value of type " << type << " leaves a region; make it a tensor";
        return Lowering(op, rewriter, context).refuse(text);
      }
      converted.push_back(result);
    }
    return converted;
  }

  LoweringContext &context;
};

struct LowerPrimIf : ControlFlowPattern<PrimIfOp> {
  using ControlFlowPattern::ControlFlowPattern;
  LogicalResult matchAndRewrite(PrimIfOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    FailureOr<SmallVector<Type>> types = convertTypes(op, op.getResultTypes(), rewriter);
    if (failed(types))
      return failure();
    auto branch = scf::IfOp::create(rewriter, op.getLoc(), *types, adaptor.getCondition(), /*addThenBlock=*/false,
                                    /*addElseBlock=*/false);
    rewriter.inlineRegionBefore(op.getThenRegion(), branch.getThenRegion(), branch.getThenRegion().end());
    rewriter.inlineRegionBefore(op.getElseRegion(), branch.getElseRegion(), branch.getElseRegion().end());
    rewriter.replaceOp(op, branch.getResults());
    return success();
  }
};

struct LowerPrimIfYield : ControlFlowPattern<PrimIfYieldOp> {
  using ControlFlowPattern::ControlFlowPattern;
  LogicalResult matchAndRewrite(PrimIfYieldOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto branch = dyn_cast<scf::IfOp>(op->getParentOp());
    if (!branch)
      return rewriter.notifyMatchFailure(op, "torch.prim.If was not lowered");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOpWithNewOp<scf::YieldOp>(op, castTo(branch.getResultTypes(), adaptor.getResults(), b));
    return success();
  }
};

/// while (condition && iteration < maxTripCount) { ... }: iteration, condition and
/// the carried values are the loop's own.
struct LowerPrimLoop : ControlFlowPattern<PrimLoopOp> {
  using ControlFlowPattern::ControlFlowPattern;
  LogicalResult matchAndRewrite(PrimLoopOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    Block &body = op.getRegion().front();
    FailureOr<SmallVector<Type>> carried = convertTypes(op, TypeRange(body.getArgumentTypes()).drop_front(), rewriter);
    FailureOr<SmallVector<Type>> results = convertTypes(op, op.getResultTypes(), rewriter);
    if (failed(carried) || failed(results))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);

    SmallVector<Type> afterTypes{b.getI64Type()};
    llvm::append_range(afterTypes, *carried);
    SmallVector<Type> beforeTypes{b.getI64Type(), b.getI1Type()};
    llvm::append_range(beforeTypes, *carried);
    SmallVector<Value> inits{toI64(b, b.getIndexAttr(0)), adaptor.getInitialCondition()};
    llvm::append_range(inits, castTo(*carried, adaptor.getIterArgsInit(), b));
    auto loop = scf::WhileOp::create(b, afterTypes, inits);

    Block *before =
        b.createBlock(&loop.getBefore(), {}, beforeTypes, SmallVector<Location>(beforeTypes.size(), op.getLoc()));
    Value goOn = before->getArgument(1);
    SmallVector<Value> handedOn{before->getArgument(0)};
    llvm::append_range(handedOn, before->getArguments().drop_front(2));
    if (getConstantInt(op.getMaxTripCount()) != std::numeric_limits<int64_t>::max()) {
      Value isBelow =
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt, before->getArgument(0), adaptor.getMaxTripCount());
      goOn = arith::AndIOp::create(b, goOn, isBelow);
    }
    scf::ConditionOp::create(b, goOn, handedOn);

    rewriter.inlineRegionBefore(op.getRegion(), loop.getAfter(), loop.getAfter().end());
    if (failed(rewriter.convertRegionTypes(&loop.getAfter(), context.types)))
      return failure();
    b.setInsertionPointAfter(loop);
    rewriter.replaceOp(op, castTo(*results, loop.getResults().drop_front(), b));
    return success();
  }
};

struct LowerPrimLoopCondition : ControlFlowPattern<PrimLoopConditionOp> {
  using ControlFlowPattern::ControlFlowPattern;
  LogicalResult matchAndRewrite(PrimLoopConditionOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto loop = dyn_cast<scf::WhileOp>(op->getParentOp());
    if (!loop)
      return rewriter.notifyMatchFailure(op, "torch.prim.Loop was not lowered");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    // The iteration is what the condition handed on, the first argument.
    Value next = arith::AddIOp::create(b, loop.getAfter().front().getArgument(0), toI64(b, b.getIndexAttr(1)));
    SmallVector<Value> values{next, adaptor.getShouldContinue()};
    llvm::append_range(values, castTo(TypeRange(loop.getInits().getTypes()).drop_front(2), adaptor.getIterArgs(), b));
    rewriter.replaceOpWithNewOp<scf::YieldOp>(op, values);
    return success();
  }
};

} // namespace

void torchc::populateControlFlowPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerPrimIf, LowerPrimIfYield, LowerPrimLoop, LowerPrimLoopCondition>(patterns, context);
}
