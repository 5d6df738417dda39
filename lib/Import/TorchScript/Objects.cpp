//===- Objects.cpp - attributes and containers while tracing --------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaptureError.h"
#include "Interpreter.h"

using namespace torchc;
using namespace torchc::torchscript;

static bool isReal(const at::Tensor &tensor) {
  return tensor.defined() && !at::functionalization::impl::isFunctionalTensor(tensor);
}

static bool containsReal(const c10::IValue &value) {
  bool found = false;
  forEachTensor(value, [&](const at::Tensor &t) { found |= isReal(t); });
  return found;
}

/// Copies lists, tuples and dictionaries; `convert` maps what is in them.
template <typename Convert> static c10::IValue mapContainer(const c10::IValue &value, Convert convert) {
  if (value.isTuple()) {
    const auto &tuple = value.toTupleRef();
    std::vector<c10::IValue> elements;
    for (const c10::IValue &element : tuple.elements())
      elements.push_back(convert(element));
    auto type = value.type()->expect<c10::TupleType>();
    return type->schema() ? c10::ivalue::Tuple::createNamed(elements, type) : c10::ivalue::Tuple::create(elements);
  }
  if (value.isList()) {
    c10::List<c10::IValue> source = value.toList();
    c10::impl::GenericList list(source.elementType());
    for (const c10::IValue &element : value.toListRef())
      list.push_back(convert(element));
    return list;
  }
  if (value.isGenericDict()) {
    auto source = value.toGenericDict();
    c10::impl::GenericDict dict(source.keyType(), source.valueType());
    for (const auto &item : source)
      dict.insert(item.key(), convert(item.value()));
    return dict;
  }
  return value;
}

/// Wraps the real tensors that an operator or constant brings in. What has none
/// stays the same object, because lists are shared.
c10::IValue Interpreter::lift(const c10::IValue &value) {
  if (value.isTensor())
    return isReal(value.toTensor()) ? recorder.lift(value.toTensor()) : value;
  if (!containsReal(value))
    return value;
  return mapContainer(value, [&](const c10::IValue &v) { return lift(v); });
}

c10::IValue Interpreter::copyAttribute(const c10::IValue &value) {
  if (value.isTensor())
    return lift(value);
  return mapContainer(value, [&](const c10::IValue &v) { return copyAttribute(v); });
}

void Interpreter::getAttribute(const Node *node) {
  auto object = get(node->input()).toObject();
  const std::string &name = node->s(c10::attr::name);
  auto type = object->type();
  if (auto constant = type->findConstantSlot(name))
    return set(node->output(), copyAttribute(type->getConstant(*constant)));
  size_t slot = type->getAttributeSlot(name);
  auto [it, isNew] = getAttributesOf(object.get()).try_emplace({object.get(), slot});
  if (isNew)
    it->second = copyAttribute(object->getSlot(slot));
  set(node->output(), it->second);
}

void Interpreter::setAttribute(const Node *node) {
  c10::IValue target = get(node->input(0));
  checkWritable(target, "assignment to attribute '" + node->s(c10::attr::name) + "'");
  auto object = target.toObject();
  size_t slot = object->type()->getAttributeSlot(node->s(c10::attr::name));
  getAttributesOf(object.get())[{object.get(), slot}] = get(node->input(1));
}

std::map<Interpreter::Slot, c10::IValue> &Interpreter::getAttributesOf(const c10::ivalue::Object *object) {
  return localPointers.count(object) ? localAttributes : attributes;
}

void Interpreter::createObject(const Node *node) {
  auto type = node->output()->type()->expect<c10::ClassType>();
  c10::IValue object =
      c10::ivalue::Object::create(c10::StrongTypePtr(type->compilation_unit(), type), type->numAttributes());
  localObjects.push_back(object);
  localPointers.insert(object.internalToPointer());
  noteContainer(object);
  set(node->output(), object);
}

void Interpreter::construct(const Node *node) {
  torch::jit::Stack inputs = getInputs(node);
  c10::TypePtr type = node->output()->type();
  c10::IValue result;
  if (auto tuple = type->cast<c10::TupleType>()) {
    result = tuple->schema() ? c10::ivalue::Tuple::createNamed(inputs, tuple) : c10::ivalue::Tuple::create(inputs);
  } else if (auto listType = type->cast<c10::ListType>()) {
    c10::impl::GenericList list(listType->getElementType());
    for (const c10::IValue &input : inputs)
      list.push_back(input);
    result = list;
  } else {
    auto dictType = type->expect<c10::DictType>();
    c10::impl::GenericDict dict(dictType->getKeyType(), dictType->getValueType());
    for (size_t i = 0; i + 1 < inputs.size(); i += 2)
      dict.insert(inputs[i], inputs[i + 1]);
    result = dict;
  }
  noteContainer(result);
  set(node->output(), result);
}

void Interpreter::noteContainer(const c10::IValue &container) {
  // The pointers stay valid: what a region makes lives until its frame ends,
  // and a region is shorter than its frame.
  if (!regionContainers.empty() && container.isPtrType())
    regionContainers.back().insert(container.internalToPointer());
}

void Interpreter::checkWritable(const c10::IValue &container, const std::string &op) const {
  if (regionContainers.empty() || regionContainers.back().count(container.internalToPointer()))
    return;
  throw unsupported("unsupported " + op +
                    ": it changes an object from outside "
                    "of a condition or loop that depends on data");
}
