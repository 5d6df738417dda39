//===- ExitCode.h - what the tools' exit status says -----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_EXITCODE_H
#define TORCHC_SUPPORT_EXITCODE_H

namespace torchc {

/// The exit status of every tool. Libraries return it beside the diagnostics
/// that they emit; only a `main` ends the process.
enum class ExitCode : int {
  Success = 0,
  Diagnosed = 1,     ///< A failure that the diagnostics explain.
  Usage = 2,         ///< Options that do not fit each other or the input.
  UnsupportedOp = 3, ///< The model is fine; torchc lacks something it uses.
  BadFile = 4,       ///< The file is damaged, foreign or of another version.
  InputOutput = 5,   ///< A file cannot be read or written.
  ResourceLimit = 6,
  OutputMismatch = 7,
  Bug = 70, ///< A fault of torchc itself.
};

} // namespace torchc

#endif // TORCHC_SUPPORT_EXITCODE_H
