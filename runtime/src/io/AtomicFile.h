//===- AtomicFile.h - a file that is written whole or not at all -*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_IO_ATOMICFILE_H
#define TORCHC_RUNTIME_IO_ATOMICFILE_H

#include "base/Text.h"
#include "torchc/runtime/Result.h"

#include <cstdint>
#include <string_view>

namespace torchc::runtime {

/// Writes to a temporary name beside `path`; `commit` flushes and renames. A file that
/// is not committed is removed. What is no regular file is written in place.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  ~AtomicFile();

  /// `path` outlives the file. Errors of all three: Io, with the system's reason.
  Status open(const char *path);
  Status write(const void *data, uint64_t size);
  Status commit();

private:
  Status fail(const char *reason);

  const char *path = nullptr;
  Text temporary; ///< Empty: written in place.
  int descriptor = -1;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_IO_ATOMICFILE_H
