//===- RowSpace.h - which loops number the rows of a row kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_ROWSPACE_H
#define TORCHC_LIB_DISPATCH_ROWSPACE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace torchc {

/// Ops that reduce and map tensors row by row can run as one kernel when they
/// agree on what a row is. A row space knows, for each member, the parallel
/// loops that number the rows, in one order for all: softmax over the last dim
/// of `[B, S, T]` has the rows (d0, d1) in each of its four ops.
///
/// `append`, `prepend` and `absorb` fail, and change nothing, where the
/// newcomer has other rows than the members that it shares tensors with.
class RowSpace {
public:
  /// A space whose only member is a reduction; its parallel loops are the rows.
  static RowSpace create(mlir::linalg::LinalgOp op);
  /// Adds an op that reads results of members.
  mlir::LogicalResult append(mlir::linalg::LinalgOp op);
  /// Adds an op whose results members read.
  mlir::LogicalResult prepend(mlir::linalg::LinalgOp op);
  /// Adds the members of another space, of which members read results.
  mlir::LogicalResult absorb(const RowSpace &other);

private:
  using Loops = llvm::SmallVector<unsigned>;
  using Dims = llvm::SmallVector<unsigned>;
  struct Member {
    mlir::linalg::LinalgOp op;
    Loops rowLoops;
  };

  /// The dims of a tensor that number the rows, as the member that computes it
  /// or else those that read it say; nullopt if none does.
  mlir::FailureOr<std::optional<Dims>> getRowDims(mlir::Value tensor) const;
  bool add(mlir::linalg::LinalgOp op, llvm::ArrayRef<std::pair<mlir::AffineMap, Dims>> uses);

  llvm::SmallVector<Member> members;
};

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_ROWSPACE_H
