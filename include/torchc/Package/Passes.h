//===- Passes.h - passes of the Package stage ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PACKAGE_PASSES_H
#define TORCHC_PACKAGE_PASSES_H

#include "torchc/Dialect/VM/IR/VMDialect.h"

#include "mlir/Pass/Pass.h"

namespace torchc {

#define GEN_PASS_DECL
#include "torchc/Package/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "torchc/Package/Passes.h.inc"

} // namespace torchc

#endif // TORCHC_PACKAGE_PASSES_H
