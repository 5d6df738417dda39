//===- ModuleWriter.h - parts of a module to a .vmfb ------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_MODULE_MODULEWRITER_H
#define TORCHC_RUNTIME_MODULE_MODULEWRITER_H

#include "torchc/runtime/Module_generated.h"
#include "torchc/runtime/Opcodes.h"

#include <functional>
#include <span>
#include <vector>

namespace torchc::runtime {

/// What stands in a file. Nothing is verified: the parts may be wrong on purpose.
struct ModuleParts {
  schema::ModuleT module; ///< Its sections are filled in by writeModule.
  std::vector<Instruction> code;
  std::vector<uint16_t> lists;
  std::vector<std::vector<uint8_t>> objects; ///< One a library.
  std::vector<uint8_t> debugInfo;            ///< A flatbuffer DebugInfo, or nothing.
  std::vector<uint8_t> constants;
};

/// Lays out a whole file with its checksums. `edit` sees the header with its sections
/// and may change values, but not the header's size (std::logic_error).
std::vector<uint8_t> writeModule(const ModuleParts &parts, const std::function<void(schema::ModuleT &)> &edit = {});

/// Corrects the prologue's and the header's checksums after an edit of the bytes.
void fixChecksums(std::span<uint8_t> file);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_MODULE_MODULEWRITER_H
