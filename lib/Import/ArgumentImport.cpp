//===- ArgumentImport.cpp - arguments of captured nodes as torch values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphImporter.h"
#include "ProgramTypes.h"

#include "llvm/ADT/StringExtras.h"

#include <nlohmann/json.hpp>

using namespace mlir;
using namespace torchc;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value GraphImporter::createInt(Location loc, int64_t value) {
  return torch::ConstantIntOp::create(builder, loc, builder.getType<torch::IntType>(),
                                      builder.getI64IntegerAttr(value));
}
Value GraphImporter::createFloat(Location loc, double value) {
  return torch::ConstantFloatOp::create(builder, loc, builder.getType<torch::FloatType>(),
                                        builder.getF64FloatAttr(value));
}
Value GraphImporter::createBool(Location loc, bool value) {
  return torch::ConstantBoolOp::create(builder, loc, builder.getType<torch::BoolType>(), builder.getBoolAttr(value));
}
Value GraphImporter::createString(Location loc, StringRef value) {
  return torch::ConstantStrOp::create(builder, loc, builder.getType<torch::StringType>(), builder.getStringAttr(value));
}
Value GraphImporter::createNone(Location loc) {
  return torch::ConstantNoneOp::create(builder, loc, builder.getType<torch::NoneType>());
}

Type GraphImporter::getAnyTensorType() {
  if (isMutable)
    return torch::NonValueTensorType::get(builder.getContext(), false, {}, Type());
  return torch::ValueTensorType::get(builder.getContext(), false, {}, Type());
}

Value GraphImporter::createList(Location loc, ValueRange elements, Type elementType) {
  return torch::PrimListConstructOp::create(builder, loc, torch::ListType::get(elementType), elements);
}

/// Torch's type promotion treats a tensor that was a Python number by its kind
/// alone.
static constexpr StringLiteral kWrappedNumber = "torchc.wrapped_number";

Value GraphImporter::makeMutable(Location loc, Value tensor) {
  if (!isMutable)
    return tensor;
  Type type = cast<torch::BaseTensorType>(tensor.getType()).getNonValueType();
  return torch::CopyToNonValueTensorOp::create(builder, loc, type, tensor);
}

Value GraphImporter::wrapComplex(Location loc, std::complex<double> number) {
  Type f64 = builder.getF64Type();
  auto pair = RankedTensorType::get({2}, f64);
  Value parts = torch::ValueTensorLiteralOp::create(
      builder, loc, torch::ValueTensorType::get(builder.getContext(), ArrayRef<int64_t>{2}, f64),
      DenseElementsAttr::get(pair, ArrayRef<double>{number.real(), number.imag()}));
  auto type = torch::ValueTensorType::get(builder.getContext(), ArrayRef<int64_t>{}, ComplexType::get(f64));
  auto tensor = torch::AtenViewAsComplexOp::create(builder, loc, type, parts);
  tensor->setAttr(kWrappedNumber, builder.getUnitAttr());
  return makeMutable(loc, tensor);
}

Value GraphImporter::wrapLiteral(Location loc, Attribute number) {
  Type dtype = builder.getF64Type();
  if (auto boolean = dyn_cast<BoolAttr>(number)) {
    dtype = builder.getI1Type();
  } else if (auto integer = dyn_cast<IntegerAttr>(number)) {
    dtype = builder.getIntegerType(64, /*isSigned=*/true);
    number = IntegerAttr::get(dtype, integer.getValue());
  }
  auto type = torch::ValueTensorType::get(builder.getContext(), ArrayRef<int64_t>{}, dtype);
  auto elements = DenseElementsAttr::get(RankedTensorType::get({}, dtype), number);
  auto literal = torch::ValueTensorLiteralOp::create(builder, loc, type, elements);
  literal->setAttr(kWrappedNumber, builder.getUnitAttr());
  return makeMutable(loc, literal);
}

Value GraphImporter::wrapNumber(Location loc, Value number) {
  ScalarType dtype = isa<torch::IntType>(number.getType())     ? ScalarType::Long
                     : isa<torch::FloatType>(number.getType()) ? ScalarType::Double
                                                               : ScalarType::Bool;
  Value none = createNone(loc);
  auto op = torch::AtenScalarTensorOp::create(
      builder, loc, convertTensorType({dtype, {}, {}, {}}, isMutable, builder.getContext()),
      ValueRange{number, createInt(loc, static_cast<int64_t>(dtype)), none, none, none});
  op->setAttr(kWrappedNumber, builder.getUnitAttr());
  return op.getResult();
}

