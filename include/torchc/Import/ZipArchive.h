//===- ZipArchive.h - strict reader of ZIP archives of models --*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_ZIPARCHIVE_H
#define TORCHC_IMPORT_ZIPARCHIVE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace torchc {

/// The table of contents of a ZIP archive that lies in memory (APPNOTE 6.3.10,
/// with the 64-bit extensions). Opening reads the directory only, so that an
/// archive of many gigabytes may be a mapped file.
///
/// Refused: archives of several disks, encrypted members, names that leave the
/// archive (`..`, absolute, backslash) or stand twice, members whose local
/// header says other than the directory, or that overlap or reach beyond it.
class ZipArchive {
public:
  /// `bytes` must outlive the archive and what it returns. Errors are one line.
  static llvm::Expected<ZipArchive> open(llvm::ArrayRef<uint8_t> bytes);

  /// Whether `bytes` begin as a ZIP archive does.
  static bool isZip(llvm::ArrayRef<uint8_t> bytes);

  bool contains(llvm::StringRef name) const { return members.contains(name); }
  llvm::SmallVector<llvm::StringRef> getNames() const;

  /// The bytes of a member, where they lie in the archive. Fails for one that
  /// is compressed: model files hold stored members, to be mapped.
  llvm::Expected<llvm::ArrayRef<uint8_t>> get(llvm::StringRef name) const;

  /// As `get`, and checks the checksum, which reads every byte.
  llvm::Expected<llvm::StringRef> getText(llvm::StringRef name) const;

private:
  struct Member {
    llvm::ArrayRef<uint8_t> bytes;
    llvm::ArrayRef<uint8_t> extent; ///< The bytes with their local header.
    uint32_t crc;
    uint16_t method;
  };
  static llvm::Expected<Member> readMember(llvm::ArrayRef<uint8_t> archive, uint64_t &position, llvm::StringRef &name,
                                           uint64_t directory);

  llvm::StringMap<Member> members;
};

} // namespace torchc

#endif // TORCHC_IMPORT_ZIPARCHIVE_H
