//===- ModuleFile.h - the parts of a .vmfb file -----------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_MODULE_MODULEFILE_H
#define TORCHC_RUNTIME_MODULE_MODULEFILE_H

#include "base/Array.h"
#include "torchc/runtime/Format.h"
#include "torchc/runtime/Module_generated.h"
#include "torchc/runtime/Opcodes.h"
#include "torchc/runtime/Result.h"

#include <span>

namespace torchc::runtime {

/// Registers that a function and everything it may call need at once.
struct StackSize {
  uint64_t i64s = 0;
  uint64_t refs = 0;
  uint64_t frames = 0;
};

/// Views into the bytes of a file. `read` has checked the prologue, the flatbuffer's
/// structure and the sections; `verifyTables` and `verifyBytecode` check the rest. What
/// `link` gives is of the compiler's making, and nothing needs to be checked.
struct ModuleFile {
  const schema::Module *header = nullptr;
  uint64_t headerSize = 0; ///< Of the flatbuffer, in bytes.
  std::span<const Instruction> code;
  std::span<const uint16_t> lists;
  std::span<const uint8_t> constants;
  std::span<const uint8_t> debugInfo;
  const schema::DebugInfo *debug = nullptr; ///< In debugInfo, once verified; nullptr without.
  const uint8_t *base = nullptr;            ///< Of the file; section offsets count from here.

  /// `bytes` is aligned to 64 and outlives the result. Constants of more than 4 MiB are
  /// only held against their checksum if `verifyConstants` is set.
  /// Errors: InvalidModule, Incompatible (format version).
  static Result<ModuleFile> read(std::span<const uint8_t> bytes, bool verifyConstants);

  /// Bytes that are part of the executable, as trustworthy as the code around them. They
  /// are held against the versions of this runtime only, which is linked from elsewhere.
  /// Errors: Incompatible.
  static Result<ModuleFile> link(std::span<const uint8_t> bytes);

  Status verifyConstantData() const;

  /// The list that an operand field refers to. The verifier has proved its bounds.
  std::span<const uint16_t> getList(uint32_t offset) const { return lists.subspan(offset + 1, lists[offset]); }

  /// "model.py:27" for an instruction, or nullptr if the file does not say.
  const char *findLocation(uint32_t instruction) const;

  /// What a Dispatch instruction computes; empty if the file does not say.
  std::span<const schema::Source> findSources(uint32_t instruction) const;

private:
  /// The sections, from where the header says that they are.
  static ModuleFile view(std::span<const uint8_t> bytes, uint64_t headerSize);
};

/// InvalidModule with a printf-like text.
Status invalidModule(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Whether this runtime reads the file. Errors: Incompatible.
Status checkVersions(const FilePrologue &prologue);

/// Names, element types, dims, ranges and ordinals of every table but the code.
Status verifyTables(const ModuleFile &module);

/// Every function's instructions, in one pass.
Status verifyBytecode(const ModuleFile &module);

/// Fills `stacks`, one a function. After verifyBytecode: calls must be of functions that
/// stand before the caller. Errors: InvalidModule (64 MiB are too few).
Status measureStacks(const ModuleFile &module, Array<StackSize> &stacks);

/// The debug info, whose ordinals and ranges the rest takes as they are; sets `debug`.
/// After verifyBytecode: it looks at opcodes.
Status verifyDebugInfo(ModuleFile &module);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_MODULE_MODULEFILE_H
