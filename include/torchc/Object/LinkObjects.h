//===- LinkObjects.h - lld, called as a function ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_OBJECT_LINKOBJECTS_H
#define TORCHC_OBJECT_LINKOBJECTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace torchc {

/// The bytes of an ELF file.
using ObjectBytes = llvm::SmallVector<char, 0>;

// Neither function creates a file. Calls from several threads wait for each other:
// lld keeps global state.

/// Joins objects to one, which may have undefined symbols.
llvm::Expected<ObjectBytes> linkRelocatable(llvm::ArrayRef<llvm::ArrayRef<char>> objects);

/// Makes a shared object that exports `torchc_kernels` alone, has no undefined
/// symbols and is stripped.
llvm::Expected<ObjectBytes> linkShared(llvm::ArrayRef<char> object);

/// The object with all symbols local but `torchc_kernels`, which is called `table` from
/// then on: objects of several models and CPUs go into one program.
llvm::Expected<ObjectBytes> localizeSymbols(llvm::ArrayRef<char> object, llvm::StringRef table);

} // namespace torchc

#endif // TORCHC_OBJECT_LINKOBJECTS_H
