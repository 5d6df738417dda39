//===- AtomicFile.cpp - a file that is written whole or not at all --------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "io/AtomicFile.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace torchc::runtime {

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  close(descriptor);
  if (!temporary.get().empty())
    unlink(temporary.c_str());
}

Status AtomicFile::fail(const char *reason) { return Status::error(StatusCode::Io, "%s: %s", path, reason); }

Status AtomicFile::open(const char *to) {
  path = to;
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
    descriptor = ::open(path, O_WRONLY | O_CLOEXEC);
    return descriptor < 0 ? fail(std::strerror(errno)) : Status();
  }
  static std::atomic<unsigned> counter{0};
  char suffix[64];
  std::snprintf(suffix, sizeof suffix, ".%ld-%u.tmp", long(getpid()), counter.fetch_add(1));
  if (!temporary.append(path) || !temporary.append(suffix))
    return Status::outOfMemory();
  descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  return descriptor < 0 ? fail(std::strerror(errno)) : Status();
}

Status AtomicFile::write(const void *data, uint64_t size) {
  const auto *bytes = static_cast<const uint8_t *>(data);
  while (size > 0) {
    // More than the system takes at once is its to cut.
    const ssize_t written = ::write(descriptor, bytes, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return fail(written < 0 ? std::strerror(errno) : "nothing more can be written");
    bytes += written;
    size -= uint64_t(written);
  }
  return {};
}

Status AtomicFile::commit() {
  const bool isRenamed = !temporary.get().empty();
  if (isRenamed && fsync(descriptor) != 0)
    return fail(std::strerror(errno));
  // Once closed there is nothing left to close; the name may still be there to remove.
  const bool isClosed = close(std::exchange(descriptor, -1)) == 0;
  if (isClosed && (!isRenamed || rename(temporary.c_str(), path) == 0))
    return {};
  const char *reason = std::strerror(errno);
  if (isRenamed)
    unlink(temporary.c_str());
  return fail(reason);
}

} // namespace torchc::runtime
