//===- DispatchMode.cpp - catches every operator call of a trace ----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A call passes here twice. Outside, its tensors are functional wrappers:
// composite operators are taken apart here, all others go to functionalization,
// which calls what is left of them (no writes) on the tensors inside. That call
// passes here again and is recorded.
//
//===----------------------------------------------------------------------===//

#include "DispatchMode.h"
#include "MetaExecution.h"
#include "Recorder.h"

#include <torch/library.h>

#include <set>

using namespace torchc;
using namespace torchc::torchscript;

static thread_local Recorder *activeRecorder = nullptr;

TraceScope::TraceScope(Recorder &recorder) : outer(activeRecorder) { activeRecorder = &recorder; }

TraceScope::~TraceScope() { activeRecorder = outer; }

/// Composite operators that stay whole: the compiler has better ideas for them
/// than their definition in smaller operators.
static bool isKeptWhole(const c10::OperatorHandle &op, const torch::jit::Stack &stack) {
  static const std::set<std::string> kept = {"aten.linear",
                                             "aten.matmul",
                                             "aten.conv1d",
                                             "aten.conv2d",
                                             "aten.conv3d",
                                             "aten.conv_transpose1d",
                                             "aten.conv_transpose2d.input",
                                             "aten.conv_transpose3d.input",
                                             "aten.scaled_dot_product_attention",
                                             "aten.layer_norm",
                                             "aten.rms_norm",
                                             "aten.group_norm",
                                             "aten.softmax.int",
                                             "aten.log_softmax.int",
                                             "aten.max_pool1d",
                                             "aten.max_pool2d",
                                             "aten.max_pool3d",
                                             "aten.adaptive_avg_pool1d",
                                             "aten.adaptive_avg_pool2d",
                                             "aten.adaptive_avg_pool3d",
                                             "aten.cdist",
                                             "aten.pad",
                                             "aten.prelu",
                                             "aten.upsample_nearest1d.vec",
                                             "aten.upsample_nearest2d.vec",
                                             "aten.upsample_nearest3d.vec",
                                             "aten._upsample_nearest_exact1d.vec",
                                             "aten._upsample_nearest_exact2d.vec",
                                             "aten._upsample_nearest_exact3d.vec",
                                             "aten.upsample_linear1d.vec",
                                             "aten.upsample_bilinear2d.vec",
                                             "aten.upsample_trilinear3d.vec",
                                             "aten.upsample_bicubic2d.vec"};
  std::string target = getTarget(op.operator_name());
  if (target == "aten.batch_norm") {
    // In training it writes the running statistics, which its schema hides.
    size_t training = 5, count = op.schema().arguments().size();
    return !stack[stack.size() - count + training].toBool();
  }
  return kept.count(target) > 0;
}

/// Sends new tensors to the meta device.
static void moveToMeta(const c10::OperatorHandle &op, torch::jit::Stack &stack) {
  const auto &formals = op.schema().arguments();
  size_t first = stack.size() - formals.size();
  bool isFactory = true;
  for (size_t i = 0; i < formals.size(); ++i)
    forEachTensor(stack[first + i], [&](const at::Tensor &) { isFactory = false; });
  for (size_t i = 0; i < formals.size(); ++i) {
    c10::TypePtr type = formals[i].real_type();
    if (auto optional = type->cast<c10::OptionalType>())
      type = optional->getElementType();
    if (type->kind() == c10::TypeKind::DeviceObjType && (isFactory || !stack[first + i].isNone()))
      stack[first + i] = c10::Device(c10::kMeta);
  }
}

static void callNamed(const char *name, const char *overload, torch::jit::Stack &stack) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).callBoxed(stack);
}

/// Calls in its place an operator that says the same more openly.
static bool callReplacement(const std::string &target, torch::jit::Stack &stack) {
  if (target == "aten.native_batch_norm") {
    // input, weight, bias, running_mean, running_var, training, momentum, eps
    auto formals = stack.end() - 8;
    if (!formals[5].toBool())
      return false;
    if (formals[3].isNone() || !formals[3].toTensor().defined()) {
      stack.erase(formals + 3, formals + 5);
      callNamed("aten::_native_batch_norm_legit", "no_stats", stack);
    } else {
      callNamed("aten::_native_batch_norm_legit", "", stack);
    }
    return true;
  }
  if (target == "aten._convolution") {
    // The last four switch libraries of the GPU.
    stack.resize(stack.size() - 4);
    callNamed("aten::convolution", "", stack);
    return true;
  }
  return false;
}

/// Functionalization of an operator that writes nothing: the call on what is
/// inside the wrappers.
static void callWhole(Recorder &recorder, const c10::OperatorHandle &op, torch::jit::Stack &stack) {
  size_t count = op.schema().arguments().size();
  for (auto argument = stack.end() - count; argument != stack.end(); ++argument)
    if (argument->isTensor() && argument->toTensor().defined())
      *argument = recorder.unwrap(argument->toTensor());
  {
    at::AutoDispatchSkipFunctionalize inside;
    recorder.callInner(op, stack);
  }
  stack.back() = recorder.wrap(stack.back().toTensor());
}

static void callOuter(Recorder &recorder, const c10::OperatorHandle &op, torch::jit::Stack &stack) {
  std::string target = getTarget(op.operator_name());
  moveToMeta(op, stack);
  if (target == "aten._local_scalar_dense") {
    at::Tensor tensor = torch::jit::pop(stack).toTensor();
    stack.push_back(recorder.readScalar(tensor));
    return;
  }
  refuseSymbolicShapes(op, torch::jit::last(stack, op.schema().arguments().size()));
  if (callReplacement(target, stack))
    return;

  bool isComposite = op.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
  if (isComposite && isKeptWhole(op, stack)) {
    callWhole(recorder, op, stack);
  } else if (isComposite) {
    op.callBoxedForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd, stack);
  } else {
    recorder.noteWrites(op, stack);
    op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::Functionalize), &stack);
  }
  recorder.noteResults(stack, op.schema().returns().size());
}

static void callInner(Recorder &recorder, const c10::OperatorHandle &op, torch::jit::Stack &stack) {
  bool isComposite = op.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
  if (isComposite && !isKeptWhole(op, stack))
    op.callBoxedForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd, stack);
  else
    recorder.callInner(op, stack);
}

static void recordCall(const c10::OperatorHandle &op, c10::DispatchKeySet, torch::jit::Stack *stack) {
  bool isInner = c10::impl::tls_is_dispatch_key_excluded(c10::DispatchKey::Functionalize);
  (isInner ? callInner : callOuter)(*activeRecorder, op, *stack);
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&recordCall>());
}
