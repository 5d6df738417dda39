//===- Recorder.cpp - the graph of one trace while it grows ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Recorder.h"
#include "CaptureError.h"
#include "MetaExecution.h"
#include "ScalarNode.h"

#include <ATen/FunctionalTensorWrapper.h>
#include <ATen/ops/empty_strided.h>

using namespace torchc;
using namespace torchc::torchscript;
namespace functional = at::functionalization::impl;

std::string torchscript::getTarget(const c10::OperatorName &name) {
  std::string target = name.name;
  if (size_t colons = target.find("::"); colons != std::string::npos)
    target.replace(colons, 2, ".");
  return name.overload_name.empty() ? target : target + "." + name.overload_name;
}

void torchscript::forEachTensor(const c10::IValue &value, const std::function<void(const at::Tensor &)> &visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined())
      visit(value.toTensor());
  } else if (value.isList()) {
    // Lists of numbers are long and hold no tensors.
    for (const c10::IValue &element : value.toListRef()) {
      if (!element.isTensor() && !element.isNone() && !element.isList())
        break;
      forEachTensor(element, visit);
    }
  } else if (value.isTuple()) {
    for (const c10::IValue &element : value.toTupleRef().elements())
      forEachTensor(element, visit);
  }
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::string Recorder::makeName(const std::string &base) {
  size_t count = nameCounts[base]++;
  if (count == 0)
    return base;
  // "x_1" may be the name of an input.
  std::string name = base + "_" + std::to_string(count);
  return nameCounts.count(name) ? makeName(base) : (nameCounts[name] = 1, name);
}

const Recorder::Value *Recorder::find(const at::Tensor &inner) const {
  auto it = values.find(inner.unsafeGetTensorImpl());
  return it == values.end() ? nullptr : &it->second;
}

const std::string &Recorder::getName(const at::Tensor &inner) const {
  const Value *value = find(inner);
  if (!value)
    throw CaptureError(CaptureFailure::Diagnosed, "a tensor comes from outside the trace");
  return value->name;
}

void Recorder::define(const at::Tensor &inner, std::string name, std::shared_ptr<Recipe> recipe, size_t result) {
  values[inner.unsafeGetTensorImpl()] = Value{inner, std::move(name), std::move(recipe), result};
}

static at::Tensor makeMeta(c10::IntArrayRef sizes, c10::IntArrayRef strides, c10::ScalarType dtype) {
  OutsideTrace outside;
  return at::empty_strided(sizes, strides, at::TensorOptions(dtype).device(at::kMeta));
}

static at::Tensor makeMetaLike(const at::Tensor &tensor) {
  return makeMeta(tensor.sizes(), tensor.strides(), tensor.scalar_type());
}

at::Tensor Recorder::makeValueLike(const at::Tensor &inner, const std::string &base) {
  at::Tensor value = makeMetaLike(inner);
  define(value, makeName(base), nullptr, 0);
  return value;
}

at::Tensor Recorder::addInput(const std::string &name, c10::ScalarType dtype, c10::IntArrayRef sizes) {
  at::Tensor inner = makeMeta(sizes, c10::TensorType::contiguousStridesOf(sizes), dtype);
  std::string unique = makeName(name);
  define(inner, unique, nullptr, 0);
  graph.inputs.push_back({unique, {ValueType::Kind::Tensor, makeTensorMeta(inner), {}}});
  at::Tensor wrapped = wrap(inner);
  inputs.push_back({unique, {0, wrapped, inner}});
  return wrapped;
}

c10::IValue Recorder::addScalarInput(const std::string &name, ValueType::Kind kind) {
  std::string unique = makeName(name);
  graph.inputs.push_back({unique, {kind, {}, {}}});
  inputs.push_back({unique, {}});
  return makeSymbolicScalar(unique, kind);
}

