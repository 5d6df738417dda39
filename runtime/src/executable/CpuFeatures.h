//===- CpuFeatures.h - what this CPU can run --------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_EXECUTABLE_CPUFEATURES_H
#define TORCHC_RUNTIME_EXECUTABLE_CPUFEATURES_H

#include <string_view>

namespace torchc::runtime {

/// The architecture that this runtime was built for: "x86_64", "aarch64".
const char *getHostArch();

/// Whether the CPU and the operating system provide a feature, by LLVM's name for it
/// ("avx2", "dotprod"). False for a name that the runtime does not know.
bool hasCpuFeature(std::string_view name);

/// The features that a CPU name demands, separated by spaces: those of an x86-64
/// level; none for other names.
std::string_view getLevelFeatures(std::string_view cpu);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_EXECUTABLE_CPUFEATURES_H
