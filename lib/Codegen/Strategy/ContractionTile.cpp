//===- ContractionTile.cpp - the register tile of a product ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionNest.h"

using namespace mlir;
using namespace torchc;

/// Of an epilogue with a polynomial, as `getBodyCost` counts.
static constexpr double kCostOfFunction = 15;

/// Sets what `linear` numbers: the coordinates of `dims`.
void ContractionNest::setPoint(Indices &point, ArrayRef<Dim> dims, Index linear) {
  Indices extents = llvm::map_to_vector<4>(dims, [](const Dim &dim) { return dim.group.extent; });
  for (auto [dim, index] : llvm::zip_equal(dims, emitter.delinearize(linear, extents)))
    point[dim.group.last] = index;
}

Indices ContractionNest::getLoops(ArrayRef<Index> point) {
  Indices loops(root.op.getNumLoops(), Index(0));
  AffineMap map = root.op.getMatchingIndexingMap(root.op.getDpsInitOperand(0));
  Indices position = *output->getIndices(point);
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), position))
    loops[cast<AffineDimExpr>(expr).getPosition()] = index;
  return loops;
}

/// One step's NR columns of a panel; `number` counts the panels that run at once.
Value ContractionNest::emitColumns(ArrayRef<Index> loops, Index panel, int64_t number) {
  Index lane(nullptr, 0, 1);
  if (packed)
    return emitter.load(*packed, {getStep(loops).second, Index(number), lane});
  if (dot)
    return dot->emitColumns(emitter, loops, panel, panelWidth);
  Value columns = groupScale ? groupScale->unscaled : root.columns->get();
  return toFactor(root.emitColumns(emitter, loops, columns, panel, panelWidth));
}

Value ContractionNest::toFactor(Value element) {
  if (!sumsInFloats)
    return element;
  Type type = isa<VectorType>(element.getType()) ? Type(emitter.getVectorType(getFactorType())) : getFactorType();
  return arith::SIToFPOp::create(emitter.getBuilder(), type, element);
}

/// What one step takes of row `row` of the matrix, at a point of the loops.
Value ContractionNest::emitRowFactor(ArrayRef<Index> loops, Index row) {
  if (!copied)
    return dot ? dot->emitRowGroup(emitter, loops) : toFactor(root.emitRowElement(emitter, loops));
  Index rowInCopy = emitter.sub(row, getFirstRow(tilesLower)), step = loops[steps.back().last];
  if (!dot)
    return emitter.load(*copied, {rowInCopy, step});
  Value group;
  {
    ValueEmitter::LanesScope lanes(emitter, dot->getPoints());
    group = emitter.load(*copied, {rowInCopy, emitter.add(step, Index(nullptr, 0, 1))});
  }
  return dot->repeat(emitter, group);
}

SmallVector<Indices> ContractionNest::getPoints(const Tile &tile) {
  SmallVector<Indices> points(tile.rowCount, at);
  for (int64_t i = 0; i != tile.rowCount; ++i)
    setPoint(points[i], rowDims, emitter.add(tile.row, i));
  return points;
}

ContractionNest::Sums ContractionNest::emitSums(const Tile &tile, ArrayRef<Indices> points) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(emitter.getVectorType(getSumType())));
  SmallVector<Indices> rowLoops = llvm::map_to_vector(points, [&](const Indices &point) { return getLoops(point); });
  const bool hasOffset = dot && dot->hasOffset();
  const int64_t rowCount = tile.rowCount + hasOffset;
  auto addStep = [&](ArrayRef<Index> loops, ValueRange carried) {
    Sums sums(carried), factors;
    emitPrefetch(loops, tile);
    for (int64_t number = 0; number != tile.panelCount; ++number)
      factors.push_back(emitColumns(loops, getPanel(tile, number), number));
    auto addProducts = [&](int64_t i, Value factor) {
      for (int64_t number = 0; number != tile.panelCount; ++number) {
        Value &sum = sums[number * rowCount + i];
        sum = dot ? dot->emitMultiplyAdd(emitter, factor, factors[number], sum)
                  : root.emitMultiplyAdd(emitter, factor, factors[number], sum);
      }
    };
    for (int64_t i = 0; i != tile.rowCount; ++i) {
      Indices position = rowLoops[i];
      for (const LoopGroup &step : steps)
        position[step.last] = loops[step.last];
      addProducts(i, emitRowFactor(position, emitter.add(tile.row, i)));
    }
    if (hasOffset)
      addProducts(tile.rowCount, dot->emitOffset(emitter));
    return sums;
  };
  const Sums zeros(rowCount * tile.panelCount, zero);
  if (stepsPerBlock != 0) {
    const LoopGroup &group = steps.front();
    Indices loops = getLoops(at);
    Index end = emitter.add(firstStep, stepsPerBlock);
    if (group.extent.offset % (blocksPerSum * stepsPerBlock) != 0)
      end = emitter.min(end, group.extent);
    const Sums inits = blockInSum == 0 ? zeros : loadSums(tile, sumsRows, tile.rowCount);
    Sums sums = emitter.emitLoop(firstStep, end, 1, inits, [&](Index step, ValueRange carried) {
      loops[group.last] = step;
      return addStep(loops, carried);
    });
    if (completesSum())
      for (auto [sum, before] : llvm::zip_equal(sums, loadSums(tile, 0, tile.rowCount)))
        sum = arith::AddFOp::create(b, before, sum);
    return sums;
  }
  ContractionSteps loopsOverK(emitter, root, steps, getStepPoints());
  if (sumsInFloats)
    loopsOverK.sumBlocksInFloats();
  if (groupScale)
    loopsOverK.scaleGroups(*groupScale, [&](ArrayRef<Index> loops, size_t i) {
      return groupScale->emit(emitter, loops, getPanel(tile, i / rowCount), panelWidth);
    });
  if (fetchesByChunks())
    fetchByChunks(loopsOverK, tile);
  Sums sums = loopsOverK.emit(getLoops(at), zeros, addStep);
  if (!dot)
    return sums;
  Sums results;
  for (int64_t number = 0; number != tile.panelCount; ++number)
    for (int64_t i = 0; i != tile.rowCount; ++i) {
      Value sum = sums[number * rowCount + i];
      if (hasOffset)
        sum = arith::SubIOp::create(b, sum, sums[number * rowCount + tile.rowCount]);
      results.push_back(dot->convertSum(emitter, sum));
    }
  return results;
}

