//===- CaptureResult.h - what a reader of model files gives ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_CAPTURERESULT_H
#define TORCHC_IMPORT_CAPTURERESULT_H

#include "torchc/Import/CapturedProgram.h"

namespace torchc {

/// Why a model was not captured. The numbers are the exit codes of the tools.
enum class CaptureFailure {
  Diagnosed = 1,     ///< The model itself does not work for these inputs.
  Usage = 2,         ///< The inputs do not fit the signature.
  UnsupportedOp = 3, ///< The model is fine, torchc lacks something.
  BadFile = 4,       ///< The file is damaged, foreign or refused.
  InputOutput = 5,   ///< The file cannot be read.
};

/// The program, or one-line errors and the class they fall into.
struct CaptureResult {
  std::optional<CapturedProgram> program;
  CaptureFailure failure = CaptureFailure::Diagnosed;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  explicit operator bool() const { return program.has_value(); }

  static CaptureResult error(CaptureFailure failure, std::string message) {
    CaptureResult result;
    result.failure = failure;
    result.errors.push_back(std::move(message));
    return result;
  }
};

} // namespace torchc

#endif // TORCHC_IMPORT_CAPTURERESULT_H
