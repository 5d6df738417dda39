//===- Harness.cpp - runs any bytes as a module ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "module/ModuleFile.h"
#include "torchc/runtime/Format.h"
#include "torchc/runtime/Parameters.h"
#include "torchc/runtime/Session.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

namespace torchc::runtime::fuzz {

namespace {

constexpr uint64_t kMaxSteps = 2000, kMaxMemory = 1 << 20, kMaxInputBytes = 1 << 16;

/// Kernels are told apart by their place in the table, up to this one.
constexpr size_t kKernels = 32;
std::array<unsigned, kKernels + 1> inputCounts, constantCounts;

/// What a loop over a buffer touches: both of its ends and each cache line. All of its bytes, in
/// each of a mutant's dispatches, would take seconds.
template <typename Touch> void touchLines(volatile uint8_t *bytes, uint64_t length, Touch touchByte) {
  for (uint64_t at = 0; at < length; at += 64)
    touchByte(bytes[at]);
  if (length != 0)
    touchByte(bytes[length - 1]);
}

/// Reads the inputs and writes the outputs.
template <size_t Place>
int32_t touch(const torchc_env *, const torchc_args *args, uint32_t x, uint32_t y, uint32_t z, void *scratch) {
  if (x + y + z > 8) // The grid is a mutant's: it may have 2^64 work groups.
    return TORCHC_KERNEL_INVALID_VALUE;
  uint8_t sum = scratch ? *static_cast<volatile uint8_t *>(scratch) : 0;
  for (uint32_t i = 0; i < args->constant_count; ++i)
    sum = uint8_t(sum + args->constants[i]);
  for (uint32_t i = 0; i < args->binding_count; ++i) {
    auto *bytes = static_cast<volatile uint8_t *>(args->bindings[i]);
    const uint64_t length = args->binding_lengths[i];
    if (Place < kKernels && i >= inputCounts[Place])
      touchLines(bytes, length, [&](volatile uint8_t &byte) { byte = sum; });
    else
      touchLines(bytes, length, [&](volatile uint8_t &byte) { sum = uint8_t(sum + byte); });
  }
  return 0;
}

/// The first three constants, as the mutant has them.
template <size_t Place> void measureGrid(const int64_t *constants, int64_t *extents) {
  for (unsigned i = 0; i < 3; ++i)
    extents[i] = Place < kKernels && i < constantCounts[Place] ? constants[i] : 1;
}

torchc_kernel_table *makeKernels(unsigned count) {
  static auto *table =
      static_cast<torchc_kernel_table *>(std::malloc(sizeof(torchc_kernel_table) + 65536 * sizeof(torchc_kernel)));
  static const auto kernels = []<size_t... Places>(std::index_sequence<Places...>) {
    return std::array<torchc_kernel, sizeof...(Places)>{torchc_kernel{measureGrid<Places>, touch<Places>}...};
  }(std::make_index_sequence<kKernels + 1>());
  table->abi_version = TORCHC_KERNEL_ABI_VERSION;
  table->count = count;
  for (unsigned i = 0; i < count; ++i)
    table->kernels[i] = kernels[std::min<size_t>(i, kKernels)];
  return table;
}

/// Gives back its first tensor, or a new one; integers are the sum of the arguments.
Status callExternal(void *context, const char *attributes, std::span<const ExternalValue> arguments,
                    std::span<ExternalValue> results) {
  const auto &external = *static_cast<const schema::External *>(context);
  if (*attributes == '!')
    return Status::error(StatusCode::Failed, "refused");
  Tensor tensor;
  int64_t sum = 0;
  for (const ExternalValue &argument : arguments) {
    sum = int64_t(uint64_t(sum) + uint64_t(argument.integer));
    if (tensor.isNull())
      tensor = argument.tensor;
  }
  const int64_t dims[] = {2, 3};
  if (tensor.isNull())
    tensor = Tensor::allocate(ElementType::I32, dims).take();
  for (size_t i = 0; i < results.size(); ++i)
    if (external.results()->Get(unsigned(i)) == schema::RegisterKind::Ref)
      results[i].tensor = tensor;
    else
      results[i].integer = sum;
  return {};
}

std::string describeKinds(const flatbuffers::Vector<schema::RegisterKind> &kinds) {
  std::string text = "(";
  for (unsigned i = 0; i < kinds.size(); ++i)
    text += std::string(i ? "," : "") + (kinds.Get(i) == schema::RegisterKind::I64 ? "int" : "Tensor");
  return text + ")";
}

/// A tensor of the signature, or nothing if that asks for too much.
Tensor makeInput(const Program &program, unsigned function, unsigned index, int64_t choice) {
  const ValueInfo value = program.getInput(function, index);
  std::vector<int64_t> dims(value.dims.begin(), value.dims.end());
  for (int64_t &dim : dims)
    if (dim < 0) {
      const SymbolInfo symbol = program.getSymbol(function, unsigned(-1 - dim));
      const int64_t unit = symbol.multipleOf, wanted = std::max(symbol.min, std::min(symbol.max, choice));
      if (__builtin_mul_overflow((wanted - 1) / unit + (wanted > 0), unit, &dim))
        return {};
    }
  const auto bytes = computeByteLength(value.type, dims);
  auto length = computeByteLength(value.type, dims);
  if (!bytes.isOk() || *length > kMaxInputBytes)
    return {};
  Tensor tensor = Tensor::allocate(value.type, dims).take();
  for (uint64_t i = 0; i < tensor.getByteLength(); ++i)
    tensor.getMutableData()[i] = uint8_t(i % 3);
  return tensor;
}

void callAll(Session &session, const Program &program) {
  for (unsigned function = 0; function < std::min(program.getFunctionCount(), 4u); ++function)
    for (int64_t choice : {1, 6}) {
      const FunctionInfo info = program.getFunction(function);
      std::vector<Tensor> inputs, outputs(info.outputCount);
      for (unsigned i = 0; i < info.inputCount; ++i)
        inputs.push_back(makeInput(program, function, i, choice));
      const Status first = session.call(function, inputs, outputs);
      // What came out goes in as the caller's buffers.
      if (first.isOk())
        (void)session.call(function, inputs, outputs);
    }
}

void run(std::span<const uint8_t> bytes, const schema::Module &module) {
  LoadOptions options;
  options.kernels = makeKernels(module.kernels()->size());
  for (unsigned i = 0; i < std::min<size_t>(module.kernels()->size(), kKernels); ++i) {
    inputCounts[i] = module.kernels()->Get(i)->inputs();
    constantCounts[i] = module.kernels()->Get(i)->constants();
  }
  auto program = Program::borrowBytes(bytes, nullptr, nullptr, options);
  if (!program.isOk())
    return;
  std::vector<std::string> signatures;
  for (const auto *external : *module.externals())
    signatures.push_back(describeKinds(*external->parameters()) + "->" + describeKinds(*external->results()));
  std::vector<ExternalBinding> externals;
  for (unsigned i = 0; i < signatures.size(); ++i) {
    const schema::External &external = *module.externals()->Get(i);
    externals.push_back(
        {external.name()->c_str(), signatures[i].c_str(), callExternal, const_cast<schema::External *>(&external)});
  }
  Parameters parameters = Parameters::create().take();
  for (unsigned i = 0; i < program->getParameterCount(); ++i) {
    const ParameterInfo info = program->getParameter(i);
    auto length = computeByteLength(info.type, info.dims);
    if (*length <= kMaxInputBytes)
      (void)parameters.add(info.scope, info.key, Tensor::allocate(info.type, info.dims).take());
  }
  SessionOptions how;
  how.externals = externals;
  how.parameters = &parameters;
  how.maxSteps = kMaxSteps;
  how.maxMemoryBytes = kMaxMemory;
  auto session = Session::create(*program, Device::localSync(), how);
  if (session.isOk())
    callAll(*session, *program);
}

} // namespace

bool testModule(std::span<const uint8_t> bytes) {
  // Exactly as long as the input, so that a sanitizer sees a read behind it.
  void *copy = nullptr;
  if (posix_memalign(&copy, kSectionAlignment, std::max<size_t>(bytes.size(), 1)) != 0)
    return false;
  const std::unique_ptr<void, void (*)(void *)> owner(copy, std::free);
  std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t *>(copy));
  const std::span<const uint8_t> aligned(static_cast<const uint8_t *>(copy), bytes.size());
  LoadOptions options;
  options.loadKernels = false;
  auto program = Program::borrowBytes(aligned, nullptr, nullptr, options);
  if (!program.isOk())
    return false;
  uint64_t length = 0;
  program->disassemble(
      64, [](void *to, std::string_view text) { *static_cast<uint64_t *>(to) += text.size(); }, &length);
  auto module = ModuleFile::read(aligned, false);
  if (!module.isOk() || length == 0)
    std::abort(); // What loads once loads again, and has a text.
  run(aligned, *module->header);
  return true;
}

