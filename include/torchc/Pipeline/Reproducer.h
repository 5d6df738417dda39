//===- Reproducer.h - what shows a bug of torchc again ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PIPELINE_REPRODUCER_H
#define TORCHC_PIPELINE_REPRODUCER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <string>

namespace torchc {

/// The IR before the passes that run now, and the passes, as bytecode that
/// `torchc-opt --run-reproducer` runs. It is made before the passes run, so that
/// a signal handler can write it; weights are not in it.
class Reproducer {
public:
  /// Remembers what is about to run, under the name of its stage.
  void prepare(mlir::ModuleOp module, mlir::PassManager &passes, llvm::StringRef stage);
  /// Forgets it.
  void clear() { content.clear(); }

  /// Writes what was remembered to a new file in the folder for temporary files.
  /// Returns its path, or nullptr where there is nothing to write or no place for
  /// it. Calls nothing that a signal handler may not call.
  const char *write();

private:
  std::string content, path;
};

} // namespace torchc

#endif // TORCHC_PIPELINE_REPRODUCER_H
