//===- Contraction.cpp - matrix products and convolutions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// out[m, n] = epilogue(sum over k of rows[m, k] * columns[k, n]); in a convolution m is a pixel, k a point of the
// window. The register tile is
//
//   for panel of NR columns in work group      [packed to scratch memory here, if
//     for tile of MR rows in work group         columns are not packed already]
//       for k: NR columns loaded, MR rows broadcast, MR x NR fused multiply-adds
//       epilogue of the tile, row by row, from registers
//
// An epilogue with a polynomial takes the sums from scratch memory instead, in a loop over the rows: its constants and
// tables beside a tile of sums are more than the registers, and what LLVM then keeps on the stack, it also stores
// and loads at every step of k.
//
// NR: two vector registers; four (widenTile) where registers hold 6 x 4 accumulators, as those of AVX-512 do. Where
// packed panels are narrower than that, a tile takes several of them at once; where they are wider, a part of one. MR:
// as many rows as registers hold (TargetInfo::getTileRows). Every few hundred steps (ContractionSteps) the accumulators
// are added to sums that the stack holds meanwhile. Rows are dealt out evenly (11 = 6 + 5, not 6 + 5 of one and 1 of
// another kind): a tile of few rows waits for the latency of its multiply-adds. A product with few rows takes more
// panels at once for the same reason, as long as the sums fit the registers. The last panel's columns beyond n are
// computed (packing padded them with zeros) and masked when stored.
//
// Panels of a matrix that are too long to stay in the second-level cache until the last tile are taken in blocks of k:
//
//   for block of k: for tile of MR rows in work group: sums of the tile in scratch memory += its products
//   for tile of MR rows in work group: epilogue of the tile, row by row, from scratch memory
//
// Where the number of rows is not known, less than four tiles take whole panels. Blocks of two tiles are so short that
// the first-level cache holds one and the next, which the tiles fetch line by line from each of the panels in turn.
//
// Where an instruction adds up several products of bf16 or of eight bits (DotProduct), a step is as many points of k:
// the lanes hold some rows of a panel, column by column, and as many of a row's elements are broadcast.
//
// Without such an instruction, integers of eight bits are multiplied as f32: a multiply-add of those is the fastest
// there is, and f32 holds the sum of a block exactly.
//
// Rows of a matrix whose distance is a multiple of 4096 bytes share the same few lines of the
// first-level cache: if a tile has more of them than that holds, a work group copies them to scratch memory first. So
// it does with pixels of a strided 1x1 convolution, which lie at several distances.
//
// While a tile computes, it fetches its share of the next panels from memory: weights are read once a call, and a
// processor's own prefetching stops at every 4096 bytes. So it does with columns that are to be packed next.
//
// A product of few rows waits for memory alone: it fetches nothing but the first line of each next 4096 bytes. More
// would drive from the caches what they hold already. Of more panels than the second-level cache keeps until the next
// call it reads three at once, which lie apart, each in an equal part of the work group's: where a panel ends, its
// stream of memory goes on in the next tile's. There is one copy of these loops, but the innermost: a processor's own
// prefetching follows each load by its place in the code.
//
// The result's lines, and what the epilogue reads at its place, another branch of a residual network, are fetched
// before the sums of a tile, or the last block of them: nothing else of it is near, and its rows lie apart.
//
// Grid: x blocks of panels, y blocks of at most kBlockRows rows (which stay in
// the second-level cache while panels pass). If there would be fewer than kFewestGroups work groups, rows are split
// further, and x counts rows, y panels: groups that share panels follow each other. z is everything
// else: batch dims, and image rows of a convolution. If those are short, pixels of several image rows make up a tile,
// each with an address of its own. Image rows of a convolution that fill a tile stay apart, but a work group takes
// about kBlockRows pixels of them if the weights are more than kBlockBytes: for each image row they would come from the
// third-level cache again.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionNest.h"

#include "llvm/Support/SaveAndRestore.h"

#include <numeric>

using namespace mlir;
using namespace torchc;

