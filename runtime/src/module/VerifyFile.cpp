//===- VerifyFile.cpp - checks the structure of a .vmfb file ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleFile.h"

namespace torchc::runtime {

/// Constants up to this size are verified at every load.
static constexpr uint64_t kAlwaysVerifiedConstants = 4 << 20;

/// One a kind of CPU. Tables of a flatbuffer may refer to the same vector, so that each
/// library costs as much time as the longest list of features in the header.
static constexpr uint32_t kMaxLibraries = 64;

static Status checkPrologue(const FilePrologue &prologue, uint64_t size) {
  if (std::memcmp(prologue.magic, kMagic, sizeof kMagic) != 0)
    return invalidModule("not a .vmfb file");
  if (prologue.prologueChecksum != checksum64(&prologue, offsetof(FilePrologue, prologueChecksum)))
    return invalidModule("damaged file: the prologue's checksum differs");
  TORCHC_RETURN_IF_ERROR(checkVersions(prologue));
  if (prologue.reserved0 != 0 || prologue.reserved1 != 0)
    return invalidModule("a reserved field of the prologue is set");
  if (prologue.fileSize != size)
    return invalidModule("damaged file: %llu bytes, should be %llu", (unsigned long long)size,
                         (unsigned long long)prologue.fileSize);
  if (prologue.headerSize > size - sizeof(FilePrologue) || prologue.headerSize >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return invalidModule("the header leaves the file");
  return {};
}

namespace {

/// The root table as far as the number of its libraries.
class LibraryCount : private flatbuffers::Table {
public:
  bool Verify(flatbuffers::Verifier &verifier) const {
    constexpr auto field = schema::Module::VT_LIBRARIES;
    if (!VerifyTableStart(verifier) || !VerifyOffsetRequired(verifier, field))
      return false;
    const auto *libraries = GetPointer<const flatbuffers::Vector<flatbuffers::Offset<schema::Library>> *>(field);
    return verifier.VerifyVector(libraries) && libraries->size() <= kMaxLibraries && verifier.EndTable();
  }
};

/// Structure only, in time linear in the header's size. A table takes 4 bytes, and 4
/// more in the vector that refers to it, unless several references share one.
bool isValidHeader(std::span<const uint8_t> header) {
  flatbuffers::Verifier::Options options;
  options.max_tables = flatbuffers::uoffset_t(header.size() / 8);
  flatbuffers::Verifier first(header.data(), header.size(), options), whole(header.data(), header.size(), options);
  return first.VerifyBuffer<LibraryCount>(schema::ModuleIdentifier()) && schema::VerifyModuleBuffer(whole);
}

/// Takes the sections in the order of the file.
class SectionReader {
public:
  SectionReader(std::span<const uint8_t> bytes, uint64_t end) : bytes(bytes), end(end) {}

  Status take(const schema::Section &section, const char *name, bool verifyChecksum) {
    if (section.size() == 0) {
      if (section.offset() != 0 || section.checksum() != 0)
        return invalidModule("the empty section '%s' has an offset or a checksum", name);
      return {};
    }
    const uint64_t start = (end + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
    if (section.offset() != start || start > bytes.size() || section.size() > bytes.size() - start)
      return invalidModule("the section '%s' is not at its place in the file", name);
    for (uint64_t i = end; i < start; ++i)
      if (bytes[i] != 0)
        return invalidModule("the padding before the section '%s' is not zero", name);
    if (verifyChecksum && checksum64(bytes.data() + start, section.size()) != section.checksum())
      return invalidModule("damaged file: the checksum of the section '%s' differs", name);
    end = start + section.size();
    return {};
  }

  Status finish() const { return end == bytes.size() ? Status() : invalidModule("bytes follow the last section"); }

private:
  std::span<const uint8_t> bytes;
  uint64_t end;
};

} // namespace

Result<ModuleFile> ModuleFile::read(std::span<const uint8_t> bytes, bool verifyConstants) {
  if (bytes.size() < sizeof(FilePrologue))
    return invalidModule("not a .vmfb file: %zu bytes", bytes.size());
  FilePrologue prologue;
  std::memcpy(&prologue, bytes.data(), sizeof prologue);
  TORCHC_RETURN_IF_ERROR(checkPrologue(prologue, bytes.size()));

  const auto header = bytes.subspan(sizeof(FilePrologue), prologue.headerSize);
  if (checksum64(header.data(), header.size()) != prologue.headerChecksum)
    return invalidModule("damaged file: the header's checksum differs");
  if (header.size() < 8 || !isValidHeader(header))
    return invalidModule("the header is not a valid flatbuffer with at most %u libraries", kMaxLibraries);

  const schema::Module &table = *schema::GetModule(header.data());
  SectionReader sections(bytes, sizeof(FilePrologue) + header.size());
  TORCHC_RETURN_IF_ERROR(sections.take(*table.bytecode(), "bytecode", true));
  TORCHC_RETURN_IF_ERROR(sections.take(*table.operand_lists(), "operand lists", true));
  for (const schema::Library *entry : *table.libraries())
    TORCHC_RETURN_IF_ERROR(sections.take(*entry->object(), entry->cpu()->c_str(), true));
  TORCHC_RETURN_IF_ERROR(sections.take(*table.debug_info(), "debug info", true));
  const bool verifyData = verifyConstants || table.constant_data()->size() <= kAlwaysVerifiedConstants;
  TORCHC_RETURN_IF_ERROR(sections.take(*table.constant_data(), "constants", verifyData));
  TORCHC_RETURN_IF_ERROR(sections.finish());

  const uint64_t codeSize = table.bytecode()->size(), listsSize = table.operand_lists()->size();
  if (codeSize % sizeof(Instruction) != 0 || listsSize % sizeof(uint16_t) != 0)
    return invalidModule("the bytecode ends within an instruction");
  if (codeSize / sizeof(Instruction) > UINT32_MAX || listsSize / sizeof(uint16_t) > UINT32_MAX)
    return invalidModule("the bytecode is too long");
  return view(bytes, header.size());
}

Status ModuleFile::verifyConstantData() const {
  if (checksum64(constants.data(), constants.size()) != header->constant_data()->checksum() && !constants.empty())
    return invalidModule("damaged file: the checksum of the section 'constants' differs");
  return {};
}

} // namespace torchc::runtime
