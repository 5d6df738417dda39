//===- Attention.cpp - softmax of scores, times values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Scores never leave the first-level cache. A work group takes up to kBlockRows queries of
// one head, and the keys in blocks that fit, with their values, in the second-level cache:
//
//   queries copied to scratch memory, each row behind the other
//   for block of keys:
//     keys packed in panels of NR, transposed; values packed in panels of NR columns
//     for tile of MR queries:
//       for panel of keys: for k: MR x NR multiply-adds; scores of the tile     [MR, block]
//       for row: peak, powers and sum of the block; what was summed before, for a lower
//         peak, is scaled down ("online" softmax)
//       for panel of columns: for key: MR x NR multiply-adds, on to the result so far
//   for row: result by sum, epilogue, store
//
// A block's powers are summed on their own, so rounding does not grow with all keys. MR and
// NR are those of a contraction. The last tile is computed in full, on the last query, and
// the rows beyond it are not stored. Keys beyond the last have the score -inf.
//
// Few queries read keys and values where they are: with a product of k along the lanes for each of as many keys as
// there are lanes, these products are transposed and added up. Where heads of queries share those of keys and values, a
// row of each such head makes up the tile.
//
// Order of sums: by the extents alone, whatever the number of threads.
//
// Grid: x blocks of queries, z the batch. A block has kBlockRows queries, as keys and values are packed for each again,
// or so many less that there are kFewestGroups groups, but not less than kLeastBlockRows.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/Strategy.h"

#include <numeric>

using namespace mlir;
using namespace torchc;

/// Of a work group: each packs all keys and values again.
static constexpr int64_t kBlockRows = 512;
/// For threads to end together, as long as each has so many rows.
static constexpr int64_t kFewestGroups = 16;
static constexpr int64_t kLeastBlockRows = 192;
/// Of a block's keys and values, in half of a small second-level cache.
static constexpr int64_t kBlockBytes = 128 << 10;
static constexpr int64_t kLineBytes = 64;
/// With fewer rows keys are better read as they are than packed.
static constexpr int64_t kLeastRowsToPack = 8;

namespace {
class AttentionNest {
public:
  AttentionNest(ValueEmitter &emitter, dispatch::AttentionOp op);
  Grid emit();

private:
  enum Input { kQuery, kKey, kValue };
  using Sums = SmallVector<Value>;
  using Combiner = function_ref<Value(Value, Value)>;

  Buffer allocate(ArrayRef<int64_t> extents);
  Value constant(double value) { return arith::ConstantOp::create(b, b.getFloatAttr(element, value)); }
  Value constants(double value) { return emitter.toVector(constant(value)); }
  Value emitInput(Input input, ArrayRef<Index> loops);
  Value emitMax(Value left, Value right);
  /// Sets the loops of row `row` of the work group's batch.
  void setRow(Indices &loops, Index row);
  void joinHeads();
  int64_t chooseBlockRows();
  /// A register tile: rows of `left` from `row` on, by what `emitFactors` gives of a panel at each step.
  Sums emitProducts(const Buffer &left, Index row, Index steps, function_ref<Value(Index)> emitFactors);

  void emitQueries(Index first, Index count);
  void emitKeys(Index first, Index count);
  void emitValues(Index first, Index count);
  Value emitValue(Index key, int64_t panel);
  Value emitDots(Index row, Index key);
  void emitScores(Index first, Index panels, Index row, Index rowInBlock);
  void storePartial(Index i, Value vector, Combiner combine);
  Value combinePartials(int64_t first, Combiner combine);
  Value combineColumns(ArrayRef<Value> rowVectors, Combiner combine);
  void emitSoftmax(Index panels, Index rowInBlock);
  void emitResults(Index first, Index count, Index rowInBlock);
  void emitRow(Index row, Index rowInBlock);

