//===- Program.h - a loaded .vmfb -------------------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_PROGRAM_H
#define TORCHC_RUNTIME_PROGRAM_H

#include "torchc/runtime/KernelABI.h"
#include "torchc/runtime/Tensor.h"

#include <string_view>

namespace torchc::runtime {

struct ProgramImpl;

struct LoadOptions {
  /// Also hold constants of more than 4 MiB against their checksum: reads all of them.
  bool verifyConstants = false;
  /// false: verify and inspect only. Native code is not loaded, nor can the program run.
  bool loadKernels = true;
  /// Kernels of the host program, one each in the module's order, to run in place of the
  /// file's native code, which is not loaded. They outlive the program.
  const torchc_kernel_table *kernels = nullptr;
  /// The CPU name of the kernel library to take; nullptr for the best that this CPU can run.
  const char *variant = nullptr;
};

enum class ValueKind : uint8_t { Tensor = 0, Int = 1, Float = 2, Bool = 3 };

/// An input or output. A dim d >= 0 is static, -1 - k is symbol k, INT64_MIN unknown.
struct ValueInfo {
  const char *name;
  ValueKind kind;
  ElementType type;
  std::span<const int64_t> dims;
  int leaf;    ///< Its position among the leaves of the spec, or -1.
  int mutates; ///< Of an output: the input that it is the new value of, or -1.
};

struct SymbolInfo {
  const char *name;
  int64_t min, max, multipleOf;
};

/// A function that can be called. The specs are torch's treespec_dumps, or empty.
struct FunctionInfo {
  const char *name;
  unsigned inputCount, outputCount, symbolCount;
  const char *inputSpec, *outputSpec;
  uint64_t slabBytes; ///< Memory that the compiler planned; 0: none, or it depends on shapes.
  uint64_t liveBytes; ///< The most of it that is in use at once, which no plan can beat.
};

struct KernelInfo {
  const char *name;
  unsigned inputCount, outputCount;
  uint64_t scratchBytes; ///< Of one worker.
};

/// A dispatch of a kernel in the program's code.
struct DispatchInfo {
  unsigned kernel;
  uint32_t instruction; ///< As in DispatchEvent and getSource.
};

/// An op of the model, such as "aten.linear.default", and where the user's program
/// calls it, such as "model.py:27". Either is "" if it is not known.
struct SourceInfo {
  const char *op, *location;
};

/// A kernel library: one kind of CPU.
struct LibraryInfo {
  const char *arch, *cpu;
  uint64_t bytes;
  unsigned featureCount;
  bool isChosen; ///< Runs here, or would if the program was loaded with its kernels.
};

struct ParameterInfo {
  const char *scope, *key;
  ElementType type;
  std::span<const int64_t> dims;
};

/// A value that each session keeps between calls; a number is a rank-0 tensor. Without an
/// initial value (`hasValue`) type and dims are those that a call gives it.
struct StateInfo {
  const char *name;
  bool hasValue;
  ElementType type;
  std::span<const int64_t> dims;
};

struct ProducerInfo {
  const char *module, *compilerVersion, *llvmVersion, *target, *sourceHash;
  unsigned flagCount;
};

/// A part of the file. Libraries have the name of their CPU; an absent section has size 0.
struct SectionInfo {
  const char *name;
  uint64_t offset, size, checksum;
};

struct ProgramSizes {
  uint64_t file, header, bytecode, kernels, constants, debugInfo;
};

/// A verified program. Immutable; copies share it; thread-safe. What its getters
/// return lives as long as any copy. Indices are the caller's to keep in range.
class Program {
public:
  /// Maps a file; it must not be changed while the program lives.
  /// Errors: Io, InvalidModule, Incompatible, ResourceExhausted.
  static Result<Program> load(const char *path, const LoadOptions &options);

  /// Uses bytes in place. They are aligned to 64 and stay unchanged until `release` is
  /// called (may be nullptr; not called on error). Errors also: InvalidArgument.
  static Result<Program> borrowBytes(std::span<const uint8_t> bytes, ReleaseFunction release, void *context,
                                     const LoadOptions &options);

  /// A program that is part of the executable, and so are its kernels: `libraries` has a
  /// table for each of the module's, whose objects are absent. The bytes are trusted as the
  /// code beside them is: they are not verified. Errors: Incompatible (versions; no kernels
  /// for this CPU).
  static Result<Program> link(std::span<const uint8_t> bytes, std::span<const torchc_kernel_table *const> libraries);

  /// Copies bytes of any alignment first.
  static Result<Program> copyBytes(std::span<const uint8_t> bytes, const LoadOptions &options);

  Program(const Program &other);
  Program(Program &&other) noexcept : impl(std::exchange(other.impl, nullptr)) {}
  Program &operator=(Program other) noexcept {
    std::swap(impl, other.impl);
    return *this;
  }
  ~Program();

  unsigned getFunctionCount() const;
  FunctionInfo getFunction(unsigned function) const;
  ValueInfo getInput(unsigned function, unsigned index) const;
  ValueInfo getOutput(unsigned function, unsigned index) const;
  SymbolInfo getSymbol(unsigned function, unsigned index) const;
  /// Errors: InvalidArgument, naming the functions that there are.
  Result<unsigned> findFunction(std::string_view name) const;

  unsigned getParameterCount() const;
  ParameterInfo getParameter(unsigned index) const;
  unsigned getStateCount() const;
  StateInfo getState(unsigned index) const;
  unsigned getExternalCount() const;
  /// The name of a function that the host program registers.
  const char *getExternal(unsigned index) const;
  unsigned getLibraryCount() const;
  LibraryInfo getLibrary(unsigned index) const;
  const char *getLibraryFeature(unsigned library, unsigned index) const;
  unsigned getKernelCount() const;
  KernelInfo getKernel(unsigned index) const;
  /// Calls `visit` with each dispatch in the code, in its order.
  void visitDispatches(void (*visit)(void *context, const DispatchInfo &dispatch), void *context) const;
  /// Of the dispatch at an instruction; 0 for others, or if the file does not say.
  unsigned getSourceCount(uint32_t instruction) const;
  /// A source of the dispatch at `instruction`. The first is the op that decides how
  /// the kernel works; the others are fused with it.
  SourceInfo getSource(uint32_t instruction, unsigned index) const;
  ProducerInfo getProducer() const;
  const char *getProducerFlag(unsigned index) const;
  ProgramSizes getSizes() const;
  /// In the order of the file: header, bytecode, operand lists, the libraries, debug info,
  /// constants.
  unsigned getSectionCount() const;
  SectionInfo getSection(unsigned index) const;

  /// Errors: InvalidModule if the constants do not match their checksum.
  Status verifyConstants() const;

  /// Gives the whole program as assembler text to `write`, piece by piece. Constants and
  /// native code of more than `maxDataBytes` are left out.
  void disassemble(uint64_t maxDataBytes, void (*write)(void *context, std::string_view text), void *context) const;

private:
  friend struct SessionImpl;
  explicit Program(ProgramImpl *impl) : impl(impl) {}
  ProgramImpl *impl;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_PROGRAM_H
