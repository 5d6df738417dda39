//===- KernelLibrary.h - the kernels that suit this CPU ---------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_EXECUTABLE_KERNELLIBRARY_H
#define TORCHC_RUNTIME_EXECUTABLE_KERNELLIBRARY_H

#include "executable/CpuFeatures.h"
#include "executable/ElfImage.h"
#include "module/ModuleFile.h"

namespace torchc::runtime {

using FeatureTest = bool (*)(std::string_view feature);

/// The ordinal of the first of a module's libraries that this CPU can run; if `variant`
/// is not empty, of those for the CPU of that name. The module has kernels.
/// Errors: Incompatible, naming what is missing; InvalidArgument (no such variant).
Result<unsigned> chooseLibrary(const schema::Module &module, std::string_view variant,
                               FeatureTest hasFeature = hasCpuFeature);

/// Loads the kernels of a library. Errors: InvalidModule.
Result<ElfImage> loadKernels(const ModuleFile &module, unsigned library);

/// Kernels that are part of the host program, one for each of the module's. Errors:
/// InvalidArgument (their number), Incompatible (ABI).
Result<std::span<const torchc_kernel>> linkKernels(const torchc_kernel_table &table, const schema::Module &module);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_EXECUTABLE_KERNELLIBRARY_H
