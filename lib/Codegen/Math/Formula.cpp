//===- Formula.cpp - arithmetic written as formulas ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace torchc;

bool torchc::isSingle(Value value) { return getElementTypeOrSelf(value.getType()).isF32(); }
bool torchc::isDouble(Value value) { return getElementTypeOrSelf(value.getType()).isF64(); }

Type Formula::shaped(Type element) {
  auto vector = dyn_cast<VectorType>(like);
  return vector ? Type(vector.clone(element)) : element;
}

Value Formula::constant(double value, Type element) {
  TypedAttr attribute = b.getFloatAttr(getElementTypeOrSelf(element), value);
  if (auto vector = dyn_cast<VectorType>(shaped(getElementTypeOrSelf(element))))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, attribute);
}

Value Formula::constantInt(int64_t value, Type element) {
  TypedAttr attribute = b.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(shaped(element)))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, attribute);
}

Value Formula::clamp(Value x, double low, double high) {
  x = arith::MaxNumFOp::create(b, x, constant(low, x.getType()));
  return arith::MinNumFOp::create(b, x, constant(high, x.getType()));
}

Value Formula::mulAdd(Value x, Value y, Value z) {
  constexpr auto contract = arith::FastMathFlags::contract;
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y, contract), z, contract);
}

Value Formula::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back(), x.getType());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = mulAdd(sum, x, constant(coefficient, x.getType()));
  return sum;
}

Value Formula::min(Value x, double high) { return arith::MinNumFOp::create(b, x, constant(high, x.getType())); }

// Doubles are converted by way of i32, for which there are vector instructions.
Value Formula::toInt(Value x) { return arith::FPToSIOp::create(b, shaped(b.getI32Type()), x); }

Value Formula::powerOfTwo(Value exponent, Type type) {
  bool single = getElementTypeOrSelf(type).isF32();
  Type i32 = b.getI32Type(), bits = single ? i32 : b.getI64Type();
  exponent = arith::AddIOp::create(b, exponent, constantInt(single ? 127 : 1023, i32));
  if (!single)
    exponent = arith::ExtSIOp::create(b, shaped(bits), exponent);
  exponent = arith::ShLIOp::create(b, exponent, constantInt(single ? 23 : 52, bits));
  return arith::BitcastOp::create(b, type, exponent);
}

LLVM::LLVMFuncOp Formula::getFunction() const {
  Operation *parent = b.getInsertionBlock()->getParentOp();
  auto function = dyn_cast<LLVM::LLVMFuncOp>(parent);
  return function ? function : parent->getParentOfType<LLVM::LLVMFuncOp>();
}

Value Formula::scale(Value x, Value n) {
  Value whole = toInt(n);
  // AVX-512 has an instruction that scales by a power of two, whatever its size.
  LLVM::LLVMFuncOp function = getFunction();
  if (isa<VectorType>(x.getType()) && function && function.getPreferVectorWidth() == "512")
    return LLVM::CallIntrinsicOp::create(b, x.getType(), b.getStringAttr("llvm.ldexp"), ValueRange{x, whole})
        .getResult(0);
  Value half = arith::ShRSIOp::create(b, whole, constantInt(1, b.getI32Type()));
  Value otherHalf = arith::SubIOp::create(b, whole, half);
  return mul(mul(x, powerOfTwo(half, n.getType())), powerOfTwo(otherHalf, n.getType()));
}

Value Formula::scaleNormal(Value x, Value n) { return mul(x, powerOfTwo(toInt(n), n.getType())); }

// exp(x) = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2: Taylor's series to r^13.
Value Formula::exp64(Value x) {
  Type type = x.getType();
  Value inRange = clamp(x, -746, 710);
  Value n = round(mul(inRange, constant(1.4426950408889634, type)));
  // The first product is exact: n has 11 bits, the constant 33.
  Value r = mulAdd(n, constant(-0.693147180369123816490, type), inRange);
  r = mulAdd(n, constant(-1.90821492927058770002e-10, type), r);
  SmallVector<double> series{1};
  for (int i = 1; i <= 13; ++i)
    series.push_back(series.back() / i);
  return select(isNaN(x), x, scale(polynomial(r, series), n));
}

// log(2^e m) = e ln 2 + 2 atanh(s), s = (m - 1) / (m + 1), sqrt(1/2) <= m < sqrt(2).
Value Formula::log64(Value x) {
  Type type = x.getType();
  Type i64 = b.getI64Type();
  Value tiny = less(x, constant(2.2250738585072014e-308, type));
  Value scaled = select(tiny, mul(x, constant(0x1p54, type)), x);
  Value bits = arith::BitcastOp::create(b, shaped(i64), scaled);
  // Bits of sqrt(1/2) taken off: the exponent of the rest is that of m's power of two.
  Value shifted = arith::SubIOp::create(b, bits, constantInt(0x3FE6A09E667F3BCD, i64));
  Value exponent = arith::ShRSIOp::create(b, shifted, constantInt(52, i64));
  Value mantissa = arith::SubIOp::create(b, bits, arith::ShLIOp::create(b, exponent, constantInt(52, i64)));
  Value m = arith::BitcastOp::create(b, type, mantissa);
  Value small = arith::TruncIOp::create(b, shaped(b.getI32Type()), exponent);
  Value e = arith::SIToFPOp::create(b, type, small);
  e = select(tiny, sub(e, constant(54, type)), e);
  Value f = sub(m, constant(1, type));
  Value s = div(f, add(m, constant(1, type)));
  Value z = mul(s, s);
  SmallVector<double> series;
  for (int i = 1; i <= 11; ++i)
    series.push_back(2.0 / (2 * i + 1));
  Value rest = mul(mul(s, z), polynomial(z, series));
  Value value = mulAdd(e, constant(0.693147180369123816490, type),
                       add(mulAdd(e, constant(1.90821492927058770002e-10, type), rest), mul(s, constant(2, type))));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  value = select(compare(arith::CmpFPredicate::OEQ, x, constant(infinity, type)), x, value);
  value = select(compare(arith::CmpFPredicate::OEQ, x, constant(0, type)), constant(-infinity, type), value);
  Value negative = compare(arith::CmpFPredicate::ULT, x, constant(0, type));
  return select(negative, constant(std::numeric_limits<double>::quiet_NaN(), type), value);
}
