//===- ElementwiseSpecial.cpp - error, gamma and zeta functions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Formulas are evaluated in f64, also for f32: their steps cancel, and the result has to be
// good to f32. Sources: W. J. Cody, Rational Chebyshev approximations for the error function,
// 1969; NIST DLMF 5.7 and 5.11 (gamma), 25.11 (zeta), 8.7 and 8.9 (incomplete gamma).
//
//===----------------------------------------------------------------------===//

#include "Real.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

SmallVector<Real> torchc::iterate(Real count, ArrayRef<Real> state,
                                  function_ref<SmallVector<Real>(Real, ArrayRef<Real>)> step) {
  ImplicitLocOpBuilder &b = count.getBuilder();
  Type type = count.get().getType();
  Value zero = arith::ConstantIndexOp::create(b, 0), one = arith::ConstantIndexOp::create(b, 1);
  Value times =
      arith::IndexCastOp::create(b, b.getIndexType(), arith::FPToSIOp::create(b, b.getI64Type(), count.get()));
  SmallVector<Value> inits;
  for (Real value : state)
    inits.push_back(value.get());
  auto loop =
      scf::ForOp::create(b, zero, times, one, inits, [&](OpBuilder &nested, Location loc, Value i, ValueRange carried) {
        ImplicitLocOpBuilder body(loc, nested);
        Value number = arith::SIToFPOp::create(body, type, arith::IndexCastOp::create(body, body.getI64Type(), i));
        SmallVector<Real> current;
        for (Value value : carried)
          current.push_back(Real(body, value));
        SmallVector<Value> next;
        for (Real value : step(Real(body, number), current))
          next.push_back(value.get());
        scf::YieldOp::create(body, next);
      });
  return llvm::map_to_vector(loop.getResults(), [&](Value value) { return Real(b, value); });
}

//===----------------------------------------------------------------------===//
// The error function and its kin
//===----------------------------------------------------------------------===//

/// erf(x) for |x| <= 0.46875: x + x times a quotient that is at most 0.13, so that its rounding counts little.
static Real getSmallErf(Real x) {
  static constexpr double kNumerator[] = {3.20937758913846947e03, 3.77485237685302021e02, 1.13864154151050156e02,
                                          3.16112374387056560e00, 1.85777706184603153e-1};
  static constexpr double kDenominator[] = {2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02,
                                            2.36012909523441209e01, 1.0};
  double difference[5];
  for (int i = 0; i < 5; ++i)
    difference[i] = kNumerator[i] - kDenominator[i];
  Real z = x * x;
  return x + x * (polynomial(z, difference) / polynomial(z, kDenominator));
}

/// exp(y^2) erfc(y) for y > 0.46875
static Real getScaledErfc(Real y) {
  // To 4: g + g q, with g = 0.625 / (y + 0.53125) within 5 % of it and q = p / (0.625 d) the quotient that is left.
  static constexpr double kNumerator[] = {1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03,
                                          8.81952221241769090e02, 2.98635138197400131e02, 6.61191906371416295e01,
                                          8.88314979438837594e00, 5.64188496988670089e-1, 2.15311535474403846e-8};
  static constexpr double kDenominator[] = {1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03,
                                            3.29079923573345963e03, 1.62138957456669019e03, 5.37181101862009858e02,
                                            1.17693950891312499e02, 1.57449261107098347e01, 1.0};
  double left[10];
  for (int i = 0; i < 10; ++i)
    left[i] = (i < 9 ? 0.53125L * kNumerator[i] - 0.625L * kDenominator[i] : 0) + (i > 0 ? kNumerator[i - 1] : 0);
  Real guess = 0.625 / (y + 0.53125);
  Real middle = guess + guess * (polynomial(y, left) / (0.625 * polynomial(y, kDenominator)));
  Real z = 1.0 / (y * y);
  Real tail = z *
              polynomial(z, {6.58749161529837803e-4, 1.60837851487422766e-2, 1.25781726111229246e-1,
                             3.60344899949804439e-1, 3.05326634961232344e-1, 1.63153871373020978e-2}) /
              polynomial(z, {2.33520497626869185e-3, 6.05183413124413191e-2, 5.27905102951428412e-1,
                             1.87295284992346047e00, 2.56852019228982242e00, 1.0});
  Real large = (std::numbers::inv_sqrtpi - tail) / y;
  return select(y <= 4.0, middle, large);
}

