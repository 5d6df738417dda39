//===- Program.cpp - a loaded .vmfb ---------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Program.h"

#include "api/ProgramImpl.h"
#include "executable/KernelLibrary.h"
#include "module/Disassembler.h"

#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>

namespace torchc::runtime {

Status ProgramImpl::load(std::span<const uint8_t> bytes, const LoadOptions &options) {
  fileSize = bytes.size();
  TORCHC_ASSIGN_OR_RETURN(module, ModuleFile::read(bytes, options.verifyConstants));
  TORCHC_RETURN_IF_ERROR(verifyTables(module));
  TORCHC_RETURN_IF_ERROR(verifyBytecode(module));
  TORCHC_RETURN_IF_ERROR(verifyDebugInfo(module));
  TORCHC_RETURN_IF_ERROR(measureStacks(module, stacks));
  if (options.kernels) {
    TORCHC_ASSIGN_OR_RETURN(kernels, linkKernels(*options.kernels, *module.header));
    canRun = true;
    return {};
  }
  if (module.header->kernels()->size() != 0) {
    Result<unsigned> choice = chooseLibrary(*module.header, options.variant ? options.variant : "");
    if (choice.isOk())
      library = int(*choice);
    else if (options.loadKernels)
      return choice.takeStatus();
  }
  canRun = options.loadKernels;
  return {};
}

Status ProgramImpl::loadKernels() {
  if (library < 0 || !canRun)
    return {};
  TORCHC_ASSIGN_OR_RETURN(image, torchc::runtime::loadKernels(module, unsigned(library)));
  kernels = image.getKernels();
  return {};
}

Status ProgramImpl::link(std::span<const uint8_t> bytes, std::span<const torchc_kernel_table *const> libraries) {
  fileSize = bytes.size();
  TORCHC_ASSIGN_OR_RETURN(module, ModuleFile::link(bytes));
  TORCHC_RETURN_IF_ERROR(measureStacks(module, stacks));
  if (libraries.size() != module.header->libraries()->size())
    return Status::error(StatusCode::InvalidModule, "%zu linked libraries for %u", libraries.size(),
                         module.header->libraries()->size());
  canRun = true;
  if (module.header->kernels()->size() == 0)
    return {};
  TORCHC_ASSIGN_OR_RETURN(const unsigned choice, chooseLibrary(*module.header, ""));
  library = int(choice);
  TORCHC_ASSIGN_OR_RETURN(kernels, linkKernels(*libraries[choice], *module.header));
  return {};
}

Result<Tensor> ProgramImpl::getConstant(unsigned ordinal) {
  const schema::Constant &constant = *module.header->constants()->Get(ordinal);
  const auto type = ElementType(constant.element_type());
  const std::span<const int64_t> dims(constant.dims()->data(), constant.dims()->size());
  TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, computeByteLength(type, dims));
  auto *data = const_cast<uint8_t *>(module.constants.data() + constant.offset());
  retain();
  auto tensor = Tensor::borrow(
      data, bytes, type, dims, Access::ReadOnly, [](void *program) { static_cast<ProgramImpl *>(program)->drop(); },
      this);
  if (!tensor.isOk())
    drop();
  return tensor;
}

Result<Program> Program::load(const char *path, const LoadOptions &options) {
  TORCHC_ASSIGN_OR_RETURN(Mapping mapping, Mapping::open(path));
  Program program(ProgramImpl::create());
  if (!program.impl)
    return Status::outOfMemory();
  program.impl->mapping = std::move(mapping);
  const Mapping &file = program.impl->mapping;
  Status status = program.impl->load({file.getData(), file.getSize()}, options);
  if (status.isOk())
    status = program.impl->loadKernels();
  if (!status.isOk())
    return Status::error(status.getCode(), "%s: %s", path, status.getMessage());
  return program;
}

Result<Program> Program::borrowBytes(std::span<const uint8_t> bytes, ReleaseFunction release, void *context,
                                     const LoadOptions &options) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kSectionAlignment != 0)
    return Status::error(StatusCode::InvalidArgument, "the bytes of a program are not aligned to %llu",
                         (unsigned long long)kSectionAlignment);
  Program program(ProgramImpl::create());
  if (!program.impl)
    return Status::outOfMemory();
  TORCHC_RETURN_IF_ERROR(program.impl->load(bytes, options));
  TORCHC_RETURN_IF_ERROR(program.impl->loadKernels());
  program.impl->release = release;
  program.impl->releaseContext = context;
  return program;
}

