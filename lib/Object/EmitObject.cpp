//===- EmitObject.cpp - LLVM IR to relocatable objects ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/EmitObject.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"

using namespace torchc;
using llvm::StringRef;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Collects LLVM's errors, which would end up on stderr otherwise.
namespace {
struct ErrorCollector : llvm::DiagnosticHandler {
  explicit ErrorCollector(std::string &errors) : errors(errors) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() != llvm::DS_Error)
      return true;
    llvm::raw_string_ostream stream(errors);
    llvm::DiagnosticPrinterRawOStream printer(stream);
    stream << (errors.empty() ? "" : "; ");
    info.print(printer);
    return true;
  }

  std::string &errors;
};
} // namespace

static void setAttributes(llvm::Module &module, const llvm::TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  for (llvm::Function &function : module) {
    if (function.isIntrinsic())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    // There is no C library behind the code: no loop may become a call of one.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.setVisibility(function.hasLocalLinkage() ? llvm::GlobalValue::DefaultVisibility
                                                      : llvm::GlobalValue::HiddenVisibility);
    function.setDSOLocal(true);
  }
}

static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  // Kernels arrive vectorised; LLVM's own vectorisers only undo register tiles.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.LoopInterleaving = false;
  tuning.SLPVectorization = false;

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

llvm::Expected<ObjectBytes> torchc::emitObject(llvm::Module &module, llvm::TargetMachine &machine) {
  std::string errors;
  module.getContext().setDiagnosticHandler(std::make_unique<ErrorCollector>(errors));
  setAttributes(module, machine);
  llvm::raw_string_ostream stream(errors);
  if (llvm::verifyModule(module, &stream))
    return makeError("invalid LLVM IR: " + errors);
  expandFma(module, machine);
  if (machine.getOptLevel() != llvm::CodeGenOptLevel::None)
    optimise(module, machine);

  ObjectBytes bytes;
  llvm::raw_svector_ostream output(bytes);
  llvm::legacy::PassManager manager;
  if (machine.addPassesToEmitFile(manager, output, nullptr, llvm::CodeGenFileType::ObjectFile))
    return makeError("the target cannot emit object files");
  manager.run(module);
  if (!errors.empty())
    return makeError(errors);
  return bytes;
}

llvm::Expected<ObjectBytes> torchc::emitObject(StringRef assembly, llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic error;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(assembly, error, context);
  if (!module)
    return makeError(error.getMessage());
  return emitObject(*module, machine);
}

llvm::Expected<ObjectBytes> torchc::emitObject(mlir::ModuleOp module, llvm::ArrayRef<StringRef> kernels,
                                               llvm::TargetMachine &machine, const KernelCache &cache) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = mlir::translateModuleToLLVMIR(module, context, "kernels");
  if (!translated)
    return makeError("no LLVM IR can be made of it");
  llvm::StringSet<> exported;
  for (StringRef kernel : kernels)
    exported.insert(kernel);
  for (llvm::GlobalValue &value : translated->global_values())
    if (!value.isDeclaration() && !exported.contains(value.getName()))
      value.setLinkage(llvm::GlobalValue::InternalLinkage);
  return cache.findOrMake(*translated, machine, [&] { return emitObject(*translated, machine); });
}
