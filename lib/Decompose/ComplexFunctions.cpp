//===- ComplexFunctions.cpp - functions of complex numbers in terms of their parts ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inverse functions as in W. Kahan, Branch Cuts for Complex Elementary Functions (1987), which lose no digits
// near the cuts.
//
//===----------------------------------------------------------------------===//

#include "Complex.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {
using Function = Complex (*)(Complex x, AtenBuilder &b);
} // namespace

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static Value square(Value x, AtenBuilder &b) { return b.mulTensors(x, x); }
static Value negate(Value x, AtenBuilder &b) { return b.create<AtenNegOp>(x); }

/// A null imaginary part as zeros.
static Complex complete(Complex x, AtenBuilder &b) {
  return x.im ? x : Complex{x.re, b.full(b.sizes(x.re), b.integer(0), getTensorType(x.re).getDtype())};
}

/// 1, to be combined with `x`.
static Complex one(Complex x, AtenBuilder &b) {
  return complete({b.literal(getTensorType(x.re).getDtype(), 1), {}}, b);
}
static Complex add(Complex x, Complex y, AtenBuilder &b) {
  return {b.addTensors(x.re, y.re), b.addTensors(x.im, y.im)};
}
static Complex subtract(Complex x, Complex y, AtenBuilder &b) {
  return {b.subTensors(x.re, y.re), b.subTensors(x.im, y.im)};
}
static Complex scale(Complex x, double number, AtenBuilder &b) {
  return {b.mulNumber(x.re, number), b.mulNumber(x.im, number)};
}
static Complex choose(Value condition, Complex x, Complex y, AtenBuilder &b) {
  return {b.where(condition, x.re, y.re), b.where(condition, x.im, y.im)};
}
static Value isZero(Complex x, AtenBuilder &b) {
  Value zero = b.integer(0);
  return b.create<AtenLogicalAndOp>(b.create<AtenEqScalarOp>(x.re, zero), b.create<AtenEqScalarOp>(x.im, zero));
}

Value torchc::buildMagnitude(Complex x, AtenBuilder &b) {
  return x.im ? b.createAs<AtenHypotOp>(x.re.getType(), x.re, x.im) : b.create<AtenAbsOp>(x.re);
}

/// x / y; both divided by the larger part of y first, so that its square neither over- nor underflows.
static Complex divide(Complex x, Complex y, AtenBuilder &b) {
  Value size = b.create<AtenMaximumOp>(b.create<AtenAbsOp>(y.re), b.create<AtenAbsOp>(y.im));
  auto shrink = [&](Complex z) { return Complex{b.divTensors(z.re, size), b.divTensors(z.im, size)}; };
  x = shrink(x);
  y = shrink(y);
  Value divisor = b.addTensors(square(y.re, b), square(y.im, b));
  Complex numerator = multiply(x, conjugate(y, b), b);
  return {b.divTensors(numerator.re, divisor), b.divTensors(numerator.im, divisor)};
}
static Complex buildReciprocal(Complex x, AtenBuilder &b) { return divide(one(x, b), x, b); }

/// x / |x|, and 0 of 0
static Complex buildSgn(Complex x, AtenBuilder &b) {
  Value size = buildMagnitude(x, b), isZero = b.create<AtenEqScalarOp>(size, b.integer(0));
  Value safe = b.where(isZero, b.literal(getTensorType(size).getDtype(), 1), size);
  return {b.divTensors(x.re, safe), b.divTensors(x.im, safe)};
}

//===----------------------------------------------------------------------===//
// Roots, exponentials and logarithms
//===----------------------------------------------------------------------===//

/// t = sqrt((|x| + |re x|) / 2) is the larger part of the root.
static Complex buildSqrt(Complex x, AtenBuilder &b) {
  Value t = b.create<AtenSqrtOp>(b.mulNumber(b.addTensors(buildMagnitude(x, b), b.create<AtenAbsOp>(x.re)), 0.5));
  Value isZero = b.create<AtenEqScalarOp>(t, b.integer(0)), isRight = b.create<AtenGeScalarOp>(x.re, b.integer(0));
  Value other = b.divTensors(x.im, b.mulNumber(t, 2));
  Value re = b.where(isRight, t, b.create<AtenAbsOp>(other));
  Value im = b.where(isRight, other, b.create<AtenCopysignTensorOp>(t, x.im));
  return {b.where(isZero, t, re), b.where(isZero, x.im, im)};
}
Complex torchc::buildRsqrt(Complex x, AtenBuilder &b) { return buildReciprocal(buildSqrt(x, b), b); }

