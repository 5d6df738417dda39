//===- Passes.h - passes of the Dispatch stage ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DISPATCH_PASSES_H
#define TORCHC_DISPATCH_PASSES_H

#include "mlir/Pass/Pass.h"

namespace torchc {

#define GEN_PASS_DECL
#include "torchc/Dispatch/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "torchc/Dispatch/Passes.h.inc"

} // namespace torchc

#endif // TORCHC_DISPATCH_PASSES_H