static bool isInside(const schema::Section &section, std::span<const uint8_t> bytes) {
  return section.offset() <= bytes.size() && section.size() <= bytes.size() - section.offset();
}

std::span<uint8_t> findHeader(std::span<uint8_t> bytes) {
  FilePrologue prologue;
  if (bytes.size() < sizeof prologue + 8)
    return {};
  std::memcpy(&prologue, bytes.data(), sizeof prologue);
  if (prologue.headerSize > bytes.size() - sizeof prologue || prologue.headerSize < 8)
    return {};
  return bytes.subspan(sizeof prologue, prologue.headerSize);
}

/// The sections of a header that is a valid flatbuffer.
static std::vector<schema::Section *> findSections(std::span<uint8_t> bytes) {
  const std::span<const uint8_t> header = findHeader(bytes);
  flatbuffers::Verifier verifier(header.data(), header.size());
  if (header.empty() || !schema::VerifyModuleBuffer(verifier))
    return {};
  const schema::Module &module = *schema::GetModule(header.data());
  std::vector<const schema::Section *> sections = {module.bytecode(), module.operand_lists(), module.constant_data(),
                                                   module.debug_info()};
  for (const auto *library : *module.libraries())
    sections.push_back(library->object());
  std::vector<schema::Section *> found;
  for (const auto *section : sections)
    if (isInside(*section, bytes))
      found.push_back(const_cast<schema::Section *>(section));
  return found;
}

