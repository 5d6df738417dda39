//===- DotProduct.h - products of few bits that one instruction adds up ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_DOTPRODUCT_H
#define TORCHC_CODEGEN_DOTPRODUCT_H

#include "torchc/Codegen/ContractionRoot.h"

namespace torchc {

/// A contraction whose factors are so narrow that an instruction multiplies and adds up a group of neighbouring points
/// of k in each lane of 32 bits: 2 of bf16 (AVX512-BF16), 4 of eight bits (AVX512-VNNI).
///
/// The latter takes rows without a sign. Rows that have one are moved up by 128, which adds 128 times the sum of each
/// column: one more row of the tile, of the constant 128, says how much.
class DotProduct {
public:
  /// `steps`: the loops of k, of a window's too.
  static std::optional<DotProduct> find(const ContractionRoot &root, const TargetInfo &target,
                                        llvm::ArrayRef<LoopGroup> steps);

  /// Points of k in a group.
  int64_t getPoints() const { return 32 / element.getIntOrFloatBitWidth(); }
  /// Of a row's elements, as the instruction takes them.
  mlir::Type getRowType() const { return element; }
  /// Of the sum in each lane.
  mlir::Type getSumType() const;
  bool hasOffset() const { return rowsAreSigned; }
  /// Whether rows are not in memory the way that the instruction takes them.
  bool needsCopyOfRows() const;

  /// Elements of a row, in the type of rows.
  mlir::Value emitRow(ValueEmitter &emitter, llvm::ArrayRef<Index> loops) const;
  /// A group of a row's elements, repeated in all lanes.
  mlir::Value emitRowGroup(ValueEmitter &emitter, llvm::ArrayRef<Index> loops) const;
  mlir::Value repeat(ValueEmitter &emitter, mlir::Value group) const;
  /// The offset in place of a row's elements.
  mlir::Value emitOffset(ValueEmitter &emitter) const;
  /// Rows of a panel that follow each other, by columns: a group in each lane.
  mlir::Value emitColumns(ValueEmitter &emitter, llvm::ArrayRef<Index> loops, Index panel, int64_t width) const;
  mlir::Value emitMultiplyAdd(ValueEmitter &emitter, mlir::Value row, mlir::Value column, mlir::Value sum) const;
  /// A sum in the type that the contraction has.
  mlir::Value convertSum(ValueEmitter &emitter, mlir::Value sum) const;

private:
  DotProduct(const ContractionRoot &root, unsigned step, mlir::Type element, bool rowsAreSigned)
      : root(root), step(step), element(element), rowsAreSigned(rowsAreSigned) {}
  mlir::Value addOffset(ValueEmitter &emitter, mlir::Value row) const;

  ContractionRoot root;
  unsigned step;
  mlir::Type element;
  bool rowsAreSigned; ///< Of eight bits.
};

} // namespace torchc

#endif // TORCHC_CODEGEN_DOTPRODUCT_H
