//===- DimAnalysis.h - how the dims of a loop nest reach into a kernel's body ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_DIMANALYSIS_H
#define TORCHC_CODEGEN_DIMANALYSIS_H

#include "torchc/Codegen/ValueEmitter.h"

#include <set>

namespace torchc {

/// Adjacent loops [first, last] that run as one: the loop's index stands for
/// `last`, the others are 0. Row-major memory makes that the same address.
struct LoopGroup {
  unsigned first, last;
  Index extent;
};

/// Follows the dims of a loop nest from the tensors that it visits to all the
/// tensors that their values are computed from.
class DimTracker {
public:
  /// Of a tracked tensor's dim: which dim of the nest it is, and which ones it depends on.
  struct Dim {
    int id = kOther;
    uint64_t depends = 0;
  };
  static constexpr int kZero = -1;  ///< Always index 0.
  static constexpr int kOther = -2; ///< Something computed, or a loop of a reduction.

  /// A reduction that was found, with the dims of its result.
  struct Reduction {
    mlir::OpResult result;
    llvm::SmallVector<Dim> dims;
    uint64_t getDepends() const;
    /// Its coordinates, if all are dims of the nest.
    std::optional<Indices> getIndices(llvm::ArrayRef<Index> nest) const;
  };

  DimTracker(ValueEmitter &emitter, llvm::ArrayRef<Index> extents);

  /// Follows a tensor whose dims are those of the nest.
  void trackRoot(mlir::Value tensor);
  void track(mlir::Value tensor, llvm::ArrayRef<Dim> dims);

  /// Follows `results`, whose dims are those of the nest. Gives the reduction `op` if it is the only one behind them
  /// and its coordinates are dims of the nest, and the results have one shape; else null.
  const Reduction *trackOnlyReduction(mlir::ValueRange results, mlir::Operation *op);

  /// Largest groups of adjacent dims that may run as one loop.
  llvm::SmallVector<LoopGroup> getGroups();
  /// In the order of the body.
  llvm::ArrayRef<Reduction> getReductions();
  /// Whether dim i of `tensor` is dim i of the nest, wherever it is used.
  bool hasDimsOfNest(mlir::Value tensor) const;
  /// A dim that may not be in a group with others.
  void separate(unsigned id);
  /// Dims of different kinds may not be in a group; dims of extent 1 are of any kind.
  void separateKinds(llvm::function_ref<int(unsigned)> getKind);

private:
  void trackLinalg(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Dim> dims);
  void checkAdjacency(mlir::Value tensor, llvm::ArrayRef<Dim> dims);
  void separateAll(llvm::ArrayRef<Dim> dims);
  bool isUnit(unsigned id) const { return extents[id].isConstant() && extents[id].offset == 1; }

  ValueEmitter &emitter;
  Indices extents;
  std::set<unsigned> separateAfter; ///< Dims that may not be joined with the next one.
  llvm::SmallVector<Reduction> reductions;
  std::set<std::pair<const void *, std::vector<int>>> visited; ///< Tensors with their ids.
};

/// The extents of an op's loops.
Indices getLoopExtents(ValueEmitter &emitter, mlir::linalg::LinalgOp op);

/// The reduced loops of an op, joined where possible.
llvm::SmallVector<LoopGroup> getReductionGroups(ValueEmitter &emitter, mlir::linalg::LinalgOp op);

} // namespace torchc

#endif // TORCHC_CODEGEN_DIMANALYSIS_H
