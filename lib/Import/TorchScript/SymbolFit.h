//===- SymbolFit.h - one program from traces at several sizes -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_SYMBOLFIT_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_SYMBOLFIT_H

#include "Polynomial.h"
#include "SizeFact.h"
#include "torchc/Import/CapturedProgram.h"

namespace torchc::torchscript {

/// A dynamic dimension, and the input whose size tells it at run time.
struct SizeSymbol {
  std::string name;  ///< "s0"
  std::string input; ///< Name of the graph input.
  int64_t dimension = 0;
};

/// A trace at one choice of sizes. The program has constant integers only.
struct Sample {
  SizePoint sizes;
  CapturedProgram program;
  std::vector<SizeFact> facts;
};

/// Merges traces of one model into a program over `symbols`: integers that
/// differ between the samples become polynomials in the symbols, in shapes as
/// expressions, in arguments as `aten.sym_size.int` and `operator.*` nodes.
/// Fails, with a line in `error`, where a trace has another structure, where
/// an integer is no such polynomial, or where a fact cannot be turned into
/// bounds of the symbols' ranges.
std::optional<CapturedProgram> fitSamples(const std::vector<Sample> &samples, const std::vector<SizeSymbol> &symbols,
                                          std::string &error);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_SYMBOLFIT_H
