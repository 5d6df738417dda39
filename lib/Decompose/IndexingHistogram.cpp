//===- IndexingHistogram.cpp - decompositions of ops that count in bins ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Lower and upper end of the range of a histogram, or that of the data; a margin on both sides where they
/// are equal.
static std::pair<Value, Value> getRange(Value x, double low, double high, bool isOfData, double margin, Decomposer &b) {
  Type dtype = getDtype(x);
  Value first = b.literal(dtype, low), last = b.literal(dtype, high);
  if (isOfData && !llvm::is_contained(getTensorType(x).getSizes(), 0)) {
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, getTensorType(x).getRank()));
    first = b.create<AtenAminOp>(x, b.list(dims), b.boolean(false));
    last = b.amax(x, dims, false);
  }
  Value isPoint = b.create<AtenEqTensorOp>(first, last);
  return {b.where(isPoint, b.addNumber(first, -margin), first), b.where(isPoint, b.addNumber(last, margin), last)};
}

namespace {

/// The bin of each element, and whether it has one.
struct Bins {
  Value number, isInside;
};

} // namespace

/// The sum of the weights, or the number, of the elements of each of `count` bins.
static Value countBins(const Bins &bins, Value weight, Value count, Type dtype, Decomposer &b) {
  // Those outside have a bin of their own, which is left out.
  Value number = b.where(bins.isInside, bins.number, b.scalarTensor(count, getDtype(bins.number)));
  Value zeros = b.full({b.add(count, b.integer(1))}, b.integer(0), dtype);
  Value terms = weight ? b.convert(b.flatten(weight), dtype) : b.literal(dtype, 1);
  Value sums = b.create<AtenIndexPutOp>(zeros, b.list({number}, number.getType()), terms, b.boolean(true));
  return b.slice(sums, 0, b.integer(0), count);
}

static FailureOr<Value> DecomposeAtenHistc(AtenHistcOp op, Decomposer &b) {
  auto bins = getConstantInt(op.getBins());
  auto low = getConstantNumber(op.getMin()), high = getConstantNumber(op.getMax());
  Type dtype = getDtype(op.getSelf());
  if (!bins || !low || !high || !isFloatDtype(dtype))
    return b.unsupported("a number that is not constant, or on a dtype that is not floating point");
  Value x = b.flatten(b.convert(op.getSelf(), getComputeDtype(dtype)));
  auto [first, last] = getRange(x, *low, *high, *low == *high, 1, b);
  Value place =
      b.divTensors(b.mulNumber(b.subTensors(x, first), static_cast<double>(*bins)), b.subTensors(last, first));
  Value isInside = b.create<AtenLogicalAndOp>(b.create<AtenGeTensorOp>(x, first), b.create<AtenLeTensorOp>(x, last));
  // The upper end belongs to the last bin.
  place = b.where(isInside, place, b.literal(getDtype(x), 0));
  Value bin = b.create<AtenClampMaxOp>(b.convert(place, b.getBuilder().getIntegerType(64, true)), b.integer(*bins - 1));
  return b.convert(countBins({bin, isInside}, Value(), op.getBins(), getDtype(x), b), dtype);
}

//===----------------------------------------------------------------------===//
// By edges
//===----------------------------------------------------------------------===//

/// Between which edges a vector's elements lie: each bin is without its upper end but for the last.
static Bins findBins(Value x, Value edges, Decomposer &b) {
  Value none = b.none(), one = b.integer(1), last = b.select(edges, 0, -1);
  Value above = b.create<AtenSearchsortedTensorOp>(edges, x, b.boolean(false), b.boolean(true), none, none);
  Value number = b.create<AtenAddScalarOp>(above, b.integer(-1), one);
  number = b.create<AtenClampMaxOp>(number, b.sub(b.size(edges, 0), b.integer(2)));
  Value isInside =
      b.create<AtenLogicalAndOp>(b.create<AtenGeTensorOp>(x, b.select(edges, 0, 0)), b.create<AtenLeTensorOp>(x, last));
  return {number, isInside};
}

/// The ends of a range, or none.
using Ends = std::optional<std::pair<double, double>>;

