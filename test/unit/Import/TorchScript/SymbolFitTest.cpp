//===- SymbolFitTest.cpp - merging traces at several sizes ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SymbolFit.h"
#include "SizeRanges.h"

#include <gtest/gtest.h>

using namespace torchc;
using namespace torchc::torchscript;

static const std::vector<SizePoint> points = {{5}, {8}, {11}, {18}, {31}};
static const std::vector<SizeSymbol> symbols = {{"s0", "x", 0}};

static ValueType makeTensor(std::vector<int64_t> sizes) {
  ValueType type;
  for (int64_t size : sizes)
    type.tensor.sizes.push_back({size, ""});
  return type;
}

/// x: [s, 3], viewed as one of `numel` elements.
static Sample makeSample(int64_t size, int64_t numel) {
  Sample sample;
  sample.sizes = {size};
  CapturedFunction &function = sample.program.functions.emplace_back();
  function.graph.inputs.push_back({"x", makeTensor({size, 3})});
  CapturedNode &view = function.graph.nodes.emplace_back();
  view.target = "aten.view";
  view.arguments = {{"self", {ValueRef{"x"}}}, {"size", {Argument::List{{numel}}}}};
  view.outputs.push_back({"view", makeTensor({numel})});
  view.frames.push_back({"model.py", 27, "forward"});
  function.graph.outputs.push_back({ValueRef{"view"}});
  return sample;
}

static std::vector<Sample> makeSamples(int64_t (*numel)(int64_t)) {
  std::vector<Sample> samples;
  for (const SizePoint &point : points)
    samples.push_back(makeSample(point[0], numel(point[0])));
  return samples;
}

TEST(SymbolFit, TurnsSizesIntoExpressionsAndArgumentsIntoNodes) {
  std::string error;
  auto program = fitSamples(makeSamples([](int64_t s) { return 3 * s; }), symbols, error);
  ASSERT_TRUE(program) << error;
  const CapturedGraph &graph = program->functions[0].graph;
  EXPECT_EQ(graph.inputs[0].type.tensor.sizes[0].expression, "s0");
  EXPECT_TRUE(graph.inputs[0].type.tensor.sizes[1].isConstant());
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(graph.nodes[0].target, "aten.sym_size.int");
  EXPECT_EQ(graph.nodes[1].target, "operator.mul");
  const CapturedNode &view = graph.nodes[2];
  EXPECT_EQ(view.outputs[0].type.tensor.sizes[0].expression, "3*s0");
  auto &size = std::get<Argument::List>(view.arguments[1].second.value);
  EXPECT_EQ(std::get<ValueRef>(size[0].value).name, graph.nodes[1].outputs[0].name);
}

TEST(SymbolFit, NamesTheLineOfAnIntegerThatDoesNotFit) {
  std::string error;
  EXPECT_FALSE(fitSamples(makeSamples([](int64_t s) { return s / 2; }), symbols, error));
  EXPECT_NE(error.find("model.py:27: error: aten.view"), std::string::npos) << error;
}

TEST(SymbolFit, RefusesAnotherNumberOfNodes) {
  auto samples = makeSamples([](int64_t s) { return 3 * s; });
  auto &nodes = samples[2].program.functions[0].graph.nodes;
  nodes.push_back(nodes[0]);
  std::string error;
  EXPECT_FALSE(fitSamples(samples, symbols, error));
  EXPECT_NE(error.find("loop or condition"), std::string::npos) << error;
}

