//===- Import.h - from captured models to the torch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   ImportResult result = importModelFile("model.pt2", {}, context);
//   if (!result)
//     return static_cast<int>(result.code);   // the diagnostics are out already
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_IMPORT_H
#define TORCHC_IMPORT_IMPORT_H

#include "torchc/Import/CaptureResult.h"
#include "torchc/Import/TorchScript.h"
#include "torchc/Support/ExitCode.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace torchc {

/// A module, or the class of the failure that was diagnosed.
struct ImportResult {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ExitCode code = ExitCode::Success;

  explicit operator bool() const { return static_cast<bool>(module); }
};

struct ImportOptions {
  /// Shapes, function and trust for TorchScript files. Other kinds of file say
  /// their shapes themselves: shapes given for them are a usage error.
  TorchScriptOptions torchScript;
};

/// Reads a model file of any kind and gives its module, verified. The kind
/// follows from the content, not the name: archives of torch.export, TorchScript
/// archives, MLIR bytecode, MLIR text. `path` "-" is the standard input.
///
/// The weights go to the torch dialect's `WeightStore` in `context`, which
/// therefore holds one model. `context` must know all dialects of the pipeline.
ImportResult importModelFile(llvm::StringRef path, const ImportOptions &options, mlir::MLIRContext &context);

/// The same for the content of a file; `name` begins the messages. Weights that lie
/// in a file beside IR are not there to be read.
ImportResult importModelBytes(std::unique_ptr<llvm::MemoryBuffer> content, llvm::StringRef name,
                              const ImportOptions &options, mlir::MLIRContext &context);

/// The same for what a reader gave: sends its messages and builds the module.
ImportResult importCaptured(const CaptureResult &captured, llvm::StringRef name, mlir::MLIRContext &context);

/// Builds the torch dialect form of a captured program: one public function an
/// entry point, with `torchc.signature`; `torchc.symbols` on the module; tensors
/// of the model as `ml_program.global`s with their bytes in the `WeightStore`.
ImportResult importProgram(const CapturedProgram &program, mlir::MLIRContext &context);

} // namespace torchc

#endif // TORCHC_IMPORT_IMPORT_H
