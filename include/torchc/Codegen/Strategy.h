//===- Strategy.h - how kernels of one kind are cut into loops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_STRATEGY_H
#define TORCHC_CODEGEN_STRATEGY_H

#include "torchc/Codegen/ValueEmitter.h"

namespace torchc {

/// Extents x, y and z of a kernel's grid, of the kernel's sizes.
struct Grid {
  mlir::AffineExpr x, y, z;
};

/// What `torchc-tune-kernels` may set, from 1 to `most`.
struct Parameter {
  llvm::StringLiteral name;
  int64_t most;
};

/// One kind of kernel: `matches` finds its root in the body, `emit` writes the
/// loops of one work group.
struct Strategy {
  llvm::StringLiteral name;
  llvm::ArrayRef<Parameter> parameters;
  bool (*matches)(dispatch::KernelOp kernel, const TargetInfo &target);
  Grid (*emit)(ValueEmitter &emitter);
};

extern const Strategy kAttention;
extern const Strategy kBatch;
extern const Strategy kContraction;
extern const Strategy kTranspose;
extern const Strategy kWindow;
extern const Strategy kWinograd;
extern const Strategy kRows;

/// The tensors that a kernel gives.
mlir::OperandRange getResults(dispatch::KernelOp kernel);

/// Of a kernel: what TuneKernels sets, a dictionary.
inline constexpr llvm::StringLiteral kParametersAttrName = "dispatch.parameters";
/// What is set for `kernel`, or `otherwise`.
int64_t getParameter(dispatch::KernelOp kernel, llvm::StringRef name, int64_t otherwise);

/// How far the result `result` of `map` moves when `dim` does by 1; nothing if that is not a constant.
std::optional<int64_t> getStep(mlir::AffineMap map, unsigned result, unsigned dim);

/// The first strategy that fits; kRows fits every kernel.
const Strategy &chooseStrategy(dispatch::KernelOp kernel, const TargetInfo &target);

/// Work of a kernel: about the operations on one element, with dynamic
/// extents taken as `kAssumedExtent`.
double estimateWork(dispatch::KernelOp kernel);
inline constexpr int64_t kAssumedExtent = 64;
/// The part of one element of `op`.
double getBodyCost(mlir::linalg::LinalgOp op);

/// A work group is worth starting for this much work: some 10 microseconds.
inline constexpr double kWorkPerGroup = 65536;

} // namespace torchc

#endif // TORCHC_CODEGEN_STRATEGY_H
