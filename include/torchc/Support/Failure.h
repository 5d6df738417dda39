//===- Failure.h - why a pipeline failed, for the exit code of the tools ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_FAILURE_H
#define TORCHC_SUPPORT_FAILURE_H

#include "mlir/IR/BuiltinOps.h"

namespace torchc {

/// The attribute that a failing pass leaves on the module when the program
/// uses something that torchc does not support, as opposed to being wrong.
inline constexpr llvm::StringLiteral kFailureAttr = "torchc.failure";

/// Marks the module as one that torchc does not support.
inline void markUnsupported(mlir::ModuleOp module) {
  module->setAttr(kFailureAttr, mlir::StringAttr::get(module.getContext(), "unsupported"));
}

/// Whether a pass has marked the module so: the driver then exits with 3.
inline bool isMarkedUnsupported(mlir::ModuleOp module) {
  auto failure = module->getAttrOfType<mlir::StringAttr>(kFailureAttr);
  return failure && failure.getValue() == "unsupported";
}

} // namespace torchc

#endif // TORCHC_SUPPORT_FAILURE_H
