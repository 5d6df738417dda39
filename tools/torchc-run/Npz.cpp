//===- Npz.cpp - numpy's archives of .npy files ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npz.h"

#include "Files.h"
#include "torchc/runtime/Npy.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <minizip/unzip.h>
#include <minizip/zip.h>
#include <set>

namespace torchc::runtime {

namespace {

/// Bytes as the file that minizip reads from.
struct MemoryFile {
  std::span<const uint8_t> bytes;
  uint64_t position = 0;

  zlib_filefunc64_def getFunctions() {
    zlib_filefunc64_def functions = {};
    functions.opaque = this;
    functions.zopen64_file = [](voidpf file, const void *, int) -> voidpf { return file; };
    functions.zread_file = [](voidpf, voidpf stream, void *to, uLong size) -> uLong {
      auto &file = *static_cast<MemoryFile *>(stream);
      const uint64_t count = std::min<uint64_t>(size, file.bytes.size() - file.position);
      if (count != 0) // An empty file has no address.
        std::memcpy(to, file.bytes.data() + file.position, count);
      file.position += count;
      return count;
    };
    functions.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T {
      return static_cast<MemoryFile *>(stream)->position;
    };
    functions.zseek64_file = [](voidpf, voidpf stream, ZPOS64_T offset, int origin) -> long {
      auto &file = *static_cast<MemoryFile *>(stream);
      const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                            : origin == ZLIB_FILEFUNC_SEEK_CUR ? file.position
                                                               : file.bytes.size();
      uint64_t target;
      if (__builtin_add_overflow(base, offset, &target) || target > file.bytes.size())
        return -1;
      file.position = target;
      return 0;
    };
    functions.zclose_file = [](voidpf, voidpf) { return 0; };
    functions.zerror_file = [](voidpf, voidpf) { return 0; };
    return functions;
  }
};

/// Reads the members of one archive.
class NpzReader {
public:
  NpzReader(std::span<const uint8_t> bytes, const std::string &name) : file{bytes}, name(name) {
    zlib_filefunc64_def functions = file.getFunctions();
    archive = unzOpen2_64(name.c_str(), &functions);
    if (!archive)
      fail("no directory of members is found");
  }
  ~NpzReader() { unzClose(archive); }

  std::vector<NpzMember> read() {
    std::vector<NpzMember> members;
    std::set<std::string> names;
    int result = unzGoToFirstFile(archive);
    for (; result == UNZ_OK; result = unzGoToNextFile(archive)) {
      members.push_back(readMember());
      if (!names.insert(members.back().name).second)
        fail("two of its members are named '" + members.back().name + "'");
    }
    if (result != UNZ_END_OF_LIST_OF_FILE)
      fail("its directory is damaged");
    return members;
  }

private:
  [[noreturn]] void fail(const std::string &problem) {
    throw RunError{kBadInput, name + ": not a usable .npz file: " + problem};
  }

  NpzMember readMember() {
    unz_file_info64 info;
    char path[512];
    if (unzGetCurrentFileInfo64(archive, &info, path, sizeof path, nullptr, 0, nullptr, 0) != UNZ_OK ||
        info.size_filename >= sizeof path)
      fail("its directory is damaged");
    NpzMember member{path, {}};
    if (!member.name.ends_with(".npy"))
      fail("its member '" + member.name + "' is no .npy file");
    if (info.compression_method != 0 && info.compression_method != Z_DEFLATED)
      fail("'" + member.name + "' is compressed by another method than deflate");
    // Deflate compresses by 1032 at most: a directory that claims more is not believed.
    if (info.compressed_size > file.bytes.size() || info.uncompressed_size / 1032 > info.compressed_size)
      fail("the size of '" + member.name + "' is not possible");
    if (unzOpenCurrentFile(archive) != UNZ_OK)
      fail("'" + member.name + "' is damaged");
    member.npy.resize(info.uncompressed_size);
    uint64_t done = 0;
    int count = 1;
    while (done < member.npy.size() && count > 0) {
      count = unzReadCurrentFile(archive, member.npy.data() + done,
                                 unsigned(std::min<uint64_t>(member.npy.size() - done, 1 << 30)));
      done += uint64_t(std::max(count, 0));
    }
    uint8_t beyond;
    const bool isWhole = done == member.npy.size() && unzReadCurrentFile(archive, &beyond, 1) == 0;
    // Closing compares the checksum.
    if (unzCloseCurrentFile(archive) != UNZ_OK || !isWhole)
      fail("'" + member.name + "' is damaged");
    member.name.resize(member.name.size() - 4);
    return member;
  }

  MemoryFile file;
  const std::string name;
  unzFile archive;
};

bool writeMember(zipFile archive, const std::string &name, const Tensor &tensor) {
  const zip_fileinfo info = {};
  char header[512];
  const size_t headerSize = formatNpyHeader(tensor, header);
  if (zipOpenNewFileInZip64(archive, (name + ".npy").c_str(), &info, nullptr, 0, nullptr, 0, nullptr, 0, 0, 1) !=
      ZIP_OK)
    return false;
  bool isWritten = zipWriteInFileInZip(archive, header, unsigned(headerSize)) == ZIP_OK;
  const uint64_t size = tensor.getByteLength();
  for (uint64_t done = 0; isWritten && done < size; done += 1 << 30)
    isWritten = zipWriteInFileInZip(archive, tensor.getData() + done,
                                    unsigned(std::min<uint64_t>(size - done, 1 << 30))) == ZIP_OK;
  return zipCloseFileInZip(archive) == ZIP_OK && isWritten;
}

} // namespace

bool isZip(std::span<const uint8_t> bytes) {
  return bytes.size() >= 4 &&
         (std::memcmp(bytes.data(), "PK\3\4", 4) == 0 || std::memcmp(bytes.data(), "PK\5\6", 4) == 0);
}

std::vector<NpzMember> readNpz(std::span<const uint8_t> bytes, const std::string &name) {
  return NpzReader(bytes, name).read();
}

void writeNpz(const std::string &path, std::span<const std::string> names, std::span<const Tensor> tensors) {
  writeFile(path, [&](const std::string &target) {
    errno = 0;
    const zipFile archive = zipOpen64(target.c_str(), APPEND_STATUS_CREATE);
    bool isWritten = archive != nullptr;
    for (size_t i = 0; isWritten && i < tensors.size(); ++i)
      isWritten = writeMember(archive, names[i], tensors[i]);
    if (archive && zipClose(archive, nullptr) != ZIP_OK)
      isWritten = false;
    if (!isWritten && errno == 0)
      errno = EIO;
    return isWritten;
  });
}

} // namespace torchc::runtime
