//===- ModuleFile.cpp - the parts of a .vmfb file -------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleFile.h"

namespace torchc::runtime {

Status invalidModule(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Status status = Status::errorV(StatusCode::InvalidModule, format, arguments);
  va_end(arguments);
  return status;
}

Status checkVersions(const FilePrologue &prologue) {
  if (prologue.formatMajor != kFormatMajor || prologue.formatMinor > kFormatMinor)
    return Status::error(StatusCode::Incompatible, "format version %u.%u; this runtime reads %u.0 to %u.%u",
                         prologue.formatMajor, prologue.formatMinor, kFormatMajor, kFormatMajor, kFormatMinor);
  if (prologue.formatMinor == kFormatMinor && prologue.opcodeTableHash != kOpcodeTableHash)
    return Status::error(StatusCode::Incompatible, "written by a compiler with another opcode table of format %u.%u",
                         kFormatMajor, kFormatMinor);
  return {};
}

Result<ModuleFile> ModuleFile::link(std::span<const uint8_t> bytes) {
  const auto &prologue = *reinterpret_cast<const FilePrologue *>(bytes.data());
  TORCHC_RETURN_IF_ERROR(checkVersions(prologue));
  ModuleFile module = view(bytes, prologue.headerSize);
  if (!module.debugInfo.empty())
    module.debug = flatbuffers::GetRoot<schema::DebugInfo>(module.debugInfo.data());
  return module;
}

ModuleFile ModuleFile::view(std::span<const uint8_t> bytes, uint64_t headerSize) {
  ModuleFile module;
  module.base = bytes.data();
  module.header = schema::GetModule(module.base + sizeof(FilePrologue));
  module.headerSize = headerSize;
  auto find = [&]<typename T>(const schema::Section &section, std::span<const T> &contents) {
    contents = {reinterpret_cast<const T *>(module.base + section.offset()), section.size() / sizeof(T)};
  };
  find(*module.header->bytecode(), module.code);
  find(*module.header->operand_lists(), module.lists);
  find(*module.header->debug_info(), module.debugInfo);
  find(*module.header->constant_data(), module.constants);
  return module;
}

const char *ModuleFile::findLocation(uint32_t instruction) const {
  const char *text = nullptr;
  if (debug)
    for (const schema::Location *location : *debug->locations()) {
      if (location->instruction() > instruction)
        break;
      text = debug->texts()->Get(location->text())->c_str();
    }
  return text && *text ? text : nullptr;
}

std::span<const schema::Source> ModuleFile::findSources(uint32_t instruction) const {
  if (!debug || !debug->dispatches())
    return {};
  unsigned begin = 0, end = debug->dispatches()->size();
  while (begin < end) {
    const unsigned middle = begin + (end - begin) / 2;
    const schema::DispatchSources &entry = *debug->dispatches()->Get(middle);
    if (entry.instruction() == instruction)
      return {debug->sources()->Get(entry.first()), entry.count()};
    if (entry.instruction() < instruction)
      begin = middle + 1;
    else
      end = middle;
  }
  return {};
}

} // namespace torchc::runtime