/// exp(x) (cos y + i sin y)
static Complex buildExp(Complex x, AtenBuilder &b) {
  Value size = b.create<AtenExpOp>(x.re);
  return {b.mulTensors(size, b.create<AtenCosOp>(x.im)), b.mulTensors(size, b.create<AtenSinOp>(x.im))};
}
static Complex buildExp2(Complex x, AtenBuilder &b) { return buildExp(scale(x, std::numbers::ln2, b), b); }
/// The real part is (exp(x) - 1) cos y - 2 sin^2(y / 2).
static Complex buildExpm1(Complex x, AtenBuilder &b) {
  Value half = square(b.create<AtenSinOp>(b.mulNumber(x.im, 0.5)), b);
  Value re = b.mulTensors(b.create<AtenExpm1Op>(x.re), b.create<AtenCosOp>(x.im));
  return {b.subTensors(re, b.mulNumber(half, 2)), buildExp(x, b).im};
}

/// log|x| + i angle(x); near the unit circle the logarithm is log1p((a - 1)(a + 1) + b^2) / 2 of the larger part a.
static Complex buildLog(Complex x, AtenBuilder &b) {
  Value size = buildMagnitude(x, b), re = b.create<AtenAbsOp>(x.re), im = b.create<AtenAbsOp>(x.im);
  Value larger = b.create<AtenMaximumOp>(re, im), smaller = b.create<AtenMinimumOp>(re, im);
  Value excess = b.addTensors(b.mulTensors(b.addNumber(larger, -1), b.addNumber(larger, 1)), square(smaller, b));
  Value isNear = b.create<AtenLogicalAndOp>(b.create<AtenGtScalarOp>(size, b.floating(0.5)),
                                            b.create<AtenLtScalarOp>(size, b.floating(2)));
  Value near = b.mulNumber(b.create<AtenLog1pOp>(excess), 0.5);
  return {b.where(isNear, near, b.create<AtenLogOp>(size)), b.create<AtenAtan2Op>(x.im, x.re)};
}
static Complex buildLog2(Complex x, AtenBuilder &b) { return scale(buildLog(x, b), std::numbers::log2e, b); }
static Complex buildLog10(Complex x, AtenBuilder &b) { return scale(buildLog(x, b), std::numbers::log10e, b); }
/// Near 0 the real part is log1p(x (x + 2) + y^2) / 2.
static Complex buildLog1p(Complex x, AtenBuilder &b) {
  Complex far = buildLog({b.addNumber(x.re, 1), x.im}, b);
  Value excess = b.addTensors(b.mulTensors(x.re, b.addNumber(x.re, 2)), square(x.im, b));
  Value isNear = b.create<AtenLtScalarOp>(buildMagnitude(x, b), b.floating(0.5));
  return {b.where(isNear, b.mulNumber(b.create<AtenLog1pOp>(excess), 0.5), far.re), far.im};
}

/// max + log(1 + exp(min - max)), of which max has the larger real part
static Complex buildLogaddexp(Complex x, Complex y, AtenBuilder &b) {
  Value isLarger = b.create<AtenGeTensorOp>(x.re, y.re);
  Complex max = choose(isLarger, x, y, b), min = choose(isLarger, y, x, b);
  Complex sum = add(max, buildLog1p(buildExp(subtract(min, max, b), b), b), b);
  // Two zeros or two equal infinities have no difference.
  Value isSame = b.create<AtenLogicalAndOp>(b.create<AtenIsinfOp>(max.re), b.create<AtenEqTensorOp>(max.re, min.re));
  return choose(isSame, max, sum, b);
}

