//===- OpSyntax.h - text of the torch dialect's ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsers and printers that the definitions of TorchOps.td name.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DIALECT_TORCH_IR_OPSYNTAX_H
#define TORCHC_LIB_DIALECT_TORCH_IR_OPSYNTAX_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

namespace torchc::torch {

mlir::ParseResult parseConstantInteger(mlir::OpAsmParser &parser, mlir::IntegerAttr &value);
void printConstantInteger(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::IntegerAttr value);

mlir::ParseResult parseConstantFloat(mlir::OpAsmParser &parser, mlir::FloatAttr &value);
void printConstantFloat(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::FloatAttr value);

/// Of `!torch.tensor` and `!torch.vtensor` only the result's is written.
mlir::ParseResult parseTwinTensorTypes(mlir::OpAsmParser &parser, mlir::Type &operand, mlir::Type &result);
void printTwinTensorTypes(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::Type operand, mlir::Type result);

/// `(t, t)`, also where there is none.
mlir::ParseResult parseParenthesizedTypes(mlir::OpAsmParser &parser, llvm::SmallVectorImpl<mlir::Type> &types);
void printParenthesizedTypes(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::TypeRange types);

/// `%a, %b {attributes} : !torch.int, !torch.int -> !torch.int`, without the arrow where there
/// is no result.
mlir::ParseResult parseAtenOp(mlir::OpAsmParser &parser, mlir::OperationState &result);
void printAtenOp(mlir::OpAsmPrinter &printer, mlir::Operation *op);

} // namespace torchc::torch

#endif // TORCHC_LIB_DIALECT_TORCH_IR_OPSYNTAX_H