//===----------------------------------------------------------------------===//
// Arguments by their own kind
//===----------------------------------------------------------------------===//

FailureOr<Value> GraphImporter::importArgument(Location loc, const Argument &argument, const Scope &scope) {
  if (const auto *reference = std::get_if<ValueRef>(&argument.value)) {
    if (Value value = scope.values.lookup(reference->name))
      return value;
    return fail(loc, "the name '" + reference->name + "' is not defined");
  }
  if (std::holds_alternative<std::monostate>(argument.value))
    return createNone(loc);
  if (const auto *boolean = std::get_if<bool>(&argument.value))
    return createBool(loc, *boolean);
  if (const auto *integer = std::get_if<int64_t>(&argument.value))
    return createInt(loc, *integer);
  if (const auto *number = std::get_if<double>(&argument.value))
    return createFloat(loc, *number);
  if (const auto *string = std::get_if<std::string>(&argument.value))
    return createString(loc, *string);
  // Torch's enums are ints to its operators.
  if (const auto *type = std::get_if<ScalarType>(&argument.value))
    return createInt(loc, static_cast<int64_t>(*type));
  if (const auto *layout = std::get_if<LayoutArg>(&argument.value))
    return createInt(loc, layout->value);
  if (const auto *format = std::get_if<MemoryFormatArg>(&argument.value))
    return createInt(loc, format->value);
  if (const auto *device = std::get_if<DeviceArg>(&argument.value))
    return Value(torch::ConstantDeviceOp::create(builder, loc, builder.getType<torch::DeviceType>(),
                                                 builder.getStringAttr(device->type)));
  if (const auto *number = std::get_if<std::complex<double>>(&argument.value))
    return Value(torch::ConstantComplexOp::create(builder, loc, builder.getType<torch::NumberType>(),
                                                  builder.getF64FloatAttr(number->real()),
                                                  builder.getF64FloatAttr(number->imag())));
  if (const auto *list = std::get_if<Argument::List>(&argument.value)) {
    Values elements;
    for (const Argument &element : *list) {
      FailureOr<Value> value = importArgument(loc, element, scope);
      if (failed(value))
        return failure();
      elements.push_back(*value);
    }
    bool isUniform = !elements.empty() && llvm::all_equal(ValueRange(elements).getTypes());
    return createList(loc, elements, isUniform ? elements.front().getType() : builder.getType<torch::AnyType>());
  }
  return fail(loc, "a graph stands where a value is wanted");
}

FailureOr<GraphImporter::Values> GraphImporter::importPlainOperands(Location loc, const CapturedNode &node,
                                                                    const Scope &scope) {
  Values operands;
  for (const auto &[name, argument] : node.arguments) {
    // The node becomes a `torch.operator`, reported with all unsupported ones.
    if (std::holds_alternative<std::shared_ptr<CapturedGraph>>(argument.value))
      continue;
    FailureOr<Value> operand = importArgument(loc, argument, scope);
    if (failed(operand))
      return failure();
    operands.push_back(*operand);
  }
  return operands;
}

//===----------------------------------------------------------------------===//
// Arguments by a schema
//===----------------------------------------------------------------------===//

/// The argument that JSON of a schema's default stands for.
static Argument parseDefault(StringRef text) {
  auto convert = [](const nlohmann::json &value) -> Argument {
    if (value.is_boolean())
      return {value.get<bool>()};
    if (value.is_number_integer())
      return {value.get<int64_t>()};
    if (value.is_number_float())
      return {value.get<double>()};
    if (value.is_string())
      return {value.get<std::string>()};
    assert(value.is_null() && "a default is a scalar or a list of scalars");
    return {};
  };
  nlohmann::json value = nlohmann::json::parse(text.begin(), text.end());
  if (!value.is_array())
    return convert(value);
  Argument::List elements;
  for (const nlohmann::json &element : value)
    elements.push_back(convert(element));
  return {std::move(elements)};
}

