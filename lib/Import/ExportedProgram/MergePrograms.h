//===- MergePrograms.h - several exported programs as one ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_MERGEPROGRAMS_H
#define TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_MERGEPROGRAMS_H

#include "torchc/Import/CapturedProgram.h"

namespace torchc {

/// Adds the only function of `model`, under the name `name`, to `program`. Tensors
/// of the same name, type and contents are one, so that entry points of one model
/// share its weights and its state; others, and symbols of other ranges, are renamed.
void mergeProgram(CapturedProgram model, const std::string &name, CapturedProgram &program);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_MERGEPROGRAMS_H
