//===- ContractionPrefetch.cpp - fetches what a product reads next ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionNest.h"

using namespace mlir;
using namespace torchc;

/// How far ahead a product of few rows fetches elements that it converts: what memory delivers within its latency.
static constexpr int64_t kBytesAhead = 1024;
/// The same of a single tile that computes meanwhile, if its panels are so long that the next ones are too far ahead.
static constexpr int64_t kBytesAheadOfTile = 16 << 10;
static constexpr int64_t kFarBytes = 128 << 10;
/// Where a processor's own prefetching stops.
static constexpr int64_t kPageBytes = 4096;
/// Panels that few rows take at once to hide the latency of multiply-adds.
static constexpr int64_t kPanelsOfFewRows = 4;
/// Those that memory and the third-level cache deliver fastest, as measured.
static constexpr int64_t kStreams = 3;
/// What the second-level cache may keep until the next call is no stream.
static constexpr int64_t kKeptBytes = 1 << 20;
/// Copies of the code for a point of k: a processor's own prefetching follows each load by its place in the code.
static constexpr int32_t kCopiesOfPoint = 4;

int64_t ContractionNest::getPointBytes() { return packedWidth * unpack.getSourceType().getElementTypeBitWidth() / 8; }

bool ContractionNest::isBoundByMemory() {
  return multipliesAsIs() || (dot && unpack.getSourceType().getElementType().isBF16());
}

bool ContractionNest::multipliesAsIs() { return unpack.getSourceType().getElementType() == root.getAccumulatorType(); }

bool ContractionNest::fetchesByChunks() {
  return fewRows && unpack && panelWidth == packedWidth && steps.size() == 1 && !emitter.getTarget().prefersSize;
}

bool ContractionNest::exceedsCache() {
  ShapedType type = unpack.getSourceType();
  return !type.hasStaticShape() || type.getNumElements() * type.getElementTypeBitWidth() / 8 > kKeptBytes;
}

bool ContractionNest::readsStreams() { return fetchesByChunks() && isBoundByMemory() && exceedsCache(); }

int64_t ContractionNest::chooseStreams() {
  // What is left of them is read one by one.
  const int64_t left = llvm::divideCeil(getStaticExtent(columns), panelWidth) % kStreams;
  const bool areFew = 16 * left * panelWidth > getStaticExtent(columns);
  return panelsAtOnce <= kStreams || areFew ? panelsAtOnce : kStreams;
}

/// Panels that few rows take at once.
int64_t ContractionNest::getMostPanels() {
  return fetchesByChunks() && isBoundByMemory() ? std::max(panelsAtOnce, kPanelsOfFewRows) : 4 * panelsAtOnce;
}

/// Fetches what lies ahead of few rows before each chunk of `steps`.
void ContractionNest::fetchByChunks(ContractionSteps &steps, const Tile &tile) {
  const bool isBound = isBoundByMemory();
  const int64_t points = (isBound ? kPageBytes : kLineBytes) / getPointBytes();
  const int32_t copies = exceedsCache() ? kCopiesOfPoint : 0;
  steps.startChunks(std::max(points, getStepPoints()), copies, [=, this](ArrayRef<Index> loops) {
    emitPrefetchAhead(loops, tile, isBound ? kPageBytes : kBytesAhead);
  });
}

std::pair<Index, Index> ContractionNest::getStep(ArrayRef<Index> loops) {
  Index count(1), step;
  for (const LoopGroup &group : ArrayRef(steps).drop_back(root.packsElements())) {
    count = emitter.mul(count, group.extent);
    step = emitter.add(emitter.mul(step, group.extent), loops[group.last]);
  }
  return {count, step};
}

