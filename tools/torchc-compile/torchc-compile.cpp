//===- torchc-compile.cpp - compiles a model file to a .vmfb ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/KernelCache.h"
#include "torchc/Pipeline/Compilation.h"
#include "torchc/Support/FaultHandler.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>
#include <unistd.h>

using namespace torchc;

namespace {

/// What the command line says beyond the options of a compilation.
struct Arguments {
  std::string input;
  std::string output;
  std::string emit = "vmfb";
  bool bytecode = false;
  bool quiet = false;
};

std::string describeStages() {
  std::string text = "What to write:";
#define STAGE(Name, name, alias, description)                                                                          \
  text += std::string("\n  ") + name + (*alias ? std::string(" (") + alias + ")" : std::string()) + ": " + description;
#define FORM(Name, name, description) text += std::string("\n  ") + name + ": " + description;
#include "torchc/Pipeline/Stages.def"
  return text;
}

std::string describeVersion() {
  return "torchc " TORCHC_VERSION " (LLVM " LLVM_VERSION_STRING ", .vmfb schema " + getFormatVersion() + ")";
}

void addOptions(CLI::App &app, Arguments &arguments, CompileOptions &options) {
  app.add_option("input", arguments.input, "Model file (.pt2, .pt), MLIR text or bytecode; - is standard input")
      ->required()
      ->type_name("FILE");
  app.add_option("-o,--output", arguments.output, "File to write; - is standard output")->type_name("FILE");
  app.add_option("--emit", arguments.emit, describeStages())->type_name("STAGE")->capture_default_str();
  app.add_flag("--emit-bytecode", arguments.bytecode, "Write IR as MLIR bytecode");

  const char *model = "Model";
  app.add_option("--input", options.inputs,
                 "TorchScript: type and shape of each input in order, such as 1x3x224x224xf32; ? is a dynamic dim")
      ->group(model)
      ->type_name("TYPE")
      ->allow_extra_args(false);
  app.add_flag("--trust-model", options.trustModel, "TorchScript: load files that run code of their own")->group(model);

  app.add_option_function<std::string>(
         "--externalize-parameters",
         [&options](const std::string &text) {
           size_t equals = text.find('=');
           bool hasScope = equals != std::string::npos;
           options.pipeline.parameterScope = hasScope ? text.substr(0, equals) : "";
           options.parameterFile = hasScope ? text.substr(equals + 1) : text;
         },
         "Write parameters and buffers to a safetensors file, from which torchc-run --parameters reads them")
      ->group(model)
      ->type_name("[SCOPE=]FILE");

  app.add_option("--custom-ops", options.pipeline.customOps,
                 "Operators that the program which runs the model registers, such as mylib.foo,mylib.bar")
      ->delimiter(',')
      ->group(model)
      ->type_name("LIST");

  app.add_option("-O", options.pipeline.optLevel, "0: compile with the least effort; 3: make the fastest program")
      ->check(CLI::IsMember({0, 3}))
      ->type_name("LEVEL")
      ->capture_default_str();

  const char *target = "Target";
  app.add_option(
         "--target-cpu", options.pipeline.target.cpu,
         "CPUs to make code for, side by side: LLVM's names, host (this machine), portable (x86-64-v2, v3, v4, "
         "and those for int8 and bf16 where used: the default), common (x86-64-v3: the default for a static library)")
      ->group(target)
      ->type_name("LIST");
  app.add_option("--target-features", options.pipeline.target.features, "Features to add or leave out: +avx2,-fma")
      ->group(target)
      ->type_name("LIST");
  app.add_option("--target-triple", options.pipeline.target.triple, "Machine to make code for; this one by default")
      ->group(target)
      ->type_name("TRIPLE");

  app.add_option("--strategy", options.pipeline.strategyFile,
                 "Tiles of kernels, by name: a JSON file such as {\"*_contraction_*\": {\"tile_rows\": 8}}")
      ->group(target)
      ->type_name("FILE");

  const char *inspection = "Inspection";
  app.add_option("--dump-stages", options.dumpStages, "Write the IR of every stage to this folder")
      ->group(inspection)
      ->type_name("DIR");
  app.add_flag("--timing", options.timing, "Print where the time went")->group(inspection);
  app.add_flag("--statistics", options.statistics,
               "Print what each kernel moves and computes, and the least there is to move")
      ->group(inspection);
  app.add_flag("-q,--quiet", arguments.quiet, "No progress and no warnings")->group(inspection);

  app.set_version_flag("--version", describeVersion());
  app.footer(
      "Examples:\n"
      "  torchc-compile model.pt2 -o model.vmfb\n"
      "  torchc-compile model.pt --input=1x3x224x224xf32 -o model.vmfb\n"
      "  torchc-compile model.pt2 --emit=linalg -o -\n"
      "  torchc-compile model.pt2 --emit=static-library -o model.a\n"
      "\n"
      "Machine code is kept in ~/.cache/torchc, or in TORCHC_CACHE_DIR if that is set; if it is empty, it is not.\n"
      "Exit codes: 0 ok, 1 failure, 2 usage, 3 unsupported op, 4 bad input file, 5 I/O, 6 limit,\n            "
      "70 bug in torchc");
}

/// The compilation under way, for the fault handler.
Compilation *running = nullptr;

const char *writeReproducer() { return running ? running->writeReproducer() : nullptr; }

/// Progress in one line that is overwritten, on a terminal only.
void showProgress(Stage stage) {
  llvm::errs() << "\r\033[K[" << static_cast<int>(stage) + 1 << "/8] " << getStageName(stage);
  if (stage == Stage::Package)
    llvm::errs() << "\r\033[K";
}

ExitCode compile(const Arguments &arguments, const CompileOptions &options) {
  std::optional<Emission> emission = parseEmission(arguments.emit);
  if (!emission) {
    llvm::errs() << "torchc-compile: error: --emit=" << arguments.emit << " is not a stage; see --help\n";
    return ExitCode::Usage;
  }
  if (options.pipeline.parameterScope && (emission->stage != Stage::Package || emission->isStaticLibrary)) {
    llvm::errs() << "torchc-compile: error: --externalize-parameters is for --emit=vmfb\n";
    return ExitCode::Usage;
  }
  if (options.statistics && emission->stage < Stage::Dispatch) {
    llvm::errs() << "torchc-compile: error: --statistics is of kernels, which --emit=" << arguments.emit
                 << " does not make\n";
    return ExitCode::Usage;
  }
  if (!options.pipeline.strategyFile.empty() && emission->stage < Stage::Codegen) {
    llvm::errs() << "torchc-compile: error: --strategy is for the loops of kernels, which --emit=" << arguments.emit
                 << " does not make\n";
    return ExitCode::Usage;
  }
  // Now rather than after minutes of lowering.
  if (const std::string &file = options.pipeline.strategyFile; !file.empty()) {
    if (auto buffer = llvm::MemoryBuffer::getFile(file); !buffer) {
      llvm::errs() << "torchc-compile: error: " << file << ": " << buffer.getError().message() << "\n";
      return ExitCode::InputOutput;
    }
  }
  Compilation compilation(options);
  compilation.chooseForm(*emission);
  running = &compilation;
  llvm::scope_exit stop([] { running = nullptr; });
  if (ExitCode code = compilation.read(arguments.input); code != ExitCode::Success)
    return code;
  if (ExitCode code = compilation.runTo(emission->stage); code != ExitCode::Success)
    return code;
  return emission->isStaticLibrary ? compilation.writeStaticLibrary(arguments.output)
                                   : compilation.write(arguments.output, arguments.bytecode);
}

} // namespace

int main(int argc, char **argv) {
  installFaultHandler("torchc-compile", writeReproducer);

  CLI::App app("Compiles a PyTorch model to one file that torchc-run runs.", "torchc-compile");
  Arguments arguments;
  CompileOptions options;
  options.pipeline.kernelCache = findKernelCacheFolder();
  addOptions(app, arguments, options);
  try {
    app.parse(argc, argv);
    if (arguments.output.empty())
      throw CLI::RequiredError("-o FILE");
  } catch (const CLI::ParseError &error) {
    int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }

  bool terminal = isatty(STDERR_FILENO);
  if (terminal && !arguments.quiet)
    options.onStage = showProgress;
  options.onMessage = [&](const Message &message) {
    if (arguments.quiet && message.severity != mlir::DiagnosticSeverity::Error)
      return;
    llvm::errs() << (terminal ? "\r\033[K" : "") << (message.location.empty() ? "torchc-compile: " : "")
                 << message.str() << "\n";
  };
  return static_cast<int>(compile(arguments, options));
}