Result<Program> Program::link(std::span<const uint8_t> bytes, std::span<const torchc_kernel_table *const> libraries) {
  Program program(ProgramImpl::create());
  if (!program.impl)
    return Status::outOfMemory();
  TORCHC_RETURN_IF_ERROR(program.impl->link(bytes, libraries));
  return program;
}

/// Memory in pages of 2 MB where the system has such: weights load four times as fast in them, and are read 1.02
/// times as fast from memory.
static void *allocateSections(uint64_t size) {
  constexpr uint64_t kHugePage = 2 << 20;
  const uint64_t alignment = size < kHugePage ? kSectionAlignment : kHugePage;
  void *memory = std::aligned_alloc(alignment, (size / alignment + 1) * alignment);
#ifdef MADV_HUGEPAGE
  if (memory && size >= kHugePage)
    madvise(memory, size / kHugePage * kHugePage, MADV_HUGEPAGE); // What is left over would take a whole one.
#endif
  return memory;
}

Result<Program> Program::copyBytes(std::span<const uint8_t> bytes, const LoadOptions &options) {
  void *copy = allocateSections(bytes.size());
  if (!copy)
    return Status::outOfMemory();
  if (!bytes.empty())
    std::memcpy(copy, bytes.data(), bytes.size());
  auto program = borrowBytes({static_cast<uint8_t *>(copy), bytes.size()}, std::free, copy, options);
  if (!program.isOk())
    std::free(copy);
  return program;
}

Program::Program(const Program &other) : impl(other.impl) { impl->retain(); }

Program::~Program() {
  if (impl)
    impl->drop();
}

static const schema::Export &getExport(const ProgramImpl &impl, unsigned function) {
  return *impl.module.header->exports()->Get(function);
}

static ValueInfo makeValueInfo(const schema::Value &value) {
  return {value.name()->c_str(),
          ValueKind(value.kind()),
          ElementType(value.element_type()),
          {value.dims()->data(), value.dims()->size()},
          value.leaf(),
          value.mutates()};
}

unsigned Program::getFunctionCount() const { return impl->module.header->exports()->size(); }

FunctionInfo Program::getFunction(unsigned function) const {
  const schema::Export &entry = getExport(*impl, function);
  const schema::Function &body = *impl->module.header->functions()->Get(entry.function());
  return {entry.name()->c_str(),       entry.inputs()->size(),       entry.outputs()->size(), entry.symbols()->size(),
          entry.input_spec()->c_str(), entry.output_spec()->c_str(), body.slab_bytes(),       body.live_bytes()};
}

ValueInfo Program::getInput(unsigned function, unsigned index) const {
  return makeValueInfo(*getExport(*impl, function).inputs()->Get(index));
}

ValueInfo Program::getOutput(unsigned function, unsigned index) const {
  return makeValueInfo(*getExport(*impl, function).outputs()->Get(index));
}

SymbolInfo Program::getSymbol(unsigned function, unsigned index) const {
  const schema::Symbol &symbol = *getExport(*impl, function).symbols()->Get(index);
  return {symbol.name()->c_str(), symbol.min(), symbol.max(), symbol.multiple_of()};
}

Result<unsigned> Program::findFunction(std::string_view name) const {
  const auto &exports = *impl->module.header->exports();
  char known[200] = "";
  size_t length = 0;
  for (unsigned i = 0; i < exports.size(); ++i) {
    if (exports.Get(i)->name()->string_view() == name)
      return i;
    const int written = std::snprintf(known + length, sizeof known - length, " %s", exports.Get(i)->name()->c_str());
    length = std::min(length + unsigned(std::max(written, 0)), sizeof known - 1);
  }
  return Status::error(StatusCode::InvalidArgument, "no function '%.*s'; there are:%s", int(name.size()), name.data(),
                       known);
}

unsigned Program::getParameterCount() const { return impl->module.header->parameters()->size(); }

ParameterInfo Program::getParameter(unsigned index) const {
  const schema::Parameter &parameter = *impl->module.header->parameters()->Get(index);
  return {parameter.scope()->c_str(),
          parameter.key()->c_str(),
          ElementType(parameter.element_type()),
          {parameter.dims()->data(), parameter.dims()->size()}};
}

/// The mutable ones of the globals.
static const schema::Global *findState(const schema::Module &module, unsigned index) {
  for (const schema::Global *global : *module.globals())
    if (global->mutable_() && index-- == 0)
      return global;
  return nullptr;
}

unsigned Program::getStateCount() const {
  unsigned count = 0;
  while (findState(*impl->module.header, count))
    ++count;
  return count;
}

