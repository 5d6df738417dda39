//===- TorchName.h - what PyTorch calls an op ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_TORCHNAME_H
#define TORCHC_DIALECT_TORCH_IR_TORCHNAME_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Support/UserLocation.h"

namespace torchc::torch {

/// An op's name as PyTorch prints it, that of an op which torchc does not know too.
inline std::string getTorchName(mlir::Operation *op) {
  auto unknown = llvm::dyn_cast<OperatorOp>(op);
  return torchc::getTorchName(unknown ? unknown.getName() : op->getName().stripDialect());
}

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_TORCHNAME_H
