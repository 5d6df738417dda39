//===- Formula.cpp - arithmetic written as formulas ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace torchc;

// ln 2 in two parts.
static constexpr double kLn2High = 0.693147180369123816490;
static constexpr double kLn2Low = 1.90821492927058770002e-10;

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

Value Formula::clampExponent(Value x, double low, double high) {
  if (!scalesDirectly())
    return clamp(x, low, high);
  // NaN stays: the instructions for these give their second operand then.
  Value least = constant(low, x.getType()), most = constant(high, x.getType());
  x = select(less(x, least), least, x);
  return select(less(most, x), most, x);
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

// AVX-512 has one.
bool Formula::scalesDirectly() const {
  LLVM::LLVMFuncOp function = getFunction();
  return isa<VectorType>(like) && function && function.getPreferVectorWidth() == "512";
}

Value Formula::inRegisters(ArrayRef<Value> operands, int64_t lanes, function_ref<Value(ArrayRef<Value>)> build) {
  auto type = dyn_cast<VectorType>(operands.front().getType());
  const int64_t width = type ? type.getNumElements() : 1;
  auto take = [&](Value from, Value other, int64_t first, int64_t count) -> Value {
    return vector::ShuffleOp::create(b, from, other, llvm::to_vector(llvm::seq(first, first + count)));
  };
  SmallVector<Value> parts[2];
  if (width > lanes) {
    for (Value operand : operands)
      for (int64_t half : {0, 1})
        parts[half].push_back(take(operand, operand, half * width / 2, width / 2));
    Value low = inRegisters(parts[0], lanes, build);
    return take(low, inRegisters(parts[1], lanes, build), 0, width);
  }
  for (Value operand : operands) {
    if (!type) {
      operand = vector::BroadcastOp::create(b, VectorType::get(lanes, operand.getType()), operand);
    } else if (width < lanes) {
      SmallVector<int64_t> repeated;
      for (int64_t lane = 0; lane != lanes; ++lane)
        repeated.push_back(lane % width);
      operand = vector::ShuffleOp::create(b, operand, operand, repeated);
    }
    parts[0].push_back(operand);
  }
  Value result = build(parts[0]);
  if (!type)
    return vector::ExtractOp::create(b, result, 0);
  return width < lanes ? take(result, result, 0, width) : result;
}

Value Formula::scale(Value x, Value n) {
  if (scalesDirectly()) {
    const bool single = isSingle(x);
    return inRegisters({x, n}, single ? 16 : 8, [&](ArrayRef<Value> parts) -> Value {
      Value all = arith::ConstantIntOp::create(b, -1, single ? 16 : 8);
      Value currentRounding = arith::ConstantIntOp::create(b, 4, 32);
      StringRef name = single ? "llvm.x86.avx512.mask.scalef.ps.512" : "llvm.x86.avx512.mask.scalef.pd.512";
      return LLVM::CallIntrinsicOp::create(b, parts[0].getType(), b.getStringAttr(name),
                                           ValueRange{parts[0], parts[1], parts[0], all, currentRounding})
          .getResult(0);
    });
  }
  Value whole = toInt(n);
  Value half = arith::ShRSIOp::create(b, whole, constantInt(1, b.getI32Type()));
  Value otherHalf = arith::SubIOp::create(b, whole, half);
  return mul(mul(x, powerOfTwo(half, n.getType())), powerOfTwo(otherHalf, n.getType()));
}

Value Formula::scaleUnlessNaN(Value value, Value n, Value x) {
  if (scalesDirectly())
    return scale(value, n);
  // Before the result is scaled, which takes registers.
  Value unordered = isNaN(x);
  return select(unordered, x, scale(value, n));
}

Value Formula::scaleNormal(Value x, Value n) { return mul(x, powerOfTwo(toInt(n), n.getType())); }

Formula::Pair Formula::add(Pair x, Pair y) {
  Value sum = add(x.high, y.high);
  return {sum, add(add(sub(x.high, sum), y.high), add(x.low, y.low))};
}

Formula::Pair Formula::mul(Pair x, Pair y) {
  Value product = mul(x.high, y.high);
  return {product, add(fma(x.high, y.high, neg(product)), add(mul(x.high, y.low), mul(x.low, y.high)))};
}

// exp(x) = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2: Taylor's series to r^13.
Value Formula::exp64(Pair x) {
  Type type = x.high.getType();
  Value inRange = clampExponent(x.high, -746, 710);
  Value n = round(mul(inRange, constant(1.4426950408889634, type)));
  // The first product is exact: n has 11 bits, the constant 33.
  Value r = mulAdd(n, constant(-kLn2High, type), inRange);
  r = mulAdd(n, constant(-kLn2Low, type), r);
  if (x.low)
    r = add(r, x.low);
  SmallVector<double> series{1};
  for (int i = 1; i <= 13; ++i)
    series.push_back(series.back() / i);
  return scaleUnlessNaN(polynomial(r, series), n, x.high);
}

std::pair<Value, Value> Formula::splitExponent(Value x) {
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
  return {select(tiny, sub(e, constant(54, type)), e), m};
}

Value Formula::selectSpecialLogs(Value x, Value value) {
  Type type = x.getType();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  value = select(compare(arith::CmpFPredicate::OEQ, x, constant(infinity, type)), x, value);
  value = select(compare(arith::CmpFPredicate::OEQ, x, constant(0, type)), constant(-infinity, type), value);
  Value negative = compare(arith::CmpFPredicate::ULT, x, constant(0, type));
  return select(negative, constant(std::numeric_limits<double>::quiet_NaN(), type), value);
}

// log(2^e m) = e ln 2 + 2 atanh(s), s = (m - 1) / (m + 1), sqrt(1/2) <= m < sqrt(2).
Value Formula::log64(Value x) {
  Type type = x.getType();
  auto [e, m] = splitExponent(x);
  Value f = sub(m, constant(1, type));
  Value s = div(f, add(m, constant(1, type)));
  Value z = mul(s, s);
  SmallVector<double> series;
  for (int i = 1; i <= 11; ++i)
    series.push_back(2.0 / (2 * i + 1));
  Value rest = mul(mul(s, z), polynomial(z, series));
  Value value =
      mulAdd(e, constant(kLn2High, type), add(mulAdd(e, constant(kLn2Low, type), rest), mul(s, constant(2, type))));
  return selectSpecialLogs(x, value);
}

// The same: 2 atanh(s) = s (2 + z (2/3 + z (2/5 + ...))), the first two terms of which are pairs.
Formula::Pair Formula::logPair(Value x) {
  Type type = x.getType();
  auto [e, m] = splitExponent(x);
  Value zero = constant(0, type), one = constant(1, type);
  // m + 1 may be rounded: by m - (sum - 1), which is exact.
  Value f = sub(m, one), sum = add(m, one);
  Value quotient = div(f, sum);
  Value rest = sub(fma(neg(quotient), sum, f), mul(quotient, sub(m, sub(sum, one))));
  Pair s{quotient, div(rest, sum)};
  Pair z = mul(s, s);
  SmallVector<double> series;
  for (int i = 2; i <= 12; ++i)
    series.push_back(2.0 / (2 * i + 1));
  Pair factor{constant(2.0 / 3, type), constant(3.700743415417188e-17, type)};
  factor = add(factor, {mul(z.high, polynomial(z.high, series)), zero});
  factor = add({constant(2, type), zero}, mul(z, factor));
  Pair log = add({mul(e, constant(kLn2High, type)), mul(e, constant(kLn2Low, type))}, mul(s, factor));
  Value high = add(log.high, log.low);
  return {high, add(sub(log.high, high), log.low)};
}

// A relative error of the exponent would be one of as many units in the last place as the exponent is large.
Value Formula::pow64(Value x, Value y) {
  Type type = x.getType();
  Pair log = logPair(x);
  Value high = selectSpecialLogs(x, log.high), exponent = mul(y, high);
  Value low = add(fma(y, high, neg(exponent)), mul(y, log.low));
  // Of what is infinite, or all but that, there is no rest.
  Value inRange = less(abs(exponent), constant(1000, type));
  return exp64({exponent, select(inRange, low, constant(0, type))});
}
