//===- Reports.h - what is in a program and what a call used ----*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_REPORTS_H
#define TORCHC_TOOLS_TORCHC_RUN_REPORTS_H

#include "torchc/runtime/Session.h"

#include <nlohmann/json.hpp>
#include <string>

namespace torchc::runtime {

/// Functions, signatures, kernels, targets, sizes and producer, for people or for machines.
std::string describeProgram(const Program &program);
nlohmann::ordered_json describeProgramAsJson(const Program &program);

/// Memory, dispatches and the time of loading after calls of `function`.
nlohmann::ordered_json collectStats(const Session &session, const Program &program, unsigned function,
                                    double loadSeconds);
std::string formatStats(const nlohmann::ordered_json &stats);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_REPORTS_H
