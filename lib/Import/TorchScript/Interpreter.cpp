//===- Interpreter.cpp - runs TorchScript code while it is recorded -------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "CaptureError.h"
#include "DispatchMode.h"
#include "ScalarNode.h"
#include "SourceFrames.h"

#include <ATen/core/function.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/operator.h>

using namespace torchc;
using namespace torchc::torchscript;
using torch::jit::Stack;

std::vector<SourceFrame> Interpreter::getFrames() const {
  std::vector<SourceFrame> result;
  for (const Frame &frame : frames)
    if (frame.node)
      for (SourceFrame &source : getSourceFrames(frame.node, frame.function))
        result.push_back(std::move(source));
  return result;
}

c10::IValue Interpreter::call(torch::jit::Function &function, Stack arguments) {
  auto *graphFunction = torch::jit::tryToGraphFunction(function);
  if (!graphFunction)
    throw unsupported("unsupported function " + function.qualname().name() + ": it is written in C++");
  constexpr size_t recursionLimit = 500;
  if (frames.size() >= recursionLimit)
    throw unsupported("the model's functions call each other without end");
  auto graph = graphFunction->graph();
  frames.emplace_back().function = function.name();
  runBlock(graph->block(), std::move(arguments));
  c10::IValue result = get(graph->outputs().at(0));
  frames.pop_back();
  return result;
}

const c10::IValue &Interpreter::get(const torch::jit::Value *value) const { return frames.back().values.at(value); }

Stack Interpreter::getInputs(const Node *node) const {
  Stack inputs;
  for (const torch::jit::Value *input : node->inputs())
    inputs.push_back(get(input));
  return inputs;
}

void Interpreter::set(const torch::jit::Value *value, c10::IValue result) {
  frames.back().values[value] = std::move(result);
}

Stack Interpreter::getResults(const Block *block) {
  Stack results;
  for (const torch::jit::Value *output : block->outputs())
    results.push_back(get(output));
  return results;
}

void Interpreter::runBlock(const Block *block, Stack inputs) {
  TORCH_CHECK(inputs.size() == block->inputs().size(), "a method is called with another number of arguments");
  for (size_t i = 0; i < inputs.size(); ++i)
    set(block->inputs()[i], std::move(inputs[i]));
  const Node *caller = frames.back().node;
  for (const Node *node : block->nodes())
    runNode(node);
  frames.back().node = caller;
}

void Interpreter::runNode(const Node *node) {
  frames.back().node = node;
  try {
    bool isPrimitive = node->kind().is_prim() && !node->maybeOperator();
    if (isPrimitive || node->kind() == c10::prim::RaiseException)
      runPrimitive(node);
    else
      runOperator(node);
  } catch (const ModelRaised &) {
    throw;
  } catch (...) {
    rethrowLocated(node->kind().toQualString());
  }
}

/// The innermost line that is the user's and not PyTorch's: "model.py:27: ".
std::string Interpreter::getUserLine() const {
  std::string where;
  for (const SourceFrame &frame : getFrames())
    if (where.empty() || frame.file.find("/torch/") == std::string::npos)
      where = frame.file + ":" + std::to_string(frame.line) + ": ";
  return where;
}

/// Adds file and line to the exception in flight, unless it has them.
void Interpreter::rethrowLocated(const std::string &op) {
  CaptureFailure failure = CaptureFailure::Diagnosed;
  std::string message;
  try {
    throw;
  } catch (const CaptureError &error) {
    if (error.isLocated)
      throw;
    failure = error.failure;
    message = error.message;
  } catch (const c10::Error &error) {
    message = error.what_without_backtrace();
  } catch (const std::exception &error) {
    message = error.what();
  }
  message = message.substr(0, message.find('\n'));
  if (message.find("unsupported") != 0)
    message = op + ": " + message;
  CaptureError located(failure, getUserLine() + "error: " + message);
  located.isLocated = true;
  throw located;
}

