//===- MemoryPlanTest.cpp - plans, held against what no plan can go below ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryPlan.h"

#include <gtest/gtest.h>

#include <random>

using namespace torchc;

/// The bytes that a plan takes for each that is needed at once; a failure where two
/// requests that are needed together overlap.
static double measure(const std::vector<MemoryRequest> &requests, const MemoryPlan &plan, const UnitSizes &sizes) {
  std::vector<uint64_t> offsets(requests.size());
  uint64_t total = plan.place(requests, sizes, offsets);
  auto getEnd = [&](size_t i) { return offsets[i] + requests[i].factor * sizes[requests[i].unit]; };
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_LE(getEnd(i), total);
    for (size_t j = 0; j < i; ++j)
      if (requests[i].interval.overlaps(requests[j].interval))
        EXPECT_TRUE(getEnd(i) <= offsets[j] || getEnd(j) <= offsets[i]) << "requests " << j << " and " << i;
  }
  return double(total) / double(getLargestLiveSet(requests, sizes));
}

/// The same for sizes in bytes.
static double measure(const std::vector<MemoryRequest> &requests) {
  return measure(requests, planMemory(requests, {{1}}), {1});
}

TEST(MemoryPlan, NothingAndOne) {
  EXPECT_TRUE(planMemory({}, {{1}}).bottomUp.empty());
  std::vector<MemoryRequest> one = {{{3, 7}, 100}};
  EXPECT_EQ(measure(one), 1.0);
}

TEST(MemoryPlan, EmptyTensors) {
  std::vector<MemoryRequest> requests = {{{0, 9}, 0}, {{0, 9}, 64}, {{1, 3}, 0}, {{2, 9}, 64}, {{0, 9}, 0}};
  EXPECT_EQ(measure(requests), 1.0);
}

TEST(MemoryPlan, ChainTakesTwoNeighbours) {
  std::vector<MemoryRequest> requests;
  for (unsigned i = 0; i < 50; ++i)
    requests.push_back({{i, i + 1}, 64 * (1 + i * 7 % 13)});
  EXPECT_EQ(measure(requests), 1.0);
}

/// Down to small sizes and up again; what is on the way down is read on the way up.
TEST(MemoryPlan, SkipConnections) {
  std::vector<MemoryRequest> requests;
  const unsigned depth = 6, last = 4 * depth;
  for (unsigned i = 0; i < depth; ++i) {
    uint64_t bytes = 64 << (depth - i);
    requests.push_back({{2 * i, last - 2 * i}, bytes});
    requests.push_back({{2 * i + 1, 2 * i + 2}, bytes / 2});
    requests.push_back({{last - 2 * i - 1, last - 2 * i + 1}, bytes});
  }
  EXPECT_LE(measure(requests), 1.1);
}

/// Every layer reads all layers before it.
TEST(MemoryPlan, DenseConnections) {
  std::vector<MemoryRequest> requests;
  for (unsigned i = 0; i < 40; ++i) {
    requests.push_back({{2 * i, 80}, 64 * 32});
    requests.push_back({{2 * i, 2 * i + 1}, 64 * (128 + 32 * i)});
  }
  EXPECT_LE(measure(requests), 1.1);
}

/// BERT of two layers on 2 x 31 tokens: each order by itself takes 1.15 of the least.
TEST(MemoryPlan, Encoder) {
  const unsigned lives[][3] = {{0, 2, 248},     {1, 4, 496},     {3, 7, 15872},   {5, 7, 7936},    {6, 23, 15872},
                               {8, 10, 62},     {9, 12, 62},     {11, 37, 1922},  {13, 17, 15872}, {14, 17, 15872},
                               {15, 21, 15872}, {16, 19, 30752}, {18, 21, 30752}, {20, 23, 15872}, {22, 25, 15872},
                               {24, 28, 15872}, {26, 28, 31744}, {27, 30, 15872}, {29, 41, 15872}, {31, 35, 15872},
                               {32, 35, 15872}, {33, 39, 15872}, {34, 37, 30752}, {36, 39, 30752}, {38, 41, 15872},
                               {40, 43, 15872}, {42, 46, 15872}, {44, 46, 31744}, {45, 47, 15872}};
  std::vector<MemoryRequest> requests;
  for (auto [begin, end, bytes] : lives)
    requests.push_back({{begin, end}, (bytes + 63) / 64 * 64});
  EXPECT_LE(measure(requests), 1.01);
}

