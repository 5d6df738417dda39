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
// as many rows as registers hold (TargetInfo::getTileRows). The tile stays in registers for the whole of k: measured up
// to k = 4096, blocking it for the cache gains nothing and costs the epilogue. But every few hundred steps
// (ContractionSteps) the accumulators are added to sums that the stack holds meanwhile. Rows are dealt out evenly (11 =
// 6 + 5, not 6 + 5 of one and 1 of another kind): a tile of few rows waits for the latency of its multiply-adds. A
// product with few rows takes more panels at once for the same reason, as long as the sums fit the registers. The last
// panel's columns beyond n are computed (packing padded them with zeros) and masked when stored.
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
// processor's own prefetching stops at every 4096 bytes. So it does with columns that are to be packed next. A product
// of few rows waits for memory alone: it reads no more panels at once than a processor follows, and fetches nothing but
// the first line of each next 4096 bytes. More would keep it from reading what the caches hold already.
//
// The result's lines, and what the epilogue reads at its place, another branch of a residual network, are fetched
// before the sums of a tile: nothing else of it is near, and its rows lie apart.
//
// Grid: x blocks of panels, y blocks of at most kBlockRows rows (which stay in
// the second-level cache while panels pass), less if there would be fewer than kFewestGroups work groups, z everything
// else: batch dims, and image rows of a convolution. If those are short, pixels of several image rows make up a tile,
// each with an address of its own. Image rows of a convolution that fill a tile stay apart, but a work group takes
// about kBlockRows pixels of them if the weights are more than kBlockBytes: for each image row they would come from the
// third-level cache again.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionRoot.h"
#include "torchc/Codegen/ContractionSteps.h"
#include "torchc/Codegen/DotProduct.h"
#include "torchc/Codegen/Strategy.h"

#include <numeric>

using namespace mlir;
using namespace torchc;

static constexpr int64_t kBlockRows = 192;
/// Of a matrix, where neighbouring rows share nothing: half of a second-level cache.
static constexpr int64_t kBlockBytes = 512 << 10;
/// Of a tile's panels: what is left of a second-level cache of 1 MB beside rows.
static constexpr int64_t kPanelsBytes = 768 << 10;
static constexpr double kFlopsPerGroup = 2e6;
/// Of work groups, for threads to end together, as long as each has so much to do.
static constexpr int64_t kFewestGroups = 16;
static constexpr double kLeastFlopsPerGroup = 1e6;
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
static constexpr int64_t kLineBytes = 64;
/// How far ahead a product of few rows fetches elements that it converts: what memory delivers within its latency.
static constexpr int64_t kBytesAhead = 1024;
/// The same of a single tile that computes meanwhile, if its panels are so long that the next ones are too far ahead.
static constexpr int64_t kBytesAheadOfTile = 16 << 10;
static constexpr int64_t kFarBytes = 128 << 10;
/// Where a processor's own prefetching stops.
static constexpr int64_t kPageBytes = 4096;
/// Panels that a processor's own prefetching follows at once.
static constexpr int64_t kStreams = 4;
/// Rows between which panels are reused, so that several dims are worth joining.
static constexpr int64_t kRowsOfMatrix = 48;
/// Columns that a work group computes at least for each row that it copies.
static constexpr int64_t kColumnsPerCopy = 128;
/// Of an epilogue with a polynomial, as `getBodyCost` counts.
static constexpr double kCostOfFunction = 15;

namespace {
class ContractionNest {
public:
  ContractionNest(ValueEmitter &emitter, const ContractionRoot &root);
  /// Whether the tile fits this kernel.
  bool analyze();
  Grid emit();

private:
  struct Dim {
    LoopGroup group;
    AffineExpr extentExpr;
  };
  using Sums = ContractionSteps::Sums;

