//===- WriteModule.h - a program to a .vmfb file ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PACKAGE_WRITEMODULE_H
#define TORCHC_PACKAGE_WRITEMODULE_H

#include "torchc/Support/ExitCode.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace torchc {

/// What the file says of its making, beyond what the module itself knows.
struct ProducerInfo {
  std::vector<std::string> flags; ///< The options that shaped the code.
  std::string sourceHash;         ///< Of the model file, hexadecimal; may be empty.
};

/// Writes what the Package stage left in `module` as a .vmfb
/// (docs/Reference/vmfb.md). Weights are read from the WeightStore as they are
/// written. The same module gives the same bytes. Fails with an error at the op
/// or symbol that cannot be written; nothing has been written then.
mlir::LogicalResult writeVmfb(mlir::ModuleOp module, llvm::raw_ostream &stream, const ProducerInfo &producer = {});

/// The same to a file, which is replaced whole or not at all; "-" is the standard
/// output. Emits an error where that fails.
ExitCode writeVmfbFile(mlir::ModuleOp module, llvm::StringRef path, const ProducerInfo &producer = {});

} // namespace torchc

#endif // TORCHC_PACKAGE_WRITEMODULE_H
