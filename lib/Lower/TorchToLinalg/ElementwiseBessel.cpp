//===- ElementwiseBessel.cpp - Bessel and Airy functions, orthogonal polynomials ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Evaluated in f64, by power series near 0 and by asymptotic series for large arguments (NIST DLMF
// 9.4, 9.7, 10.8, 10.17, 10.25, 10.40). The boundary lies where both are good to f32 at least:
// power series lose digits as they alternate, asymptotic ones end where their terms grow.
//
//===----------------------------------------------------------------------===//

#include "Real.h"

#include <numbers>

using namespace mlir;
using namespace torchc;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
static constexpr int kSeriesTerms = 45;

//===----------------------------------------------------------------------===//
// Coefficients
//===----------------------------------------------------------------------===//

/// sign^k / (k! (k + order)!), k = 0, 1, ...: of (x / 2)^(2 k + order).
static SmallVector<double> getBesselSeries(int order, double sign) {
  SmallVector<double> series{1};
  for (int k = 1; k < kSeriesTerms; ++k)
    series.push_back(series.back() * sign / (static_cast<double>(k) * (k + order)));
  return series;
}

/// The same terms times c_k, with c_k the sum of the digamma functions of k + 1 and k + order + 1.
static SmallVector<double> getLogarithmicSeries(int order, double sign) {
  SmallVector<double> series = getBesselSeries(order, sign);
  double first = -std::numbers::egamma, second = -std::numbers::egamma;
  for (int k = 1; k <= order; ++k)
    second += 1.0 / k;
  for (int k = 0; k < kSeriesTerms; ++k) {
    series[k] *= first + second;
    first += 1.0 / (k + 1);
    second += 1.0 / (k + order + 1);
  }
  return series;
}

/// a_k of order nu: (4 nu^2 - 1)(4 nu^2 - 9) ... / (k! 8^k); of (1 / x)^k.
static SmallVector<double> getAsymptoticSeries(double nu, int terms) {
  SmallVector<double> series{1};
  for (int k = 1; k < terms; ++k)
    series.push_back(series.back() * (4 * nu * nu - (2.0 * k - 1) * (2.0 * k - 1)) / (8.0 * k));
  return series;
}

/// Every second coefficient, with alternating signs.
static SmallVector<double> alternate(ArrayRef<double> series, size_t first) {
  SmallVector<double> part;
  double sign = 1;
  for (size_t k = first; k < series.size(); k += 2, sign = -sign)
    part.push_back(sign * series[k]);
  return part;
}

//===----------------------------------------------------------------------===//
// J and Y
//===----------------------------------------------------------------------===//

static constexpr double kOscillating = 12; ///< From here on by the asymptotic series.

/// sqrt(2 / (pi x)) (P cos(chi) - Q sin(chi)), chi = x - (2 order + 1) pi / 4; shifted by a quarter for Y.
static Real getOscillation(Real x, int order, bool second) {
  SmallVector<double> series = getAsymptoticSeries(order, 20);
  Real w = 1.0 / (x * x);
  Real p = polynomial(w, alternate(series, 0)), q = polynomial(w, alternate(series, 1)) / x;
  Real chi = x - (2 * order + 1) * std::numbers::pi / 4;
  Real wave = second ? p * sin(chi) + q * cos(chi) : p * cos(chi) - q * sin(chi);
  return sqrt(2 / std::numbers::pi / x) * wave;
}

template <int order> static Real besselJ(Real x) {
  Real size = abs(x), half = x * 0.5;
  Real near = polynomial(half * half, getBesselSeries(order, -1));
  if (order == 1)
    near = near * half;
  Real far = getOscillation(size, order, false);
  if (order == 1)
    far = select(x < 0.0, -far, far);
  Real value = select(size < kOscillating, near, far);
  return select(size == kInfinity, x.number(0), value);
}

/// (2 / pi) log(x / 2) J - finite part - (1 / pi) sum of the logarithmic series
template <int order> static Real besselY(Real x) {
  Real half = x * 0.5, z = half * half;
  Real series = polynomial(z, getLogarithmicSeries(order, -1));
  Real j = polynomial(z, getBesselSeries(order, -1));
  if (order == 1) {
    series = series * half;
    j = j * half;
  }
  Real near = (2 / std::numbers::pi) * log(half) * j - std::numbers::inv_pi * series;
  if (order == 1)
    near = near - 2 / std::numbers::pi / x;
  Real value = select(x < kOscillating, near, getOscillation(x, order, true));
  value = select(x == 0.0, x.number(-kInfinity), select(x == kInfinity, x.number(0), value));
  return select(x < 0.0, x.number(kNan), value);
}

/// sin(x) / x
static Real sphericalBesselJ0(Real x) {
  Real z = x * x;
  Real near = polynomial(z, {1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800});
  Real value = select(abs(x) < 0.5, near, sin(x) / x);
  return select(abs(x) == kInfinity, x.number(0), value);
}

//===----------------------------------------------------------------------===//
// I and K
//===----------------------------------------------------------------------===//

