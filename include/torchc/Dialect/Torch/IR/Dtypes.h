//===- Dtypes.h - element types of torch tensors and their promotion ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_DTYPES_H
#define TORCHC_DIALECT_TORCH_IR_DTYPES_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

namespace torchc::torch {

/// The attribute of a literal that stands for a Python number passed where the
/// schema says Tensor: it takes part in promotion as a number, not as a tensor.
inline constexpr llvm::StringLiteral kWrappedNumberAttr = "torchc.wrapped_number";

/// The element type that a number of c10::ScalarType stands for; null for one
/// that torchc has not.
mlir::Type getDtypeFromCode(mlir::MLIRContext *context, int64_t code);
/// The number of c10::ScalarType for an element type, or nullopt.
std::optional<int64_t> getDtypeCode(mlir::Type dtype);

bool isBoolDtype(mlir::Type dtype);
/// An integer that is not bool.
bool isIntegerDtype(mlir::Type dtype);
bool isFloatDtype(mlir::Type dtype);
bool isComplexDtype(mlir::Type dtype);
/// f16 or bf16, which PyTorch computes in f32.
bool isHalfDtype(mlir::Type dtype);
/// The type in which PyTorch's CPU kernels compute on `dtype`: f32 for the
/// half types, itself else (at::opmath_type).
mlir::Type getComputeDtype(mlir::Type dtype);
/// f32 for bool and integers, itself else: the result of exp, div, mean of ...
mlir::Type getFloatDtype(mlir::Type dtype);
/// si64 for bool and integers, itself else: the result of sum, prod, cumsum.
mlir::Type getSumDtype(mlir::Type dtype);

/// torch.promote_types; null where torch has no common type.
mlir::Type promoteDtypes(mlir::Type a, mlir::Type b);
/// torch.result_type of tensors and numbers: a tensor of rank 0 or a number
/// widens the others only where it is of a higher kind (bool < int < float <
/// complex). None operands are skipped. Null where a dtype or rank is unknown.
mlir::Type getResultDtype(mlir::ValueRange operands);

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_DTYPES_H