void ContractionNest::emitTile(const Tile &tile) {
  auto emitAll = [&] {
    SmallVector<Indices> points = getPoints(tile);
    auto prefetchResults = [&] { emitPrefetchOfResults(points, tile); };
    if (stepsPerBlock == 0)
      prefetchResults();
    else if (completesSum())
      emitter.emitIf(isLastBlock(), prefetchResults);
    Sums sums = emitSums(tile, points);
    if (stepsPerBlock != 0)
      return storeSums(sums, tile, completesSum() ? 0 : sumsRows);
    if (!sumsMemory || !fillsRegisters(tile.rowCount, tile.panelCount))
      return emitResults(points, sums, tile);
    storeSums(sums, tile, 0);
    emitResultsOfMemory(tile);
  };
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  if (masksLoads && tile.panelCount == 1)
    emitter.emitPanel(emitter.mul(tile.panel, panelWidth), columns, panelWidth, emitAll);
  else
    emitAll();
}

Buffer ContractionNest::getSumsBuffer(int64_t panelCount) {
  Buffer buffer = emitter.getBuffer(sumsMemory, root.getAccumulatorType(),
                                    {Index(sumsRows), Index(panelCount), Index(panelWidth)}, /*readOnly=*/false);
  // Forwarded to the next block, the sums that wait would take the registers of those that are added up.
  buffer.isVolatile = blocksPerSum != 1;
  return buffer;
}

/// Where row `row` of a tile is in the memory of sums, which are of one tile, or of all of a work group.
Index ContractionNest::getSumsRow(const Tile &tile, Index row) {
  return stepsPerBlock == 0 ? row : emitter.add(emitter.sub(tile.row, getFirstRow(tilesLower)), row);
}

/// In the rows from `first` on.
void ContractionNest::storeSums(const Sums &sums, const Tile &tile, int64_t first) {
  ValueEmitter::LanesScope all(emitter, panelWidth);
  Buffer buffer = getSumsBuffer(tile.panelCount);
  for (auto [i, sum] : llvm::enumerate(sums))
    emitter.store(sum, buffer,
                  {getSumsRow(tile, first + i % tile.rowCount), Index(i / tile.rowCount), Index(nullptr, 0, 1)});
}

/// Of `count` rows of a tile, from `first` on.
ContractionNest::Sums ContractionNest::loadSums(const Tile &tile, Index first, int64_t count) {
  ValueEmitter::LanesScope all(emitter, panelWidth);
  Buffer buffer = getSumsBuffer(tile.panelCount);
  Sums sums;
  for (int64_t number = 0; number != tile.panelCount; ++number)
    for (int64_t i = 0; i != count; ++i)
      sums.push_back(
          emitter.load(buffer, {getSumsRow(tile, emitter.add(first, i)), Index(number), Index(nullptr, 0, 1)}));
  return sums;
}

void ContractionNest::emitResultsOfMemory(const Tile &tile) {
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  emitter.emitLoop(0, tile.rowCount, 1, [&](Index i) {
    Indices point(at);
    setPoint(point, rowDims, emitter.add(tile.row, i));
    emitResults(point, loadSums(tile, i, 1), tile);
  });
}

Value ContractionNest::isLastBlock() {
  return arith::CmpIOp::create(emitter.getBuilder(), arith::CmpIPredicate::sge,
                               emitter.toValue(emitter.add(firstStep, stepsPerBlock)),
                               emitter.toValue(steps.front().extent));
}

