//===- OperatorSchemas.cpp - arguments and defaults of the op table's operators ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperatorSchemas.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <vector>

using namespace torchc;

using SchemaTable = llvm::StringMap<std::vector<SchemaArgument>>;

static const SchemaTable &getTable() {
  static const SchemaTable table = {
#define ATEN_SCHEMA(name, ...) {name, {__VA_ARGS__}},
#include "torchc/Dialect/Torch/IR/AtenSchemas.def"
#undef ATEN_SCHEMA
  };
  return table;
}

std::optional<llvm::ArrayRef<SchemaArgument>> torchc::lookupSchema(llvm::StringRef opName) {
  auto found = getTable().find(opName);
  if (found == getTable().end())
    return std::nullopt;
  return llvm::ArrayRef(found->second);
}

llvm::SmallVector<llvm::StringRef> torchc::getSchemaNames() {
  return llvm::SmallVector<llvm::StringRef>(getTable().keys());
}
