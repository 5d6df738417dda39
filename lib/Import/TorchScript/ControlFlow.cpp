//===- ControlFlow.cpp - conditions and loops while tracing ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With concrete numbers a condition takes one branch and a loop unrolls. Where
// they depend on data, both branches, or the body once, are traced into graphs
// of their own: nodes "cond" and "while_loop", as torch.export has them.
//
//===----------------------------------------------------------------------===//

#include "CaptureError.h"
#include "Interpreter.h"
#include "ScalarNode.h"

using namespace torchc;
using namespace torchc::torchscript;
using torch::jit::Stack;

//===----------------------------------------------------------------------===//
// Values that enter and leave regions
//===----------------------------------------------------------------------===//

/// The tensors and numbers in `value`, in order.
static void flatten(const c10::IValue &value, Stack &leaves) {
  if (value.isTuple()) {
    for (const c10::IValue &element : value.toTupleRef().elements())
      flatten(element, leaves);
  } else if (value.isList()) {
    for (const c10::IValue &element : value.toListRef())
      flatten(element, leaves);
  } else {
    leaves.push_back(value);
  }
}

/// Puts other leaves into the tuples and lists of `shape`.
static c10::IValue unflatten(const c10::IValue &shape, Stack::const_iterator &leaf) {
  if (shape.isTuple()) {
    std::vector<c10::IValue> elements;
    for (const c10::IValue &element : shape.toTupleRef().elements())
      elements.push_back(unflatten(element, leaf));
    auto type = shape.type()->expect<c10::TupleType>();
    return type->schema() ? c10::ivalue::Tuple::createNamed(elements, type) : c10::ivalue::Tuple::create(elements);
  }
  if (shape.isList()) {
    c10::impl::GenericList list(shape.toList().elementType());
    for (const c10::IValue &element : shape.toListRef())
      list.push_back(unflatten(element, leaf));
    return list;
  }
  return *leaf++;
}

static std::optional<ValueType::Kind> getNumberKind(const c10::IValue &value) {
  if (const ScalarNode *scalar = getScalarNode(value))
    return scalar->kind;
  if (value.isInt())
    return ValueType::Kind::Int;
  if (value.isDouble())
    return ValueType::Kind::Float;
  if (value.isBool())
    return ValueType::Kind::Bool;
  return std::nullopt;
}

static std::string describe(const at::Tensor &tensor) {
  return (std::ostringstream() << tensor.sizes() << " " << c10::toString(tensor.scalar_type())).str();
}

static void requireSameShape(const at::Tensor &a, const at::Tensor &b, const char *what) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type())
    throw unsupported(std::string("unsupported ") + what + ": " + describe(a) + " and " + describe(b));
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

void Interpreter::runIf(const Node *node) {
  c10::IValue condition = get(node->input());
  if (getScalarNode(condition))
    return runSymbolicIf(node, condition);
  const Block *block = node->blocks()[condition.toBool() ? 0 : 1];
  runBlock(block, {});
  Stack results = getResults(block);
  for (size_t i = 0; i < results.size(); ++i)
    set(node->output(i), std::move(results[i]));
}

/// What a branch does, traced into a graph.
struct Interpreter::Branch {
  std::shared_ptr<CapturedGraph> graph = std::make_shared<CapturedGraph>();
  Stack results;
  /// Flattened results, and the same with the tensors inside the wrappers.
  Stack wrapped, leaves;
  Recorder::Writes writes;
  /// Contents of the written storages at the end.
  std::map<const void *, at::Tensor> written;
  std::optional<ModelRaised> raised;
};

