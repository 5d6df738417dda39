//===- ContractionNest.h - the loops of a matrix product or convolution ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contraction.cpp says how they are nested: it chooses the tile and the work groups, and copies what has to be
// near. ContractionTile.cpp computes a register tile, ContractionPrefetch.cpp fetches what is read after it.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_CONTRACTIONNEST_H
#define TORCHC_CODEGEN_CONTRACTIONNEST_H

#include "torchc/Codegen/ContractionRoot.h"
#include "torchc/Codegen/ContractionSteps.h"
#include "torchc/Codegen/DotProduct.h"
#include "torchc/Codegen/Strategy.h"

namespace torchc {

inline constexpr int64_t kLineBytes = 64;
/// Rows between which panels are reused, so that several dims are worth joining.
inline constexpr int64_t kRowsOfMatrix = 48;

/// Fewer of a number that is not known take whole panels: what they share is little.
inline constexpr int64_t kFewestTilesOfBlocks = 4;

/// Writes the code of one kernel whose root is a contraction.
class ContractionNest {
public:
  ContractionNest(ValueEmitter &emitter, const ContractionRoot &root);
  /// Whether the tile fits this kernel.
  bool analyze();
  Grid emit();

private:
  struct Dim {
    LoopGroup group;
    mlir::AffineExpr extentExpr;
  };
  using Sums = ContractionSteps::Sums;
  /// What registers hold the sums of: `rowCount` rows from `row` on, `panelCount` panels from `panel` on.
  struct Tile {
    Index number;
    Index row;
    int64_t rowCount;
    Index panel;
    int64_t panelCount;
  };

  void chooseTile();
  int64_t getMostRows(int64_t panels) const;
  /// Of the elements of a panel at one point of k.
  int64_t getPointBytes();
  /// Whether few rows read panels as fast as memory gives them: their elements are not converted first.
  bool isBoundByMemory();
  /// Whether panels hold elements that are multiplied as they are: of the accumulator's type.
  bool multipliesAsIs();
  /// Whether few rows fetch what lies ahead once for several points of k.
  bool fetchesByChunks();
  /// Whether there are more panels than the second-level cache keeps until the next call, or nobody knows how many.
  bool exceedsCache();
  /// Whether panels that few rows read at once lie apart.
  bool readsStreams();
  /// How many panels these rows read at once.
  int64_t chooseStreams();
  int64_t getMostPanels();
  int64_t getRegistersOfPanel() const;
  void widenTile();
  bool canTakeBlocks();
  int64_t chooseStepsPerBlock();
  /// Whether the first-level cache holds a block of panels, and the next.
  bool staysNear();
  bool packsPanels() const;
  /// Of a tile's accumulators.
  mlir::Type getSumType() const { return dot ? dot->getSumType() : getFactorType(); }
  /// Of what is multiplied.
  mlir::Type getFactorType() const {
    return sumsInFloats ? mlir::Type(mlir::Float32Type::get(root.op->getContext())) : root.getAccumulatorType();
  }
  mlir::Value toFactor(mlir::Value element);
  /// Points of k that one step takes.
  int64_t getStepPoints() const { return dot ? dot->getPoints() : 1; }
  /// Whether k is one dim: no window. Rows may then be copied together.
  bool isMatrix() const { return steps.size() == 1 && steps.front().extent.isConstant(); }
  bool rowsCollide();
  /// The first row of a tile.
  Index getFirstRow(Index tile);
  void emitCopyOfRows();
  /// `count` at once; returns the first of what is left, fewer than that.
  Index emitPanels(Index lower, Index upper, int64_t count);
  /// Of a tile's panels.
  Index getPanel(const Tile &tile, int64_t number) {
    return emitter.add(tile.panel, emitter.mul(panelDistance, number));
  }
  void emitPack(Index panel, int64_t panels);
  /// Whether sums are added to the totals after the current block of k.
  bool completesSum() const { return blockInSum + 1 == blocksPerSum; }
  /// Whether the current block of k is the last one.
  mlir::Value isLastBlock();
  void emitBlocksOfSteps(Index panel, int64_t panels);
  void emitTiles(Index panel, int64_t panels, llvm::function_ref<void(const Tile &tile)> emitOne);
  void emitTile(const Tile &tile);
  llvm::SmallVector<Indices> getPoints(const Tile &tile);
  Sums emitSums(const Tile &tile, llvm::ArrayRef<Indices> points);
  Buffer getSumsBuffer(int64_t panels);
  Index getSumsRow(const Tile &tile, Index row);
  void storeSums(const Sums &sums, const Tile &tile, int64_t first);
  Sums loadSums(const Tile &tile, Index first, int64_t count);
  void emitPrefetch(llvm::ArrayRef<Index> loops, const Tile &tile);
  /// How many points k has that a panel has elements of, and the number of the current one.
  std::pair<Index, Index> getStep(llvm::ArrayRef<Index> loops);
  void fetchByChunks(ContractionSteps &steps, const Tile &tile);
  void emitPrefetchAhead(llvm::ArrayRef<Index> loops, const Tile &tile, int64_t bytes);
  void emitPrefetchOfColumns(llvm::ArrayRef<Index> loops, const Tile &tile);
  void emitPrefetchOfResults(llvm::ArrayRef<Indices> points, const Tile &tile);
  bool fillsRegisters(int64_t rows, int64_t panels) const;
  bool hasCostlyEpilogue();
  void emitResults(llvm::ArrayRef<Indices> points, const Sums &sums, const Tile &tile);
  void emitResultsOfMemory(const Tile &tile);
  int64_t chooseImageRows(Index stepCount) const;
  bool splitRows(int64_t columnBlocks, double groupFlops);
  mlir::Value emitColumns(llvm::ArrayRef<Index> loops, Index panel, int64_t number);
  mlir::Value emitRowFactor(llvm::ArrayRef<Index> loops, Index row);
  void setPoint(Indices &point, llvm::ArrayRef<Dim> dims, Index linear);
  Indices getLoops(llvm::ArrayRef<Index> point);

