//===- Piecewise.cpp - functions whose polynomials are looked up ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One polynomial for the whole range of a function is long, and two of which a lane takes one are computed both. Where
// an instruction permutes the floats of a register, it looks up coefficients for each lane by itself: one
// for each multiply-add, of a polynomial that is as short as its piece of the range.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace torchc;

/// Of a table: the lanes of AVX2.
static constexpr int64_t kPieces = 8;

/// The polynomial of `degree` in x - center that meets `function` at Chebyshev's nodes of [low, high]: c0, c1, ...
static SmallVector<double> interpolate(function_ref<double(double)> function, double low, double high, double center,
                                       unsigned degree) {
  const unsigned count = degree + 1;
  SmallVector<double> nodes, differences;
  for (unsigned i = 0; i != count; ++i) {
    double x = (low + high) / 2 + (high - low) / 2 * std::cos((2 * i + 1) * std::numbers::pi / (2 * count));
    nodes.push_back(x - center);
    differences.push_back(function(x));
  }
  // Newton's form, by divided differences, then multiplied out.
  for (unsigned order = 1; order != count; ++order)
    for (unsigned i = degree; i >= order; --i)
      differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order]);
  SmallVector<double> coefficients(count, 0);
  for (unsigned i = count; i-- != 0;) {
    for (unsigned power = degree; power != 0; --power)
      coefficients[power] = coefficients[power - 1] - nodes[i] * coefficients[power];
    coefficients[0] = differences[i] - nodes[i] * coefficients[0];
  }
  return coefficients;
}

bool Formula::looksUp() const {
  LLVM::LLVMFuncOp function = getFunction();
  return function && function->hasAttr(kPermutesFloatsAttrName);
}

Value Formula::lookUp(ArrayRef<float> table, Value index) {
  const int64_t lanes = getFunction().getPreferVectorWidth() == "512" ? 16 : 8;
  auto type = VectorType::get(lanes, b.getF32Type());
  SmallVector<float> repeated;
  for (int64_t lane = 0; lane != lanes; ++lane)
    repeated.push_back(table[lane % kPieces]);
  Value entries = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef(repeated)));
  StringRef name = lanes == 16 ? "llvm.x86.avx512.permvar.sf.512" : "llvm.x86.avx2.permps";
  return inRegisters(index, lanes, [&](ArrayRef<Value> parts) -> Value {
    return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), ValueRange{entries, parts[0]}).getResult(0);
  });
}

// With k = round(|x| / width) and d = |x| - k width: f(x) = c0 + d (c1 + d (c2 + ...)), but in the first piece
// d + d (c1 + d (c2 + ...)), whose relative error is small for small numbers as well.
Value Formula::oddByPieces(Value x, double (*function)(double), double width, unsigned degree, double limit) {
  SmallVector<SmallVector<double>> pieces;
  SmallVector<double> first = interpolate([&](double s) { return function(s) / s - 1; }, 0, width / 2, 0, degree - 1);
  first.insert(first.begin(), 0);
  pieces.push_back(first);
  for (int64_t piece = 1; piece != kPieces; ++piece)
    pieces.push_back(interpolate(function, (piece - 0.5) * width, (piece + 0.5) * width, piece * width, degree));

  Type type = x.getType();
  Value size = abs(x), most = constant(limit, type);
  size = select(less(most, size), most, size);
  // 2^23 more, and the lowest bits are the integer.
  Value shift = constant(0x1.8p23, type);
  Value shifted = mulAdd(size, constant(1 / width, type), shift);
  Value index = arith::BitcastOp::create(b, shaped(b.getI32Type()), shifted);
  Value k = sub(shifted, shift);
  Value d = mulAdd(k, constant(-width, type), size);
  auto lookUpCoefficient = [&](unsigned power) {
    SmallVector<float> table;
    for (ArrayRef<double> coefficients : pieces)
      table.push_back(coefficients[power]);
    return lookUp(table, index);
  };
  Value sum = lookUpCoefficient(degree);
  for (unsigned power = degree - 1; power != 0; --power)
    sum = mulAdd(sum, d, lookUpCoefficient(power));
  Value start = select(less(k, constant(0.5, type)), d, lookUpCoefficient(0));
  return copySign(mulAdd(sum, d, start), x);
}
