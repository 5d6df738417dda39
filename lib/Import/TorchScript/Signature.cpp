//===- Signature.cpp - a method's arguments and results as flat lists -----===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "CaptureError.h"

using namespace torchc;
using namespace torchc::torchscript;

static const std::string leafSpec = R"({"type": null, "context": null, "children_spec": []})";

static std::string makeNodeSpec(const std::string &type, const std::string &context,
                                const std::vector<std::string> &children) {
  std::string text = "{\"type\": \"builtins." + type + "\", \"context\": \"" + context + "\", \"children_spec\": [";
  for (size_t i = 0; i < children.size(); ++i)
    text += (i ? ", " : "") + children[i];
  return text + "]}";
}

static std::string wrapSpec(const std::string &spec) {
  return "[1, " + spec + "]"; // The protocol's version comes first.
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

namespace {

CaptureError usage(const std::string &message) {
  CaptureError error(CaptureFailure::Usage, "error: " + message);
  error.isLocated = true;
  return error;
}

/// Walks the signature and the shapes in step. `Maker` turns a leaf (its type,
/// name and shape) into a value.
template <typename Maker> class Binder {
public:
  Binder(const std::vector<InputShape> &shapes, Maker maker) : shapes(shapes), maker(maker) {}

  BoundArguments bind(const c10::FunctionSchema &schema) {
    BoundArguments bound;
    std::vector<std::string> specs;
    for (size_t i = 1; i < schema.arguments().size(); ++i) {
      const c10::Argument &formal = schema.arguments()[i];
      if (next == shapes.size() && formal.default_value()) {
        bound.values.push_back(*formal.default_value());
        continue;
      }
      specs.emplace_back();
      bound.values.push_back(make(formal.type(), formal.name(), specs.back()));
    }
    if (next != shapes.size())
      throw usage(describe(schema) + " takes " + std::to_string(next) + (next == 1 ? " input" : " inputs") + ", but " +
                  std::to_string(shapes.size()) + " are given");
    bound.treeSpec =
        wrapSpec(makeNodeSpec("tuple", "null", {makeNodeSpec("tuple", "null", specs), makeNodeSpec("dict", "[]", {})}));
    return bound;
  }

  static std::string describe(const c10::FunctionSchema &schema) {
    std::string text = schema.name() + "(";
    for (size_t i = 1; i < schema.arguments().size(); ++i)
      text += (i > 1 ? ", " : "") + schema.arguments()[i].name();
    return text + ")";
  }

private:
  c10::IValue make(const c10::TypePtr &type, const std::string &name, std::string &spec) {
    switch (type->kind()) {
    case c10::TypeKind::OptionalType: return make(type->expect<c10::OptionalType>()->getElementType(), name, spec);
    case c10::TypeKind::TensorType:
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
      spec = leafSpec;
      if (next == shapes.size())
        throw usage("the input '" + name + "' is not given (--input=...)");
      return maker(*type, name, shapes[next++]);
    case c10::TypeKind::TupleType: {
      std::vector<c10::IValue> elements;
      std::vector<std::string> specs;
      auto tuple = type->expect<c10::TupleType>();
      for (const c10::TypePtr &element : tuple->elements())
        elements.push_back(make(element, name + "_" + std::to_string(elements.size()), specs.emplace_back()));
      spec = makeNodeSpec("tuple", "null", specs);
      return tuple->schema() ? c10::ivalue::Tuple::createNamed(elements, tuple) : c10::ivalue::Tuple::create(elements);
    }
    case c10::TypeKind::ListType: {
      // Its length is not in the type: a list takes all that is left.
      auto elementType = type->expect<c10::ListType>()->getElementType();
      c10::impl::GenericList list(elementType);
      std::vector<std::string> specs;
      while (next < shapes.size())
        list.push_back(make(elementType, name + "_" + std::to_string(list.size()), specs.emplace_back()));
      spec = makeNodeSpec("list", "null", specs);
      return list;
    }
    default: throw unsupported("unsupported type " + type->repr_str() + " of the input '" + name + "'");
    }
  }

  const std::vector<InputShape> &shapes;
  Maker maker;
  size_t next = 0;
};

} // namespace

std::vector<std::string> torchscript::getInputNames(const c10::FunctionSchema &schema,
                                                    const std::vector<InputShape> &shapes) {
  std::vector<std::string> names;
  auto note = [&](const c10::Type &type, const std::string &name, const InputShape &shape) -> c10::IValue {
    if (type.kind() != c10::TypeKind::TensorType && !shape.sizes.empty())
      throw usage("the input '" + name +
                  "' is a number of Python: give its "
                  "type alone (--input=i64)");
    names.push_back(name);
    return {};
  };
  Binder(shapes, note).bind(schema);
  return names;
}

BoundArguments torchscript::bindArguments(Recorder &recorder, const c10::FunctionSchema &schema,
                                          const std::vector<InputShape> &shapes) {
  auto make = [&](const c10::Type &type, const std::string &name, const InputShape &shape) -> c10::IValue {
    switch (type.kind()) {
    case c10::TypeKind::IntType: return recorder.addScalarInput(name, ValueType::Kind::Int);
    case c10::TypeKind::FloatType: return recorder.addScalarInput(name, ValueType::Kind::Float);
    case c10::TypeKind::BoolType: return recorder.addScalarInput(name, ValueType::Kind::Bool);
    default: return recorder.addInput(name, static_cast<c10::ScalarType>(shape.dtype), shape.sizes);
    }
  };
  return Binder(shapes, make).bind(schema);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static void flattenInto(const c10::IValue &value, torch::jit::Stack &leaves, std::string &spec) {
  std::vector<std::string> children;
  auto addChild = [&](const c10::IValue &child) { flattenInto(child, leaves, children.emplace_back()); };
  if (value.isTuple()) {
    for (const c10::IValue &element : value.toTupleRef().elements())
      addChild(element);
    spec = makeNodeSpec("tuple", "null", children);
  } else if (value.isList()) {
    for (const c10::IValue &element : value.toListRef())
      addChild(element);
    spec = makeNodeSpec("list", "null", children);
  } else if (value.isGenericDict()) {
    std::string keys;
    for (const auto &item : value.toGenericDict()) {
      if (!item.key().isString())
        throw unsupported("unsupported result: a dictionary whose keys are not "
                          "strings");
      // The context is JSON inside a JSON string.
      keys += (keys.empty() ? "\\\"" : ", \\\"") + item.key().toStringRef() + "\\\"";
      addChild(item.value());
    }
    spec = makeNodeSpec("dict", "[" + keys + "]", children);
  } else {
    leaves.push_back(value);
    spec = leafSpec;
  }
}

void torchscript::flattenResult(const c10::IValue &result, torch::jit::Stack &leaves, std::string &treeSpec) {
  flattenInto(result, leaves, treeSpec);
  treeSpec = wrapSpec(treeSpec);
}
