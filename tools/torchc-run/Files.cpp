//===- Files.cpp - how the tool reads, writes and fails -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace torchc::runtime {

int getExitCode(StatusCode code) {
  switch (code) {
  case StatusCode::InvalidModule:
  case StatusCode::Incompatible: return kBadInput;
  case StatusCode::Io: return kIo;
  case StatusCode::ResourceExhausted: return kLimit;
  default: return kFailure;
  }
}

void throwIfError(const Status &status) {
  if (!status.isOk())
    throw RunError{getExitCode(status.getCode()), status.getMessage()};
}

void throwIfFileError(const Status &status) {
  if (status.getCode() == StatusCode::InvalidArgument)
    throw RunError{kBadInput, status.getMessage()};
  throwIfError(status);
}

static std::vector<uint8_t> readAll(int file, const std::string &name) {
  std::vector<uint8_t> bytes;
  uint8_t buffer[1 << 16];
  while (true) {
    const ssize_t count = read(file, buffer, sizeof buffer);
    if (count < 0 && errno != EINTR)
      throw RunError{kIo, name + ": " + std::strerror(errno)};
    if (count == 0)
      return bytes;
    if (count > 0)
      bytes.insert(bytes.end(), buffer, buffer + count);
  }
}

std::vector<uint8_t> readStdin() { return readAll(STDIN_FILENO, "stdin"); }

std::vector<uint8_t> readWholeFile(const std::string &path) {
  struct File {
    int descriptor;
    ~File() { close(descriptor); }
  } file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.descriptor < 0)
    throw RunError{kIo, path + ": " + std::strerror(errno)};
  return readAll(file.descriptor, path);
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw RunError{kIo, std::string("stdout: ") + std::strerror(errno)};
}

bool writeAll(int file, const void *data, uint64_t size) {
  const auto *bytes = static_cast<const char *>(data);
  while (size > 0) {
    const ssize_t count = write(file, bytes, std::min<uint64_t>(size, 1 << 30));
    if (count < 0 && errno != EINTR)
      return false;
    if (count > 0) {
      bytes += count;
      size -= uint64_t(count);
    }
  }
  return true;
}

void writeFile(const std::string &path, const std::function<bool(const std::string &target)> &write) {
  struct stat info;
  const bool isDirect = stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string target = isDirect ? path : path + ".part" + std::to_string(getpid());
  if (write(target) && (isDirect || rename(target.c_str(), path.c_str()) == 0))
    return;
  const int error = errno;
  if (!isDirect)
    unlink(target.c_str());
  throw RunError{kIo, path + ": " + std::strerror(error)};
}

void writeText(const std::string &path, std::string_view text) {
  if (path == "-")
    return print(text);
  writeFile(path, [&](const std::string &target) {
    const int file = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
      return false;
    const bool isWritten = writeAll(file, text.data(), text.size());
    const int error = errno;
    const bool isClosed = close(file) == 0;
    if (!isWritten)
      errno = error;
    return isWritten && isClosed;
  });
}

} // namespace torchc::runtime
