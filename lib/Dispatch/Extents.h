//===- Extents.h - extents of tensors as index values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_EXTENTS_H
#define TORCHC_LIB_DISPATCH_EXTENTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Value.h"

namespace torchc {

/// The extent of a dim of `tensor`, a value that dominates every place where
/// `tensor` itself is visible, from what `tensor` is computed of: no op that
/// computes on tensor data is asked. `builder` is set where the value is needed.
mlir::Value getExtent(mlir::OpBuilder &builder, mlir::Value tensor, int64_t dim);

/// The extents of all dynamic dims of `tensor`, in order.
llvm::SmallVector<mlir::Value> getDynamicExtents(mlir::OpBuilder &builder, mlir::Value tensor);

/// The extents of all dims of `tensor`, attributes where they are static.
llvm::SmallVector<mlir::OpFoldResult> getMixedExtents(mlir::OpBuilder &builder, mlir::Value tensor);

/// `tensor.dim` of what an op computes -> the extent as `getExtent` gives it.
void populateResolveExtentPatterns(mlir::RewritePatternSet &patterns);

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_EXTENTS_H
