//===- ElementTypes.cpp - element types: conversion, promotion, precision of computation ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace torchc;

Type torchc::getValueType(Type dtype) {
  auto integer = dyn_cast<IntegerType>(dtype);
  return integer ? IntegerType::get(dtype.getContext(), integer.getWidth()) : dtype;
}

Type torchc::getComputeDtype(Type dtype) {
  return dtype.isF16() || dtype.isBF16() ? Float32Type::get(dtype.getContext()) : dtype;
}

static Value createZero(ImplicitLocOpBuilder &b, Type type) {
  return arith::ConstantOp::create(b, b.getZeroAttr(type));
}

static Value convertFloat(ImplicitLocOpBuilder &b, Value value, Type from, Type to) {
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (fromWidth == toWidth)
    value = b.createOrFold<arith::ExtFOp>(b.getF32Type(), value);
  if (fromWidth < toWidth)
    return b.createOrFold<arith::ExtFOp>(to, value);
  // PyTorch goes to the half types by way of float.
  if (fromWidth == 64 && toWidth == 16)
    value = b.createOrFold<arith::TruncFOp>(b.getF32Type(), value);
  return b.createOrFold<arith::TruncFOp>(to, value);
}

static Value convertToFloat(ImplicitLocOpBuilder &b, Value value, Type from, Type to) {
  Type wide = getComputeDtype(to);
  value =
      isUnsigned(from) ? b.createOrFold<arith::UIToFPOp>(wide, value) : b.createOrFold<arith::SIToFPOp>(wide, value);
  return wide == to ? value : b.createOrFold<arith::TruncFOp>(to, value);
}

static Value convertToInteger(ImplicitLocOpBuilder &b, Value value, Type to) {
  // PyTorch converts to narrow integers by way of wider ones, so that values
  // out of range wrap around.
  unsigned width = to.getIntOrFloatBitWidth();
  unsigned wide = isUnsigned(to) ? 64 : std::max(width, 32u);
  if (width == 64 && isUnsigned(to))
    return b.createOrFold<arith::FPToUIOp>(b.getI64Type(), value);
  value = b.createOrFold<arith::FPToSIOp>(b.getIntegerType(wide), value);
  return wide == width ? value : b.createOrFold<arith::TruncIOp>(b.getIntegerType(width), value);
}

Value torchc::convertElement(ImplicitLocOpBuilder &b, Value value, Type from, Type to) {
  if (from == to)
    return value;
  if (isFloat(to))
    return isFloat(from) ? convertFloat(b, value, from, to) : convertToFloat(b, value, from, to);
  if (isBool(to)) {
    Value zero = createZero(b, value.getType());
    return isFloat(from) ? b.createOrFold<arith::CmpFOp>(arith::CmpFPredicate::UNE, value, zero)
                         : b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, value, zero);
  }
  if (isFloat(from))
    return convertToInteger(b, value, to);
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (fromWidth == toWidth)
    return value;
  Type type = getValueType(to);
  if (fromWidth > toWidth)
    return b.createOrFold<arith::TruncIOp>(type, value);
  return isUnsigned(from) ? b.createOrFold<arith::ExtUIOp>(type, value) : b.createOrFold<arith::ExtSIOp>(type, value);
}

//===----------------------------------------------------------------------===//
// Promotion
//===----------------------------------------------------------------------===//

/// The smallest dtype that both convert to.
static Type promotePair(Type lhs, Type rhs) {
  if (!lhs || !rhs || lhs == rhs)
    return lhs ? lhs : rhs;
  if (isBool(lhs) || isBool(rhs))
    return isBool(lhs) ? rhs : lhs;
  if (isFloat(lhs) || isFloat(rhs)) {
    if (!isFloat(lhs) || !isFloat(rhs))
      return isFloat(lhs) ? lhs : rhs;
    if (lhs.getIntOrFloatBitWidth() == rhs.getIntOrFloatBitWidth())
      return Float32Type::get(lhs.getContext());
    return lhs.getIntOrFloatBitWidth() > rhs.getIntOrFloatBitWidth() ? lhs : rhs;
  }
  unsigned leftWidth = lhs.getIntOrFloatBitWidth(), rightWidth = rhs.getIntOrFloatBitWidth();
  if (isUnsigned(lhs) == isUnsigned(rhs))
    return leftWidth > rightWidth ? lhs : rhs;
  unsigned unsignedWidth = isUnsigned(lhs) ? leftWidth : rightWidth;
  unsigned signedWidth = isUnsigned(lhs) ? rightWidth : leftWidth;
  return IntegerType::get(lhs.getContext(), std::min(std::max(signedWidth, 2 * unsignedWidth), 64u),
                          IntegerType::Signed);
}

Type torchc::promoteTypes(ArrayRef<PromotedOperand> operands) {
  Type byKind[3];
  for (const PromotedOperand &operand : operands) {
    Type dtype = operand.dtype;
    if (!dtype || isa<ComplexType>(dtype))
      return {};
    // A number of Python has no width of its own.
    if (operand.kind == OperandKind::WrappedNumber && isFloat(dtype))
      dtype = Float32Type::get(dtype.getContext());
    Type &slot = byKind[static_cast<int>(operand.kind)];
    slot = promotePair(slot, dtype);
  }
  // A kind that counts less only changes the category: bool, integer, float.
  Type result = byKind[0];
  for (Type lower : {byKind[1], byKind[2]}) {
    if (!lower || (result && isFloat(result)))
      continue;
    if (!result || isBool(result) || isFloat(lower))
      result = promotePair(result, lower);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

TypedAttr torchc::getLowest(OpBuilder &b, Type dtype) {
  if (auto type = dyn_cast<FloatType>(dtype))
    return b.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true));
  unsigned width = dtype.getIntOrFloatBitWidth();
  return b.getIntegerAttr(getValueType(dtype),
                          isUnsigned(dtype) ? APInt::getMinValue(width) : APInt::getSignedMinValue(width));
}

TypedAttr torchc::getHighest(OpBuilder &b, Type dtype) {
  if (auto type = dyn_cast<FloatType>(dtype))
    return b.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics()));
  unsigned width = dtype.getIntOrFloatBitWidth();
  return b.getIntegerAttr(getValueType(dtype),
                          isUnsigned(dtype) ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width));
}

TypedAttr torchc::getNumber(OpBuilder &b, Type dtype, double number) {
  if (isFloat(dtype))
    return b.getFloatAttr(dtype, number);
  if (isBool(dtype))
    return b.getBoolAttr(number != 0);
  return b.getIntegerAttr(getValueType(dtype),
                          APInt(64, static_cast<int64_t>(number), true).trunc(dtype.getIntOrFloatBitWidth()));
}
