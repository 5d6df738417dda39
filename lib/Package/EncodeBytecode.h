//===- EncodeBytecode.h - vm functions to instructions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_ENCODEBYTECODE_H
#define TORCHC_LIB_PACKAGE_ENCODEBYTECODE_H

#include "ModuleTables.h"

namespace torchc {

/// What the sections of code hold.
struct Bytecode {
  std::vector<runtime::Instruction> instructions;
  std::vector<uint16_t> operandLists;
  runtime::schema::DebugInfoT debugInfo;
};

/// Encodes all functions of `tables`, whose registers are allocated, and completes
/// the tables of functions and messages. `withSources`: the debug info also says what
/// each dispatch computes.
mlir::LogicalResult encodeBytecode(ModuleTables &tables, Bytecode &bytecode, bool withSources);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_ENCODEBYTECODE_H
