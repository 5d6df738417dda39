//===- ZipArchive.cpp - strict reader of ZIP archives of models ----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/ZipArchive.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"

#include <optional>

using namespace llvm;
using namespace torchc;

namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryHeader = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50;
constexpr uint32_t kDirectoryEnd64 = 0x06064b50;
constexpr uint32_t kDirectoryEnd64Locator = 0x07064b50;
constexpr uint16_t kZip64Extra = 0x0001;
constexpr uint16_t kEncrypted = 1 << 0;
constexpr uint16_t kSizesFollowData = 1 << 3;
constexpr uint16_t kStored = 0;

Error makeError(const Twine &message) { return createStringError("bad ZIP archive: " + message); }

/// Reads little-endian numbers from `bytes`; past the end it reads zeros and
/// remembers that it did.
class ByteReader {
public:
  ByteReader(ArrayRef<uint8_t> bytes, uint64_t position) : bytes(bytes), position(position) {}

  template <typename Integer> Integer read() {
    ArrayRef<uint8_t> taken = take(sizeof(Integer));
    return taken.empty() ? 0 : support::endian::read<Integer, endianness::little>(taken.data());
  }
  ArrayRef<uint8_t> take(uint64_t count) {
    if (position > bytes.size() || count > bytes.size() - position) {
      pastEnd = true;
      return {};
    }
    position += count;
    return bytes.slice(position - count, count);
  }
  StringRef takeString(uint64_t count) {
    ArrayRef<uint8_t> taken = take(count);
    return StringRef(reinterpret_cast<const char *>(taken.data()), taken.size());
  }
  void skip(uint64_t count) { (void)take(count); }
  bool isPastEnd() const { return pastEnd; }
  uint64_t getPosition() const { return position; }

private:
  ArrayRef<uint8_t> bytes;
  uint64_t position;
  bool pastEnd = false;
};

/// Where the directory lies.
struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t count = 0;
};

/// The end record is the last of the file, before a comment of its own length.
std::optional<uint64_t> findDirectoryEnd(ArrayRef<uint8_t> bytes) {
  constexpr uint64_t recordSize = 22, maxComment = 0xffff;
  if (bytes.size() < recordSize)
    return std::nullopt;
  uint64_t last = bytes.size() - recordSize;
  for (uint64_t comment = 0; comment <= std::min(maxComment, last); ++comment) {
    ByteReader reader(bytes, last - comment);
    if (reader.read<uint32_t>() != kDirectoryEnd)
      continue;
    reader.skip(16);
    if (reader.read<uint16_t>() == comment)
      return last - comment;
  }
  return std::nullopt;
}

Expected<Directory> readDirectoryEnd64(ArrayRef<uint8_t> bytes, uint64_t locatorOffset) {
  ByteReader locator(bytes, locatorOffset + 4);
  uint32_t disk = locator.read<uint32_t>();
  uint64_t offset = locator.read<uint64_t>();
  uint32_t diskCount = locator.read<uint32_t>();
  if (disk != 0 || diskCount > 1)
    return makeError("it spans several disks");
  if (offset > locatorOffset)
    return makeError("its 64-bit end record lies outside of it");

  ByteReader reader(bytes, offset);
  if (reader.read<uint32_t>() != kDirectoryEnd64)
    return makeError("it has no 64-bit end record");
  reader.skip(8 + 2 + 2); // size of this record, versions
  uint32_t thisDisk = reader.read<uint32_t>(), directoryDisk = reader.read<uint32_t>();
  uint64_t countHere = reader.read<uint64_t>();
  Directory directory;
  directory.count = reader.read<uint64_t>();
  directory.size = reader.read<uint64_t>();
  directory.offset = reader.read<uint64_t>();
  if (reader.isPastEnd())
    return makeError("it is truncated");
  if (thisDisk != 0 || directoryDisk != 0 || countHere != directory.count)
    return makeError("it spans several disks");
  return directory;
}