/// A transformer's layers, with tensors of n * width, n * 4 width and heads * n * n bytes
/// (units n and n * n), and a mask of n * n bytes that all layers read.
static std::vector<MemoryRequest> makeTransformer(unsigned layers, uint64_t width, uint64_t heads) {
  std::vector<MemoryRequest> requests = {{{0, 12 * layers}, 64, 1}};
  for (unsigned layer = 0; layer < layers; ++layer) {
    unsigned at = 12 * layer;
    auto add = [&](unsigned begin, unsigned end, uint64_t factor, unsigned unit) {
      requests.push_back({{at + begin, at + end}, factor, unit});
    };
    add(0, 7, 4 * width, 0); // The residual stream.
    for (unsigned i = 1; i <= 3; ++i)
      add(i, i < 3 ? 4 : 6, 4 * width, 0); // Queries, keys, values.
    add(4, 5, 4 * heads, 1);               // Scores.
    add(5, 6, 4 * heads, 1);               // Probabilities.
    add(6, 7, 4 * width, 0);               // Attention.
    add(7, 11, 4 * width, 0);
    add(8, 9, 4 * width, 0);   // Normalised.
    add(9, 10, 16 * width, 0); // Feed forward.
    add(10, 11, 4 * width, 0);
    add(11, 12, 4 * width, 0);
  }
  return requests;
}

TEST(MemoryPlan, OnePlanForAllLengths) {
  for (auto [layers, width, heads] : {std::tuple(2, 64, 4), std::tuple(6, 384, 12), std::tuple(12, 768, 12)}) {
    std::vector<MemoryRequest> requests = makeTransformer(layers, width, heads);
    std::vector<UnitSizes> calls;
    for (uint64_t n : {1, 2, 5, 13, 32, 76, 181, 430, 1024})
      calls.push_back({n, n * n});
    MemoryPlan plan = planMemory(requests, calls);
    for (uint64_t n : {1, 2, 5, 12, 31, 64, 100, 128, 200, 384, 512, 777, 1024, 4096})
      EXPECT_LE(measure(requests, plan, {n, n * n}), 1.1) << layers << " layers, " << n << " tokens";
  }
}

/// Lives without any plan behind them, most of them short.
TEST(MemoryPlan, RandomLives) {
  std::minstd_rand random(1);
  double worst = 0;
  for (unsigned run = 0; run < 20; ++run) {
    std::vector<MemoryRequest> requests;
    for (unsigned i = 0; i < 100; ++i) {
      unsigned begin = random() % 200, length = random() % (random() % 8 == 0 ? 100 : 6);
      requests.push_back({{begin, begin + length}, 64 * (1 + random() % (1 << random() % 12))});
    }
    worst = std::max(worst, measure(requests));
  }
  EXPECT_LE(worst, 1.1);
}

TEST(MemoryPlan, RandomSizesNeverOverlap) {
  std::minstd_rand random(2);
  for (unsigned run = 0; run < 20; ++run) {
    std::vector<MemoryRequest> requests;
    for (unsigned i = 0; i < 60; ++i) {
      unsigned begin = random() % 100;
      requests.push_back({{begin, begin + unsigned(random() % 20)}, 64 * (1 + random() % 50), unsigned(random() % 3)});
    }
    MemoryPlan plan = planMemory(requests, {{1, 1, 1}, {1, 10, 100}});
    for (const UnitSizes &sizes : {UnitSizes{0, 0, 5}, {1, 0, 0}, {1, 2, 3}, {7, 1, 1}, {1, 1000, 3}})
      measure(requests, plan, sizes);
  }
}

/// The same requests have the same plan: compiled programs do not differ from run to run.
TEST(MemoryPlan, IsDeterministic) {
  std::vector<MemoryRequest> requests = makeTransformer(3, 128, 8);
  MemoryPlan a = planMemory(requests, {{8, 64}, {512, 512 * 512}}),
             b = planMemory(requests, {{8, 64}, {512, 512 * 512}});
  EXPECT_EQ(a.bottomUp, b.bottomUp);
}
