//===- ElementTypes.cpp - element types of the file ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace torchc;

std::optional<runtime::ElementType> torchc::parseElementType(StringRef dtype) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  if (dtype == SPELLING)                                                                                               \
    return runtime::ElementType::NAME;
#include "ElementTypes.def"
  return std::nullopt;
}

/// How the file spells a builtin type: as MLIR does, but for u8 and complex's.
static std::string spell(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type); integer && integer.isUnsigned())
    return "u" + std::to_string(integer.getWidth());
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << type;
  return text;
}

std::optional<runtime::ElementType> torchc::getElementType(Type type) { return parseElementType(spell(type)); }

std::optional<runtime::ElementType> torchc::getHostElementType(ml_program::GlobalOp global) {
  auto type = dyn_cast<RankedTensorType>(global.getType());
  if (!type)
    return std::nullopt;
  auto *dialect = global->getContext()->getLoadedDialect<torch::TorchDialect>();
  std::optional<Weight> weight = dialect ? dialect->getWeights().lookup(global.getSymName()) : std::nullopt;
  Type element = type.getElementType();
  if (weight && weight->isUnsigned)
    element = IntegerType::get(type.getContext(), element.getIntOrFloatBitWidth(), IntegerType::Unsigned);
  return getElementType(element);
}

Type torchc::getBuiltinType(runtime::ElementType type, MLIRContext *context) {
  Builder builder(context);
  switch (type) {
  case runtime::ElementType::U8:
  case runtime::ElementType::U16:
  case runtime::ElementType::U32:
  case runtime::ElementType::U64:
    return IntegerType::get(context, 8 * runtime::getElementSize(type), IntegerType::Unsigned);
  case runtime::ElementType::I1: return builder.getI1Type();
  case runtime::ElementType::I8:
  case runtime::ElementType::I16:
  case runtime::ElementType::I32:
  case runtime::ElementType::I64: return builder.getIntegerType(8 * runtime::getElementSize(type));
  case runtime::ElementType::F16: return builder.getF16Type();
  case runtime::ElementType::BF16: return builder.getBF16Type();
  case runtime::ElementType::F32: return builder.getF32Type();
  case runtime::ElementType::F64: return builder.getF64Type();
  case runtime::ElementType::ComplexF32: return ComplexType::get(builder.getF32Type());
  case runtime::ElementType::ComplexF64: return ComplexType::get(builder.getF64Type());
  case runtime::ElementType::F8E5M2: return Float8E5M2Type::get(context);
  case runtime::ElementType::F8E4M3FN: return Float8E4M3FNType::get(context);
  }
  llvm_unreachable("no such element type");
}
