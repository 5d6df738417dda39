//===- EmitKernels.cpp - writes the loops of every kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/Passes.h"
#include "torchc/Codegen/Strategy.h"

namespace torchc {
#define GEN_PASS_DEF_EMITKERNELS
#include "torchc/Codegen/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {
class EmitKernels : public torchc::impl::EmitKernelsBase<EmitKernels> {
public:
  using EmitKernelsBase::EmitKernelsBase;
  void runOnOperation() override;
};
} // namespace

static LogicalResult emitKernel(dispatch::KernelOp kernel, ModuleOp module, const TargetInfo &target) {
  ValueEmitter emitter(kernel, module, target);
  Grid grid = chooseStrategy(kernel, target).emit(emitter);
  if (failed(emitter.finish()))
    return failure();
  unsigned numSizes = kernel.getArgumentTypes().size() - kernel.getNumTensors();
  kernel.setWorkgroupsAttr(
      AffineMapAttr::get(AffineMap::get(0, numSizes, {grid.x, grid.y, grid.z}, kernel.getContext())));
  kernel.setScratchAttr(Builder(kernel.getContext()).getI64IntegerAttr(emitter.getScratchBytes()));
  kernel.getBody().getBlocks().clear();
  // Only definitions may be public symbols.
  SymbolTable::setSymbolVisibility(kernel, SymbolTable::Visibility::Private);
  return success();
}

void EmitKernels::runOnOperation() {
  SmallVector<dispatch::KernelOp> kernels;
  for (auto kernel : getOperation().getOps<dispatch::KernelOp>())
    if (!kernel.isDeclaration())
      kernels.push_back(kernel);
  if (kernels.empty())
    return;
  FailureOr<TargetInfo> target =
      TargetInfo::get(triple, cpu, features, [&] { return getOperation().emitError(); });
  if (failed(target))
    return signalPassFailure();

  Location loc = getOperation().getLoc();
  auto b = OpBuilder::atBlockEnd(getOperation().getBody());
  const CpuVariant &variant = target->variant;
  auto executable =
      dispatch::ExecutableOp::create(b, loc, variant.cpu, variant.triple, variant.cpu, variant.features, nullptr);
  b.setInsertionPointToStart(&executable.getBody().emplaceBlock());
  auto module = ModuleOp::create(b, loc);
  for (dispatch::KernelOp kernel : kernels)
    if (failed(emitKernel(kernel, module, *target)))
      signalPassFailure();
}
