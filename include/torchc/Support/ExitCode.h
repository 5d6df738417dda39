//===- ExitCode.h - how a tool ends ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_EXITCODE_H
#define TORCHC_SUPPORT_EXITCODE_H

namespace torchc {

/// The exit codes of all tools; also the class of a failed compilation.
enum class ExitCode {
  Ok = 0,
  Failure = 1,        ///< A diagnosed failure of the compilation.
  Usage = 2,          ///< The command line, or an argument of the API, is wrong.
  UnsupportedOp = 3,  ///< The model uses operators that torchc does not know.
  BadInput = 4,       ///< The input file is broken or of another version.
  InputOutput = 5,    ///< A file cannot be read or written.
  ResourceLimit = 6,  ///< Out of memory or another limit.
  Mismatch = 7,       ///< A result differs from the expected one.
  Bug = 70,           ///< A fault of torchc itself.
};

} // namespace torchc

#endif // TORCHC_SUPPORT_EXITCODE_H
