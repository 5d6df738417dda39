//===- ElementTypes.h - element types: conversion, promotion, precision of computation ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_ELEMENTTYPES_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_ELEMENTTYPES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace torchc {

// A dtype is an element type of the torch dialect: integers carry their sign,
// i1 is bool. Values have the signless type of it.

/// The type that values of a dtype have.
mlir::Type getValueType(mlir::Type dtype);
inline bool isFloat(mlir::Type dtype) { return llvm::isa<mlir::FloatType>(dtype); }
inline bool isBool(mlir::Type dtype) { return dtype.isSignlessInteger(1); }
inline bool isUnsigned(mlir::Type dtype) { return isBool(dtype) || dtype.isUnsignedInteger(); }

/// The dtype that arithmetic is done in, as PyTorch does: f32 for f16 and bf16,
/// else the dtype itself.
mlir::Type getComputeDtype(mlir::Type dtype);

/// A value of dtype `from` as dtype `to`, as `Tensor.to` converts. Complex
/// numbers are not converted.
mlir::Value convertElement(mlir::ImplicitLocOpBuilder &b, mlir::Value value, mlir::Type from, mlir::Type to);

/// How much an operand counts in type promotion.
enum class OperandKind { Tensor, ZeroDimTensor, WrappedNumber };

/// An operand in type promotion.
struct PromotedOperand {
  mlir::Type dtype;
  OperandKind kind;
};

/// `torch.result_type`: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc.
/// Null where PyTorch refuses the combination.
mlir::Type promoteTypes(llvm::ArrayRef<PromotedOperand> operands);

/// The lowest, highest and neutral values of reductions, by dtype.
mlir::TypedAttr getLowest(mlir::OpBuilder &b, mlir::Type dtype);
mlir::TypedAttr getHighest(mlir::OpBuilder &b, mlir::Type dtype);
/// A number as constant of a dtype.
mlir::TypedAttr getNumber(mlir::OpBuilder &b, mlir::Type dtype, double number);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_ELEMENTTYPES_H
