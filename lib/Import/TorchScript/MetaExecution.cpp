//===- MetaExecution.cpp - shapes of results without data -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MetaExecution.h"
#include "CaptureError.h"
#include "Recorder.h"
#include "ScalarNode.h"

#include <ATen/ops/empty_strided.h>
#include <ATen/ops/from_blob.h>

#include <set>
#include <sys/mman.h>

using namespace torchc;
using namespace torchc::torchscript;

/// Integers that the schema does not mark as numbers of any size, but on which
/// no shape depends.
static bool isShapeFree(const std::string &op, const std::string &argument) {
  return argument == "index" && (op == "aten::select" || op == "aten::select_copy" || op == "aten::select_scatter");
}

static bool isNumber(const c10::Argument &formal) {
  c10::TypePtr type = formal.real_type();
  if (auto optional = type->cast<c10::OptionalType>())
    type = optional->getElementType();
  return type->kind() == c10::TypeKind::NumberType;
}

void torchscript::refuseSymbolicShapes(const c10::OperatorHandle &op, c10::ArrayRef<c10::IValue> arguments) {
  static const std::set<std::string> shapedByNumbers = {"aten::arange", "aten::range", "aten::linspace",
                                                        "aten::logspace"};
  const std::string &name = op.schema().name();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument &formal = op.schema().arguments()[i];
    bool isRefused = false;
    if (getScalarNode(arguments[i]))
      isRefused = isNumber(formal) ? shapedByNumbers.count(name) > 0 : !isShapeFree(name, formal.name());
    else if (arguments[i].isList())
      for (const c10::IValue &element : arguments[i].toListRef())
        isRefused |= getScalarNode(element) != nullptr;
    if (isRefused)
      throw unsupported("unsupported op " + getTarget(op.operator_name()) + ": its argument '" + formal.name() +
                        "' is read from a tensor at run time");
  }
}

/// A number of the same kind as a symbolic scalar.
static c10::IValue makePlaceholder(const ScalarNode &scalar, const c10::Argument &formal) {
  switch (scalar.kind) {
  case ValueType::Kind::Bool: return true;
  case ValueType::Kind::Float: return 1.0;
  default: return isNumber(formal) ? 1 : 0; // Zero is an index that is always there.
  }
}

/// Replaces the tensors in `value` by what `convert` makes of them.
template <typename Convert> static c10::IValue mapTensors(const c10::IValue &value, Convert convert) {
  if (value.isTensor())
    return value.toTensor().defined() ? convert(value.toTensor()) : value;
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor &tensor : value.toTensorVector())
      list.push_back(convert(tensor));
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor> &tensor : value.toOptionalTensorVector())
      list.push_back(tensor && tensor->defined() ? std::optional<at::Tensor>(convert(*tensor)) : std::nullopt);
    return list;
  }
  if (value.isDevice())
    return c10::Device(c10::kCPU);
  return value;
}

/// A CPU tensor of zeros that takes no memory before it is read.
static at::Tensor makeZeros(const at::Tensor &like) {
  size_t bytes = like.storage().nbytes();
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *data = mmap(nullptr, std::max<size_t>(bytes, 1), PROT_READ | PROT_WRITE, flags, -1, 0);
  TORCH_CHECK(data != MAP_FAILED, "out of memory");
  auto unmap = [bytes](void *p) { munmap(p, std::max<size_t>(bytes, 1)); };
  return at::from_blob(data, like.sizes(), like.strides(), like.storage_offset(), unmap,
                       like.options().device(at::kCPU));
}

/// The CPU kernel on tensors of zeros, or of ones.
static torch::jit::Stack runOnCPU(const c10::OperatorHandle &op, torch::jit::Stack stack, bool ones) {
  for (c10::IValue &argument : stack)
    argument = mapTensors(argument, [&](const at::Tensor &tensor) {
      at::Tensor zeros = makeZeros(tensor);
      return ones ? zeros.fill_(1) : zeros;
    });
  op.callBoxed(stack);
  for (c10::IValue &result : stack)
    result = mapTensors(result, [](const at::Tensor &tensor) {
      return at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(at::kMeta));
    });
  return stack;
}

/// libtorch has the shape rules of some operators in Python only. The operator
/// may also be one that a composite one calls.
static bool lacksMetaKernel(const c10::Error &error) {
  std::string message = error.what_without_backtrace();
  return dynamic_cast<const c10::NotImplementedError *>(&error) ||
         message.find("with Meta tensors") != std::string::npos;
}

torch::jit::Stack torchscript::runOnMeta(const c10::OperatorHandle &op, const torch::jit::Stack &arguments) {
  torch::jit::Stack stack = arguments;
  const auto &formals = op.schema().arguments();
  for (size_t i = 0; i < stack.size(); ++i)
    if (const ScalarNode *scalar = getScalarNode(stack[i]))
      stack[i] = makePlaceholder(*scalar, formals[i]);

  OutsideTrace outside;
  torch::jit::Stack copy = stack;
  try {
    op.callBoxed(stack);
    return stack;
  } catch (const c10::Error &error) {
    if (!lacksMetaKernel(error))
      throw;
  }
  // The CPU kernel gives the same shapes, whatever the data: operators whose
  // shapes depend on it do not come here. Zeros are valid indices, ones valid
  // divisors.
  try {
    return runOnCPU(op, copy, /*ones=*/false);
  } catch (const c10::Error &) {
    return runOnCPU(op, copy, /*ones=*/true);
  }
}
