//===- ElementwiseBessel.cpp - Bessel and Airy functions, orthogonal polynomials ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Evaluated in f64: near 0 by power series as far as no digits cancel, beyond by Chebyshev expansions
// in 1/x of what is left once the exponential or the wave is split off (NIST DLMF 3.11(ii)). Their
// coefficients are computed here, in long double, from integrals that the trapezoidal rule (DLMF
// 3.5(i)) gives to the last digit, as their integrands are analytic, and periodic or decay like
// exp(-s^2). That takes 1 or 2 ms an expansion, once a process: hence the static variables.
//
//===----------------------------------------------------------------------===//

#include "Real.h"

#include <cmath>
#include <complex>
#include <numbers>

using namespace mlir;
using namespace torchc;

/// What f64 is rounded from, once.
using Extended = long double;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
static constexpr Extended kPi = std::numbers::pi_v<Extended>;

//===----------------------------------------------------------------------===//
// Expansions of functions for large arguments
//===----------------------------------------------------------------------===//

namespace {
/// f(x), x >= start, as the sum of c_k T_k(t), t = 2 start / x - 1. f is smooth in 1/x, also at 1/x = 0.
class Expansion {
public:
  Expansion(double start, function_ref<Extended(Extended)> f);
  Real operator()(Real x) const;

private:
  double start;
  SmallVector<double> coefficients;
};
} // namespace

/// Interpolates in the zeros of T_48: no function here has more terms that count in f64.
Expansion::Expansion(double start, function_ref<Extended(Extended)> f) : start(start) {
  constexpr int count = 48;
  SmallVector<Extended> values;
  for (int j = 0; j < count; ++j)
    values.push_back(f(2 * start / (1 + std::cos((2 * j + 1) * kPi / (2 * count)))));
  for (int k = 0; k < count; ++k) {
    Extended sum = 0;
    for (int j = 0; j < count; ++j)
      sum += values[j] * std::cos(k * (2 * j + 1) * kPi / (2 * count));
    coefficients.push_back(static_cast<double>(sum * (k == 0 ? 1 : 2) / count));
  }
  while (std::abs(coefficients.back()) < 0x1p-60 * std::abs(coefficients.front()))
    coefficients.pop_back();
}

/// Clenshaw's rule: b_k = c_k + 2 t b_(k+1) - b_(k+2). c_0 is most of the sum, which so is good to 1 ulp.
Real Expansion::operator()(Real x) const {
  Real t = 2 * start / x - 1.0, twice = t + t, next = x.number(0), afterNext = next;
  for (double coefficient : llvm::reverse(ArrayRef(coefficients).drop_front())) {
    Real current = twice * next - afterNext + coefficient;
    afterNext = next;
    next = current;
  }
  return t * next - afterNext + coefficients.front();
}

/// sqrt(x) exp(-x) I(x), x > 0 and order 0 or 1: x^(order + 1/2) / pi times the integral over 0 to pi of
/// exp(x (cos(a) - 1)) sin(a)^(2 order) (DLMF 10.32.2).
static Extended getScaledI(int order, Extended x) {
  int count = 32 + static_cast<int>(5 * std::sqrt(x)); // steps that resolve the peak, as wide as 1 / sqrt(x)
  Extended sum = order == 0 ? (1 + std::exp(-2 * x)) / 2 : 0;
  for (int i = 1; i < count; ++i) {
    Extended sine = std::sin(i * kPi / count), half = std::sin(i * kPi / (2 * count));
    sum += std::exp(-2 * x * half * half) * std::pow(sine * sine * x, order);
  }
  return sum * std::sqrt(x) / count;
}

/// sqrt(2 z / pi) exp(z) K(z), z = x or -i x. exp(z) K(z) is the integral of exp(z - z cosh(t)) cosh(order t) over
/// t > 0 (DLMF 10.32.9). With sinh(t / 2) = u = s / sqrt(2 z), that is sqrt(2 / z) times the integral of
/// exp(-s^2) cosh(2 order asinh(u)) / sqrt(1 + u^2) over s > 0, which is even in s and decays for either z.
static std::complex<Extended> getScaledK(Extended order, std::complex<Extended> z) {
  constexpr Extended step = 0.125; // exp(-2 pi / step) < 2^-64: u = i is 1 away from real s at least, from x = 1/2 on
  std::complex<Extended> sum = 0.5;
  for (int i = 1; i * step < 7; ++i) {
    Extended s = i * step;
    std::complex<Extended> u = s / std::sqrt(Extended(2) * z), root = std::sqrt(Extended(1) + u * u);
    std::complex<Extended> power = std::pow(u + root, 2 * order);
    sum += std::exp(-s * s) * (power + Extended(1) / power) / (Extended(2) * root);
  }
  return sum * (2 * step * std::numbers::inv_sqrtpi_v<Extended>);
}

