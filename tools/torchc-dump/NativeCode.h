//===- NativeCode.h - machine code as text ----------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_DUMP_NATIVECODE_H
#define TORCHC_TOOLS_TORCHC_DUMP_NATIVECODE_H

#include <cstdint>
#include <span>

namespace torchc::runtime {

/// Has llvm-objdump write the disassembly of an ELF object to stdout.
/// Throws RunError: kFailure if there is no llvm-objdump, kIo.
void disassembleObject(std::span<const uint8_t> object);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_DUMP_NATIVECODE_H