static constexpr int64_t kBlockRows = 192;
/// Of a matrix, where neighbouring rows share nothing: half of a second-level cache.
static constexpr int64_t kBlockBytes = 512 << 10;
/// Of a tile's panels: what is left of a second-level cache of 1 MB beside rows.
static constexpr int64_t kPanelsBytes = 768 << 10;
/// A tile's panels that are longer are taken in blocks: many tiles want them in the second-level cache beside the next
/// ones; the second of two tiles comes so soon that it finds a block in the first-level cache.
static constexpr int64_t kLongPanelsBytes = 256 << 10;
static constexpr int64_t kLongPanelsBytesOfTwo = 32 << 10;
static constexpr double kFlopsPerGroup = 2e6;
/// Of work groups, for threads to end together, as long as each has so much to do.
static constexpr int64_t kFewestGroups = 32;
static constexpr double kLeastFlopsPerGroup = 5e5;
/// Of fewer rows, columns are read as fast as they come from memory.
static constexpr int64_t kFewestRowsPerGroup = 24;
/// Few rows are bound by memory, not by arithmetic.
static constexpr double kFlopsPerGroupOfFewRows = 5e5;
/// Accumulators that hide the latency of a fused multiply-add: 4 cycles, 2 a cycle.
static constexpr int64_t kAccumulatorsInFlight = 8;
static constexpr int64_t kLargestPanelBytes = 1 << 20;
/// Of the first-level cache: lines at this distance share a set, which holds so many.
static constexpr int64_t kCacheSetDistance = 4096;
static constexpr int64_t kCacheWays = 8;
/// Left to panels, however many there are: each of their lines is read once and may go.
static constexpr int64_t kWaysOfPanels = 2;
/// Of the first-level cache to a block of panels: as much is left to the next block, which comes meanwhile.
static constexpr int64_t kNearBlockBytes = 16 << 10;
/// Of the same rows by different work groups, if these have enough to do.
static constexpr int64_t kMostCopies = 16;
/// Columns that a work group computes at least for each row that it copies.
static constexpr int64_t kColumnsPerCopy = 128;

ContractionNest::ContractionNest(ValueEmitter &emitter, const ContractionRoot &root) : emitter(emitter), root(root) {
  llvm::append_range(results, getResults(emitter.getKernel()));
}

