//===- SizeRanges.h - ranges of sizes for which a trace holds -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_SIZERANGES_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_SIZERANGES_H

#include "Polynomial.h"
#include "SizeFact.h"
#include "torchc/Import/CapturedProgram.h"

namespace torchc::torchscript {

/// Narrows `ranges` (one a symbol) to sizes at which every fact comes out as in
/// the traces at `points`; `facts[i]` are those of `points[i]`. False, with a
/// reason in `error`, where that is more than a range of single symbols.
bool narrowRanges(const std::vector<SizePoint> &points, const std::vector<const std::vector<SizeFact> *> &facts,
                  std::vector<SymbolRange> &ranges, std::string &error);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_SIZERANGES_H