  void chooseTile();
  int64_t getMostRows(int64_t panels) const;
  /// Of the elements of a panel at one point of k.
  int64_t getPointBytes();
  /// Whether few rows read panels as fast as memory gives them: their elements are not converted first.
  bool isBoundByMemory();
  /// Whether few rows fetch what lies ahead once for several points of k.
  bool fetchesByChunks();
  void widenTile();
  bool packsPanels() const;
  /// Of a tile's accumulators.
  Type getSumType() const { return dot ? dot->getSumType() : getFactorType(); }
  /// Of what is multiplied.
  Type getFactorType() const {
    return sumsInFloats ? Type(Float32Type::get(root.op->getContext())) : root.getAccumulatorType();
  }
  Value toFactor(Value element);
  /// Points of k that one step takes.
  int64_t getStepPoints() const { return dot ? dot->getPoints() : 1; }
  /// Whether k is one dim: no window. Rows may then be copied together.
  bool isMatrix() const { return steps.size() == 1 && steps.front().extent.isConstant(); }
  bool rowsCollide();
  /// The first row of a tile.
  Index getFirstRow(Index tile);
  void emitCopyOfRows();
  void emitPanels(Index lower, Index upper, int64_t count);
  void emitPack(Index panel, int64_t panels);
  void emitTiles(Index panel, int64_t panels);
  void emitTile(Index tile, Index row, int64_t rows, Index panel, int64_t panels);
  void emitPrefetch(ArrayRef<Index> loops, Index tile, Index panel, int64_t panels);
  /// How many points k has that a panel has elements of, and the number of the current one.
  std::pair<Index, Index> getStep(ArrayRef<Index> loops);
  void emitPrefetchAhead(ArrayRef<Index> loops, Index panel, int64_t panels, int64_t bytes);
  void emitPrefetchOfColumns(ArrayRef<Index> loops, Index tile, Index panel, int64_t panels);
  void emitPrefetchOfResults(ArrayRef<Indices> points, Index panel, int64_t panels);
  bool fillsRegisters(int64_t rows, int64_t panels) const;
  bool hasCostlyEpilogue();
  void emitResults(ArrayRef<Indices> points, const Sums &sums, Index panel, int64_t panels);
  int64_t chooseImageRows(Index stepCount) const;
  void splitRows(int64_t columnBlocks, double groupFlops);
  Value emitColumns(ArrayRef<Index> loops, Index panel, int64_t number);
  Value emitRowFactor(ArrayRef<Index> loops, Index row);
  void setPoint(Indices &point, ArrayRef<Dim> dims, Index linear);
  Indices getLoops(ArrayRef<Index> point);

  ValueEmitter &emitter;
  ContractionRoot root;
  SmallVector<Value> results;
  std::optional<DimTracker> tracker;
  const DimTracker::Reduction *output = nullptr;
  Indices at;               ///< The batch dims are set, the others 0.
  SmallVector<Dim> outer;   ///< Batch dims.
  SmallVector<Dim> around;  ///< Image rows of a convolution whose tiles are within one.
  SmallVector<Dim> rowDims; ///< m; several if image rows are joined in tiles.
  std::optional<Dim> columnDim;
  SmallVector<LoopGroup> steps;
  int64_t packedWidth = 0;       ///< Columns of a panel in memory, if packed.
  int64_t panelWidth = 0;        ///< Columns of a panel as the tile sees it.
  int64_t tileRows = 0;          ///< Rows of a tile, at most.
  int64_t panelsAtOnce = 1;      ///< Panels of a tile.
  int64_t tilesPerBlock = 1;     ///< Tiles of a work group that share its panels, at most.
  int64_t imageRowsPerBlock = 1; ///< Of `around`, that share a work group's panels.
  Index rows, columns, tiles, panels, tilesLower, tilesUpper, imageRow, imageRowsLower, imageRowsUpper;
  AffineExpr rowsExpr;
  Value sumsMemory;             ///< A tile's sums, where registers do not hold them beside what else is needed.
  std::optional<Buffer> packed; ///< Panels in scratch memory: [k][panel][NR].
  std::optional<Buffer> copied; ///< The work group's rows in scratch memory: [row][k].
  linalg::UnPackOp unpack;
  SmallVector<Value> addends; ///< Bindings that the epilogue reads at the place of the result.
  bool masksLoads = false;
  bool fewRows = false;
  std::optional<DotProduct> dot;        ///< If one instruction takes several points of k.
  std::optional<GroupScale> groupScale; ///< What multiplies sums instead of columns.
  bool sumsInFloats = false;            ///< Products of eight bits, of which a block's sum is exact in f32.
};
} // namespace

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
    const int64_t most = fetchesByChunks() && isBoundByMemory() ? std::max(panelsAtOnce, kStreams) : 4 * panelsAtOnce;
    for (int64_t more : {4, 2})
      if (panelsAtOnce * more <= most && rows.offset * more <= tileRows &&
          rows.offset <= getMostRows(panelsAtOnce * more)) {
        panelsAtOnce *= more;
        tileRows /= more;
        break;
      }
  } else if (rows.isConstant() && rows.offset > tileRows && (panelsAtOnce > 1 || !unpack)) {
    // One tile of all rows, rather than two that each read the panels.
    const int64_t most = getMostRows(1);
    if (rows.offset <= most) {
      panelsAtOnce = 1;
      tileRows = most;
    } else {
      widenTile();
    }
  } else if (!rows.isConstant()) {
    widenTile();
  }
  if (fewRows && unpack && !steps.empty())
    groupScale = GroupScale::find(root, steps);
  tileRows = getParameter(emitter.getKernel(), "tile_rows", tileRows);
  panelsAtOnce = getParameter(emitter.getKernel(), "panels_at_once", panelsAtOnce);
  // Few rows times columns that lie along k: sums along lanes, which is kRows.
  AffineExpr innermost = root.op.getMatchingIndexingMap(root.columns).getResults().back();
  return unpack || !fewRows || innermost.isFunctionOfDim(root.columnLoop);
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

