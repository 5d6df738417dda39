//===- Backward.h - what the gradients of all families have in common ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DECOMPOSE_BACKWARD_H
#define TORCHC_LIB_DECOMPOSE_BACKWARD_H

#include "Patterns.h"

namespace torchc {

/// Which results of `op` its `output_mask` asks for. Refuses a mask that is not constant, and results that are
/// used without being asked for: they are None.
mlir::FailureOr<llvm::SmallVector<bool>> getOutputMask(mlir::Operation *op, mlir::Value mask, Decomposer &b);

/// A list of `count` ints, in which one may stand for all; `ifEmpty` for an empty one. Nothing for another length,
/// or ints that are not constant.
std::optional<llvm::SmallVector<int64_t>> getNumbers(mlir::Value list, int64_t count,
                                                     llvm::ArrayRef<int64_t> ifEmpty = {});

} // namespace torchc

#endif // TORCHC_LIB_DECOMPOSE_BACKWARD_H
