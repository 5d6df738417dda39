//===- ModelState.h - parameters, buffers and constants as globals ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_MODELSTATE_H
#define TORCHC_LIB_IMPORT_MODELSTATE_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Import/CapturedProgram.h"
#include "torchc/Support/ExitCode.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSet.h"

namespace torchc {

/// Makes the tensors of a program `ml_program.global`s of a module, the first
/// time that each is used. Tensors that are the same bytes under the same shape
/// share one global.
class ModelState {
public:
  ModelState(const CapturedProgram &program, mlir::ModuleOp module);

  /// Says that some function writes the tensor. Before any `getGlobal`.
  void setMutable(llvm::StringRef tensor);

  /// The global of a tensor; fails with a diagnostic where the program has no
  /// such tensor or torchc cannot hold it.
  mlir::FailureOr<mlir::ml_program::GlobalOp> getGlobal(mlir::Location loc, llvm::StringRef tensor);

  /// The class of the failure that was diagnosed.
  ExitCode getFailure() const { return failure; }

private:
  /// The tensors that are one global, by the name of the first.
  struct Entry {
    const StoredTensor *tensor;
    bool isMutable = false;
    mlir::ml_program::GlobalOp global;
  };
  mlir::FailureOr<mlir::ml_program::GlobalOp> createGlobal(mlir::Location loc, Entry &entry);
  std::string makeSymbol(llvm::StringRef tensor);

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  /// Globals stand before the functions, in order of their first use.
  mlir::ml_program::GlobalOp lastGlobal;
  std::vector<Entry> entries;
  llvm::StringMap<size_t> indices;
  llvm::StringSet<> symbols;
  ExitCode failure = ExitCode::BadFile;
};

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_MODELSTATE_H
