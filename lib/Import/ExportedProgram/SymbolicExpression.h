//===- SymbolicExpression.h - sizes as sympy writes them -------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_SYMBOLICEXPRESSION_H
#define TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_SYMBOLICEXPRESSION_H

#include "torchc/Import/CapturedProgram.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace torchc {

/// Reads the form that `sympy.srepr` gives, "Mul(Integer(2), Symbol('s0',
/// positive=True))", into `SymInt::expression` "2*s0"; what has but one value
/// while its symbols are in their ranges is that constant: "Min(1, s0 - 1)" from
/// s0 = 2 on. nullopt where the text is not of that form.
std::optional<SymInt> parseSymbolicExpression(llvm::StringRef text, llvm::ArrayRef<SymbolRange> symbols);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_SYMBOLICEXPRESSION_H
