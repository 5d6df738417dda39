//===- ModelTracer.cpp - traces a loaded model at given sizes -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelTracer.h"
#include "CaptureError.h"
#include "DispatchMode.h"
#include "GraphCleanup.h"

#include <algorithm>

using namespace torchc;
using namespace torchc::torchscript;

/// The parts of one trace.
struct ModelTracer::Trace {
  explicit Trace(TensorTable &tensors)
      : recorder(tensors, [this] { return interpreter.getFrames(); }), interpreter(recorder) {}

  Recorder recorder;
  Interpreter interpreter;
  CapturedFunction function;
  std::unordered_set<size_t> mutatedEntries;
};

static torch::jit::Function &findMethod(const torch::jit::Module &module, const std::string &name) {
  if (auto *function = module.type()->findMethod(name))
    return *function;
  std::string known;
  for (auto *method : module.type()->methods())
    known += (known.empty() ? "" : ", ") + method->name();
  CaptureError error(CaptureFailure::Usage,
                     "error: the model has no method '" + name + "', but " + (known.empty() ? "none at all" : known));
  error.isLocated = true;
  throw error;
}

ModelTracer::ModelTracer(torch::jit::Module loaded, const std::string &function)
    : module(std::move(loaded)), method(findMethod(module, function)), tensors(module) {}

Sample ModelTracer::trace(const std::vector<InputShape> &shapes) {
  // A buffer that turns out to be written is state: if the trace has computed
  // with its value, it has to be done again without.
  for (;;) {
    tensors.dropConstants();
    Trace trace(tensors);
    {
      TraceScope scope(trace.recorder);
      BoundArguments arguments = bindArguments(trace.recorder, getSchema(), shapes);
      trace.function.inputSpec = arguments.treeSpec;
      torch::jit::Stack stack = {module._ivalue()};
      for (c10::IValue &value : arguments.values)
        stack.push_back(std::move(value));
      finish(trace, trace.interpreter.call(method, std::move(stack)));
    }
    bool isStale = false;
    for (size_t entry : trace.mutatedEntries) {
      isStale |= !tensors[entry].isState && trace.recorder.getEvaluatedEntries().count(entry);
      tensors[entry].isState = true;
    }
    if (!isStale)
      return {{}, makeProgram(trace), std::move(trace.recorder.facts)};
  }
}

void ModelTracer::finish(Trace &trace, const c10::IValue &result) {
  addMutations(trace);
  addAttributeMutations(trace);
  for (auto &[name, input] : trace.recorder.getInputs()) {
    if (!input.wrapped.defined())
      continue;
    at::Tensor inner = trace.recorder.unwrap(input.wrapped);
    if (trace.recorder.getName(inner) == name)
      continue;
    trace.recorder.graph.outputs.push_back(trace.recorder.toArgument(inner));
    trace.function.outputs.push_back({OutputSpec::Kind::UserInputMutation, name});
  }
  addResult(trace, result);
}

void ModelTracer::addMutation(Trace &trace, size_t entry, const at::Tensor &inner) {
  const TensorTable::Entry &stored = tensors[entry];
  if (const auto *alias = tensors.findAlias(entry))
    throw unsupported("'" + stored.name +
                      "' is written, but shares memory "
                      "with '" +
                      alias->name + "'");
  if (inner.sizes() != stored.tensor.sizes() || inner.scalar_type() != stored.tensor.scalar_type())
    throw unsupported("'" + stored.name + "' changes its shape or type");
  trace.recorder.graph.outputs.push_back(trace.recorder.toArgument(inner));
  trace.function.outputs.push_back({stored.kind == InputSpec::Kind::Parameter ? OutputSpec::Kind::ParameterMutation
                                                                              : OutputSpec::Kind::BufferMutation,
                                    stored.name});
  trace.mutatedEntries.insert(entry);
}

