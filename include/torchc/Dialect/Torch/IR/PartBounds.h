//===- PartBounds.h - where the parts of a split tensor are ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_PARTBOUNDS_H
#define TORCHC_DIALECT_TORCH_IR_PARTBOUNDS_H

#include "torchc/Dialect/Torch/IR/AtenBuilder.h"

namespace torchc::torch {

/// What readers take of a list of parts.
struct TakenParts {
  int64_t count;
  bool areAll; ///< Whether PyTorch says that there are no others, as where a list is unpacked.
};

/// Part i of a tensor lies along `dim` from places[i] to places[i + 1].
struct PartBounds {
  int64_t dim;
  llvm::SmallVector<mlir::Value> places;
};

/// The bounds of the parts that `op`, a split, chunk, tensor_split or unbind, gives of `tensor`, which is its
/// operand's value. Where the tensor's extent is not known there are as many as are taken, and the
/// program checks when it runs that this is their number. nullopt: nobody says how many there are, or
/// the dim, the number or the sizes are not known.
std::optional<PartBounds> buildPartBounds(mlir::Operation *op, mlir::Value tensor, std::optional<TakenParts> taken,
                                          AtenBuilder &b);

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_PARTBOUNDS_H