  ValueEmitter &emitter;
  ContractionRoot root;
  llvm::SmallVector<mlir::Value> results;
  std::optional<DimTracker> tracker;
  const DimTracker::Reduction *output = nullptr;
  Indices at;                     ///< The batch dims are set, the others 0.
  llvm::SmallVector<Dim> outer;   ///< Batch dims.
  llvm::SmallVector<Dim> around;  ///< Image rows of a convolution whose tiles are within one.
  llvm::SmallVector<Dim> rowDims; ///< m; several if image rows are joined in tiles.
  std::optional<Dim> columnDim;
  llvm::SmallVector<LoopGroup> steps;
  int64_t packedWidth = 0;       ///< Columns of a panel in memory, if packed.
  int64_t panelWidth = 0;        ///< Columns of a panel as the tile sees it.
  int64_t tileRows = 0;          ///< Rows of a tile, at most.
  int64_t panelsAtOnce = 1;      ///< Panels of a tile.
  int64_t tilesPerBlock = 1;     ///< Tiles of a work group that share its panels, at most.
  int64_t imageRowsPerBlock = 1; ///< Of `around`, that share a work group's panels.
  Index rows, columns, tiles, panels, tilesLower, tilesUpper, imageRow, imageRowsLower, imageRowsUpper;
  mlir::AffineExpr rowsExpr;
  mlir::Value sumsMemory;       ///< For a tile's sums: what an epilogue needs would drive them from the registers.
  int64_t sumsRows = 0;         ///< Of that. With blocks of k, sums of all rows of a work group are there meanwhile.
  int64_t stepsPerBlock = 0;    ///< Points of k that all tiles take before any takes the next; 0: it has no blocks.
  Index firstStep;              ///< Of the current block.
  int64_t blocksPerSum = 1;     ///< Blocks of k that are added up before the total is; their sum waits behind totals.
  int64_t blockInSum = 0;       ///< The number of the current one.
  Index panelDistance = 1;      ///< Between neighbours of a tile's panels.
  std::optional<Buffer> packed; ///< Panels in scratch memory: [k][panel][NR].
  std::optional<Buffer> copied; ///< The work group's rows in scratch memory: [row][k].
  mlir::linalg::UnPackOp unpack;
  llvm::SmallVector<mlir::Value> addends; ///< Bindings that the epilogue reads at the place of the result.
  bool masksLoads = false;
  bool fewRows = false;
  std::optional<DotProduct> dot;        ///< If one instruction takes several points of k.
  std::optional<GroupScale> groupScale; ///< What multiplies sums instead of columns.
  bool sumsInFloats = false;            ///< Products of eight bits, of which a block's sum is exact in f32.
};

} // namespace torchc

#endif // TORCHC_CODEGEN_CONTRACTIONNEST_H