TEST(SymbolFit, RefusesOtherConstants) {
  static const uint8_t one[4] = {1}, two[4] = {2};
  auto samples = makeSamples([](int64_t s) { return 3 * s; });
  for (Sample &sample : samples) {
    StoredTensor tensor;
    tensor.name = "constant_0";
    tensor.data = sample.sizes[0] == 11 ? two : one;
    tensor.storageBytes = 4;
    sample.program.tensors.push_back(tensor);
  }
  std::string error;
  EXPECT_FALSE(fitSamples(samples, symbols, error));
  EXPECT_NE(error.find("constant_0"), std::string::npos) << error;
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

/// The range of s0 after one fact; none if it is refused.
static std::optional<std::pair<int64_t, int64_t>> narrow(SizeFact::Kind kind, int64_t (*lhs)(int64_t), int64_t rhs,
                                                         int64_t (*result)(int64_t)) {
  std::vector<std::vector<SizeFact>> facts;
  for (const SizePoint &p : points)
    facts.push_back({{kind, {lhs(p[0]), rhs}, result(p[0]), ""}});
  std::vector<const std::vector<SizeFact> *> pointers;
  for (auto &list : facts)
    pointers.push_back(&list);
  std::vector<SymbolRange> ranges = {{"s0", 0, INT64_MAX}};
  std::string error;
  if (!narrowRanges(points, pointers, ranges, error))
    return std::nullopt;
  return std::pair(ranges[0].min, ranges[0].max);
}

using Range = std::pair<int64_t, int64_t>;
static int64_t same(int64_t s) { return s; }
static int64_t yes(int64_t) { return 1; }
static int64_t no(int64_t) { return 0; }

TEST(SizeRanges, ComparisonsBoundTheRange) {
  EXPECT_EQ(narrow(SizeFact::Kind::Less, same, 100, yes), Range(0, 99));
  EXPECT_EQ(narrow(SizeFact::Kind::LessEqual, same, 100, yes), Range(0, 100));
  EXPECT_EQ(narrow(SizeFact::Kind::Greater, same, 100, no), Range(0, 100));
  EXPECT_EQ(narrow(SizeFact::Kind::GreaterEqual, same, 4, yes), Range(4, INT64_MAX));
  EXPECT_EQ(narrow(SizeFact::Kind::Greater, same, 4, yes), Range(5, INT64_MAX));
  EXPECT_EQ(narrow(SizeFact::Kind::Equal, same, 1, no), Range(2, INT64_MAX));
  EXPECT_EQ(narrow(SizeFact::Kind::NotEqual, same, 64, yes), Range(0, 63));
  auto threeTimes = [](int64_t s) { return 3 * s - 1; };
  EXPECT_EQ(narrow(SizeFact::Kind::Less, threeTimes, 100, yes), Range(0, 33));
  auto negative = [](int64_t s) { return -s; };
  EXPECT_EQ(narrow(SizeFact::Kind::Less, negative, -4, yes), Range(5, INT64_MAX));
}

TEST(SizeRanges, AConditionBetweenTheSamplesIsRefused) {
  EXPECT_FALSE(narrow(SizeFact::Kind::Less, same, 10, [](int64_t s) -> int64_t { return s < 10; }));
  EXPECT_FALSE(narrow(SizeFact::Kind::Equal, same, 10, no));
}

TEST(SizeRanges, FloorDivision) {
  auto fourTimes = [](int64_t s) { return 4 * s; };
  EXPECT_EQ(narrow(SizeFact::Kind::FloorDivide, fourTimes, 4, same), Range(0, INT64_MAX));
  // All samples lie in the first block of 64.
  EXPECT_EQ(narrow(SizeFact::Kind::FloorDivide, same, 64, no), Range(0, 63));
  EXPECT_FALSE(narrow(SizeFact::Kind::FloorDivide, same, 2, [](int64_t s) { return s / 2; }));
  EXPECT_FALSE(narrow(SizeFact::Kind::Remainder, same, 2, [](int64_t s) { return s % 2; }));
}

TEST(SizeRanges, AnOpaqueResultMustShowItsDependence) {
  EXPECT_FALSE(narrow(SizeFact::Kind::Opaque, same, 64, no));
  EXPECT_TRUE(narrow(SizeFact::Kind::Opaque, same, 64, same));
}