Real torchc::erf(Real x) {
  // ExpandMath has a shorter polynomial for f32.
  if (!x.get().getType().isF64())
    return x.apply<math::ErfOp>();
  Real y = abs(x), tail = 1.0 - exp(-(y * y)) * getScaledErfc(y);
  return select(y <= 0.46875, getSmallErf(x), copySign(tail, x));
}
/// exp(scale x^2) for |x| < 64, as exact as exp: the square of what is cut to 2^-20 is exact, and the rest is small.
static Real expOfSquare(Real x, double scale) {
  Real cut = trunc(x * 0x1p20) * 0x1p-20, square = cut * cut;
  Real rest = (x - cut) * (x + cut), sum = square + rest;
  Real power = exp(scale * sum);
  return power + power * (scale * (rest - (sum - square)));
}
/// erfc(x) with exp(-x^2) given: the last place of x would move it by up to x^2 of its own.
static Real getErfc(Real x, Real gaussian) {
  Real y = abs(x), tail = gaussian * getScaledErfc(y);
  Real value = select(x < 0.0, 2.0 - tail, tail);
  value = select(y <= 0.46875, 1.0 - getSmallErf(x), value);
  // exp(-y^2) is 0 from here on, and y^2 may be infinite.
  return select(y > 27.5, select(x < 0.0, x.number(2), x.number(0)), value);
}
static Real erfc(Real x) { return getErfc(x, expOfSquare(x, -1)); }
/// exp(x^2) erfc(x)
static Real erfcx(Real x) {
  Real square = expOfSquare(x, 1), tail = getScaledErfc(abs(x));
  Real value = select(x < 0.0, 2.0 * square - tail, tail);
  value = select(abs(x) <= 0.46875, square * (1.0 - getSmallErf(x)), value);
  // exp(x^2) is infinite from here on, x^2 - x^2 NaN.
  value = select(x < -26.7, x.number(kInfinity), value);
  return select(x == kInfinity, x.number(0), value);
}

/// M. Giles, Approximating the erfinv function, 2010; then two steps of Newton's, from 1/2 on with erfc(y) = 1 - x.
static Real erfinv(Real x) {
  Real size = abs(x), rest = 1.0 - size;
  Real w = -log(rest * (1.0 + size));
  Real near = polynomial(w - 2.5, {1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087,
                                   -4.39150654e-06, -3.5233877e-06, 3.43273939e-07, 2.81022636e-08});
  Real far = polynomial(sqrt(w) - 3.0, {2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773,
                                        -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257});
  Real y = select(w < 5.0, near, far) * size;
  for (int step = 0; step < 2; ++step) {
    Real gaussian = expOfSquare(y, -1);
    Real excess = select(size < 0.5, erf(y) - size, rest - getErfc(y, gaussian));
    y = y - excess / (2 * std::numbers::inv_sqrtpi * gaussian);
  }
  y = copySign(select(size == 1.0, x.number(kInfinity), y), x);
  return select(size > 1.0, x.number(kNan), y);
}

/// The normal distribution function.
static Real ndtr(Real x) { return 0.5 * getErfc(x * (-1 / std::numbers::sqrt2), expOfSquare(x, -0.5)); }
static Real logNdtr(Real x) {
  Real tail = log(0.5 * erfcx(x * (-1 / std::numbers::sqrt2))) - 0.5 * x * x;
  return select(x < -1.0, tail, log1p(-ndtr(-x)));
}
/// Its inverse. For the nearer tail p: erfc(z) = 2 p, by Newton's steps from
/// erfc(z) = exp(-z^2) / (z sqrt(pi)) where p is small, from erfinv elsewhere.
static Real ndtri(Real x) {
  Real p = min(x, 1.0 - x);
  Real z = sqrt(-log(p));
  for (int step = 0; step < 3; ++step)
    z = sqrt(-log(p * (2 / std::numbers::inv_sqrtpi) * z));
  for (int step = 0; step < 4; ++step)
    z = z + (erfc(z) - 2.0 * p) / (2 * std::numbers::inv_sqrtpi * exp(-(z * z)));
  z = select(p < 0.01, z, erfinv(1.0 - 2.0 * p)) * std::numbers::sqrt2;
  Real value = select(x < 0.5, -z, z);
  value = select(x == 0.0, x.number(-kInfinity), select(x == 1.0, x.number(kInfinity), value));
  return select((x < 0.0) || (x > 1.0), x.number(kNan), value);
}