/// exp(y log x); of 0 it is 0, inf + nan i or nan + nan i, as the real part of y is above, below or 0 (as in C).
static Complex buildPow(Complex x, Complex y, AtenBuilder &b) {
  Type dtype = getTensorType(x.re).getDtype(), f64 = b.getBuilder().getF64Type();
  // A rounding of y log x is one of the result's last digits, as many times as it is large.
  auto widen = [&](Complex z) { return Complex{b.convert(z.re, f64), b.convert(z.im, f64)}; };
  Complex power = buildExp(multiply(widen(y), buildLog(widen(x), b), b), b);
  power = {b.convert(power.re, dtype), b.convert(power.im, dtype)};
  Value zero = b.literal(dtype, 0), nan = b.literal(dtype, std::numeric_limits<double>::quiet_NaN());
  Value infinity = b.literal(dtype, std::numeric_limits<double>::infinity());
  Value isPositive = b.create<AtenGtScalarOp>(y.re, b.integer(0));
  Value pole = b.where(b.create<AtenLtScalarOp>(y.re, b.integer(0)), infinity, nan);
  return choose(isZero(x, b), {b.where(isPositive, zero, pole), b.where(isPositive, zero, nan)}, power, b);
}

//===----------------------------------------------------------------------===//
// Trigonometric and hyperbolic functions
//===----------------------------------------------------------------------===//

/// (left(x) right(y), other left(x) other right(y)), the form of all four.
template <typename ReOfRe, typename ReOfIm, typename ImOfRe, typename ImOfIm>
static Complex buildProducts(Complex x, AtenBuilder &b) {
  return {b.mulTensors(b.create<ReOfRe>(x.re), b.create<ReOfIm>(x.im)),
          b.mulTensors(b.create<ImOfRe>(x.re), b.create<ImOfIm>(x.im))};
}
static Complex buildSin(Complex x, AtenBuilder &b) {
  return buildProducts<AtenSinOp, AtenCoshOp, AtenCosOp, AtenSinhOp>(x, b);
}
static Complex buildCos(Complex x, AtenBuilder &b) {
  return conjugate(buildProducts<AtenCosOp, AtenCoshOp, AtenSinOp, AtenSinhOp>(x, b), b);
}
static Complex buildSinh(Complex x, AtenBuilder &b) {
  return buildProducts<AtenSinhOp, AtenCosOp, AtenCoshOp, AtenSinOp>(x, b);
}
static Complex buildCosh(Complex x, AtenBuilder &b) {
  return buildProducts<AtenCoshOp, AtenCosOp, AtenSinhOp, AtenSinOp>(x, b);
}

/// (sinh x cosh x + i sin y cos y) / (sinh^2 x + cos^2 y); where the square would overflow, 1 is reached.
static Complex buildTanh(Complex x, AtenBuilder &b) {
  double limit = getTensorType(x.re).getDtype().isF64() ? 350 : 43;
  Value bounded = b.create<AtenClampOp>(x.re, b.floating(-limit), b.floating(limit));
  Value sinh = b.create<AtenSinhOp>(bounded), cosine = b.create<AtenCosOp>(x.im);
  Value divisor = b.addTensors(square(sinh, b), square(cosine, b));
  Value re = b.mulTensors(sinh, b.create<AtenCoshOp>(bounded)), im = b.mulTensors(b.create<AtenSinOp>(x.im), cosine);
  return {b.divTensors(re, divisor), b.divTensors(im, divisor)};
}

/// asin x = atan2(re x, re(r s)) + i asinh(im(conj(r) s)) with r = sqrt(1 - x), s = sqrt(1 + x)
static Complex buildAsin(Complex x, AtenBuilder &b) {
  Complex r = buildSqrt(subtract(one(x, b), x, b), b), s = buildSqrt(add(one(x, b), x, b), b);
  return {b.create<AtenAtan2Op>(x.re, multiply(r, s, b).re), b.create<AtenAsinhOp>(multiply(conjugate(r, b), s, b).im)};
}
/// acos x = 2 atan2(re r, re s) + i asinh(im(conj(s) r)) with r = sqrt(1 - x), s = sqrt(1 + x)
static Complex buildAcos(Complex x, AtenBuilder &b) {
  Complex r = buildSqrt(subtract(one(x, b), x, b), b), s = buildSqrt(add(one(x, b), x, b), b);
  return {b.mulNumber(b.create<AtenAtan2Op>(r.re, s.re), 2), b.create<AtenAsinhOp>(multiply(conjugate(s, b), r, b).im)};
}
/// acosh x = asinh(re(conj(r) s)) + 2i atan2(im r, re s) with r = sqrt(x - 1), s = sqrt(x + 1)
static Complex buildAcosh(Complex x, AtenBuilder &b) {
  Complex r = buildSqrt(subtract(x, one(x, b), b), b), s = buildSqrt(add(x, one(x, b), b), b);
  return {b.create<AtenAsinhOp>(multiply(conjugate(r, b), s, b).re), b.mulNumber(b.create<AtenAtan2Op>(r.im, s.re), 2)};
}
/// re: log1p(4 x / ((1 - x)^2 + y^2)) / 4, odd in x; im: atan2(2 y, (1 - x) (1 + x) - y^2) / 2
static Complex buildAtanh(Complex x, AtenBuilder &b) {
  Value size = b.create<AtenAbsOp>(x.re), height = square(x.im, b);
  Value below = b.addNumber(negate(size, b), 1), above = b.addNumber(size, 1);
  Value ratio = b.divTensors(b.mulNumber(size, 4), b.addTensors(square(below, b), height));
  Value re = b.mulNumber(b.create<AtenLog1pOp>(ratio), 0.25);
  Value angle = b.create<AtenAtan2Op>(b.mulNumber(x.im, 2), b.subTensors(b.mulTensors(below, above), height));
  return {b.create<AtenCopysignTensorOp>(re, x.re), b.mulNumber(angle, 0.5)};
}