/// I, or exp(-|x|) I where `scaled`.
static Real getGrowing(Real x, int order, bool scaled) {
  constexpr double kBoundary = 15;
  Real size = abs(x), half = size * 0.5;
  Real near = polynomial(half * half, getBesselSeries(order, 1));
  if (order == 1)
    near = near * half;
  SmallVector<double> series = getAsymptoticSeries(order, 18);
  for (size_t k = 1; k < series.size(); k += 2)
    series[k] = -series[k];
  Real far = polynomial(1.0 / size, series) / sqrt(2 * std::numbers::pi * size);
  Real value =
      scaled ? select(size < kBoundary, near * exp(-size), far) : select(size < kBoundary, near, exp(size) * far);
  if (!scaled)
    value = select(size == kInfinity, size, value);
  return order == 1 ? select(x < 0.0, -value, value) : value;
}
static Real besselI0(Real x) { return getGrowing(x, 0, false); }
static Real besselI0e(Real x) { return getGrowing(x, 0, true); }
static Real besselI1(Real x) { return getGrowing(x, 1, false); }
static Real besselI1e(Real x) { return getGrowing(x, 1, true); }

/// K, or exp(x) K where `scaled`: (-1)^(order + 1) log(x / 2) I + finite part + half the logarithmic series
static Real getDecaying(Real x, int order, bool scaled) {
  constexpr double kBoundary = 8;
  Real half = x * 0.5, z = half * half;
  Real series = polynomial(z, getLogarithmicSeries(order, 1)), i = polynomial(z, getBesselSeries(order, 1)), near = x;
  if (order == 0)
    near = 0.5 * series - log(half) * i;
  else
    near = 1.0 / x + log(half) * i * half - 0.5 * series * half;
  Real far = polynomial(1.0 / x, getAsymptoticSeries(order, 17)) * sqrt(std::numbers::pi / 2 / x);
  Real value = scaled ? select(x < kBoundary, near * exp(x), far) : select(x < kBoundary, near, far * exp(-x));
  value = select(x == 0.0, x.number(kInfinity), select(x == kInfinity, x.number(0), value));
  return select(x < 0.0, x.number(kNan), value);
}
static Real besselK0(Real x) { return getDecaying(x, 0, false); }
static Real besselK1(Real x) { return getDecaying(x, 1, false); }
static Real scaledBesselK0(Real x) { return getDecaying(x, 0, true); }
static Real scaledBesselK1(Real x) { return getDecaying(x, 1, true); }

//===----------------------------------------------------------------------===//
// Airy's function
//===----------------------------------------------------------------------===//

/// Ai(x) = Ai(0) f(x) + Ai'(0) g(x), f and g power series of x^3.
static Real airyAi(Real x) {
  SmallVector<double> f{1}, g{1}, u{1};
  for (int k = 1; k < kSeriesTerms; ++k) {
    f.push_back(f.back() / ((3.0 * k - 1) * (3.0 * k)));
    g.push_back(g.back() / ((3.0 * k) * (3.0 * k + 1)));
  }
  // u_k = (6k - 5)(6k - 3)(6k - 1) / (216 k (2k - 1)) u_(k-1)
  for (int k = 1; k < 16; ++k)
    u.push_back(u.back() * (6.0 * k - 5) * (6.0 * k - 3) * (6.0 * k - 1) / (216.0 * k * (2.0 * k - 1)));
  Real cube = x * x * x;
  Real near = 0.355028053887817239 * polynomial(cube, f) - 0.258819403792806798 * x * polynomial(cube, g);

  Real size = abs(x), root = sqrt(size), exponent = (2.0 / 3) * size * root, w = 1.0 / exponent;
  SmallVector<double> signs(u);
  for (size_t k = 1; k < signs.size(); k += 2)
    signs[k] = -signs[k];
  Real decay = exp(-exponent) * polynomial(w, signs) / (2.0 * sqrt(root));
  Real angle = exponent + std::numbers::pi / 4;
  Real wave = (sin(angle) * polynomial(w * w, alternate(u, 0)) - cos(angle) * w * polynomial(w * w, alternate(u, 1))) /
              sqrt(root);
  Real far = std::numbers::inv_sqrtpi * select(x > 0.0, decay, wave);
  Real value = select(size < 5.5, near, far);
  value = select(x == kInfinity, x.number(0), value);
  return select(size.isNan(), x, value);
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
    {"torch.aten.i0", ComputeIn::Result, 1, lowerInDouble<besselI0>},
    {"torch.aten.special_i0e", ComputeIn::Result, 1, lowerInDouble<besselI0e>},
    {"torch.aten.special_i1", ComputeIn::Result, 1, lowerInDouble<besselI1>},
    {"torch.aten.special_i1e", ComputeIn::Result, 1, lowerInDouble<besselI1e>},
    {"torch.aten.special_modified_bessel_i0", ComputeIn::Result, 1, lowerInDouble<besselI0>},
    {"torch.aten.special_modified_bessel_i1", ComputeIn::Result, 1, lowerInDouble<besselI1>},
    {"torch.aten.special_modified_bessel_k0", ComputeIn::Result, 1, lowerInDouble<besselK0>},
    {"torch.aten.special_modified_bessel_k1", ComputeIn::Result, 1, lowerInDouble<besselK1>},
    {"torch.aten.special_scaled_modified_bessel_k0", ComputeIn::Result, 1, lowerInDouble<scaledBesselK0>},
    {"torch.aten.special_scaled_modified_bessel_k1", ComputeIn::Result, 1, lowerInDouble<scaledBesselK1>},
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