/// The edges of so many bins of a vector, as linspace makes them: from the nearer end. Without data, the
/// range is from 0 to 1.
static Value buildEdges(Value x, int64_t bins, Ends ends, Decomposer &b) {
  auto [low, high] = ends.value_or(std::pair(0.0, 1.0));
  auto [first, last] = getRange(x, low, high, !ends, 0.5, b);
  auto count = static_cast<double>(bins);
  Value steps = b.convert(b.range(b.integer(bins + 1)), getDtype(x));
  Value step = b.mulNumber(b.subTensors(last, first), 1.0 / count);
  Value fromStart = b.addTensors(b.mulTensors(steps, step), first);
  Value fromEnd = b.subTensors(last, b.mulTensors(b.addNumber(b.create<AtenNegOp>(steps), count), step));
  return b.where(b.create<AtenLtScalarOp>(steps, b.integer((bins + 1) / 2)), fromStart, fromEnd);
}

/// The counts of the rows [n, d] of a tensor between the edges of each column, [bins, ...]; `density`
/// divides by the sum and by the widths.
static FailureOr<Value> buildCounts(ArrayRef<Value> columns, ArrayRef<Value> edges, Value weight, Value densityValue,
                                    Decomposer &b) {
  auto density = getConstantBool(densityValue);
  if (!density)
    return b.unsupported("a density that is not constant");
  Type dtype = getDtype(columns.front());
  Bins all;
  SmallVector<Value> sizes;
  Value total = b.integer(1);
  for (auto [column, edge] : llvm::zip_equal(columns, edges)) {
    Bins bins = findBins(column, edge, b);
    sizes.push_back(b.sub(b.size(edge, 0), b.integer(1)));
    total = b.mul(total, sizes.back());
    if (!all.number) {
      all = bins;
      continue;
    }
    all.number = b.addTensors(b.create<AtenMulScalarOp>(all.number, sizes.back()), bins.number);
    all.isInside = b.create<AtenLogicalAndOp>(all.isInside, bins.isInside);
  }
  Value counts = b.view(countBins(all, isNone(weight) ? Value() : weight, total, dtype, b), sizes);
  if (!*density)
    return counts;
  counts = b.divTensors(counts, b.create<AtenSumOp>(counts, b.none()));
  for (auto [dim, edge] : llvm::enumerate(edges)) {
    Value widths = b.subTensors(b.slice(edge, 0, b.integer(1), b.integer(std::numeric_limits<int64_t>::max())),
                                b.slice(edge, 0, b.integer(0), b.integer(-1)));
    for (size_t i = dim + 1; i < edges.size(); ++i)
      widths = b.unsqueeze(widths, -1);
    counts = b.divTensors(counts, widths);
  }
  return counts;
}

/// The ends of each column's range.
static FailureOr<SmallVector<Ends>> getEnds(Value range, size_t columns, Decomposer &b) {
  SmallVector<Ends> ends(columns);
  if (isNone(range))
    return ends;
  auto elements = getListElements(range);
  if (!elements || elements->size() != 2 * columns)
    return b.unsupported("a range that is not constant");
  for (size_t i = 0; i < columns; ++i) {
    auto low = getConstantNumber((*elements)[2 * i]), high = getConstantNumber((*elements)[2 * i + 1]);
    if (!low || !high)
      return b.unsupported("a range that is not constant");
    ends[i] = std::pair(*low, *high);
  }
  return ends;
}

static Decomposed DecomposeAtenHistogramBinsTensor(AtenHistogramBinsTensorOp op, Decomposer &b) {
  auto counts = buildCounts(b.flatten(op.getSelf()), op.getBins(), op.getWeight(), op.getDensity(), b);
  if (failed(counts))
    return failure();
  return SmallVector<Value>{*counts, op.getBins()};
}
static Decomposed DecomposeAtenHistogramBinCt(AtenHistogramBinCtOp op, Decomposer &b) {
  auto bins = getConstantInt(op.getBins());
  auto ends = getEnds(op.getRange(), 1, b);
  if (failed(ends))
    return failure();
  if (!bins)
    return b.unsupported("a number of bins that is not constant");
  Value x = b.flatten(op.getSelf()), edges = buildEdges(x, *bins, ends->front(), b);
  auto counts = buildCounts(x, edges, op.getWeight(), op.getDensity(), b);
  if (failed(counts))
    return failure();
  return SmallVector<Value>{*counts, edges};
}

