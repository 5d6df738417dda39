//===- CallsToVM.cpp - calls of functions and custom ops to vm ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostToVM.h"

#include "torchc/Support/HostProvided.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace torchc;

void torchc::declareExternals(ModuleOp module, SymbolTable &symbols) {
  HostTypeConverter converter;
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    auto custom = function->getAttrOfType<DictionaryAttr>(kCustomOpAttr);
    if (!custom || !function.isExternal())
      continue;
    SmallVector<Type> parameters, results;
    if (failed(converter.convertTypes(function.getArgumentTypes(), parameters)) ||
        failed(converter.convertTypes(function.getResultTypes(), results)))
      continue;
    OpBuilder builder(function);
    auto external = vm::ExternalOp::create(
        builder, function.getLoc(), function.getSymNameAttr(), custom.getAs<StringAttr>("name"),
        TypeAttr::get(builder.getFunctionType(parameters, results)), custom.getAs<StringAttr>("attributes"));
    symbols.erase(function);
    symbols.insert(external);
  }
}

namespace {

struct ConvertCall : OpConversionPattern<func::CallOp> {
  ConvertCall(TypeConverter &converter, MLIRContext *context, SymbolTable &symbols)
      : OpConversionPattern(converter, context), symbols(symbols) {}

  LogicalResult matchAndRewrite(func::CallOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> results;
    if (failed(getTypeConverter()->convertTypes(op.getResultTypes(), results)))
      return failure();
    auto external = symbols.lookup<vm::ExternalOp>(op.getCallee());
    if (!external) {
      rewriter.replaceOpWithNewOp<vm::CallOp>(op, results, op.getCalleeAttr(), adaptor.getOperands());
      return success();
    }
    auto call = vm::CallExternalOp::create(rewriter, op.getLoc(), results, op.getCalleeAttr(), adaptor.getOperands());
    for (auto [type, result] : llvm::zip_equal(op.getResultTypes(), call.getResults()))
      checkResult(external.getHostName(), cast<RankedTensorType>(type), result, rewriter);
    rewriter.replaceOp(op, call);
    return success();
  }

  /// Kernels were compiled for the type that the model's export saw: what the host
  /// program gives must be of it.
  void checkResult(StringRef name, RankedTensorType type, Value result, ConversionPatternRewriter &rewriter) const {
    Location loc = result.getLoc();
    std::string message = ("the result of " + name).str();
    vm::CheckTypeOp::create(rewriter, loc, result, type.getElementType(), type.getRank(), message);
    for (auto [i, size] : llvm::enumerate(type.getShape()))
      if (!ShapedType::isDynamic(size))
        vm::CheckDimOp::create(rewriter, loc, result, i, VMBuilder(rewriter, loc).constant(size), message);
  }

  SymbolTable &symbols;
};

} // namespace

void torchc::populateCallsToVMPatterns(TypeConverter &converter, RewritePatternSet &patterns, SymbolTable &symbols) {
  patterns.add<ConvertCall>(converter, patterns.getContext(), symbols);
}
