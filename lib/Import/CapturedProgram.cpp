//===- CapturedProgram.cpp - a model as its front end captured it ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/CapturedProgram.h"

using namespace torchc;

int64_t torchc::getElementSize(ScalarType type) {
  switch (type) {
  case ScalarType::Byte:
  case ScalarType::Char:
  case ScalarType::Bool:
  case ScalarType::QInt8:
  case ScalarType::QUInt8:
  case ScalarType::Float8_e5m2:
  case ScalarType::Float8_e4m3fn: return 1;
  case ScalarType::Short:
  case ScalarType::UInt16:
  case ScalarType::Half:
  case ScalarType::BFloat16: return 2;
  case ScalarType::Int:
  case ScalarType::UInt32:
  case ScalarType::QInt32:
  case ScalarType::Float:
  case ScalarType::ComplexHalf: return 4;
  case ScalarType::Long:
  case ScalarType::UInt64:
  case ScalarType::Double:
  case ScalarType::ComplexFloat: return 8;
  case ScalarType::ComplexDouble: return 16;
  }
  return 0;
}
