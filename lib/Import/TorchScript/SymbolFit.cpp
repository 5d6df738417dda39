//===- SymbolFit.cpp - one program from traces at several sizes -----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SymbolFit.h"
#include "SizeRanges.h"

#include <cstring>
#include <map>

using namespace torchc;
using namespace torchc::torchscript;

namespace {

/// Thrown inside this file only: the merge is one deep recursion.
struct FitError {
  std::string message;
};

/// Pointers to the same place in every sample.
template <typename T> using Places = std::vector<const T *>;

template <typename T, typename Field> auto project(const Places<T> &places, Field field) {
  Places<std::remove_reference_t<decltype(field(*places[0]))>> result;
  for (const T *place : places)
    result.push_back(&field(*place));
  return result;
}

/// Walks the samples in step and writes what differs into `merged`, which
/// starts as a copy of the first sample.
class Merger {
public:
  Merger(const std::vector<Sample> &samples, const std::vector<SizeSymbol> &symbols) : symbols(symbols) {
    for (const Sample &sample : samples)
      points.push_back(sample.sizes);
    for (const SizeSymbol &symbol : symbols)
      names.push_back(symbol.name);
  }

  void merge(const Places<CapturedProgram> &programs, CapturedProgram &merged);

private:
  void merge(const Places<SymInt> &places, SymInt &merged);
  void merge(const Places<TensorMeta> &places, TensorMeta &merged);
  void merge(const Places<CapturedValue> &places, CapturedValue &merged);
  void merge(const Places<Argument> &places, Argument &merged);
  void merge(const Places<CapturedNode> &places, CapturedNode &merged);
  void merge(const Places<CapturedGraph> &places, CapturedGraph &merged);
  void mergeTensors(const Places<StoredTensor> &places);

  template <typename T> void mergeEach(const Places<std::vector<T>> &places, std::vector<T> &merged) {
    for (auto *place : places)
      check(place->size() == merged.size(), "a list changes its length");
    for (size_t i = 0; i < merged.size(); ++i)
      merge(project(places, [&](auto &v) -> auto & { return v[i]; }), merged[i]);
  }

  /// Fits the integers; `what` names them in the error.
  Polynomial fit(const std::vector<int64_t> &values) {
    if (auto polynomial = Polynomial::fit(points, values))
      return *polynomial;
    std::string list;
    for (size_t i = 0; i < values.size(); ++i)
      list += (i ? ", " : "") + std::to_string(values[i]);
    throw FitError{describe("an integer is no multiple of the dynamic sizes "
                            "plus a constant (" +
                            list + ")")};
  }

  void check(bool condition, const char *message) {
    if (!condition)
      throw FitError{describe(message)};
  }

  std::string describe(const std::string &message) const {
    if (!node)
      return "error: " + message;
    std::string where;
    if (!node->frames.empty())
      where = node->frames.back().file + ":" + std::to_string(node->frames.back().line) + ": ";
    return where + "error: " + node->target + ": " + message;
  }

  /// The name of a graph value that holds `polynomial`, computed at the head
  /// of the graph.
  std::string materialize(const Polynomial &polynomial);
  std::string emit(const std::string &target, const std::string &name,
                   std::vector<std::pair<std::string, Argument>> arguments);
  std::string emitOperator(const std::string &op, Argument a, Argument b) {
    return emit("operator." + op, "sym_" + op, {{"a", std::move(a)}, {"b", std::move(b)}});
  }

  std::vector<SizePoint> points;
  const std::vector<SizeSymbol> &symbols;
  std::vector<std::string> names;
  const CapturedNode *node = nullptr; ///< Being merged, for errors.

  std::vector<CapturedNode> sizeNodes;
  std::map<std::string, std::string> sizeValues; ///< Expression to name.
};

} // namespace

void Merger::merge(const Places<SymInt> &places, SymInt &merged) {
  std::vector<int64_t> values;
  for (auto *place : places)
    values.push_back(place->value);
  Polynomial polynomial = fit(values);
  if (!polynomial.isConstant())
    merged.expression = polynomial.str(names);
}

void Merger::merge(const Places<TensorMeta> &places, TensorMeta &merged) {
  for (auto *place : places)
    check(place->dtype == merged.dtype, "the element type changes");
  mergeEach(project(places, [](auto &m) -> auto & { return m.sizes; }), merged.sizes);
  mergeEach(project(places, [](auto &m) -> auto & { return m.strides; }), merged.strides);
  merge(project(places, [](auto &m) -> auto & { return m.storageOffset; }), merged.storageOffset);
}

