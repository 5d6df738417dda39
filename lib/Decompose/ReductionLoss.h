//===- ReductionLoss.h - how losses are reduced ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DECOMPOSE_REDUCTIONLOSS_H
#define TORCHC_LIB_DECOMPOSE_REDUCTIONLOSS_H

#include "Patterns.h"

namespace torchc {

/// How a loss of many elements becomes the result (ATen/core/Reduction.h).
enum class LossReduction { None = 0, Mean = 1, Sum = 2 };

std::optional<LossReduction> getReduction(mlir::Value code);

} // namespace torchc

#endif // TORCHC_LIB_DECOMPOSE_REDUCTIONLOSS_H