  ValueEmitter &emitter;
  ImplicitLocOpBuilder &b;
  dispatch::AttentionOp op;
  SmallVector<Value> results;
  Type element;
  unsigned lanes;        ///< Of a vector register.
  Indices at;            ///< The loops; those of the batch are set.
  unsigned numBatchDims; ///< Of the grid.
  Indices rowExtents;    ///< Of the dims that rows count.
  Index rows, keys;
  bool packs; ///< Whether keys and values are brought into another order.
  int64_t columns, inner;
  int64_t keyWidth, columnWidth; ///< NR of both products.
  int64_t tileRows;              ///< MR
  int64_t keysPerBlock, tilesPerBlock;
  Buffer queries;      ///< [row of the work group][k]
  Buffer packedKeys;   ///< [panel][k][NR]
  Buffer packedValues; ///< [panel][key][NR]
  Buffer scores;       ///< [row of the tile][key], then powers.
  Buffer peaks, sums;  ///< [row of the work group]
  Buffer bases;        ///< [row of the tile]: what is subtracted from its scores, the peak.
  Buffer scales;       ///< [row of the tile]: what the result so far is multiplied by.
  Buffer partials;     ///< [row of the tile][lane]
  Buffer output;       ///< [row of the work group][column], not yet divided by the sum.
};
} // namespace

AttentionNest::AttentionNest(ValueEmitter &emitter, dispatch::AttentionOp op)
    : emitter(emitter), b(emitter.getBuilder()), op(op) {
  llvm::append_range(results, getResults(emitter.getKernel()));
  auto type = cast<RankedTensorType>(op.getInit().getType());
  element = type.getElementType();
  lanes = emitter.getTarget().getLanes(element.getIntOrFloatBitWidth());
  at.assign(op.getNumLoops(), Index(0));
  joinHeads();
  keys = emitter.getExtent(op.getInputs()[kKey], op.getDim(kKey, op.getKeyLoop()));
  columns = type.getShape().back();
  inner = cast<RankedTensorType>(op.getInputs()[kKey].getType()).getDimSize(op.getDim(kKey, op.getInnerLoop()));

  keyWidth = 2 * lanes;
  columnWidth = columns <= lanes ? lanes : 2 * lanes;
  tileRows = emitter.getTarget().getTileRows(keyWidth, element.getIntOrFloatBitWidth());
  tilesPerBlock = std::max<int64_t>(1, getParameter(emitter.getKernel(), "block_rows", chooseBlockRows()) / tileRows);
  if (rows.isConstant() && rows.offset > 0) {
    int64_t tiles = llvm::divideCeil(rows.offset, tileRows), blocks = llvm::divideCeil(tiles, tilesPerBlock);
    tileRows = llvm::divideCeil(rows.offset, tiles);
    tilesPerBlock = llvm::divideCeil(tiles, blocks);
  }
  auto isInnermost = [&](Input input, unsigned loop) {
    return op.getDim(input, loop) + 1 == op.getIndexingMap(input).getNumResults();
  };
  packs = !rows.isConstant() || rows.offset >= kLeastRowsToPack || inner < lanes ||
          !isInnermost(kKey, op.getInnerLoop()) || !isInnermost(kValue, op.getColumnLoop());
  int64_t bytesPerKey = (inner + columns) * (element.getIntOrFloatBitWidth() / 8);
  keysPerBlock = std::max(keyWidth, kBlockBytes / bytesPerKey / keyWidth * keyWidth);
  if (keys.isConstant() && keys.offset > 0) {
    int64_t blocks = llvm::divideCeil(keys.offset, keysPerBlock);
    keysPerBlock = llvm::alignTo(llvm::divideCeil(keys.offset, blocks), keyWidth);
  }

  int64_t blockRows = tilesPerBlock * tileRows, lineElements = kLineBytes / (element.getIntOrFloatBitWidth() / 8);
  // Rows at distances of an odd number of cache lines do not drive one another from the cache.
  auto pad = [&](int64_t extent) -> int64_t { return (llvm::divideCeil(extent, lineElements) | 1) * lineElements; };
  const int64_t columnPanels = llvm::divideCeil(columns, columnWidth);
  queries = allocate({blockRows, pad(inner)});
  const int64_t paddedInner = llvm::alignTo(inner, lanes);
  if (packs) {
    packedKeys = allocate({keysPerBlock / keyWidth, paddedInner, keyWidth});
    packedValues = allocate({columnPanels, keysPerBlock, columnWidth});
  }
  scores = allocate({tileRows, pad(keysPerBlock)});
  peaks = allocate({blockRows});
  sums = allocate({blockRows});
  bases = allocate({tileRows});
  scales = allocate({tileRows});
  const int64_t paddedRows = llvm::alignTo(tileRows, lanes);
  partials = allocate({paddedRows, lanes});
  output = allocate({blockRows, columnPanels * columnWidth});
}

