//===- Sizes.h - sizes of tensors as constants or index values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_SIZES_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_SIZES_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace torchc {

/// The index of a dim that may count from the end.
inline int64_t wrapDim(int64_t dim, int64_t rank) { return dim < 0 ? dim + std::max<int64_t>(rank, 1) : dim; }

/// A size as `index` value.
mlir::Value toIndex(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult size);
/// A size as i64 value.
mlir::Value toI64(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult size);

/// The extent of a dim. It is traced to where it was decided: the sizes of a
/// `tensor.empty`, an argument of the function (the first one whose dim has
/// the same symbol in `torchc.signature`), so that equal extents are one value.
mlir::OpFoldResult getDim(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, int64_t dim);
/// The extents of all dims.
llvm::SmallVector<mlir::OpFoldResult> getDims(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

// Arithmetic on sizes; constants fold.
mlir::OpFoldResult addSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult subSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult mulSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
/// Rounds towards minus infinity; the divisor is positive.
mlir::OpFoldResult floorDivSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult ceilDivSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult minSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult maxSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
/// The product of all, 1 for none.
mlir::OpFoldResult multiplySizes(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// Whether both are surely the same number: equal constants, or values
/// computed the same way.
bool areEqualSizes(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
/// Checks at run time that both are the same, unless that is certain.
void assertEqualSizes(mlir::ImplicitLocOpBuilder &b, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs,
                      const llvm::Twine &message);

/// A tensor of these sizes whose contents are not set.
mlir::Value createEmpty(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type element);
/// A tensor of these sizes filled with one constant.
mlir::Value createFilled(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                         mlir::TypedAttr value);

/// The tensor under a type that knows more or less of its shape.
mlir::Value castTensor(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, mlir::RankedTensorType type);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_SIZES_H