Interpreter::Branch Interpreter::traceBranch(const Block *block) {
  Branch branch;
  Recorder::Writes outerWrites = recorder.takeWrites();
  recorder.openRegion(*branch.graph);
  regionContainers.emplace_back();
  size_t depth = frames.size();
  try {
    runBlock(block, {});
    branch.results = getResults(block);
    for (const c10::IValue &result : branch.results)
      flatten(result, branch.wrapped);
    branch.leaves = branch.wrapped;
    for (c10::IValue &leaf : branch.leaves)
      if (leaf.isTensor() && leaf.toTensor().defined())
        leaf = recorder.unwrap(leaf.toTensor());
  } catch (const ModelRaised &raised) {
    branch.raised = raised;
    frames.resize(depth);
  }
  branch.writes = recorder.takeWrites();
  for (auto &[storage, write] : branch.writes)
    branch.written[storage] = recorder.unwrap(write.base);
  regionContainers.pop_back();
  recorder.closeRegion();
  for (auto &[storage, write] : branch.writes)
    recorder.overwrite(write.base, write.before);
  recorder.restoreWrites(std::move(outerWrites));
  return branch;
}

void Interpreter::assertCondition(const c10::IValue &condition, bool expected, const std::string &message) {
  c10::IValue checked =
      expected ? condition
               : recorder.recordScalar("torch.sym_not", {{"a", recorder.toArgument(condition)}}, ValueType::Kind::Bool);
  recorder.recordEffect("aten._assert_scalar", {{"self", recorder.toArgument(checked)}, {"assert_msg", {message}}});
}

