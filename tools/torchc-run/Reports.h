//===- Reports.h - what torchc-run prints about a program and its speed --*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_REPORTS_H
#define TORCHC_TOOLS_TORCHC_RUN_REPORTS_H

#include "torchc/runtime/Session.h"

#include <functional>
#include <string>

namespace torchc::runtime {

/// Functions, signatures, targets, sizes and producer, for people or as JSON.
std::string describeProgram(const Program &program, bool asJson);

/// Calls `run` for about `seconds`, at least 10 times after a warm-up, and reports
/// median, 90th and 99th percentile and throughput.
std::string benchmark(const std::function<void()> &run, double seconds, bool asJson);

std::string describeStats(const Session &session, const Program &program, bool asJson);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_REPORTS_H
