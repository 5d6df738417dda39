//===- Profile.h - where the time of a call goes ----------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_PROFILE_H
#define TORCHC_TOOLS_TORCHC_RUN_PROFILE_H

#include "torchc/runtime/Session.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace torchc::runtime {

/// Adds up what a session reports.
class ProfileRecorder {
public:
  explicit ProfileRecorder(unsigned workers) : workers(workers) {}

  Profiler getProfiler();

  /// The profile of `seconds`, one entry a call, as JSON: by kernel, by op and by worker,
  /// everything an average of one call. See docs/HowTo/ProfileAModel.md.
  nlohmann::ordered_json summarize(const Program &program, const std::vector<double> &seconds) const;

private:
  struct Total {
    uint32_t kernel = 0;
    uint64_t calls = 0, nanoseconds = 0, workgroups = 0, bytesRead = 0, bytesWritten = 0;
  };
  /// On a cache line of its own: each worker adds to its own.
  struct alignas(128) Worker {
    uint64_t nanoseconds = 0;
  };

  std::map<uint32_t, Total> byInstruction;
  std::vector<Worker> workers;
};

/// The tables of a profile as text.
std::string formatProfile(const nlohmann::ordered_json &profile);

/// The same as one HTML page that needs nothing else.
std::string formatProfilePage(const nlohmann::ordered_json &profile);

/// Keeps every event, for the trace viewers of Chrome and Perfetto.
class TraceRecorder {
public:
  explicit TraceRecorder(unsigned workers) : batches(workers) {}

  Profiler getProfiler();

  /// Marks a call: everything between the two times, in nanoseconds of CLOCK_MONOTONIC.
  void addCall(uint64_t begin, uint64_t end) { calls.push_back({begin, end}); }

  /// The trace event format: one lane for calls and dispatches, one a worker for work groups.
  nlohmann::ordered_json getTrace(const Program &program) const;

private:
  struct Call {
    uint64_t begin, end;
  };
  std::vector<Call> calls;
  std::vector<DispatchEvent> dispatches;
  std::vector<std::vector<BatchEvent>> batches; ///< By worker: each adds to its own.
};

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_PROFILE_H