/// -i f(i x): tan of tanh, asinh of asin, atan of atanh
template <Function function> static Complex buildRotated(Complex x, AtenBuilder &b) {
  Complex result = function({negate(x.im, b), x.re}, b);
  return {result.im, negate(result.re, b)};
}

/// sin(pi x) / (pi x), and 1 of 0
static Complex buildSinc(Complex x, AtenBuilder &b) {
  Complex angle = scale(x, std::numbers::pi, b);
  return choose(isZero(x, b), one(x, b), divide(buildSin(angle, b), angle, b), b);
}
/// 1 / (1 + exp(-x))
static Complex buildSigmoid(Complex x, AtenBuilder &b) {
  Complex power = buildExp({negate(x.re, b), negate(x.im, b)}, b);
  return buildReciprocal(add(one(x, b), power, b), b);
}
static Complex buildSilu(Complex x, AtenBuilder &b) { return multiply(x, buildSigmoid(x, b), b); }

//===----------------------------------------------------------------------===//
// By op
//===----------------------------------------------------------------------===//

static Function findFunction(Operation *op) {
  static const llvm::StringMap<Function> functions = {
      {AtenReciprocalOp::getOperationName(), buildReciprocal},
      {AtenSgnOp::getOperationName(), buildSgn},
      {AtenSqrtOp::getOperationName(), buildSqrt},
      {AtenRsqrtOp::getOperationName(), buildRsqrt},
      {AtenExpOp::getOperationName(), buildExp},
      {AtenExp2Op::getOperationName(), buildExp2},
      {AtenExpm1Op::getOperationName(), buildExpm1},
      {AtenLogOp::getOperationName(), buildLog},
      {AtenLog2Op::getOperationName(), buildLog2},
      {AtenLog10Op::getOperationName(), buildLog10},
      {AtenLog1pOp::getOperationName(), buildLog1p},
      {AtenSinOp::getOperationName(), buildSin},
      {AtenCosOp::getOperationName(), buildCos},
      {AtenTanOp::getOperationName(), buildRotated<buildTanh>},
      {AtenSinhOp::getOperationName(), buildSinh},
      {AtenCoshOp::getOperationName(), buildCosh},
      {AtenTanhOp::getOperationName(), buildTanh},
      {AtenAsinOp::getOperationName(), buildAsin},
      {AtenAcosOp::getOperationName(), buildAcos},
      {AtenAtanOp::getOperationName(), buildRotated<buildAtanh>},
      {AtenAsinhOp::getOperationName(), buildRotated<buildAsin>},
      {AtenAcoshOp::getOperationName(), buildAcosh},
      {AtenAtanhOp::getOperationName(), buildAtanh},
      {AtenSincOp::getOperationName(), buildSinc},
      {AtenSigmoidOp::getOperationName(), buildSigmoid},
      {AtenSiluOp::getOperationName(), buildSilu},
  };
  return functions.lookup(op->getName().getStringRef());
}

