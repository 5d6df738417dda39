//===- GraphCleanupTest.cpp - dead nodes and nested graphs ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphCleanup.h"

#include <gtest/gtest.h>

using namespace torchc;
using namespace torchc::torchscript;

static CapturedNode makeNode(const std::string &target, std::vector<std::string> operands, const std::string &result) {
  CapturedNode node;
  node.target = target;
  for (const std::string &operand : operands)
    node.arguments.push_back({"self", {ValueRef{operand}}});
  if (!result.empty())
    node.outputs.push_back({result, {}});
  return node;
}

TEST(GraphCleanup, RemovesChainsOfDeadNodes) {
  CapturedGraph graph;
  graph.inputs.push_back({"x", {}});
  graph.nodes = {makeNode("aten.relu", {"x"}, "a"), makeNode("aten.neg", {"a"}, "b"), makeNode("aten.abs", {"x"}, "c")};
  graph.outputs.push_back({ValueRef{"c"}});
  removeDeadNodes(graph);
  ASSERT_EQ(graph.nodes.size(), 1u);
  EXPECT_EQ(graph.nodes[0].target, "aten.abs");
}

TEST(GraphCleanup, KeepsAssertionsAndWhatTheyRead) {
  CapturedGraph graph;
  graph.inputs.push_back({"x", {}});
  graph.nodes = {makeNode("aten.item", {"x"}, "a"), makeNode("aten._assert_scalar", {"a"}, "")};
  removeDeadNodes(graph);
  EXPECT_EQ(graph.nodes.size(), 2u);
}

TEST(GraphCleanup, ClosesNestedGraphs) {
  // x, p -> cond(p, {relu(x)}, {neg(y)}) where y = abs(x); in the first branch
  // another condition reads z = exp(x).
  auto inner = std::make_shared<CapturedGraph>();
  inner->outputs.push_back({ValueRef{"z"}});
  auto onTrue = std::make_shared<CapturedGraph>();
  CapturedNode nested = makeNode("higher_order.cond", {"p"}, "n");
  nested.arguments.push_back({"true_graph", {inner}});
  onTrue->nodes = {makeNode("aten.relu", {"x"}, "t"), nested};
  onTrue->outputs.push_back({ValueRef{"t"}});
  auto onFalse = std::make_shared<CapturedGraph>();
  onFalse->nodes = {makeNode("aten.neg", {"y"}, "f")};
  onFalse->outputs.push_back({ValueRef{"f"}});

  CapturedGraph graph;
  graph.inputs = {{"x", {}}, {"p", {}}};
  CapturedNode cond = makeNode("higher_order.cond", {"p"}, "c");
  cond.arguments.push_back({"true_graph", {onTrue}});
  cond.arguments.push_back({"false_graph", {onFalse}});
  graph.nodes = {makeNode("aten.abs", {"x"}, "y"), makeNode("aten.exp", {"x"}, "z"), cond};
  graph.outputs.push_back({ValueRef{"c"}});

  EXPECT_TRUE(getFreeNames(graph).empty());
  EXPECT_EQ(getFreeNames(*onTrue), (std::vector<std::string>{"x", "p", "z"}));
  closeRegions(graph);
  EXPECT_TRUE(getFreeNames(*onTrue).empty());
  EXPECT_TRUE(getFreeNames(*onFalse).empty());
  EXPECT_TRUE(getFreeNames(*inner).empty());
  auto &[name, operands] = graph.nodes.back().arguments.back();
  EXPECT_EQ(name, "operands");
  EXPECT_EQ(std::get<Argument::List>(operands.value).size(), 4u);
  EXPECT_EQ(onTrue->inputs.size(), 4u);
  EXPECT_EQ(onFalse->inputs.size(), 4u);
}
