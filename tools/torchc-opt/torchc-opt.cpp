//===- torchc-opt.cpp - runs single passes and stages on IR ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Pipeline.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/Support/ExitCode.h"
#include "torchc/Support/FaultHandler.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace torchc;
namespace cl = llvm::cl;

static constexpr llvm::StringLiteral kOverview =
    "torchc-opt: runs passes on IR of any stage\n\n"
    "  torchc-opt x.mlir --torchc-form-dispatches       one pass\n"
    "  torchc-opt x.mlir --torchc-dispatch-pipeline     all passes of one stage\n"
    "  torchc-opt x.mlir --torchc-dispatch-pipeline --mlir-print-ir-after-all\n"
    "  torchc-opt --run-reproducer x.mlirbc             what a tool wrote when it failed\n\n"
    "Exit codes: 0 ok, 1 failure, 2 usage, 5 I/O, 70 bug in torchc\n";

static ExitCode fail(ExitCode code, const llvm::Twine &text) {
  llvm::errs() << "torchc-opt: error: " << text << "\n";
  return code;
}

static ExitCode run(llvm::StringRef input, llvm::StringRef output, mlir::DialectRegistry &registry) {
  // Bytecode lies as its resources are aligned.
  auto buffer = input == "-" ? llvm::MemoryBuffer::getSTDIN()
                             : llvm::MemoryBuffer::getFile(input, /*IsText=*/false, /*RequiresNullTerminator=*/true,
                                                           /*IsVolatile=*/false, llvm::Align(64));
  if (!buffer)
    return fail(ExitCode::InputOutput, "'" + input + "': " + buffer.getError().message());
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (failed(mlir::MlirOptMain(stream, std::move(*buffer), registry, config)))
    return ExitCode::Diagnosed;
  if (llvm::Error error = writeFileAtomically(output, [&](llvm::raw_ostream &file) { file << text; }))
    return fail(ExitCode::InputOutput, llvm::toString(std::move(error)));
  return ExitCode::Success;
}

/// Leaves the options of LLVM's code generators, hundreds of them, to --help-hidden.
static void hideOptionsOfLLVM() {
  for (auto &entry : cl::getRegisteredOptions())
    if (entry.first != "help")
      entry.second->setHiddenFlag(cl::Hidden);
}

int main(int argc, char **argv) {
  installFaultHandler("torchc-opt");
  hideOptionsOfLLVM();
  registerAllPasses();
  mlir::DialectRegistry registry;
  registerAllDialects(registry);

  cl::opt<std::string> input(cl::Positional, cl::desc("<input file>"), cl::init("-"));
  cl::opt<std::string> output("o", cl::desc("File to write; - is the standard output"), cl::value_desc("file"),
                              cl::init("-"));
  mlir::MlirOptMainConfig::registerCLOptions(registry);
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  if (!cl::ParseCommandLineOptions(argc, argv, kOverview, &llvm::errs()))
    return static_cast<int>(ExitCode::Usage);
  return static_cast<int>(run(input, output, registry));
}