/// Sums up k block by block, each for all tiles: they share the panels' blocks, which stay near for that long.
void ContractionNest::emitBlocksOfSteps(Index panel, int64_t panelCount) {
  {
    ValueEmitter::LanesScope lanes(emitter, panelWidth);
    Value zero = arith::ConstantOp::create(
        emitter.getBuilder(), emitter.getBuilder().getZeroAttr(emitter.getVectorType(root.getAccumulatorType())));
    Index last = emitter.min(rows, getFirstRow(tilesUpper));
    emitter.emitLoop(0, emitter.sub(last, getFirstRow(tilesLower)), 1, [&](Index row) {
      for (int64_t number = 0; number != panelCount; ++number)
        emitter.store(zero, getSumsBuffer(panelCount), {row, Index(number), Index(nullptr, 0, 1)});
    });
  }
  emitter.emitLoop(0, steps.front().extent, blocksPerSum * stepsPerBlock, [&](Index step) {
    for (blockInSum = 0; blockInSum != blocksPerSum; ++blockInSum) {
      firstStep = emitter.add(step, blockInSum * stepsPerBlock);
      emitTiles(panel, panelCount, [&](const Tile &tile) { emitTile(tile); });
    }
  });
  emitTiles(panel, panelCount, [&](const Tile &tile) { emitResultsOfMemory(tile); });
}

/// Whether the registers that a tile's sums leave are fewer than those that they take.
bool ContractionNest::fillsRegisters(int64_t count, int64_t panelCount) const {
  return 2 * count * panelCount * getRegistersOfPanel() > emitter.getTarget().vectorRegisters;
}

/// Whether what follows the sums has a function that becomes a polynomial.
bool ContractionNest::hasCostlyEpilogue() {
  return llvm::any_of(emitter.getKernel().getBody().getOps<linalg::LinalgOp>(), [&](linalg::LinalgOp op) {
    return root.op->isBeforeInBlock(op) && getBodyCost(op) >= kCostOfFunction;
  });
}

void ContractionNest::emitResults(ArrayRef<Indices> points, const Sums &sums, const Tile &tile) {
  for (int64_t number = 0; number != tile.panelCount; ++number) {
    Index current = getPanel(tile, number);
    auto own = ArrayRef<Value>(sums).slice(number * points.size(), points.size());
    Index first = emitter.mul(current, panelWidth);
    auto emitRows = [&] {
      for (auto [point, sum] : llvm::zip_equal(points, own)) {
        ValueEmitter::Scope scope(emitter);
        Indices position = point;
        position[columnDim->group.last] = emitter.add(first, Index(nullptr, 0, 1));
        root.storeResults(emitter, results, position, *output->getIndices(position), sum);
      }
    };
    if (emitter.getMask())
      emitRows();
    else
      emitter.emitPanel(first, columns, panelWidth, emitRows);
  }
}

Index ContractionNest::getFirstRow(Index tile) {
  if (!rows.isConstant())
    return emitter.mul(tile, tileRows);
  int64_t count = llvm::divideCeil(rows.offset, tileRows);
  return emitter.add(emitter.mul(tile, rows.offset / count), emitter.min(tile, rows.offset % count));
}

void ContractionNest::emitTiles(Index panel, int64_t panelCount, llvm::function_ref<void(const Tile &tile)> emitOne) {
  auto emit = [&](Index number, Index row, int64_t rowCount) { emitOne({number, row, rowCount, panel, panelCount}); };
  if (rows.isConstant()) {
    int64_t count = llvm::divideCeil(rows.offset, tileRows), least = rows.offset / count, larger = rows.offset % count;
    if (larger != 0)
      emitter.emitLoop(tilesLower, emitter.min(tilesUpper, larger), 1,
                       [&](Index tile) { emit(tile, emitter.mul(tile, least + 1), least + 1); });
    emitter.emitLoop(emitter.max(tilesLower, larger), tilesUpper, 1,
                     [&](Index tile) { emit(tile, emitter.add(emitter.mul(tile, least), larger), least); });
    return;
  }
  Index full = emitter.div(rows, tileRows);
  emitter.emitLoop(tilesLower, emitter.min(tilesUpper, full), 1,
                   [&](Index tile) { emit(tile, emitter.mul(tile, tileRows), tileRows); });
  // The last tile has fewer rows: tiles of 4, 2 and 1.
  emitter.emitLoop(emitter.max(tilesLower, full), tilesUpper, 1, [&](Index tile) {
    Index rest = emitter.mod(rows, tileRows);
    for (int64_t count = llvm::bit_floor(static_cast<uint64_t>(std::max<int64_t>(1, tileRows - 1))); count != 0;
         count /= 2) {
      Index before = emitter.mul(emitter.div(rest, 2 * count), 2 * count);
      emitter.emitLoop(0, emitter.mod(emitter.div(rest, count), 2), 1,
                       [&](Index) { emit(tile, emitter.add(emitter.mul(tile, tileRows), before), count); });
    }
  });
}
