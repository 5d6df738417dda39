//===- Window.cpp - pooling and depthwise convolutions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A small window slides over an image whose channels are innermost: each channel
// for itself, so lanes run along channels and the window is written out. A tile is
// kTilePixels neighbouring pixels and one vector of channels:
//
//   for tap in window: weight loaded once; for pixel in tile: multiply-add
//
// Neighbouring windows overlap, and what one pixel has loaded the next finds in
// a register. 4 pixels keep the accumulators, a weight and one row of inputs in 16
// registers.
//
// Meanwhile the image rows that the next row of results reads first are fetched: a tile
// reads a line or two at each of many places, and no prefetcher sees a pattern there.
//
// Grid: x counts equal ranges of image rows, as many a group as make up kWorkPerGroup.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/DimAnalysis.h"
#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

static constexpr int64_t kTilePixels = 4;
/// Windows of more taps are loops, as kRows writes them.
static constexpr int64_t kLargestWindow = 64;

namespace {
class WindowNest {
public:
  WindowNest(ValueEmitter &emitter, linalg::LinalgOp op) : emitter(emitter), op(op) {}
  bool analyze();
  Grid emit();

private:
  void emitRow(Index unit);
  void emitTile(Index pixel, int64_t count);
  void emitPixels(ArrayRef<Indices> points);
  void emitPrefetch(ArrayRef<Indices> points);
  Indices getLoops(ArrayRef<Index> point);

  ValueEmitter &emitter;
  linalg::LinalgOp op;
  SmallVector<Value> results;
  std::optional<DimTracker> tracker;
  const DimTracker::Reduction *output = nullptr;
  unsigned rowLoop = 0, pixelLoop = 0; ///< Of `op`, those of the innermost outer dim and of the pixels.
  Indices at;
  SmallVector<LoopGroup> outer;
  std::optional<LoopGroup> pixels, channels;
  AffineExpr units;
};
} // namespace

bool WindowNest::analyze() {
  llvm::append_range(results, getResults(emitter.getKernel()));
  Indices extents = emitter.getExtents(results.front());
  at.assign(extents.size(), Index(0));
  tracker.emplace(emitter, extents);
  output = tracker->trackOnlyReduction(results, op);
  if (!output)
    return false;
  SmallVector<LoopGroup> groups = tracker->getGroups();
  if (groups.size() < 2)
    return false;
  channels = groups.pop_back_val();
  pixels = groups.pop_back_val();
  outer = groups;
  rowLoop = pixelLoop = op.getNumLoops();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [expr, dim] : llvm::zip_equal(map.getResults(), output->dims)) {
    if (dim.id == static_cast<int>(pixels->last))
      pixelLoop = cast<AffineDimExpr>(expr).getPosition();
    else if (!outer.empty() && dim.id == static_cast<int>(outer.back().last))
      rowLoop = cast<AffineDimExpr>(expr).getPosition();
  }
  units = getAffineConstantExpr(1, op->getContext());
  for (const LoopGroup &group : outer)
    for (unsigned dim = group.first; dim <= group.last; ++dim)
      units = units * emitter.getExtentExpr(results.front(), dim);
  return true;
}

/// The loops of the reduction at a point of the results; those of the window are 0.
Indices WindowNest::getLoops(ArrayRef<Index> point) {
  Indices loops(op.getNumLoops(), Index(0));
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), *output->getIndices(point)))
    loops[cast<AffineDimExpr>(expr).getPosition()] = index;
  return loops;
}

/// Fetches what the same pixels of the next row of results read and these do not: of each, as many rows and
/// pixels of the image as it lies apart from its neighbours.
void WindowNest::emitPrefetch(ArrayRef<Indices> points) {
  if (outer.empty() || emitter.getTarget().prefersSize)
    return;
  Value image = op.getDpsInputOperand(0)->get();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  SmallVector<int64_t> before(map.getNumResults(), 0);
  if (auto pad = image.getDefiningOp<tensor::PadOp>()) {
    before.assign(pad.getStaticLow().begin(), pad.getStaticLow().end());
    image = pad.getSource();
  }
  // By dim of the image: from one row, or pixel, of results to the next; to the last row of the window.
  SmallVector<int64_t> rowSteps(before.size(), 0), pixelSteps(rowSteps), reach(rowSteps);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [dim, expr] : llvm::enumerate(map.getResults()))
    for (unsigned loop = 0; loop != op.getNumLoops(); ++loop) {
      if (!expr.isFunctionOfDim(loop))
        continue;
      std::optional<int64_t> step = getStep(map, dim, loop);
      if (!step || ShapedType::isDynamic(before[dim]))
        return;
      if (loop == rowLoop)
        rowSteps[dim] = *step;
      else if (loop == pixelLoop)
        pixelSteps[dim] = *step;
      else if (op.getIteratorTypesArray()[loop] == utils::IteratorType::reduction)
        reach[dim] += *step * (ranges[loop] - 1);
    }
  for (Indices point : points) {
    point[outer.back().last] = emitter.add(point[outer.back().last], 1);
    const Indices next = getLoops(point);
    Indices place;
    for (auto [expr, first] : llvm::zip_equal(map.getResults(), before))
      place.push_back(emitter.sub(emitter.evaluate(expr, next), first));
    for (size_t row = 0; row != place.size(); ++row)
      for (size_t pixel = 0; pixel != place.size(); ++pixel)
        for (int64_t i = 0; i < std::min(rowSteps[row], reach[row] + 1); ++i)
          for (int64_t j = 0; j < std::min(pixelSteps[pixel], reach[pixel] + 1); ++j) {
            Indices line(place);
            line[row] = emitter.add(line[row], reach[row] - i);
            line[pixel] = emitter.add(line[pixel], j);
            emitter.prefetch(image, line, 0);
          }
  }
}

