//===- ContractionSteps.h - the loops over what a product sums up ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_CONTRACTIONSTEPS_H
#define TORCHC_CODEGEN_CONTRACTIONSTEPS_H

#include "torchc/Codegen/ContractionRoot.h"

namespace torchc {

/// What a dynamic extent counts as: beyond all limits.
inline constexpr int64_t kManySteps = int64_t(1) << 31;
inline int64_t getStaticExtent(Index extent) { return extent.isConstant() ? extent.offset : kManySteps; }

/// Products that one accumulator adds up before it goes to a sum of sums: rounding errors grow with the root of this,
/// not of all of k.
inline constexpr int64_t kSumBlock = 256;

/// Parts of equal size, if there is one that is not much smaller than a block.
int64_t getPartSize(int64_t extent, int64_t block);

/// The loops over k of a tile: written out, looped over, and in blocks whose sums are added up apart.
class ContractionSteps {
public:
  using Sums = llvm::SmallVector<mlir::Value>;
  /// What one step makes of the sums before; `loops` has all indices, those of k set.
  using Body = llvm::function_ref<Sums(llvm::ArrayRef<Index> loops, mlir::ValueRange sums)>;
  /// The scale of sum `i` within the group of k that `loops` lie in.
  using Scale = std::function<mlir::Value(llvm::ArrayRef<Index> loops, size_t i)>;

  /// `points` of the innermost loop are one step.
  ContractionSteps(ValueEmitter &emitter, const ContractionRoot &root, llvm::ArrayRef<LoopGroup> steps,
                   int64_t points = 1)
      : emitter(emitter), root(root), steps(steps), points(points) {}

  /// Sums of a block are f32, of all blocks integers.
  void sumBlocksInFloats() { sumsInFloats = true; }
  /// Blocks do not span groups: their sums are multiplied by `scale`.
  void scaleGroups(const GroupScale &groups, Scale scale) {
    groupScale = &groups;
    emitScale = std::move(scale);
  }

  /// Calls `start` before every `points` points of the innermost loop, which are whole steps. The loop over those gets
  /// `copies` of its body; 0: as many as LLVM deems right.
  void startChunks(int64_t points, int32_t copies, std::function<void(llvm::ArrayRef<Index> loops)> start) {
    chunkPoints = points;
    chunkCopies = copies;
    startChunk = std::move(start);
  }

  /// The sums behind all steps. Blocks start from `inits`; without inits `body` gives no sums.
  Sums emit(Indices loops, mlir::ValueRange inits, Body body);

private:
  size_t getUnrolledDepth() const;
  Sums addParts(llvm::ArrayRef<Index> loops, mlir::ValueRange sums, mlir::ValueRange parts);

  ValueEmitter &emitter;
  const ContractionRoot &root;
  llvm::ArrayRef<LoopGroup> steps;
  int64_t points;
  bool sumsInFloats = false;
  const GroupScale *groupScale = nullptr;
  Scale emitScale;
  int64_t chunkPoints = 0;
  int32_t chunkCopies = 0;
  std::function<void(llvm::ArrayRef<Index> loops)> startChunk;
};

} // namespace torchc

#endif // TORCHC_CODEGEN_CONTRACTIONSTEPS_H
