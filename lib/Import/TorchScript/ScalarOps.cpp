//===- ScalarOps.cpp - numbers while tracing ------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaptureError.h"
#include "DispatchMode.h"
#include "Interpreter.h"
#include "ScalarNode.h"

#include <ATen/ops/ne.h>
#include <ATen/ops/scalar_tensor.h>

#include <bit>
#include <set>

using namespace torchc;
using namespace torchc::torchscript;
using torch::jit::Stack;

//===----------------------------------------------------------------------===//
// Between tensors and numbers
//===----------------------------------------------------------------------===//

/// int(t), float(t), bool(t), t.item(): false if `node` is none of them.
bool Interpreter::runScalarRead(const Node *node, const Stack &inputs) {
  static const std::map<std::string, c10::TypeKind> reads = {
      {"aten::Int", c10::TypeKind::IntType},     {"aten::IntImplicit", c10::TypeKind::IntType},
      {"aten::Float", c10::TypeKind::FloatType}, {"aten::FloatImplicit", c10::TypeKind::FloatType},
      {"aten::Bool", c10::TypeKind::BoolType},   {"aten::is_nonzero", c10::TypeKind::BoolType},
      {"aten::item", c10::TypeKind::NumberType}, {"aten::ScalarImplicit", c10::TypeKind::NumberType}};
  auto it = reads.find(node->kind().toQualString());
  if (it == reads.end() || inputs.empty() || !inputs[0].isTensor())
    return false;
  at::Tensor tensor = inputs[0].toTensor();
  c10::ScalarType type = tensor.scalar_type();
  switch (it->second) {
  case c10::TypeKind::IntType:
    if (!c10::isIntegralType(type, /*includeBool=*/false))
      tensor = tensor.to(at::kLong);
    break;
  case c10::TypeKind::FloatType:
    if (!c10::isFloatingType(type))
      tensor = tensor.to(at::kDouble);
    break;
  case c10::TypeKind::BoolType:
    if (type != at::kBool)
      tensor = tensor.ne(0);
    break;
  default: break;
  }
  set(node->output(), recorder.readScalar(tensor));
  return true;
}

/// torch.tensor of a number stays an operator, so that the number may depend on
/// sizes; of a list it is a constant.
c10::IValue Interpreter::makeTensor(const Stack &inputs, const Node *node) {
  const c10::IValue &value = inputs[0];
  if (value.isTensor())
    return inputs.size() > 1 && !inputs[1].isNone() ? value.toTensor().to(inputs[1].toScalarType())
                                                    : value.toTensor().clone();
  auto wantsType = [&] { return inputs.size() > 1 && !inputs[1].isNone(); };
  if (value.isScalar() || getScalarNode(value)) {
    bool isFloat = value.isDouble() || value.isSymFloat();
    bool isBool = value.isBool() || value.isSymBool();
    c10::ScalarType type = wantsType()               ? inputs[1].toScalarType()
                           : isBool                  ? at::kBool
                           : isFloat                 ? c10::get_default_dtype_as_scalartype()
                           : value.isComplexDouble() ? at::kComplexFloat
                                                     : at::kLong;
    return at::scalar_tensor(value.toScalar(), type);
  }
  for (const c10::IValue &element : value.toListRef())
    if (getScalarNode(element))
      throw unsupported("unsupported op aten.tensor: an element of its list is "
                        "read from a tensor at run time");
  Stack stack = inputs;
  {
    OutsideTrace outside;
    node->getOperation()(stack);
  }
  return lift(stack.back());
}

//===----------------------------------------------------------------------===//
// Numbers that are known only at run time
//===----------------------------------------------------------------------===//

static bool hasSymbolic(const Stack &inputs) {
  for (const c10::IValue &input : inputs)
    if (getScalarNode(input))
      return true;
  return false;
}

static ValueType::Kind getResultKind(const torch::jit::Node *node, const Stack &inputs) {
  switch (node->output()->type()->kind()) {
  case c10::TypeKind::BoolType: return ValueType::Kind::Bool;
  case c10::TypeKind::FloatType: return ValueType::Kind::Float;
  case c10::TypeKind::IntType: return ValueType::Kind::Int;
  default: // A number of the operands' kind.
    for (const c10::IValue &input : inputs)
      if (input.isDouble() || input.isSymFloat())
        return ValueType::Kind::Float;
    return ValueType::Kind::Int;
  }
}

