//===- Interpreter.cpp - the loop over instructions -----------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

#include <algorithm>

namespace torchc::runtime {

static int64_t wrap(uint64_t value) { return int64_t(value); }

Status Machine::call(const schema::Export &function, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  exported = &function;
  givenOutputs = outputs;
  const schema::Function &body = *program->module.header->functions()->Get(function.function());
  frames[0] = {&body, program->module.code.data() + body.first_instruction(), 0, i64Stack.data(), refStack.data()};
  depth = 1;
  for (size_t i = 0; i < inputs.size(); ++i)
    refStack[i] = inputs[i].asReadOnly();
  Status status = run(outputs);
  // Whatever happened, the call lets go of everything.
  while (depth > 0) {
    const Frame &frame = frames[--depth];
    for (unsigned i = 0; i < frame.function->ref_registers(); ++i)
      frame.refs[i].reset();
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    allocatedOutputs[i].reset();
    finishedOutputs[i].reset();
  }
  externalArguments.clear();
  externalResults.clear();
  memory.trim();
  return status;
}

/// An instruction is a step, and so is a work group. For calls with a limit.
Status Machine::takeSteps(uint64_t steps) {
  if (steps > stepsLeft)
    return Status::error(StatusCode::ResourceExhausted, "the limit of %llu steps is reached",
                         (unsigned long long)maxSteps);
  stepsLeft -= steps;
  return {};
}

Status Machine::run(std::span<Tensor> outputs) {
  stepsLeft = maxSteps;
  while (true) {
    Frame &frame = frames[depth - 1];
    const Instruction &instruction = frame.code[frame.next++];
    if (maxSteps != 0)
      if (Status status = takeSteps(1); !status.isOk())
        return explain(std::move(status), frame);
    if (isCancelled.load(std::memory_order_relaxed))
      return explain(cancelled(), frame);
    Status status;
    switch (Opcode(instruction.opcode)) {
    case Opcode::Block: break;
    case Opcode::Br: frame.next = instruction.d; break;
    case Opcode::CondBr: frame.next = frame.i64s[instruction.a] != 0 ? instruction.d : instruction.e; break;
    case Opcode::Call: enter(instruction, frame); break;
    case Opcode::Ret:
      if (depth > 1) {
        leave(instruction);
        break;
      }
      status = returnOutputs(instruction, frame, outputs);
      return status.isOk() ? Status() : explain(std::move(status), frame);
    default: status = execute(instruction, frame);
    }
    if (!status.isOk())
      return explain(std::move(status), frames[depth - 1]);
  }
}

Status Machine::execute(const Instruction &instruction, Frame &frame) {
  int64_t *i64s = frame.i64s;
  Tensor *refs = frame.refs;
  const Instruction &in = instruction;
  switch (Opcode(in.opcode)) { // Without a default, so that the compiler names an opcode that is missing.
  case Opcode::CallExternal: return (this->*executeExternal)(in, frame);
  case Opcode::Fail: return failWithMessage(in.d);
  case Opcode::MovRef: refs[in.a] = refs[in.b]; return {};
  case Opcode::SelectRef: refs[in.a] = i64s[in.b] != 0 ? refs[in.c] : refs[in.d]; return {};
  case Opcode::Drop: refs[in.a].reset(); return {};
  case Opcode::Constant: refs[in.a] = constants[in.b]; return {};
  case Opcode::Parameter: refs[in.a] = parameters[in.b]; return {};
  case Opcode::GlobalGetI64: i64s[in.a] = globals[in.b].integer; return {};
  case Opcode::GlobalSetI64: globals[in.a].integer = i64s[in.b]; return {};
  case Opcode::GlobalGetRef:
    if (globals[in.b].tensor.isNull())
      return Status::error(StatusCode::Failed, "global '%s' has no value yet",
                           program->module.header->globals()->Get(in.b)->name()->c_str());
    refs[in.a] = globals[in.b].tensor;
    return {};
  case Opcode::GlobalSetRef: return setGlobal(in.a, refs[in.b]);
  case Opcode::CheckTrue:
  case Opcode::CheckRange:
  case Opcode::CheckType:
  case Opcode::CheckDim: return executeCheck(in, frame);
  case Opcode::Dispatch: return dispatch(in, frame);
  case Opcode::ConstI64:
  case Opcode::MovI64:
  case Opcode::AddI64:
  case Opcode::SubI64:
  case Opcode::MulI64:
  case Opcode::FloorDivI64:
  case Opcode::FloorModI64:
  case Opcode::MinI64:
  case Opcode::MaxI64:
  case Opcode::AndI64:
  case Opcode::OrI64:
  case Opcode::XorI64:
  case Opcode::EqI64:
  case Opcode::NeI64:
  case Opcode::LtI64:
  case Opcode::LeI64:
  case Opcode::SelectI64: return executeInteger(in, i64s);
  case Opcode::SlabReserve:
  case Opcode::OutputAlloc:
  case Opcode::View:
  case Opcode::Reshape:
  case Opcode::TensorDim:
  case Opcode::LoadI64:
  case Opcode::StoreI64:
  case Opcode::Fill:
  case Opcode::Copy: return executeTensor(in, frame);
  case Opcode::Block:
  case Opcode::Br:
  case Opcode::CondBr:
  case Opcode::Call:
  case Opcode::Ret: break; // `run` has them.
  }
  return Status::error(StatusCode::InvalidModule, "opcode 0x%02x is not implemented", in.opcode);
}

Status Machine::executeInteger(const Instruction &in, int64_t *i64s) {
  // Fields that an opcode lacks are 0, and register 0 exists: it has at least dst.
  const int64_t a = i64s[in.b], b = i64s[in.c];
  int64_t &dst = i64s[in.a];
  switch (Opcode(in.opcode)) {
  case Opcode::ConstI64: dst = wrap(in.getImmediate()); return {};
  case Opcode::MovI64: dst = a; return {};
  case Opcode::AddI64: dst = wrap(uint64_t(a) + uint64_t(b)); return {};
  case Opcode::SubI64: dst = wrap(uint64_t(a) - uint64_t(b)); return {};
  case Opcode::MulI64: dst = wrap(uint64_t(a) * uint64_t(b)); return {};
  case Opcode::FloorDivI64:
  case Opcode::FloorModI64: {
    if (b == 0)
      return Status::error(StatusCode::Failed, "integer division by zero");
    // -1 apart: INT64_MIN / -1 wraps where the CPU would trap.
    int64_t quotient = b == -1 ? wrap(-uint64_t(a)) : a / b;
    int64_t remainder = b == -1 ? 0 : a % b;
    if (remainder != 0 && (remainder < 0) != (b < 0)) {
      quotient -= 1;
      remainder += b;
    }
    dst = Opcode(in.opcode) == Opcode::FloorDivI64 ? quotient : remainder;
    return {};
  }
  case Opcode::MinI64: dst = std::min(a, b); return {};
  case Opcode::MaxI64: dst = std::max(a, b); return {};
  case Opcode::AndI64: dst = a & b; return {};
  case Opcode::OrI64: dst = a | b; return {};
  case Opcode::XorI64: dst = a ^ b; return {};
  case Opcode::EqI64: dst = a == b; return {};
  case Opcode::NeI64: dst = a != b; return {};
  case Opcode::LtI64: dst = a < b; return {};
  case Opcode::LeI64: dst = a <= b; return {};
  case Opcode::SelectI64: dst = a != 0 ? b : i64s[in.d]; return {};
  default: break;
  }
  return Status::error(StatusCode::InvalidModule, "opcode 0x%02x is not implemented", in.opcode);
}

/// The callee's registers begin behind the caller's.
void Machine::enter(const Instruction &call, const Frame &caller) {
  const schema::Function &callee = *program->module.header->functions()->Get(call.a);
  Frame &frame = frames[depth++];
  frame = {&callee, program->module.code.data() + callee.first_instruction(), 0,
           caller.i64s + caller.function->i64_registers(), caller.refs + caller.function->ref_registers()};
  size_t nextI64 = 0, nextRef = 0;
  const auto arguments = program->module.getList(call.e);
  for (size_t i = 0; i < arguments.size(); ++i)
    if (callee.parameters()->Get(unsigned(i)) == schema::RegisterKind::I64)
      frame.i64s[nextI64++] = caller.i64s[arguments[i]];
    else
      frame.refs[nextRef++] = caller.refs[arguments[i]];
}

void Machine::leave(const Instruction &ret) {
  const Frame &frame = frames[--depth];
  Frame &caller = frames[depth - 1];
  const Instruction &call = caller.code[caller.next - 1];
  const auto values = program->module.getList(ret.d);
  const auto results = program->module.getList(call.d);
  for (size_t i = 0; i < results.size(); ++i)
    if (frame.function->results()->Get(unsigned(i)) == schema::RegisterKind::I64)
      caller.i64s[results[i]] = frame.i64s[values[i]];
    else
      caller.refs[results[i]] = frame.refs[values[i]];
  for (unsigned i = 0; i < frame.function->ref_registers(); ++i)
    frame.refs[i].reset();
}

Status Machine::explain(Status error, const Frame &frame) const {
  const uint32_t instruction = frame.function->first_instruction() + frame.next - 1;
  const char *location = program->module.findLocation(instruction);
  return Status::error(error.getCode(), location ? "%s: %s (%s)" : "%s: %s", exported->name()->c_str(),
                       error.getMessage(), location);
}

} // namespace torchc::runtime
