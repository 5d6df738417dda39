//===- RunTool.h - what the main of each of the runtime's tools does ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_RUNTOOL_H
#define TORCHC_TOOLS_TORCHC_RUN_RUNTOOL_H

#include <CLI/CLI.hpp>
#include <functional>

namespace torchc::runtime {

/// Parses the command line and calls `run`. Gives back the exit code; for a RunError or
/// a lack of memory it has written one line to stderr, under the app's name.
int runTool(CLI::App &app, int argc, char **argv, const std::function<void()> &run);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_RUNTOOL_H
