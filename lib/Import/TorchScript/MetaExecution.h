//===- MetaExecution.h - shapes of results without data -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_METAEXECUTION_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_METAEXECUTION_H

#include "DispatchMode.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace torchc::torchscript {

/// Throws if a symbolic scalar among `arguments` would decide about a shape.
void refuseSymbolicShapes(const c10::OperatorHandle &op, c10::ArrayRef<c10::IValue> arguments);

/// Runs `op` on meta tensors, unrecorded, and gives its results, which are meta
/// tensors. Symbolic scalars must be such that no shape depends on them.
torch::jit::Stack runOnMeta(const c10::OperatorHandle &op, const torch::jit::Stack &arguments);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_METAEXECUTION_H