void Interpreter::runPrimitive(const Node *node) {
  switch (node->kind()) {
  case c10::prim::Constant:
    // A function is called through its type.
    if (!node->output()->type()->cast<c10::FunctionType>())
      set(node->output(), lift(*torch::jit::toIValue(node->output())));
    return;
  case c10::prim::ListConstruct:
  case c10::prim::TupleConstruct:
  case c10::prim::DictConstruct: return construct(node);
  case c10::prim::TupleUnpack: {
    auto elements = get(node->input()).toTuple()->elements().vec();
    for (size_t i = 0; i < elements.size(); ++i)
      set(node->output(i), elements[i]);
    return;
  }
  case c10::prim::ListUnpack: {
    auto elements = get(node->input()).toListRef().vec();
    TORCH_CHECK(elements.size() == node->outputs().size(), "expected ", node->outputs().size(),
                " elements but the list has ", elements.size());
    for (size_t i = 0; i < elements.size(); ++i)
      set(node->output(i), elements[i]);
    return;
  }
  case c10::prim::TupleSlice: {
    auto elements = get(node->input()).toTuple()->elements().vec();
    set(node->output(), c10::ivalue::Tuple::create(std::vector<c10::IValue>(
                            elements.begin() + node->i(c10::attr::beg), elements.begin() + node->i(c10::attr::end))));
    return;
  }
  case c10::prim::GetAttr: return getAttribute(node);
  case c10::prim::SetAttr: return setAttribute(node);
  case c10::prim::CreateObject: return createObject(node);
  case c10::prim::CallFunction: {
    auto type = node->input(0)->type()->expect<c10::FunctionType>();
    Stack arguments;
    for (size_t i = 1; i < node->inputs().size(); ++i)
      arguments.push_back(get(node->input(i)));
    return set(node->output(), call(*type->function(), std::move(arguments)));
  }
  case c10::prim::CallMethod: {
    Stack arguments = getInputs(node);
    // A copy of the pointer keeps the object while it runs.
    auto object = arguments[0].toObject();
    auto &method = object->type()->getMethod(node->s(c10::attr::name));
    return set(node->output(), call(method, std::move(arguments)));
  }
  case c10::prim::Enter:
  case c10::prim::Exit: {
    Stack arguments = getInputs(node);
    auto object = arguments[0].toObject();
    const char *name = node->kind() == c10::prim::Enter ? "__enter__" : "__exit__";
    return set(node->output(), call(object->type()->getMethod(name), std::move(arguments)));
  }
  case c10::prim::If: return runIf(node);
  case c10::prim::Loop: return runLoop(node);
  case c10::prim::isinstance: {
    c10::TypePtr type = get(node->input()).type();
    bool matches = false;
    for (const c10::TypePtr &candidate : node->tys(c10::attr::types))
      matches |= type->isSubtypeOf(*candidate);
    return set(node->output(), matches);
  }
  case c10::prim::RaiseException: throw ModelRaised{get(node->input(0)).toStringRef(), getUserLine()};
  case c10::prim::Uninitialized: return set(node->output(), c10::IValue());
  case c10::prim::fork: {
    // What runs beside the model may as well run before it.
    auto graph = node->g(c10::attr::Subgraph);
    Stack arguments = getInputs(node);
    frames.emplace_back().function = "fork";
    runBlock(graph->block(), std::move(arguments));
    c10::IValue result = get(graph->outputs().at(0));
    frames.pop_back();
    return set(node->output(), std::move(result));
  }
  default: throw unsupported(std::string("unsupported op ") + node->kind().toQualString());
  }
}

/// Operators that libtorch would run on this machine rather than record.
static bool touchesFiles(const std::string &op) {
  return op == "aten::save" || op == "aten::from_file" || op == "aten::_load_for_executorch";
}

static bool isOptionalTensorList(const c10::Type &type) {
  if (type.kind() != c10::TypeKind::ListType)
    return false;
  auto element = type.expectRef<c10::ListType>().getElementType();
  return element->kind() == c10::TypeKind::OptionalType &&
         element->expectRef<c10::OptionalType>().getElementType()->kind() == c10::TypeKind::TensorType;
}

