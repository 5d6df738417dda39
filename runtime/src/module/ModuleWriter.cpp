//===- ModuleWriter.cpp - parts of a module to a .vmfb --------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleWriter.h"

#include "torchc/runtime/Format.h"

#include <stdexcept>

namespace torchc::runtime {

static flatbuffers::FlatBufferBuilder pack(const schema::ModuleT &header) {
  flatbuffers::FlatBufferBuilder builder;
  builder.ForceDefaults(true); // The size must not depend on the values.
  builder.Finish(schema::Module::Pack(builder, &header), schema::ModuleIdentifier());
  return builder;
}

std::vector<uint8_t> writeModule(const ModuleParts &parts, const std::function<void(schema::ModuleT &)> &edit) {
  schema::ModuleT header(parts.module);
  for (auto *section : {&header.bytecode, &header.operand_lists, &header.constant_data, &header.debug_info})
    *section = std::make_unique<schema::Section>();
  for (auto &library : header.libraries)
    library->object = std::make_unique<schema::Section>();
  const uint64_t headerSize = pack(header).GetSize();
  std::vector<uint8_t> file(sizeof(FilePrologue) + headerSize);
  auto add = [&](const void *data, size_t size) {
    if (size == 0)
      return schema::Section(0, 0, 0);
    const uint64_t offset = (file.size() + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
    file.resize(offset + size);
    std::memcpy(file.data() + offset, data, size);
    return schema::Section(offset, size, checksum64(data, size));
  };
  *header.bytecode = add(parts.code.data(), parts.code.size() * sizeof(Instruction));
  *header.operand_lists = add(parts.lists.data(), parts.lists.size() * sizeof(uint16_t));
  for (size_t i = 0; i < header.libraries.size(); ++i)
    *header.libraries[i]->object = add(parts.objects[i].data(), parts.objects[i].size());
  *header.debug_info = add(parts.debugInfo.data(), parts.debugInfo.size());
  *header.constant_data = add(parts.constants.data(), parts.constants.size());
  if (edit)
    edit(header);
  const auto packed = pack(header);
  if (packed.GetSize() != headerSize)
    throw std::logic_error("an edit changed the size of the header");
  std::memcpy(file.data() + sizeof(FilePrologue), packed.GetBufferPointer(), headerSize);

  FilePrologue prologue{};
  std::memcpy(prologue.magic, kMagic, sizeof kMagic);
  prologue.formatMajor = kFormatMajor;
  prologue.formatMinor = kFormatMinor;
  prologue.fileSize = file.size();
  prologue.headerSize = headerSize;
  prologue.opcodeTableHash = kOpcodeTableHash;
  std::memcpy(file.data(), &prologue, sizeof prologue);
  fixChecksums(file);
  return file;
}

void fixChecksums(std::span<uint8_t> file) {
  FilePrologue prologue;
  std::memcpy(&prologue, file.data(), sizeof prologue);
  if (prologue.headerSize <= file.size() - sizeof prologue)
    prologue.headerChecksum = checksum64(file.data() + sizeof prologue, prologue.headerSize);
  prologue.prologueChecksum = checksum64(&prologue, offsetof(FilePrologue, prologueChecksum));
  std::memcpy(file.data(), &prologue, sizeof prologue);
}

} // namespace torchc::runtime
