//===- InputShape.h - the command line's way to write an input's type ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_INPUTSHAPE_H
#define TORCHC_IMPORT_INPUTSHAPE_H

#include "torchc/Import/TorchScript.h"

#include "llvm/ADT/StringRef.h"

#include <optional>

namespace torchc {

/// Reads `1x3x224x224xf32`, `?x128xi64` or `f32` (a 0-d tensor or a number).
/// nullopt for anything else.
std::optional<InputShape> parseInputShape(llvm::StringRef text);

} // namespace torchc

#endif // TORCHC_IMPORT_INPUTSHAPE_H
