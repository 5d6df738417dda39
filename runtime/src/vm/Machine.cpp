//===- Machine.cpp - sets up what a session executes on -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

#include <algorithm>

namespace torchc::runtime {

Machine::~Machine() { std::free(scratch); }

Status Machine::prepare(ProgramImpl &owner, ThreadPool *threads, uint64_t stepLimit, uint64_t maxMemoryBytes) {
  program = &owner;
  pool = threads;
  workerCount = pool ? pool->getWorkerCount() : 1;
  maxSteps = stepLimit;
  memory.setLimit(maxMemoryBytes);
  TORCHC_RETURN_IF_ERROR(prepareStack());
  TORCHC_RETURN_IF_ERROR(prepareScratch(maxMemoryBytes));
  TORCHC_RETURN_IF_ERROR(prepareConstants());
  return resetGlobals();
}

/// All that any exported function needs at once, so that a call allocates nothing.
Status Machine::prepareStack() {
  StackSize most;
  size_t outputs = 0;
  for (const schema::Export *function : *program->module.header->exports()) {
    const StackSize &stack = program->stacks[function->function()];
    most.i64s = std::max(most.i64s, stack.i64s);
    most.refs = std::max(most.refs, stack.refs);
    most.frames = std::max(most.frames, stack.frames);
    outputs = std::max<size_t>(outputs, function->outputs()->size());
  }
  if (!i64Stack.resize(most.i64s) || !refStack.resize(most.refs) || !frames.resize(most.frames) ||
      !allocatedOutputs.resize(outputs) || !finishedOutputs.resize(outputs))
    return Status::outOfMemory();
  return {};
}

Status Machine::prepareScratch(uint64_t maxBytes) {
  size_t mostBindings = 0, mostConstants = 0;
  for (const schema::Kernel *kernel : *program->module.header->kernels()) {
    scratchStride = std::max(scratchStride, kernel->scratch_bytes());
    mostBindings = std::max<size_t>(mostBindings, size_t(kernel->inputs()) + kernel->outputs());
    mostConstants = std::max<size_t>(mostConstants, kernel->constants());
  }
  if (!bindings.resize(mostBindings) || !bindingLengths.resize(mostBindings) || !kernelConstants.resize(mostConstants))
    return Status::outOfMemory();
  if (scratchStride == 0)
    return {};
  // Two workers never share a cache line, nor the pair that is prefetched with it.
  if (scratchStride > (uint64_t(1) << 40) / workerCount)
    return Status::error(StatusCode::ResourceExhausted, "out of memory: a kernel wants %llu bytes of scratch memory",
                         (unsigned long long)scratchStride);
  scratchStride = (scratchStride + 127) / 128 * 128;
  if (maxBytes != 0 && scratchStride * workerCount > maxBytes)
    return Status::error(StatusCode::ResourceExhausted,
                         "the memory limit of %llu bytes is less than the kernels' scratch memory",
                         (unsigned long long)maxBytes);
  scratch = static_cast<uint8_t *>(std::aligned_alloc(128, scratchStride * workerCount));
  return scratch ? Status() : Status::outOfMemory();
}

Status Machine::prepareConstants() {
  for (unsigned i = 0; i < program->module.header->constants()->size(); ++i) {
    TORCHC_ASSIGN_OR_RETURN(Tensor constant, program->getConstant(i));
    if (!constants.push(std::move(constant)))
      return Status::outOfMemory();
  }
  return {};
}

Status Machine::prepareParameters(const Parameters *given) {
  for (const schema::Parameter *parameter : *program->module.header->parameters()) {
    TORCHC_ASSIGN_OR_RETURN(Tensor tensor, findParameter(*parameter, given));
    if (!parameters.push(tensor.asReadOnly()))
      return Status::outOfMemory();
  }
  return {};
}

Result<Tensor> Machine::findParameter(const schema::Parameter &parameter, const Parameters *given) {
  const char *scope = parameter.scope()->c_str(), *key = parameter.key()->c_str();
  auto fail = [&](const char *what) {
    return Status::error(StatusCode::InvalidArgument, "the program needs parameter '%s::%s'; %s", scope, key, what);
  };
  if (!given || !given->hasScope(scope))
    return fail("no parameters are given for this scope");
  const Tensor *found = given->find(scope, key);
  if (!found)
    return fail("the scope has no such key");
  const auto type = ElementType(parameter.element_type());
  const std::span<const int64_t> dims(parameter.dims()->data(), parameter.dims()->size());
  if (found->getElementType() != type || !std::ranges::equal(found->getDims(), dims))
    return Status::error(StatusCode::InvalidArgument, "parameter '%s::%s' is %s, the program needs %s", scope, key,
                         ShapeText(*found).get(), ShapeText(type, dims).get());
  return Tensor(*found);
}

} // namespace torchc::runtime
