//===- AtomicFile.h - files that are written whole or not at all ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_ATOMICFILE_H
#define TORCHC_SUPPORT_ATOMICFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace torchc {

/// Writes a file under a temporary name beside `path` and renames it, so that
/// no reader sees half of it. An error leaves what was there. The file gets the
/// mode that the process gives new files; a symbolic link stays one. What is no
/// file, a pipe or a device, is written to; path "-" is the standard output.
llvm::Error writeFileAtomically(llvm::StringRef path, llvm::function_ref<void(llvm::raw_ostream &)> write);

} // namespace torchc

#endif // TORCHC_SUPPORT_ATOMICFILE_H
