//===- Values.h - tensors on the command line -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_VALUES_H
#define TORCHC_TOOLS_TORCHC_RUN_VALUES_H

#include "torchc/runtime/Program.h"

#include <string>
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

/// A tensor from `@x.npy`, `-` (npy on stdin), `2x3xf32=1,2,3,4,5,6`, `4xf32=1` (all
/// the same), `2x3xf32=@x.bin`, `2x3xbf16=@bits.npy`, or a number alone, whose type
/// is that of `declared`. Throws RunError.
Tensor parseValue(const std::string &text, const ValueInfo &declared);

/// "2x3xf32=1,2,3,4,5,6".
std::string formatValue(const Tensor &tensor);

/// "2x3xf32", for a signature's dims with symbols by name.
std::string formatType(ElementType type, std::span<const int64_t> dims, const Program *program = nullptr,
                       unsigned function = 0);

/// Writes a .npy file to `@path` or `path`, or to stdout for `-`. A regular file appears
/// whole or not at all. Throws RunError.
void writeNpy(const std::string &destination, const Tensor &tensor);

/// All of stdin.
std::vector<uint8_t> readStdin();

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_VALUES_H