FailureOr<GraphImporter::Values> GraphImporter::importSchemaOperands(Location loc, const CapturedNode &node,
                                                                     ArrayRef<SchemaArgument> schema,
                                                                     const Scope &scope) {
  llvm::StringMap<const Argument *> given;
  for (const auto &[name, argument] : node.arguments) {
    if (llvm::none_of(schema, [&](const SchemaArgument &formal) { return formal.name == name; }))
      return fail(loc, node.target + " has no argument '" + name + "'");
    if (!given.try_emplace(name, &argument).second)
      return fail(loc, node.target + " is given its argument '" + name + "' twice");
  }
  Values operands;
  for (const SchemaArgument &formal : schema) {
    const Argument *argument = given.lookup(formal.name);
    if (!argument && !formal.defaultValue)
      return fail(loc, node.target + " is not given its argument '" + formal.name + "'");
    FailureOr<Value> operand =
        importAs(loc, argument ? *argument : parseDefault(formal.defaultValue), formal.type, formal.listSize, scope);
    if (failed(operand))
      return failure();
    operands.push_back(*operand);
  }
  return operands;
}

/// The inside of "wrapper[...]", or nullopt.
static std::optional<StringRef> unwrap(StringRef type, StringRef wrapper) {
  if (type.consume_front(wrapper) && type.consume_front("[") && type.consume_back("]"))
    return type;
  return std::nullopt;
}

FailureOr<Value> GraphImporter::importList(Location loc, const Argument &argument, StringRef elementType,
                                           int64_t listSize, const Scope &scope) {
  const auto *list = std::get_if<Argument::List>(&argument.value);
  // The name of a list of tensors, or one number for all elements.
  const auto *reference = std::get_if<ValueRef>(&argument.value);
  if (reference && scope.lists.contains(reference->name))
    return importArgument(loc, argument, scope);
  Argument::List repeated;
  if (!list) {
    if (listSize == 0)
      return fail(loc, "a list is wanted here");
    repeated.assign(listSize, argument);
    list = &repeated;
  }
  Values elements;
  for (const Argument &element : *list) {
    FailureOr<Value> value = importAs(loc, element, elementType, 0, scope);
    if (failed(value))
      return failure();
    elements.push_back(*value);
  }
  std::optional<StringRef> contained = unwrap(elementType, "Optional");
  StringRef kind = contained.value_or(elementType);
  Type type = kind == "Tensor"   ? getAnyTensorType()
              : kind == "int"    ? builder.getType<torch::IntType>()
              : kind == "float"  ? builder.getType<torch::FloatType>()
              : kind == "bool"   ? builder.getType<torch::BoolType>()
              : kind == "str"    ? builder.getType<torch::StringType>()
              : elements.empty() ? Type(builder.getType<torch::AnyType>())
                                 : elements.front().getType();
  if (contained && llvm::any_of(elements, torch::isNone))
    type = torch::OptionalType::get(type);
  return createList(loc, elements, type);
}

FailureOr<Value> GraphImporter::importAs(Location loc, const Argument &argument, StringRef type, int64_t listSize,
                                         const Scope &scope) {
  if (auto contained = unwrap(type, "Optional")) {
    if (std::holds_alternative<std::monostate>(argument.value))
      return createNone(loc);
    return importAs(loc, argument, *contained, listSize, scope);
  }
  if (auto element = unwrap(type, "List"))
    return importList(loc, argument, *element, listSize, scope);
  // Python gives ints where a schema says float.
  if (const auto *integer = std::get_if<int64_t>(&argument.value); integer && type == "float")
    return createFloat(loc, static_cast<double>(*integer));

  if (type == "Tensor") {
    if (const auto *integer = std::get_if<int64_t>(&argument.value))
      return wrapLiteral(loc, builder.getI64IntegerAttr(*integer));
    if (const auto *number = std::get_if<double>(&argument.value))
      return wrapLiteral(loc, builder.getF64FloatAttr(*number));
    if (const auto *boolean = std::get_if<bool>(&argument.value))
      return wrapLiteral(loc, builder.getBoolAttr(*boolean));
    if (const auto *number = std::get_if<std::complex<double>>(&argument.value))
      return wrapComplex(loc, *number);
  }
  FailureOr<Value> value = importArgument(loc, argument, scope);
  if (failed(value))
    return failure();
  // A size, say, that is known only at run time.
  if (type == "Tensor" && isa<torch::IntType, torch::FloatType, torch::BoolType>(value->getType()))
    return wrapNumber(loc, *value);
  return value;
}
