//===- Machine.h - the state that instructions work on ----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_VM_MACHINE_H
#define TORCHC_RUNTIME_VM_MACHINE_H

#include "api/ProgramImpl.h"
#include "base/ShapeText.h"
#include "threads/ThreadPool.h"
#include "torchc/runtime/Session.h"
#include "vm/MemoryPool.h"

namespace torchc::runtime {

class Launch;

/// Executes a verified program for one session. Register numbers, ordinals and
/// lists are not checked again here; what depends on values is.
///
/// The work is spread over files by group of instructions: Machine.cpp sets up,
/// Interpreter.cpp has the loop and the control flow, TensorInstructions.cpp memory
/// and checks, Globals.cpp the state, Outputs.cpp what leaves the call, Dispatch.cpp the
/// kernels, Externals.cpp the functions of the host program.
class Machine {
public:
  Machine() = default;
  Machine(const Machine &) = delete;
  ~Machine();

  /// What every program needs. `pool` may be nullptr: kernels run in the calling thread. A
  /// limit of 0 is none.
  Status prepare(ProgramImpl &program, ThreadPool *pool, uint64_t maxSteps, uint64_t maxMemoryBytes);
  /// Then what only some have; a program without them is ready.
  Status prepareParameters(const Parameters *given);
  Status prepareExternals(std::span<const ExternalBinding> given);

  /// Runs an exported function whose inputs have been checked.
  Status call(const schema::Export &function, std::span<const Tensor> inputs, std::span<Tensor> outputs);

  void setProfiler(const Profiler &functions) {
    profiler = functions;
    profileDispatch = functions.onDispatch || functions.onBatch ? &Machine::profile : nullptr;
  }
  /// Globals.cpp: what lasts from call to call. A view of an i64 is a tensor of rank 0; a
  /// global without a value is a null tensor. `checkGlobal` says whether `assignGlobal`
  /// may put `value` in its place.
  Status resetGlobals();
  Result<Tensor> viewGlobal(unsigned ordinal);
  Status checkGlobal(unsigned ordinal, const Tensor &value);
  Status assignGlobal(unsigned ordinal, const Tensor &value);

  std::atomic<bool> isCancelled{false};

  const MemoryPool &getMemory() const { return memory; }
  uint64_t getDispatches() const { return dispatches; }
  uint64_t getOutputBytes() const { return outputBytes; }
  uint64_t getScratchBytes() const { return scratchStride * workerCount; }

private:
  struct Frame {
    const schema::Function *function;
    const Instruction *code; ///< The function's first instruction.
    uint32_t next;           ///< Counted from it.
    int64_t *i64s;
    Tensor *refs;
  };
  struct Global {
    int64_t integer = 0;
    Tensor tensor;
  };
  struct External {
    ExternalFunction function;
    void *context;
  };

  // Machine.cpp
  Status prepareStack();
  Status prepareScratch(uint64_t maxBytes);
  Status prepareConstants();
  Result<Tensor> findParameter(const schema::Parameter &parameter, const Parameters *given);

  // Interpreter.cpp
  Status run(std::span<Tensor> outputs);
  Status execute(const Instruction &instruction, Frame &frame);
  Status executeInteger(const Instruction &instruction, int64_t *i64s);
  void enter(const Instruction &call, const Frame &caller);
  void leave(const Instruction &ret);
  Status explain(Status error, const Frame &frame) const;
  Status takeSteps(uint64_t steps);
  static Status cancelled() { return Status::error(StatusCode::Cancelled, "the call is cancelled"); }

  // Globals.cpp
  Status setGlobal(unsigned ordinal, const Tensor &value);

  // TensorInstructions.cpp
  std::span<const int64_t> readDims(uint32_t list, const Frame &frame);
  Status executeTensor(const Instruction &instruction, Frame &frame);
  Status executeCheck(const Instruction &instruction, const Frame &frame);
  Status failWithMessage(uint32_t message) const;

  // Externals.cpp
  Status callExternal(const Instruction &instruction, Frame &frame);

  // Outputs.cpp
  Result<Tensor> allocateOutput(unsigned index, ElementType type, std::span<const int64_t> dims);
  Status returnOutputs(const Instruction &ret, const Frame &frame, std::span<Tensor> outputs);
  Result<Tensor> finishOutput(unsigned index, const Tensor &value);

  // Dispatch.cpp
  Status dispatch(const Instruction &instruction, const Frame &frame);
  void profile(Launch &launch, uint64_t items, const Instruction &instruction, const Frame &frame);

  ProgramImpl *program = nullptr;
  ThreadPool *pool = nullptr;
  uint64_t maxSteps = 0;
  uint64_t stepsLeft = 0; ///< Of the running call, if there is a limit.

  Array<Tensor> constants, parameters;
  Array<Global> globals;
  Array<External> externals;
  MemoryPool memory;

  Array<int64_t> i64Stack;
  Array<Tensor> refStack;
  Array<Frame> frames;
  size_t depth = 0;
  int64_t dims[kMaxRank];

  unsigned workerCount = 1;
  uint64_t scratchStride = 0; ///< Bytes of a worker.
  uint8_t *scratch = nullptr;
  Array<void *> bindings;
  Array<uint64_t> bindingLengths;
  Array<int64_t> kernelConstants;
  Profiler profiler;
  // By address, so that a program that asks for neither links neither.
  void (Machine::*profileDispatch)(Launch &, uint64_t, const Instruction &, const Frame &) = nullptr;
  Status (Machine::*executeExternal)(const Instruction &, Frame &) = nullptr;
  uint64_t dispatches = 0;  ///< Those that ran a work group.
  uint64_t outputBytes = 0; ///< Of the last call that returned.

  Array<ExternalValue> externalArguments, externalResults;

  // Of the running call.
  const schema::Export *exported = nullptr;
  std::span<const Tensor> givenOutputs;
  Array<Tensor> allocatedOutputs; ///< By index; null until OutputAlloc.
  Array<Tensor> finishedOutputs;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_VM_MACHINE_H