namespace {
/// sqrt(pi x) exp(i order pi / 2) (J + i Y) = (cos(x) + i sin(x)) (a(x) + i b(x)), with a + i b the scaled K(-i x)
/// times 1 - i (DLMF 10.27.8). The phase pi / 4 is in there: subtracted from x, it would round x.
class Wave {
public:
  static constexpr double kStart = 2;
  explicit Wave(Extended order)
      : a(kStart, [=](Extended x) { return get(order, x).real(); }),
        b(kStart, [=](Extended x) { return get(order, x).imag(); }) {}
  Real real(Real x, Real cosine, Real sine) const { return a(x) * cosine - b(x) * sine; }
  Real imag(Real x, Real cosine, Real sine) const { return a(x) * sine + b(x) * cosine; }

private:
  static std::complex<Extended> get(Extended order, Extended x) {
    return std::complex<Extended>(1, -1) * getScaledK(order, {0, -x});
  }
  Expansion a, b;
};
} // namespace

//===----------------------------------------------------------------------===//
// Power series
//===----------------------------------------------------------------------===//

/// Sum of sign^k c_k / (k! (k + order)!) (x / 2)^(2 k), order 0 or 1 (DLMF 10.2.2, 10.25.2). c_k is 1, or, where
/// `logarithmic`, log(2) + half the digamma functions of k + 1 and k + order + 1: what the series of Y and K have
/// beside log(x).
static Real getSeries(Real x, int order, int sign, bool logarithmic) {
  constexpr int terms = 20; // enough up to x = 4
  SmallVector<double> series;
  Extended term = 1, c = std::numbers::ln2_v<Extended> - std::numbers::egamma_v<Extended> + order * Extended(0.5);
  for (int k = 0; k < terms; ++k) {
    series.push_back(static_cast<double>(logarithmic ? term * c : term));
    Extended first = k + 1, second = k + 1 + order;
    term *= sign / (first * second);
    c += (1 / first + 1 / second) / 2;
  }
  Real half = x * 0.5;
  return polynomial(half * half, series);
}

/// (x / 2)^order
static Real getFactor(Real x, int order) { return order == 0 ? x.number(1) : x * 0.5; }

//===----------------------------------------------------------------------===//
// J and Y
//===----------------------------------------------------------------------===//

template <int order> static Real besselJ(Real x) {
  static const Wave wave(order);
  Real size = abs(x), cosine = cos(size), sine = sin(size);
  Real far = order == 0 ? wave.real(size, cosine, sine) : wave.imag(size, cosine, sine);
  far = far / sqrt(std::numbers::pi * size);
  if (order == 1)
    far = select(x < 0.0, -far, far);
  Real value = select(size < Wave::kStart, getFactor(x, order) * getSeries(x, order, -1, false), far);
  return select(size == kInfinity, x.number(0), value);
}

/// Near 0: 2/pi (log(x) J - the logarithmic series), - 2/(pi x) where the order is 1 (DLMF 10.8.1).
template <int order> static Real besselY(Real x) {
  static const Wave wave(order);
  Real near = log(x) * getSeries(x, order, -1, false) - getSeries(x, order, -1, true);
  near = (2 / std::numbers::pi) * (getFactor(x, order) * near);
  if (order == 1)
    near = near - 2 / std::numbers::pi / x;
  Real cosine = cos(x), sine = sin(x);
  Real far = order == 0 ? wave.imag(x, cosine, sine) : -wave.real(x, cosine, sine);
  Real value = select(x < Wave::kStart, near, far / sqrt(std::numbers::pi * x));
  value = select(x == 0.0, x.number(-kInfinity), select(x == kInfinity, x.number(0), value));
  return select(x < 0.0, x.number(kNan), value);
}

/// sin(x) / x
static Real sphericalBesselJ0(Real x) {
  Real value = select(x == 0.0, x.number(1), sin(x) / x);
  return select(abs(x) == kInfinity, x.number(0), value);
}

//===----------------------------------------------------------------------===//
// I and K
//===----------------------------------------------------------------------===//

/// I, or exp(-|x|) I where `scaled`.
template <int order, bool scaled> static Real besselI(Real x) {
  constexpr double start = 4;
  static const Expansion expansion(start, [](Extended x) { return getScaledI(order, x); });
  Real size = abs(x);
  Real near = getFactor(size, order) * getSeries(size, order, 1, false);
  Real far = expansion(size) / sqrt(size);
  if (scaled) {
    near = near * exp(-size);
  } else {
    // exp(x) overflows before I does.
    Real most = min(size, x.number(700));
    far = far * exp(most) * exp(size - most);
  }
  Real value = select(size < start, near, far);
  if (!scaled)
    value = select(size == kInfinity, size, value);
  return order == 1 ? select(x < 0.0, -value, value) : value;
}

