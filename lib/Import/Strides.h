//===- Strides.h - which reshapes copy ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_STRIDES_H
#define TORCHC_LIB_IMPORT_STRIDES_H

#include "torchc/Import/CapturedProgram.h"

#include <optional>

namespace torchc {

/// Whether `node`, an op that PyTorch lets the strides of its operand decide for (reshape,
/// contiguous), gives a view of the operand, `tensor`, or a copy. nullopt for other ops and where
/// the sizes are not known. Dynamic ones count as what the model was exported with, as PyTorch's own
/// decision did.
std::optional<bool> givesView(const CapturedNode &node, const TensorMeta &tensor);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_STRIDES_H
