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
// 1969; C. Lanczos, A precision approximation of the gamma function, 1964; NIST DLMF 25.11
// (zeta), 8.7 and 8.9 (incomplete gamma).
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

/// erf(x) for |x| <= 0.46875
static Real getSmallErf(Real x) {
  Real z = x * x;
  Real numerator = polynomial(z, {3.20937758913846947e03, 3.77485237685302021e02, 1.13864154151050156e02,
                                  3.16112374387056560e00, 1.85777706184603153e-1});
  Real denominator = polynomial(
      z, {2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02, 2.36012909523441209e01, 1.0});
  return x * numerator / denominator;
}

/// exp(y^2) erfc(y) for y > 0.46875
static Real getScaledErfc(Real y) {
  Real middle = polynomial(y, {1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03,
                               8.81952221241769090e02, 2.98635138197400131e02, 6.61191906371416295e01,
                               8.88314979438837594e00, 5.64188496988670089e-1, 2.15311535474403846e-8}) /
                polynomial(y, {1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03,
                               3.29079923573345963e03, 1.62138957456669019e03, 5.37181101862009858e02,
                               1.17693950891312499e02, 1.57449261107098347e01, 1.0});
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
/// exp(-y^2), which is as exact as y^2 is: in two factors, as W. J. Cody does it (Rational Chebyshev approximations for
/// the error function, 1969). The square of what is cut to sixteenths is exact.
static Real getGaussian(Real y) {
  Real cut = (y * 16.0).apply<math::TruncOp>() / 16.0;
  return exp(-(cut * cut)) * exp(-((y - cut) * (y + cut)));
}
static Real erfc(Real x) {
  Real y = abs(x), tail = getGaussian(y) * getScaledErfc(y);
  Real value = select(x < 0.0, 2.0 - tail, tail);
  value = select(y <= 0.46875, 1.0 - getSmallErf(x), value);
  // exp(-y^2) is 0 from here on, and y^2 may be infinite.
  return select(y > 27.5, select(x < 0.0, x.number(2), x.number(0)), value);
}
/// exp(x^2) erfc(x)
static Real erfcx(Real x) {
  Real y = abs(x), square = exp(y * y), tail = getScaledErfc(y);
  Real value = select(x < 0.0, 2.0 * square - tail, tail);
  value = select(y <= 0.46875, square * (1.0 - getSmallErf(x)), value);
  return select(x == kInfinity, x.number(0), value);
}

/// M. Giles, Approximating the erfinv function, 2010; then two steps of Newton's.
static Real erfinv(Real x) {
  Real w = -log((1.0 - x) * (1.0 + x));
  Real near = polynomial(w - 2.5, {1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087,
                                   -4.39150654e-06, -3.5233877e-06, 3.43273939e-07, 2.81022636e-08});
  Real far = polynomial(sqrt(w) - 3.0, {2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773,
                                        -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257});
  Real y = select(w < 5.0, near, far) * x;
  for (int step = 0; step < 2; ++step)
    y = y - (erf(y) - x) / (2 * std::numbers::inv_sqrtpi * exp(-(y * y)));
  y = select(abs(x) == 1.0, copySign(x.number(kInfinity), x), y);
  return select(abs(x) > 1.0, x.number(kNan), y);
}

/// The normal distribution function.
static Real ndtr(Real x) { return 0.5 * erfc(x * (-1 / std::numbers::sqrt2)); }
static Real logNdtr(Real x) {
  Real t = x * (1 / std::numbers::sqrt2);
  Real far = log(0.5 * erfcx(-t)) - t * t;
  return select(x < -1.0, far, log1p(-0.5 * erfc(t)));
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

/// log |gamma(x)|: Lanczos' sum with g = 7; below 1/2 by log(pi / |sin(pi x)|) - log gamma(1 - x).
static Real lgamma(Real x) {
  static constexpr double kSum[] = {676.5203681218851,     -1259.1392167224028,  771.32342877765313,
                                    -176.61502916214059,   12.507343278686905,   -0.13857109526572012,
                                    9.9843695780195716e-6, 1.5056327351493116e-7};
  Truth isSmall = x < 0.5;
  Real z = select(isSmall, -x, x - 1.0);
  Real sum = z.number(0.99999999999980993);
  for (auto [i, coefficient] : llvm::enumerate(kSum))
    sum = sum + coefficient / (z + static_cast<double>(i + 1));
  Real t = z + 7.5;
  Real value = 0.91893853320467274178 + (z + 0.5) * log(t) - t + log(sum);
  Real sine = abs(sin(std::numbers::pi * getFraction(x)));
  value = select(isSmall, log(std::numbers::pi / sine) - value, value);
  return select(abs(x) == kInfinity, x.number(kInfinity), value);
}

/// psi(x) = log x - 1 / (2 x) - sum of B_2k / (2 k x^2k) for x >= 10, reached by psi(x) = psi(x + 1) - 1 / x;
/// below 0 by psi(1 - x) - pi / tan(pi x).
static Real digamma(Real x) {
  Truth isNegative = x < 0.0;
  Real z = select(isNegative, 1.0 - x, x), sum = z.number(0);
  for (int step = 0; step < 10; ++step) {
    Truth isSmall = z < 10.0;
    sum = select(isSmall, sum - 1.0 / z, sum);
    z = select(isSmall, z + 1.0, z);
  }
  Real w = 1.0 / (z * z);
  Real series = w * polynomial(w, {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12});
  Real value = sum + log(z) - 0.5 / z - series;
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