/// K, or exp(x) K where `scaled`. Near 0: the logarithmic series - log(x) I; of order 1, 1/x - that (DLMF 10.31.1).
/// With log(x) apart, not log(x / 2), nothing cancels up to x = 1.
template <int order, bool scaled> static Real besselK(Real x) {
  constexpr double start = 1;
  static const Expansion expansion(start, [](Extended x) { return getScaledK(order, x).real(); });
  Real near = getSeries(x, order, 1, true) - log(x) * getSeries(x, order, 1, false);
  if (order == 1)
    near = 1.0 / x - getFactor(x, order) * near;
  Real far = expansion(x) * sqrt(std::numbers::pi / 2 / x);
  Real value = select(x < start, scaled ? near * exp(x) : near, scaled ? far : far * exp(-x));
  value = select(x == 0.0, x.number(kInfinity), value);
  return select(x < 0.0, x.number(kNan), value);
}

//===----------------------------------------------------------------------===//
// Airy's function
//===----------------------------------------------------------------------===//

/// Near 0: Maclaurin's series, a_k = a_(k-3) / (k (k - 1)) (DLMF 9.4.1). Beyond: K of order 1/3 of e = 2/3 |x|^(3/2),
/// for negative x its wave (DLMF 9.6.2, 9.6.6).
static Real airyAi(Real x) {
  constexpr double decayStart = 0.5;
  constexpr Extended order = Extended(1) / 3;
  static const Expansion decay(decayStart, [](Extended x) { return getScaledK(order, x).real(); });
  static const Wave wave(order);

  SmallVector<Extended> series{0.355028053887817239260L, -0.258819403792806798405L, 0};
  for (int k = 3; k < 36; ++k)
    series.push_back(series[k - 3] / (k * (k - 1)));
  Real near = polynomial(x, SmallVector<double>(series.begin(), series.end()));

  // The rounding error of e, half a unit of e, goes along: it is a relative error of exp(-e) and an absolute one of
  // sin(e) and cos(e). From |x| = 2^52 on, where it could be infinite, Ai is 0, or no angle is left in x.
  Real size = min(abs(x), x.number(0x1p52)), root = sqrt(size), product = size * root;
  Real productError = fma(size, root, -product) + size * (fma(-root, root, size) / (root + root));
  constexpr Extended twoThirds = Extended(2) / 3;
  constexpr double factor = twoThirds, factorError = twoThirds - factor;
  Real e = product * factor;
  Real error = fma(product, x.number(factor), -e) + (product * factorError + productError * factor);

  Real power = exp(-e), decaying = decay(e) * (power - error * power) / (2.0 * sqrt(std::numbers::pi * root));
  Real cosine = cos(e), sine = sin(e);
  Real waving = wave.real(e, cosine - error * sine, sine + error * cosine) / sqrt(2 * std::numbers::pi * root);
  Real value = select(x < 0.0, select(e < Wave::kStart, near, waving), select(e < decayStart, near, decaying));
  return select(x.isNan(), x, value);
}

//===----------------------------------------------------------------------===//
// Orthogonal polynomials of order n, by their recurrences
//===----------------------------------------------------------------------===//

/// p_0 = 1, p_1 = first, p_(k+1) = step(k, p_k, p_(k-1)); 0 below order 0.
static Real getOrthogonal(Real x, Real n, Real first, function_ref<Real(Real x, Real k, Real p, Real before)> step) {
  Real order = trunc(n);
  Real value = iterate(max(order - 1.0, n.number(0)), {first, x.number(1)}, [&](Real i, ArrayRef<Real> p) {
    Real argument(i.getBuilder(), x.get());
    return SmallVector<Real>{step(argument, i + 1.0, p[0], p[1]), p[0]};
  })[0];
  value = select(order == 0.0, x.number(1), value);
  return select(order < 0.0, x.number(0), value);
}
static Real chebyshevStep(Real x, Real, Real p, Real before) { return 2.0 * x * p - before; }

