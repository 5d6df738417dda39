//===- ConvertHostToVM.cpp - host functions to vm functions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "HostToVM.h"
#include "Signature.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Package/Passes.h"
#include "torchc/Support/UnsupportedOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace torchc {
#define GEN_PASS_DEF_CONVERTHOSTTOVM
#include "torchc/Package/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

HostTypeConverter::HostTypeConverter() {
  addConversion([](Type type) -> std::optional<Type> {
    if (isa<vm::RefType>(type) || type.isInteger(64))
      return type;
    return std::nullopt;
  });
  addConversion([](RankedTensorType type) -> std::optional<Type> {
    if (!getElementType(type.getElementType()))
      return std::nullopt;
    return vm::RefType::get(type.getContext());
  });
  addConversion([](FloatType type) -> Type { return vm::RefType::get(type.getContext()); });
  addConversion([](IndexType type) -> Type { return IntegerType::get(type.getContext(), 64); });
  addConversion([](IntegerType type) -> std::optional<Type> {
    if (type.getWidth() > 64)
      return std::nullopt;
    return IntegerType::get(type.getContext(), 64);
  });
}

/// What crosses the border of a public function is a tensor: scalars become 0-d ones.
static void boxScalars(func::FuncOp function) {
  auto box = [](Type type) -> Type {
    if (isa<RankedTensorType>(type))
      return type;
    return RankedTensorType::get({}, type.isIndex() ? IntegerType::get(type.getContext(), 64) : type);
  };
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  for (BlockArgument argument : function.getArguments()) {
    Type type = argument.getType();
    if (!type.isIntOrIndexOrFloat())
      continue;
    argument.setType(box(type));
    SmallPtrSet<Operation *, 2> own;
    Value scalar = tensor::ExtractOp::create(builder, argument.getLoc(), argument, ValueRange());
    own.insert(scalar.getDefiningOp());
    if (type.isIndex()) {
      scalar = arith::IndexCastOp::create(builder, argument.getLoc(), type, scalar);
      own.insert(scalar.getDefiningOp());
    }
    argument.replaceAllUsesExcept(scalar, own);
  }
  function.walk([&](func::ReturnOp op) {
    builder.setInsertionPoint(op);
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (!value.getType().isIntOrIndexOrFloat())
        continue;
      auto type = cast<RankedTensorType>(box(value.getType()));
      if (value.getType().isIndex())
        value = arith::IndexCastOp::create(builder, op.getLoc(), type.getElementType(), value);
      operand.set(tensor::FromElementsOp::create(builder, op.getLoc(), type, value));
    }
  });
  SmallVector<Type> results;
  for (Type type : function.getResultTypes())
    results.push_back(box(type));
  function.setType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(), results));
}

/// Constants in memory become globals, which is where the file has its constants.
static void outlineConstants(ModuleOp module, SymbolTable &symbols) {
  llvm::DenseMap<ElementsAttr, ml_program::GlobalOp> globals;
  auto getGlobal = [&](ElementsAttr value, Location loc) {
    ml_program::GlobalOp &global = globals[value];
    if (!global) {
      OpBuilder builder(module.getContext());
      global = ml_program::GlobalOp::create(builder, loc, "constant", value.getType(), /*is_mutable=*/false, value,
                                            builder.getStringAttr("private"));
      symbols.insert(global, module.getBody()->begin());
    }
    return FlatSymbolRefAttr::get(global.getSymNameAttr());
  };
  SmallVector<arith::ConstantOp> constants;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](arith::ConstantOp op) { constants.push_back(op); });
  for (arith::ConstantOp op : constants) {
    OpBuilder builder(op);
    if (auto elements = dyn_cast<ElementsAttr>(op.getValue())) {
      auto load =
          ml_program::GlobalLoadConstOp::create(builder, op.getLoc(), op.getType(), getGlobal(elements, op.getLoc()));
      op.getResult().replaceAllUsesWith(load);
      op.erase();
    } else if (auto number = dyn_cast<FloatAttr>(op.getValue())) {
      auto type = RankedTensorType::get({}, number.getType());
      auto global = getGlobal(DenseElementsAttr::get(type, number.getValue()), op.getLoc());
      Value load = ml_program::GlobalLoadConstOp::create(builder, op.getLoc(), type, global);
      op.getResult().replaceAllUsesWith(tensor::ExtractOp::create(builder, op.getLoc(), load, ValueRange()));
      op.erase();
    }
  }
}

/// All kernels that are called have been through Codegen.
static LogicalResult verifyKernels(ModuleOp module, SymbolTable &symbols) {
  WalkResult result = module.walk([&](dispatch::CallOp op) {
    auto kernel = symbols.lookup<dispatch::KernelOp>(op.getKernel());
    if (kernel && kernel.getScratch())
      return WalkResult::advance();
    op.emitError() << "the kernel '" << op.getKernel() << "' was not compiled";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Names the ops that the conversion left.
static LogicalResult reportUnsupported(ModuleOp module, const DenseSet<Operation *> &left) {
  UnsupportedOps unsupported;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!left.contains(op))
      return;
    bool isFunction = isa<func::FuncOp>(op);
    unsupported.add(op->getName().getStringRef(), op->getLoc(),
                    isFunction ? "the runtime has no values of some type in its signature"
                               : "outside of kernels there is arithmetic on integers only");
  });
  return unsupported.report();
}

namespace {
struct ConvertHostToVM : torchc::impl::ConvertHostToVMBase<ConvertHostToVM> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      if (function.isExternal() || !function.isPublic())
        continue;
      auto signature = function->getAttrOfType<DictionaryAttr>(kSignatureAttr);
      if (!signature)
        function->setAttr(kSignatureAttr, inferSignature(function));
      else if (failed(verifySignature(function, signature)))
        return signalPassFailure();
      boxScalars(function);
    }
    if (failed(verifyKernels(module, symbols)))
      return signalPassFailure();
    declareExternals(module, symbols);
    outlineConstants(module, symbols);
    markSnapshots(module);

    HostTypeConverter converter;
    RewritePatternSet patterns(&getContext());
    populateArithToVMPatterns(converter, patterns);
    populateTensorToVMPatterns(converter, patterns);
    populateControlFlowToVMPatterns(converter, patterns);
    populateCallsToVMPatterns(converter, patterns, symbols);
    populateDispatchToVMPatterns(converter, patterns, symbols);
    populateGlobalsToVMPatterns(converter, patterns, symbols);

    ConversionTarget target(getContext());
    target.addLegalDialect<vm::VMDialect>();
    target.addLegalOp<ModuleOp, ml_program::GlobalOp>();
    target.markOpRecursivelyLegal<dispatch::KernelOp, dispatch::ExecutableOp>();
    target.addLegalOp<dispatch::KernelOp, dispatch::ExecutableOp>();
    // An op that has no conversion stays, so that one run names them all.
    DenseSet<Operation *> left;
    ConversionConfig config;
    config.unlegalizedOps = &left;
    config.buildMaterializations = false;
    if (failed(applyPartialConversion(module, target, std::move(patterns), config)) ||
        failed(reportUnsupported(module, left)))
      return signalPassFailure();
    for (vm::FuncOp function : module.getOps<vm::FuncOp>())
      gatherConstants(function);
  }
};
} // namespace