bool ContractionNest::analyze() {
  Indices extents = emitter.getExtents(results.front());
  at.assign(extents.size(), Index(0));
  tracker.emplace(emitter, extents);
  output = tracker->trackOnlyReduction(results, root.op);
  if (!output)
    return false;

  // The loop of the contraction behind each dim of the results.
  AffineMap map = root.op.getMatchingIndexingMap(root.op.getDpsInitOperand(0));
  SmallVector<int> loopOf(extents.size(), -1);
  for (auto [expr, dim] : llvm::zip_equal(map.getResults(), output->dims))
    if (dim.id >= 0)
      loopOf[dim.id] = cast<AffineDimExpr>(expr).getPosition();
  for (unsigned id = 0; id != extents.size(); ++id)
    if (loopOf[id] < 0 && !(extents[id].isConstant() && extents[id].offset == 1))
      return false;
  unpack = root.getUnpack();
  tracker->separateKinds([&](unsigned id) {
    unsigned loop = loopOf[id];
    // A packed column has its own place.
    return unpack && loop == root.columnLoop ? -1
                                             : root.usesLoop(root.rows, loop) * 2 + root.usesLoop(root.columns, loop);
  });
  SmallVector<Dim> rowCandidates;
  for (const LoopGroup &group : tracker->getGroups()) {
    Dim dim{group, getAffineConstantExpr(1, root.op->getContext())};
    for (unsigned id = group.first; id <= group.last; ++id)
      dim.extentExpr = dim.extentExpr * emitter.getExtentExpr(results.front(), id);
    unsigned loop = loopOf[group.last];
    if (loop == root.columnLoop)
      columnDim = dim;
    else if (root.usesLoop(root.rows, loop) && !root.usesLoop(root.columns, loop))
      rowCandidates.push_back(dim);
    else
      outer.push_back(dim);
  }
  if (!columnDim)
    return false;
  steps = getReductionGroups(emitter, root.op);
  chooseTile();

  // Tiles take rows of the innermost dim, or of more if that makes too few.
  while (!rowCandidates.empty()) {
    Dim dim = rowCandidates.pop_back_val();
    rowDims.insert(rowDims.begin(), dim);
    int64_t extent = 1;
    for (const Dim &row : rowDims)
      extent *= row.group.extent.isConstant() ? row.group.extent.offset : std::max(2 * tileRows, kRowsOfMatrix);
    int64_t least = extent / llvm::divideCeil(extent, tileRows);
    int64_t registersPerRow =
        std::max<int64_t>(1, panelWidth * panelsAtOnce * root.getAccumulatorType().getIntOrFloatBitWidth() /
                                 emitter.getTarget().vectorBits);
    if (least * registersPerRow >= kAccumulatorsInFlight && (extent >= kRowsOfMatrix || !isMatrix()))
      break;
  }
  (isMatrix() ? outer : around).append(rowCandidates);
  rows = Index(1);
  rowsExpr = getAffineConstantExpr(1, root.op->getContext());
  for (const Dim &dim : rowDims) {
    rows = emitter.mul(rows, dim.group.extent);
    rowsExpr = rowsExpr * dim.extentExpr;
  }
  columns = columnDim->group.extent;
  addends = root.findAddends(emitter.getKernel());
  if (rows.isConstant() && rows.offset * 2 <= tileRows) {
    fewRows = around.empty();
    const int64_t most = getMostPanels();
    for (int64_t more : {4, 2})
      if (panelsAtOnce * more <= most && rows.offset * more <= tileRows &&
          rows.offset <= getMostRows(panelsAtOnce * more)) {
        panelsAtOnce *= more;
        tileRows /= more;
        break;
      }
    if (readsStreams())
      panelsAtOnce = chooseStreams();
  } else if (!rows.isConstant() || rows.offset > (canTakeBlocks() ? 2 : 1) * tileRows) {
    // One tile of all rows, rather than two that each read whole panels.
    const int64_t most = getMostRows(1);
    if (rows.isConstant() && rows.offset <= most && !canTakeBlocks() && (panelsAtOnce > 1 || !unpack)) {
      panelsAtOnce = 1;
      tileRows = most;
    } else {
      widenTile();
    }
  }
  if (fewRows && unpack && !steps.empty())
    groupScale = GroupScale::find(root, steps);
  tileRows = getParameter(emitter.getKernel(), "tile_rows", tileRows);
  panelsAtOnce = getParameter(emitter.getKernel(), "panels_at_once", panelsAtOnce);
  stepsPerBlock = chooseStepsPerBlock();
  // Few rows times columns that lie along k: sums along lanes, which is kRows.
  AffineExpr innermost = root.op.getMatchingIndexingMap(root.columns).getResults().back();
  return unpack || !fewRows || innermost.isFunctionOfDim(root.columnLoop);
}

/// Whether k can be taken in blocks: panels of a matrix lie in memory as a tile takes them, elements too.
bool ContractionNest::canTakeBlocks() {
  return isMatrix() && !fewRows && unpack && panelWidth == packedWidth && isa<FloatType>(root.getAccumulatorType()) &&
         multipliesAsIs() && !emitter.getTarget().prefersSize;
}

/// How many points of k all tiles take before any takes the next, 0 for all.
int64_t ContractionNest::chooseStepsPerBlock() {
  if (!canTakeBlocks() || (rows.isConstant() && rows.offset <= tileRows))
    return 0;
  const int64_t extent = steps.front().extent.offset;
  const int64_t bytesPerStep = panelsAtOnce * getPointBytes();
  const bool hasTwoTiles = rows.isConstant() && rows.offset <= 2 * tileRows;
  if (extent * bytesPerStep <= (hasTwoTiles ? kLongPanelsBytesOfTwo : kLongPanelsBytes))
    return 0;
  // Where a sum begins does not depend on the tile: results are the same bits for any.
  const int64_t sumBlock = getPartSize(extent, kSumBlock);
  const int64_t blocks = hasTwoTiles ? llvm::divideCeil(sumBlock * bytesPerStep, kNearBlockBytes) : 1;
  blocksPerSum = sumBlock % blocks == 0 ? blocks : 1;
  return sumBlock / blocksPerSum;
}