static Real chebyshevT(Real x, Real n) { return getOrthogonal(x, n, x, chebyshevStep); }
static Real chebyshevU(Real x, Real n) { return getOrthogonal(x, n, 2.0 * x, chebyshevStep); }
static Real chebyshevV(Real x, Real n) { return getOrthogonal(x, n, 2.0 * x - 1.0, chebyshevStep); }
static Real chebyshevW(Real x, Real n) { return getOrthogonal(x, n, 2.0 * x + 1.0, chebyshevStep); }
static Real shiftedChebyshevT(Real x, Real n) { return chebyshevT(2.0 * x - 1.0, n); }
static Real shiftedChebyshevU(Real x, Real n) { return chebyshevU(2.0 * x - 1.0, n); }
static Real shiftedChebyshevV(Real x, Real n) { return chebyshevV(2.0 * x - 1.0, n); }
static Real shiftedChebyshevW(Real x, Real n) { return chebyshevW(2.0 * x - 1.0, n); }
static Real hermiteH(Real x, Real n) {
  return getOrthogonal(x, n, 2.0 * x, [](Real x, Real k, Real p, Real before) { return 2.0 * (x * p - k * before); });
}
static Real hermiteHe(Real x, Real n) {
  return getOrthogonal(x, n, x, [](Real x, Real k, Real p, Real before) { return x * p - k * before; });
}
static Real laguerreL(Real x, Real n) {
  return getOrthogonal(x, n, 1.0 - x, [](Real x, Real k, Real p, Real before) {
    return ((2.0 * k + 1.0 - x) * p - k * before) / (k + 1.0);
  });
}
static Real legendreP(Real x, Real n) {
  return getOrthogonal(
      x, n, x, [](Real x, Real k, Real p, Real before) { return ((2.0 * k + 1.0) * x * p - k * before) / (k + 1.0); });
}

/// The three overloads of a function of two operands.
#define OVERLOADS(name, function, first, second)                                                                       \
  {"torch.aten." name, ComputeIn::Result, 2, lowerInDouble<function>},                                                 \
      {"torch.aten." name "." first, ComputeIn::Result, 2, lowerInDouble<function>}, {                                 \
    "torch.aten." name "." second, ComputeIn::Result, 2, lowerInDouble<function>                                       \
  }
#define POLYNOMIAL(name, function) OVERLOADS(name, function, "x_scalar", "n_scalar")

static const ElementwiseOp besselFunctions[] = {
    {"torch.aten.special_bessel_j0", ComputeIn::Result, 1, lowerInDouble<besselJ<0>>},
    {"torch.aten.special_bessel_j1", ComputeIn::Result, 1, lowerInDouble<besselJ<1>>},
    {"torch.aten.special_bessel_y0", ComputeIn::Result, 1, lowerInDouble<besselY<0>>},
    {"torch.aten.special_bessel_y1", ComputeIn::Result, 1, lowerInDouble<besselY<1>>},
    {"torch.aten.special_spherical_bessel_j0", ComputeIn::Result, 1, lowerInDouble<sphericalBesselJ0>},
    {"torch.aten.i0", ComputeIn::Result, 1, lowerInDouble<besselI<0, false>>},
    {"torch.aten.special_i0e", ComputeIn::Result, 1, lowerInDouble<besselI<0, true>>},
    {"torch.aten.special_i1", ComputeIn::Result, 1, lowerInDouble<besselI<1, false>>},
    {"torch.aten.special_i1e", ComputeIn::Result, 1, lowerInDouble<besselI<1, true>>},
    {"torch.aten.special_modified_bessel_i0", ComputeIn::Result, 1, lowerInDouble<besselI<0, false>>},
    {"torch.aten.special_modified_bessel_i1", ComputeIn::Result, 1, lowerInDouble<besselI<1, false>>},
    {"torch.aten.special_modified_bessel_k0", ComputeIn::Result, 1, lowerInDouble<besselK<0, false>>},
    {"torch.aten.special_modified_bessel_k1", ComputeIn::Result, 1, lowerInDouble<besselK<1, false>>},
    {"torch.aten.special_scaled_modified_bessel_k0", ComputeIn::Result, 1, lowerInDouble<besselK<0, true>>},
    {"torch.aten.special_scaled_modified_bessel_k1", ComputeIn::Result, 1, lowerInDouble<besselK<1, true>>},
    {"torch.aten.special_airy_ai", ComputeIn::Result, 1, lowerInDouble<airyAi>},
    POLYNOMIAL("special_chebyshev_polynomial_t", chebyshevT),
    POLYNOMIAL("special_chebyshev_polynomial_u", chebyshevU),
    POLYNOMIAL("special_chebyshev_polynomial_v", chebyshevV),
    POLYNOMIAL("special_chebyshev_polynomial_w", chebyshevW),
    POLYNOMIAL("special_shifted_chebyshev_polynomial_t", shiftedChebyshevT),
    POLYNOMIAL("special_shifted_chebyshev_polynomial_u", shiftedChebyshevU),
    POLYNOMIAL("special_shifted_chebyshev_polynomial_v", shiftedChebyshevV),
    POLYNOMIAL("special_shifted_chebyshev_polynomial_w", shiftedChebyshevW),
    POLYNOMIAL("special_hermite_polynomial_h", hermiteH),
    POLYNOMIAL("special_hermite_polynomial_he", hermiteHe),
    POLYNOMIAL("special_laguerre_polynomial_l", laguerreL),
    POLYNOMIAL("special_legendre_polynomial_p", legendreP),
};

void torchc::populateElementwiseBesselPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  populateElementwiseOps(patterns, context, besselFunctions);
}
