//===- MergePrograms.cpp - several exported programs as one --------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MergePrograms.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <map>

using namespace llvm;
using namespace torchc;

using Renames = std::map<std::string, std::string>;

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

/// Renames the identifiers in an expression over symbols.
static std::string rename(StringRef expression, const Renames &renames) {
  auto isWord = [](char c) { return isAlnum(c) || c == '_'; };
  std::string result;
  while (!expression.empty()) {
    StringRef word = expression.take_while(isWord);
    auto renamed = renames.find(word.str());
    result += renamed == renames.end() ? word.str() : renamed->second;
    expression = expression.drop_front(word.size());
    StringRef between = expression.take_until(isWord);
    result += between;
    expression = expression.drop_front(between.size());
  }
  return result;
}

static void rename(TensorMeta &meta, const Renames &renames) {
  for (SymInt &size : meta.sizes)
    size.expression = rename(size.expression, renames);
  for (SymInt &stride : meta.strides)
    stride.expression = rename(stride.expression, renames);
  meta.storageOffset.expression = rename(meta.storageOffset.expression, renames);
}

static void rename(std::vector<CapturedValue> &values, const Renames &renames) {
  for (CapturedValue &value : values) {
    rename(value.type.tensor, renames);
    for (TensorMeta &element : value.type.elements)
      rename(element, renames);
  }
}

static void rename(CapturedGraph &graph, const Renames &renames) {
  rename(graph.inputs, renames);
  for (CapturedNode &node : graph.nodes) {
    rename(node.outputs, renames);
    for (auto &[name, argument] : node.arguments)
      if (auto *inner = std::get_if<std::shared_ptr<CapturedGraph>>(&argument.value); inner && *inner)
        rename(**inner, renames);
  }
}

static void mergeSymbols(CapturedProgram &model, const std::string &name, CapturedProgram &program) {
  Renames renames;
  for (SymbolRange &range : model.symbols) {
    auto find = [&](StringRef symbol) {
      return find_if(program.symbols, [&](const SymbolRange &other) { return other.symbol == symbol; });
    };
    auto known = find(range.symbol);
    if (known != program.symbols.end() && known->min == range.min && known->max == range.max)
      continue;
    if (known != program.symbols.end()) {
      std::string own = range.symbol + "_" + name;
      while (find(own) != program.symbols.end())
        own += "_";
      renames[range.symbol] = own;
      range.symbol = own;
    }
    program.symbols.push_back(range);
  }
  if (!renames.empty())
    rename(model.functions.front().graph, renames);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static bool isSame(const StoredTensor &a, const StoredTensor &b) {
  auto layout = [](const TensorMeta &meta) {
    std::vector<int64_t> numbers = {static_cast<int64_t>(meta.dtype), meta.storageOffset.value};
    for (const SymInt &size : meta.sizes)
      numbers.push_back(size.value);
    for (const SymInt &stride : meta.strides)
      numbers.push_back(stride.value);
    return numbers;
  };
  return layout(a.meta) == layout(b.meta) && a.storageBytes == b.storageBytes &&
         (a.data == b.data || std::memcmp(a.data, b.data, a.storageBytes) == 0);
}

static void mergeTensors(CapturedProgram &model, const std::string &name, CapturedProgram &program) {
  Renames renames;
  for (StoredTensor &tensor : model.tensors) {
    auto find = [&](StringRef wanted) {
      return find_if(program.tensors, [&](const StoredTensor &other) { return other.name == wanted; });
    };
    auto known = find(tensor.name);
    if (known != program.tensors.end() && isSame(*known, tensor))
      continue;
    if (known != program.tensors.end()) {
      std::string own = name + "." + tensor.name;
      while (find(own) != program.tensors.end())
        own += "_";
      renames[tensor.name] = own;
      tensor.name = own;
    }
    program.tensors.push_back(std::move(tensor));
  }
  auto apply = [&](std::string &target) {
    if (auto renamed = renames.find(target); renamed != renames.end())
      target = renamed->second;
  };
  CapturedFunction &function = model.functions.front();
  for (InputSpec &spec : function.inputs)
    if (spec.kind != InputSpec::Kind::User && spec.kind != InputSpec::Kind::Specialized)
      apply(spec.target);
  for (OutputSpec &spec : function.outputs)
    if (spec.kind == OutputSpec::Kind::BufferMutation || spec.kind == OutputSpec::Kind::ParameterMutation)
      apply(spec.target);
}

void torchc::mergeProgram(CapturedProgram model, const std::string &name, CapturedProgram &program) {
  mergeSymbols(model, name, program);
  mergeTensors(model, name, program);
  model.functions.front().name = name;
  program.functions.push_back(std::move(model.functions.front()));
}
