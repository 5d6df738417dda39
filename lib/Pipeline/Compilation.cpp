//===- Compilation.cpp - one model on its way through the stages ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Compilation.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Dialect/VM/IR/VMDialect.h"
#include "torchc/Dispatch/Statistics.h"
#include "torchc/Import/InputShape.h"
#include "torchc/Package/WriteModule.h"
#include "torchc/Package/WriteStaticLibrary.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/Support/HostProvided.h"
#include "torchc/Support/IRFile.h"
#include "torchc/Support/Safetensors.h"
#include "torchc/Support/TargetMachine.h"
#include "torchc/Support/UnsupportedOps.h"
#include "torchc/Support/UserLocation.h"
#include "torchc/runtime/Format.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Action.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace torchc;

std::string Message::str() const {
  StringRef kind = severity == DiagnosticSeverity::Error     ? "error"
                   : severity == DiagnosticSeverity::Warning ? "warning"
                                                             : "note";
  std::string line = location.empty() ? std::string() : location + ": ";
  return line + kind.str() + ": " + text;
}

static MLIRContext::Threading kThreading = MLIRContext::Threading::ENABLED;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  return registry;
}

/// Whether an error is one of an op's verifier: "'linalg.generic' op expected ...".
static bool isOfVerifier(StringRef text) { return text.starts_with("'") && text.contains("' op "); }

Compilation::Compilation(CompileOptions options) : options(std::move(options)), context(makeRegistry(), kThreading) {
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  // Passes and kernels are actions: what is cancelled skips those that are left.
  if (this->options.isCancelled)
    context.registerActionHandler([this](llvm::function_ref<void()> run, const tracing::Action &) {
      if (!isCancelled())
        run();
    });
  timing.setEnabled(this->options.timing);
  rootTiming = timing.getRootScope();
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    Message message{diagnostic.getSeverity(), "", diagnostic.str()};
    if (auto line = dyn_cast<FileLineColLoc>(getUserLocation(diagnostic.getLocation())))
      message.location = line.getFilename().str() + ":" + std::to_string(line.getLine());
    unsupportedOps += isUnsupportedOp(diagnostic);
    isExplained |= message.severity == DiagnosticSeverity::Error && !isOfVerifier(message.text);
    report(message);
    return success();
  });
}

Compilation::~Compilation() { rootTiming.stop(); }

void Compilation::report(const Message &message) {
  if (message.severity == DiagnosticSeverity::Error)
    ++errors;
  options.onMessage(message);
}

ExitCode Compilation::fail(ExitCode code, const Twine &text) {
  report(Message{DiagnosticSeverity::Error, "", text.str()});
  return code;
}

/// The stage whose output `module` is: IR read from a file goes on from there.
static Stage detectStage(ModuleOp module) {
  bool hasTorch = false, hasKernels = false, hasExecutables = false, hasObjects = false, isPackaged = false;
  module.walk([&](Operation *op) {
    hasTorch |= isa_and_nonnull<torch::TorchDialect>(op->getDialect());
    // A function that only hands on its inputs has no ops.
    if (auto function = dyn_cast<func::FuncOp>(op))
      hasTorch |= llvm::any_of(function.getArgumentTypes(),
                               [](Type type) { return isa<torch::TorchDialect>(type.getDialect()); });
    if (auto executable = dyn_cast<dispatch::ExecutableOp>(op)) {
      hasExecutables = true;
      hasObjects |= executable.getObject().has_value();
      return WalkResult::skip();
    }
    hasKernels |= isa<dispatch::KernelOp>(op);
    isPackaged |= isa<vm::FuncOp>(op);
    return WalkResult::advance();
  });
  if (hasTorch)
    return Stage::Import;
  if (isPackaged)
    return Stage::Package;
  if (hasObjects)
    return Stage::Object;
  if (hasExecutables)
    return Stage::Codegen;
  return hasKernels ? Stage::Dispatch : Stage::Lower;
}

template <typename Importer> ExitCode Compilation::readWith(Importer import) {
  TimingScope scope = rootTiming.nest(getStageName(Stage::Import));
  options.onStage(Stage::Import);
  // What is wrong with options is said before a model is read.
  const TargetOptions &target = options.pipeline.target;
  auto emitTargetError = [&] { return emitError(UnknownLoc::get(&context)); };
  if (!target.cpu.empty() && failed(resolveTargets(target.triple, target.cpu, target.features, emitTargetError)))
    return ExitCode::Usage;
  ImportOptions importOptions;
  importOptions.torchScript.trustModel = options.trustModel;
  for (StringRef text : options.inputs) {
    std::optional<InputShape> shape = parseInputShape(text);
    if (!shape)
      return fail(ExitCode::Usage, "'" + text + "' is not an input type; write it as 1x3x224x224xf32 or ?x128xi64");
    importOptions.torchScript.inputs.push_back(*shape);
  }
  ImportResult result = import(importOptions);
  if (!result)
    return result.code;
  module = std::move(result.module);
  reached = detectStage(*module);
  return reached == Stage::Import ? dump(Stage::Import) : ExitCode::Success;
}

ExitCode Compilation::read(StringRef path) {
  return readWith([&](const ImportOptions &importOptions) { return importModelFile(path, importOptions, context); });
}

ExitCode Compilation::read(std::unique_ptr<llvm::MemoryBuffer> content, StringRef name) {
  return readWith([&](const ImportOptions &importOptions) {
    return importModelBytes(std::move(content), name, importOptions, context);
  });
}

