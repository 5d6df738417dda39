//===- Files.h - how the tool reads, writes and fails -----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_FILES_H
#define TORCHC_TOOLS_TORCHC_RUN_FILES_H

#include "torchc/runtime/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace torchc::runtime {

/// What ends the run with an exit code of its own and one line.
struct RunError {
  int exitCode;
  std::string message;
};

/// Exit codes, as in torchc's other tools.
enum ExitCode { kFailure = 1, kUsage = 2, kBadInput = 4, kIo = 5, kLimit = 6, kMismatch = 7 };

/// Throws RunError if the status is an error.
void throwIfError(const Status &status);

/// The same for the contents of a file that the user names: what is not as it should be is
/// bad input.
void throwIfFileError(const Status &status);

/// The exit code for a status that is an error.
int getExitCode(StatusCode code);

/// All of stdin.
std::vector<uint8_t> readStdin();

/// All of a file.
std::vector<uint8_t> readWholeFile(const std::string &path);

/// Text on stdout, at once.
void print(std::string_view text);

/// Has `write` write to a file beside `path` and renames it, so that a regular file appears
/// whole or not at all; a device or a pipe is written as it is. `write` returns false with
/// errno set if it fails. Throws RunError.
void writeFile(const std::string &path, const std::function<bool(const std::string &target)> &write);

/// Writes text to a file, or to stdout for `-`.
void writeText(const std::string &path, std::string_view text);

/// Writes all bytes to a file descriptor; false with errno set if that fails.
bool writeAll(int file, const void *data, uint64_t size);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_FILES_H
