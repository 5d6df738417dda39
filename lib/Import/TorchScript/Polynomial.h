//===- Polynomial.h - integers as functions of the dynamic sizes ----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_POLYNOMIAL_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_POLYNOMIAL_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace torchc::torchscript {

/// Sizes of the dynamic dimensions in one trace, one for each symbol.
using SizePoint = std::vector<int64_t>;

/// A polynomial of degree two at most with integer coefficients over the
/// dynamic sizes: what sizes, strides and products of two of them need.
class Polynomial {
public:
  /// The polynomial that takes `values[i]` at `points[i]`, for all i; none if
  /// no such polynomial exists or the points do not determine it. The more
  /// points beyond `countTerms`, the less a chance hit can pass.
  static std::optional<Polynomial> fit(const std::vector<SizePoint> &points, const std::vector<int64_t> &values);

  /// Number of terms over `symbols` symbols.
  static size_t countTerms(size_t symbols) { return 1 + symbols + symbols * (symbols + 1) / 2; }

  bool isConstant() const;
  int64_t getConstantTerm() const { return coefficients[0]; }
  int64_t evaluate(const SizePoint &point) const;

  /// The symbol and its factor if this is `factor * symbol + constant`.
  struct Affine {
    size_t symbol;
    int64_t factor;
  };
  std::optional<Affine> getAffine() const;

  /// Whether every term that has a symbol is a multiple of `divisor`.
  bool isMultipleUpToConstant(int64_t divisor) const;

  /// Whether no term that has a symbol is negative (sizes are not).
  bool isNonDecreasing() const;

  Polynomial operator-() const;

  /// One term: its coefficient, and the symbols it multiplies (none to two).
  struct Term {
    int64_t coefficient;
    std::vector<size_t> symbols;
  };
  /// The terms that are not zero, the constant one last.
  std::vector<Term> getTerms() const;

  /// As sympy prints it: "2*s0 + 1", "s0*s1", "s0**2".
  std::string str(const std::vector<std::string> &symbolNames) const;

private:
  size_t symbolCount = 0;
  /// In the order of `getMonomials`: constant, linear, then products.
  std::vector<int64_t> coefficients;
};

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_POLYNOMIAL_H
