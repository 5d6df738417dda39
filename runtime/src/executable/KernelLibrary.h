//===- KernelLibrary.h - the kernels that suit this CPU ---------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_EXECUTABLE_KERNELLIBRARY_H
#define TORCHC_RUNTIME_EXECUTABLE_KERNELLIBRARY_H

#include "executable/ElfImage.h"
#include "module/ModuleFile.h"

namespace torchc::runtime {

/// Loads the first of a module's libraries that this CPU can run; an empty image for a
/// module without kernels. Errors: Incompatible, naming what is missing; InvalidModule.
Result<ElfImage> loadKernels(const ModuleFile &module);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_EXECUTABLE_KERNELLIBRARY_H
