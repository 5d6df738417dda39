//===- Aliasing.h - what importers say of views ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_ALIASING_H
#define TORCHC_DIALECT_TORCH_IR_ALIASING_H

#include "llvm/ADT/StringRef.h"

namespace torchc::torch {

/// On ops whose operand's strides decide it (`aten.reshape`), where the importer knows them: whether
/// the result is a view of the operand or a copy.
inline constexpr llvm::StringLiteral kIsViewAttr = "torchc.is_view";

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_ALIASING_H
