//===- ScalarImport.cpp - arithmetic on numbers --------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exported programs compute sizes with Python's own operators ("operator.add",
// "torch.sym_max", "math.ceil"), whose operands may be of several kinds. They
// become the ops of one kind, as Python converts: bool to int to float.
//
//===----------------------------------------------------------------------===//

#include "GraphImporter.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace torchc;

/// "bool", "int" or "float"; empty for what is no number.
static StringRef getKind(Value value) {
  return llvm::TypeSwitch<Type, StringRef>(value.getType())
      .Case<torch::IntType>([](Type) { return "int"; })
      .Case<torch::FloatType>([](Type) { return "float"; })
      .Case<torch::BoolType>([](Type) { return "bool"; })
      .Default([](Type) { return ""; });
}

Value GraphImporter::toNumber(Location loc, Value number, StringRef kind) {
  StringRef own = getKind(number);
  if (own == kind)
    return number;
  if (kind == "bool")
    return createScalarOp(loc, "operator.ne", {number, createInt(loc, 0)});
  OperationState state(loc, ("torch.aten." + (kind == "int" ? Twine("Int.") : Twine("Float.")) + own).str());
  state.addOperands(number);
  state.addTypes(kind == "int" ? Type(builder.getType<torch::IntType>()) : builder.getType<torch::FloatType>());
  return builder.create(state)->getResult(0);
}

Value GraphImporter::createScalarOp(Location loc, StringRef target, ValueRange given) {
  Values operands = llvm::to_vector(given);
  if (operands.size() == 1)
    if (auto list = operands.front().getDefiningOp<torch::PrimListConstructOp>())
      operands = llvm::to_vector(list.getElements());
  if (operands.empty() || llvm::any_of(operands, [](Value value) { return getKind(value).empty(); }))
    return {};
  auto has = [&](StringRef kind) {
    return llvm::any_of(operands, [&](Value value) { return getKind(value) == kind; });
  };
  StringRef common = has("float") ? "float" : "int";
  auto create = [&](const Twine &name, StringRef kind, Type result, ArrayRef<Value> values) -> Value {
    OperationState state(loc, ("torch." + name).str());
    for (Value value : values)
      state.addOperands(toNumber(loc, value, kind));
    state.addTypes(result);
    return builder.create(state)->getResult(0);
  };
  Type boolean = builder.getType<torch::BoolType>(), integer = builder.getType<torch::IntType>(),
       floating = builder.getType<torch::FloatType>();
  Type arithmetic = common == "int" ? integer : floating;

  if (operands.size() == 1) {
    Value operand = operands.front();
    if (target == "torch.sym_float")
      return toNumber(loc, operand, "float");
    // Rounding leaves an int as it is.
    if (target == "torch.sym_int" || target == "math.trunc")
      return toNumber(loc, operand, "int");
    if ((target == "math.floor" || target == "math.ceil") && common == "int")
      return toNumber(loc, operand, "int");
    if (target == "math.floor" || target == "math.ceil")
      return create("aten." + target.drop_front(5) + ".float", "float", integer, operand);
    if (target == "operator.not_" || target == "torch.sym_not")
      return create("aten.__not__", "bool", boolean, operand);
    if (target == "operator.neg")
      return create("aten.neg." + common, common, arithmetic, operand);
  }
  if (target == "torch.sym_sum") {
    Value sum = operands.front();
    for (Value operand : llvm::drop_begin(operands))
      sum = createScalarOp(loc, "operator.add", {sum, operand});
    return sum;
  }
  // condition ? a : b, of ints b + condition (a - b); what reading a bool from a tensor is exported as
  if (target == "torch.sym_ite" && getKind(operands[0]) == "bool" && !has("float")) {
    Value chosen = toNumber(loc, operands[1], "int"), other = toNumber(loc, operands[2], "int");
    Value difference = createScalarOp(loc, "operator.sub", {chosen, other});
    Value step = createScalarOp(loc, "operator.mul", {toNumber(loc, operands[0], "int"), difference});
    return createScalarOp(loc, "operator.add", {other, step});
  }
  if (operands.size() != 2)
    return {};
  bool areBools = !has("int") && !has("float");
  StringRef name =
      llvm::StringSwitch<StringRef>(target)
          .Cases({"operator.add", "operator.sub", "operator.mul"}, target.substr(9))
          .Case("torch.sym_max", "max")
          .Case("torch.sym_min", "min")
          .Case("operator.floordiv", common == "int" ? "floordiv" : "")
          .Case("operator.mod", common == "int" ? "remainder" : "")
          .Cases({"operator.eq", "operator.ne", "operator.lt", "operator.le", "operator.gt", "operator.ge"},
                 target.substr(9))
          .Case("operator.truediv", "div")
          .Case("operator.and_", areBools ? "__and__" : "")
          .Case("operator.or_", areBools ? "__or__" : "")
          .Case("operator.pow", "pow")
          .Default("");
  if (name.empty())
    return {};
  if (name == "max" || name == "min")
    return create("prim." + name + "." + common, common, arithmetic, operands);
  if (name == "div")
    return create("aten.div.float", "float", floating, operands);
  if (name == "__and__" || name == "__or__")
    return create("aten." + name + ".bool", "bool", boolean, operands);
  if (name == "pow") {
    // Sizes are squared or cubed, where at all.
    std::optional<int64_t> exponent = torch::getConstantInt(operands[1]);
    if (!exponent || *exponent < 1 || *exponent > 8)
      return {};
    Value power = toNumber(loc, operands[0], getKind(operands[0]) == "float" ? "float" : "int"), base = power;
    for (int64_t i = 1; i < *exponent; ++i)
      power = createScalarOp(loc, "operator.mul", {power, base});
    return power;
  }
  bool isComparison = name.size() == 2;
  return create("aten." + name + "." + common, common, isComparison ? boolean : arithmetic, operands);
}
