//===- Npy.h - numpy's .npy files -------------------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_NPY_H
#define TORCHC_RUNTIME_NPY_H

#include "torchc/runtime/Tensor.h"

#include <optional>

namespace torchc::runtime {

/// Reads a .npy file (NEP 1, versions 1 to 3) of little-endian numbers. Column-major
/// arrays are transposed. With `type`, the file holds numbers of that type, or the
/// bits of one that numpy lacks as unsigned integers of its size.
/// Errors: Io; InvalidArgument for anything but a well-formed file of such numbers.
Result<Tensor> readNpy(const char *path, std::optional<ElementType> type = std::nullopt);

/// The same from bytes; `name` stands in messages.
Result<Tensor> parseNpy(std::span<const uint8_t> bytes, const char *name,
                        std::optional<ElementType> type = std::nullopt);

/// Whether numpy has the type itself, not just its bits.
bool isNumpyType(ElementType type);

/// What precedes a tensor's bytes in a .npy file: at most 512 bytes, of which the
/// returned number is written to `header`. Types that numpy lacks are written as bits.
size_t formatNpyHeader(const Tensor &tensor, std::span<char, 512> header);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_NPY_H