void WindowNest::emitPixels(ArrayRef<Indices> points) {
  OpOperand *init = op.getDpsInitOperand(0);
  emitPrefetch(points);
  SmallVector<Indices> loops;
  SmallVector<Value> sums;
  for (const Indices &point : points) {
    loops.push_back(getLoops(point));
    sums.push_back(emitter.toVector(emitter.emit(init->get(), *output->getIndices(point))));
  }
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  std::function<void(unsigned)> emitTaps = [&](unsigned depth) {
    if (depth == reduced.size()) {
      for (auto [position, sum] : llvm::zip_equal(loops, sums))
        sum = emitter.toVector(emitter.emitBody(op, position, sum)[0]);
      return;
    }
    for (int64_t tap = 0; tap != ranges[reduced[depth]]; ++tap) {
      for (Indices &position : loops)
        position[reduced[depth]] = tap;
      emitTaps(depth + 1);
    }
  };
  emitTaps(0);
  for (auto [point, sum] : llvm::zip_equal(points, sums)) {
    emitter.hold(op->getResult(0), *output->getIndices(point), sum);
    emitter.storeResults(results, point);
  }
}

void WindowNest::emitTile(Index pixel, int64_t count) {
  emitter.emitLanes(0, channels->extent, emitter.getTarget().getLanes(32), [&](Index channel) {
    SmallVector<Indices> points(count, at);
    for (int64_t i = 0; i != count; ++i) {
      points[i][pixels->last] = emitter.add(pixel, i);
      points[i][channels->last] = channel;
    }
    emitPixels(points);
  });
}

void WindowNest::emitRow(Index unit) {
  Indices extents = llvm::map_to_vector<4>(outer, [](const LoopGroup &group) { return group.extent; });
  for (auto [group, index] : llvm::zip_equal(outer, emitter.delinearize(unit, extents)))
    at[group.last] = index;
  Index tiles = emitter.mul(emitter.div(pixels->extent, kTilePixels), kTilePixels);
  emitter.emitLoop(0, tiles, kTilePixels, [&](Index pixel) { emitTile(pixel, kTilePixels); });
  if (pixels->extent.isConstant() && pixels->extent.offset % kTilePixels != 0)
    emitTile(tiles, pixels->extent.offset % kTilePixels);
  else
    emitter.emitLoop(tiles, pixels->extent, 1, [&](Index pixel) { emitTile(pixel, 1); });
}

Grid WindowNest::emit() {
  AffineExpr one = getAffineConstantExpr(1, op->getContext());
  Index count = emitter.evaluate(units, {});
  double assumed = count.isConstant() ? std::max<int64_t>(1, count.offset) : kAssumedExtent;
  double perUnit = std::max(1.0, estimateWork(emitter.getKernel()) / assumed);
  int64_t share = std::max<int64_t>(1, std::llround(kWorkPerGroup / perUnit));
  if (count.isConstant() && count.offset > 0)
    share = llvm::divideCeil(count.offset, llvm::divideCeil(count.offset, share));
  share = getParameter(emitter.getKernel(), "units_per_group", share);
  bool single = count.isConstant() && share >= count.offset;
  Index lower = single ? Index(0) : emitter.mul(emitter.getWorkgroup(0), share);
  Index upper = single ? count : emitter.min(emitter.add(lower, share), count);
  emitter.emitLoop(lower, upper, 1, [&](Index unit) { emitRow(unit); });
  return {units.ceilDiv(share), one, one};
}

/// The kernel's only reduction, if its window is small and its channels stay apart.
static linalg::LinalgOp findWindow(dispatch::KernelOp kernel) {
  linalg::LinalgOp window;
  for (auto op : kernel.getBody().front().getOps<linalg::LinalgOp>()) {
    if (op.getNumReductionLoops() == 0)
      continue;
    if (window || op.getNumDpsInits() != 1 || op.getNumDpsInputs() == 0)
      return {};
    window = op;
  }
  if (!window || ValueEmitter::reducesAlongLanes(window))
    return {};
  int64_t taps = 1;
  SmallVector<unsigned> reduced;
  window.getReductionDims(reduced);
  SmallVector<int64_t> ranges = window.getStaticLoopRanges();
  for (unsigned loop : reduced)
    taps = ShapedType::isDynamic(ranges[loop]) ? kLargestWindow + 1 : taps * ranges[loop];
  if (taps > kLargestWindow)
    return {};
  // Channels: innermost in the output and in the image.
  auto getInnermost = [&](OpOperand *operand) {
    AffineMap map = window.getMatchingIndexingMap(operand);
    return map.getNumResults() == 0 ? AffineExpr() : map.getResults().back();
  };
  AffineExpr channel = getInnermost(window.getDpsInitOperand(0));
  if (!channel || !isa<AffineDimExpr>(channel) || getInnermost(window.getDpsInputOperand(0)) != channel)
    return {};
  return window;
}

static bool matchesWindow(dispatch::KernelOp kernel, const TargetInfo &) {
  return findWindow(kernel) && ValueEmitter::canVectorize(kernel);
}

static Grid emitWindow(ValueEmitter &emitter) {
  WindowNest nest(emitter, findWindow(emitter.getKernel()));
  return nest.analyze() ? nest.emit() : kRows.emit(emitter);
}

/// Image rows of a work group.
static constexpr Parameter kParameters[] = {{"units_per_group", 1 << 20}};

const Strategy torchc::kWindow = {"window", kParameters, matchesWindow, emitWindow};
