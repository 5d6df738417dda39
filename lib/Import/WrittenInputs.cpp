//===- WrittenInputs.cpp - which inputs a graph writes in place ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WrittenInputs.h"
#include "InlinedGraphs.h"

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

using namespace mlir;
using namespace torchc;

static std::optional<RegisteredOperationName> lookupOp(const CapturedNode &node, MLIRContext *context) {
  return RegisteredOperationName::lookup("torch." + node.target, context);
}

bool torchc::isInPlace(const CapturedNode &node, MLIRContext *context) {
  if (auto op = lookupOp(node, context))
    return op->hasTrait<torch::IsInPlace>();
  // By torch's convention: "aten.index_put_", but not "aten.__and__", nor Python's "operator.and_".
  SmallVector<StringRef> parts;
  StringRef(node.target).split(parts, '.');
  return parts.size() > 1 && parts[0] != "operator" && parts[1].ends_with("_") && !parts[1].ends_with("__");
}

/// The place of an argument among those of the node: by its name, or its position in the schema.
static const Argument *findArgument(const CapturedNode &node, StringRef name, size_t position) {
  for (const auto &[key, argument] : node.arguments)
    if (key == name)
      return &argument;
  bool isPositional = position < node.arguments.size() && node.arguments[position].first.empty();
  return isPositional ? &node.arguments[position].second : nullptr;
}

/// The arguments that a node writes: the first one of an in-place operator; the running
/// statistics of a norm in training, of which most schemas say no word.
static SmallVector<const Argument *> getWrittenArguments(const CapturedNode &node, MLIRContext *context) {
  if (isInPlace(node, context)) {
    if (node.arguments.empty())
      return {};
    return {&node.arguments.front().second};
  }
  static const llvm::StringSet<> norms = {"aten.batch_norm", "aten.native_batch_norm", "aten._native_batch_norm_legit",
                                          "aten._batch_norm_with_update", "aten.instance_norm"};
  if (!norms.contains(node.target))
    return {};
  bool isInstanceNorm = node.target == "aten.instance_norm";
  const Argument *training = findArgument(node, isInstanceNorm ? "use_input_stats" : "training", 5);
  const bool *constant = training ? std::get_if<bool>(&training->value) : nullptr;
  if (node.target != "aten._batch_norm_with_update" && (!constant || !*constant))
    return {};
  SmallVector<const Argument *> written;
  for (const Argument *argument : {findArgument(node, "running_mean", 3), findArgument(node, "running_var", 4)})
    if (argument && std::holds_alternative<ValueRef>(argument->value))
      written.push_back(argument);
  return written;
}

/// Whether a result may be the first argument, or a view of it.
static bool mayAlias(const CapturedNode &node, MLIRContext *context) {
  // These return their argument or a view of it (dropout in eval mode), though their schemas say no word of it.
  static const llvm::StringSet<> identities = {
      "aten.dropout",       "aten.alpha_dropout", "aten.feature_dropout", "aten.feature_alpha_dropout",
      "aten.atleast_1d",    "aten.atleast_2d",    "aten.atleast_3d",      "aten.type_as",
      "aten.pixel_shuffle", "aten.sum_to_size",   "aten.pixel_unshuffle", "aten.linalg_matrix_power",
      "aten.einsum",        "operator.getitem"};
  if (identities.contains(node.target))
    return true;
  auto op = lookupOp(node, context);
  return op && op->hasTrait<torch::IsView>();
}

namespace {

/// The input that each name is or views.
using Roots = llvm::StringMap<std::string>;

class Finder {
public:
  explicit Finder(MLIRContext *context) : context(context) {}

  void visit(const CapturedGraph &graph, Roots &roots) {
    for (const CapturedNode &node : graph.nodes)
      visit(node, roots);
  }

  WrittenInputs result;

private:
  void visit(const CapturedNode &node, Roots &roots);
  void visitInlined(const CapturedNode &node, const InlinedGraph &inlined, Roots &roots);
  /// A region of control flow works on values: what it writes is its own.
  void visitRegion(const CapturedGraph &graph) {
    Roots inner;
    visit(graph, inner);
  }

  MLIRContext *context;
};

std::string lookupRoot(const Argument &argument, const Roots &roots) {
  const auto *reference = std::get_if<ValueRef>(&argument.value);
  return reference ? roots.lookup(reference->name) : std::string();
}

void Finder::visitInlined(const CapturedNode &node, const InlinedGraph &inlined, Roots &roots) {
  Roots inner;
  for (auto [input, operand] : llvm::zip(inlined.graph->inputs, inlined.operands))
    inner[input.name] = lookupRoot(operand.second, roots);
  visit(*inlined.graph, inner);
  for (auto [output, value] : llvm::zip(node.outputs, inlined.graph->outputs))
    roots[output.name] = lookupRoot(value, inner);
}

void Finder::visit(const CapturedNode &node, Roots &roots) {
  if (auto inlined = getInlinedGraph(node))
    return visitInlined(node, *inlined, roots);
  for (const auto &[name, argument] : node.arguments)
    if (const auto *graph = std::get_if<std::shared_ptr<CapturedGraph>>(&argument.value); graph && *graph)
      visitRegion(**graph);
  SmallVector<const Argument *> written = getWrittenArguments(node, context);
  result.hasInPlaceOps |= !written.empty() || isInPlace(node, context);
  for (const Argument *argument : written)
    if (std::string root = lookupRoot(*argument, roots); !root.empty())
      result.names.insert(root);
  std::string root = node.arguments.empty() ? "" : lookupRoot(node.arguments.front().second, roots);
  if (root.empty() || !(isInPlace(node, context) || mayAlias(node, context)))
    return;
  for (const CapturedValue &output : node.outputs) {
    roots[output.name] = root;
    for (const std::string &element : output.elementNames)
      roots[element] = root;
  }
}

} // namespace

WrittenInputs torchc::findWrittenInputs(const CapturedGraph &graph, MLIRContext *context) {
  Finder finder(context);
  Roots roots;
  for (const CapturedValue &input : graph.inputs)
    roots[input.name] = input.name;
  finder.visit(graph, roots);
  return std::move(finder.result);
}
