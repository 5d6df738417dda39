//===- LinkSharedObject.h - lld, called as a function ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_OBJECT_LINKSHAREDOBJECT_H
#define TORCHC_LIB_OBJECT_LINKSHAREDOBJECT_H

#include "EmitObject.h"

namespace torchc {

/// Links `objects` to a shared object that exports `torchc_kernels` alone, has no
/// undefined symbols and is stripped. Creates no file. Calls from several
/// threads wait for each other: lld keeps global state.
llvm::Expected<ObjectBytes> linkSharedObject(llvm::ArrayRef<ObjectBytes> objects);

} // namespace torchc

#endif // TORCHC_LIB_OBJECT_LINKSHAREDOBJECT_H
