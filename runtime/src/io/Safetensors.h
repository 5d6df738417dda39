//===- Safetensors.h - files of named tensors -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_IO_SAFETENSORS_H
#define TORCHC_RUNTIME_IO_SAFETENSORS_H

#include "base/Array.h"
#include "base/Text.h"
#include "torchc/runtime/Tensor.h"

namespace torchc::runtime {

/// A tensor of a file under its name.
struct NamedTensor {
  Text name;
  Tensor tensor;
};

/// Maps a safetensors file. Tensors are views of the mapping, read-only, and keep it
/// alive; they come in the order of their names. Strict: no more than the format's
/// 100 MB of header, unique names, known dtypes, every tensor with just the bytes of
/// its dtype and shape, all of them together without gap or overlap. The file must not
/// change while a tensor of it lives.
/// Errors: Io; InvalidArgument for what is not such a file; ResourceExhausted.
Result<Array<NamedTensor>> mapSafetensors(const char *path);

/// Writes a safetensors file: under a temporary name in the same folder, flushed to the
/// disk, then renamed, so that `path` is always absent, the old file or the new one.
/// Names are unique. What is no regular file (a pipe) is written in place.
/// Errors: Io; InvalidArgument for complex<f64>, which the format lacks;
/// ResourceExhausted.
Status writeSafetensors(const char *path, std::span<const NamedTensor> tensors);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_IO_SAFETENSORS_H