/// x ^ y; exponents that have a shorter form take it.
static Complex raise(Complex x, Complex y, Value exponent, AtenBuilder &b) {
  auto constant = getConstantNumber(exponent);
  if (constant == 0)
    return complete({b.full(b.sizes(x.re), b.integer(1), getTensorType(x.re).getDtype()), {}}, b);
  if (constant == 1)
    return x;
  if (constant == 2)
    return multiply(x, x, b);
  if (constant == 3)
    return multiply(multiply(x, x, b), x, b);
  if (constant == 0.5)
    return buildSqrt(x, b);
  if (constant == -0.5)
    return buildRsqrt(x, b);
  if (constant == -1)
    return buildReciprocal(x, b);
  return buildPow(x, y, b);
}

std::optional<Complex> torchc::buildComplexFunction(Operation *op, ArrayRef<Complex> operands, AtenBuilder &b) {
  SmallVector<Complex> x;
  for (Complex operand : operands)
    x.push_back(operand.re ? complete(operand, b) : operand);
  if (Function function = findFunction(op))
    return function(x[0], b);
  if (isa<AtenMulTensorOp, AtenMulScalarOp>(op))
    return multiply(operands[0], operands[1], b);
  if (isa<AtenDivTensorOp, AtenDivScalarOp>(op)) {
    if (operands[1].im)
      return divide(x[0], x[1], b);
    return Complex{b.divTensors(x[0].re, x[1].re), b.divTensors(x[0].im, x[1].re)};
  }
  // self + alpha other, alpha complex
  if (isa<AtenAddTensorOp, AtenAddScalarOp>(op))
    return add(x[0], multiply(x[2], x[1], b), b);
  if (isa<AtenSubTensorOp, AtenSubScalarOp>(op))
    return subtract(x[0], multiply(x[2], x[1], b), b);
  if (isa<AtenPowTensorTensorOp, AtenPowTensorScalarOp, AtenPowScalarOp>(op))
    return raise(x[0], x[1], op->getOperand(1), b);
  if (isa<AtenLogaddexpOp>(op))
    return buildLogaddexp(x[0], x[1], b);
  if (isa<AtenLerpScalarOp, AtenLerpTensorOp>(op))
    return add(x[0], multiply(x[2], subtract(x[1], x[0], b), b), b);
  if (isa<AtenAddcmulOp>(op))
    return add(x[0], multiply(multiply(x[3], x[1], b), x[2], b), b);
  if (isa<AtenAddcdivOp>(op))
    return add(x[0], divide(multiply(x[3], x[1], b), x[2], b), b);
  return std::nullopt;
}

std::optional<Complex> torchc::buildComplexScan(Operation *op, Complex x, int64_t dim, AtenBuilder &b) {
  int64_t size = getTensorType(x.re).getSizes()[dim];
  bool isLog = isa<AtenLogcumsumexpOp>(op);
  if (ShapedType::isDynamic(size) || !(isLog || isa<AtenCumprodOp, AtenProdDimIntOp>(op)))
    return std::nullopt;
  auto combine = [&](Complex y, Complex z) { return isLog ? buildLogaddexp(y, z, b) : multiply(y, z, b); };
  auto slice = [&](Complex y, int64_t start, int64_t end) {
    Value from = b.integer(start), to = b.integer(end);
    return Complex{b.slice(y.re, dim, from, to), b.slice(y.im, dim, from, to)};
  };
  auto join = [&](Complex y, Complex z) { return Complex{b.cat({y.re, z.re}, dim), b.cat({y.im, z.im}, dim)}; };
  if (isa<AtenProdDimIntOp>(op)) {
    if (size == 0) {
      SmallVector<Value> sizes = b.sizes(x.re);
      sizes[dim] = b.integer(1);
      return complete({b.full(sizes, b.integer(1), getTensorType(x.re).getDtype()), {}}, b);
    }
    // Halves are multiplied until one is left.
    for (; size > 1; size = (size + 1) / 2) {
      int64_t half = size / 2;
      Complex product = combine(slice(x, 0, half), slice(x, half, 2 * half));
      x = size % 2 ? join(product, slice(x, size - 1, size)) : product;
    }
    return x;
  }
  // After each step, element i stands for the last `step` elements up to it.
  for (int64_t step = 1; step < size; step *= 2)
    x = join(slice(x, 0, step), combine(slice(x, step, size), slice(x, 0, size - step)));
  return x;
}
