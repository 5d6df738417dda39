//===- Benchmark.h - how long a call takes ----------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_BENCHMARK_H
#define TORCHC_TOOLS_TORCHC_RUN_BENCHMARK_H

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace torchc::runtime {

/// How often to call. Without `repetitions`: for `seconds`, at least 10 times.
struct Sampling {
  std::optional<unsigned> warmup;      ///< Calls before; else for a tenth of the time, at least one.
  std::optional<unsigned> repetitions; ///< Just as many.
  double seconds = 1;
};

/// Calls `run` to warm up.
void warmUp(const std::function<void()> &run, const Sampling &sampling);

/// Calls `run` and returns the seconds of each call.
std::vector<double> sampleCalls(const std::function<void()> &run, const Sampling &sampling);

/// Least, mean, median, 90th and 99th percentile of the times and calls in a second.
nlohmann::ordered_json summarize(std::vector<double> seconds);

/// A summary as a line of text.
std::string formatSummary(const nlohmann::ordered_json &summary);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_BENCHMARK_H
