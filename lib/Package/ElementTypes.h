//===- ElementTypes.h - element types of the file ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_ELEMENTTYPES_H
#define TORCHC_LIB_PACKAGE_ELEMENTTYPES_H

#include "torchc/runtime/Format.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinTypes.h"

#include <optional>

namespace torchc {

/// The file's element type for a builtin one; signless integers are signed.
std::optional<runtime::ElementType> getElementType(mlir::Type type);

/// The element type under which the host program knows a parameter or a state: unsigned where
/// the model's is, though the compiler's type does not say.
std::optional<runtime::ElementType> getHostElementType(mlir::ml_program::GlobalOp global);

/// The element type that is spelled `dtype`, as on the command line.
std::optional<runtime::ElementType> parseElementType(llvm::StringRef dtype);

/// The builtin type for which getElementType gives `type`.
mlir::Type getBuiltinType(runtime::ElementType type, mlir::MLIRContext *context);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_ELEMENTTYPES_H