Buffer AttentionNest::allocate(ArrayRef<int64_t> extents) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  for (int64_t extent : extents)
    bytes *= extent;
  return emitter.getBuffer(emitter.allocateScratch(bytes), element, Indices(extents.begin(), extents.end()),
                           /*readOnly=*/false);
}

Value AttentionNest::emitInput(Input input, ArrayRef<Index> loops) {
  Indices point;
  for (AffineExpr expr : op.getIndexingMap(input).getResults())
    point.push_back(emitter.evaluate(expr, loops));
  return emitter.toVector(emitter.emit(op.getInputs()[input], point));
}

/// Heads that read the same keys and values, if each has few rows.
void AttentionNest::joinHeads() {
  rowExtents = {emitter.getExtent(op.getInit(), op.getRowLoop())};
  numBatchDims = op.getNumBatchDims();
  auto isFew = [](Index extent) { return extent.isConstant() && extent.offset < kLeastRowsToPack; };
  while (isFew(rowExtents.back()) && numBatchDims != 0 && !op.getIndexingMap(kKey).isFunctionOfDim(numBatchDims - 1) &&
         !op.getIndexingMap(kValue).isFunctionOfDim(numBatchDims - 1) &&
         emitter.getExtent(op.getInit(), numBatchDims - 1).isConstant())
    rowExtents.insert(rowExtents.begin(), emitter.getExtent(op.getInit(), --numBatchDims));
  rows = Index(1);
  for (Index extent : rowExtents)
    rows = emitter.mul(rows, extent);
}

/// Rows of a work group.
int64_t AttentionNest::chooseBlockRows() {
  int64_t batches = 1;
  for (int64_t extent : op.getInit().getType().getShape().take_front(numBatchDims))
    batches *= ShapedType::isDynamic(extent) ? 1 : std::min(extent, kFewestGroups);
  if (batches >= kFewestGroups)
    return kBlockRows;
  if (!rows.isConstant())
    return kLeastBlockRows;
  return std::clamp(rows.offset * batches / kFewestGroups, kLeastBlockRows, kBlockRows);
}

void AttentionNest::setRow(Indices &loops, Index row) {
  llvm::copy(emitter.delinearize(row, rowExtents), loops.begin() + numBatchDims);
}

/// nan loses: a row that has one becomes nan by its powers.
Value AttentionNest::emitMax(Value left, Value right) {
  Value isGreater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, left, right);
  return arith::SelectOp::create(b, isGreater, left, right);
}

/// The rows behind the last are copies of it.
void AttentionNest::emitQueries(Index first, Index count) {
  Index last = emitter.sub(rows, 1);
  emitter.emitLoop(0, count, 1, [&](Index row) {
    Indices loops(at);
    setRow(loops, emitter.min(emitter.add(first, row), last));
    emitter.emitLanes(0, inner, 2 * lanes, [&](Index k) {
      loops[op.getInnerLoop()] = k;
      emitter.store(emitInput(kQuery, loops), queries, {row, k});
    });
    ValueEmitter::LanesScope scalar(emitter, 1);
    emitter.store(constant(-std::numeric_limits<double>::infinity()), peaks, {row});
    emitter.store(constant(0), sums, {row});
    emitter.emitLanes(0, output.strides[0], 2 * lanes,
                      [&](Index column) { emitter.store(constants(0), output, {row, column}); });
  });
}