at::Tensor Recorder::lift(const at::Tensor &real) {
  size_t entry = tensors.getIndex(real);
  auto [it, isNew] = liftedOfEntry.emplace(entry, lifted.size());
  if (!isNew)
    return lifted[it->second].wrapped;

  const TensorTable::Entry &stored = tensors[entry];
  std::shared_ptr<Recipe> recipe;
  if (!stored.isState) {
    recipe = std::make_shared<Recipe>();
    recipe->entry = entry;
  }
  const char *prefix = stored.kind == InputSpec::Kind::Parameter ? "p_"
                       : stored.kind == InputSpec::Kind::Buffer  ? "b_"
                                                                 : "c_";
  std::string name = prefix + stored.name;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  at::Tensor inner = makeMetaLike(stored.tensor);
  define(inner, makeName(name), recipe, 0);
  lifted.push_back({entry, wrap(inner), inner});
  // Wherever it is first read, it exists before the trace.
  storages.at(lifted.back().wrapped.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl()).depth = 0;
  return lifted.back().wrapped;
}

at::Tensor Recorder::wrap(const at::Tensor &inner) {
  at::Tensor wrapped = functional::to_functional_tensor(inner);
  noteWrapper(wrapped);
  return wrapped;
}

at::Tensor Recorder::unwrap(const at::Tensor &wrapped) {
  if (!functional::isFunctionalTensor(wrapped))
    return wrapped;
  functional::sync(wrapped);
  return functional::from_functional_tensor(wrapped);
}

