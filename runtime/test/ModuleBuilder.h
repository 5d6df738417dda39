//===- ModuleBuilder.h - makes .vmfb files for the tests --------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_TEST_MODULEBUILDER_H
#define TORCHC_RUNTIME_TEST_MODULEBUILDER_H

#include "module/Assembler.h"
#include "torchc/runtime/Format.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace torchc::runtime::test {

/// Bytes at an address that a program may use in place.
class AlignedBytes {
public:
  AlignedBytes(const std::vector<uint8_t> &bytes);
  std::span<const uint8_t> get() const { return {memory.get(), size}; }
  std::span<uint8_t> getMutable() { return {memory.get(), size}; }

private:
  std::unique_ptr<uint8_t, void (*)(void *)> memory;
  size_t size;
};

/// Makes a module of parts; the code is the assembler's text (module/Assembler.h).
class ModuleBuilder : public ModuleParts {
public:
  ModuleBuilder();

  unsigned addFunction(const std::string &name, const std::string &parameters, const std::string &results,
                       unsigned i64s, unsigned refs, const std::string &code);
  unsigned addMessage(const std::string &text);
  unsigned addConstant(ElementType type, std::vector<int64_t> dims, const void *data);
  template <typename T> unsigned addConstant(ElementType type, std::vector<int64_t> dims, std::vector<T> values) {
    return addConstant(type, dims, static_cast<const void *>(values.data()));
  }
  unsigned addGlobal(const std::string &name, schema::RegisterKind kind, bool isMutable, int32_t initialConstant = -1,
                     int64_t initialI64 = 0);
  unsigned addExternal(const std::string &name, const std::string &parameters, const std::string &results);
  unsigned addKernel(const std::string &name, unsigned inputs, unsigned outputs, unsigned constants,
                     uint64_t scratchBytes = 0);
  unsigned addParameter(const std::string &scope, const std::string &key, ElementType type, std::vector<int64_t> dims);
  void addLibrary(const std::string &cpu, std::vector<std::string> features, std::vector<uint8_t> object);
  /// Values such as "x:f32[2,-1]"; -1 is symbol 0.
  void addExport(const std::string &name, unsigned function, std::vector<std::string> inputs,
                 std::vector<std::string> outputs);
  schema::ExportT &getExport(unsigned index) { return *module.exports[index]; }
  void addSymbol(const std::string &name, int64_t min, int64_t max, int64_t multipleOf = 1);

  void setDebugInfo(const schema::DebugInfoT &info);

  /// The whole file. `edit` may spoil the header before it is written.
  std::vector<uint8_t> build(const std::function<void(schema::ModuleT &)> &edit = {}) const;
};

/// Writes a file with one function, which returns its input, and a constant of `bytes`
/// zeros that take no space on disk: more than the 4 MiB that every load verifies, as
/// their checksum is wrong. Throws std::runtime_error.
void writeSparseModule(const std::string &path, uint64_t bytes);

} // namespace torchc::runtime::test

#endif // TORCHC_RUNTIME_TEST_MODULEBUILDER_H
