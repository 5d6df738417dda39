//===- ProgramTypes.h - types of captured values as MLIR types ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_PROGRAMTYPES_H
#define TORCHC_LIB_IMPORT_PROGRAMTYPES_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Import/CapturedProgram.h"

namespace torchc {

/// The element type in `!torch.vtensor`; null for one that torchc lacks.
mlir::Type convertElementType(ScalarType type, mlir::MLIRContext *context);

/// The element type as the command line spells it: "f32", "i64", "i1".
llvm::StringRef getElementTypeName(ScalarType type);

/// `!torch.vtensor`, or `!torch.tensor` where tensors may be written in place;
/// null for an element type that torchc lacks.
mlir::Type convertTensorType(const TensorMeta &meta, bool isMutable, mlir::MLIRContext *context);

/// The type of a value; null for an element type that torchc lacks. A list of
/// tensors has elements of unknown shape.
mlir::Type convertType(const ValueType &type, bool isMutable, mlir::MLIRContext *context);

/// Whether the elements lie one after the other in row-major order; false for sizes that are not constant.
bool isContiguous(const TensorMeta &meta);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_PROGRAMTYPES_H
