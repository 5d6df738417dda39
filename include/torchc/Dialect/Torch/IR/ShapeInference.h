//===- ShapeInference.h - result types of aten ops from their operands ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_SHAPEINFERENCE_H
#define TORCHC_DIALECT_TORCH_IR_SHAPEINFERENCE_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

namespace torchc::torch {

/// The result types that PyTorch gives the aten op `name` on `operands`;
/// tensors are `!torch.vtensor`. A dim that the operands' types and constants
/// do not determine is `?`; a rank that they do not determine is unknown.
/// Failure where the op has no inference or an operand's dtype is unknown.
mlir::FailureOr<llvm::SmallVector<mlir::Type>> inferResultTypes(mlir::OperationName name, mlir::ValueRange operands);

/// `dim` counted from the front, or nullopt where it is out of range. A tensor
/// of rank 0 takes the dims of one of rank 1, as in PyTorch.
std::optional<int64_t> wrapDim(int64_t dim, int64_t rank);

/// The dims of a constant `int[]?`, counted from the front, in order. None and an empty
/// list mean all dims; nullopt where a dim is not constant or out of range.
std::optional<llvm::SmallVector<int64_t>> getReducedDims(mlir::Value dims, int64_t rank);

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_SHAPEINFERENCE_H
