//===- GlobalsToVM.cpp - ml_program to vm: constants and state ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "HostToVM.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Support/HostProvided.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace torchc;

static FlatSymbolRefAttr getName(SymbolRefAttr symbol) { return FlatSymbolRefAttr::get(symbol.getLeafReference()); }

/// Whether `op` may change the global `symbol`.
static bool mayStore(Operation *op, StringAttr symbol) {
  if (auto store = dyn_cast<ml_program::GlobalStoreOp>(op))
    return store.getGlobal().getLeafReference() == symbol;
  return isa<func::CallOp>(op);
}

/// Whether the loaded value may be read after the global has changed. A load is a
/// view of the global's storage, where the program means the value of that moment.
static bool needsSnapshot(ml_program::GlobalLoadOp load) {
  StringAttr symbol = load.getGlobal().getLeafReference();
  bool anyStore = false;
  load->getParentOfType<FunctionOpInterface>()->walk([&](Operation *op) { anyStore |= mayStore(op, symbol); });
  if (!anyStore)
    return false;
  Operation *store = load->getNextNode();
  while (store && !mayStore(store, symbol))
    store = store->getNextNode();
  SmallVector<Value> values{load.getResult()};
  while (!values.empty()) {
    for (Operation *user : values.pop_back_val().getUsers()) {
      if (user->getBlock() != load->getBlock() || isa<BranchOpInterface, func::ReturnOp>(user) ||
          (store && store->isBeforeInBlock(user)))
        return true;
      if (isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp,
              dispatch::ReinterpretOp, arith::SelectOp>(user))
        values.push_back(user->getResult(0));
    }
  }
  return false;
}

namespace {

/// The constant or parameter that the global is.
Value createConstant(OpBuilder &builder, Location loc, ml_program::GlobalOp global) {
  auto ref = builder.getType<vm::RefType>();
  auto name = FlatSymbolRefAttr::get(global.getSymNameAttr());
  if (global->hasAttr(kParameterAttr))
    return vm::ParameterOp::create(builder, loc, ref, name);
  return vm::ConstantOp::create(builder, loc, ref, name);
}

/// `ref` as the host program knows the state, or as the compiler does.
Value viewState(OpBuilder &builder, Location loc, ml_program::GlobalOp global, Value ref, bool asHost) {
  auto type = cast<RankedTensorType>(global.getType());
  auto host = getHostElementType(global), own = getElementType(type.getElementType());
  if (host == own)
    return ref;
  VMBuilder vm(builder, loc);
  Type element = getBuiltinType(asHost ? *host : *own, builder.getContext());
  return vm::ViewOp::create(builder, loc, ref.getType(), ref, vm.constant(0), element, vm.dimsOf(type, ref));
}

struct ConvertLoadConst : OpConversionPattern<ml_program::GlobalLoadConstOp> {
  ConvertLoadConst(TypeConverter &converter, MLIRContext *context, SymbolTable &symbols)
      : OpConversionPattern(converter, context), symbols(symbols) {}

  LogicalResult matchAndRewrite(ml_program::GlobalLoadConstOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto global = symbols.lookup<ml_program::GlobalOp>(op.getGlobal().getLeafReference());
    if (!isa<RankedTensorType>(op.getType()) || !global)
      return rewriter.notifyMatchFailure(op, "not a tensor");
    rewriter.replaceOp(op, createConstant(rewriter, op.getLoc(), global));
    return success();
  }

  SymbolTable &symbols;
};

struct ConvertLoad : OpConversionPattern<ml_program::GlobalLoadOp> {
  ConvertLoad(TypeConverter &converter, MLIRContext *context, SymbolTable &symbols)
      : OpConversionPattern(converter, context), symbols(symbols) {}

  LogicalResult matchAndRewrite(ml_program::GlobalLoadOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto ref = rewriter.getType<vm::RefType>();
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type) {
      rewriter.replaceOpWithNewOp<vm::GlobalGetI64Op>(op, rewriter.getI64Type(), getName(op.getGlobal()));
      return success();
    }
    auto global = symbols.lookup<ml_program::GlobalOp>(op.getGlobal().getLeafReference());
    if (!global.getIsMutable()) {
      rewriter.replaceOp(op, createConstant(rewriter, op.getLoc(), global));
      return success();
    }
    Value view = vm::GlobalGetRefOp::create(rewriter, op.getLoc(), ref, getName(op.getGlobal()));
    view = viewState(rewriter, op.getLoc(), global, view, /*asHost=*/false);
    if (op->hasAttr("torchc.snapshot")) {
      VMBuilder vm(rewriter, op.getLoc());
      Value copy = vm.makeTensor(type.getElementType(), vm.dimsOf(type, view));
      vm::CopyOp::create(rewriter, op.getLoc(), copy, view);
      view = copy;
    }
    rewriter.replaceOp(op, view);
    return success();
  }

  SymbolTable &symbols;
};

struct ConvertStore : OpConversionPattern<ml_program::GlobalStoreOp> {
  ConvertStore(TypeConverter &converter, MLIRContext *context, SymbolTable &symbols)
      : OpConversionPattern(converter, context), symbols(symbols) {}

  LogicalResult matchAndRewrite(ml_program::GlobalStoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isa<vm::RefType>(adaptor.getValue().getType())) {
      rewriter.replaceOpWithNewOp<vm::GlobalSetI64Op>(op, getName(op.getGlobal()), adaptor.getValue());
      return success();
    }
    auto global = symbols.lookup<ml_program::GlobalOp>(op.getGlobal().getLeafReference());
    Value state = viewState(rewriter, op.getLoc(), global, adaptor.getValue(), /*asHost=*/true);
    rewriter.replaceOpWithNewOp<vm::GlobalSetRefOp>(op, getName(op.getGlobal()), state);
    return success();
  }

  SymbolTable &symbols;
};

} // namespace

void torchc::populateGlobalsToVMPatterns(TypeConverter &converter, RewritePatternSet &patterns, SymbolTable &symbols) {
  patterns.add<ConvertLoad, ConvertLoadConst, ConvertStore>(converter, patterns.getContext(), symbols);
}

void torchc::markSnapshots(ModuleOp module) {
  module.walk([](ml_program::GlobalLoadOp load) {
    if (needsSnapshot(load))
      load->setAttr("torchc.snapshot", UnitAttr::get(load.getContext()));
  });
}
