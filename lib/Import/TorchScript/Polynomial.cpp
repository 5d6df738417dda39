//===- Polynomial.cpp - integers as functions of the dynamic sizes --------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Polynomial.h"

#include <algorithm>
#include <cmath>

using namespace torchc::torchscript;

/// The symbols of each term: {}, {0}, {1}, .., {0,0}, {0,1}, {1,1}, ..
static std::vector<std::vector<size_t>> getMonomials(size_t symbols) {
  std::vector<std::vector<size_t>> monomials = {{}};
  for (size_t i = 0; i < symbols; ++i)
    monomials.push_back({i});
  for (size_t i = 0; i < symbols; ++i)
    for (size_t j = i; j < symbols; ++j)
      monomials.push_back({i, j});
  return monomials;
}

static int64_t evaluateMonomial(const std::vector<size_t> &monomial, const SizePoint &point) {
  int64_t product = 1;
  for (size_t symbol : monomial)
    product *= point[symbol];
  return product;
}

std::optional<Polynomial> Polynomial::fit(const std::vector<SizePoint> &points, const std::vector<int64_t> &values) {
  Polynomial result;
  result.symbolCount = points.front().size();
  auto monomials = getMonomials(result.symbolCount);
  size_t terms = monomials.size();
  if (points.size() < terms)
    return std::nullopt;

  // Gauss-Jordan on all points at once: more rows than columns cost nothing,
  // and any subset of full rank determines the solution. Rounding is harmless
  // because the integer result is checked below.
  std::vector<std::vector<long double>> rows;
  for (size_t i = 0; i < points.size(); ++i) {
    std::vector<long double> row;
    for (auto &monomial : monomials)
      row.push_back(evaluateMonomial(monomial, points[i]));
    row.push_back(values[i]);
    rows.push_back(std::move(row));
  }
  for (size_t column = 0; column < terms; ++column) {
    auto pivot = std::max_element(rows.begin() + column, rows.end(),
                                  [&](auto &a, auto &b) { return std::fabs(a[column]) < std::fabs(b[column]); });
    if (std::fabs((*pivot)[column]) < 1e-9L)
      return std::nullopt;
    std::swap(rows[column], *pivot);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i == column)
        continue;
      long double factor = rows[i][column] / rows[column][column];
      for (size_t j = column; j <= terms; ++j)
        rows[i][j] -= factor * rows[column][j];
    }
  }
  for (size_t i = 0; i < terms; ++i)
    result.coefficients.push_back(std::llround(rows[i][terms] / rows[i][i]));
  for (size_t i = 0; i < points.size(); ++i)
    if (result.evaluate(points[i]) != values[i])
      return std::nullopt;
  return result;
}

int64_t Polynomial::evaluate(const SizePoint &point) const {
  auto monomials = getMonomials(symbolCount);
  int64_t sum = 0;
  for (size_t i = 0; i < monomials.size(); ++i)
    sum += coefficients[i] * evaluateMonomial(monomials[i], point);
  return sum;
}

bool Polynomial::isConstant() const {
  return std::all_of(coefficients.begin() + 1, coefficients.end(), [](int64_t c) { return c == 0; });
}

bool Polynomial::isMultipleUpToConstant(int64_t divisor) const {
  return std::all_of(coefficients.begin() + 1, coefficients.end(), [&](int64_t c) { return c % divisor == 0; });
}

bool Polynomial::isNonDecreasing() const {
  return std::all_of(coefficients.begin() + 1, coefficients.end(), [](int64_t c) { return c >= 0; });
}

std::optional<Polynomial::Affine> Polynomial::getAffine() const {
  std::optional<Affine> affine;
  for (size_t i = 1; i < coefficients.size(); ++i) {
    if (coefficients[i] == 0)
      continue;
    if (affine || i > symbolCount)
      return std::nullopt;
    affine = Affine{i - 1, coefficients[i]};
  }
  return affine;
}

Polynomial Polynomial::operator-() const {
  Polynomial result = *this;
  for (int64_t &c : result.coefficients)
    c = -c;
  return result;
}

std::vector<Polynomial::Term> Polynomial::getTerms() const {
  auto monomials = getMonomials(symbolCount);
  std::vector<Term> terms;
  for (size_t i = 1; i < coefficients.size(); ++i)
    if (coefficients[i] != 0)
      terms.push_back({coefficients[i], monomials[i]});
  if (coefficients[0] != 0)
    terms.push_back({coefficients[0], {}});
  return terms;
}

std::string Polynomial::str(const std::vector<std::string> &symbolNames) const {
  std::string text;
  for (const Term &term : getTerms()) {
    int64_t coefficient = term.coefficient;
    if (!text.empty()) {
      text += coefficient < 0 ? " - " : " + ";
      coefficient = std::abs(coefficient);
    }
    std::string symbols;
    if (term.symbols.size() == 2 && term.symbols[0] == term.symbols[1])
      symbols = symbolNames[term.symbols[0]] + "**2";
    else
      for (size_t symbol : term.symbols)
        symbols += (symbols.empty() ? "" : "*") + symbolNames[symbol];
    if (symbols.empty())
      text += std::to_string(coefficient);
    else if (coefficient == 1)
      text += symbols;
    else if (coefficient == -1)
      text += "-" + symbols;
    else
      text += std::to_string(coefficient) + "*" + symbols;
  }
  return text.empty() ? "0" : text;
}
