//===- SizeFact.h - what a trace relied on about sizes --------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_SIZEFACT_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_SIZEFACT_H

#include <cstdint>
#include <string>
#include <vector>

namespace torchc::torchscript {

/// An integer computation that the recorded nodes do not show, such as the
/// condition of an `if x.size(0) > 4`. A trace holds only for those sizes for
/// which its facts come out alike.
struct SizeFact {
  enum class Kind {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    FloorDivide,
    Remainder,
    Opaque, ///< Any other; operands may be the bits of doubles.
  };
  Kind kind;
  std::vector<int64_t> operands;
  int64_t result;
  std::string where; ///< "model.py:27", or empty.
};

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_SIZEFACT_H
