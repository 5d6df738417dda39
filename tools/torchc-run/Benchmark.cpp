//===- Benchmark.cpp - how long a call takes ------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"

#include "Text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace torchc::runtime {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void warmUp(const std::function<void()> &run, const Sampling &sampling) {
  if (sampling.warmup) {
    for (unsigned i = 0; i < *sampling.warmup; ++i)
      run();
    return;
  }
  const auto start = Clock::now();
  do
    run();
  while (!sampling.repetitions && secondsSince(start) < sampling.seconds / 10);
}

std::vector<double> sampleCalls(const std::function<void()> &run, const Sampling &sampling) {
  static constexpr size_t kLeast = 10, kMost = 10'000'000;
  std::vector<double> times;
  const auto start = Clock::now();
  auto isEnough = [&] {
    if (sampling.repetitions)
      return times.size() >= *sampling.repetitions;
    return times.size() >= kMost || (times.size() >= kLeast && secondsSince(start) >= sampling.seconds);
  };
  while (!isEnough()) {
    const auto begin = Clock::now();
    run();
    times.push_back(secondsSince(begin));
  }
  return times;
}

nlohmann::ordered_json summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  // The least time that at least this part of the calls did not exceed.
  auto percentile = [&](double part) {
    const auto rank = size_t(std::ceil(part * double(seconds.size())));
    return seconds[std::max<size_t>(rank, 1) - 1] * 1e3;
  };
  return {{"calls", seconds.size()},
          {"min_ms", seconds.front() * 1e3},
          {"mean_ms", total / double(seconds.size()) * 1e3},
          {"median_ms", percentile(0.5)},
          {"p90_ms", percentile(0.9)},
          {"p99_ms", percentile(0.99)},
          {"calls_per_second", double(seconds.size()) / total}};
}

std::string formatSummary(const nlohmann::ordered_json &summary) {
  auto get = [&](const char *key) { return summary.at(key).get<double>(); };
  return format("%llu calls: min %.4f ms, median %.4f ms, p90 %.4f ms, p99 %.4f ms, %.1f calls/s\n",
                (unsigned long long)summary.at("calls").get<uint64_t>(), get("min_ms"), get("median_ms"), get("p90_ms"),
                get("p99_ms"), get("calls_per_second"));
}

} // namespace torchc::runtime
