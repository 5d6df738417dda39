//===- Passes.td - passes of the Package stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PACKAGE_PASSES
#define TORCHC_PACKAGE_PASSES

include "mlir/Pass/PassBase.td"

#endif // TORCHC_PACKAGE_PASSES
