//===- Mapping.h - a file mapped for reading --------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_BASE_MAPPING_H
#define TORCHC_RUNTIME_BASE_MAPPING_H

#include "torchc/runtime/Result.h"

#include <cstdint>

namespace torchc::runtime {

/// A regular file in memory, read-only, until destroyed. The file should not be
/// cut short meanwhile: reading what is gone ends the process, as for any mapping.
class Mapping {
public:
  Mapping() = default;
  Mapping(Mapping &&other) noexcept : data(std::exchange(other.data, nullptr)), size(std::exchange(other.size, 0)) {}
  Mapping &operator=(Mapping &&other) noexcept {
    std::swap(data, other.data);
    std::swap(size, other.size);
    return *this;
  }
  ~Mapping();

  /// Errors: Io, with the system's reason.
  static Result<Mapping> open(const char *path);

  const uint8_t *getData() const { return data; }
  uint64_t getSize() const { return size; }

private:
  const uint8_t *data = nullptr;
  uint64_t size = 0;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_BASE_MAPPING_H
