//===- LinkObjects.cpp - lld, called as a function ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/LinkObjects.h"

#include "torchc/runtime/KernelABI.h"

#include "lld/Common/Driver.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/Binary.h"

#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace torchc;

LLD_HAS_DRIVER(elf)

namespace {
/// An open file that only this process sees, and its path for lld.
class Descriptor {
public:
  explicit Descriptor(int number = -1) : number(number) {}
  Descriptor(Descriptor &&other) : number(std::exchange(other.number, -1)) {}
  ~Descriptor() { close(); }

  void close() {
    if (number >= 0)
      ::close(std::exchange(number, -1));
  }
  int get() const { return number; }
  std::string getPath() const { return "/proc/self/fd/" + std::to_string(number); }

private:
  int number;
};
} // namespace

static llvm::Error makeSystemError(const char *what) {
  return llvm::createStringError(std::error_code(errno, std::generic_category()), what);
}

static llvm::Expected<Descriptor> makeMemoryFile(llvm::ArrayRef<char> bytes) {
  Descriptor file(memfd_create("object", MFD_CLOEXEC));
  if (file.get() < 0)
    return makeSystemError("cannot create a file in memory");
  for (size_t done = 0; done < bytes.size();) {
    ssize_t written = write(file.get(), bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return makeSystemError("cannot write a file in memory");
    done += written;
  }
  return file;
}

static void readAll(int descriptor, ObjectBytes &bytes) {
  char buffer[1 << 16];
  while (true) {
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return;
    bytes.append(buffer, buffer + count);
  }
}

/// Runs lld on `objects`, with `options` before them.
static llvm::Expected<ObjectBytes> link(std::vector<std::string> options,
                                        llvm::ArrayRef<llvm::ArrayRef<char>> objects) {
  std::vector<Descriptor> files;
  for (llvm::ArrayRef<char> object : objects) {
    llvm::Expected<Descriptor> file = makeMemoryFile(object);
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
  }

  // Into a regular file, lld writes by way of a temporary one beside it; a pipe
  // it writes to directly, so that nothing can be left behind on disk.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return makeSystemError("cannot create a pipe");
  Descriptor readEnd(ends[0]), writeEnd(ends[1]);

  // One thread: lld would otherwise delete an old output in another one.
  options.insert(options.begin(), {"ld.lld", "--build-id=none", "--threads=1", "-o", writeEnd.getPath()});
  for (const Descriptor &file : files)
    options.push_back(file.getPath());
  std::vector<const char *> arguments;
  for (const std::string &option : options)
    arguments.push_back(option.c_str());

  static std::mutex linker;
  static bool broken = false;
  std::lock_guard<std::mutex> lock(linker);
  if (broken)
    return llvm::createStringError("the linker failed before and cannot run again");
  ObjectBytes result;
  std::thread reader(readAll, readEnd.get(), std::ref(result));
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result outcome = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  writeEnd.close();
  reader.join();
  broken = !outcome.canRunAgain;
  if (outcome.retCode != 0)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), llvm::StringRef(messages).rtrim());
  return result;
}

llvm::Expected<ObjectBytes> torchc::linkRelocatable(llvm::ArrayRef<llvm::ArrayRef<char>> objects) {
  return link({"--relocatable"}, objects);
}

llvm::Expected<ObjectBytes> torchc::linkShared(llvm::ArrayRef<char> object) {
  return link({"-shared", "--no-undefined", "--strip-all", "--gc-sections", "--icf=all",
               // What the runtime's loader wants: DT_HASH, and relocations of kind RELA in a segment of data.
               "--hash-style=sysv", "--pack-dyn-relocs=none", "-z", "norelro"},
              object);
}

llvm::Expected<ObjectBytes> torchc::localizeSymbols(llvm::ArrayRef<char> object, llvm::StringRef table) {
  llvm::objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  config.Common.SymbolsToRename[TORCHC_KERNEL_TABLE_SYMBOL] = table;
  auto binary =
      llvm::object::createBinary(llvm::MemoryBufferRef(llvm::StringRef(object.data(), object.size()), "object"));
  if (!binary)
    return binary.takeError();
  ObjectBytes result;
  llvm::raw_svector_ostream stream(result);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **binary, stream))
    return std::move(error);
  return result;
}
