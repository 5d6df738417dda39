//===- StridesTest.cpp - which reshapes copy ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Strides.h"

#include <gtest/gtest.h>

using namespace torchc;

static std::vector<SymInt> makeSizes(const std::vector<int64_t> &values) {
  std::vector<SymInt> sizes;
  for (int64_t value : values)
    sizes.push_back({value, ""});
  return sizes;
}

static TensorMeta makeTensor(const std::vector<int64_t> &sizes, const std::vector<int64_t> &strides) {
  return {ScalarType::Float, makeSizes(sizes), makeSizes(strides), {}};
}

static std::optional<bool> givesView(const char *target, const TensorMeta &from, const TensorMeta &to) {
  CapturedNode node;
  node.target = target;
  node.outputs.push_back({"y", {ValueType::Kind::Tensor, to, {}}});
  return torchc::givesView(node, from);
}

static std::optional<bool> reshapes(const std::vector<int64_t> &sizes, const std::vector<int64_t> &strides,
                                    const std::vector<int64_t> &to) {
  return givesView("aten.reshape", makeTensor(sizes, strides), makeTensor(to, std::vector<int64_t>(to.size(), 1)));
}

TEST(Strides, ContiguousTensorsAreViewed) {
  EXPECT_EQ(reshapes({2, 3, 4}, {12, 4, 1}, {24}), true);
  EXPECT_EQ(reshapes({2, 3, 4}, {12, 4, 1}, {4, 1, 6}), true);
  EXPECT_EQ(reshapes({24}, {1}, {1, 2, 3, 4, 1}), true);
  EXPECT_EQ(reshapes({}, {}, {1, 1}), true);
  EXPECT_EQ(reshapes({1, 1}, {7, 9}, {}), true);
}

TEST(Strides, TransposedTensorsAreCopied) {
  EXPECT_EQ(reshapes({3, 2}, {1, 3}, {6}), false);
  EXPECT_EQ(reshapes({3, 2}, {1, 3}, {3, 1, 2}), true);
  EXPECT_EQ(reshapes({4, 3, 2}, {1, 8, 4}, {4, 6}), true);
  EXPECT_EQ(reshapes({4, 3, 2}, {1, 8, 4}, {12, 2}), false);
}

TEST(Strides, GapsAreCopied) {
  EXPECT_EQ(reshapes({3, 2}, {4, 1}, {6}), false);
  EXPECT_EQ(reshapes({3, 2}, {4, 2}, {6}), true);
  EXPECT_EQ(reshapes({3, 4}, {8, 2}, {3, 2, 2}), true);
  EXPECT_EQ(reshapes({3, 4}, {9, 2}, {2, 6}), false);
  EXPECT_EQ(reshapes({3, 4}, {0, 1}, {12}), false);
  EXPECT_EQ(reshapes({3, 4}, {0, 0}, {12}), true);
}

TEST(Strides, StridesOfOneElementAreOfNoAccount) {
  EXPECT_EQ(reshapes({2, 1, 3}, {3, 99, 1}, {6}), true);
  EXPECT_EQ(reshapes({1, 6}, {5, 1}, {2, 3}), true);
  EXPECT_EQ(reshapes({3, 2, 1}, {2, 1, 77}, {6}), true);
  EXPECT_EQ(reshapes({0, 3}, {1, 9}, {3, 0}), true);
}

TEST(Strides, ContiguousGivesTheTensorItself) {
  EXPECT_EQ(givesView("aten.contiguous", makeTensor({2, 3}, {3, 1}), makeTensor({2, 3}, {3, 1})), true);
  EXPECT_EQ(givesView("aten.contiguous", makeTensor({2, 3}, {1, 2}), makeTensor({2, 3}, {3, 1})), false);
  EXPECT_EQ(givesView("aten.contiguous", makeTensor({1, 3}, {1, 1}), makeTensor({1, 3}, {3, 1})), true);
}

TEST(Strides, OtherOpsAreNotItsBusiness) {
  EXPECT_EQ(givesView("aten.relu", makeTensor({2}, {1}), makeTensor({2}, {1})), std::nullopt);
  TensorMeta unknown = makeTensor({2, 3}, {3, 1});
  unknown.sizes[0] = {0, "u0"};
  EXPECT_EQ(givesView("aten.reshape", unknown, makeTensor({6}, {1})), std::nullopt);
}
