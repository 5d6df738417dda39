//===- AtomicFile.cpp - files that are written whole or not at all ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/AtomicFile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;

Error torchc::writeFileAtomically(StringRef path, function_ref<void(raw_ostream &)> write) {
  int descriptor;
  SmallString<128> temporary;
  const unsigned mode = sys::fs::all_read | sys::fs::all_write;
  if (std::error_code code = sys::fs::createUniqueFile(path + ".%%%%%%%%.tmp", descriptor, temporary,
                                                       sys::fs::OF_None, mode))
    return createFileError(path, code);
  raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  write(stream);
  stream.close();
  std::error_code code = stream.error();
  stream.clear_error();
  if (!code)
    code = sys::fs::rename(temporary, path);
  if (!code)
    return Error::success();
  sys::fs::remove(temporary);
  return createFileError(path, code);
}
