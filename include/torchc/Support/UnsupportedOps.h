//===- UnsupportedOps.h - names all ops that a stage cannot take ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_UNSUPPORTEDOPS_H
#define TORCHC_SUPPORT_UNSUPPORTEDOPS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <string>

namespace torchc {

/// The ops of one program that a stage cannot take: collected first, then named
/// all in one run.
class UnsupportedOps {
public:
  /// Counts one op. `name` is what the user knows it by, `reason` may be empty.
  void add(llvm::StringRef name, mlir::Location location, const llvm::Twine &reason = "");

  /// Emits an error for each op and reason, at the user's line of the first one:
  /// `unsupported op aten.foo.default (x2): reason`. Succeeds where there are none.
  llvm::LogicalResult report() const;

private:
  struct Use {
    std::string name, reason;
    mlir::Location first;
    unsigned count;
  };
  llvm::SmallVector<Use> uses;
  llvm::StringMap<size_t> places;
};

/// Starts the error of one op that a stage cannot take, as `report` gives it; the reason follows.
mlir::InFlightDiagnostic emitUnsupportedOp(llvm::StringRef name, mlir::Location location, unsigned count = 1);

/// Whether a diagnostic is of an unsupported op: the program may be fine, and torchc
/// lacks something. Tools then exit with ExitCode::UnsupportedOp.
bool isUnsupportedOp(mlir::Diagnostic &diagnostic);

} // namespace torchc

#endif // TORCHC_SUPPORT_UNSUPPORTEDOPS_H
