//===- InlinedGraphs.cpp - operators that only run a graph ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InlinedGraphs.h"

using namespace torchc;

std::optional<InlinedGraph> torchc::getInlinedGraph(const CapturedNode &node) {
  llvm::ArrayRef arguments(node.arguments);
  size_t position;
  if (node.target == "higher_order.wrap_with_set_grad_enabled") {
    position = 1; // enabled, graph, operands
  } else if (node.target == "higher_order.wrap_with_autocast") {
    position = 4; // device, dtype, enabled, cache, graph, operands
    const bool *enabled = arguments.size() > 2 ? std::get_if<bool>(&arguments[2].second.value) : nullptr;
    if (!enabled || *enabled)
      return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (arguments.size() <= position)
    return std::nullopt;
  const auto *graph = std::get_if<std::shared_ptr<CapturedGraph>>(&arguments[position].second.value);
  if (!graph || !*graph)
    return std::nullopt;
  return InlinedGraph{graph->get(), arguments.drop_front(position + 1)};
}
