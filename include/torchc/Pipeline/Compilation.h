//===- Compilation.h - one model on its way through the stages ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PIPELINE_COMPILATION_H
#define TORCHC_PIPELINE_COMPILATION_H

#include "torchc/Import/Import.h"
#include "torchc/Pipeline/Pipeline.h"
#include "torchc/Pipeline/Reproducer.h"
#include "torchc/Support/ExitCode.h"
#include "torchc/Support/IRFile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace torchc {

/// A message to the user.
struct Message {
  mlir::DiagnosticSeverity severity;
  std::string location; ///< "model.py:27", or empty.
  std::string text;

  /// "model.py:27: error: text", as compilers write it.
  std::string str() const;
};

struct CompileOptions {
  PipelineOptions pipeline;
  /// TorchScript: type and shape of each input, such as "1x3x224x224xf32" or
  /// "?x128xi64" where `?` is a dynamic dim.
  std::vector<std::string> inputs;
  /// TorchScript: load files that run code of their own while loading.
  bool trustModel = false;
  /// A folder to write the IR of every stage to, and the weights once; empty for
  /// none.
  std::string dumpStages;
  /// The safetensors file that a .vmfb's parameters are written to, if
  /// `pipeline.parameterScope` is set; empty where it is written elsewhere.
  std::string parameterFile;
  /// Print where the time went to standard error at the end.
  bool timing = false;
  /// Print what the kernels move and compute to standard error behind the Dispatch stage.
  bool statistics = false;
  /// Called before each stage.
  std::function<void(Stage)> onStage = [](Stage) {};
  /// Called for each message.
  std::function<void(const Message &)> onMessage = [](const Message &) {};
  /// If any: once it is set, by any thread, the stage under way ends before its next
  /// pass or kernel and fails.
  const std::atomic<bool> *isCancelled = nullptr;
};

/// One model on its way through the stages:
///
///   Compilation compilation(options);
///   if (compilation.read("model.pt2") == ExitCode::Success &&
///       compilation.runTo(Stage::Package) == ExitCode::Success)
///     compilation.write("model.vmfb");
///
/// Every step that fails has sent at least one message. Not thread-safe; any
/// number of compilations may run at the same time.
class Compilation {
public:
  explicit Compilation(CompileOptions options);
  ~Compilation();

  /// Reads a model file or IR of any stage; "-" is standard input.
  ExitCode read(llvm::StringRef path);
  /// Reads the content of such a file; `name` begins the messages.
  ExitCode read(std::unique_ptr<llvm::MemoryBuffer> content, llvm::StringRef name);
  /// Takes what a reader captured; `name` begins the messages.
  ExitCode read(const CaptureResult &captured, llvm::StringRef name);
  /// What is to be written in the end, said before the stages that must know: a static
  /// library is small and, unless CPUs are named, for one; a .vmfb is fast.
  void chooseForm(const Emission &emission);
  /// Takes the model through all stages up to and including `last`. IR that
  /// was read goes on from the stage that it is at, which `last` is not before.
  ExitCode runTo(Stage last);
  /// Writes what the last stage left: the .vmfb after Package, else IR, with
  /// its weights in a file beside it. "-" is standard output.
  ExitCode write(llvm::StringRef path, bool bytecode = false);
  /// The same to a stream: IR with its weights in it, unless they are more bytes than
  /// `maxWeightBytes`.
  ExitCode write(llvm::raw_ostream &stream, bool bytecode, uint64_t maxWeightBytes = UINT64_MAX);
  /// After Package: writes an archive and, beside it, a C header.
  ExitCode writeStaticLibrary(llvm::StringRef path);

  /// Writes what shows the failure of the stage under way again, and returns the
  /// path; nullptr outside of a stage. A signal handler may call it.
  const char *writeReproducer() { return reproducer.write(); }

  mlir::ModuleOp getModule() { return *module; }
  /// The stage that the module has left last.
  Stage getStage() const { return reached; }
  mlir::MLIRContext &getContext() { return context; }

private:
  template <typename Importer> ExitCode readWith(Importer import);
  bool isCancelled() const { return options.isCancelled && *options.isCancelled; }
  ExitCode runStage(Stage stage);
  ExitCode dump(Stage stage);
  ExitCode writeParameters();
  void report(const Message &message);
  /// Sends an error of its own and gives back `code`.
  ExitCode fail(ExitCode code, const llvm::Twine &text);
  /// Why a stage failed, by its diagnostics and by what it left.
  ExitCode explainFailure(Stage stage);

  CompileOptions options;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::DefaultTimingManager timing;
  mlir::TimingScope rootTiming;
  Reproducer reproducer;
  WrittenWeights dumpedWeights;
  Stage reached = Stage::Import;
  unsigned errors = 0, unsupportedOps = 0;
  bool isExplained = false; ///< By an error that no verifier has sent.
};

/// The version of the .vmfb schema that this compiler writes, such as "1.0".
std::string getFormatVersion();

} // namespace torchc

#endif // TORCHC_PIPELINE_COMPILATION_H