/// -x log x
static Real entr(Real x) {
  Real value = select(x == 0.0, x.number(0), -x * log(x));
  return select(x < 0.0, x.number(-kInfinity), value);
}

//===----------------------------------------------------------------------===//
// Gamma functions
//===----------------------------------------------------------------------===//

/// x - round(x): sin(pi x) is +-sin of pi times that.
static Real getFraction(Real x) { return x - roundEven(x); }

/// zeta(k, q) = the sum of (q + n)^-k, n = 0, 1, ...; from n = 100 on by Euler and Maclaurin's formula.
static long double getZeta(int k, long double q) {
  constexpr int kTerms = 100;
  long double sum = 0;
  for (int n = 0; n < kTerms; ++n)
    sum += std::pow(q + n, static_cast<long double>(-k));
  long double end = q + kTerms, power = std::pow(end, static_cast<long double>(-k));
  sum += power * end / (k - 1) + power / 2;
  long double step = power * k / end;
  sum += step / 12;
  step *= (k + 1.0L) * (k + 2) / (end * end);
  sum -= step / 720;
  step *= (k + 3.0L) * (k + 4) / (end * end);
  return sum + step / 30240;
}
/// log gamma(zero + y), where zero is 1 or 2: psi(zero) y + the sum of zeta(k, zero) (-y)^k / k, k = 2, 3, ...
static Real getGammaSeries(Real y, int zero, int terms) {
  SmallVector<double> series{static_cast<double>(zero - 1 - std::numbers::egamma_v<long double>)};
  for (int k = 2; k <= terms; ++k)
    series.push_back(static_cast<double>((k % 2 == 0 ? 1 : -1) * getZeta(k, zero) / k));
  return y * polynomial(y, series);
}

/// log |gamma(x)|: from 10 on by Stirling's series, which is reached by gamma(x) = (x - 1) gamma(x - 1) from the series
/// about 1 and 2 where it is 0; below by log(pi / |sin(pi x)|) - log gamma(1 - x).
static Real lgamma(Real x) {
  Real z = abs(x), product = x.number(1), rest = z;
  for (int step = 0; step < 8; ++step) {
    Truth isLarge = rest >= 2.75;
    rest = select(isLarge, rest - 1.0, rest);
    product = select(isLarge, product * rest, product);
  }
  // Below 0.75 by gamma(z) = gamma(z + 1) / z.
  Truth isSmall = z < 0.75, isNearZero = z < 0.25, isStirling = z >= 10.0;
  Real about1 = getGammaSeries(select(isNearZero, x, z - 1.0), 1, 28);
  Real about2 = getGammaSeries(rest - select(isSmall, x.number(1), x.number(2)), 2, 38);
  Real logarithm = log(select(isSmall || isStirling, z, product));
  Real value = select(isNearZero || (abs(z - 1.0) < 0.25), about1, about2);
  value = value + select(isSmall, -logarithm, logarithm);
  Real w = 1.0 / z;
  Real series = w * polynomial(w * w, {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360,
                                       1.0 / 156, -3617.0 / 122400});
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  value = select(isStirling, (z - 0.5) * (logarithm - 1.0) + ((kHalfLogTwoPi - 0.5) + series), value);
  Real sine = abs(sin(std::numbers::pi * getFraction(x)));
  Real reflected = log(std::numbers::pi / sine) - (value + log(z));
  value = select(x <= -0.25, reflected, value);
  return select(z == kInfinity, z, value);
}

