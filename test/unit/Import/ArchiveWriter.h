//===- ArchiveWriter.h - ZIP archives for tests, good ones and bad ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TEST_UNIT_IMPORT_ARCHIVEWRITER_H
#define TORCHC_TEST_UNIT_IMPORT_ARCHIVEWRITER_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"

#include <cstdint>
#include <string>
#include <vector>

namespace torchc {

/// One member, with the lies that tests want told about it.
struct ArchiveMember {
  std::string name;
  std::string content;
  uint16_t method = 0;
  uint16_t flags = 0;
  uint32_t sizeLie = 0;      ///< Added to the sizes in the directory.
  uint32_t localSizeLie = 0; ///< Added to the sizes in the local header.
  uint32_t crcLie = 0;
  std::string localName = {}; ///< Where the local header says another name.
};

/// The bytes of an archive with these members.
inline std::string writeArchive(const std::vector<ArchiveMember> &members) {
  std::string bytes, directory;
  auto put16 = [](std::string &to, uint16_t value) {
    char text[2];
    llvm::support::endian::write16le(text, value);
    to.append(text, 2);
  };
  auto put32 = [](std::string &to, uint32_t value) {
    char text[4];
    llvm::support::endian::write32le(text, value);
    to.append(text, 4);
  };
  for (const ArchiveMember &member : members) {
    uint32_t offset = bytes.size(), size = member.content.size();
    uint32_t crc = llvm::crc32(llvm::arrayRefFromStringRef(member.content)) + member.crcLie;
    auto putHeader = [&](std::string &to, uint32_t lie, size_t nameSize) {
      put16(to, 20);
      put16(to, member.flags);
      put16(to, member.method);
      put32(to, 0); // time and date
      put32(to, crc);
      put32(to, size + lie);
      put32(to, size + lie);
      put16(to, nameSize);
      put16(to, 0); // extra
    };
    const std::string &localName = member.localName.empty() ? member.name : member.localName;
    put32(bytes, 0x04034b50);
    putHeader(bytes, member.localSizeLie, localName.size());
    bytes += localName + member.content;

    put32(directory, 0x02014b50);
    put16(directory, 20);
    putHeader(directory, member.sizeLie, member.name.size());
    put16(directory, 0); // comment
    put16(directory, 0); // disk
    put16(directory, 0);
    put32(directory, 0); // attributes
    put32(directory, offset);
    directory += member.name;
  }
  uint32_t directoryOffset = bytes.size();
  bytes += directory;
  put32(bytes, 0x06054b50);
  put32(bytes, 0); // disks
  put16(bytes, members.size());
  put16(bytes, members.size());
  put32(bytes, directory.size());
  put32(bytes, directoryOffset);
  put16(bytes, 0); // comment
  return bytes;
}

} // namespace torchc

#endif // TORCHC_TEST_UNIT_IMPORT_ARCHIVEWRITER_H
