//===- GraphCleanup.cpp - what a recorded graph needs before it leaves ----===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphCleanup.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

using namespace torchc;
using namespace torchc::torchscript;

using GraphPointer = std::shared_ptr<CapturedGraph>;

/// Calls `visit` with each name that `argument` reads; a nested graph reads
/// what it does not define.
static void forEachUse(const Argument &argument, const std::function<void(const std::string &)> &visit) {
  if (auto *ref = std::get_if<ValueRef>(&argument.value)) {
    visit(ref->name);
  } else if (auto *list = std::get_if<Argument::List>(&argument.value)) {
    for (const Argument &element : *list)
      forEachUse(element, visit);
  } else if (auto *graph = std::get_if<GraphPointer>(&argument.value)) {
    for (const std::string &name : getFreeNames(**graph))
      visit(name);
  }
}

std::vector<std::string> torchscript::getFreeNames(const CapturedGraph &graph) {
  std::set<std::string> defined;
  std::vector<std::string> free;
  auto use = [&](const std::string &name) {
    if (!defined.count(name) && std::find(free.begin(), free.end(), name) == free.end())
      free.push_back(name);
  };
  for (const CapturedValue &input : graph.inputs)
    defined.insert(input.name);
  for (const CapturedNode &node : graph.nodes) {
    for (auto &[name, argument] : node.arguments)
      forEachUse(argument, use);
    for (const CapturedValue &output : node.outputs)
      defined.insert(output.name);
  }
  for (const Argument &output : graph.outputs)
    forEachUse(output, use);
  return free;
}

void torchscript::removeDeadNodes(CapturedGraph &graph) {
  std::set<std::string> live;
  auto use = [&](const std::string &name) { live.insert(name); };
  for (const Argument &output : graph.outputs)
    forEachUse(output, use);
  std::vector<CapturedNode> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    bool isLive = node->outputs.empty();
    for (const CapturedValue &output : node->outputs)
      isLive |= live.count(output.name) > 0;
    if (!isLive)
      continue;
    for (auto &[name, argument] : node->arguments) {
      if (auto *nested = std::get_if<GraphPointer>(&argument.value))
        removeDeadNodes(**nested);
      forEachUse(argument, use);
    }
    kept.push_back(std::move(*node));
  }
  std::reverse(kept.begin(), kept.end());
  graph.nodes = std::move(kept);
}

namespace {

/// Closes the nested graphs, with the types of all values seen on the way.
class RegionCloser {
public:
  void close(CapturedGraph &graph) {
    for (const CapturedValue &input : graph.inputs)
      types[input.name] = input.type;
    for (CapturedNode &node : graph.nodes) {
      closeNode(node);
      for (const CapturedValue &output : node.outputs)
        types[output.name] = output.type;
    }
  }

private:
  void closeNode(CapturedNode &node) {
    std::vector<CapturedGraph *> nested;
    for (auto &[name, argument] : node.arguments)
      if (auto *graph = std::get_if<GraphPointer>(&argument.value))
        nested.push_back(graph->get());
    if (nested.empty())
      return;
    // All graphs of a node take the same operands.
    std::vector<std::string> captured;
    for (CapturedGraph *graph : nested)
      for (const std::string &name : getFreeNames(*graph))
        if (std::find(captured.begin(), captured.end(), name) == captured.end())
          captured.push_back(name);
    Argument::List operands;
    for (const std::string &name : captured) {
      operands.push_back({ValueRef{name}});
      for (CapturedGraph *graph : nested)
        graph->inputs.push_back({name, types.at(name)});
    }
    node.arguments.push_back(
        {node.target == "higher_order.cond" ? "operands" : "additional_inputs", {std::move(operands)}});
    for (CapturedGraph *graph : nested)
      close(*graph);
  }

  std::map<std::string, ValueType> types;
};

} // namespace

void torchscript::closeRegions(CapturedGraph &graph) { RegionCloser().close(graph); }
