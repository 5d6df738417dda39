//===- RunTool.cpp - what the main of each of the runtime's tools does ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunTool.h"

#include "Files.h"

#include <cstdio>
#include <new>

int torchc::runtime::runTool(CLI::App &app, int argc, char **argv, const std::function<void()> &run) {
  // Taken now: an allocation may be what fails later.
  const std::string name = app.get_name();
  try {
    app.parse(argc, argv);
    run();
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : int(kUsage);
  } catch (const RunError &error) {
    std::fprintf(stderr, "%s: error: %s\n", name.c_str(), error.message.c_str());
    return error.exitCode;
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "%s: error: out of memory\n", name.c_str());
    return kLimit;
  }
}