void Recorder::addFact(SizeFact::Kind kind, std::vector<int64_t> operands, int64_t result) {
  std::string where;
  auto frames = getFrames();
  if (!frames.empty())
    where = frames.back().file + ":" + std::to_string(frames.back().line);
  facts.push_back({kind, std::move(operands), result, std::move(where)});
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

CapturedNode &Recorder::addNode(const std::string &target) {
  CapturedNode &node = regions.back()->nodes.emplace_back();
  node.target = target;
  node.frames = getFrames();
  return node;
}

c10::IValue Recorder::recordScalar(const std::string &target, std::vector<std::pair<std::string, Argument>> arguments,
                                   ValueType::Kind kind) {
  std::string name = makeName(target.substr(target.find('.') + 1));
  CapturedNode &node = addNode(target);
  node.arguments = std::move(arguments);
  node.outputs.push_back({name, {kind, {}, {}}});
  return makeSymbolicScalar(name, kind);
}

void Recorder::recordEffect(const std::string &target, std::vector<std::pair<std::string, Argument>> arguments) {
  addNode(target).arguments = std::move(arguments);
}

c10::IValue Recorder::readScalar(const at::Tensor &wrapped) {
  at::Tensor inner = unwrap(wrapped);
  const Value *value = find(inner);
  if (!value)
    throw unsupported("a tensor without values is read");
  if (inner.numel() != 1)
    throw CaptureError(CaptureFailure::Diagnosed,
                       "a tensor with " + std::to_string(inner.numel()) + " elements is read as a number");
  if (value->recipe) {
    at::Tensor known = evaluate(*value);
    OutsideTrace outside;
    return known.item();
  }
  if (c10::isComplexType(inner.scalar_type()))
    throw unsupported("a complex number is read from a tensor");
  auto kind = inner.scalar_type() == at::kBool           ? ValueType::Kind::Bool
              : c10::isFloatingType(inner.scalar_type()) ? ValueType::Kind::Float
                                                         : ValueType::Kind::Int;
  return recordScalar("aten.item", {{"self", {ValueRef{value->name}}}}, kind);
}

Argument Recorder::toArgument(const c10::IValue &value, const c10::Type *type) {
  if (type && type->kind() == c10::TypeKind::OptionalType)
    type = type->expectRef<c10::OptionalType>().getElementType().get();
  if (value.isNone())
    return {};
  if (value.isTensor())
    return value.toTensor().defined() ? Argument{ValueRef{getName(value.toTensor())}} : Argument{};
  if (const ScalarNode *scalar = getScalarNode(value))
    return {ValueRef{scalar->name}};
  if (value.isBool())
    return {value.toBool()};
  if (value.isInt()) {
    int64_t number = value.toInt();
    switch (type ? type->kind() : c10::TypeKind::IntType) {
    case c10::TypeKind::ScalarTypeType: return {convertScalarType(static_cast<c10::ScalarType>(number))};
    case c10::TypeKind::LayoutType: return {LayoutArg{number}};
    case c10::TypeKind::MemoryFormatType: return {MemoryFormatArg{number}};
    default: return {number};
    }
  }
  if (value.isSymInt()) // One without a node.
    return {value.toSymInt().expect_int()};
  if (value.isDouble())
    return {value.toDouble()};
  if (value.isComplexDouble()) {
    auto number = value.toComplexDouble();
    return {std::complex<double>(number.real(), number.imag())};
  }
  if (value.isString())
    return {value.toStringRef()};
  if (value.isDevice())
    return {DeviceArg{"cpu"}}; // Meta tensors stand for those of the CPU.
  if (value.isList()) {
    const c10::Type *elementType = type && type->kind() == c10::TypeKind::ListType
                                       ? type->expectRef<c10::ListType>().getElementType().get()
                                       : nullptr;
    Argument::List list;
    for (const c10::IValue &element : value.toListRef())
      list.push_back(toArgument(element, elementType));
    return {std::move(list)};
  }
  throw unsupported("an argument of type " + value.tagKind() + " cannot be recorded");
}

void Recorder::recordCall(const c10::OperatorHandle &op, const torch::jit::Stack &arguments,
                          torch::jit::Stack &results) {
  const c10::FunctionSchema &schema = op.schema();
  std::string base = schema.name().substr(schema.name().rfind(':') + 1);
  CapturedNode node;
  node.target = getTarget(op.operator_name());
  node.frames = getFrames();

  bool isConstant = !op.hasTag(at::Tag::nondeterministic_seeded);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument &formal = schema.arguments()[i];
    if (arguments[i].isNone() && formal.default_value() && formal.default_value()->isNone())
      continue;
    node.arguments.push_back({formal.name(), toArgument(arguments[i], formal.real_type().get())});
    isConstant &= !getScalarNode(arguments[i]);
    forEachTensor(arguments[i], [&](const at::Tensor &tensor) { isConstant &= find(tensor)->recipe != nullptr; });
  }
  std::shared_ptr<Recipe> recipe;
  if (isConstant) {
    recipe = std::make_shared<Recipe>();
    recipe->op = op;
    recipe->arguments = arguments;
  }

  // Results that are lists come apart through operator.getitem.
  std::vector<CapturedNode> items;
  size_t resultIndex = 0;
  auto addTensor = [&](const at::Tensor &tensor) {
    std::string name = makeName(base);
    define(tensor, name, recipe, resultIndex++);
    return CapturedValue{name, {ValueType::Kind::Tensor, makeTensorMeta(tensor), {}}};
  };
  for (const c10::IValue &result : results) {
    if (result.isTensor()) {
      if (result.toTensor().defined()) {
        node.outputs.push_back(addTensor(result.toTensor()));
      } else {
        node.outputs.push_back({"", {ValueType::Kind::None, {}, {}}});
        ++resultIndex;
      }
    } else if (result.isTensorList()) {
      CapturedValue list{makeName(base), {ValueType::Kind::TensorList, {}, {}}};
      int64_t position = 0;
      for (const c10::IValue &element : result.toListRef()) {
        list.type.elements.push_back(makeTensorMeta(element.toTensor()));
        CapturedNode item;
        item.target = "operator.getitem";
        item.frames = node.frames;
        item.arguments = {{"a", {ValueRef{list.name}}}, {"b", {position++}}};
        item.outputs.push_back(addTensor(element.toTensor()));
        items.push_back(std::move(item));
      }
      node.outputs.push_back(std::move(list));
    } else {
      throw unsupported("unsupported op " + node.target + ": it returns what is not a tensor");
    }
  }
  auto &nodes = regions.back()->nodes;
  nodes.push_back(std::move(node));
  nodes.insert(nodes.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
}

/// Whether shapes or the way of the code follow from the values of tensors.
static bool dependsOnData(const c10::OperatorHandle &op, const torch::jit::Stack &arguments) {
  if (getTarget(op.operator_name()) == "aten.index.Tensor") {
    // It is tagged for the sake of masks; indices give a known shape.
    bool hasMask = false;
    forEachTensor(arguments[1], [&](const at::Tensor &index) {
      hasMask |= index.scalar_type() == at::kBool || index.scalar_type() == at::kByte;
    });
    return hasMask;
  }
  return op.hasTag(at::Tag::dynamic_output_shape) || op.hasTag(at::Tag::data_dependent_output);
}

void Recorder::callInner(const c10::OperatorHandle &op, torch::jit::Stack &stack) {
  const c10::FunctionSchema &schema = op.schema();
  std::string target = getTarget(op.operator_name());
  size_t count = schema.arguments().size();
  torch::jit::Stack arguments(stack.end() - count, stack.end());

  // Functionalization checks shapes of views on meta tensors of its own.
  bool isTraced = true;
  std::unordered_set<const c10::TensorImpl *> given;
  for (const c10::IValue &argument : arguments)
    forEachTensor(argument, [&](const at::Tensor &tensor) {
      TORCH_CHECK(!functional::isFunctionalTensor(tensor), "a tensor has escaped functionalization in ", target);
      isTraced &= find(tensor) != nullptr;
      given.insert(tensor.unsafeGetTensorImpl());
    });
  if (!isTraced) {
    OutsideTrace outside;
    op.callBoxed(stack);
    return;
  }
  // Identities, once tensors are values.
  if (target == "aten.detach" || target == "aten.alias" || target == "aten.lift_fresh" || target == "aten.lift")
    return;
  if (schema.is_mutable())
    throw unsupported("unsupported op " + target + ": it has no functional form");

  stack.resize(stack.size() - count);
  torch::jit::Stack results;
  if (dependsOnData(op, arguments)) {
    // With constant operands the result is a constant as well.
    for (const c10::IValue &argument : arguments)
      forEachTensor(argument, [&](const at::Tensor &tensor) {
        if (!find(tensor)->recipe)
          throw unsupported("unsupported op " + target + ": the shape of its result depends on data");
      });
    for (const c10::IValue &argument : arguments)
      results.push_back(evaluateArgument(argument));
    {
      OutsideTrace outside;
      op.callBoxed(results);
    }
    for (c10::IValue &result : results) {
      if (result.isTensor()) {
        result = unwrap(lift(result.toTensor()));
      } else if (result.isTensorList()) {
        c10::List<at::Tensor> list;
        for (const at::Tensor &tensor : result.toTensorVector())
          list.push_back(unwrap(lift(tensor)));
        result = list;
      }
    }
  } else {
    results = runOnMeta(op, arguments);
    bool isSame =
        results.size() == 1 && results[0].isTensor() && given.count(results[0].toTensor().unsafeGetTensorImpl());
    if (!isSame)
      recordCall(op, arguments, results);
    if (target == "aten.slice.Tensor" && arguments[3].isInt()) {
      // A slice that reaches the end stays short of it at other sizes.
      int64_t size = arguments[0].toTensor().size(arguments[1].toInt());
      int64_t end = arguments[3].toInt();
      if (end < INT64_MAX)
        addFact(SizeFact::Kind::LessEqual, {end, size}, end <= size);
    }
  }
  for (c10::IValue &result : results)
    stack.push_back(std::move(result));
}
