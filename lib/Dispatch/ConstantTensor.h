//===- ConstantTensor.h - a tensor whose elements are known when compiling ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_CONSTANTTENSOR_H
#define TORCHC_LIB_DISPATCH_CONSTANTTENSOR_H

#include "torchc/Support/WeightStore.h"

namespace torchc {

/// A scalar between two operations: floats of every width as a double, integers
/// sign-extended, an i1 as 0 or 1.
union Cell {
  double f;
  int64_t i;
  static Cell ofFloat(double value) {
    Cell cell;
    cell.f = value;
    return cell;
  }
  static Cell ofInt(int64_t value) {
    Cell cell;
    cell.i = value;
    return cell;
  }
};

/// Bytes of an element in memory; 0 for types that constants cannot have.
int64_t getElementBytes(mlir::Type element);

/// Rounds or wraps a result to the element type.
void roundCells(mlir::Type element, llvm::MutableArrayRef<Cell> cells);

/// Elements of static shape as a strided view of bytes that it keeps alive. A
/// dim of stride 0 repeats, so a splat is one element.
struct ConstantTensor {
  mlir::RankedTensorType type;
  const uint8_t *data = nullptr;
  llvm::SmallVector<int64_t> strides; ///< In elements.
  std::shared_ptr<const void> owner;

  /// A row-major tensor in bytes as the weight store has them.
  static ConstantTensor get(mlir::RankedTensorType type, llvm::ArrayRef<uint8_t> bytes,
                            std::shared_ptr<const void> owner);
  /// One element, repeated.
  static ConstantTensor getSplat(mlir::RankedTensorType type, Cell value);
  /// Elements that are to be written.
  static std::pair<ConstantTensor, uint8_t *> allocate(mlir::RankedTensorType type);

  int64_t getNumBytes() const { return type.getNumElements() * getElementBytes(type.getElementType()); }
  bool isContiguous() const;
  bool isSplat() const;
  /// The same elements in row-major order, copied unless they are so already.
  ConstantTensor makeContiguous() const;

  /// Elements offset, offset + step ... of the view's memory.
  void read(int64_t offset, int64_t step, llvm::MutableArrayRef<Cell> cells) const;
  /// Writes to memory that `allocate` gave.
  static void write(mlir::Type element, uint8_t *data, int64_t offset, int64_t step, llvm::ArrayRef<Cell> cells);
};

/// Copies elements to a strided place: both have `shape`.
void copyStrided(uint8_t *target, llvm::ArrayRef<int64_t> targetStrides, const uint8_t *source,
                 llvm::ArrayRef<int64_t> sourceStrides, llvm::ArrayRef<int64_t> shape, int64_t elementBytes);

llvm::SmallVector<int64_t> getRowMajorStrides(llvm::ArrayRef<int64_t> shape);

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_CONSTANTTENSOR_H
