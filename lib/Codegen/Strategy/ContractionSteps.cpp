//===- ContractionSteps.cpp - the loops over what a product sums up ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionSteps.h"

using namespace mlir;
using namespace torchc;

/// Each loop over blocks takes code.
static constexpr int64_t kSumBlockOfSmallCode = 1024;
/// Steps of k that are written out rather than looped over.
static constexpr int64_t kUnrolledSteps = 24;

int64_t torchc::getPartSize(int64_t extent, int64_t block) {
  const int64_t least = llvm::divideCeil(extent, block);
  for (int64_t count = least; count <= 2 * least; ++count)
    if (extent % count == 0)
      return extent / count;
  return block;
}

/// From which loop on everything is written out. Not over a window: what one pixel
/// reads at one step another reads at the next, and kept for that long these values
/// would take the accumulators' registers.
size_t ContractionSteps::getUnrolledDepth() const {
  linalg::LinalgOp op = root.op;
  AffineMap rowMap = op.getMatchingIndexingMap(root.rows);
  auto isWindow = [&](unsigned loop) {
    return llvm::any_of(rowMap.getResults(),
                        [&](AffineExpr expr) { return expr.isFunctionOfDim(loop) && !isa<AffineDimExpr>(expr); });
  };
  int64_t product = 1;
  size_t depth = steps.size();
  const int64_t most = emitter.getTarget().prefersSize ? 1 : kUnrolledSteps;
  while (depth != 0 && steps[depth - 1].extent.isConstant() && !isWindow(steps[depth - 1].last) &&
         product * steps[depth - 1].extent.offset <= most)
    product *= steps[--depth].extent.offset;
  return depth;
}

ContractionSteps::Sums ContractionSteps::addParts(ArrayRef<Index> loops, ValueRange sums, ValueRange parts) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Sums total;
  for (auto [i, sum, part] : llvm::enumerate(sums, parts)) {
    if (sumsInFloats)
      total.push_back(arith::AddIOp::create(b, sum, arith::FPToSIOp::create(b, sum.getType(), part)));
    else if (groupScale)
      total.push_back(LLVM::FMulAddOp::create(b, part, emitScale(loops, i), sum));
    else
      total.push_back(arith::AddFOp::create(b, sum, part));
  }
  return total;
}

ContractionSteps::Sums ContractionSteps::emit(Indices loops, ValueRange inits, Body body) {
  const size_t unrolled = getUnrolledDepth();
  // The loops that one block of sums goes through: from this one on, it in parts if it is long.
  const int64_t sumBlock = emitter.getTarget().prefersSize && !sumsInFloats ? kSumBlockOfSmallCode : kSumBlock;
  size_t blockDepth = steps.empty() ? 0 : steps.size() - 1;
  int64_t blockSteps = steps.empty() ? 1 : getStaticExtent(steps.back().extent);
  auto isScaled = [&](const LoopGroup &step) { return groupScale && groupScale->usesLoops(step); };
  while (blockDepth != 0 && blockSteps * getStaticExtent(steps[blockDepth - 1].extent) <= sumBlock &&
         !isScaled(steps[blockDepth - 1]))
    blockSteps *= getStaticExtent(steps[--blockDepth].extent);
  const bool isInBlocks = !inits.empty() && isa<FloatType>(getElementTypeOrSelf(inits.front().getType())) &&
                          (blockDepth != 0 || blockSteps > sumBlock || sumsInFloats || groupScale);
  std::function<Sums(size_t, ValueRange)> emitFrom = [&](size_t depth, ValueRange carried) -> Sums {
    if (depth == steps.size())
      return body(loops, carried);
    const LoopGroup &step = steps[depth];
    const int64_t stepPoints = depth + 1 == steps.size() ? points : 1;
    auto emitRange = [&](Index lower, Index upper, ValueRange part) {
      return emitter.emitLoop(lower, upper, stepPoints, part, [&](Index index, ValueRange inner) {
        loops[step.last] = index;
        return emitFrom(depth + 1, inner);
      });
    };
    // `count` points, if that is known.
    auto emitPart = [&](Index lower, Index upper, std::optional<int64_t> count, ValueRange part) -> Sums {
      if (depth < unrolled && startChunk && depth + 1 == steps.size())
        return emitter.emitLoop(lower, upper, chunkPoints, part, [&](Index first, ValueRange inner) {
          loops[step.last] = first;
          startChunk(loops);
          Index end = emitter.add(first, chunkPoints);
          ValueEmitter::UnrollScope copies(emitter, chunkCopies);
          return emitRange(first, count && *count % chunkPoints == 0 ? end : emitter.min(end, upper), inner);
        });
      if (depth < unrolled)
        return emitRange(lower, upper, part);
      Sums sums(part);
      for (int64_t i = 0; i < step.extent.offset; i += stepPoints) {
        loops[step.last] = i;
        sums = emitFrom(depth + 1, sums);
      }
      return sums;
    };
    const int64_t extent = getStaticExtent(step.extent);
    if (!isInBlocks || depth != blockDepth)
      return emitPart(0, step.extent, step.extent.isConstant() ? std::optional(extent) : std::nullopt, carried);
    const int64_t size = !step.extent.isConstant() ? sumBlock
                         : blockSteps <= sumBlock
                             ? extent
                             : stepPoints * getPartSize(extent / stepPoints, sumBlock / stepPoints);
    return emitter.emitLoop(0, step.extent, size, carried, [&](Index lower, ValueRange sums) {
      Index end = emitter.add(lower, size);
      const bool isWhole = step.extent.isConstant() && extent % size == 0;
      if (isWhole)
        return addParts(loops, sums, emitPart(lower, end, size, inits));
      return addParts(loops, sums, emitPart(lower, emitter.min(end, step.extent), std::nullopt, inits));
    });
  };
  if (!sumsInFloats)
    return emitFrom(0, inits);
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(emitter.getVectorType(root.getAccumulatorType())));
  return emitFrom(0, Sums(inits.size(), zero));
}
