//===- KernelCache.cpp - objects kept between compilations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A file is the SHA-256 of an object, and the object.
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/KernelCache.h"

#include "torchc/Support/AtomicFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <link.h>

using namespace torchc;
using llvm::StringRef;

static constexpr StringRef kPrefix = "llvmcache-"; // The only files that llvm::pruneCache touches.
static constexpr uint64_t kMaxBytes = uint64_t(1) << 30;
static constexpr size_t kHashBytes = 32;

std::string torchc::findCacheFolder() {
  if (const char *named = std::getenv("TORCHC_CACHE_DIR"))
    return named;
  llvm::SmallString<128> folder;
  if (const char *root = std::getenv("XDG_CACHE_HOME"); root && *root)
    folder = root;
  else if (llvm::sys::path::home_directory(folder))
    llvm::sys::path::append(folder, ".cache");
  if (!folder.empty())
    llvm::sys::path::append(folder, "torchc");
  return folder.str().str();
}

std::string torchc::findKernelCacheFolder() {
  llvm::SmallString<128> folder(findCacheFolder());
  if (!folder.empty())
    llvm::sys::path::append(folder, "kernels");
  return folder.str().str();
}

/// The executable or library that this code is part of: another build may make other objects of the same IR.
static std::string describeBuild() {
  struct Search {
    uintptr_t address = reinterpret_cast<uintptr_t>(&describeBuild);
    std::string path;
  } search;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *context) {
        auto &search = *static_cast<Search *>(context);
        for (const ElfW(Phdr) &header : llvm::ArrayRef(info->dlpi_phdr, info->dlpi_phnum)) {
          uintptr_t begin = info->dlpi_addr + header.p_vaddr;
          if (header.p_type == PT_LOAD && search.address >= begin && search.address < begin + header.p_memsz)
            search.path = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
        }
        return search.path.empty() ? 0 : 1;
      },
      &search);
  llvm::sys::fs::file_status status;
  if (search.path.empty() || llvm::sys::fs::status(search.path, status))
    return "";
  return llvm::formatv("{0} {1}", status.getSize(), status.getLastModificationTime().time_since_epoch().count());
}

static std::string hash(std::initializer_list<StringRef> parts) {
  llvm::SHA256 hash;
  for (StringRef part : parts) {
    hash.update(std::to_string(part.size()) + " ");
    hash.update(part);
  }
  auto bytes = hash.final();
  return std::string(bytes.begin(), bytes.end());
}

llvm::Expected<ObjectBytes> KernelCache::findOrMake(const llvm::Module &module, const llvm::TargetMachine &machine,
                                                    llvm::function_ref<llvm::Expected<ObjectBytes>()> make) const {
  static const std::string build = describeBuild();
  if (folder.empty() || build.empty())
    return make();
  llvm::SmallVector<char, 0> bitcode;
  llvm::raw_svector_ostream stream(bitcode);
  llvm::WriteBitcodeToFile(module, stream);
  std::string key =
      hash({build, machine.getTargetTriple().str(), machine.getTargetCPU(), machine.getTargetFeatureString(),
            std::to_string(static_cast<int>(machine.getOptLevel())), StringRef(bitcode.data(), bitcode.size())});
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, kPrefix + llvm::toHex(key, /*LowerCase=*/true));

  if (auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false)) {
    StringRef content = (*file)->getBuffer();
    StringRef object = content.drop_front(std::min(kHashBytes, content.size()));
    if (content.take_front(kHashBytes) == hash({object}))
      return ObjectBytes(object.begin(), object.end());
  }
  llvm::Expected<ObjectBytes> object = make();
  if (!object || llvm::sys::fs::create_directories(folder, /*IgnoreExisting=*/true, llvm::sys::fs::owner_all))
    return object;
  StringRef bytes(object->data(), object->size());
  llvm::consumeError(writeFileAtomically(path, [&](llvm::raw_ostream &out) { out << hash({bytes}) << bytes; }));
  return object;
}

void KernelCache::prune() const {
  if (folder.empty() || !llvm::sys::fs::is_directory(folder))
    return;
  llvm::CachePruningPolicy policy;
  policy.MaxSizeBytes = kMaxBytes;
  llvm::pruneCache(folder, policy);
}