ExitCode Compilation::read(const CaptureResult &captured, StringRef name) {
  return readWith([&](const ImportOptions &) { return importCaptured(captured, name, context); });
}

ExitCode Compilation::explainFailure(Stage stage) {
  if (unsupportedOps != 0)
    return ExitCode::UnsupportedOp;
  // A pass that refuses the program says so; IR that the verifier refuses is torchc's fault.
  bool isValid;
  {
    ScopedDiagnosticHandler silence(&context, [](Diagnostic &) { return success(); });
    isValid = succeeded(verify(*module));
  }
  if (errors != 0 && (isValid || isExplained))
    return ExitCode::Diagnosed;
  const char *path = reproducer.write();
  return fail(ExitCode::Bug, "this is a bug in torchc: the " + getStageName(stage) + " stage failed; reproducer: " +
                                 (path ? path : "none, for lack of a place to write it"));
}

ExitCode Compilation::runStage(Stage stage) {
  options.onStage(stage);
  TimingScope scope = rootTiming.nest(getStageName(stage));
  PassManager manager(&context, ModuleOp::getOperationName());
  manager.enableTiming(scope);
  addStagePasses(manager, stage, options.pipeline);
  reproducer.prepare(*module, manager, getStageName(stage));
  bool isDone = succeeded(manager.run(*module));
  if (isCancelled())
    return fail(ExitCode::Diagnosed, "cancelled in the " + getStageName(stage) + " stage");
  if (!isDone)
    return explainFailure(stage);
  reproducer.clear();
  if (stage == Stage::Dispatch && options.statistics)
    printStatistics(*module, llvm::errs());
  return dump(stage);
}

void Compilation::chooseForm(const Emission &emission) {
  options.pipeline.optimizeForSize = emission.isStaticLibrary;
  if (emission.isStaticLibrary && options.pipeline.target.cpu.empty())
    options.pipeline.target.cpu = "common";
}

ExitCode Compilation::runTo(Stage last) {
  if (reached > last)
    return fail(ExitCode::Usage, "the IR is at the " + getStageName(reached) + " stage, after " + getStageName(last));
  while (reached < last) {
    Stage next = static_cast<Stage>(static_cast<int>(reached) + 1);
    if (ExitCode code = runStage(next); code != ExitCode::Success)
      return code;
    reached = next;
  }
  return ExitCode::Success;
}

ExitCode Compilation::dump(Stage stage) {
  if (options.dumpStages.empty())
    return ExitCode::Success;
  if (std::error_code error = llvm::sys::fs::create_directories(options.dumpStages))
    return fail(ExitCode::InputOutput, options.dumpStages + ": " + error.message());
  SmallString<128> path(options.dumpStages);
  llvm::sys::path::append(path, Twine(static_cast<int>(stage) + 1) + "-" + getStageName(stage) + ".mlir");
  const WeightStore &weights = context.getLoadedDialect<torch::TorchDialect>()->getWeights();
  return writeIRFile(*module, weights, path, {.shared = &dumpedWeights});
}

/// Writes what the program reads from outside.
ExitCode Compilation::writeParameters() {
  if (!options.pipeline.parameterScope || options.parameterFile.empty())
    return ExitCode::Success;
  const WeightStore &store = context.getLoadedDialect<torch::TorchDialect>()->getWeights();
  std::vector<NamedWeight> weights;
  for (auto global : module->getOps<ml_program::GlobalOp>())
    if (global->hasAttr(kParameterAttr))
      if (std::optional<Weight> weight = store.lookup(global.getSymName()))
        weights.push_back({global.getSymName().str(), *weight});
  if (llvm::Error error = writeSafetensors(options.parameterFile, weights))
    return fail(ExitCode::InputOutput, llvm::toString(std::move(error)));
  return ExitCode::Success;
}

ExitCode Compilation::write(StringRef path, bool bytecode) {
  TimingScope scope = rootTiming.nest("write");
  if (reached == Stage::Package) {
    // First the parameters: a program that is there has what it needs.
    if (ExitCode code = writeParameters(); code != ExitCode::Success)
      return code;
    return writeVmfbFile(*module, path);
  }
  const WeightStore &weights = context.getLoadedDialect<torch::TorchDialect>()->getWeights();
  return writeIRFile(*module, weights, path, {.bytecode = bytecode});
}

ExitCode Compilation::write(llvm::raw_ostream &stream, bool bytecode, uint64_t maxWeightBytes) {
  TimingScope scope = rootTiming.nest("write");
  LogicalResult result = failure();
  if (reached == Stage::Package) {
    if (ExitCode code = writeParameters(); code != ExitCode::Success)
      return code;
    result = writeVmfb(*module, stream);
  } else {
    const WeightStore &weights = context.getLoadedDialect<torch::TorchDialect>()->getWeights();
    result = writeIR(*module, weights, stream, {.bytecode = bytecode}, maxWeightBytes);
  }
  return succeeded(result) ? ExitCode::Success : ExitCode::Diagnosed;
}

ExitCode Compilation::writeStaticLibrary(StringRef path) {
  if (path == "-")
    return fail(ExitCode::Usage, "a static library is two files, and needs a name");
  TimingScope scope = rootTiming.nest("write");
  return succeeded(torchc::writeStaticLibrary(*module, path)) ? ExitCode::Success : ExitCode::InputOutput;
}

std::string torchc::getFormatVersion() {
  return std::to_string(runtime::kFormatMajor) + "." + std::to_string(runtime::kFormatMinor);
}
