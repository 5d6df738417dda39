//===- SessionImpl.h - what is behind a session -----------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_API_SESSIONIMPL_H
#define TORCHC_RUNTIME_API_SESSIONIMPL_H

#include "api/DeviceImpl.h"
#include "vm/Machine.h"

namespace torchc::runtime {

struct SessionImpl : Shared<SessionImpl> {
  SessionImpl(const Program &program, const Device &device) : program(program), device(device) {}

  Status prepare(const SessionOptions &options) {
    TORCHC_RETURN_IF_ERROR(checkCanRun());
    TORCHC_RETURN_IF_ERROR(machine.prepare(*program.impl, device.impl ? &device.impl->pool : nullptr, options.maxSteps,
                                           options.maxMemoryBytes));
    TORCHC_RETURN_IF_ERROR(machine.prepareParameters(options.parameters));
    return machine.prepareExternals(options.externals);
  }
  /// Without options, and without the code for them.
  Status prepare() {
    TORCHC_RETURN_IF_ERROR(checkCanRun());
    if (getModule().externals()->size() != 0 || getModule().parameters()->size() != 0)
      return Status::error(StatusCode::InvalidArgument,
                           "the program needs custom ops or parameters: create its session with options");
    return machine.prepare(*program.impl, nullptr, 0, 0);
  }

  Status checkCanRun() const {
    return program.impl->canRun
               ? Status()
               : Status::error(StatusCode::InvalidArgument, "the program was loaded without its kernels");
  }
  const schema::Module &getModule() const { return *program.impl->module.header; }

  /// Runs `use` unless the session is in use already.
  template <typename Use> Status exclusively(Use use) {
    if (isBusy.exchange(true, std::memory_order_acquire))
      return Status::error(StatusCode::InvalidArgument, "the session is in another call; use one session a thread");
    Status status = use();
    isBusy.store(false, std::memory_order_release);
    return status;
  }

  Program program;
  Device device;
  Machine machine;
  std::atomic<bool> isBusy{false};
  uint64_t calls = 0;
  Array<Tensor> bufferInputs, bufferOutputs; ///< Of callBuffers, kept for its next call.
  Array<int64_t> symbols;                    ///< Values in the running call; -1: not seen yet.
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_API_SESSIONIMPL_H
