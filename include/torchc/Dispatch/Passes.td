//===- Passes.td - passes of the Dispatch stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DISPATCH_PASSES
#define TORCHC_DISPATCH_PASSES

include "mlir/Pass/PassBase.td"

#endif // TORCHC_DISPATCH_PASSES
