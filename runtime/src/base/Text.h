//===- Text.h - an owned string whose growth may fail -----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_BASE_TEXT_H
#define TORCHC_RUNTIME_BASE_TEXT_H

#include "base/Array.h"

#include <string_view>

namespace torchc::runtime {

/// What std::string is, for code that must survive a failed allocation and link without
/// the C++ library.
class Text {
public:
  /// Appends; false if there is no memory.
  [[nodiscard]] bool append(char character) {
    if (characters.empty() && !characters.push(0))
      return false;
    characters[characters.size() - 1] = character;
    return characters.push(0);
  }
  [[nodiscard]] bool append(std::string_view text) {
    for (char character : text)
      if (!append(character))
        return false;
    return true;
  }

  std::string_view get() const { return {c_str(), characters.empty() ? 0 : characters.size() - 1}; }
  const char *c_str() const { return characters.empty() ? "" : characters.data(); }

private:
  Array<char> characters; ///< Empty, or with a 0 at its end.
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_BASE_TEXT_H
