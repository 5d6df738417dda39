//===- ContractionRoot.h - the multiply-add at the root of a kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_CONTRACTIONROOT_H
#define TORCHC_CODEGEN_CONTRACTIONROOT_H

#include "torchc/Codegen/DimAnalysis.h"

namespace torchc {

/// out[..., n] += rows[...] * columns[..., n]: a matrix product or a convolution. n,
/// the innermost dim of the output, is a dim of only one operand.
struct ContractionRoot {
  mlir::linalg::LinalgOp op;
  mlir::OpOperand *rows;    ///< The operand without n; its elements are broadcast.
  mlir::OpOperand *columns; ///< The operand with n, a panel of columns at a time.
  unsigned columnLoop;      ///< n
  mlir::Operation *multiply, *add;

  static std::optional<ContractionRoot> find(dispatch::KernelOp kernel);

  mlir::OpResult getResult() const { return op->getResult(0); }
  bool usesLoop(mlir::OpOperand *operand, unsigned loop) const {
    return linalg().getMatchingIndexingMap(operand).isFunctionOfDim(loop);
  }
  /// The type that products are summed in: that of the output, f32 for half types.
  mlir::Type getAccumulatorType() const;
  /// If `columns` is packed in panels, the op that views it as a matrix.
  mlir::linalg::UnPackOp getUnpack() const;
  /// Whether several elements along the innermost loop of `columns` are packed into each integer.
  bool packsElements() const;
  /// Bindings that the epilogue reads at the place of the result.
  llvm::SmallVector<mlir::Value> findAddends(dispatch::KernelOp kernel) const;
  /// Whether the output starts from anything but zeros.
  bool hasInit() const;

  /// Bytes from one row to the next of `loop`, in memory; none if it is not known.
  std::optional<int64_t> getRowDistance(unsigned loop) const;

  /// The element of `rows` at a point of the loops, as it is.
  mlir::Value emitRow(ValueEmitter &emitter, llvm::ArrayRef<Index> loops) const;
  /// The same with the casts of the body, in the accumulator's type.
  mlir::Value emitRowElement(ValueEmitter &emitter, llvm::ArrayRef<Index> loops) const;
  /// Elements of `columns`, or of the `tensor` that it is computed of in place, at a point of the loops, but for n: the
  /// `width` columns of number `panel`. If `columns` is packed, `width` divides its panels.
  mlir::Value emitColumns(ValueEmitter &emitter, llvm::ArrayRef<Index> loops, mlir::Value tensor, Index panel,
                          int64_t width) const;
  /// Where these columns are in the packed tensor.
  Indices getPackedPoint(ValueEmitter &emitter, llvm::ArrayRef<Index> loops, Index panel, int64_t width) const;
  /// Computes the kernel's `results` at a point of theirs from `sum`, an element of the
  /// output at `outputAt` without its init, and stores them.
  void storeResults(ValueEmitter &emitter, mlir::ValueRange results, llvm::ArrayRef<Index> at,
                    llvm::ArrayRef<Index> outputAt, mlir::Value sum) const;

  /// An element of the operand with the casts of the body, in the accumulator's type.
  mlir::Value emitFactor(ValueEmitter &emitter, mlir::OpOperand *operand, mlir::Value element) const;
  mlir::Value emitMultiplyAdd(ValueEmitter &emitter, mlir::Value row, mlir::Value column, mlir::Value sum) const;

private:
  mlir::Value emitLookup(ValueEmitter &emitter, mlir::Value function, llvm::ArrayRef<Index> point,
                         mlir::Value packed) const;
  mlir::linalg::LinalgOp linalg() const { return op; }
};

/// What columns are multiplied by last, the same for a group of k: the sum of a group may be multiplied instead.
struct GroupScale {
  ContractionRoot root;
  mlir::Value unscaled; ///< The columns before.
  mlir::Value scale;
  mlir::AffineMap map; ///< Where `scale` is read at a point of the loops.

  static std::optional<GroupScale> find(const ContractionRoot &root, llvm::ArrayRef<LoopGroup> steps);
  /// Whether it differs between points of a loop of k.
  bool usesLoops(const LoopGroup &group) const;
  /// Of the `width` columns of number `panel`.
  mlir::Value emit(ValueEmitter &emitter, llvm::ArrayRef<Index> loops, Index panel, int64_t width) const;
};

} // namespace torchc

#endif // TORCHC_CODEGEN_CONTRACTIONROOT_H
