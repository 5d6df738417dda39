//===- GuardReader.h - what an export demands of its inputs ----*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_GUARDREADER_H
#define TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_GUARDREADER_H

#include "torchc/Import/CapturedProgram.h"

#include "llvm/ADT/StringRef.h"

namespace torchc {

/// Puts nodes before those of `graph` that check the `guards_code` of an export,
/// a comparison of the inputs' sizes as Python writes it:
/// "L['x'].size()[0] % 2 == 0". Returns false, and leaves the graph as it is,
/// for a guard of another form.
bool addGuard(llvm::StringRef guard, CapturedGraph &graph);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_GUARDREADER_H