/// psi(x) = log x - 1 / (2 x) - sum of B_2k / (2 k x^2k) for x >= 10; below, by psi(x) = psi(x - 1) + 1 / (x - 1), the
/// sum of -zeta(k + 1, zero) (-y)^k, k = 1, 2, ..., about its zero; below 0 by psi(1 - x) - pi / tan(pi x).
static Real digamma(Real x) {
  Truth isNegative = x < 0.0;
  Real z = select(isNegative, 1.0 - x, x), w = 1.0 / (z * z);
  Real series = w * polynomial(w, {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12});
  Real far = log(z) - 0.5 / z - series;

  Truth isSmall = z < 0.72;
  Real rest = select(isSmall, z + 1.0, z), sum = select(isSmall, -1.0 / z, z.number(0));
  for (int step = 0; step < 8; ++step) {
    Truth isLarge = rest > 2.2;
    rest = select(isLarge, rest - 1.0, rest);
    sum = select(isLarge, sum + 1.0 / rest, sum);
  }
  constexpr long double kZero = 1.46163214496836234126265954232572L;
  constexpr double kHigh = kZero, kLow = kZero - kHigh;
  SmallVector<double> about;
  for (int k = 1; k <= 56; ++k)
    about.push_back(static_cast<double>((k % 2 == 0 ? -1 : 1) * getZeta(k + 1, kZero)));
  Real y = (rest - kHigh) - kLow;
  Real value = select(z < 10.0, sum + y * polynomial(y, about), far);

  Real angle = std::numbers::pi * getFraction(x);
  value = select(isNegative, value - std::numbers::pi * cos(angle) / sin(angle), value);
  value = select(isNegative && (trunc(x) == x), x.number(kNan), value);
  return select(x == 0.0, copySign(x.number(kInfinity), -x), value);
}

/// The Hurwitz zeta function: the sum of (q + k)^-s, k = 0, 1, ...; from q + k >= 10 on by Euler and
/// Maclaurin's formula.
static Real zeta(Real s, Real q) {
  // Terms until q + k is positive, then 10 more.
  Real early = select(q < 0.0, ceil(-q), q.number(0));
  Real sum = iterate(early + 10.0, {s.number(0)}, [&](Real k, ArrayRef<Real> state) {
    Real base(k.getBuilder(), q.get()), order(k.getBuilder(), s.get());
    return SmallVector<Real>{state[0] + pow(base + k, -order)};
  })[0];
  Real a = q + early + 10.0, power = pow(a, -s);
  sum = sum + power * a / (s - 1.0) + 0.5 * power;
  static constexpr double kBernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                          5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  // B_2j / (2j)! s (s + 1) ... (s + 2j - 2) a^(-s - 2j + 1)
  Real factor = s * power / a;
  double factorial = 2;
  for (auto [j, bernoulli] : llvm::enumerate(kBernoulli)) {
    double n = 2.0 * static_cast<double>(j);
    if (j > 0) {
      factor = factor * (s + (n - 1)) * (s + n) / (a * a);
      factorial *= (n + 1) * (n + 2);
    }
    sum = sum + factor * (bernoulli / factorial);
  }
  Truth isPole = (q <= 0.0) && (q == floor(q)), isUndefined = (q <= 0.0) && !(s == floor(s));
  sum = select(isUndefined, q.number(kNan), sum);
  sum = select(isPole, q.number(kInfinity), sum);
  sum = select(s < 1.0, q.number(kNan), select(s == 1.0, q.number(kInfinity), sum));
  return select(s.isNan() || q.isNan(), s + q, sum);
}

/// (-1)^(n + 1) n! zeta(n + 1, x); of order 0, digamma.
static Value lowerPolygamma(ElementBuilder &b, ValueRange x) {
  int64_t order = *getConstantInt(b.getOp()->getOperand(0));
  if (order == 0)
    return lowerInDouble<digamma>(b, x.drop_front());
  Real argument = Real(b, x[1]).widen();
  Real result = (order % 2 == 0 ? -std::tgamma(order + 1.0) : std::tgamma(order + 1.0)) *
                zeta(argument.number(static_cast<double>(order + 1)), argument);
  return convertElement(b, result.get(), b.getF64Type(), b.getDtype());
}
static bool hasConstantOrder(Operation *op) {
  auto order = getConstantInt(op->getOperand(0));
  return order && *order >= 0;
}