bool ContractionNest::staysNear() {
  return stepsPerBlock != 0 && stepsPerBlock * panelsAtOnce * getPointBytes() <= kNearBlockBytes;
}

void ContractionNest::chooseTile() {
  unsigned bits = root.getAccumulatorType().getIntOrFloatBitWidth();
  panelWidth = 2 * emitter.getTarget().getLanes(bits);
  if (unpack) {
    packedWidth = unpack.getStaticInnerTiles()[0];
    panelsAtOnce = std::max<int64_t>(1, panelWidth / packedWidth);
    panelWidth = std::gcd(panelWidth, packedWidth);
  }
  dot = DotProduct::find(root, emitter.getTarget(), steps);
  auto isOfBytes = [](OpOperand *operand) { return getElementTypeOrSelf(operand->get().getType()).isInteger(8); };
  sumsInFloats = !dot && !steps.empty() && root.getAccumulatorType().isInteger(32) && isOfBytes(root.rows) &&
                 isOfBytes(root.columns);
  tileRows = getMostRows(panelsAtOnce);
}

/// Rows of a tile that registers hold beside `panels`.
int64_t ContractionNest::getMostRows(int64_t panels) const {
  const int64_t bits = root.getAccumulatorType().getIntOrFloatBitWidth();
  // Columns that are converted have to be in registers, and a total of blocks takes its own.
  const bool needsMore = (dot && dot->hasOffset()) || sumsInFloats;
  return emitter.getTarget().getTileRows(panelWidth * panels, bits) - needsMore;
}

/// That hold the sums of one row.
int64_t ContractionNest::getRegistersOfPanel() const {
  const int64_t bits = root.getAccumulatorType().getIntOrFloatBitWidth();
  return std::max<int64_t>(1, panelWidth * bits / emitter.getTarget().vectorBits);
}

/// Takes more panels and fewer rows at once while a multiply-add needs fewer loads for it. Columns that are converted
/// first cost more than loads.
void ContractionNest::widenTile() {
  if (unpack ? !multipliesAsIs() : !packsPanels())
    return;
  const int64_t bits = root.getAccumulatorType().getIntOrFloatBitWidth();
  auto getLoads = [&](int64_t panels, int64_t rows) { return 1.0 / rows + 1.0 / (panels * getRegistersOfPanel()); };
  double panelBytes = (unpack ? packedWidth : panelWidth) * bits / 8;
  for (const LoopGroup &step : steps)
    panelBytes *= getStaticExtent(step.extent);
  for (int64_t more = 2 * panelsAtOnce;
       (canTakeBlocks() || more * panelBytes <= kPanelsBytes) && more * panelWidth <= getStaticExtent(columns);
       more *= 2) {
    const int64_t fewerRows = getMostRows(more);
    if (getLoads(more, fewerRows) >= getLoads(panelsAtOnce, tileRows))
      return;
    panelsAtOnce = more;
    tileRows = fewerRows;
  }
}

/// Whether columns are copied to panels in scratch memory.
bool ContractionNest::packsPanels() const {
  double panelBytes = panelWidth * (root.getAccumulatorType().getIntOrFloatBitWidth() / 8);
  for (const LoopGroup &step : steps)
    panelBytes *= step.extent.isConstant() ? step.extent.offset : std::numeric_limits<double>::infinity();
  return !unpack && !fewRows && panelBytes <= kLargestPanelBytes;
}