Expected<Directory> readDirectoryEnd(ArrayRef<uint8_t> bytes) {
  std::optional<uint64_t> end = findDirectoryEnd(bytes);
  if (!end)
    return makeError("it has no directory; is the file truncated?");
  ByteReader reader(bytes, *end + 4);
  uint16_t thisDisk = reader.read<uint16_t>(), directoryDisk = reader.read<uint16_t>();
  uint16_t countHere = reader.read<uint16_t>();
  Directory directory;
  directory.count = reader.read<uint16_t>();
  directory.size = reader.read<uint32_t>();
  directory.offset = reader.read<uint32_t>();

  constexpr uint64_t locatorSize = 20;
  bool is64 = *end >= locatorSize && ByteReader(bytes, *end - locatorSize).read<uint32_t>() == kDirectoryEnd64Locator;
  if (is64) {
    Expected<Directory> directory64 = readDirectoryEnd64(bytes, *end - locatorSize);
    if (!directory64)
      return directory64.takeError();
    directory = *directory64;
  } else if (thisDisk != 0 || directoryDisk != 0 || countHere != directory.count) {
    return makeError("it spans several disks");
  }
  if (directory.offset > *end || directory.size > *end - directory.offset)
    return makeError("its directory lies outside of it");
  return directory;
}

/// Whether a member may have this name.
bool isSafeName(StringRef name) {
  if (name.empty() || name.starts_with("/") || name.contains('\\') || name.contains('\0') || name.contains(':'))
    return false;
  SmallVector<StringRef> parts;
  name.split(parts, '/');
  return llvm::none_of(parts, [](StringRef part) { return part == ".." || part == "."; });
}

/// Sizes and offset that do not fit 32 bits stand in an extra field, each only
/// where the 32-bit field is all ones.
bool readZip64Extra(ArrayRef<uint8_t> extra, uint64_t &size, uint64_t &storedSize, uint64_t &offset) {
  bool wanted = size == UINT32_MAX || storedSize == UINT32_MAX || offset == UINT32_MAX;
  ByteReader reader(extra, 0);
  while (reader.getPosition() < extra.size()) {
    uint16_t tag = reader.read<uint16_t>();
    ArrayRef<uint8_t> field = reader.take(reader.read<uint16_t>());
    if (reader.isPastEnd())
      return false;
    if (tag != kZip64Extra)
      continue;
    ByteReader values(field, 0);
    for (uint64_t *value : {&size, &storedSize, &offset})
      if (*value == UINT32_MAX)
        *value = values.read<uint64_t>();
    return !values.isPastEnd();
  }
  return !wanted;
}

} // namespace

