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

#include <unistd.h>

using namespace llvm;

/// Writes all of it and closes; says what went wrong, a full disk for one.
static std::error_code writeAndClose(int descriptor, bool close, function_ref<void(raw_ostream &)> write) {
  raw_fd_ostream stream(descriptor, close);
  write(stream);
  if (close)
    stream.close();
  else
    stream.flush();
  std::error_code code = stream.error();
  // The destructor would end the process.
  stream.clear_error();
  return code;
}

Error torchc::writeFileAtomically(StringRef path, function_ref<void(raw_ostream &)> write) {
  auto finish = [&](std::error_code code) { return code ? createFileError(path, code) : Error::success(); };
  int descriptor;
  if (path == "-") {
    std::error_code code = writeAndClose(STDOUT_FILENO, /*close=*/false, write);
    return code ? createFileError("standard output", code) : Error::success();
  }
  SmallString<128> target(path);
  if (sys::fs::exists(path)) {
    if (sys::fs::is_directory(path))
      return finish(std::make_error_code(std::errc::is_a_directory));
    if (!sys::fs::is_regular_file(path)) {
      if (std::error_code code = sys::fs::openFileForWrite(path, descriptor, sys::fs::CD_OpenExisting))
        return finish(code);
      return finish(writeAndClose(descriptor, /*close=*/true, write));
    }
    if (std::error_code code = sys::fs::real_path(path, target))
      return finish(code);
  }
  SmallString<128> temporary;
  const unsigned mode = sys::fs::all_read | sys::fs::all_write;
  if (std::error_code code =
          sys::fs::createUniqueFile(target + ".%%%%%%%%.tmp", descriptor, temporary, sys::fs::OF_None, mode))
    return finish(code);
  std::error_code code = writeAndClose(descriptor, /*close=*/true, write);
  if (!code)
    code = sys::fs::rename(temporary, target);
  if (code)
    sys::fs::remove(temporary);
  return finish(code);
}