/// Whether the rows of a tile lie at such distances that they drive one another, and
/// the panels, from the first-level cache.
bool ContractionNest::rowsCollide() {
  const int64_t rowCount =
      rows.isConstant() ? llvm::divideCeil(rows.offset, llvm::divideCeil(rows.offset, tileRows)) : tileRows;
  if (rowDims.empty() || rowCount <= panelsAtOnce)
    return false;
  AffineMap outputMap = root.op.getMatchingIndexingMap(root.op.getDpsInitOperand(0));
  // The innermost of the row's loops.
  for (auto [position, outputDim] : llvm::enumerate(output->dims))
    if (outputDim.id == static_cast<int>(rowDims.back().group.last)) {
      const unsigned loop = cast<AffineDimExpr>(outputMap.getResult(position)).getPosition();
      std::optional<int64_t> distance = root.getRowDistance(loop);
      const int64_t sets = kCacheSetDistance / std::gcd(distance.value_or(1), kCacheSetDistance);
      // A block of panels comes from the second-level cache just as well.
      const int64_t waysOfPanels = stepsPerBlock != 0 ? 0 : kWaysOfPanels;
      return distance && llvm::divideCeil(rowCount, sets) + waysOfPanels > kCacheWays;
    }
  return false;
}

/// Copies the work group's rows to scratch memory, at distances of an odd number of lines.
void ContractionNest::emitCopyOfRows() {
  Buffer target = *copied;
  copied.reset();
  Index first = getFirstRow(tilesLower);
  Index last = emitter.min(rows, getFirstRow(tilesUpper));
  emitter.emitLoop(first, last, 1, [&](Index row) {
    Indices point(at);
    setPoint(point, rowDims, row);
    Indices loops = getLoops(point);
    emitter.emitLanes(0, steps.front().extent, 2 * emitter.getTarget().getLanes(32), [&](Index step) {
      loops[steps.front().last] = step;
      Value elements =
          dot ? dot->emitRow(emitter, loops) : emitter.toVector(toFactor(root.emitRowElement(emitter, loops)));
      emitter.store(elements, target, {emitter.sub(row, first), step});
    });
  });
  copied = target;
}

/// Copies panels of columns that lie elsewhere in memory to scratch memory.
void ContractionNest::emitPack(Index panel, int64_t panelCount) {
  std::optional<Buffer> target;
  std::swap(target, packed);
  auto emitStep = [&](ArrayRef<Index> loops, int64_t number) {
    Value values = emitter.toVector(emitColumns(loops, emitter.add(panel, number), number));
    // Columns beyond the last are stored as well, as zeros.
    ValueEmitter::LanesScope all(emitter, panelWidth);
    emitter.store(values, *target, {getStep(loops).second, Index(number), Index(nullptr, 0, 1)});
  };
  auto emitAll = [&] {
    const bool isPartial = static_cast<bool>(emitter.getMask());
    ContractionSteps(emitter, root, steps).emit(getLoops(at), {}, [&](ArrayRef<Index> loops, ValueRange) {
      for (int64_t number = 0; number != panelCount; ++number) {
        ValueEmitter::LanesScope lanes(emitter, panelWidth);
        if (isPartial)
          emitter.emitPanel(emitter.mul(emitter.add(panel, number), panelWidth), columns, panelWidth,
                            [&] { emitStep(loops, number); });
        else
          emitStep(loops, number);
      }
      return Sums();
    });
  };
  emitter.emitPanel(emitter.mul(panel, panelWidth), columns, panelCount * panelWidth, emitAll);
  std::swap(target, packed);
}

