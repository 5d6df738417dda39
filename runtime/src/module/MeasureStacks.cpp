//===- MeasureStacks.cpp - how deep calls go ------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleFile.h"
#include "torchc/runtime/Tensor.h"

#include <algorithm>

namespace torchc::runtime {

/// Registers of a call stack: 64 MiB with their references' shapes.
static constexpr uint64_t kMaxStackBytes = 64 << 20;
static constexpr uint64_t kRefBytes = 192, kI64Bytes = 8, kFrameBytes = 64;
static_assert(sizeof(Tensor) <= kRefBytes);

Status measureStacks(const ModuleFile &module, Array<StackSize> &stacks) {
  const auto &functions = *module.header->functions();
  if (!stacks.resize(functions.size()))
    return Status::outOfMemory();
  for (unsigned ordinal = 0; ordinal < functions.size(); ++ordinal) {
    const schema::Function &function = *functions.Get(ordinal);
    StackSize &stack = stacks[ordinal];
    // Callees have lower ordinals: theirs are known.
    for (const Instruction &instruction :
         module.code.subspan(function.first_instruction(), function.instruction_count())) {
      if (Opcode(instruction.opcode) != Opcode::Call)
        continue;
      const StackSize &callee = stacks[instruction.a];
      stack.i64s = std::max(stack.i64s, callee.i64s);
      stack.refs = std::max(stack.refs, callee.refs);
      stack.frames = std::max(stack.frames, callee.frames);
    }
    stack.i64s += function.i64_registers();
    stack.refs += function.ref_registers();
    stack.frames += 1;
    if (stack.i64s * kI64Bytes + stack.refs * kRefBytes + stack.frames * kFrameBytes > kMaxStackBytes)
      return Status::error(StatusCode::InvalidModule, "function '%s': the call stack needs more than %llu bytes",
                           function.name()->c_str(), (unsigned long long)kMaxStackBytes);
  }
  return {};
}

} // namespace torchc::runtime
