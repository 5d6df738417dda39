//===- Elements.h - numbers of every element type as text -------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_ELEMENTS_H
#define TORCHC_TOOLS_TORCHC_RUN_ELEMENTS_H

#include "torchc/runtime/Tensor.h"

#include <complex>
#include <optional>
#include <string>
#include <string_view>

namespace torchc::runtime {

bool isFloatType(ElementType type);
bool isComplexType(ElementType type);

/// "f32" and the like.
std::optional<ElementType> parseElementType(std::string_view name);

/// Element `index` of a tensor; 64-bit integers beyond 2^53 are rounded.
std::complex<double> getElement(const Tensor &tensor, uint64_t index);

/// The shortest text that reads back as the same element.
std::string formatElement(const Tensor &tensor, uint64_t index);

/// Stores one element from its text: 5, -2.5, nan, true, 1+2j; rounds to nearest even.
/// False if the text is no such number or an integer does not fit.
bool parseElement(std::string_view text, ElementType type, uint8_t *to);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_ELEMENTS_H
