//===- ArchiveCheck.h - looks into a file before libtorch loads it --------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_ARCHIVECHECK_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_ARCHIVECHECK_H

#include <string>

namespace torchc::torchscript {

/// Throws a `CaptureError` unless the file at `path` is a TorchScript archive,
/// and, without `trustModel`, if loading it would run code of the model
/// (`__setstate__`) or if it names operators that touch files.
void checkArchive(const std::string &path, bool trustModel);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_ARCHIVECHECK_H
