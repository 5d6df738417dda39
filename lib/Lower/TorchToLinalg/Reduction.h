//===- Reduction.h - one linalg.generic that reduces dims ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_REDUCTION_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_REDUCTION_H

#include "Elementwise.h"

namespace torchc {

/// The map from the loops of a reduction to what is left after it.
mlir::AffineMap getKeptMap(mlir::MLIRContext *context, int64_t rank, llvm::ArrayRef<int64_t> dims);

/// Reduces `dims` of loops over `sizes`: `function` makes the new accumulator
/// from the operands' elements and, last, the accumulator. The result lacks `dims`.
mlir::Value createReduction(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<MappedOperand> operands,
                            llvm::ArrayRef<mlir::OpFoldResult> sizes, llvm::ArrayRef<int64_t> dims,
                            mlir::TypedAttr init, ElementFunction function);

/// Whether `element` at `place` is to replace `best` at `bestPlace` as the extremum. NaN beats all
/// numbers; of equals, the one whose place comes `first`, or last, is kept.
mlir::Value isBetterExtremum(ElementBuilder &b, mlir::Value element, mlir::Value place, mlir::Value best,
                             mlir::Value bestPlace, bool isMaximum, bool first);

/// a + b of floats in a reduction, free to become part of an FMA.
mlir::Value createContractingAdd(mlir::ImplicitLocOpBuilder &b, mlir::Value lhs, mlir::Value rhs);
/// a * b of floats in a reduction, free to become part of an FMA.
mlir::Value createContractingMul(mlir::ImplicitLocOpBuilder &b, mlir::Value lhs, mlir::Value rhs);

/// An associative way to join elements of several tensors, each tensor's neutral element at hand.
struct Joining {
  llvm::SmallVector<mlir::TypedAttr> neutral;
  std::function<llvm::SmallVector<mlir::Value>(mlir::ImplicitLocOpBuilder &, mlir::ValueRange earlier,
                                               mlir::ValueRange later)>
      join;
};

/// out[.., i, ..] joins x[.., 0, ..], ..., x[.., i, ..] along `dim`.
llvm::SmallVector<mlir::Value> createRunning(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> tensors,
                                             int64_t dim, const Joining &joining);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_REDUCTION_H