void Merger::merge(const Places<CapturedValue> &places, CapturedValue &merged) {
  for (auto *place : places)
    check(place->name == merged.name && place->type.kind == merged.type.kind, "the trace takes another way");
  if (merged.type.kind == ValueType::Kind::Tensor)
    merge(project(places, [](auto &v) -> auto & { return v.type.tensor; }), merged.type.tensor);
  mergeEach(project(places, [](auto &v) -> auto & { return v.type.elements; }), merged.type.elements);
}

void Merger::merge(const Places<Argument> &places, Argument &merged) {
  size_t kind = merged.value.index();
  for (auto *place : places)
    check(place->value.index() == kind, "an argument changes its kind");

  auto mustBeEqual = [&](auto same) {
    for (auto *place : places)
      check(same(place->value, merged.value), "an argument that is not an integer depends on a dynamic size");
  };
  auto equalAs = [&]<typename T>(T *) {
    mustBeEqual([](auto &a, auto &b) { return std::get<T>(a) == std::get<T>(b); });
  };
  if (std::holds_alternative<int64_t>(merged.value)) {
    std::vector<int64_t> values;
    for (auto *place : places)
      values.push_back(std::get<int64_t>(place->value));
    Polynomial polynomial = fit(values);
    if (!polynomial.isConstant())
      merged.value = ValueRef{materialize(polynomial)};
  } else if (std::holds_alternative<Argument::List>(merged.value)) {
    mergeEach(project(places, [](auto &a) -> auto & { return std::get<Argument::List>(a.value); }),
              std::get<Argument::List>(merged.value));
  } else if (std::holds_alternative<std::shared_ptr<CapturedGraph>>(merged.value)) {
    auto graphs = project(places, [](auto &a) -> auto & { return *std::get<std::shared_ptr<CapturedGraph>>(a.value); });
    Places<CapturedGraph> constGraphs(graphs.begin(), graphs.end());
    auto copy = std::make_shared<CapturedGraph>(*constGraphs[0]);
    merge(constGraphs, *copy);
    merged.value = copy;
  } else if (std::holds_alternative<ValueRef>(merged.value)) {
    mustBeEqual([](auto &a, auto &b) { return std::get<ValueRef>(a).name == std::get<ValueRef>(b).name; });
  } else if (std::holds_alternative<bool>(merged.value)) {
    equalAs(static_cast<bool *>(nullptr));
  } else if (std::holds_alternative<double>(merged.value)) {
    // NaN is equal to NaN here, and 0.0 is not -0.0.
    mustBeEqual(
        [](auto &a, auto &b) { return std::memcmp(&std::get<double>(a), &std::get<double>(b), sizeof(double)) == 0; });
  } else if (std::holds_alternative<std::complex<double>>(merged.value)) {
    equalAs(static_cast<std::complex<double> *>(nullptr));
  } else if (std::holds_alternative<std::string>(merged.value)) {
    equalAs(static_cast<std::string *>(nullptr));
  } else if (std::holds_alternative<ScalarType>(merged.value)) {
    equalAs(static_cast<ScalarType *>(nullptr));
  } else if (std::holds_alternative<MemoryFormatArg>(merged.value)) {
    mustBeEqual(
        [](auto &a, auto &b) { return std::get<MemoryFormatArg>(a).value == std::get<MemoryFormatArg>(b).value; });
  }
}

void Merger::merge(const Places<CapturedNode> &places, CapturedNode &merged) {
  node = places[0];
  for (auto *place : places) {
    check(place->target == merged.target && place->arguments.size() == merged.arguments.size(),
          "the trace takes another way at another size");
    for (size_t i = 0; i < merged.arguments.size(); ++i)
      check(place->arguments[i].first == merged.arguments[i].first, "the trace takes another way at another size");
  }
  for (size_t i = 0; i < merged.arguments.size(); ++i)
    merge(project(places, [&](auto &n) -> auto & { return n.arguments[i].second; }), merged.arguments[i].second);
  node = places[0]; // A nested graph has moved it.
  mergeEach(project(places, [](auto &n) -> auto & { return n.outputs; }), merged.outputs);
  node = nullptr;
}

