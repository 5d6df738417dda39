//===- Session.h - one caller of a program ----------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_SESSION_H
#define TORCHC_RUNTIME_SESSION_H

#include "torchc/runtime/Device.h"
#include "torchc/runtime/Parameters.h"
#include "torchc/runtime/Profile.h"
#include "torchc/runtime/Program.h"

namespace torchc::runtime {

struct SessionImpl;

/// An argument or result of a function that the host program provides: a tensor, or
/// (tensor.isNull()) an integer.
struct ExternalValue {
  int64_t integer = 0;
  Tensor tensor;
};

/// A custom op. Arguments are the callee's to read until it returns; every result that the program
/// declares as a tensor must be set. `attributes` is the JSON that the compiler wrote.
/// It runs in the thread of the call and may call other sessions.
using ExternalFunction = Status (*)(void *context, const char *attributes, std::span<const ExternalValue> arguments,
                                    std::span<ExternalValue> results);

/// `signature` is what the function takes and gives, such as "(Tensor, int) -> (Tensor)";
/// nullptr: it looks at its arguments by itself.
struct ExternalBinding {
  const char *name;
  const char *signature;
  ExternalFunction function;
  void *context;
};

struct SessionOptions {
  std::span<const ExternalBinding> externals; ///< Copied.
  const Parameters *parameters = nullptr;     ///< Used by Session::create only.
  uint64_t maxSteps = 0;                      ///< Instructions and work groups of a call; 0: no limit.
  uint64_t maxMemoryBytes = 0;                ///< Slabs, outputs and globals; scratch memory apart; 0: no limit.
};

/// A tensor in the caller's memory, contiguous and row-major, of the type and rank that the
/// signature has.
struct Buffer {
  void *data;
  const int64_t *dims;
};

struct SessionStats {
  uint64_t calls;
  uint64_t poolBytes;    ///< Slabs, outputs and globals held now.
  uint64_t peakBytes;    ///< The most of them so far.
  uint64_t scratchBytes; ///< Of all workers.
  uint64_t dispatches;   ///< Of all calls; those without work groups do not count.
  uint64_t slabBytes;    ///< The most bytes of slabs that were in use at once.
  uint64_t outputBytes;  ///< Of the last call that succeeded, wherever they are.
};

/// A program's state for one caller: globals, memory, registers. Sessions of one
/// program are independent. One thread at a time; a second one gets an error.
class Session {
public:
  /// Errors: InvalidArgument (an external or a parameter is missing or does not fit),
  /// ResourceExhausted.
  static Result<Session> create(const Program &program, const Device &device, const SessionOptions &options);

  /// In the calling thread and without options: enough for a program without custom ops
  /// and parameters. An executable that creates its sessions so links no code for them.
  static Result<Session> create(const Program &program);

  Session(Session &&other) noexcept : impl(std::exchange(other.impl, nullptr)) {}
  Session &operator=(Session &&other) noexcept {
    std::swap(impl, other.impl);
    return *this;
  }
  ~Session();

  /// Calls a function. Inputs must match its signature. An output that is null is
  /// replaced by a new tensor, whose memory the session uses again once nothing refers
  /// to it; any other is the caller's buffer of just the right shape, overlaps no input
  /// and no other output, and is written in place. On error outputs that were null stay
  /// null; the session can be called again.
  /// Errors: InvalidArgument, Failed, ResourceExhausted.
  Status call(unsigned function, std::span<const Tensor> inputs, std::span<Tensor> outputs);
  Status call(std::string_view function, std::span<const Tensor> inputs, std::span<Tensor> outputs);
  /// The same on buffers, one for each input and output of the function. Once it has been
  /// called with the largest shapes, calls of the function allocate nothing.
  Status callBuffers(unsigned function, const Buffer *inputs, const Buffer *outputs);

  /// Reports the calls from now on to `profiler`; `{}` ends it. Not during a call.
  void setProfiler(const Profiler &profiler);

  /// Ends the running call and all later ones with Cancelled, until it is called with
  /// false. A call ends before its next instruction or work group; what it wrote to the
  /// state until then stays written. The only function that another thread may call.
  void setCancelled(bool isCancelled);

  /// The state: what the program keeps between calls, by the names of
  /// Program::getState. `reset` gives it the values that the file has.
  Status reset();
  /// A copy of a value. Errors: InvalidArgument (no such state, no value yet).
  Result<Tensor> getState(std::string_view name);
  /// Copies a tensor of the same type and shape into the state.
  Status setState(std::string_view name, const Tensor &value);
  /// All of the state in a safetensors file, which appears whole or not at all.
  Status saveState(const char *path);
  /// From such a file, which holds just the state's names, types and shapes; nothing is
  /// changed on error. Errors of both: Io, InvalidArgument, ResourceExhausted.
  Status loadState(const char *path);

  SessionStats getStats() const;

private:
  explicit Session(SessionImpl *impl) : impl(impl) {}
  SessionImpl *impl;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_SESSION_H