void repair(std::span<uint8_t> bytes) {
  FilePrologue prologue;
  if (bytes.size() < sizeof prologue)
    return;
  // A forged section may hold the entry of the next, which changes with the first one's checksum.
  for (schema::Section *section : findSections(bytes))
    if (isInside(*section, bytes))
      *section = schema::Section(section->offset(), section->size(),
                                 section->size() ? checksum64(bytes.data() + section->offset(), section->size()) : 0);
  std::memcpy(&prologue, bytes.data(), sizeof prologue);
  std::memcpy(prologue.magic, kMagic, sizeof kMagic);
  prologue.formatMajor = kFormatMajor;
  prologue.formatMinor = kFormatMinor;
  prologue.reserved0 = 0;
  prologue.reserved1 = 0;
  prologue.fileSize = bytes.size();
  prologue.opcodeTableHash = kOpcodeTableHash;
  if (prologue.headerSize <= bytes.size() - sizeof prologue)
    prologue.headerChecksum = checksum64(bytes.data() + sizeof prologue, prologue.headerSize);
  prologue.prologueChecksum = checksum64(&prologue, offsetof(FilePrologue, prologueChecksum));
  std::memcpy(bytes.data(), &prologue, sizeof prologue);
}

std::span<uint8_t> findHostProgram(std::span<uint8_t> bytes) {
  const auto sections = findSections(bytes);
  if (sections.size() < 2)
    return {};
  return bytes.subspan(sections[0]->offset(), sections[0]->size());
}

} // namespace torchc::runtime::fuzz
