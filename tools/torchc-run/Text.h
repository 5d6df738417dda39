//===- Text.h - numbers and tables for people -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_TEXT_H
#define TORCHC_TOOLS_TORCHC_RUN_TEXT_H

#include "torchc/runtime/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace torchc::runtime {

/// As printf.
__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...);

/// "812 B", "1.2 kB", "34.5 MB"; decimal units.
std::string formatSize(uint64_t bytes);

/// Rows of cells, each column as wide as it needs; the first row is the head. Columns
/// for which `isNumber` is set are aligned to the right.
std::string formatTable(const std::vector<std::vector<std::string>> &rows, const std::vector<bool> &isNumber);

/// "2x3xf32", for a signature's dims with symbols by name.
std::string formatType(ElementType type, std::span<const int64_t> dims, const Program *program = nullptr,
                       unsigned function = 0);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_TEXT_H
