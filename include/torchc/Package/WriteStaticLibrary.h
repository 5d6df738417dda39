//===- WriteStaticLibrary.h - a program to an archive and its C header ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PACKAGE_WRITESTATICLIBRARY_H
#define TORCHC_PACKAGE_WRITESTATICLIBRARY_H

#include "torchc/Package/WriteModule.h"

namespace torchc {

/// Writes what the Package stage left in `module` as an archive at `path`,
/// "folder/model.a", and a C header beside it, "folder/model.h". The archive holds the
/// kernels of every CPU variant, the bytecode and the constants; all its symbols
/// begin with the file's name. The same module and name give the same bytes. Fails
/// with an error at the op or symbol that cannot be written; nothing has been written then.
mlir::LogicalResult writeStaticLibrary(mlir::ModuleOp module, llvm::StringRef path, const ProducerInfo &producer = {});

} // namespace torchc

#endif // TORCHC_PACKAGE_WRITESTATICLIBRARY_H