Index ContractionNest::emitPanels(Index lower, Index upper, int64_t count) {
  const Index tileCount = emitter.div(emitter.sub(upper, lower), count);
  const Index next = emitter.add(lower, emitter.mul(tileCount, count));
  // A stream of memory goes on in the next tile's panel.
  const bool areStreams = readsStreams();
  panelDistance = areStreams ? tileCount : 1;
  emitter.emitLoop(lower, areStreams ? emitter.add(lower, tileCount) : next, areStreams ? 1 : count, [&](Index panel) {
    if (packed)
      emitPack(panel, count);
    emitter.emitLoop(imageRowsLower, imageRowsUpper, 1, [&](Index row) {
      imageRow = row;
      setPoint(at, around, row);
      auto emitWhole = [&] {
        llvm::SaveAndRestore whole(stepsPerBlock, int64_t(0));
        emitTiles(panel, count, [&](const Tile &tile) { emitTile(tile); });
      };
      if (stepsPerBlock == 0)
        emitWhole();
      else if (rows.isConstant())
        emitBlocksOfSteps(panel, count);
      else
        emitter.emitIf(arith::CmpIOp::create(emitter.getBuilder(), arith::CmpIPredicate::slt, emitter.toValue(tiles),
                                             emitter.emitConstant(kFewestTilesOfBlocks)),
                       emitWhole, [&] { emitBlocksOfSteps(panel, count); });
    });
    // What follows is not within the loop.
    setPoint(at, around, 0);
  });
  return next;
}

/// How many image rows a work group takes: where a convolution's weights do not stay in the second-level
/// cache until the next image row, several have to share them.
int64_t ContractionNest::chooseImageRows(Index stepCount) const {
  int64_t imageRows = 1;
  for (const Dim &dim : around)
    imageRows *= getStaticExtent(dim.group.extent);
  const double weightBytes = double(getStaticExtent(columns)) * getStaticExtent(stepCount) *
                             (root.getAccumulatorType().getIntOrFloatBitWidth() / 8);
  if (getStaticExtent(rows) > kBlockRows || imageRows >= kManySteps || getStaticExtent(tiles) > tilesPerBlock ||
      weightBytes <= kBlockBytes)
    return 1;
  const int64_t most = std::max<int64_t>(1, kBlockRows / std::max<int64_t>(1, rows.offset));
  return llvm::divideCeil(imageRows, llvm::divideCeil(imageRows, most));
}

/// Makes work groups of fewer rows, if they would be too few for threads to end together, and says whether it did. Each
/// has `groupFlops`, and there are `columnBlocks` beside one another.
bool ContractionNest::splitRows(int64_t columnBlocks, double groupFlops) {
  if (!tiles.isConstant() || imageRowsPerBlock != 1 || packed ||
      getParameter(emitter.getKernel(), "block_rows", 0) != 0)
    return false;
  int64_t others = columnBlocks;
  for (ArrayRef<Dim> dims : {ArrayRef(outer), ArrayRef(around)})
    for (const Dim &dim : dims)
      others = std::min(kFewestGroups, others) * std::min(kFewestGroups, getStaticExtent(dim.group.extent));
  const int64_t most = groupFlops / kLeastFlopsPerGroup * llvm::divideCeil(tiles.offset, tilesPerBlock);
  const int64_t wanted = llvm::divideCeil(kFewestGroups, others);
  const int64_t blocks = std::min({wanted, most, rows.offset / kFewestRowsPerGroup});
  if (blocks <= static_cast<int64_t>(llvm::divideCeil(tiles.offset, tilesPerBlock)))
    return false;
  tilesPerBlock = getPartSize(tiles.offset, llvm::divideCeil(tiles.offset, blocks));
  return true;
}

