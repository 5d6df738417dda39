//===- OperatorSchemas.h - arguments and defaults of the op table's operators ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_OPERATORSCHEMAS_H
#define TORCHC_LIB_IMPORT_OPERATORSCHEMAS_H

#include "mlir/Support/LLVM.h"

namespace torchc {

/// One argument of an operator, as torch registers it.
struct SchemaArgument {
  llvm::StringRef name;
  /// Such as "Tensor", "number", "Optional[ScalarType]", "List[int]".
  llvm::StringRef type;
  /// The length of a list for which one number may stand; else 0.
  int64_t listSize;
  /// JSON; null for an argument that must be given.
  const char *defaultValue;
};

/// The arguments of an op of the table in order, by the op's MLIR name
/// ("torch.aten.add.Tensor"); nullopt where the table does not have it.
std::optional<llvm::ArrayRef<SchemaArgument>> lookupSchema(llvm::StringRef opName);

/// The names of all ops with a schema.
llvm::SmallVector<llvm::StringRef> getSchemaNames();

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_OPERATORSCHEMAS_H
