//===- Globals.cpp - values that last from call to call -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

#include <algorithm>

namespace torchc::runtime {

Status Machine::resetGlobals() {
  const auto &table = *program->module.header->globals();
  if (!globals.resize(table.size()))
    return Status::outOfMemory();
  for (unsigned i = 0; i < table.size(); ++i) {
    const schema::Global &global = *table.Get(i);
    globals[i].integer = global.initial_i64();
    if (global.initial_constant() < 0) {
      globals[i].tensor.reset();
      continue;
    }
    const Tensor &initial = constants[size_t(global.initial_constant())];
    if (!global.mutable_())
      globals[i].tensor = initial;
    else
      TORCHC_RETURN_IF_ERROR(setGlobal(i, initial));
  }
  return {};
}

Status Machine::setGlobal(unsigned ordinal, const Tensor &value) {
  Tensor &global = globals[ordinal].tensor;
  if (!global.isNull() && value.getData() == global.getData() && value.getByteLength() == global.getByteLength()) {
    // A view, not `value`: that may be read-only, where a custom op kept an argument to return it later.
    TORCHC_ASSIGN_OR_RETURN(global, global.view(0, value.getElementType(), value.getDims()));
    return {};
  }
  if (global.isNull() || global.getByteLength() != value.getByteLength()) {
    TORCHC_ASSIGN_OR_RETURN(global, memory.acquire(value.getByteLength(), MemoryPool::Use::Global));
  }
  TORCHC_ASSIGN_OR_RETURN(global, global.view(0, value.getElementType(), value.getDims()));
  if (value.getByteLength() != 0)
    std::memmove(global.getMutableData(), value.getData(), value.getByteLength());
  return {};
}

Result<Tensor> Machine::viewGlobal(unsigned ordinal) {
  Global &global = globals[ordinal];
  if (program->module.header->globals()->Get(ordinal)->kind() == schema::RegisterKind::I64)
    return Tensor::borrow(&global.integer, sizeof global.integer, ElementType::I64, {}, Access::ReadOnly, nullptr,
                          nullptr);
  return Tensor(global.tensor);
}

Status Machine::checkGlobal(unsigned ordinal, const Tensor &value) {
  const char *name = program->module.header->globals()->Get(ordinal)->name()->c_str();
  TORCHC_ASSIGN_OR_RETURN(const Tensor current, viewGlobal(ordinal));
  if (value.isNull())
    return Status::error(StatusCode::InvalidArgument, "no tensor is given for the state '%s'", name);
  // Kernels were compiled for its type and shape, which only a value tells.
  if (current.isNull())
    return Status::error(StatusCode::InvalidArgument, "the state '%s' has no value yet to hold the new one against",
                         name);
  if (value.getElementType() == current.getElementType() && std::ranges::equal(value.getDims(), current.getDims()))
    return {};
  return Status::error(StatusCode::InvalidArgument, "the state '%s' is %s, not %s", name, ShapeText(current).get(),
                       ShapeText(value).get());
}

Status Machine::assignGlobal(unsigned ordinal, const Tensor &value) {
  if (program->module.header->globals()->Get(ordinal)->kind() == schema::RegisterKind::I64) {
    std::memcpy(&globals[ordinal].integer, value.getData(), sizeof(int64_t));
    return {};
  }
  return setGlobal(ordinal, value);
}

} // namespace torchc::runtime
