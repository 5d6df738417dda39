//===- NativeCode.cpp - machine code as text ------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NativeCode.h"

#include "Files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace torchc::runtime {

namespace {

/// A file that is gone with the object.
class TemporaryFile {
public:
  TemporaryFile() : descriptor(mkstemp(path.data())) {
    if (descriptor < 0)
      throw RunError{kIo, path + ": " + std::strerror(errno)};
  }
  ~TemporaryFile() {
    close(descriptor);
    unlink(path.c_str());
  }

  std::string path = std::filesystem::temp_directory_path() / "torchc-dump-XXXXXX";
  const int descriptor;
};

/// Runs a program of PATH; its exit code, or -1 if there is none of that name.
int runProgram(const char *name, const char *const *arguments) {
  pid_t process;
  if (const int error = posix_spawnp(&process, name, nullptr, nullptr, const_cast<char **>(arguments), environ);
      error != 0) {
    if (error == ENOENT)
      return -1;
    throw RunError{kFailure, std::string(name) + ": " + std::strerror(error)};
  }
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    if (errno != EINTR)
      throw RunError{kFailure, std::string(name) + ": " + std::strerror(errno)};
  return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

} // namespace

void disassembleObject(std::span<const uint8_t> object) {
  const TemporaryFile file;
  if (!writeAll(file.descriptor, object.data(), object.size()))
    throw RunError{kIo, file.path + ": " + std::strerror(errno)};
  for (const char *name : {"llvm-objdump", "llvm-objdump-22"}) {
    const char *arguments[] = {name, "--disassemble", "--no-show-raw-insn", file.path.c_str(), nullptr};
    const int code = runProgram(name, arguments);
    if (code > 0)
      throw RunError{kFailure, std::string(name) + " failed with code " + std::to_string(code)};
    if (code == 0)
      return;
  }
  throw RunError{kFailure, "--native needs llvm-objdump, which is not installed"};
}

} // namespace torchc::runtime
