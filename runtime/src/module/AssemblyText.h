//===- AssemblyText.h - lines of assembly to words --------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_MODULE_ASSEMBLYTEXT_H
#define TORCHC_RUNTIME_MODULE_ASSEMBLYTEXT_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace torchc::runtime {

/// A word, a "string", a reference @"name", or a list [of them], perhaps with a key=.
struct AssemblyItem {
  enum class Kind { Word, String, Reference, List };
  std::string key;
  Kind kind = Kind::Word;
  std::string text; ///< Without quotes and escapes.
  std::vector<AssemblyItem> elements;
};

/// The items of a line; empty for one without any. A comment begins with `;`.
/// Throws AssemblyError without a line number.
std::vector<AssemblyItem> splitAssemblyLine(std::string_view line);

/// A decimal or 0x number, negative ones as two's complement.
std::optional<uint64_t> parseAssemblyNumber(std::string_view text);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_MODULE_ASSEMBLYTEXT_H
