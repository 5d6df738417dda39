//===- Indexing.h - places of elements: checked, found, searched ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_INDEXING_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_INDEXING_H

#include "Elementwise.h"

namespace torchc {

/// An element of an index tensor of `dtype` as `index` that lies within the extent. One that does not
/// fails the kernel; nothing is read for it but element 0. Negative ones count from the end where
/// `wraps` is set.
mlir::Value checkIndex(mlir::ImplicitLocOpBuilder &body, mlir::Operation *op, mlir::Value element, mlir::Type dtype,
                       mlir::Value extent, bool wraps);

/// In the body of an op with the loops i, j, k...: tensor[i, index, k...] for dim = 1.
mlir::Value extractAlong(mlir::ImplicitLocOpBuilder &body, mlir::Value tensor, int64_t dim, mlir::Value index);

/// All of such an index tensor: as i64.
mlir::Value checkIndices(Lowering &b, mlir::Value index, mlir::Type dtype, mlir::OpFoldResult extent, bool wraps);

/// The places of the elements of `tensor` along `dim` in their sorted order, as i64; equal ones stay in
/// theirs. NaN is larger than all numbers. `first`: only of so many, the first in that order.
mlir::Value sortPlaces(Lowering &b, mlir::Value tensor, mlir::Type dtype, int64_t dim, bool descending,
                       mlir::OpFoldResult first = {});

/// How many bits a number has, as an index: 0 for 0.
mlir::Value countBits(mlir::ImplicitLocOpBuilder &b, mlir::Value number);

/// The first of `extent` places where `isReached`, which then holds for all after it; `extent` where
/// it holds for none. By bisection.
mlir::Value searchFirst(mlir::ImplicitLocOpBuilder &body, mlir::Value extent,
                        llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::Value place)> isReached);

/// What the list of `self[list]` indexes: a tensor of integers for each dim that is indexed.
struct IndexList {
  llvm::SmallVector<int64_t> dims;
  llvm::SmallVector<mlir::Value> tensors;
  llvm::SmallVector<mlir::Type> dtypes;
};
mlir::FailureOr<IndexList> getIndexList(Lowering &b, mlir::Value torchSelf, mlir::Value torchList);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_INDEXING_H
