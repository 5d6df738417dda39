//===- ConstantEvaluation.cpp - values that follow from constants ---------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nodes over constants are recorded like all others, the compiler folds them.
// Only when the trace itself needs a value (a loop bound, a condition, an index)
// are they computed here.
//
//===----------------------------------------------------------------------===//

#include "CaptureError.h"
#include "DispatchMode.h"
#include "Recorder.h"

#include <algorithm>
#include <bit>
#include <set>

using namespace torchc;
using namespace torchc::torchscript;

c10::IValue Recorder::evaluateArgument(const c10::IValue &argument) {
  if (argument.isTensor() && argument.toTensor().defined())
    return evaluate(*find(argument.toTensor()));
  if (argument.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor &tensor : argument.toTensorVector())
      list.push_back(evaluate(*find(tensor)));
    return list;
  }
  if (argument.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const auto &tensor : argument.toOptionalTensorVector())
      list.push_back(tensor && tensor->defined() ? std::optional<at::Tensor>(evaluate(*find(*tensor))) : std::nullopt);
    return list;
  }
  return argument.isDevice() ? c10::IValue(c10::Device(c10::kCPU)) : argument;
}

at::Tensor Recorder::evaluate(const Value &value) {
  // A copy: evaluating the arguments may move `value`.
  std::shared_ptr<Recipe> recipe = value.recipe;
  size_t result = value.result;
  if (!recipe->op) {
    evaluatedEntries.insert(recipe->entry);
    return tensors[recipe->entry].tensor;
  }
  if (recipe->results.empty()) {
    torch::jit::Stack stack;
    for (const c10::IValue &argument : recipe->arguments)
      stack.push_back(evaluateArgument(argument));
    torch::jit::Stack arguments = stack;
    {
      OutsideTrace outside;
      recipe->op->callBoxed(stack);
    }
    addFactsOfCall(*recipe->op, arguments, stack);
    for (const c10::IValue &output : stack) {
      if (output.isTensor())
        recipe->results.push_back(output.toTensor());
      else
        for (const at::Tensor &tensor : output.toTensorVector())
          recipe->results.push_back(tensor);
    }
  }
  return recipe->results[result];
}

/// The number in `value` or in a tensor of one element.
static std::optional<c10::Scalar> getNumber(const c10::IValue &value) {
  if (value.isInt() || value.isDouble())
    return value.toScalar();
  if (value.isTensor() && value.toTensor().defined() && value.toTensor().numel() == 1 && !value.toTensor().is_complex())
    return value.toTensor().item();
  return std::nullopt;
}

/// An integer as it is, a number with a fraction by its bits.
static int64_t getBits(const c10::Scalar &number) {
  return number.isFloatingPoint() ? std::bit_cast<int64_t>(number.toDouble()) : number.toLong();
}

void Recorder::addFactsOfCall(const c10::OperatorHandle &op, const torch::jit::Stack &arguments,
                              const torch::jit::Stack &results) {
  // Their results show how they depend on sizes.
  static const std::set<std::string> plain = {
      "aten::add",      "aten::sub",   "aten::mul",    "aten::rsub",  "aten::neg",    "aten::scalar_tensor",
      "aten::_to_copy", "aten::clone", "aten::full",   "aten::view",  "aten::expand", "aten::unsqueeze",
      "aten::stack",    "aten::cat",   "aten::select", "aten::empty", "aten::zeros",  "aten::ones"};
  static const std::map<std::string, SizeFact::Kind> known = {{"aten::lt", SizeFact::Kind::Less},
                                                              {"aten::le", SizeFact::Kind::LessEqual},
                                                              {"aten::gt", SizeFact::Kind::Greater},
                                                              {"aten::ge", SizeFact::Kind::GreaterEqual},
                                                              {"aten::eq", SizeFact::Kind::Equal},
                                                              {"aten::ne", SizeFact::Kind::NotEqual},
                                                              {"aten::floor_divide", SizeFact::Kind::FloorDivide},
                                                              {"aten::remainder", SizeFact::Kind::Remainder}};
  OutsideTrace outside;
  std::vector<c10::Scalar> numbers;
  for (const c10::IValue &argument : arguments)
    if (auto number = getNumber(argument))
      numbers.push_back(*number);
  bool hasFraction =
      std::any_of(numbers.begin(), numbers.end(), [](const c10::Scalar &n) { return n.isFloatingPoint(); });
  const std::string &name = op.schema().name();
  if (plain.count(name) && !hasFraction)
    return;

  auto result = results[0].isTensor() ? getNumber(results[0]) : std::nullopt;
  std::vector<int64_t> operands;
  for (const c10::Scalar &number : numbers)
    operands.push_back(getBits(number));
  if (result && !hasFraction && operands.size() >= 2) {
    if (auto it = known.find(name); it != known.end())
      return addFact(it->second, {operands[0], operands[1]}, result->toLong());
    // Rounded to zero or down is the same here.
    if (name == "aten::div" && arguments.back().isString() && operands[0] >= 0 && operands[1] > 0)
      return addFact(SizeFact::Kind::FloorDivide, {operands[0], operands[1]}, result->toLong());
  }
  addFact(SizeFact::Kind::Opaque, std::move(operands), result ? getBits(*result) : 0);
}
