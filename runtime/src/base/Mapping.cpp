//===- Mapping.cpp - a file mapped for reading ----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "base/Mapping.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace torchc::runtime {

Mapping::~Mapping() {
  if (size != 0)
    munmap(const_cast<uint8_t *>(data), size);
}

Result<Mapping> Mapping::open(const char *path) {
  auto fail = [&](const char *what) { return Status::error(StatusCode::Io, "%s: %s", path, what); };
  const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return fail(std::strerror(errno));
  struct stat info;
  void *memory = nullptr;
  const char *problem = nullptr;
  if (fstat(file, &info) != 0)
    problem = std::strerror(errno);
  else if (!S_ISREG(info.st_mode))
    problem = "not a regular file";
  else if (info.st_size > 0) {
    memory = mmap(nullptr, size_t(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (memory == MAP_FAILED)
      problem = std::strerror(errno);
  }
  close(file);
  if (problem)
    return fail(problem);
  Mapping mapping;
  mapping.data = static_cast<const uint8_t *>(memory);
  mapping.size = uint64_t(info.st_size);
  return mapping;
}

} // namespace torchc::runtime
