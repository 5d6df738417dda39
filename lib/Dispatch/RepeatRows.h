//===- RepeatRows.h - gathers that repeat the rows of a table ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_REPEATROWS_H
#define TORCHC_LIB_DISPATCH_REPEATROWS_H

#include "ConstantEvaluator.h"

namespace torchc {

/// Turns gathers with constant indices 0, 0, .. 1, 1, .., each as often as the others, into a repetition of the
/// table's rows: so are the scales of groups of weights looked up, which products then see to be the same within a
/// group.
void repeatRowsInsteadOfGathers(mlir::ModuleOp module, ConstantEvaluator &evaluator);

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_REPEATROWS_H
