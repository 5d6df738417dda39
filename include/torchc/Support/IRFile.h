//===- IRFile.h - IR in files, the weights beside it ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_IRFILE_H
#define TORCHC_SUPPORT_IRFILE_H

#include "torchc/Support/ExitCode.h"
#include "torchc/Support/WeightStore.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OperationSupport.h"

namespace torchc {

/// What a safetensors file holds: files of one folder may share it.
struct WrittenWeights {
  std::string path;
  std::vector<std::pair<std::string, const uint8_t *>> weights;
};

struct IRWriteOptions {
  bool bytecode = false; ///< Else text.
  /// The weights that an earlier module of the same folder has been written with.
  /// They are written again, and noted here, only where they differ.
  WrittenWeights *shared = nullptr;
  mlir::OpPrintingFlags printing = {}; ///< For text.
};

/// Writes `module` to `path` and the weights that its globals refer to beside
/// it, `x.mlir` with `x.safetensors`; attribute `torchc.weights` of the written
/// module names that file. A module without weights has neither. Files are
/// replaced whole or not at all. Path "-" is the standard output; there, and
/// in a pipe or a device, the weights are resources of the module. Emits an error where that fails.
ExitCode writeIRFile(mlir::ModuleOp module, const WeightStore &weights, llvm::StringRef path,
                     const IRWriteOptions &options = {});

/// Writes `module` to a stream, its weights as resources, so that it stands alone; weights
/// of more than `maxWeightBytes` in all stay out, as in IR in memory. Emits an error where
/// that fails.
mlir::LogicalResult writeIR(mlir::ModuleOp module, const WeightStore &weights, llvm::raw_ostream &stream,
                            const IRWriteOptions &options, uint64_t maxWeightBytes = UINT64_MAX);

/// Maps the weights that `torchc.weights` of `module` names into `weights` and
/// removes the attribute; globals that are resources of the module become weights
/// too. `path` is the file of the module: the name of the weights is relative to
/// its folder and does not leave it. Emits an error where the file is missing or
/// bad, or does not have all weights of the module.
ExitCode loadIRWeights(mlir::ModuleOp module, WeightStore &weights, llvm::StringRef path);

} // namespace torchc

#endif // TORCHC_SUPPORT_IRFILE_H