bool Interpreter::runSymbolicScalar(const Node *node, const Stack &inputs) {
  if (!hasSymbolic(inputs))
    return false;
  static const std::map<std::string, std::string> operators = {{"aten::add", "operator.add"},
                                                               {"aten::sub", "operator.sub"},
                                                               {"aten::mul", "operator.mul"},
                                                               {"aten::div", "operator.truediv"},
                                                               {"aten::floordiv", "operator.floordiv"},
                                                               {"aten::remainder", "operator.mod"},
                                                               {"aten::pow", "operator.pow"},
                                                               {"aten::neg", "operator.neg"},
                                                               {"aten::lt", "operator.lt"},
                                                               {"aten::le", "operator.le"},
                                                               {"aten::gt", "operator.gt"},
                                                               {"aten::ge", "operator.ge"},
                                                               {"aten::eq", "operator.eq"},
                                                               {"aten::ne", "operator.ne"},
                                                               {"aten::__and__", "operator.and_"},
                                                               {"aten::__or__", "operator.or_"},
                                                               {"aten::__not__", "torch.sym_not"},
                                                               {"prim::min", "torch.sym_min"},
                                                               {"prim::max", "torch.sym_max"}};
  std::string name = node->kind().toQualString();
  auto kind = getResultKind(node, inputs);

  if (name == "aten::Int" || name == "aten::Float" || name == "aten::Bool") {
    const ScalarNode *scalar = getScalarNode(inputs[0]);
    if (scalar->kind == kind)
      set(node->output(), inputs[0]);
    else if (kind == ValueType::Kind::Bool)
      set(node->output(),
          recorder.recordScalar("operator.ne", {{"a", recorder.toArgument(inputs[0])}, {"b", {int64_t(0)}}}, kind));
    else
      set(node->output(), recorder.recordScalar(kind == ValueType::Kind::Int ? "torch.sym_int" : "torch.sym_float",
                                                {{"a", recorder.toArgument(inputs[0])}}, kind));
    return true;
  }
  if (auto it = operators.find(name); it != operators.end()) {
    std::vector<std::pair<std::string, Argument>> arguments;
    const char *names[] = {"a", "b"};
    for (size_t i = 0; i < inputs.size() && i < 2; ++i)
      arguments.push_back({names[i], recorder.toArgument(inputs[i])});
    set(node->output(), recorder.recordScalar(it->second, std::move(arguments), kind));
    return true;
  }
  // Containers hold symbolic numbers like any others.
  static const std::set<std::string> containerOps = {"aten::append",      "aten::insert",         "aten::_set_item",
                                                     "aten::__getitem__", "prim::unchecked_cast", "aten::__is__",
                                                     "aten::__isnot__",   "prim::TupleIndex"};
  bool isIndexed = name == "aten::__getitem__" && getScalarNode(inputs[1]);
  if (containerOps.count(name) && !isIndexed)
    return false;
  throw unsupported("unsupported op " + name + " on a number that is read from a tensor at run time");
}

//===----------------------------------------------------------------------===//
// Numbers that may depend on dynamic sizes
//===----------------------------------------------------------------------===//

void Interpreter::noteSizeFacts(const Node *node, const Stack &inputs, const Stack &results) {
  static const std::map<std::string, SizeFact::Kind> known = {{"aten::lt", SizeFact::Kind::Less},
                                                              {"aten::le", SizeFact::Kind::LessEqual},
                                                              {"aten::gt", SizeFact::Kind::Greater},
                                                              {"aten::ge", SizeFact::Kind::GreaterEqual},
                                                              {"aten::eq", SizeFact::Kind::Equal},
                                                              {"aten::ne", SizeFact::Kind::NotEqual},
                                                              {"aten::floordiv", SizeFact::Kind::FloorDivide},
                                                              {"aten::remainder", SizeFact::Kind::Remainder}};
  // Their results show how they depend on sizes.
  static const std::set<std::string> plain = {
      "aten::add",        "aten::sub",       "aten::mul",         "aten::neg",
      "aten::Float",      "aten::append",    "aten::__getitem__", "prim::unchecked_cast",
      "prim::TupleIndex", "aten::_set_item", "aten::insert",      "aten::list",
      "aten::len",        "aten::__is__",    "aten::__isnot__"};
  std::string name = node->kind().toQualString();
  if (results.empty())
    return;
  const c10::IValue &result = results.back();

  auto lists = [&] { return inputs.size() == 2 && inputs[0].isIntList() && inputs[1].isIntList(); };
  if ((name == "aten::eq" || name == "aten::ne") && lists()) {
    auto lhs = inputs[0].toIntVector(), rhs = inputs[1].toIntVector();
    for (size_t i = 0; i < lhs.size() && lhs.size() == rhs.size(); ++i)
      recorder.addFact(SizeFact::Kind::Equal, {lhs[i], rhs[i]}, lhs[i] == rhs[i]);
    return;
  }
  std::vector<int64_t> operands;
  bool hasFraction = false;
  auto addNumber = [&](const c10::IValue &value) {
    if (value.isInt()) {
      operands.push_back(value.toInt());
    } else if (value.isDouble()) {
      operands.push_back(std::bit_cast<int64_t>(value.toDouble()));
      hasFraction = true;
    }
  };
  for (const c10::IValue &input : inputs) {
    if (input.isTensor())
      return; // A call of the recorded graph.
    addNumber(input);
    if (input.isIntList() || input.isDoubleList())
      for (const c10::IValue &element : input.toListRef())
        addNumber(element);
  }
  bool isNumber = result.isInt() || result.isBool() || result.isDouble();
  if (operands.empty() || !isNumber || (plain.count(name) && !hasFraction))
    return;
  int64_t bits = result.isInt()    ? result.toInt()
                 : result.isBool() ? result.toBool()
                                   : std::bit_cast<int64_t>(result.toDouble());
  auto it = known.find(name);
  bool isPair = inputs.size() == 2 && operands.size() == 2 && !hasFraction;
  if (it != known.end() && isPair)
    recorder.addFact(it->second, std::move(operands), bits);
  else if ((name == "prim::min" || name == "prim::max") && isPair)
    recorder.addFact(SizeFact::Kind::LessEqual, operands, operands[0] <= operands[1]);
  else if (name == "aten::Bool" && !hasFraction)
    recorder.addFact(SizeFact::Kind::NotEqual, {operands[0], 0}, bits);
  else
    recorder.addFact(SizeFact::Kind::Opaque, std::move(operands), bits);
}
