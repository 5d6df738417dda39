//===- Passes.h - passes of the Normalize stage ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_NORMALIZE_PASSES_H
#define TORCHC_NORMALIZE_PASSES_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace torchc {

#define GEN_PASS_DECL
#include "torchc/Normalize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "torchc/Normalize/Passes.h.inc"

} // namespace torchc

#endif // TORCHC_NORMALIZE_PASSES_H
