//===- Reshape.h - the same elements under other sizes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_RESHAPE_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_RESHAPE_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace torchc {

/// The tensor under other sizes, by collapse_shape and expand_shape. Groups of
/// dims with the same product are found symbolically; where that fails, the
/// number of elements is checked at run time.
mlir::Value reshape(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// Replaces a constant -1 in `sizes` by what remains of the tensor's elements.
llvm::SmallVector<mlir::OpFoldResult> inferSize(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor,
                                                llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// Puts dims of size 1 where the result has `dims`, which are sorted.
mlir::Value insertUnitDims(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, llvm::ArrayRef<int64_t> dims);
/// Takes dims of size 1 away.
mlir::Value dropUnitDims(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, llvm::ArrayRef<int64_t> dims);
/// Makes one dim of the dims from `first` to `last`, inclusive.
mlir::Value flatten(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, int64_t first, int64_t last);

/// A part of the tensor. One without elements reads nothing, wherever it starts.
mlir::Value extractSlice(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> offsets,
                         llvm::ArrayRef<mlir::OpFoldResult> sizes, llvm::ArrayRef<mlir::OpFoldResult> strides);
/// The tensor with `source` in the place of a part.
mlir::Value insertSlice(mlir::ImplicitLocOpBuilder &b, mlir::Value source, mlir::Value tensor,
                        llvm::ArrayRef<mlir::OpFoldResult> offsets, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                        llvm::ArrayRef<mlir::OpFoldResult> strides);

/// The tensor with dim i taken from dim `permutation[i]`.
mlir::Value transpose(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, llvm::ArrayRef<int64_t> permutation);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_RESHAPE_H