/// Reads the directory entry at `position`, moves on, and finds the bytes.
Expected<ZipArchive::Member> ZipArchive::readMember(ArrayRef<uint8_t> archive, uint64_t &position, StringRef &name,
                                                    uint64_t directory) {
  ByteReader entry(archive, position);
  if (entry.read<uint32_t>() != kDirectoryHeader)
    return makeError("its directory is damaged");
  entry.skip(4); // versions
  uint16_t flags = entry.read<uint16_t>();
  Member member;
  member.method = entry.read<uint16_t>();
  entry.skip(4); // time and date
  member.crc = entry.read<uint32_t>();
  uint64_t storedSize = entry.read<uint32_t>(), size = entry.read<uint32_t>();
  uint16_t nameSize = entry.read<uint16_t>(), extraSize = entry.read<uint16_t>(), commentSize = entry.read<uint16_t>();
  uint16_t disk = entry.read<uint16_t>();
  entry.skip(6); // attributes
  uint64_t offset = entry.read<uint32_t>();
  name = entry.takeString(nameSize);
  ArrayRef<uint8_t> extra = entry.take(extraSize);
  entry.skip(commentSize);
  if (entry.isPastEnd())
    return makeError("its directory is truncated");
  position = entry.getPosition();

  if (!isSafeName(name))
    return makeError("a member's name leads out of it");
  auto memberError = [&](const Twine &message) { return makeError("member '" + name + "' " + message); };
  if (flags & kEncrypted)
    return memberError("is encrypted");
  if (disk != 0)
    return memberError("is on another disk");
  if (!readZip64Extra(extra, size, storedSize, offset))
    return memberError("has a damaged 64-bit field");
  if (member.method == kStored && size != storedSize)
    return memberError("has two sizes");

  ByteReader local(archive, offset);
  if (local.read<uint32_t>() != kLocalHeader)
    return memberError("has no local header");
  local.skip(2); // version
  uint16_t localFlags = local.read<uint16_t>(), localMethod = local.read<uint16_t>();
  local.skip(4 + 4); // time and date, checksum
  uint64_t localStoredSize = local.read<uint32_t>(), localSize = local.read<uint32_t>();
  uint16_t localNameSize = local.read<uint16_t>(), localExtraSize = local.read<uint16_t>();
  StringRef localName = local.takeString(localNameSize);
  ArrayRef<uint8_t> localExtra = local.take(localExtraSize);
  uint64_t ignoredOffset = 0;
  if (local.isPastEnd() || !readZip64Extra(localExtra, localSize, localStoredSize, ignoredOffset))
    return memberError("has a damaged local header");
  bool isSameSize = localSize == size && localStoredSize == storedSize;
  if (localName != name || localMethod != member.method || (localFlags & kEncrypted) ||
      !(isSameSize || (localFlags & kSizesFollowData)))
    return memberError("has a local header that contradicts the directory");

  member.bytes = local.take(storedSize);
  if (local.isPastEnd() || local.getPosition() > directory)
    return memberError("reaches beyond the archive");
  member.extent = archive.slice(offset, local.getPosition() - offset);
  return member;
}

Expected<ZipArchive> ZipArchive::open(ArrayRef<uint8_t> bytes) {
  Expected<Directory> directory = readDirectoryEnd(bytes);
  if (!directory)
    return directory.takeError();

  ZipArchive archive;
  SmallVector<ArrayRef<uint8_t>> extents;
  uint64_t position = directory->offset;
  uint64_t end = directory->offset + directory->size;
  ArrayRef<uint8_t> upToEnd = bytes.take_front(end);
  for (uint64_t index = 0; index < directory->count; ++index) {
    StringRef name;
    Expected<Member> member = readMember(upToEnd, position, name, directory->offset);
    if (!member)
      return member.takeError();
    extents.push_back(member->extent);
    if (!archive.members.try_emplace(name, *member).second)
      return makeError("member '" + name + "' stands in it twice");
  }
  if (position != end)
    return makeError("its directory has another length than it says");

  llvm::sort(extents, [](ArrayRef<uint8_t> a, ArrayRef<uint8_t> b) { return a.data() < b.data(); });
  for (size_t index = 1; index < extents.size(); ++index)
    if (extents[index - 1].end() > extents[index].begin())
      return makeError("members of it overlap");
  return archive;
}

bool ZipArchive::isZip(ArrayRef<uint8_t> bytes) {
  uint32_t magic = ByteReader(bytes, 0).read<uint32_t>();
  return magic == kLocalHeader || magic == kDirectoryEnd;
}

SmallVector<StringRef> ZipArchive::getNames() const {
  SmallVector<StringRef> names(members.keys());
  llvm::sort(names);
  return names;
}

Expected<ArrayRef<uint8_t>> ZipArchive::get(StringRef name) const {
  auto found = members.find(name);
  if (found == members.end())
    return makeError("it has no member '" + name + "'");
  if (found->second.method != kStored)
    return makeError("member '" + name + "' is compressed");
  return found->second.bytes;
}

Expected<StringRef> ZipArchive::getText(StringRef name) const {
  Expected<ArrayRef<uint8_t>> bytes = get(name);
  if (!bytes)
    return bytes.takeError();
  if (llvm::crc32(*bytes) != members.find(name)->second.crc)
    return makeError("member '" + name + "' has another checksum than the directory says");
  return StringRef(reinterpret_cast<const char *>(bytes->data()), bytes->size());
}
