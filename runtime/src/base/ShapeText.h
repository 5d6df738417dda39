//===- ShapeText.h - a tensor's type as text --------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_BASE_SHAPETEXT_H
#define TORCHC_RUNTIME_BASE_SHAPETEXT_H

#include "torchc/runtime/Tensor.h"

#include <cstdio>

namespace torchc::runtime {

/// "2x?x4xf32" in a buffer of its own.
class ShapeText {
public:
  explicit ShapeText(const Tensor &tensor) : ShapeText(tensor.getElementType(), tensor.getDims()) {}
  ShapeText(ElementType type, std::span<const int64_t> dims) {
    for (int64_t dim : dims) {
      if (dim >= 0)
        length += size_t(std::snprintf(text + length, sizeof text - length, "%lldx", (long long)dim));
      else
        length += size_t(std::snprintf(text + length, sizeof text - length, "?x"));
    }
    std::snprintf(text + length, sizeof text - length, "%s", getElementName(type));
  }
  const char *get() const { return text; }

private:
  char text[kMaxRank * 21 + 16];
  size_t length = 0;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_BASE_SHAPETEXT_H
