//===- Outputs.cpp - what leaves a call -----------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

#include <algorithm>

namespace torchc::runtime {

Result<Tensor> Machine::allocateOutput(unsigned index, ElementType type, std::span<const int64_t> shape) {
  TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, computeByteLength(type, shape));
  if (index >= givenOutputs.size())
    return Status::error(StatusCode::Failed, "there is no output %u", index);
  const Tensor &given = givenOutputs[index];
  if (!given.isNull() && given.getElementType() == type && given.getByteLength() == bytes)
    return given.view(0, type, shape);
  TORCHC_ASSIGN_OR_RETURN(const Tensor storage, memory.acquire(bytes, MemoryPool::Use::Output));
  TORCHC_ASSIGN_OR_RETURN(allocatedOutputs[index], storage.view(0, type, shape));
  return Tensor(allocatedOutputs[index]);
}

Status Machine::returnOutputs(const Instruction &ret, const Frame &frame, std::span<Tensor> outputs) {
  const auto values = program->module.getList(ret.d);
  for (unsigned i = 0; i < values.size(); ++i) {
    auto finished = finishOutput(i, frame.refs[values[i]]);
    if (!finished.isOk())
      return Status::error(finished.getStatus().getCode(), "output %u: %s", i, finished.getStatus().getMessage());
    finishedOutputs[i] = finished.take();
  }
  outputBytes = 0;
  for (unsigned i = 0; i < values.size(); ++i) {
    outputBytes += finishedOutputs[i].getByteLength();
    outputs[i] = std::move(finishedOutputs[i]);
  }
  return {};
}

/// The caller's buffer, or memory that is the caller's from now on. Only what the
/// program wrote into the storage of just this output needs no copy.
Result<Tensor> Machine::finishOutput(unsigned index, const Tensor &value) {
  const schema::Value &declared = *exported->outputs()->Get(index);
  const std::span<const int64_t> declaredDims(declared.dims()->data(), declared.dims()->size());
  if (value.getElementType() != ElementType(declared.element_type()) || value.getDims().size() != declaredDims.size() ||
      !std::ranges::equal(value.getDims(), declaredDims,
                          [](int64_t dim, int64_t wanted) { return wanted < 0 || dim == wanted; }))
    return Status::error(StatusCode::Failed, "the program's result does not fit its own signature");
  const auto type = value.getElementType();
  Tensor target = givenOutputs[index];
  if (!target.isNull()) {
    if (target.getElementType() != type || !std::ranges::equal(target.getDims(), value.getDims()))
      return Status::error(StatusCode::InvalidArgument, "the given buffer has another type or shape than the result");
    if (target.getData() == value.getData())
      return target;
  } else {
    const Tensor &allocated = allocatedOutputs[index];
    if (!allocated.isNull() && allocated.getData() == value.getData() &&
        allocated.getByteLength() == value.getByteLength())
      return Tensor(value);
    TORCHC_ASSIGN_OR_RETURN(const Tensor storage, memory.acquire(value.getByteLength(), MemoryPool::Use::Output));
    TORCHC_ASSIGN_OR_RETURN(target, storage.view(0, type, value.getDims()));
  }
  if (value.getByteLength() != 0)
    std::memmove(target.getMutableData(), value.getData(), value.getByteLength());
  return target;
}

} // namespace torchc::runtime
