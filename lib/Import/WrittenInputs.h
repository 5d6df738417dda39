//===- WrittenInputs.h - which inputs a graph writes in place ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_WRITTENINPUTS_H
#define TORCHC_LIB_IMPORT_WRITTENINPUTS_H

#include "torchc/Import/CapturedProgram.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringSet.h"

namespace torchc {

/// What in-place operators of a graph do.
struct WrittenInputs {
  bool hasInPlaceOps = false;
  /// Inputs of the graph that are written, themselves or through views.
  llvm::StringSet<> names;
};

/// Follows views from the inputs to the in-place operators. The torch dialect
/// is loaded.
WrittenInputs findWrittenInputs(const CapturedGraph &graph, mlir::MLIRContext *context);

/// Whether a node writes to its first argument.
bool isInPlace(const CapturedNode &node, mlir::MLIRContext *context);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_WRITTENINPUTS_H
