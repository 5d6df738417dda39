//===- Dtypes.cpp - element types of torch tensors and their promotion ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/Dtypes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace torchc::torch;

Type torchc::torch::getDtypeFromCode(MLIRContext *context, int64_t code) {
  Builder builder(context);
  auto integer = [&](unsigned width, bool isSigned) -> Type { return builder.getIntegerType(width, isSigned); };
  switch (code) {
  case 0: return integer(8, false);
  case 1: return integer(8, true);
  case 2: return integer(16, true);
  case 3: return integer(32, true);
  case 4: return integer(64, true);
  case 5: return builder.getF16Type();
  case 6: return builder.getF32Type();
  case 7: return builder.getF64Type();
  case 8: return ComplexType::get(builder.getF16Type());
  case 9: return ComplexType::get(builder.getF32Type());
  case 10: return ComplexType::get(builder.getF64Type());
  case 11: return builder.getI1Type();
  case 15: return builder.getBF16Type();
  case 23: return Float8E5M2Type::get(context);
  case 24: return Float8E4M3FNType::get(context);
  case 27: return integer(16, false);
  case 28: return integer(32, false);
  case 29: return integer(64, false);
  default: return {};
  }
}

std::optional<int64_t> torchc::torch::getDtypeCode(Type dtype) {
  for (int64_t code : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 23, 24, 27, 28, 29})
    if (getDtypeFromCode(dtype.getContext(), code) == dtype)
      return code;
  return std::nullopt;
}

bool torchc::torch::isBoolDtype(Type dtype) { return dtype.isInteger(1); }
bool torchc::torch::isIntegerDtype(Type dtype) { return isa<IntegerType>(dtype) && !isBoolDtype(dtype); }
bool torchc::torch::isFloatDtype(Type dtype) { return isa<mlir::FloatType>(dtype); }
bool torchc::torch::isComplexDtype(Type dtype) { return isa<ComplexType>(dtype); }
bool torchc::torch::isHalfDtype(Type dtype) { return dtype.isF16() || dtype.isBF16(); }

Type torchc::torch::getComputeDtype(Type dtype) {
  return isHalfDtype(dtype) ? Float32Type::get(dtype.getContext()) : dtype;
}
Type torchc::torch::getFloatDtype(Type dtype) {
  return isa<IntegerType>(dtype) ? Float32Type::get(dtype.getContext()) : dtype;
}
Type torchc::torch::getSumDtype(Type dtype) {
  return isa<IntegerType>(dtype) ? IntegerType::get(dtype.getContext(), 64, IntegerType::Signed) : dtype;
}

//===----------------------------------------------------------------------===//
// Promotion
//===----------------------------------------------------------------------===//

/// bool < int < float < complex.
static int getKind(Type dtype) {
  if (isBoolDtype(dtype))
    return 0;
  if (isIntegerDtype(dtype))
    return 1;
  return isFloatDtype(dtype) ? 2 : 3;
}

/// The wider of two float types; f16 and bf16 have only f32 in common.
static Type promoteFloats(mlir::FloatType a, mlir::FloatType b) {
  if (a.getWidth() != b.getWidth())
    return a.getWidth() > b.getWidth() ? a : b;
  return Float32Type::get(a.getContext());
}

/// Signed types and ui8 only: torch has no common type of ui16, ui32, ui64 and another.
static Type promoteIntegers(IntegerType a, IntegerType b) {
  if (a.isUnsigned())
    std::swap(a, b);
  if (a.isUnsigned() || (b.isUnsigned() && b.getWidth() != 8))
    return {};
  if (b.isUnsigned())
    return IntegerType::get(a.getContext(), std::max(a.getWidth(), 16u), IntegerType::Signed);
  return a.getWidth() > b.getWidth() ? a : b;
}

Type torchc::torch::promoteDtypes(Type a, Type b) {
  if (a == b)
    return a;
  if (getKind(a) < getKind(b))
    std::swap(a, b);
  switch (getKind(a)) {
  case 3: {
    auto element = cast<mlir::FloatType>(cast<ComplexType>(a).getElementType());
    if (auto other = dyn_cast<ComplexType>(b))
      return ComplexType::get(promoteFloats(element, cast<mlir::FloatType>(other.getElementType())));
    if (b.isBF16())
      return ComplexType::get(promoteFloats(element, Float32Type::get(a.getContext())));
    if (auto other = dyn_cast<mlir::FloatType>(b))
      return ComplexType::get(element.getWidth() >= other.getWidth() ? element : other);
    return a;
  }
  case 2: return isFloatDtype(b) ? promoteFloats(cast<mlir::FloatType>(a), cast<mlir::FloatType>(b)) : a;
  case 1: return isBoolDtype(b) ? a : promoteIntegers(cast<IntegerType>(a), cast<IntegerType>(b));
  default: return a;
  }
}

/// The dtype of a Python number; null for one not known.
static Type getNumberDtype(Value number) {
  Type type = number.getType();
  MLIRContext *context = type.getContext();
  if (number.getDefiningOp<ConstantComplexOp>())
    return ComplexType::get(Float32Type::get(context));
  if (isa<IntType>(type))
    return IntegerType::get(context, 64, IntegerType::Signed);
  if (isa<torchc::torch::FloatType>(type))
    return Float32Type::get(context);
  if (isa<torchc::torch::BoolType>(type))
    return IntegerType::get(context, 1);
  return {};
}

/// `lower` has an effect only where it is of a higher kind. Either may be null.
static Type combine(Type higher, Type lower) {
  if (!higher || !lower)
    return higher ? higher : lower;
  if (getKind(lower) <= getKind(higher))
    return higher;
  return promoteDtypes(higher, lower);
}

Type torchc::torch::getResultDtype(ValueRange operands) {
  Type dimensioned, scalars, numbers;
  auto add = [](Type &sum, Type dtype) {
    sum = sum ? promoteDtypes(sum, dtype) : dtype;
    return static_cast<bool>(sum);
  };
  for (Value operand : operands) {
    if (isNone(operand))
      continue;
    auto tensor = dyn_cast<BaseTensorType>(operand.getType());
    if (!tensor) {
      Type dtype = getNumberDtype(operand);
      if (!dtype || !add(numbers, dtype))
        return {};
      continue;
    }
    if (!tensor.hasRank() || !tensor.hasDtype())
      return {};
    Operation *op = operand.getDefiningOp();
    Type dtype = tensor.getDtype();
    if (op && op->hasAttr(kWrappedNumberAttr)) {
      if (isFloatDtype(dtype))
        dtype = Float32Type::get(dtype.getContext());
      else if (isComplexDtype(dtype))
        dtype = ComplexType::get(Float32Type::get(dtype.getContext()));
      if (!add(numbers, dtype))
        return {};
    } else if (!add(tensor.getRank() == 0 ? scalars : dimensioned, dtype)) {
      return {};
    }
  }
  return combine(combine(dimensioned, scalars), numbers);
}
