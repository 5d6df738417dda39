//===- GraphReader.cpp - graphs of torch.export's schema -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphReader.h"
#include "SymbolicExpression.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace torchc;

/// Graphs inside of graphs, deeper than any model has them.
static constexpr unsigned kMaxGraphDepth = 32;

//===----------------------------------------------------------------------===//
// Enums: the schema numbers them in its own way
//===----------------------------------------------------------------------===//

static ScalarType readScalarType(JsonCursor cursor) {
  switch (cursor.getInteger()) {
  case 1: return ScalarType::Byte;
  case 2: return ScalarType::Char;
  case 3: return ScalarType::Short;
  case 4: return ScalarType::Int;
  case 5: return ScalarType::Long;
  case 6: return ScalarType::Half;
  case 7: return ScalarType::Float;
  case 8: return ScalarType::Double;
  case 9: return ScalarType::ComplexHalf;
  case 10: return ScalarType::ComplexFloat;
  case 11: return ScalarType::ComplexDouble;
  case 12: return ScalarType::Bool;
  case 13: return ScalarType::BFloat16;
  case 28: return ScalarType::UInt16;
  case 29: return ScalarType::Float8_e4m3fn;
  case 30: return ScalarType::Float8_e5m2;
  case 34: return ScalarType::UInt32;
  case 35: return ScalarType::UInt64;
  }
  cursor.fail("unknown element type " + Twine(cursor.getInteger()));
  return ScalarType::Float;
}

/// Gives the number of c10::Layout.
static LayoutArg readLayout(JsonCursor cursor) {
  switch (cursor.getInteger()) {
  case 1: return {1}; // Sparse
  case 2: return {2}; // SparseCsr
  case 3: return {4}; // SparseCsc
  case 4: return {5}; // SparseBsr
  case 5: return {6}; // SparseBsc
  case 6: return {3}; // Mkldnn
  case 7: return {0}; // Strided
  }
  cursor.fail("unknown layout " + Twine(cursor.getInteger()));
  return {0};
}

/// Gives the number of c10::MemoryFormat.
static MemoryFormatArg readMemoryFormat(JsonCursor cursor) {
  switch (cursor.getInteger()) {
  case 1: return {0}; // Contiguous
  case 2: return {2}; // ChannelsLast
  case 3: return {3}; // ChannelsLast3d
  case 4: return {1}; // Preserve
  }
  cursor.fail("unknown memory format " + Twine(cursor.getInteger()));
  return {0};
}

