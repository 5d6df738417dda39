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

/// Writes the kernel's function for one target into `module`.
static LogicalResult emitKernel(dispatch::KernelOp kernel, ModuleOp module, const TargetInfo &target,
                                int64_t &scratchBytes) {
  ValueEmitter emitter(kernel, module, target);
  Grid grid = chooseStrategy(kernel, target).emit(emitter);
  if (failed(emitter.finish()))
    return failure();
  unsigned numSizes = kernel.getArgumentTypes().size() - kernel.getNumTensors();
  AffineMap map = AffineMap::get(0, numSizes, {grid.x, grid.y, grid.z}, kernel.getContext());
  emitter.getFunction()->setAttr(dispatch::kWorkgroupsAttrName, AffineMapAttr::get(map));
  scratchBytes = std::max<int64_t>(scratchBytes, emitter.getScratchBytes());
  return success();
}

/// Leaves a declaration.
static void removeBody(dispatch::KernelOp kernel, int64_t scratchBytes) {
  kernel.setScratchAttr(Builder(kernel.getContext()).getI64IntegerAttr(scratchBytes));
  kernel.getBody().getBlocks().clear();
  // Only definitions may be public symbols.
  SymbolTable::setSymbolVisibility(kernel, SymbolTable::Visibility::Private);
}

void EmitKernels::runOnOperation() {
  SmallVector<dispatch::KernelOp> kernels;
  for (auto kernel : getOperation().getOps<dispatch::KernelOp>())
    if (!kernel.isDeclaration())
      kernels.push_back(kernel);
  if (kernels.empty())
    return;
  auto emitError = [&] { return getOperation().emitError(); };
  FailureOr<std::vector<CpuVariant>> variants = resolveTargets(triple, cpu, features, emitError);
  if (failed(variants))
    return signalPassFailure();

  Location loc = getOperation().getLoc();
  SymbolTable symbols(getOperation());
  SmallVector<int64_t> scratchBytes(kernels.size(), 0);
  for (const CpuVariant &variant : *variants) {
    FailureOr<TargetInfo> target = TargetInfo::get(variant, emitError);
    if (failed(target))
      return signalPassFailure();
    target->prefersSize = optimizeForSize;
    OpBuilder b(&getContext());
    auto executable =
        dispatch::ExecutableOp::create(b, loc, variant.cpu, variant.triple, variant.cpu, variant.features, nullptr);
    symbols.insert(executable, getOperation().getBody()->end());
    b.setInsertionPointToStart(&executable.getBody().emplaceBlock());
    auto module = ModuleOp::create(b, loc);
    bool hasFailed = false;
    for (auto [kernel, bytes] : llvm::zip_equal(kernels, scratchBytes))
      hasFailed |= failed(emitKernel(kernel, module, *target, bytes));
    if (hasFailed)
      return signalPassFailure();
  }
  for (auto [kernel, bytes] : llvm::zip_equal(kernels, scratchBytes))
    removeBody(kernel, bytes);
}