/// Keys behind the last are copies of it: their scores are set to -inf. Where k runs along memory,
/// squares are transposed in registers.
void AttentionNest::emitKeys(Index first, Index count) {
  const unsigned innermost = op.getIndexingMap(kKey).getNumResults() - 1;
  const bool isRowMajor = op.getDim(kKey, op.getInnerLoop()) == innermost;
  Index last = emitter.sub(keys, 1);
  emitter.emitLoop(0, emitter.ceilDiv(count, keyWidth), 1, [&](Index panel) {
    Index key = emitter.add(first, emitter.mul(panel, keyWidth)), lane(nullptr, 0, 1);
    Indices loops(at);
    if (!isRowMajor)
      return emitter.emitPanel(key, keys, keyWidth, [&] {
        loops[op.getKeyLoop()] = emitter.add(key, lane);
        emitter.emitLoop(0, inner, 1, [&](Index k) {
          loops[op.getInnerLoop()] = k;
          Value values = emitInput(kKey, loops);
          ValueEmitter::LanesScope all(emitter, keyWidth);
          emitter.store(values, packedKeys, {panel, k, lane});
        });
      });
    emitter.emitLanes(0, inner, lanes, [&](Index k) {
      const int64_t size = emitter.getWidth();
      loops[op.getInnerLoop()] = k;
      for (int64_t begin = 0; begin != keyWidth; begin += size) {
        SmallVector<Value> square;
        for (int64_t i = 0; i != size; ++i) {
          loops[op.getKeyLoop()] = emitter.min(emitter.add(key, begin + i), last);
          square.push_back(emitInput(kKey, loops));
        }
        ValueEmitter::LanesScope all(emitter, size);
        for (auto [i, column] : llvm::enumerate(emitter.transpose(square)))
          emitter.store(column, packedKeys,
                        {panel, emitter.add(Index(k.base, k.offset), i), Index(nullptr, begin, size == 1 ? 0 : 1)});
      }
    });
  });
}

void AttentionNest::emitValues(Index first, Index count) {
  emitter.emitLoop(0, count, 1, [&](Index key) {
    for (int64_t panel = 0; panel * columnWidth < columns; ++panel)
      emitter.emitPanel(panel * columnWidth, columns, columnWidth, [&] {
        Value values = emitValue(emitter.add(first, key), panel);
        ValueEmitter::LanesScope all(emitter, columnWidth);
        emitter.store(values, packedValues, {panel, key, Index(nullptr, 0, 1)});
      });
  });
}

/// Elements of a value, in panel `panel` of columns.
Value AttentionNest::emitValue(Index key, int64_t panel) {
  Indices loops(at);
  loops[op.getKeyLoop()] = key;
  loops[op.getColumnLoop()] = Index(nullptr, panel * columnWidth, 1);
  return emitInput(kValue, loops);
}

AttentionNest::Sums AttentionNest::emitProducts(const Buffer &left, Index row, Index steps,
                                                function_ref<Value(Index)> emitFactors) {
  return emitter.emitLoop(0, steps, 1, Sums(tileRows, constants(0)), [&](Index step, ValueRange carried) {
    Sums sums(carried);
    Value factors = emitFactors(step);
    for (int64_t i = 0; i != tileRows; ++i) {
      Value factor = emitter.toVector(emitter.load(left, {emitter.add(row, i), step}));
      sums[i] = LLVM::FMulAddOp::create(b, factor, factors, sums[i]);
    }
    return sums;
  });
}

