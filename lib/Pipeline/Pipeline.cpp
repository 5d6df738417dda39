//===- Pipeline.cpp - the way from a model to a .vmfb, stage by stage ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Pipeline.h"

#include "torchc/Codegen/Passes.h"
#include "torchc/Decompose/Passes.h"
#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"
#include "torchc/Lower/Passes.h"
#include "torchc/Normalize/Passes.h"
#include "torchc/Object/Passes.h"
#include "torchc/Package/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace torchc;

std::optional<Emission> torchc::parseEmission(StringRef name) {
#define STAGE(Name, name_, alias, description)                                                                         \
  if (name == name_ || (!name.empty() && name == alias))                                                               \
    return Emission{Stage::Name};
#define FORM(Name, name_, description)                                                                                 \
  if (name == name_)                                                                                                   \
    return Emission{Stage::Package, /*is##Name=*/true};
#include "torchc/Pipeline/Stages.def"
  return std::nullopt;
}

StringRef torchc::getStageName(Stage stage) {
  switch (stage) {
#define STAGE(Name, name, alias, description)                                                                          \
  case Stage::Name: return name;
#include "torchc/Pipeline/Stages.def"
  }
  llvm_unreachable("not a stage");
}

static void addNormalizePasses(OpPassManager &manager, const PipelineOptions &options) {
  // Ops on mutable tensors are pure by themselves, so that nothing may move or
  // fold them before they are on values.
  manager.addPass(createRefineTypes());
  manager.addPass(createConvertToValueSemantics());
  // Before anything may compute with the values of weights.
  if (options.parameterScope)
    manager.addPass(createExternalizeParameters({*options.parameterScope}));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

static void addDecomposePasses(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createDecomposeOps());
  manager.addPass(createExpandComplex());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  CheckSupportOptions support;
  support.customOps.assign(options.customOps.begin(), options.customOps.end());
  manager.addPass(createCheckSupport(support));
}

static void addLowerPasses(OpPassManager &manager, const PipelineOptions &) {
  manager.addPass(createLowerTorchToLinalg());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

/// Larger tables of numbers that need no weights are computed at each call: a part of a second-level cache, in bytes.
static constexpr int64_t kLargestTable = 256 << 10;

/// Rewrites that only make the program faster.
static void addDispatchOptimizations(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createFormAttention());
  manager.addNestedPass<func::FuncOp>(createPropagateTransposes());
  manager.addNestedPass<func::FuncOp>(createShareHeads());
  manager.addPass(createFoldConstants());
  manager.addNestedPass<func::FuncOp>(createFuseElementwise());
  // Once more, as the reshapes that stood between transposes and products are gone.
  manager.addNestedPass<func::FuncOp>(createPropagateTransposes());
  manager.addNestedPass<func::FuncOp>(createLiftScales());
  manager.addNestedPass<func::FuncOp>(createFoldScales());
  manager.addNestedPass<func::FuncOp>(createNarrowFactors());
  manager.addPass(createNarrowWeights());
  manager.addNestedPass<func::FuncOp>(createKeepChannelsFirst());
  manager.addNestedPass<func::FuncOp>(createPackWeights());
  // No canonicalizer in between: it takes packing and unpacking for nothing. Positions and masks that were not fused by
  // now would be kernels.
  manager.addPass(createFoldConstants({kLargestTable}));
}

static void addDispatchPasses(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addNestedPass<func::FuncOp>(createResolveExtents());
  manager.addNestedPass<func::FuncOp>(createSimplifyGenerics());
  if (options.optLevel != 0)
    addDispatchOptimizations(manager);
  manager.addNestedPass<func::FuncOp>(createLowerAffinePass());
  manager.addNestedPass<func::FuncOp>(createResolveExtents());
  manager.addPass(createCSEPass());
  manager.addNestedPass<func::FuncOp>(createFormDispatches());
  manager.addPass(createCSEPass());
  manager.addPass(createOutlineKernels());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

static void addCodegenPasses(OpPassManager &manager, const PipelineOptions &options) {
  if (!options.strategyFile.empty())
    manager.addPass(createTuneKernels({options.strategyFile}));
  EmitKernelsOptions target;
  target.triple = options.target.triple;
  if (!options.target.cpu.empty())
    target.cpu = options.target.cpu;
  target.features = options.target.features;
  target.optimizeForSize = options.optimizeForSize;
  manager.addPass(createEmitKernels(target));
  OpPassManager &functions = manager.nest<dispatch::ExecutableOp>().nest<ModuleOp>().nest<LLVM::LLVMFuncOp>();
  functions.addPass(createExpandMath());
  functions.addPass(createLowerKernelsToLLVM());
}

static void addObjectPasses(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createCompileExecutables({options.optLevel, options.kernelCache}));
}

static void addPackagePasses(OpPassManager &manager, const PipelineOptions &) {
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createConvertHostToVM());
  manager.addPass(createCSEPass());
  manager.addNestedPass<vm::FuncOp>(createPlaceOutputs());
  manager.addNestedPass<vm::FuncOp>(createPlanMemory());
  manager.addPass(createCSEPass());
  manager.addNestedPass<vm::FuncOp>(createAllocateRegisters());
}

void torchc::addStagePasses(OpPassManager &manager, Stage stage, const PipelineOptions &options) {
  switch (stage) {
  case Stage::Import: return;
  case Stage::Normalize: return addNormalizePasses(manager, options);
  case Stage::Decompose: return addDecomposePasses(manager, options);
  case Stage::Lower: return addLowerPasses(manager, options);
  case Stage::Dispatch: return addDispatchPasses(manager, options);
  case Stage::Codegen: return addCodegenPasses(manager, options);
  case Stage::Object: return addObjectPasses(manager, options);
  case Stage::Package: return addPackagePasses(manager, options);
  }
}

void torchc::registerAllPasses() {
  registerTransformsPasses();
  registerPass([] { return createLowerAffinePass(); });
  registerPass([] { return createSCFToControlFlowPass(); });
  registerNormalizePasses();
  registerDecomposePasses();
  registerLowerPasses();
  registerDispatchPasses();
  registerCodegenPasses();
  registerObjectPasses();
  registerPackagePasses();
#define STAGE(Name, name, alias, description)                                                                          \
  PassPipelineRegistration<>("torchc-" name "-pipeline", "The " name " stage: " description,                           \
                             [](OpPassManager &manager) { addStagePasses(manager, Stage::Name, PipelineOptions()); });
#include "torchc/Pipeline/Stages.def"
}
