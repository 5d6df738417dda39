//===- ModuleBuilder.cpp - makes .vmfb files for the tests ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace torchc::runtime::test {

AlignedBytes::AlignedBytes(const std::vector<uint8_t> &bytes)
    : memory(static_cast<uint8_t *>(std::aligned_alloc(64, (bytes.size() / 64 + 1) * 64)), std::free),
      size(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), memory.get());
}

ModuleBuilder::ModuleBuilder() {
  module.name = "test";
  module.producer = std::make_unique<schema::ProducerT>();
  module.producer->compiler_version = "0.1.0";
  module.producer->llvm_version = "22";
  module.producer->target = "test";
}

static std::vector<schema::RegisterKind> parseKinds(const std::string &text) {
  std::vector<schema::RegisterKind> kinds;
  std::istringstream words(text);
  for (std::string word; words >> word;)
    kinds.push_back(word == "i64" ? schema::RegisterKind::I64 : schema::RegisterKind::Ref);
  return kinds;
}

static ElementType parseType(const std::string &name) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  if (name == SPELLING)                                                                                                \
    return ElementType::NAME;
#include "ElementTypes.def"
  throw std::runtime_error("no type " + name);
}

unsigned ModuleBuilder::addFunction(const std::string &name, const std::string &parameters, const std::string &results,
                                    unsigned i64s, unsigned refs, const std::string &text) {
  assemble("function \"" + name + "\" parameters=[" + parameters + "] results=[" + results +
               "] i64=" + std::to_string(i64s) + " ref=" + std::to_string(refs) + "\n" + text,
           *this);
  return unsigned(module.functions.size() - 1);
}

unsigned ModuleBuilder::addMessage(const std::string &text) {
  module.messages.push_back(text);
  return unsigned(module.messages.size() - 1);
}

unsigned ModuleBuilder::addConstant(ElementType type, std::vector<int64_t> dims, const void *data) {
  auto constant = std::make_unique<schema::ConstantT>();
  constant->name = "constant" + std::to_string(module.constants.size());
  constant->element_type = uint8_t(type);
  uint64_t bytes = getElementSize(type);
  for (int64_t dim : dims)
    bytes *= uint64_t(dim);
  constant->dims = dims;
  constants.resize((constants.size() + 63) / 64 * 64);
  constant->offset = constants.size();
  const auto *from = static_cast<const uint8_t *>(data);
  constants.insert(constants.end(), from, from + bytes);
  module.constants.push_back(std::move(constant));
  return unsigned(module.constants.size() - 1);
}

unsigned ModuleBuilder::addGlobal(const std::string &name, schema::RegisterKind kind, bool isMutable,
                                  int32_t initialConstant, int64_t initialI64) {
  auto global = std::make_unique<schema::GlobalT>();
  global->name = name;
  global->kind = kind;
  global->mutable_ = isMutable;
  global->initial_constant = initialConstant;
  global->initial_i64 = initialI64;
  module.globals.push_back(std::move(global));
  return unsigned(module.globals.size() - 1);
}

unsigned ModuleBuilder::addExternal(const std::string &name, const std::string &parameters,
                                    const std::string &results) {
  auto external = std::make_unique<schema::ExternalT>();
  external->name = name;
  external->parameters = parseKinds(parameters);
  external->results = parseKinds(results);
  external->attributes = "{}";
  module.externals.push_back(std::move(external));
  return unsigned(module.externals.size() - 1);
}

unsigned ModuleBuilder::addParameter(const std::string &scope, const std::string &key, ElementType type,
                                     std::vector<int64_t> dims) {
  auto parameter = std::make_unique<schema::ParameterT>();
  parameter->scope = scope;
  parameter->key = key;
  parameter->element_type = uint8_t(type);
  parameter->dims = std::move(dims);
  module.parameters.push_back(std::move(parameter));
  return unsigned(module.parameters.size() - 1);
}