/// Products of row `row` of the work group and the panel of keys from `key` on; keys behind the last are copies of it.
Value AttentionNest::emitDots(Index row, Index key) {
  Index last = emitter.sub(keys, 1);
  auto emitKeys = [&](bool isFull, Index first) -> Value {
    ValueEmitter::LanesScope all(emitter, lanes);
    Sums sums = emitter.emitLanes(0, inner, lanes, Sums(lanes, constants(0)), [&](Index k, ValueRange carried) {
      Sums sums(carried);
      Indices loops(at);
      loops[op.getInnerLoop()] = k;
      Value factors = emitter.load(queries, {row, k});
      for (unsigned i = 0; i != lanes; ++i) {
        Index own = emitter.add(first, i);
        loops[op.getKeyLoop()] = isFull ? own : emitter.min(own, last);
        Value elements = emitInput(kKey, loops);
        if (Value mask = emitter.getMask())
          elements = arith::SelectOp::create(b, mask, elements, constants(0));
        sums[i] = LLVM::FMulAddOp::create(b, factors, elements, sums[i]);
      }
      return sums;
    });
    return combineColumns(sums,
                          [&](Value left, Value right) -> Value { return arith::AddFOp::create(b, left, right); });
  };
  auto emitPanel = [&](bool isFull) -> Value {
    SmallVector<int64_t> order(keyWidth);
    std::iota(order.begin(), order.end(), 0);
    Value low = emitKeys(isFull, key), high = emitKeys(isFull, emitter.add(key, lanes));
    return vector::ShuffleOp::create(b, low, high, order);
  };
  ValueEmitter::LanesScope all(emitter, keyWidth);
  if (keys.isConstant() && keys.offset % keyWidth == 0)
    return emitPanel(true);
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, emitter.toValue(emitter.add(key, keyWidth)),
                                     emitter.toValue(keys));
  return emitter.emitIfValue(fits, [&] { return emitPanel(true); }, [&] { return emitPanel(false); });
}

void AttentionNest::emitScores(Index first, Index panels, Index row, Index rowInBlock) {
  Index lane(nullptr, 0, 1), last = emitter.sub(rows, 1);
  emitter.emitLoop(0, panels, 1, [&](Index panel) {
    Index begin = emitter.mul(panel, keyWidth), key = emitter.add(first, begin);
    auto storeScores = [&](Index i, Value products) {
      ValueEmitter::Scope scope(emitter);
      Indices loops(at);
      setRow(loops, emitter.min(emitter.add(row, i), last));
      loops[op.getKeyLoop()] = emitter.add(key, lane);
      Value score = emitter.toVector(emitter.emitScore(op, loops, products));
      if (Value mask = emitter.getMask())
        score = arith::SelectOp::create(b, mask, score, constants(-std::numeric_limits<double>::infinity()));
      ValueEmitter::LanesScope all(emitter, keyWidth);
      emitter.store(score, scores, {i, emitter.add(begin, lane)});
    };
    if (!packs)
      return emitter.emitLoop(0, tileRows, 1, [&](Index i) {
        Value products = emitDots(emitter.add(rowInBlock, i), key);
        emitter.emitPanel(key, keys, keyWidth, [&] { storeScores(i, products); });
      });
    Sums products;
    {
      ValueEmitter::LanesScope all(emitter, keyWidth);
      products =
          emitProducts(queries, rowInBlock, inner, [&](Index k) { return emitter.load(packedKeys, {panel, k, lane}); });
    }
    emitter.emitPanel(key, keys, keyWidth, [&] {
      for (int64_t i = 0; i != tileRows; ++i)
        storeScores(Index(i), products[i]);
    });
  });
}

/// Keeps a vector of partial results for row `i` of the tile: what its two halves combine to.
void AttentionNest::storePartial(Index i, Value vector, Combiner combine) {
  SmallVector<int64_t> low(lanes), high(lanes);
  std::iota(low.begin(), low.end(), 0);
  std::iota(high.begin(), high.end(), lanes);
  Value left = vector::ShuffleOp::create(b, vector, vector, low);
  Value right = vector::ShuffleOp::create(b, vector, vector, high);
  ValueEmitter::LanesScope half(emitter, lanes);
  emitter.store(combine(left, right), partials, {i, Index(nullptr, 0, 1)});
}

/// For as many rows from `first` on as there are lanes, what their partial results combine to: with a row
/// for each lane, no vector is taken apart.
Value AttentionNest::combinePartials(int64_t first, Combiner combine) {
  ValueEmitter::LanesScope all(emitter, lanes);
  SmallVector<Value> rowVectors;
  for (unsigned i = 0; i != lanes; ++i)
    rowVectors.push_back(emitter.load(partials, {Index(first + i), Index(nullptr, 0, 1)}));
  return combineColumns(rowVectors, combine);
}

