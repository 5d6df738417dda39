//===- Disassembler.h - a module as text ------------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_MODULE_DISASSEMBLER_H
#define TORCHC_RUNTIME_MODULE_DISASSEMBLER_H

#include "module/ModuleFile.h"

namespace torchc::runtime {

/// Writes a verified module as the assembler's text, ASCII only. Data of more than
/// `maxDataBytes` is left out (`...`).
void disassemble(const ModuleFile &module, uint64_t maxDataBytes, void (*write)(void *context, std::string_view text),
                 void *context);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_MODULE_DISASSEMBLER_H
