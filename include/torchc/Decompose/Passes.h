//===- Passes.h - passes of the Decompose stage ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DECOMPOSE_PASSES_H
#define TORCHC_DECOMPOSE_PASSES_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace torchc {

#define GEN_PASS_DECL
#include "torchc/Decompose/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "torchc/Decompose/Passes.h.inc"

} // namespace torchc

#endif // TORCHC_DECOMPOSE_PASSES_H