void Interpreter::runSymbolicIf(const Node *node, const c10::IValue &condition) {
  Branch branches[2] = {traceBranch(node->blocks()[0]), traceBranch(node->blocks()[1])};
  if (branches[0].raised && branches[1].raised)
    throw *branches[0].raised;
  for (int i : {0, 1}) {
    if (!branches[i].raised)
      continue;
    // An assertion: only the other branch goes on.
    assertCondition(condition, i == 1, branches[i].raised->message);
    const Block *block = node->blocks()[1 - i];
    runBlock(block, {});
    Stack results = getResults(block);
    for (size_t k = 0; k < results.size(); ++k)
      set(node->output(k), std::move(results[k]));
    return;
  }

  auto &[onTrue, onFalse] = branches;
  if (onTrue.leaves.size() != onFalse.leaves.size())
    throw unsupported("unsupported condition on data: its branches give lists "
                      "of different length");
  CapturedNode &cond = recorder.addNode("higher_order.cond");
  Stack leaves;
  auto addOutput = [&](const c10::IValue &a, const c10::IValue &b, CapturedValue value) {
    onTrue.graph->outputs.push_back(recorder.toArgument(a));
    onFalse.graph->outputs.push_back(recorder.toArgument(b));
    cond.outputs.push_back(std::move(value));
  };
  auto addTensor = [&](const at::Tensor &a, const at::Tensor &b) {
    requireSameShape(a, b,
                     "condition on data whose branches give tensors of "
                     "different shape");
    at::Tensor value = recorder.makeValueLike(a, "cond");
    addOutput(a, b, {recorder.getName(value), {ValueType::Kind::Tensor, makeTensorMeta(value), {}}});
    return value;
  };
  for (size_t i = 0; i < onTrue.leaves.size(); ++i) {
    const c10::IValue &a = onTrue.leaves[i], &b = onFalse.leaves[i];
    auto kind = getNumberKind(a);
    if (a.isTensor() && b.isTensor() && a.toTensor().defined() && b.toTensor().defined()) {
      at::Tensor wrapped[] = {onTrue.wrapped[i].toTensor(), onFalse.wrapped[i].toTensor()};
      if (wrapped[0].is_same(wrapped[1]) && recorder.isFromOutside(wrapped[0])) {
        leaves.push_back(wrapped[0]); // Its content is among the writes.
        continue;
      }
      leaves.push_back(recorder.wrap(addTensor(a.toTensor(), b.toTensor())));
      for (const at::Tensor &tensor : wrapped)
        if (recorder.isFromOutside(tensor)) {
          recorder.forbidWrites(tensor);
          recorder.forbidWrites(leaves.back().toTensor());
        }
    } else if (kind && kind == getNumberKind(b) && (getScalarNode(a) || getScalarNode(b) || a != b)) {
      std::string name = recorder.makeName("cond");
      addOutput(a, b, {name, {*kind, {}, {}}});
      leaves.push_back(makeSymbolicScalar(name, *kind));
    } else if (!a.isTensor() && !b.isTensor() && a == b) {
      leaves.push_back(a);
    } else {
      throw unsupported("unsupported condition on data: one branch gives " + a.tagKind() + ", the other " +
                        b.tagKind());
    }
  }
  // What a branch leaves alone keeps its content there.
  std::map<const void *, Recorder::Write> writes = onTrue.writes;
  writes.insert(onFalse.writes.begin(), onFalse.writes.end());
  std::vector<std::pair<at::Tensor, at::Tensor>> contents;
  for (auto &[storage, write] : writes) {
    auto after = [&](Branch &branch) {
      auto it = branch.written.find(storage);
      return it == branch.written.end() ? write.before : it->second;
    };
    contents.emplace_back(write.base, addTensor(after(onTrue), after(onFalse)));
  }
  cond.arguments = {
      {"pred", recorder.toArgument(condition)}, {"true_graph", {onTrue.graph}}, {"false_graph", {onFalse.graph}}};
  for (auto &[base, content] : contents) {
    recorder.noteWrite(base);
    recorder.overwrite(base, content);
  }
  auto leaf = leaves.cbegin();
  for (size_t i = 0; i < onTrue.results.size(); ++i)
    set(node->output(i), unflatten(onTrue.results[i], leaf));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void Interpreter::runLoop(const Node *node) {
  // Inputs: trip count, condition, carried values. Body: iteration and carried
  // values to condition and carried values.
  Stack inputs = getInputs(node);
  c10::IValue tripCount = inputs[0], condition = inputs[1];
  Stack carried(inputs.begin() + 2, inputs.end());
  const Block *body = node->blocks()[0];
  constexpr int64_t unrollLimit = 100'000;
  for (int64_t i = 0;; ++i) {
    if (getScalarNode(tripCount) || getScalarNode(condition))
      return runSymbolicLoop(node, i, tripCount, condition, std::move(carried));
    if (i >= tripCount.toInt() || !condition.toBool())
      break;
    if (i == unrollLimit)
      throw unsupported("unsupported loop of more than " + std::to_string(unrollLimit) + " iterations");
    Stack arguments = {i};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    runBlock(body, std::move(arguments));
    Stack results = getResults(body);
    condition = results[0];
    carried.assign(results.begin() + 1, results.end());
  }
  for (size_t i = 0; i < carried.size(); ++i)
    set(node->output(i), std::move(carried[i]));
}

void Interpreter::runSymbolicLoop(const Node *node, int64_t iteration, const c10::IValue &tripCount,
                                  const c10::IValue &condition, Stack carried) {
  const Block *body = node->blocks()[0];
  // The state: iteration, condition, and what the loop carries.
  Stack before = {iteration, condition};
  for (const c10::IValue &value : carried)
    flatten(value, before);

  auto bodyGraph = std::make_shared<CapturedGraph>();
  auto condGraph = std::make_shared<CapturedGraph>();
  Argument::List initial;
  Stack state; // As the body sees it.
  std::vector<std::optional<at::Tensor>> inner;
  for (c10::IValue &value : before) {
    CapturedValue input;
    if (value.isTensor() && value.toTensor().defined()) {
      at::Tensor content = recorder.unwrap(value.toTensor());
      initial.push_back(recorder.toArgument(content));
      at::Tensor fresh = recorder.makeValueLike(content, "carried");
      input = {recorder.getName(fresh), {ValueType::Kind::Tensor, makeTensorMeta(fresh), {}}};
      inner.push_back(fresh);
      state.push_back(c10::IValue());
    } else if (auto kind = getNumberKind(value)) {
      initial.push_back(recorder.toArgument(value));
      input = {recorder.makeName("carried"), {*kind, {}, {}}};
      inner.push_back(std::nullopt);
      state.push_back(makeSymbolicScalar(input.name, *kind));
    } else {
      throw unsupported("unsupported loop on data: it carries " + value.tagKind());
    }
    bodyGraph->inputs.push_back(input);
    input.name = recorder.makeName(input.name + "_c");
    condGraph->inputs.push_back(input);
  }

  // The body, once.
  Recorder::Writes outerWrites = recorder.takeWrites();
  recorder.openRegion(*bodyGraph);
  regionContainers.emplace_back();
  for (size_t i = 0; i < state.size(); ++i)
    if (inner[i]) {
      state[i] = recorder.wrap(*inner[i]);
      // A write would change what other names outside stand for.
      recorder.markFromOutside(state[i].toTensor());
    }
  Stack arguments = {state[0]};
  auto leaf = state.cbegin() + 2;
  for (const c10::IValue &value : carried)
    arguments.push_back(unflatten(value, leaf));
  runBlock(body, std::move(arguments));
  Stack results = getResults(body), after;
  after.push_back(recorder.recordScalar("operator.add", {{"a", recorder.toArgument(state[0])}, {"b", {int64_t(1)}}},
                                        ValueType::Kind::Int));
  for (const c10::IValue &result : results)
    flatten(result, after);
  const Stack wrappedAfter = after;
  if (after.size() != before.size())
    throw unsupported("unsupported loop on data: a list changes its length");
  for (size_t i = 0; i < after.size(); ++i) {
    if (inner[i]) {
      after[i] = recorder.unwrap(after[i].toTensor());
      requireSameShape(*inner[i], after[i].toTensor(), "loop on data that changes the shape of a tensor");
    }
    bodyGraph->outputs.push_back(recorder.toArgument(after[i]));
  }
  if (!recorder.takeWrites().empty())
    throw unsupported("unsupported loop on data: it writes in place to a "
                      "tensor from before the iteration");
  regionContainers.pop_back();
  recorder.closeRegion();
  recorder.restoreWrites(std::move(outerWrites));

  // Go on while condition and iteration < trip count.
  recorder.openRegion(*condGraph);
  Argument goOn = {ValueRef{condGraph->inputs[1].name}};
  if (getScalarNode(tripCount) || tripCount.toInt() != INT64_MAX) {
    c10::IValue below = recorder.recordScalar(
        "operator.lt", {{"a", {ValueRef{condGraph->inputs[0].name}}}, {"b", recorder.toArgument(tripCount)}},
        ValueType::Kind::Bool);
    goOn = recorder.toArgument(recorder.recordScalar("operator.and_", {{"a", goOn}, {"b", recorder.toArgument(below)}},
                                                     ValueType::Kind::Bool));
  }
  condGraph->outputs.push_back(goOn);
  recorder.closeRegion();

  CapturedNode &loop = recorder.addNode("higher_order.while_loop");
  loop.arguments = {{"cond_graph", {condGraph}}, {"body_graph", {bodyGraph}}, {"carried_inputs", {std::move(initial)}}};
  Stack final;
  for (size_t i = 0; i < before.size(); ++i) {
    CapturedValue output = bodyGraph->inputs[i];
    if (inner[i]) {
      at::Tensor value = recorder.makeValueLike(*inner[i], "while_loop");
      output.name = recorder.getName(value);
      final.push_back(recorder.wrap(value));
      if (recorder.isFromOutside(wrappedAfter[i].toTensor())) {
        recorder.forbidWrites(final.back().toTensor());
        recorder.forbidWrites(before[i].toTensor());
        recorder.forbidWrites(wrappedAfter[i].toTensor());
      }
    } else {
      output.name = recorder.makeName("while_loop");
      final.push_back(makeSymbolicScalar(output.name, output.type.kind));
    }
    loop.outputs.push_back(std::move(output));
  }
  leaf = final.cbegin() + 2;
  for (size_t i = 0; i < carried.size(); ++i)
    set(node->output(i), unflatten(carried[i], leaf));
}
