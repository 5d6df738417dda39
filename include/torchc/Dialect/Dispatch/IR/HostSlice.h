//===- HostSlice.h - slices that are one piece of memory ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_DISPATCH_IR_HOSTSLICE_H
#define TORCHC_DIALECT_DISPATCH_IR_HOSTSLICE_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace torchc {

/// The dims of the source that have to be taken whole for the slice to be one piece of memory, which host functions
/// view without a copy: those of dynamic extents behind the dim that is cut. nullopt if it is not one piece whatever
/// they are.
std::optional<llvm::SmallVector<unsigned>> getDimsTakenWhole(mlir::tensor::ExtractSliceOp op);

} // namespace torchc

#endif // TORCHC_DIALECT_DISPATCH_IR_HOSTSLICE_H