void ModelTracer::addMutations(Trace &trace) {
  // By index: unwrapping applies pending writes, which may lift more.
  for (size_t i = 0; i < trace.recorder.getLifted().size(); ++i) {
    Recorder::LiftedTensor lifted = trace.recorder.getLifted()[i];
    // A constant is made anew in each call.
    if (tensors[lifted.entry].kind == InputSpec::Kind::Constant)
      continue;
    at::Tensor inner = trace.recorder.unwrap(lifted.wrapped);
    if (!inner.is_same(lifted.inner))
      addMutation(trace, lifted.entry, inner);
  }
}

/// Whether two attribute values hold the same tensors and numbers.
static bool isSame(const c10::IValue &a, const c10::IValue &b) {
  if (a.isTensor() && b.isTensor())
    return a.toTensor().is_same(b.toTensor());
  if (a.isList() && b.isList())
    return std::equal(a.toListRef().begin(), a.toListRef().end(), b.toListRef().begin(), b.toListRef().end(), isSame);
  if (a.isTuple() && b.isTuple()) {
    auto left = a.toTuple()->elements().vec(), right = b.toTuple()->elements().vec();
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), isSame);
  }
  if (a.isGenericDict() && b.isGenericDict()) {
    auto left = a.toGenericDict(), right = b.toGenericDict();
    if (left.size() != right.size())
      return false;
    for (const auto &item : left) {
      auto other = right.find(item.key());
      if (other == right.end() || !isSame(item.value(), other->value()))
        return false;
    }
    return true;
  }
  return a.is(b) || (!a.isTensor() && !b.isTensor() && a == b);
}

void ModelTracer::addAttributeMutations(Trace &trace) {
  for (auto &[slot, value] : trace.interpreter.getAttributes()) {
    auto [object, index] = slot;
    const c10::IValue &original = object->getSlot(index);
    if (original.isObject() || isSame(trace.interpreter.copyAttribute(original), value))
      continue;
    bool isTensor =
        original.isTensor() && original.toTensor().defined() && value.isTensor() && value.toTensor().defined();
    if (!isTensor)
      throw unsupported("unsupported assignment to the attribute '" + object->type()->getAttributeName(index) +
                        "': between calls a model keeps tensors, no other values");
    size_t entry = tensors.getIndex(original.toTensor());
    if (!trace.mutatedEntries.count(entry))
      addMutation(trace, entry, trace.recorder.unwrap(value.toTensor()));
  }
}

void ModelTracer::addResult(Trace &trace, const c10::IValue &result) {
  torch::jit::Stack leaves;
  flattenResult(result, leaves, trace.function.outputSpec);
  for (c10::IValue &leaf : leaves) {
    if (leaf.isTensor() && leaf.toTensor().defined())
      leaf = trace.recorder.unwrap(leaf.toTensor());
    trace.recorder.graph.outputs.push_back(trace.recorder.toArgument(leaf));
    trace.function.outputs.push_back({OutputSpec::Kind::User, ""});
  }
}

CapturedProgram ModelTracer::makeProgram(Trace &trace) {
  CapturedProgram program;
  CapturedFunction &function = trace.function;
  function.name = method.name();
  CapturedGraph &graph = trace.recorder.graph;
  removeDeadNodes(graph);

  std::vector<std::string> free = getFreeNames(graph);
  std::unordered_set<std::string> used(free.begin(), free.end());
  std::vector<CapturedValue> inputs;
  for (const Recorder::LiftedTensor &lifted : trace.recorder.getLifted()) {
    const std::string &name = trace.recorder.getName(lifted.inner);
    // What is written is there even if nobody reads it.
    if (!used.count(name) && !trace.mutatedEntries.count(lifted.entry))
      continue;
    const TensorTable::Entry &entry = tensors[lifted.entry];
    program.tensors.push_back(tensors.makeStoredTensor(lifted.entry));
    inputs.push_back({name, {ValueType::Kind::Tensor, makeTensorMeta(entry.tensor), {}}});
    function.inputs.push_back({entry.kind, name, entry.name});
  }
  for (CapturedValue &input : graph.inputs) {
    function.inputs.push_back({InputSpec::Kind::User, input.name, ""});
    inputs.push_back(std::move(input));
  }
  graph.inputs = std::move(inputs);
  function.graph = std::move(graph);
  program.functions.push_back(std::move(function));
  return program;
}
