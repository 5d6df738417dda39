//===- LinkSharedObject.cpp - lld, called as a function ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinkSharedObject.h"

#include "lld/Common/Driver.h"

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

static llvm::Expected<Descriptor> makeMemoryFile(const ObjectBytes &bytes) {
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

llvm::Expected<ObjectBytes> torchc::linkSharedObject(llvm::ArrayRef<ObjectBytes> objects) {
  std::vector<Descriptor> files;
  for (const ObjectBytes &object : objects) {
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

  std::vector<std::string> arguments = {
      "ld.lld", "-shared", "--no-undefined", "--strip-all", "--gc-sections", "--icf=all", "--build-id=none",
      // What the runtime's loader wants: DT_HASH, and relocations of kind RELA in a segment of data.
      "--hash-style=sysv", "--pack-dyn-relocs=none", "-z", "norelro",
      // One thread: lld would otherwise delete an old output in another one.
      "--threads=1", "-o", writeEnd.getPath()};
  for (const Descriptor &file : files)
    arguments.push_back(file.getPath());
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());

  static std::mutex linker;
  static bool broken = false;
  std::lock_guard<std::mutex> lock(linker);
  if (broken)
    return llvm::createStringError("the linker failed before and cannot run again");
  ObjectBytes image;
  std::thread reader(readAll, readEnd.get(), std::ref(image));
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  writeEnd.close();
  reader.join();
  broken = !result.canRunAgain;
  if (result.retCode != 0)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), llvm::StringRef(messages).rtrim());
  return image;
}
