//===- InputShape.cpp - the command line's way to write an input's type ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/InputShape.h"

#include "llvm/ADT/StringSwitch.h"

using namespace torchc;
using llvm::StringRef;

static std::optional<ScalarType> parseScalarType(StringRef text) {
  return llvm::StringSwitch<std::optional<ScalarType>>(text)
      .Case("f32", ScalarType::Float)
      .Case("f64", ScalarType::Double)
      .Case("f16", ScalarType::Half)
      .Case("bf16", ScalarType::BFloat16)
      .Case("i64", ScalarType::Long)
      .Case("i32", ScalarType::Int)
      .Case("i16", ScalarType::Short)
      .Case("i8", ScalarType::Char)
      .Case("u8", ScalarType::Byte)
      .Case("u16", ScalarType::UInt16)
      .Case("u32", ScalarType::UInt32)
      .Case("u64", ScalarType::UInt64)
      .Case("i1", ScalarType::Bool)
      .Case("complex<f32>", ScalarType::ComplexFloat)
      .Case("complex<f64>", ScalarType::ComplexDouble)
      .Case("f8E4M3FN", ScalarType::Float8_e4m3fn)
      .Case("f8E5M2", ScalarType::Float8_e5m2)
      .Default(std::nullopt);
}

std::optional<InputShape> torchc::parseInputShape(StringRef text) {
  InputShape shape;
  while (!text.empty() && (text[0] == '?' || llvm::isDigit(text[0]))) {
    auto [dim, rest] = text.split('x');
    int64_t size = InputShape::dynamic;
    if (dim != "?" && dim.getAsInteger(10, size))
      return std::nullopt;
    shape.sizes.push_back(size);
    text = rest;
  }
  std::optional<ScalarType> dtype = parseScalarType(text);
  if (!dtype)
    return std::nullopt;
  shape.dtype = *dtype;
  return shape;
}