/// What the elements of each vector combine to, for as many vectors as there are lanes.
Value AttentionNest::combineColumns(ArrayRef<Value> rowVectors, Combiner combine) {
  SmallVector<Value> columnVectors = emitter.transpose(rowVectors);
  for (unsigned count = lanes / 2; count != 0; count /= 2)
    for (unsigned i = 0; i != count; ++i)
      columnVectors[i] = combine(columnVectors[i], columnVectors[i + count]);
  return columnVectors.front();
}

void AttentionNest::emitSoftmax(Index panels, Index rowInBlock) {
  const double infinity = std::numeric_limits<double>::infinity();
  Index lane(nullptr, 0, 1);
  auto larger = [&](Value left, Value right) { return emitMax(left, right); };
  auto add = [&](Value left, Value right) -> Value { return arith::AddFOp::create(b, left, right); };
  auto emitRows = [&](Value init, Combiner combine, function_ref<Value(Index, Index)> emitElements) {
    emitter.emitLoop(0, tileRows, 1, [&](Index i) {
      ValueEmitter::LanesScope all(emitter, keyWidth);
      Value partial = emitter.emitLoop(0, panels, 1, {emitter.toVector(init)}, [&](Index panel, ValueRange carried) {
        return Sums{combine(emitElements(i, emitter.add(emitter.mul(panel, keyWidth), lane)), carried[0])};
      })[0];
      storePartial(i, partial, combine);
    });
  };
  auto emitStatistics = [&](function_ref<void(int64_t, Index)> body) {
    for (int64_t first = 0; first < tileRows; first += lanes)
      emitter.emitPanel(first, tileRows, lanes, [&] { body(first, Index(nullptr, first, 1)); });
  };

  emitRows(constant(-infinity), larger, [&](Index i, Index key) { return emitter.load(scores, {i, key}); });
  emitStatistics([&](int64_t first, Index row) {
    Index inBlock = emitter.add(rowInBlock, row);
    Value before = emitter.load(peaks, {inBlock}), peak = emitMax(combinePartials(first, larger), before);
    // exp(-inf - -inf) is 0 here.
    Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, peak, constants(-infinity));
    Value base = arith::SelectOp::create(b, isEmpty, constants(0), peak);
    emitter.store(peak, peaks, {inBlock});
    emitter.store(base, bases, {row});
    emitter.store(math::ExpOp::create(b, arith::SubFOp::create(b, before, base)), scales, {row});
  });
  emitRows(constant(0), add, [&](Index i, Index key) -> Value {
    Value base = emitter.toVector(emitter.load(bases, {i}));
    Value power = math::ExpOp::create(b, arith::SubFOp::create(b, emitter.load(scores, {i, key}), base));
    emitter.store(power, scores, {i, key});
    return power;
  });
  emitStatistics([&](int64_t first, Index row) {
    Index inBlock = emitter.add(rowInBlock, row);
    Value sum = LLVM::FMulAddOp::create(b, emitter.load(sums, {inBlock}), emitter.load(scales, {row}),
                                        combinePartials(first, add));
    emitter.store(sum, sums, {inBlock});
  });
}

void AttentionNest::emitResults(Index first, Index count, Index rowInBlock) {
  auto addProducts = [&](Index panel, function_ref<Value(Index)> emitFactors) {
    Sums products = emitProducts(scores, 0, count, emitFactors);
    for (int64_t i = 0; i != tileRows; ++i) {
      Indices place{emitter.add(rowInBlock, i), emitter.add(emitter.mul(panel, columnWidth), Index(nullptr, 0, 1))};
      Value factor = emitter.toVector(emitter.load(scales, {Index(i)}));
      Value sum = LLVM::FMulAddOp::create(b, emitter.load(output, place), factor, products[i]);
      emitter.store(sum, output, place);
    }
  };
  const int64_t panels = llvm::divideCeil(columns, columnWidth);
  Index lane(nullptr, 0, 1);
  if (packs) {
    ValueEmitter::LanesScope all(emitter, columnWidth);
    emitter.emitLoop(0, panels, 1, [&](Index panel) {
      addProducts(panel, [&](Index key) { return emitter.load(packedValues, {panel, key, lane}); });
    });
    return;
  }
  for (int64_t panel = 0; panel != panels; ++panel)
    emitter.emitPanel(panel * columnWidth, columns, columnWidth, [&] {
      addProducts(panel, [&](Index key) { return emitValue(emitter.add(first, key), panel); });
    });
}

