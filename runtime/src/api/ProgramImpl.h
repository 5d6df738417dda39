//===- ProgramImpl.h - what is behind a program -----------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_API_PROGRAMIMPL_H
#define TORCHC_RUNTIME_API_PROGRAMIMPL_H

#include "base/Mapping.h"
#include "base/Shared.h"
#include "executable/ElfImage.h"
#include "module/ModuleFile.h"
#include "torchc/runtime/Program.h"

namespace torchc::runtime {

struct ProgramImpl : Shared<ProgramImpl> {
  ProgramImpl() = default;
  ~ProgramImpl() {
    if (release)
      release(releaseContext);
  }

  /// Verifies the bytes and chooses a library.
  Status load(std::span<const uint8_t> bytes, const LoadOptions &options);
  /// Then: maps the library.
  Status loadKernels();
  /// Both, for a program in the executable.
  Status link(std::span<const uint8_t> bytes, std::span<const torchc_kernel_table *const> libraries);

  /// A constant as a read-only tensor; keeps the program alive.
  Result<Tensor> getConstant(unsigned ordinal);

  Mapping mapping; ///< Empty for bytes that a caller holds.
  ReleaseFunction release = nullptr;
  void *releaseContext = nullptr;
  uint64_t fileSize = 0;
  ModuleFile module;
  Array<StackSize> stacks; ///< By function.
  int library = -1;        ///< The ordinal of the one that is used; -1 for none.
  ElfImage image;          ///< Of a library that was mapped.
  std::span<const torchc_kernel> kernels;
  bool canRun = false;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_API_PROGRAMIMPL_H