/// The regularised incomplete gamma functions: P by its series for x < a + 1, else Q by Lentz's continued
/// fraction. Both converge in some sqrt(a) steps.
static Real getIncompleteGamma(Real a, Real x, bool upper) {
  Truth isLow = x < a + 1.0;
  Real steps = 60.0 + 12.0 * sqrt(select(a < 1e12, abs(a), a.number(0)));
  Real scale = exp(a * log(x) - x - lgamma(a));
  auto here = [](Real k, Real value) { return Real(k.getBuilder(), value.get()); };
  SmallVector<Real> series = iterate(steps, {1.0 / a, 1.0 / a}, [&](Real k, ArrayRef<Real> state) {
    Real term = state[1] * here(k, x) / (here(k, a) + k + 1.0);
    return SmallVector<Real>{state[0] + term, term};
  });
  Real first = x + 1.0 - a;
  SmallVector<Real> fraction =
      iterate(steps, {1.0 / first, x.number(1e300), 1.0 / first}, [&](Real k, ArrayRef<Real> state) {
        Real n = k + 1.0, factor = n * (here(k, a) - n), start = here(k, x) + 1.0 - here(k, a) + 2.0 * n;
        Real d = 1.0 / (factor * state[2] + start), c = start + factor / state[1];
        return SmallVector<Real>{state[0] * (c * d), c, d};
      });
  Real low = scale * series[0], high = scale * fraction[0];
  Real value = upper ? select(isLow, 1.0 - low, high) : select(isLow, low, 1.0 - high);
  auto constant = [&](double ofLower) { return x.number(upper ? 1 - ofLower : ofLower); };
  value = select(x == 0.0, constant(0), value);
  value = select(a == 0.0, select(x > 0.0, constant(1), x.number(kNan)), value);
  value = select(a == kInfinity, select(x == kInfinity, x.number(kNan), constant(0)),
                 select(x == kInfinity, constant(1), value));
  value = select((x < 0.0) || (a < 0.0), x.number(kNan), value);
  return select(x.isNan() || a.isNan(), x + a, value);
}
static Real igamma(Real a, Real x) { return getIncompleteGamma(a, x, false); }
static Real igammac(Real a, Real x) { return getIncompleteGamma(a, x, true); }

static const ElementwiseOp specialFunctions[] = {
    {"torch.aten.erfc", ComputeIn::Result, 1, lowerInDouble<erfc>},
    {"torch.aten.erfinv", ComputeIn::Result, 1, lowerInDouble<erfinv>},
    {"torch.aten.special_erfcx", ComputeIn::Result, 1, lowerInDouble<erfcx>},
    {"torch.aten.special_ndtr", ComputeIn::Result, 1, lowerInDouble<ndtr>},
    {"torch.aten.special_log_ndtr", ComputeIn::Result, 1, lowerInDouble<logNdtr>},
    {"torch.aten.special_ndtri", ComputeIn::Result, 1, lowerInDouble<ndtri>},
    {"torch.aten.special_entr", ComputeIn::Result, 1, lowerInDouble<entr>},
    {"torch.aten.lgamma", ComputeIn::Result, 1, lowerInDouble<lgamma>},
    {"torch.aten.digamma", ComputeIn::Result, 1, lowerInDouble<digamma>},
    {"torch.aten.polygamma", ComputeIn::Result, 2, lowerPolygamma, -1, hasConstantOrder, "order is not constant"},
    {"torch.aten.special_zeta", ComputeIn::Result, 2, lowerInDouble<zeta>},
    {"torch.aten.special_zeta.self_scalar", ComputeIn::Result, 2, lowerInDouble<zeta>},
    {"torch.aten.special_zeta.other_scalar", ComputeIn::Result, 2, lowerInDouble<zeta>},
    {"torch.aten.igamma", ComputeIn::Result, 2, lowerInDouble<igamma>},
    {"torch.aten.igammac", ComputeIn::Result, 2, lowerInDouble<igammac>},
};

void torchc::populateElementwiseSpecialPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  populateElementwiseOps(patterns, context, specialFunctions);
}
