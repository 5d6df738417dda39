//===- Roots.h - what an op is to a kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_ROOTS_H
#define TORCHC_LIB_DISPATCH_ROOTS_H

#include "mlir/IR/Operation.h"

namespace torchc {

/// What an op is to a kernel.
enum class OpRole {
  Host,        ///< Stays in the host function.
  Init,        ///< Makes the destination of other ops: each kernel has its own copy.
  Anchor,      ///< Contraction, convolution, pooling or attention.
  Reduction,   ///< Any other linalg op with a reduction.
  Elementwise, ///< A linalg op whose loops are all parallel.
  Movement,    ///< Moves or makes data without linalg: pads, slices, loops over elements.
};

OpRole getRole(mlir::Operation *op);

/// The op of a kernel's body that decides how it works: the first of the highest rank,
/// in the order of the roles. nullptr if the body only returns constants.
mlir::Operation *getRoot(mlir::Block &body);

/// The input that an op of one result reads at the place of each element that it writes, the first
/// of them; null if there is none, or if the op reduces.
mlir::OpOperand *getInputInPlace(mlir::linalg::GenericOp op);

/// The same, or the input that packs as many elements of the op's result into each of its own as the result's last
/// dim has.
mlir::OpOperand *getWidenedInput(mlir::linalg::GenericOp op);

/// The constants of few bits, or the view of their panels, that elementwise ops widen to
/// `tensor`, each element at its place (dequantised weights). Folding them would give up
/// what they save. Null if `tensor` is nothing of the kind.
mlir::Value getNarrowConstants(mlir::Value tensor);

/// True if the op runs in a kernel of its own or with others.
inline bool isKernelOp(mlir::Operation *op) {
  OpRole role = getRole(op);
  return role != OpRole::Host && role != OpRole::Init;
}

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_ROOTS_H
