//===- CaptureError.h - why a capture stopped -----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_CAPTUREERROR_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_CAPTUREERROR_H

#include "torchc/Import/CaptureResult.h"

#include <exception>

namespace torchc::torchscript {

/// Stops a capture. An exception because it has to pass through libtorch's
/// kernels; it does not leave this library.
class CaptureError : public std::exception {
public:
  CaptureError(CaptureFailure failure, std::string message) : failure(failure), message(std::move(message)) {}

  const char *what() const noexcept override { return message.c_str(); }

  const CaptureFailure failure;
  const std::string message; ///< Starts with the location once that is known.
  bool isLocated = false;
};

/// For what torchc cannot represent, though PyTorch can.
inline CaptureError unsupported(std::string message) {
  return CaptureError(CaptureFailure::UnsupportedOp, std::move(message));
}

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_CAPTUREERROR_H
