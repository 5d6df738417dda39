//===- TorchScript.h - reader of TorchScript files ------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   InputShape image{ScalarType::Float, {InputShape::dynamic, 3, 224, 224}};
//   CaptureResult result = captureTorchScript("model.pt", {.inputs = {image}});
//
// libtorch does the reading. It sits in a library of its own that is opened at
// the first call, so that a tool which reads no `.pt` file does not pay for it.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_TORCHSCRIPT_H
#define TORCHC_IMPORT_TORCHSCRIPT_H

#include "torchc/Import/CaptureResult.h"

namespace torchc {

/// Type and shape of one tensor that the model takes; no sizes for a 0-d tensor
/// or a Python number.
struct InputShape {
  /// Marks a dimension whose size is known only at run time.
  static constexpr int64_t dynamic = -1;

  ScalarType dtype = ScalarType::Float;
  std::vector<int64_t> sizes;
};

struct TorchScriptOptions {
  /// The inputs flattened in order of the signature. Arguments at the end may
  /// be left out where the signature has a default.
  std::vector<InputShape> inputs;
  /// Loads files that run code when loaded (`__setstate__`) or name files.
  bool trustModel = false;
  std::string function = "forward";
};

/// Captures one method of a TorchScript file saved by `torch.jit.save`, as flat
/// functional aten operators with the shapes that follow from `options.inputs`.
///
/// A dynamic dimension becomes a symbol "s0", "s1", ...; dimensions of different
/// inputs are one symbol where the model only works when they are equal. The
/// symbol's range is what the capture could vouch for.
///
/// Not thread-safe with respect to other users of libtorch's dispatcher on the
/// same thread.
CaptureResult captureTorchScript(const std::string &path, const TorchScriptOptions &options);

} // namespace torchc

#endif // TORCHC_IMPORT_TORCHSCRIPT_H