void AttentionNest::emitRow(Index row, Index rowInBlock) {
  Value sum = emitter.load(sums, {rowInBlock});
  Value isEmpty;
  if (op.getZeroMaskedRows())
    isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, emitter.load(peaks, {rowInBlock}),
                                    constant(-std::numeric_limits<double>::infinity()));
  else if (!keys.isConstant())
    isEmpty = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, emitter.toValue(keys), emitter.emitConstant(0));
  Value divisor = isEmpty ? arith::SelectOp::create(b, isEmpty, constant(1), sum).getResult() : sum;
  setRow(at, row);
  emitter.emitLoop(0, llvm::divideCeil(columns, columnWidth), 1, [&](Index panel) {
    Index first = emitter.mul(panel, columnWidth), lane(nullptr, 0, 1);
    emitter.emitPanel(first, columns, columnWidth, [&] {
      ValueEmitter::Scope scope(emitter);
      Indices place(ArrayRef<Index>(at).take_front(op.getColumnLoop()));
      place.push_back(emitter.add(first, lane));
      Value result = emitter.load(output, {rowInBlock, place.back()});
      emitter.hold(op.getResult(), place, arith::DivFOp::create(b, result, emitter.toVector(divisor)));
      emitter.storeResults(results, place);
    });
  });
}

Grid AttentionNest::emit() {
  AffineExpr one = getAffineConstantExpr(1, op.getContext());
  Grid grid{one, one, one};
  const int64_t blockRows = tilesPerBlock * tileRows;
  grid.x = one;
  for (unsigned dim = numBatchDims; dim <= op.getRowLoop(); ++dim)
    grid.x = grid.x * emitter.getExtentExpr(op.getInit(), dim);
  grid.x = grid.x.ceilDiv(blockRows);
  Indices batch = emitter.getExtents(op.getInit());
  batch.truncate(numBatchDims);
  llvm::copy(emitter.delinearize(emitter.getWorkgroup(2), batch), at.begin());
  for (unsigned dim = numBatchDims; dim-- != 0;)
    grid.z = grid.z * emitter.getExtentExpr(op.getInit(), dim);
  Index first = emitter.mul(emitter.getWorkgroup(0), blockRows);
  Index count = emitter.min(emitter.sub(rows, first), blockRows);
  Index tiles = emitter.ceilDiv(count, tileRows);
  emitQueries(first, emitter.mul(tiles, tileRows));
  emitter.emitLoop(0, keys, keysPerBlock, [&](Index key) {
    Index keyCount = emitter.min(emitter.sub(keys, key), keysPerBlock);
    Index panels = emitter.ceilDiv(keyCount, keyWidth);
    if (packs) {
      emitKeys(key, keyCount);
      emitValues(key, keyCount);
    }
    emitter.emitLoop(0, tiles, 1, [&](Index tile) {
      Index rowInBlock = emitter.mul(tile, tileRows);
      emitScores(key, panels, emitter.add(first, rowInBlock), rowInBlock);
      emitSoftmax(panels, rowInBlock);
      emitResults(key, keyCount, rowInBlock);
    });
  });
  emitter.emitLoop(0, count, 1, [&](Index row) { emitRow(emitter.add(first, row), row); });
  return grid;
}

static dispatch::AttentionOp findAttention(dispatch::KernelOp kernel) {
  auto found = kernel.getBody().getOps<dispatch::AttentionOp>();
  return found.empty() ? dispatch::AttentionOp() : *found.begin();
}

static bool matchesAttention(dispatch::KernelOp kernel, const TargetInfo &) {
  return static_cast<bool>(findAttention(kernel));
}

static Grid emitAttention(ValueEmitter &emitter) {
  return AttentionNest(emitter, findAttention(emitter.getKernel())).emit();
}

/// Queries of a work group.
static constexpr Parameter kParameters[] = {{"block_rows", 4096}};

const Strategy torchc::kAttention = {"attention", kParameters, matchesAttention, emitAttention};
