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
/// Panels that a processor's own prefetching follows at once.
static constexpr int64_t kStreams = 4;

int64_t ContractionNest::getPointBytes() { return packedWidth * unpack.getSourceType().getElementTypeBitWidth() / 8; }

bool ContractionNest::isBoundByMemory() {
  Type type = unpack.getSourceType().getElementType();
  return type == root.getAccumulatorType() || (dot && type.isBF16());
}

bool ContractionNest::fetchesByChunks() {
  return fewRows && unpack && panelWidth == packedWidth && steps.size() == 1 && !emitter.getTarget().prefersSize;
}

/// Panels that few rows take at once.
int64_t ContractionNest::getMostPanels() {
  return fetchesByChunks() && isBoundByMemory() ? std::max(panelsAtOnce, kStreams) : 4 * panelsAtOnce;
}

/// Fetches what lies ahead of few rows before each chunk of `steps`.
void ContractionNest::fetchByChunks(ContractionSteps &steps, Index panel, int64_t panelCount) {
  const bool isBound = isBoundByMemory();
  const int64_t points = (isBound ? kPageBytes : kLineBytes) / getPointBytes();
  steps.startChunks(std::max(points, getStepPoints()), [=, this](ArrayRef<Index> loops) {
    emitPrefetchAhead(loops, panel, panelCount, isBound ? kPageBytes : kBytesAhead);
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

/// At one step of a tile, fetches an equal part of the panels that follow. A product of
/// few rows is through with its panels too soon for that: it fetches what lies a little
/// ahead in each.
void ContractionNest::emitPrefetch(ArrayRef<Index> loops, Index tile, Index panel, int64_t panelCount) {
  if (packed)
    return emitPrefetchOfColumns(loops, tile, emitter.add(panel, panelCount), panelCount);
  // Elements that are packed into one integer are fetched once.
  const bool isPacked = root.packsElements();
  if (!unpack || panelWidth != packedWidth || emitter.getTarget().prefersSize || fetchesByChunks() ||
      (isPacked && !(loops[steps.back().last].isConstant() && loops[steps.back().last].offset == 0)))
    return;
  if (fewRows)
    return emitPrefetchAhead(loops, panel, panelCount, kBytesAhead);
  auto [stepCount, step] = getStep(loops);
  if (tilesPerBlock * imageRowsPerBlock == 1 && getStaticExtent(stepCount) * panelCount * getPointBytes() > kFarBytes)
    return emitPrefetchAhead(loops, panel, panelCount, kBytesAheadOfTile);
  // Where the number of rows is not known, the first tiles fetch everything: there may be no others.
  const int64_t least = std::max<int64_t>(1, kRowsOfMatrix / tileRows);
  const int64_t sharing = tiles.isConstant() ? tilesPerBlock : std::min(tilesPerBlock, least);
  int64_t share = llvm::divideCeil(panelCount * getPointBytes(), sharing * imageRowsPerBlock);
  Index rowInBlock = emitter.sub(imageRow, imageRowsLower);
  Index tileInRow = emitter.sub(tile, tilesLower);
  if (!tiles.isConstant())
    tileInRow = emitter.min(tileInRow, sharing - 1);
  Index tileInBlock = emitter.add(emitter.mul(rowInBlock, sharing), tileInRow);
  Index distance = emitter.mul(emitter.add(emitter.mul(tileInBlock, stepCount), step), share);
  Indices next = root.getPackedPoint(emitter, getLoops(at), emitter.add(panel, panelCount), packedWidth);
  for (int64_t line = 0; line < getStepPoints() * share; line += kLineBytes)
    emitter.prefetch(unpack.getSource(), next, emitter.add(distance, line));
}

/// Fetches the line that lies `bytes` ahead in each panel, or in what is read after it.
void ContractionNest::emitPrefetchAhead(ArrayRef<Index> loops, Index panel, int64_t panelCount, int64_t bytes) {
  Index distance(bytes);
  if (panelCount != 1) {
    // Behind the end of a panel the tile goes on where all of its panels end.
    ImplicitLocOpBuilder &b = emitter.getBuilder();
    auto [stepCount, step] = getStep(loops);
    Index panelBytes = emitter.mul(stepCount, getPointBytes());
    Index ahead = emitter.add(emitter.mul(step, getPointBytes()), bytes);
    Value isBehind =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, emitter.toValue(ahead), emitter.toValue(panelBytes));
    Index behind = emitter.add(emitter.mul(panelBytes, panelCount - 1), bytes);
    distance =
        Index(arith::SelectOp::create(b, isBehind, emitter.toValue(behind), emitter.toValue(distance)).getResult());
  }
  for (int64_t number = 0; number != panelCount; ++number)
    emitter.prefetch(unpack.getSource(), root.getPackedPoint(emitter, loops, emitter.add(panel, number), packedWidth),
                     distance);
}

/// The same for columns that are packed here: of those at this point of k, each tile fetches some lines.
void ContractionNest::emitPrefetchOfColumns(ArrayRef<Index> loops, Index tile, Index panel, int64_t panelCount) {
  AffineMap map = root.op.getMatchingIndexingMap(root.columns);
  if (emitter.getTarget().prefersSize || !map.getResults().back().isFunctionOfDim(root.columnLoop))
    return;
  Indices position(loops), point;
  position[root.columnLoop] = emitter.mul(panel, panelWidth);
  for (AffineExpr expr : map.getResults())
    point.push_back(emitter.evaluate(expr, position));
  const int64_t bytes =
      panelCount * panelWidth * (getElementTypeOrSelf(root.columns->get()).getIntOrFloatBitWidth() / 8);
  const int64_t share = llvm::divideCeil(bytes, kLineBytes * tilesPerBlock) * kLineBytes;
  Index first = emitter.mul(emitter.sub(tile, tilesLower), share);
  for (int64_t line = 0; line < share; line += kLineBytes)
    emitter.prefetch(root.columns->get(), point, emitter.add(first, line));
}

/// Fetches the lines that a tile will store to, and what its epilogue reads there, such as the other branch of a
/// residual network, before its sums.
void ContractionNest::emitPrefetchOfResults(ArrayRef<Indices> points, Index panel, int64_t panelCount) {
  if (emitter.getTarget().prefersSize)
    return;
  for (const Indices &point : points)
    for (int64_t number = 0; number != panelCount; ++number) {
      Indices position = point;
      position[columnDim->group.last] = emitter.mul(emitter.add(panel, number), panelWidth);
      for (auto [i, result] : llvm::enumerate(results))
        emitter.prefetch(emitter.getResultBuffer(i, result), position, 0);
      for (Value addend : addends)
        emitter.prefetch(addend, *output->getIndices(position), 0);
    }
}