Grid ContractionNest::emit() {
  MLIRContext *context = root.op->getContext();
  // The columns' panels: packed already, packed here, or read where they are.
  Index stepCount(1);
  for (const LoopGroup &group : steps)
    stepCount = emitter.mul(stepCount, group.extent);
  int64_t panelBytes = panelWidth * (root.getAccumulatorType().getIntOrFloatBitWidth() / 8);
  if (packsPanels()) {
    Value memory = emitter.allocateScratch(panelsAtOnce * stepCount.offset * panelBytes);
    packed = emitter.getBuffer(memory, getFactorType(), {stepCount, Index(panelsAtOnce), Index(panelWidth)}, false);
  }
  masksLoads = !unpack && !packed;
  if (masksLoads)
    panelsAtOnce = 1;

  auto assumed = [](Index index) { return static_cast<double>(index.isConstant() ? index.offset : kAssumedExtent); };
  tiles = rows.isConstant() ? Index(llvm::divideCeil(rows.offset, tileRows)) : emitter.ceilDiv(rows, tileRows);
  panels = emitter.ceilDiv(columns, panelWidth);
  int64_t blockRows = kBlockRows;
  bool copiesRows =
      isMatrix() && (rowDims.size() > 1 || rowsCollide() || sumsInFloats || (dot && dot->needsCopyOfRows()));
  if ((copiesRows || root.op.getMatchingIndexingMap(root.rows).isProjectedPermutation()) && stepCount.isConstant())
    blockRows = std::min(
        blockRows,
        kBlockBytes / std::max<int64_t>(1, (stepsPerBlock != 0 && !copiesRows ? stepsPerBlock : stepCount.offset) *
                                               panelBytes / panelWidth));
  blockRows = getParameter(emitter.getKernel(), "block_rows", blockRows);
  tilesPerBlock = std::max<int64_t>(1, blockRows / tileRows);
  if (tiles.isConstant() && tiles.offset > 0)
    tilesPerBlock = llvm::divideCeil(tiles.offset, llvm::divideCeil(tiles.offset, tilesPerBlock));
  imageRowsPerBlock = chooseImageRows(stepCount);
  double rowsAtOnce = std::min<double>(assumed(rows), tilesPerBlock * tileRows) * imageRowsPerBlock;
  double flops = 2 * rowsAtOnce * panelWidth * assumed(stepCount);
  double wanted = fewRows ? kFlopsPerGroupOfFewRows : kFlopsPerGroup;
  int64_t panelsPerBlock = std::max<int64_t>(1, std::llround(wanted / flops));
  if (copiesRows) {
    // Each work group copies them: the fewer groups, the better.
    const int64_t most = columns.isConstant() ? columns.offset / kMostCopies : kColumnsPerCopy;
    panelsPerBlock = std::max<int64_t>(panelsPerBlock, llvm::divideCeil(std::max(kColumnsPerCopy, most), panelWidth));
  }
  panelsPerBlock = getParameter(emitter.getKernel(), "block_panels", panelsPerBlock);
  panelsPerBlock = std::max<int64_t>(1, llvm::divideNearest(panelsPerBlock, panelsAtOnce)) * panelsAtOnce;
  if (panels.isConstant() && panels.offset > 0) {
    int64_t blocks = llvm::divideCeil(panels.offset, panelsPerBlock);
    panelsPerBlock = llvm::divideCeil(llvm::divideCeil(panels.offset, blocks), panelsAtOnce) * panelsAtOnce;
    if (readsStreams() && panels.offset % panelsAtOnce == 0)
      panelsPerBlock = getPartSize(panels.offset / panelsAtOnce, panelsPerBlock / panelsAtOnce) * panelsAtOnce;
  }
  const bool areEqual = panels.isConstant() && panels.offset % panelsPerBlock == 0;
  const bool splitsRows = splitRows(llvm::divideCeil(getStaticExtent(panels), panelsPerBlock), flops * panelsPerBlock);
  if (stepsPerBlock != 0 || (fillsRegisters(tileRows, panelsAtOnce) && hasCostlyEpilogue())) {
    sumsRows = stepsPerBlock != 0 ? tilesPerBlock * tileRows : tileRows;
    sumsMemory = emitter.allocateScratch((blocksPerSum == 1 ? 1 : 2) * sumsRows * panelsAtOnce * panelBytes);
  }

  Grid grid;
  // Groups that share columns follow each other if rows were split for their sake.
  const unsigned rowAxis = splitsRows ? 0 : 1;
  AffineExpr &columnGroups = splitsRows ? grid.y : grid.x, &rowGroups = splitsRows ? grid.x : grid.y;
  columnGroups = columnDim->extentExpr.ceilDiv(panelWidth).ceilDiv(panelsPerBlock);
  rowGroups = rowsExpr.ceilDiv(tileRows).ceilDiv(tilesPerBlock);
  grid.z = getAffineConstantExpr(1, context);
  // z counts batches, and blocks of image rows in them.
  Index imageRows(1);
  AffineExpr imageRowsExpr = grid.z;
  for (const Dim &dim : around) {
    imageRows = emitter.mul(imageRows, dim.group.extent);
    imageRowsExpr = imageRowsExpr * dim.extentExpr;
  }
  Indices extents = llvm::map_to_vector<4>(outer, [](const Dim &dim) { return dim.group.extent; });
  const Index blocks = emitter.ceilDiv(imageRows, imageRowsPerBlock);
  const bool isSingle = blocks.isConstant() && blocks.offset == 1;
  if (!isSingle)
    extents.push_back(blocks);
  Indices place = emitter.delinearize(emitter.getWorkgroup(2), extents);
  imageRowsLower = isSingle ? Index(0) : emitter.mul(place.pop_back_val(), imageRowsPerBlock);
  imageRowsUpper = emitter.add(imageRowsLower, imageRowsPerBlock);
  if (imageRowsPerBlock != 1)
    imageRowsUpper = emitter.min(imageRows, imageRowsUpper);
  for (auto [dim, index] : llvm::zip_equal(outer, place))
    at[dim.group.last] = index;
  grid.z = imageRowsExpr.ceilDiv(imageRowsPerBlock);
  for (const Dim &dim : llvm::reverse(outer))
    grid.z = grid.z * dim.extentExpr;
  // Blocks of which there is but one start at the constant 0.
  auto isOne = [](AffineExpr expr) {
    return isa<AffineConstantExpr>(expr) && cast<AffineConstantExpr>(expr).getValue() <= 1;
  };
  tilesLower = isOne(rowGroups) ? Index(0) : emitter.mul(emitter.getWorkgroup(rowAxis), tilesPerBlock);
  tilesUpper = isOne(rowGroups) ? tiles : emitter.min(tiles, emitter.add(tilesLower, tilesPerBlock));
  Index lower = isOne(columnGroups) ? Index(0) : emitter.mul(emitter.getWorkgroup(1 - rowAxis), panelsPerBlock);
  Index upper = emitter.add(lower, panelsPerBlock);
  if (!areEqual)
    upper = isOne(columnGroups) ? panels : emitter.min(panels, upper);
  if (copiesRows) {
    Type type = dot ? dot->getRowType() : getFactorType();
    int64_t lineElements = kLineBytes / (type.getIntOrFloatBitWidth() / 8);
    int64_t distance = (llvm::divideCeil(stepCount.offset, lineElements) | 1) * lineElements;
    Value memory = emitter.allocateScratch(tilesPerBlock * tileRows * distance * (type.getIntOrFloatBitWidth() / 8));
    copied = emitter.getBuffer(memory, type, {Index(tilesPerBlock * tileRows), Index(distance)}, false);
    emitCopyOfRows();
  }
  ValueEmitter::UnrollScope copies(emitter, fetchesByChunks() && exceedsCache() ? 1 : 0);
  // What is left of the panels are fewer at once.
  for (int64_t count = panelsAtOnce; count != 0; count /= 2) {
    lower = emitPanels(lower, upper, count);
    if (panels.isConstant() && panels.offset % count == 0 && panelsPerBlock % count == 0)
      break;
  }
  return grid;
}

static bool matchesContraction(dispatch::KernelOp kernel, const TargetInfo &) {
  return ContractionRoot::find(kernel).has_value() && ValueEmitter::canVectorize(kernel);
}

static Grid emitContraction(ValueEmitter &emitter) {
  ContractionNest nest(emitter, *ContractionRoot::find(emitter.getKernel()));
  return nest.analyze() ? nest.emit() : kRows.emit(emitter);
}

/// Rows and panels of a register tile, and of a work group.
static constexpr Parameter kParameters[] = {
    {"tile_rows", 32}, {"panels_at_once", 8}, {"block_rows", 4096}, {"block_panels", 4096}};

const Strategy torchc::kContraction = {"contraction", kParameters, matchesContraction, emitContraction};