int64_t ContractionNest::getPointBytes() { return packedWidth * unpack.getSourceType().getElementTypeBitWidth() / 8; }

bool ContractionNest::isBoundByMemory() {
  Type type = unpack.getSourceType().getElementType();
  return type == root.getAccumulatorType() || (dot && type.isBF16());
}

bool ContractionNest::fetchesByChunks() {
  return fewRows && unpack && panelWidth == packedWidth && steps.size() == 1 && !emitter.getTarget().prefersSize;
}

/// Takes more panels and fewer rows at once while a multiply-add needs fewer loads for it. Columns that are converted
/// first cost more than loads.
void ContractionNest::widenTile() {
  const Type type = root.getAccumulatorType();
  if (unpack ? unpack.getSourceType().getElementType() != type : !packsPanels())
    return;
  const int64_t bits = type.getIntOrFloatBitWidth();
  const int64_t registers = std::max<int64_t>(1, panelWidth * bits / emitter.getTarget().vectorBits);
  auto getLoads = [&](int64_t panels, int64_t rows) { return 1.0 / rows + 1.0 / (panels * registers); };
  double panelBytes = (unpack ? packedWidth : panelWidth) * bits / 8;
  for (const LoopGroup &step : steps)
    panelBytes *= getStaticExtent(step.extent);
  for (int64_t more = 2 * panelsAtOnce;
       more * panelBytes <= kPanelsBytes && more * panelWidth <= getStaticExtent(columns); more *= 2) {
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
  if (packed) {
    Index step;
    for (const LoopGroup &group : steps)
      step = emitter.add(emitter.mul(step, group.extent), loops[group.last]);
    return emitter.load(*packed, {step, Index(number), lane});
  }
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

/// Whether the rows of a tile lie at such distances that they drive one another, and
/// the panels, from the first-level cache.
bool ContractionNest::rowsCollide() {
  if (rowDims.empty() || tileRows <= panelsAtOnce)
    return false;
  AffineMap outputMap = root.op.getMatchingIndexingMap(root.op.getDpsInitOperand(0));
  // The innermost of the row's loops.
  for (auto [position, outputDim] : llvm::enumerate(output->dims))
    if (outputDim.id == static_cast<int>(rowDims.back().group.last)) {
      const unsigned loop = cast<AffineDimExpr>(outputMap.getResult(position)).getPosition();
      std::optional<int64_t> distance = root.getRowDistance(loop);
      const int64_t sets = kCacheSetDistance / std::gcd(distance.value_or(1), kCacheSetDistance);
      return distance && llvm::divideCeil(tileRows, sets) + kWaysOfPanels > kCacheWays;
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
    Index step;
    for (const LoopGroup &group : steps)
      step = emitter.add(emitter.mul(step, group.extent), loops[group.last]);
    // Columns beyond the last are stored as well, as zeros.
    ValueEmitter::LanesScope all(emitter, panelWidth);
    emitter.store(values, *target, {step, Index(number), Index(nullptr, 0, 1)});
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

void ContractionNest::emitTile(Index tile, Index row, int64_t count, Index panel, int64_t panelCount) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  const bool keepsSums = sumsMemory && fillsRegisters(count, panelCount);
  SmallVector<Indices> points(count, at);
  for (int64_t i = 0; i != count; ++i)
    setPoint(points[i], rowDims, emitter.add(row, i));
  auto emitSums = [&]() -> Sums {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(emitter.getVectorType(getSumType())));
    SmallVector<Indices> rowLoops = llvm::map_to_vector(points, [&](const Indices &point) { return getLoops(point); });
    const bool hasOffset = dot && dot->hasOffset();
    const int64_t rowCount = count + hasOffset;
    auto addStep = [&](ArrayRef<Index> loops, ValueRange carried) {
      Sums sums(carried), factors;
      emitPrefetch(loops, tile, panel, panelCount);
      for (int64_t number = 0; number != panelCount; ++number)
        factors.push_back(emitColumns(loops, emitter.add(panel, number), number));
      auto addProducts = [&](int64_t i, Value factor) {
        for (int64_t number = 0; number != panelCount; ++number) {
          Value &sum = sums[number * rowCount + i];
          sum = dot ? dot->emitMultiplyAdd(emitter, factor, factors[number], sum)
                    : root.emitMultiplyAdd(emitter, factor, factors[number], sum);
        }
      };
      for (int64_t i = 0; i != count; ++i) {
        Indices position = rowLoops[i];
        for (const LoopGroup &step : steps)
          position[step.last] = loops[step.last];
        addProducts(i, emitRowFactor(position, emitter.add(row, i)));
      }
      if (hasOffset)
        addProducts(count, dot->emitOffset(emitter));
      return sums;
    };
    ContractionSteps loopsOverK(emitter, root, steps, getStepPoints());
    if (sumsInFloats)
      loopsOverK.sumBlocksInFloats();
    if (groupScale)
      loopsOverK.scaleGroups(*groupScale, [&](ArrayRef<Index> loops, size_t i) {
        return groupScale->emit(emitter, loops, emitter.add(panel, i / rowCount), panelWidth);
      });
    if (fetchesByChunks()) {
      const bool isBound = isBoundByMemory();
      const int64_t points = (isBound ? kPageBytes : kLineBytes) / getPointBytes();
      loopsOverK.startChunks(std::max(points, getStepPoints()), [&, isBound](ArrayRef<Index> loops) {
        emitPrefetchAhead(loops, panel, panelCount, isBound ? kPageBytes : kBytesAhead);
      });
    }
    Sums sums = loopsOverK.emit(getLoops(at), Sums(rowCount * panelCount, zero), addStep);
    if (!dot)
      return sums;
    Sums results;
    for (int64_t number = 0; number != panelCount; ++number)
      for (int64_t i = 0; i != count; ++i) {
        Value sum = sums[number * rowCount + i];
        if (hasOffset)
          sum = arith::SubIOp::create(b, sum, sums[number * rowCount + count]);
        results.push_back(dot->convertSum(emitter, sum));
      }
    return results;
  };
  auto emitAll = [&] {
    emitPrefetchOfResults(points, panel, panelCount);
    Sums sums = emitSums();
    if (!keepsSums)
      return emitResults(points, sums, panel, panelCount);
    Buffer memory = emitter.getBuffer(sumsMemory, root.getAccumulatorType(),
                                      {Index(count * panelCount), Index(panelWidth)}, /*readOnly=*/false);
    for (auto [i, sum] : llvm::enumerate(sums)) {
      ValueEmitter::LanesScope all(emitter, panelWidth);
      emitter.store(sum, memory, {Index(i), Index(nullptr, 0, 1)});
    }
    emitter.emitLoop(0, count, 1, [&](Index i) {
      Indices point(at);
      setPoint(point, rowDims, emitter.add(row, i));
      Sums own;
      for (int64_t number = 0; number != panelCount; ++number) {
        ValueEmitter::LanesScope all(emitter, panelWidth);
        own.push_back(emitter.load(memory, {emitter.add(i, number * count), Index(nullptr, 0, 1)}));
      }
      emitResults(point, own, panel, panelCount);
    });
  };
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  if (masksLoads && panelCount == 1)
    emitter.emitPanel(emitter.mul(panel, panelWidth), columns, panelWidth, emitAll);
  else
    emitAll();
}

/// Whether the registers that a tile's sums leave are fewer than those that they take.
bool ContractionNest::fillsRegisters(int64_t count, int64_t panelCount) const {
  const int64_t bits = root.getAccumulatorType().getIntOrFloatBitWidth();
  const int64_t registers = std::max<int64_t>(1, panelWidth * bits / emitter.getTarget().vectorBits);
  return 2 * count * panelCount * registers > emitter.getTarget().vectorRegisters;
}

/// Whether what follows the sums has a function that becomes a polynomial.
bool ContractionNest::hasCostlyEpilogue() {
  return llvm::any_of(emitter.getKernel().getBody().getOps<linalg::LinalgOp>(), [&](linalg::LinalgOp op) {
    return root.op->isBeforeInBlock(op) && getBodyCost(op) >= kCostOfFunction;
  });
}

void ContractionNest::emitResults(ArrayRef<Indices> points, const Sums &sums, Index panel, int64_t panelCount) {
  for (int64_t number = 0; number != panelCount; ++number) {
    Index current = emitter.add(panel, number);
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

void ContractionNest::emitTiles(Index panel, int64_t panelCount) {
  if (rows.isConstant()) {
    int64_t count = llvm::divideCeil(rows.offset, tileRows), least = rows.offset / count, larger = rows.offset % count;
    if (larger != 0)
      emitter.emitLoop(tilesLower, emitter.min(tilesUpper, larger), 1,
                       [&](Index tile) { emitTile(tile, emitter.mul(tile, least + 1), least + 1, panel, panelCount); });
    emitter.emitLoop(emitter.max(tilesLower, larger), tilesUpper, 1, [&](Index tile) {
      emitTile(tile, emitter.add(emitter.mul(tile, least), larger), least, panel, panelCount);
    });
    return;
  }
  Index full = emitter.div(rows, tileRows);
  emitter.emitLoop(tilesLower, emitter.min(tilesUpper, full), 1,
                   [&](Index tile) { emitTile(tile, emitter.mul(tile, tileRows), tileRows, panel, panelCount); });
  // The last tile has fewer rows: tiles of 4, 2 and 1.
  emitter.emitLoop(emitter.max(tilesLower, full), tilesUpper, 1, [&](Index tile) {
    Index rest = emitter.mod(rows, tileRows);
    for (int64_t count = llvm::bit_floor(static_cast<uint64_t>(std::max<int64_t>(1, tileRows - 1))); count != 0;
         count /= 2) {
      Index before = emitter.mul(emitter.div(rest, 2 * count), 2 * count);
      emitter.emitLoop(0, emitter.mod(emitter.div(rest, count), 2), 1, [&](Index) {
        emitTile(tile, emitter.add(emitter.mul(tile, tileRows), before), count, panel, panelCount);
      });
    }
  });
}

void ContractionNest::emitPanels(Index lower, Index upper, int64_t count) {
  emitter.emitLoop(lower, upper, count, [&](Index panel) {
    if (packed)
      emitPack(panel, count);
    emitter.emitLoop(imageRowsLower, imageRowsUpper, 1, [&](Index row) {
      imageRow = row;
      setPoint(at, around, row);
      emitTiles(panel, count);
    });
    // What follows is not within the loop.
    setPoint(at, around, 0);
  });
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

/// Makes work groups of fewer rows, if they would be too few for threads to end together. Each has `groupFlops`,
/// and there are `columnBlocks` beside one another.
void ContractionNest::splitRows(int64_t columnBlocks, double groupFlops) {
  if (!tiles.isConstant() || imageRowsPerBlock != 1 || packed ||
      getParameter(emitter.getKernel(), "block_rows", 0) != 0)
    return;
  int64_t others = columnBlocks;
  for (ArrayRef<Dim> dims : {ArrayRef(outer), ArrayRef(around)})
    for (const Dim &dim : dims)
      others = std::min(kFewestGroups, others) * std::min(kFewestGroups, getStaticExtent(dim.group.extent));
  const int64_t most = groupFlops / kLeastFlopsPerGroup * llvm::divideCeil(tiles.offset, tilesPerBlock);
  const int64_t wanted = llvm::divideCeil(kFewestGroups, others);
  const int64_t blocks = std::min({wanted, most, tiles.offset});
  if (blocks > static_cast<int64_t>(llvm::divideCeil(tiles.offset, tilesPerBlock)))
    tilesPerBlock = getPartSize(tiles.offset, llvm::divideCeil(tiles.offset, blocks));
}

Grid ContractionNest::emit() {
  MLIRContext *context = root.op->getContext();
  if (fillsRegisters(tileRows, panelsAtOnce) && hasCostlyEpilogue())
    sumsMemory = emitter.allocateScratch(tileRows * panelsAtOnce * panelWidth *
                                         (root.getAccumulatorType().getIntOrFloatBitWidth() / 8));
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
    blockRows = std::min(blockRows, kBlockBytes / std::max<int64_t>(1, stepCount.offset * panelBytes / panelWidth));
  blockRows = getParameter(emitter.getKernel(), "block_rows", blockRows);
  tilesPerBlock = std::max<int64_t>(1, blockRows / tileRows);
  if (tiles.isConstant() && tiles.offset > 0)
    tilesPerBlock = llvm::divideCeil(tiles.offset, llvm::divideCeil(tiles.offset, tilesPerBlock));
  imageRowsPerBlock = chooseImageRows(stepCount);
  double rowsAtOnce = std::min<double>(assumed(rows), tilesPerBlock * tileRows) * imageRowsPerBlock;
  double flops = 2 * rowsAtOnce * panelWidth * assumed(stepCount);
  double wanted = fewRows ? kFlopsPerGroupOfFewRows : kFlopsPerGroup;
  int64_t panelsPerBlock =
      std::max<int64_t>(copiesRows ? llvm::divideCeil(kColumnsPerCopy, panelWidth) : 1, std::llround(wanted / flops));
  panelsPerBlock = getParameter(emitter.getKernel(), "block_panels", panelsPerBlock);
  panelsPerBlock = llvm::divideCeil(panelsPerBlock, panelsAtOnce) * panelsAtOnce;
  if (panels.isConstant() && panels.offset > 0) {
    int64_t blocks = llvm::divideCeil(panels.offset, panelsPerBlock);
    panelsPerBlock = llvm::divideCeil(llvm::divideCeil(panels.offset, blocks), panelsAtOnce) * panelsAtOnce;
  }
  splitRows(llvm::divideCeil(getStaticExtent(panels), panelsPerBlock), flops * panelsPerBlock);

  Grid grid;
  grid.x = columnDim->extentExpr.ceilDiv(panelWidth).ceilDiv(panelsPerBlock);
  grid.y = rowsExpr.ceilDiv(tileRows).ceilDiv(tilesPerBlock);
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
  tilesLower = isOne(grid.y) ? Index(0) : emitter.mul(emitter.getWorkgroup(1), tilesPerBlock);
  tilesUpper = isOne(grid.y) ? tiles : emitter.min(tiles, emitter.add(tilesLower, tilesPerBlock));
  Index lower = isOne(grid.x) ? Index(0) : emitter.mul(emitter.getWorkgroup(0), panelsPerBlock);
  Index upper = isOne(grid.x) ? panels : emitter.min(panels, emitter.add(lower, panelsPerBlock));
  if (copiesRows) {
    Type type = dot ? dot->getRowType() : getFactorType();
    int64_t lineElements = kLineBytes / (type.getIntOrFloatBitWidth() / 8);
    int64_t distance = (llvm::divideCeil(stepCount.offset, lineElements) | 1) * lineElements;
    Value memory = emitter.allocateScratch(tilesPerBlock * tileRows * distance * (type.getIntOrFloatBitWidth() / 8));
    copied = emitter.getBuffer(memory, type, {Index(tilesPerBlock * tileRows), Index(distance)}, false);
    emitCopyOfRows();
  }
  // What is left of the panels are fewer at once.
  for (int64_t count = panelsAtOnce; count != 0; count /= 2) {
    Index groups = emitter.div(emitter.sub(upper, lower), count);
    Index next = emitter.add(lower, emitter.mul(groups, count));
    emitPanels(lower, next, count);
    lower = next;
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