static DeviceArg readDevice(JsonCursor cursor) {
  std::string type = cursor["type"].getString();
  if (cursor.has("index"))
    type += ":" + std::to_string(cursor["index"].getInteger());
  return {type};
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static SymInt readSymInt(JsonCursor cursor, ArrayRef<SymbolRange> symbols) {
  auto [tag, value] = cursor.getUnion();
  if (tag == "as_int")
    return {value.getInteger(), ""};
  if (tag != "as_expr") {
    cursor.fail("unknown tag of an integer");
    return {};
  }
  std::string text = value["expr_str"].getString();
  // Writers before torch 2.8 have the infix form itself.
  SymInt size = parseSymbolicExpression(text, symbols).value_or(SymInt{0, text});
  if (!size.isConstant() && value.has("hint")) {
    auto [hintTag, hint] = value["hint"].getUnion();
    if (hintTag != "as_int")
      hint.fail("the hint of a size is an integer");
    else
      size.value = hint.getInteger();
  }
  return size;
}

TensorMeta torchc::readTensorMeta(JsonCursor cursor, ArrayRef<SymbolRange> symbols) {
  TensorMeta meta;
  meta.dtype = readScalarType(cursor["dtype"]);
  cursor["sizes"].forEachElement([&](JsonCursor size) { meta.sizes.push_back(readSymInt(size, symbols)); });
  cursor["strides"].forEachElement([&](JsonCursor stride) { meta.strides.push_back(readSymInt(stride, symbols)); });
  meta.storageOffset = readSymInt(cursor["storage_offset"], symbols);
  if (readLayout(cursor["layout"]).value != 0)
    cursor.fail("sparse tensors are not supported", CaptureFailure::UnsupportedOp);
  if (meta.sizes.size() != meta.strides.size())
    cursor.fail("a tensor has as many strides as sizes");
  for (const SymInt &size : meta.sizes)
    if (size.isConstant() && size.value < 0)
      cursor.fail("negative size " + Twine(size.value));
  return meta;
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

namespace {

/// Reads one graph: names in it are looked up in its own tables.
class GraphReader {
public:
  GraphReader(JsonCursor graph, ArrayRef<SymbolRange> symbols, unsigned depth)
      : graph(graph), symbols(symbols), depth(depth) {}

  CapturedGraph read();
  Argument readArgument(JsonCursor cursor) const;

private:
  template <typename Function> Argument readList(JsonCursor list, Function readElement) const {
    Argument::List elements;
    list.forEachElement([&](JsonCursor element) { elements.push_back({readElement(element)}); });
    return {std::move(elements)};
  }

  TensorMeta lookupTensor(JsonCursor name) const {
    return readTensorMeta(graph["tensor_values"][name.getString()], symbols);
  }
  CapturedValue readTensor(JsonCursor tensorArgument) const;
  CapturedValue readDefinition(JsonCursor argument) const;
  CapturedNode readNode(JsonCursor node) const;

  JsonCursor graph;
  ArrayRef<SymbolRange> symbols;
  unsigned depth;
};

/// The union of a name and a literal: SymIntArgument and the like.
template <typename Literal> Argument readNameOr(JsonCursor cursor, StringRef literalTag, Literal readLiteral) {
  auto [tag, value] = cursor.getUnion();
  if (tag == "as_name")
    return {ValueRef{value.getString()}};
  if (tag == literalTag)
    return {readLiteral(value)};
  cursor.fail("unknown tag '" + tag + "'");
  return {};
}

Argument readInteger(JsonCursor cursor) { return {cursor.getInteger()}; }
Argument readNumber(JsonCursor cursor) { return {cursor.getNumber()}; }
Argument readBool(JsonCursor cursor) { return {cursor.getBool()}; }
Argument readString(JsonCursor cursor) { return {cursor.getString()}; }
Argument readTensorName(JsonCursor cursor) { return {ValueRef{cursor["name"].getString()}}; }
Argument readSymIntArgument(JsonCursor cursor) {
  return readNameOr(cursor, "as_int", [](JsonCursor value) { return value.getInteger(); });
}
Argument readSymFloatArgument(JsonCursor cursor) {
  return readNameOr(cursor, "as_float", [](JsonCursor value) { return value.getNumber(); });
}
Argument readSymBoolArgument(JsonCursor cursor) {
  return readNameOr(cursor, "as_bool", [](JsonCursor value) { return value.getBool(); });
}
Argument readOptionalTensor(JsonCursor cursor) {
  auto [tag, value] = cursor.getUnion();
  if (tag == "as_tensor")
    return readTensorName(value);
  if (tag != "as_none")
    cursor.fail("unknown tag '" + tag + "'");
  return {};
}

} // namespace

Argument GraphReader::readArgument(JsonCursor cursor) const {
  auto [tag, value] = cursor.getUnion();
  if (tag == "as_none")
    return {};
  if (tag == "as_tensor")
    return readTensorName(value);
  if (tag == "as_tensors")
    return readList(value, [](JsonCursor e) { return readTensorName(e).value; });
  if (tag == "as_optional_tensor")
    return readOptionalTensor(value);
  if (tag == "as_optional_tensors")
    return readList(value, [](JsonCursor e) { return readOptionalTensor(e).value; });
  if (tag == "as_nested_tensors")
    return readList(value, [&](JsonCursor e) {
      return readList(e, [](JsonCursor inner) { return readTensorName(inner).value; }).value;
    });
  if (tag == "as_int")
    return readInteger(value);
  if (tag == "as_ints")
    return readList(value, [](JsonCursor e) { return readInteger(e).value; });
  if (tag == "as_int_lists")
    return readList(value, [&](JsonCursor e) {
      return readList(e, [](JsonCursor inner) { return readInteger(inner).value; }).value;
    });
  if (tag == "as_float")
    return readNumber(value);
  if (tag == "as_floats")
    return readList(value, [](JsonCursor e) { return readNumber(e).value; });
  if (tag == "as_float_lists")
    return readList(value, [&](JsonCursor e) {
      return readList(e, [](JsonCursor inner) { return readNumber(inner).value; }).value;
    });
  if (tag == "as_bool")
    return readBool(value);
  if (tag == "as_bools")
    return readList(value, [](JsonCursor e) { return readBool(e).value; });
  if (tag == "as_string" || tag == "as_operator")
    return readString(value);
  if (tag == "as_strings")
    return readList(value, [](JsonCursor e) { return readString(e).value; });
  if (tag == "as_sym_int")
    return readSymIntArgument(value);
  if (tag == "as_sym_ints")
    return readList(value, [](JsonCursor e) { return readSymIntArgument(e).value; });
  if (tag == "as_sym_float")
    return readSymFloatArgument(value);
  if (tag == "as_sym_floats")
    return readList(value, [](JsonCursor e) { return readSymFloatArgument(e).value; });
  if (tag == "as_sym_bool")
    return readSymBoolArgument(value);
  if (tag == "as_sym_bools")
    return readList(value, [](JsonCursor e) { return readSymBoolArgument(e).value; });
  // No list of torch.export's: the operands of a branch that torch.compile captured, sizes beside tensors.
  if (tag == "as_arguments")
    return readList(value, [&](JsonCursor e) { return readArgument(e).value; });
  if (tag == "as_scalar_type")
    return {readScalarType(value)};
  if (tag == "as_memory_format")
    return {readMemoryFormat(value)};
  if (tag == "as_layout")
    return {readLayout(value)};
  if (tag == "as_device")
    return {readDevice(value)};
  if (tag == "as_complex")
    return {std::complex<double>(value["real"].getNumber(), value["imag"].getNumber())};
  if (tag == "as_graph") {
    if (depth == kMaxGraphDepth) {
      cursor.fail("graphs nest too deeply");
      return {};
    }
    return {std::make_shared<CapturedGraph>(GraphReader(value["graph"], symbols, depth + 1).read())};
  }
  if (tag == "as_custom_obj" || tag == "as_string_to_argument")
    cursor.fail("arguments of kind '" + tag + "' are not supported", CaptureFailure::UnsupportedOp);
  else
    cursor.fail("unknown tag '" + tag + "'");
  return {};
}

CapturedValue GraphReader::readTensor(JsonCursor tensorArgument) const {
  JsonCursor name = tensorArgument["name"];
  return {name.getString(), {ValueType::Kind::Tensor, lookupTensor(name), {}}};
}

/// The value that an `Argument` stands for where the graph defines it: an
/// input of the graph or an output of a node.
CapturedValue GraphReader::readDefinition(JsonCursor cursor) const {
  auto [tag, value] = cursor.getUnion();
  auto scalar = [&](ValueType::Kind kind, Argument argument) {
    const auto *name = std::get_if<ValueRef>(&argument.value);
    return CapturedValue{name ? name->name : "", {kind, {}, {}}};
  };
  if (tag == "as_tensor")
    return readTensor(value);
  if (tag == "as_optional_tensor" && value.has("as_tensor"))
    return readTensor(value["as_tensor"]);
  if (tag == "as_none" || tag == "as_optional_tensor")
    return scalar(ValueType::Kind::None, {});
  if (tag == "as_sym_int")
    return scalar(ValueType::Kind::Int, readSymIntArgument(value));
  if (tag == "as_sym_float")
    return scalar(ValueType::Kind::Float, readSymFloatArgument(value));
  if (tag == "as_sym_bool")
    return scalar(ValueType::Kind::Bool, readSymBoolArgument(value));
  // A value that the capture took for granted has no name.
  if (tag == "as_int")
    return scalar(ValueType::Kind::Int, readInteger(value));
  if (tag == "as_float")
    return scalar(ValueType::Kind::Float, readNumber(value));
  if (tag == "as_bool")
    return scalar(ValueType::Kind::Bool, readBool(value));
  if (tag == "as_string")
    return scalar(ValueType::Kind::None, readString(value));
  if (tag == "as_tensors") {
    CapturedValue list{"", {ValueType::Kind::TensorList, {}, {}}};
    value.forEachElement([&](JsonCursor element) {
      CapturedValue tensor = readTensor(element);
      list.type.elements.push_back(std::move(tensor.type.tensor));
      list.elementNames.push_back(std::move(tensor.name));
    });
    return list;
  }
  cursor.fail("inputs and outputs of kind '" + tag + "' are not supported", CaptureFailure::UnsupportedOp);
  return {};
}

/// The frames of a Python stack trace: lines `  File "path", line 3, in name`.
static std::vector<SourceFrame> parseStackTrace(StringRef trace) {
  std::vector<SourceFrame> frames;
  while (!trace.empty()) {
    StringRef line;
    std::tie(line, trace) = trace.split('\n');
    line = line.trim();
    if (!line.consume_front("File \""))
      continue;
    auto [file, afterFile] = line.split("\", line ");
    unsigned number;
    if (file.empty() || afterFile.consumeInteger(10, number))
      continue;
    afterFile.consume_front(", in ");
    frames.push_back({file.str(), number, afterFile.str()});
  }
  return frames;
}

/// "torch.ops.aten.add.Tensor" -> "aten.add.Tensor", "_operator.mul" ->
/// "operator.mul"; the overload "default" goes.
static std::string normalizeTarget(StringRef target) {
  target.consume_front("torch.ops.");
  target.consume_back(".default");
  if (target.starts_with("_operator."))
    target = target.drop_front();
  return target.str();
}

CapturedNode GraphReader::readNode(JsonCursor cursor) const {
  CapturedNode node;
  node.target = normalizeTarget(cursor["target"].getString());
  if (node.target.empty())
    cursor["target"].fail("an operator has a name");
  cursor["inputs"].forEachElement(
      [&](JsonCursor input) { node.arguments.emplace_back(input["name"].getString(), readArgument(input["arg"])); });
  cursor["outputs"].forEachElement([&](JsonCursor output) { node.outputs.push_back(readDefinition(output)); });
  if (cursor.has("name"))
    node.name = cursor["name"].getString();
  JsonCursor metadata = cursor["metadata"];
  if (metadata.has("stack_trace"))
    node.frames = parseStackTrace(metadata["stack_trace"].getString());
  return node;
}

CapturedGraph GraphReader::read() {
  CapturedGraph captured;
  graph["inputs"].forEachElement([&](JsonCursor input) { captured.inputs.push_back(readDefinition(input)); });
  graph["nodes"].forEachElement([&](JsonCursor node) { captured.nodes.push_back(readNode(node)); });
  graph["outputs"].forEachElement([&](JsonCursor output) { captured.outputs.push_back(readArgument(output)); });
  return captured;
}

CapturedGraph torchc::readGraph(JsonCursor graph, ArrayRef<SymbolRange> symbols) {
  return GraphReader(graph, symbols, 0).read();
}

Argument torchc::readArgument(JsonCursor argument) {
  // Outside of a graph there are no graphs to nest.
  return GraphReader(argument, {}, kMaxGraphDepth).readArgument(argument);
}

Argument torchc::readConstantValue(JsonCursor constant) {
  auto [tag, value] = constant.getUnion();
  if (tag == "as_none")
    return {};
  if (tag == "as_int")
    return readInteger(value);
  if (tag == "as_float")
    return readNumber(value);
  if (tag == "as_string")
    return readString(value);
  if (tag == "as_bool")
    return readBool(value);
  constant.fail("unknown tag '" + tag + "'");
  return {};
}
