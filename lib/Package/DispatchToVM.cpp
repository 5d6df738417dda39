//===- DispatchToVM.cpp - calls of kernels to vm ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostToVM.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

using namespace mlir;
using namespace torchc;

namespace {

/// Each result gets storage of its own; PlaceOutputs and PlanMemory join them.
struct ConvertDispatchCall : OpConversionPattern<dispatch::CallOp> {
  ConvertDispatchCall(TypeConverter &converter, MLIRContext *context, SymbolTable &symbols)
      : OpConversionPattern(converter, context), symbols(symbols) {}

  LogicalResult matchAndRewrite(dispatch::CallOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto kernel = symbols.lookup<dispatch::KernelOp>(op.getKernel());
    if (!kernel || !kernel.getScratch())
      return rewriter.notifyMatchFailure(op, "calls a kernel that was not compiled");
    VMBuilder vm(rewriter, op.getLoc());
    SmallVector<Value> bindings(adaptor.getInputs()), outputs;
    for (auto [i, type] : llvm::enumerate(kernel.getResultTypes())) {
      auto tensor = cast<RankedTensorType>(type);
      SmallVector<Value> dynamic;
      for (int64_t ordinal : kernel.getSizeOrdinals(kernel.getNumTensors() + i))
        dynamic.push_back(adaptor.getSizes()[ordinal]);
      outputs.push_back(vm.makeTensor(tensor.getElementType(), vm.dims(tensor, dynamic)));
    }
    llvm::append_range(bindings, outputs);
    auto dispatch = vm::DispatchOp::create(rewriter, op.getLoc(), op.getKernel(), bindings, adaptor.getSizes());
    if (auto inPlace = kernel.getInPlaceAttr())
      dispatch->setAttr(kInPlaceAttrName, inPlace);
    rewriter.replaceOp(op, outputs);
    return success();
  }

  SymbolTable &symbols;
};

} // namespace

void torchc::populateDispatchToVMPatterns(TypeConverter &converter, RewritePatternSet &patterns, SymbolTable &symbols) {
  patterns.add<ConvertDispatchCall>(converter, patterns.getContext(), symbols);
}
