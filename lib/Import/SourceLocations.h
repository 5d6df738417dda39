//===- SourceLocations.h - frames of the user's Python as MLIR locations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_SOURCELOCATIONS_H
#define TORCHC_LIB_IMPORT_SOURCELOCATIONS_H

#include "torchc/Import/CapturedProgram.h"

#include "mlir/IR/Location.h"

namespace torchc {

/// The location of a node: its name around the chain of its frames, in which
/// the innermost is called from the next, `"linear"(callsite("linear.py":134:0
/// at callsite("mlp.py":23:0 at ...)))`.
mlir::Location getLocation(const CapturedNode &node, mlir::MLIRContext *context);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_SOURCELOCATIONS_H
