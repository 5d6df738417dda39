//===- ProgramTypes.cpp - types of captured values as MLIR types ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramTypes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace torchc;

Type torchc::convertElementType(ScalarType type, MLIRContext *context) {
  Builder builder(context);
  switch (type) {
  case ScalarType::Byte: return builder.getIntegerType(8, /*isSigned=*/false);
  case ScalarType::Char: return builder.getIntegerType(8, true);
  case ScalarType::Short: return builder.getIntegerType(16, true);
  case ScalarType::Int: return builder.getIntegerType(32, true);
  case ScalarType::Long: return builder.getIntegerType(64, true);
  case ScalarType::UInt16: return builder.getIntegerType(16, false);
  case ScalarType::UInt32: return builder.getIntegerType(32, false);
  case ScalarType::UInt64: return builder.getIntegerType(64, false);
  case ScalarType::Bool: return builder.getI1Type();
  case ScalarType::Half: return builder.getF16Type();
  case ScalarType::BFloat16: return builder.getBF16Type();
  case ScalarType::Float: return builder.getF32Type();
  case ScalarType::Double: return builder.getF64Type();
  case ScalarType::ComplexHalf: return ComplexType::get(builder.getF16Type());
  case ScalarType::ComplexFloat: return ComplexType::get(builder.getF32Type());
  case ScalarType::ComplexDouble: return ComplexType::get(builder.getF64Type());
  case ScalarType::Float8_e5m2: return Float8E5M2Type::get(context);
  case ScalarType::Float8_e4m3fn: return Float8E4M3FNType::get(context);
  case ScalarType::QInt8:
  case ScalarType::QUInt8:
  case ScalarType::QInt32: return {};
  }
  return {};
}

StringRef torchc::getElementTypeName(ScalarType type) {
  switch (type) {
  case ScalarType::Byte: return "u8";
  case ScalarType::Char: return "i8";
  case ScalarType::Short: return "i16";
  case ScalarType::Int: return "i32";
  case ScalarType::Long: return "i64";
  case ScalarType::UInt16: return "u16";
  case ScalarType::UInt32: return "u32";
  case ScalarType::UInt64: return "u64";
  case ScalarType::Bool: return "i1";
  case ScalarType::Half: return "f16";
  case ScalarType::BFloat16: return "bf16";
  case ScalarType::Float: return "f32";
  case ScalarType::Double: return "f64";
  case ScalarType::ComplexHalf: return "complex<f16>";
  case ScalarType::ComplexFloat: return "complex<f32>";
  case ScalarType::ComplexDouble: return "complex<f64>";
  case ScalarType::Float8_e5m2: return "f8E5M2";
  case ScalarType::Float8_e4m3fn: return "f8E4M3FN";
  case ScalarType::QInt8: return "qint8";
  case ScalarType::QUInt8: return "quint8";
  case ScalarType::QInt32: return "qint32";
  }
  return "unknown";
}

Type torchc::convertTensorType(const TensorMeta &meta, bool isMutable, MLIRContext *context) {
  Type dtype = convertElementType(meta.dtype, context);
  if (!dtype)
    return {};
  SmallVector<int64_t> sizes;
  for (const SymInt &size : meta.sizes)
    sizes.push_back(size.isConstant() ? size.value : ShapedType::kDynamic);
  if (isMutable)
    return torch::NonValueTensorType::get(context, sizes, dtype);
  return torch::ValueTensorType::get(context, sizes, dtype);
}

Type torchc::convertType(const ValueType &type, bool isMutable, MLIRContext *context) {
  switch (type.kind) {
  case ValueType::Kind::Tensor: return convertTensorType(type.tensor, isMutable, context);
  case ValueType::Kind::Int: return torch::IntType::get(context);
  case ValueType::Kind::Float: return torch::FloatType::get(context);
  case ValueType::Kind::Bool: return torch::BoolType::get(context);
  case ValueType::Kind::None: return torch::NoneType::get(context);
  case ValueType::Kind::TensorList:
    if (isMutable)
      return torch::ListType::get(torch::NonValueTensorType::get(context, false, {}, Type()));
    return torch::ListType::get(torch::ValueTensorType::get(context, false, {}, Type()));
  }
  return {};
}

namespace {
/// A product of a number and expressions, these in alphabetical order.
struct Product {
  int64_t number = 1;
  std::vector<std::string> factors;

  bool operator==(const Product &) const = default;
  void multiply(const SymInt &size);
};
} // namespace

void Product::multiply(const SymInt &size) {
  if (size.isConstant()) {
    number *= size.value;
    return;
  }
  // The factors of "2*s0*(s1 + 1)"; a sum is one without parentheses.
  int depth = 0;
  bool isSum = false;
  SmallVector<std::string> own(1);
  for (char c : size.expression) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    isSum |= depth == 0 && c == '+';
    if (depth == 0 && c == '*')
      own.emplace_back();
    else
      own.back() += c;
  }
  if (isSum)
    own = {"(" + size.expression + ")"};
  for (std::string &factor : own) {
    int64_t constant;
    if (!StringRef(factor).getAsInteger(10, constant))
      number *= constant;
    else
      factors.push_back(factor);
  }
  llvm::sort(factors);
}

bool torchc::isContiguous(const TensorMeta &meta) {
  Product expected;
  for (auto [size, stride] : llvm::reverse(llvm::zip_equal(meta.sizes, meta.strides))) {
    Product own;
    own.multiply(stride);
    if (own != expected && !(size.isConstant() && size.value == 1))
      return false;
    expected.multiply(size);
  }
  return meta.storageOffset.isConstant();
}