/// The last dim of self holds the columns.
static FailureOr<SmallVector<Value>> getColumns(Value self, Decomposer &b) {
  BaseTensorType type = getTensorType(self);
  if (type.getRank() < 2 || ShapedType::isDynamic(type.getSizes().back()))
    return b.unsupported("of a number of columns that is not static");
  SmallVector<Value> columns;
  for (int64_t i = 0; i < type.getSizes().back(); ++i)
    columns.push_back(b.flatten(b.select(self, -1, i)));
  return columns;
}
/// The edges of each column, so many as `bins` says.
static FailureOr<SmallVector<Value>> buildColumnEdges(ArrayRef<Value> columns, ArrayRef<int64_t> bins, Value range,
                                                      Decomposer &b) {
  auto ends = getEnds(range, columns.size(), b);
  if (failed(ends))
    return failure();
  SmallVector<Value> edges;
  for (auto [i, column] : llvm::enumerate(columns))
    edges.push_back(buildEdges(column, bins[i], (*ends)[i], b));
  return edges;
}
template <typename Op>
static Decomposed decomposeHistogramdd(Op op, ArrayRef<Value> columns, FailureOr<SmallVector<Value>> edges,
                                       Decomposer &b) {
  if (failed(edges))
    return failure();
  auto counts = buildCounts(columns, *edges, op.getWeight(), op.getDensity(), b);
  if (failed(counts))
    return failure();
  return SmallVector<Value>{*counts, buildTensorList(op, *edges, b, 1)};
}
static Decomposed DecomposeAtenHistogramdd(AtenHistogramddOp op, Decomposer &b) {
  auto columns = getColumns(op.getSelf(), b);
  auto bins = getConstantIntList(op.getBins());
  if (failed(columns))
    return failure();
  if (!bins || bins->size() != columns->size())
    return b.unsupported("numbers of bins that are not constant");
  return decomposeHistogramdd(op, *columns, buildColumnEdges(*columns, *bins, op.getRange(), b), b);
}
static Decomposed DecomposeAtenHistogramddIntBins(AtenHistogramddIntBinsOp op, Decomposer &b) {
  auto columns = getColumns(op.getSelf(), b);
  auto bins = getConstantInt(op.getBins());
  if (failed(columns))
    return failure();
  if (!bins)
    return b.unsupported("a number of bins that is not constant");
  SmallVector<int64_t> numbers(columns->size(), *bins);
  return decomposeHistogramdd(op, *columns, buildColumnEdges(*columns, numbers, op.getRange(), b), b);
}
static Decomposed DecomposeAtenHistogramddTensorListBins(AtenHistogramddTensorListBinsOp op, Decomposer &b) {
  auto columns = getColumns(op.getSelf(), b);
  auto edges = getListElements(op.getBins());
  if (failed(columns))
    return failure();
  if (!edges || edges->size() != columns->size())
    return b.unsupported("a list of unknown length");
  return decomposeHistogramdd(op, *columns, *edges, b);
}

/// How many elements are each of 0, 1, ..., or the sum of their weights; at least `minlength` numbers.
static FailureOr<Value> DecomposeAtenBincount(AtenBincountOp op, Decomposer &b) {
  auto least = getConstantInt(op.getMinlength());
  if (!least)
    return b.unsupported("a minlength that is not constant");
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true), dtype = getResultDtype(op);
  Value x = b.convert(op.getSelf(), si64);
  Value largest = b.amax(b.cat({x, b.full({b.integer(1)}, b.integer(*least - 1), si64)}, 0), {0}, false);
  Value count = b.createAs<AtenItemOp>(IntType::get(op.getContext()), b.addTensors(largest, b.literal(si64, 1)));
  Value weights =
      isNone(op.getWeights()) ? b.full({b.size(x, 0)}, b.integer(1), dtype) : b.convert(op.getWeights(), dtype);
  return b.create<AtenScatterReduceTwoOp>(b.full({count}, b.integer(0), dtype), b.integer(0), x, weights,
                                          b.string("sum"), b.boolean(true));
}

void torchc::populateIndexingHistogramPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenHistc, DecomposeAtenHistogramBinsTensor, DecomposeAtenHistogramBinCt,
                    DecomposeAtenHistogramdd, DecomposeAtenHistogramddIntBins, DecomposeAtenHistogramddTensorListBins,
                    DecomposeAtenBincount);
}
