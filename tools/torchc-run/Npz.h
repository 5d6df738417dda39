//===- Npz.h - numpy's archives of .npy files -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_NPZ_H
#define TORCHC_TOOLS_TORCHC_RUN_NPZ_H

#include "torchc/runtime/Tensor.h"

#include <span>
#include <string>
#include <vector>

namespace torchc::runtime {

/// An array of an archive, as the bytes of its .npy file.
struct NpzMember {
  std::string name; ///< Without ".npy".
  std::vector<uint8_t> npy;
};

/// Whether bytes begin as a ZIP archive does.
bool isZip(std::span<const uint8_t> bytes);

/// The arrays of a .npz file, stored or deflated, in the order of the archive. `name` stands
/// in messages. Throws RunError for what is no such file.
std::vector<NpzMember> readNpz(std::span<const uint8_t> bytes, const std::string &name);

/// Writes tensors under their names, stored; the file appears whole or not at all.
/// Throws RunError.
void writeNpz(const std::string &path, std::span<const std::string> names, std::span<const Tensor> tensors);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_NPZ_H