void Merger::merge(const Places<CapturedGraph> &places, CapturedGraph &merged) {
  mergeEach(project(places, [](auto &g) -> auto & { return g.inputs; }), merged.inputs);
  size_t count = merged.nodes.size();
  for (size_t i = 0; i < count; ++i) {
    for (auto *place : places)
      if (i >= place->nodes.size()) {
        node = &merged.nodes[i];
        check(false, "is left out at another size: a loop or condition "
                     "depends on a dynamic size");
      }
    merge(project(places, [&](auto &g) -> auto & { return g.nodes[i]; }), merged.nodes[i]);
  }
  for (auto *place : places)
    if (place->nodes.size() > count) {
      node = &place->nodes[count];
      check(false, "comes only at another size: a loop or condition depends "
                   "on a dynamic size");
    }
  mergeEach(project(places, [](auto &g) -> auto & { return g.outputs; }), merged.outputs);
}

void Merger::mergeTensors(const Places<StoredTensor> &places) {
  const StoredTensor &first = *places[0];
  for (auto *place : places) {
    bool same = place->name == first.name && place->storageBytes == first.storageBytes &&
                (place->data == first.data || std::memcmp(place->data, first.data, first.storageBytes) == 0);
    if (!same)
      throw FitError{"error: the constant tensor '" + first.name + "' depends on a dynamic size"};
  }
}

void Merger::merge(const Places<CapturedProgram> &programs, CapturedProgram &merged) {
  for (size_t f = 0; f < merged.functions.size(); ++f) {
    sizeNodes.clear();
    sizeValues.clear();
    CapturedGraph &graph = merged.functions[f].graph;
    merge(project(programs, [&](auto &p) -> auto & { return p.functions[f].graph; }), graph);
    graph.nodes.insert(graph.nodes.begin(), std::make_move_iterator(sizeNodes.begin()),
                       std::make_move_iterator(sizeNodes.end()));
  }
  for (auto *program : programs)
    check(program->tensors.size() == merged.tensors.size(), "the model uses other tensors at another size");
  for (size_t i = 0; i < merged.tensors.size(); ++i)
    mergeTensors(project(programs, [&](auto &p) -> auto & { return p.tensors[i]; }));
}

std::string Merger::emit(const std::string &target, const std::string &base,
                         std::vector<std::pair<std::string, Argument>> arguments) {
  CapturedNode sizeNode;
  sizeNode.target = target;
  sizeNode.arguments = std::move(arguments);
  std::string name = base + "_" + std::to_string(sizeNodes.size());
  sizeNode.outputs.push_back({name, ValueType{ValueType::Kind::Int, {}, {}}});
  sizeNodes.push_back(std::move(sizeNode));
  return name;
}

std::string Merger::materialize(const Polynomial &polynomial) {
  std::string key = polynomial.str(names);
  if (auto it = sizeValues.find(key); it != sizeValues.end())
    return it->second;

  auto readSize = [&](size_t symbol) {
    std::string &name = sizeValues[names[symbol]];
    if (name.empty())
      name = emit("aten.sym_size.int", "sym_size",
                  {{"self", {ValueRef{symbols[symbol].input}}}, {"dim", {symbols[symbol].dimension}}});
    return name;
  };
  std::string sum;
  for (const Polynomial::Term &term : polynomial.getTerms()) {
    if (term.symbols.empty()) {
      sum = emitOperator("add", {ValueRef{sum}}, {term.coefficient});
      continue;
    }
    std::string product = readSize(term.symbols[0]);
    if (term.symbols.size() == 2)
      product = emitOperator("mul", {ValueRef{product}}, {ValueRef{readSize(term.symbols[1])}});
    if (term.coefficient != 1)
      product = emitOperator("mul", {ValueRef{product}}, {term.coefficient});
    sum = sum.empty() ? product : emitOperator("add", {ValueRef{sum}}, {ValueRef{product}});
  }
  sizeValues[key] = sum;
  return sum;
}

std::optional<CapturedProgram> torchscript::fitSamples(const std::vector<Sample> &samples,
                                                       const std::vector<SizeSymbol> &symbols, std::string &error) {
  Places<CapturedProgram> programs;
  std::vector<SizePoint> points;
  std::vector<const std::vector<SizeFact> *> facts;
  for (const Sample &sample : samples) {
    programs.push_back(&sample.program);
    points.push_back(sample.sizes);
    facts.push_back(&sample.facts);
  }
  CapturedProgram merged = *programs[0];
  try {
    Merger(samples, symbols).merge(programs, merged);
  } catch (const FitError &failure) {
    error = failure.message;
    return std::nullopt;
  }
  std::vector<SymbolRange> ranges;
  for (const SizeSymbol &symbol : symbols)
    ranges.push_back({symbol.name, 0, INT64_MAX});
  if (!narrowRanges(points, facts, ranges, error))
    return std::nullopt;
  merged.symbols = std::move(ranges);
  return merged;
}