/// The number that tracing made a tensor of, where it is the given operand. It stays a number, which does
/// not take part in the promotion of types: x + 0.5 has the type of x.
static std::optional<c10::Scalar> getTracedNumber(const torch::jit::Node *node, size_t operand) {
  if (node->inputs().size() < 2 || node->input(operand)->node()->kind() != c10::prim::Constant)
    return std::nullopt;
  auto constant = torch::jit::toIValue(node->input(operand));
  if (!constant || !constant->isTensor() || !constant->toTensor().defined() || constant->toTensor().dim() != 0)
    return std::nullopt;
  at::ScalarType dtype = constant->toTensor().scalar_type();
  if (dtype != at::kDouble && dtype != at::kLong && dtype != at::kComplexDouble && dtype != at::kBool)
    return std::nullopt;
  OutsideTrace outside;
  return constant->toTensor().item();
}

/// The overload of a traced operator that takes its second operand as a number.
static std::optional<c10::OperatorHandle> findOverloadOfNumber(const c10::FunctionSchema &schema) {
  bool hasMode = schema.overload_name() == "Tensor_mode";
  auto found = c10::Dispatcher::singleton().findSchema({schema.name(), hasMode ? "Scalar_mode" : "Scalar"});
  bool takesNumber = found && found->schema().arguments().size() == schema.arguments().size() &&
                     found->schema().arguments()[1].type()->kind() == c10::TypeKind::NumberType;
  return takesNumber ? found : std::nullopt;
}

void Interpreter::runOperator(const Node *node) {
  std::string name = node->kind().toQualString();
  if (touchesFiles(name))
    throw CaptureError(CaptureFailure::BadFile, "refused op " + name + ": it reads or writes a file");
  Stack inputs = getInputs(node);
  if (name == "prim::device") {
    set(node->output(), c10::Device(c10::kCPU));
    return;
  }
  if (name == "aten::wait" && !inputs[0].isFuture()) {
    set(node->output(), inputs[0]);
    return;
  }
  if (name == "aten::warn" || name == "prim::Print")
    return;
  if (name == "aten::tensor" || name == "aten::as_tensor" || name == "prim::NumToTensor") {
    set(node->output(), makeTensor(inputs, node));
    return;
  }
  if (runScalarRead(node, inputs))
    return;
  const torch::jit::Operator &op = node->getOperator();
  if (!op.isC10Op() && runSymbolicScalar(node, inputs))
    return;

  const c10::FunctionSchema &schema = op.schema();
  Stack stack = inputs;
  for (size_t i = 0; i < stack.size() && i < schema.arguments().size(); ++i) {
    const c10::Argument &formal = schema.arguments()[i];
    if (isOptionalTensorList(*formal.type()) && stack[i].isList()) {
      // Functionalization knows these by their exact type only.
      c10::List<std::optional<at::Tensor>> rebuilt;
      for (const c10::IValue &element : stack[i].toListRef())
        rebuilt.push_back(element.toOptional<at::Tensor>());
      stack[i] = rebuilt;
    }
    bool isWritten = formal.alias_info() && formal.alias_info()->isWrite();
    if (isWritten && (stack[i].isList() || stack[i].isGenericDict()))
      checkWritable(stack[i], name);
  }
  // Some operators take as many arguments as the node gives them.
  if (schema.is_vararg())
    stack.push_back(static_cast<int64_t>(node->inputs().size()));
  std::optional<c10::Scalar> first = getTracedNumber(node, 0), second = getTracedNumber(node, 1);
  auto ofNumber = first || second ? findOverloadOfNumber(schema) : std::nullopt;
  if (ofNumber && !second && stack[1].isTensor()) {
    // There is no overload that takes the first operand as a number: it gets the type that they both have.
    auto options = at::device(at::kCPU).dtype(at::result_type(stack[1].toTensor(), *first));
    at::Tensor number;
    {
      OutsideTrace outside;
      number = at::scalar_tensor(*first, options);
    }
    stack[0] = lift(number);
  }
  if (ofNumber && second) {
    stack[1] = *second;
    ofNumber->callBoxed(stack);
  } else {
    op.getOperation(node)(stack);
  }
  noteSizeFacts(node, inputs, stack);
  for (size_t i = 0; i < node->outputs().size(); ++i)
    set(node->output(i), lift(stack[stack.size() - node->outputs().size() + i]));
}
