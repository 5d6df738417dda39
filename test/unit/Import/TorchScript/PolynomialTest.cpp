//===- PolynomialTest.cpp - fitting integers to dynamic sizes -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Polynomial.h"

#include <gtest/gtest.h>

using namespace torchc::torchscript;

static const std::vector<SizePoint> points = {{5}, {8}, {11}, {18}, {31}};
static const std::vector<SizePoint> pairs = {{5, 8}, {7, 3}, {11, 4}, {9, 13}, {6, 17}, {14, 10}, {12, 19}, {20, 6}};
static const std::vector<std::string> names = {"s0", "s1"};

TEST(Polynomial, FitsConstants) {
  auto constant = Polynomial::fit(points, {4, 4, 4, 4, 4});
  ASSERT_TRUE(constant);
  EXPECT_TRUE(constant->isConstant());
  EXPECT_EQ(constant->str(names), "4");
  EXPECT_EQ(Polynomial::fit(points, {0, 0, 0, 0, 0})->str(names), "0");
}

TEST(Polynomial, FitsAffine) {
  auto affine = Polynomial::fit(points, {11, 17, 23, 37, 63});
  ASSERT_TRUE(affine);
  EXPECT_EQ(affine->str(names), "2*s0 + 1");
  EXPECT_EQ(affine->evaluate({100}), 201);
  ASSERT_TRUE(affine->getAffine());
  EXPECT_EQ(affine->getAffine()->factor, 2);
  EXPECT_EQ((-*affine).str(names), "-2*s0 - 1");
}

TEST(Polynomial, FitsSquares) {
  auto square = Polynomial::fit(points, {25, 64, 121, 324, 961});
  ASSERT_TRUE(square);
  EXPECT_EQ(square->str(names), "s0**2");
  EXPECT_FALSE(square->getAffine());
}

TEST(Polynomial, FitsProductsOfTwoSymbols) {
  std::vector<int64_t> values;
  for (const SizePoint &p : pairs)
    values.push_back(3 * p[0] * p[1] - p[1] + 2);
  auto product = Polynomial::fit(pairs, values);
  ASSERT_TRUE(product);
  EXPECT_EQ(product->str(names), "-s1 + 3*s0*s1 + 2");
}

TEST(Polynomial, RefusesFloorDivision) {
  std::vector<int64_t> halves;
  for (const SizePoint &p : points)
    halves.push_back(p[0] / 2);
  EXPECT_FALSE(Polynomial::fit(points, halves));
}

TEST(Polynomial, RefusesTooFewPoints) { EXPECT_FALSE(Polynomial::fit({{5}, {8}}, {5, 8})); }

TEST(Polynomial, RefusesPointsThatDoNotTellSymbolsApart) {
  std::vector<SizePoint> equal;
  std::vector<int64_t> values;
  for (const SizePoint &p : points) {
    equal.push_back({p[0], p[0]});
    values.push_back(p[0]);
  }
  equal.push_back({40, 40});
  values.push_back(40);
  EXPECT_FALSE(Polynomial::fit(equal, values));
}