/// Fetches an equal part of the panels that follow, or of their next blocks. A product of few rows is through with its
/// panels too soon for that: it fetches what lies a little ahead in each.
void ContractionNest::emitPrefetch(ArrayRef<Index> loops, const Tile &tile) {
  if (packed)
    return emitPrefetchOfColumns(loops, tile);
  // Elements that are packed into one integer are fetched once.
  const bool isPacked = root.packsElements();
  if (!unpack || panelWidth != packedWidth || emitter.getTarget().prefersSize || fetchesByChunks() ||
      (isPacked && !(loops[steps.back().last].isConstant() && loops[steps.back().last].offset == 0)))
    return;
  if (fewRows)
    return emitPrefetchAhead(loops, tile, kBytesAhead);
  auto [stepCount, step] = getStep(loops);
  if (tilesPerBlock * imageRowsPerBlock == 1 &&
      getStaticExtent(stepCount) * tile.panelCount * getPointBytes() > kFarBytes)
    return emitPrefetchAhead(loops, tile, kBytesAheadOfTile);
  // Where the number of rows is not known, the first tiles fetch everything: there may be no others.
  const int64_t least = stepsPerBlock != 0 ? kFewestTilesOfBlocks : std::max<int64_t>(1, kRowsOfMatrix / tileRows);
  const int64_t sharing = tiles.isConstant() ? tilesPerBlock : std::min(tilesPerBlock, least);
  const int64_t share = llvm::divideCeil(tile.panelCount * getPointBytes(), sharing * imageRowsPerBlock);
  Index rowInBlock = emitter.sub(imageRow, imageRowsLower);
  Index tileInRow = emitter.sub(tile.number, tilesLower);
  if (!tiles.isConstant())
    tileInRow = emitter.min(tileInRow, sharing - 1);
  Index tileInBlock = emitter.add(emitter.mul(rowInBlock, sharing), tileInRow);
  auto getShares = [&](Index stepsOfTile, Index before) {
    return emitter.mul(emitter.add(emitter.mul(tileInBlock, stepsOfTile), before), share);
  };
  const Index panelBytes = emitter.mul(stepCount, getPointBytes());
  Index distance = emitter.mul(panelBytes, tile.panelCount);
  if (stepsPerBlock == 0) {
    distance = emitter.add(distance, getShares(stepCount, step));
  } else {
    // The next block of each panel, or the first one of the next panels.
    const int64_t blockBytes = stepsPerBlock * getPointBytes();
    Index nextBlock = emitter.add(emitter.div(firstStep, stepsPerBlock), 1);
    Index blockCount = emitter.ceilDiv(stepCount, stepsPerBlock);
    Index before = getShares(stepsPerBlock, emitter.sub(step, firstStep));
    distance = emitter.mul(distance, emitter.div(nextBlock, blockCount));
    distance = emitter.add(distance, emitter.mul(emitter.mod(nextBlock, blockCount), blockBytes));
    // From each panel in turn a line, or a whole block if blocks do not stay near: as measured.
    const int64_t partBytes = staysNear() ? kLineBytes : blockBytes;
    Index part = emitter.div(before, partBytes);
    distance = emitter.add(distance, emitter.mul(emitter.mod(part, tile.panelCount), panelBytes));
    distance = emitter.add(distance, emitter.mul(emitter.div(part, tile.panelCount), partBytes));
    distance = emitter.add(distance, emitter.mod(before, partBytes));
  }
  Indices start = root.getPackedPoint(emitter, getLoops(at), tile.panel, packedWidth);
  for (int64_t line = 0; line < getStepPoints() * share; line += kLineBytes)
    emitter.prefetch(unpack.getSource(), start, emitter.add(distance, line), staysNear() ? 1 : 2);
}

/// Fetches the line that lies `bytes` ahead in each panel, or in what is read after it.
void ContractionNest::emitPrefetchAhead(ArrayRef<Index> loops, const Tile &tile, int64_t bytes) {
  Index distance(bytes);
  if (tile.panelCount != 1 && !readsStreams()) {
    // Behind the end of a panel the tile goes on where all of its panels end.
    ImplicitLocOpBuilder &b = emitter.getBuilder();
    auto [stepCount, step] = getStep(loops);
    Index panelBytes = emitter.mul(stepCount, getPointBytes());
    Index ahead = emitter.add(emitter.mul(step, getPointBytes()), bytes);
    Value isBehind =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, emitter.toValue(ahead), emitter.toValue(panelBytes));
    Index behind = emitter.add(emitter.mul(panelBytes, tile.panelCount - 1), bytes);
    distance =
        Index(arith::SelectOp::create(b, isBehind, emitter.toValue(behind), emitter.toValue(distance)).getResult());
  }
  for (int64_t number = 0; number != tile.panelCount; ++number)
    emitter.prefetch(unpack.getSource(), root.getPackedPoint(emitter, loops, getPanel(tile, number), packedWidth),
                     distance);
}

/// The same for columns that are packed here: of those at this point of k, each tile fetches some lines.
void ContractionNest::emitPrefetchOfColumns(ArrayRef<Index> loops, const Tile &tile) {
  AffineMap map = root.op.getMatchingIndexingMap(root.columns);
  if (emitter.getTarget().prefersSize || !map.getResults().back().isFunctionOfDim(root.columnLoop))
    return;
  Indices position(loops), point;
  position[root.columnLoop] = emitter.mul(emitter.add(tile.panel, tile.panelCount), panelWidth);
  for (AffineExpr expr : map.getResults())
    point.push_back(emitter.evaluate(expr, position));
  const int64_t bytes =
      tile.panelCount * panelWidth * (getElementTypeOrSelf(root.columns->get()).getIntOrFloatBitWidth() / 8);
  const int64_t share = llvm::divideCeil(bytes, kLineBytes * tilesPerBlock) * kLineBytes;
  Index first = emitter.mul(emitter.sub(tile.number, tilesLower), share);
  for (int64_t line = 0; line < share; line += kLineBytes)
    emitter.prefetch(root.columns->get(), point, emitter.add(first, line));
}

/// Fetches the lines that a tile will store to, and what its epilogue reads there, such as the other branch of a
/// residual network, before its sums.
void ContractionNest::emitPrefetchOfResults(ArrayRef<Indices> points, const Tile &tile) {
  if (emitter.getTarget().prefersSize)
    return;
  for (const Indices &point : points)
    for (int64_t number = 0; number != tile.panelCount; ++number) {
      Indices position = point;
      position[columnDim->group.last] = emitter.mul(getPanel(tile, number), panelWidth);
      for (auto [i, result] : llvm::enumerate(results))
        emitter.prefetch(emitter.getResultBuffer(i, result), position, 0);
      for (Value addend : addends)
        emitter.prefetch(addend, *output->getIndices(position), 0);
    }
}
