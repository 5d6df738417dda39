//===- Harness.h - runs any bytes as a module -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Native code is trusted once its checksum holds (docs/Security.md), so that of a
// mutant is never loaded: kernels are the harness's own, which go through every byte
// that they are given.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_FUZZ_HARNESS_H
#define TORCHC_RUNTIME_FUZZ_HARNESS_H

#include <cstdint>
#include <span>
#include <vector>

namespace torchc::runtime::fuzz {

/// Loads the bytes; if the verifier accepts them: disassembles, and calls every exported
/// function with inputs of its signature, within limits of steps and memory.
/// Returns whether the verifier accepted.
bool testModule(std::span<const uint8_t> bytes);

/// Makes prologue and checksums right, as someone does who forges a file.
void repair(std::span<uint8_t> bytes);

/// Where the header stands in a file that is long enough for it; empty in others.
std::span<uint8_t> findHeader(std::span<uint8_t> bytes);

/// Where bytecode and operand lists stand in a file, if its header says so.
std::span<uint8_t> findHostProgram(std::span<uint8_t> bytes);

} // namespace torchc::runtime::fuzz

#endif // TORCHC_RUNTIME_FUZZ_HARNESS_H