unsigned ModuleBuilder::addKernel(const std::string &name, unsigned inputs, unsigned outputs, unsigned constantCount,
                                  uint64_t scratchBytes) {
  auto kernel = std::make_unique<schema::KernelT>();
  kernel->name = name;
  kernel->inputs = uint16_t(inputs);
  kernel->outputs = uint16_t(outputs);
  kernel->constants = uint16_t(constantCount);
  kernel->scratch_bytes = scratchBytes;
  module.kernels.push_back(std::move(kernel));
  return unsigned(module.kernels.size() - 1);
}

void ModuleBuilder::addLibrary(const std::string &cpu, std::vector<std::string> features, std::vector<uint8_t> object) {
  auto library = std::make_unique<schema::LibraryT>();
#if defined(__x86_64__)
  library->arch = "x86_64";
#else
  library->arch = "aarch64";
#endif
  library->cpu = cpu;
  library->features = std::move(features);
  module.libraries.push_back(std::move(library));
  objects.push_back(std::move(object));
}

static std::unique_ptr<schema::ValueT> parseValue(const std::string &text) {
  auto value = std::make_unique<schema::ValueT>();
  const auto colon = text.find(':'), bracket = text.find('[');
  value->name = text.substr(0, colon);
  value->element_type = uint8_t(parseType(text.substr(colon + 1, bracket - colon - 1)));
  std::istringstream dims(text.substr(bracket + 1, text.size() - bracket - 2));
  for (std::string dim; std::getline(dims, dim, ',');)
    value->dims.push_back(dim == "?" ? INT64_MIN : std::stoll(dim));
  return value;
}

void ModuleBuilder::addExport(const std::string &name, unsigned function, std::vector<std::string> inputs,
                              std::vector<std::string> outputs) {
  auto entry = std::make_unique<schema::ExportT>();
  entry->name = name;
  entry->function = function;
  for (const std::string &input : inputs)
    entry->inputs.push_back(parseValue(input));
  for (const std::string &output : outputs)
    entry->outputs.push_back(parseValue(output));
  module.exports.push_back(std::move(entry));
}

void ModuleBuilder::addSymbol(const std::string &name, int64_t min, int64_t max, int64_t multipleOf) {
  auto symbol = std::make_unique<schema::SymbolT>();
  symbol->name = name;
  symbol->min = min;
  symbol->max = max;
  symbol->multiple_of = multipleOf;
  module.exports.back()->symbols.push_back(std::move(symbol));
}

void ModuleBuilder::setDebugInfo(const schema::DebugInfoT &info) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(schema::DebugInfo::Pack(builder, &info));
  debugInfo.assign(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

std::vector<uint8_t> ModuleBuilder::build(const std::function<void(schema::ModuleT &)> &edit) const {
  return writeModule(*this, edit);
}

void writeSparseModule(const std::string &path, uint64_t bytes) {
  ModuleBuilder builder;
  builder.addExport("f", builder.addFunction("f", "ref", "ref ref", 0, 2, "Constant r1 <- 0\nRet [r0 r1]"),
                    {"x:f32[1]"}, {"y:f32[1]", "z:u8[" + std::to_string(bytes) + "]"});
  builder.addConstant(ElementType::U8, {64}, std::vector<uint8_t>(64));
  std::vector<uint8_t> file = builder.build([&](schema::ModuleT &module) {
    module.constants[0]->dims = {int64_t(bytes)};
    const schema::Section &section = *module.constant_data;
    *module.constant_data = schema::Section(section.offset(), bytes, section.checksum());
  });
  FilePrologue prologue;
  std::memcpy(&prologue, file.data(), sizeof prologue);
  prologue.fileSize = file.size() - 64 + bytes;
  std::memcpy(file.data(), &prologue, sizeof prologue);
  fixChecksums(file);
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char *>(file.data()), std::streamsize(file.size()));
  stream.close();
  if (!stream || truncate(path.c_str(), off_t(prologue.fileSize)) != 0)
    throw std::runtime_error("cannot write " + path);
}

} // namespace torchc::runtime::test