StateInfo Program::getState(unsigned index) const {
  const schema::Module &module = *impl->module.header;
  const schema::Global &global = *findState(module, index);
  const char *name = global.name()->c_str();
  if (global.kind() == schema::RegisterKind::I64)
    return {name, true, ElementType::I64, {}};
  if (global.initial_constant() < 0)
    return {name, false, ElementType::U8, {}};
  const schema::Constant &initial = *module.constants()->Get(unsigned(global.initial_constant()));
  return {name, true, ElementType(initial.element_type()), {initial.dims()->data(), initial.dims()->size()}};
}

unsigned Program::getExternalCount() const { return impl->module.header->externals()->size(); }

const char *Program::getExternal(unsigned index) const {
  return impl->module.header->externals()->Get(index)->name()->c_str();
}

unsigned Program::getLibraryCount() const { return impl->module.header->libraries()->size(); }

LibraryInfo Program::getLibrary(unsigned index) const {
  const schema::Library &library = *impl->module.header->libraries()->Get(index);
  return {library.arch()->c_str(), library.cpu()->c_str(), library.object()->size(), library.features()->size(),
          impl->library == int(index)};
}

const char *Program::getLibraryFeature(unsigned library, unsigned index) const {
  return impl->module.header->libraries()->Get(library)->features()->Get(index)->c_str();
}

unsigned Program::getKernelCount() const { return impl->module.header->kernels()->size(); }

KernelInfo Program::getKernel(unsigned index) const {
  const schema::Kernel &kernel = *impl->module.header->kernels()->Get(index);
  return {kernel.name()->c_str(), kernel.inputs(), kernel.outputs(), kernel.scratch_bytes()};
}

void Program::visitDispatches(void (*visit)(void *context, const DispatchInfo &dispatch), void *context) const {
  for (uint32_t i = 0; i < impl->module.code.size(); ++i)
    if (const Instruction &instruction = impl->module.code[i]; Opcode(instruction.opcode) == Opcode::Dispatch)
      visit(context, {instruction.a, i});
}

unsigned Program::getSourceCount(uint32_t instruction) const {
  return unsigned(impl->module.findSources(instruction).size());
}

SourceInfo Program::getSource(uint32_t instruction, unsigned index) const {
  const schema::Source &source = impl->module.findSources(instruction)[index];
  const auto &texts = *impl->module.debug->texts();
  return {texts.Get(source.op())->c_str(), texts.Get(source.location())->c_str()};
}

ProducerInfo Program::getProducer() const {
  const schema::Producer &producer = *impl->module.header->producer();
  return {impl->module.header->name()->c_str(), producer.compiler_version()->c_str(), producer.llvm_version()->c_str(),
          producer.target()->c_str(),           producer.source_hash()->c_str(),      producer.flags()->size()};
}

const char *Program::getProducerFlag(unsigned index) const {
  return impl->module.header->producer()->flags()->Get(index)->c_str();
}

ProgramSizes Program::getSizes() const {
  const ModuleFile &module = impl->module;
  FilePrologue prologue;
  std::memcpy(&prologue, module.base, sizeof prologue);
  ProgramSizes sizes{
      impl->fileSize,          prologue.headerSize,    module.code.size_bytes() + module.lists.size_bytes(), 0,
      module.constants.size(), module.debugInfo.size()};
  for (const schema::Library *library : *module.header->libraries())
    sizes.kernels += library->object()->size();
  return sizes;
}

unsigned Program::getSectionCount() const { return 5 + getLibraryCount(); }

SectionInfo Program::getSection(unsigned index) const {
  const schema::Module &header = *impl->module.header;
  if (index == 0) {
    FilePrologue prologue;
    std::memcpy(&prologue, impl->module.base, sizeof prologue);
    return {"header", sizeof prologue, prologue.headerSize, prologue.headerChecksum};
  }
  auto describe = [](const char *name, const schema::Section &section) {
    return SectionInfo{name, section.offset(), section.size(), section.checksum()};
  };
  const unsigned libraries = getLibraryCount();
  if (index == 1)
    return describe("bytecode", *header.bytecode());
  if (index == 2)
    return describe("operand lists", *header.operand_lists());
  if (index < 3 + libraries) {
    const schema::Library &library = *header.libraries()->Get(index - 3);
    return describe(library.cpu()->c_str(), *library.object());
  }
  return index == 3 + libraries ? describe("debug info", *header.debug_info())
                                : describe("constants", *header.constant_data());
}

Status Program::verifyConstants() const { return impl->module.verifyConstantData(); }

void Program::disassemble(uint64_t maxDataBytes, void (*write)(void *context, std::string_view text),
                          void *context) const {
  torchc::runtime::disassemble(impl->module, maxDataBytes, write, context);
}

} // namespace torchc::runtime
