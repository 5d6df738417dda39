//===- Profile.h - what runs when -------------------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session reports what it runs to the functions of a Profiler, if it has one. Times are
// nanoseconds of CLOCK_MONOTONIC. Without a profiler a dispatch costs one comparison more.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_PROFILE_H
#define TORCHC_RUNTIME_PROFILE_H

#include <cstdint>

namespace torchc::runtime {

/// A dispatch that ended, well or not.
struct DispatchEvent {
  uint32_t kernel;      ///< Program::getKernel
  uint32_t instruction; ///< Program::getSource: which of the kernel's dispatches it is.
  uint64_t begin, end;
  uint64_t workgroups;
  uint64_t bytesRead, bytesWritten; ///< Sizes of all inputs, of all outputs.
};

/// Work groups that a worker ran one after the other.
struct BatchEvent {
  uint32_t kernel, instruction;
  uint32_t worker; ///< 0 is the calling thread.
  uint64_t begin, end;
  uint64_t firstWorkgroup, workgroupCount;
};

/// Functions that are nullptr are not called.
struct Profiler {
  /// In the calling thread, after each dispatch.
  void (*onDispatch)(void *context, const DispatchEvent &event) = nullptr;
  /// In the worker's thread, so by several threads at once: calls with different worker
  /// numbers may overlap. All calls for a dispatch return before its onDispatch.
  void (*onBatch)(void *context, const BatchEvent &event) = nullptr;
  void *context = nullptr;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_PROFILE_H
