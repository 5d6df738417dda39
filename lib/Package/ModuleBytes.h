//===- ModuleBytes.h - the parts of a program that is linked ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_MODULEBYTES_H
#define TORCHC_LIB_PACKAGE_MODULEBYTES_H

#include "ModuleTables.h"

#include "torchc/Package/WriteModule.h"

namespace torchc {

struct ModuleBytes {
  runtime::schema::ModuleT header;
  /// The file, without what is not needed where it is linked: the machine code of its
  /// libraries, names of constants and kernels, pytree specs, and what profiles would tell.
  llvm::SmallVector<char, 0> file;
  /// One relocatable object for each library.
  std::vector<Bytes> objects;
};

mlir::FailureOr<ModuleBytes> writeModuleBytes(mlir::ModuleOp module, const ProducerInfo &producer);

/// The C header of a static library: `name` is a C identifier, `file` the archive's name.
std::string writeStaticHeader(llvm::StringRef name, llvm::StringRef file, const runtime::schema::ModuleT &header);

/// `text` with an underscore for each character that C has no use for.
std::string makeIdentifier(llvm::StringRef text);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_MODULEBYTES_H
