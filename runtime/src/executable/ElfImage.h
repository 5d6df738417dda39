//===- ElfImage.h - a kernel library in memory ------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_EXECUTABLE_ELFIMAGE_H
#define TORCHC_RUNTIME_EXECUTABLE_ELFIMAGE_H

#include "torchc/runtime/KernelABI.h"
#include "torchc/runtime/Result.h"

#include <cstdint>
#include <span>

namespace torchc::runtime {

/// An ELF shared object, loaded without the system's loader: its segments copied to
/// private memory, relocated, and protected so that nothing is both writable
/// and executable. Every offset in the file is checked before it is followed.
class ElfImage {
public:
  ElfImage() = default;
  ElfImage(ElfImage &&other) noexcept
      : memory(std::exchange(other.memory, nullptr)), size(std::exchange(other.size, 0)),
        kernels(std::exchange(other.kernels, {})) {}
  ElfImage &operator=(ElfImage &&other) noexcept {
    std::swap(memory, other.memory);
    std::swap(size, other.size);
    std::swap(kernels, other.kernels);
    return *this;
  }
  ~ElfImage();

  /// Loads `file` and finds its table of `kernelCount` kernels.
  /// Errors: InvalidModule, saying what the object has that kernels may not have.
  static Result<ElfImage> load(std::span<const uint8_t> file, size_t kernelCount);

  std::span<const torchc_kernel> getKernels() const { return kernels; }

private:
  uint8_t *memory = nullptr;
  uint64_t size = 0;
  std::span<const torchc_kernel> kernels;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_EXECUTABLE_ELFIMAGE_H
