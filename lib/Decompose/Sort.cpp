//===- Sort.cpp - decompositions of ops that order elements ---===//
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

namespace {
struct Sorted {
  Value values, places;
};
} // namespace

static Sorted sort(Value x, Value dim, Value descending, Decomposer &b) {
  Operation *op = b.createOp(AtenSortStableOp::getOperationName(), {}, {x, b.boolean(true), dim, descending});
  return {op->getResult(0), op->getResult(1)};
}

static Decomposed DecomposeAtenSort(AtenSortOp op, Decomposer &b) {
  Sorted sorted = sort(op.getSelf(), op.getDim(), op.getDescending(), b);
  return SmallVector<Value>{sorted.values, sorted.places};
}
static FailureOr<Value> DecomposeAtenArgsort(AtenArgsortOp op, Decomposer &b) {
  return sort(op.getSelf(), op.getDim(), op.getDescending(), b).places;
}
static FailureOr<Value> DecomposeAtenArgsortStable(AtenArgsortStableOp op, Decomposer &b) {
  return sort(op.getSelf(), op.getDim(), op.getDescending(), b).places;
}
static FailureOr<Value> DecomposeAtenMsort(AtenMsortOp op, Decomposer &b) {
  return sort(op.getSelf(), b.integer(0), b.boolean(false), b).values;
}

//===----------------------------------------------------------------------===//
// One element of the sorted dim
//===----------------------------------------------------------------------===//

/// The elements at `rank`, [.., 1, ..] along `dim`, and their places.
static Decomposed pick(const Sorted &sorted, Value rank, int64_t dim, bool keepdim, Decomposer &b) {
  SmallVector<Value> results;
  for (Value tensor : {sorted.values, sorted.places}) {
    Value picked = b.create<AtenGatherOp>(tensor, b.integer(dim), rank, b.boolean(false));
    results.push_back(keepdim ? picked : b.squeeze(picked, dim));
  }
  return results;
}

/// A tensor of rank 0 or one dim of a tensor, sorted; `keepdim` as asked for.
struct SortedDim {
  Value x;
  Sorted sorted;
  int64_t dim;
  bool keepdim; ///< False for a scalar, whose dim is taken off again.
};

static std::optional<SortedDim> sortDim(Value x, Value dimValue, Value keepdimValue, Decomposer &b) {
  auto constant = getConstantInt(dimValue);
  auto keepdim = getConstantBool(keepdimValue);
  auto dim = constant ? wrapDim(*constant, getRank(x)) : std::nullopt;
  if (!dim || !keepdim)
    return std::nullopt;
  bool isScalar = getRank(x) == 0;
  if (isScalar)
    x = b.unsqueeze(x, 0);
  return SortedDim{x, sort(x, b.integer(*dim), b.boolean(false), b), *dim, *keepdim && !isScalar};
}

/// How many NaNs the dim has, [.., 1, ..] as si64: they come last in order.
static Value countNans(const SortedDim &s, Decomposer &b) { return b.sum(b.create<AtenIsnanOp>(s.x), {s.dim}, true); }

static Decomposed DecomposeAtenKthvalue(AtenKthvalueOp op, Decomposer &b) {
  auto s = sortDim(op.getSelf(), op.getDim(), op.getKeepdim(), b);
  if (!s)
    return b.unsupported("a dim that is not constant");
  SmallVector<Value> sizes = b.sizes(s->x);
  sizes[s->dim] = b.integer(1);
  Value rank = b.full(sizes, b.sub(op.getK(), b.integer(1)), b.getBuilder().getIntegerType(64, true));
  return pick(s->sorted, rank, s->dim, s->keepdim, b);
}

/// The lower one of the two middle elements. NaN wins, or is left out (`ignoresNans`).
static Decomposed buildMedian(Value x, Value dim, Value keepdim, bool ignoresNans, Decomposer &b) {
  auto s = sortDim(x, dim, keepdim, b);
  if (!s)
    return b.unsupported("a dim that is not constant");
  Value nans = countNans(*s, b), size = b.size(s->x, s->dim), one = b.integer(1);
  // (size - nans - 1) / 2, or the first NaN
  Value numbers = b.create<AtenAddScalarOp>(b.create<AtenNegOp>(nans), size, one), rank;
  if (ignoresNans) {
    Value last = b.create<AtenClampMinOp>(b.create<AtenAddScalarOp>(numbers, b.integer(-1), one), b.integer(0));
    rank = b.create<AtenDivScalarModeOp>(last, b.integer(2), b.string("floor"));
  } else {
    Value middle = b.scalarTensor(b.floordiv(b.sub(size, one), b.integer(2)), getDtype(nans));
    rank = b.where(b.create<AtenEqScalarOp>(nans, b.integer(0)), middle, numbers);
  }
  return pick(s->sorted, rank, s->dim, s->keepdim, b);
}
static Decomposed DecomposeAtenMedianDim(AtenMedianDimOp op, Decomposer &b) {
  return buildMedian(op.getSelf(), op.getDim(), op.getKeepdim(), false, b);
}
static Decomposed DecomposeAtenNanmedianDim(AtenNanmedianDimOp op, Decomposer &b) {
  return buildMedian(op.getSelf(), op.getDim(), op.getKeepdim(), true, b);
}
/// NaN as a number of a dtype: of integers, what the conversion of the processor gives in PyTorch, whose
/// numbers of 8 and of 16 bits are the lower bits of one of 32.
static Value buildNan(mlir::Type dtype, Decomposer &b) {
  if (isa<mlir::FloatType>(dtype))
    return b.floating(std::numeric_limits<double>::quiet_NaN());
  unsigned width = dtype.getIntOrFloatBitWidth();
  if (width == 1)
    return b.integer(1);
  return b.integer(width < 32 ? 0 : llvm::minIntN(width));
}

static FailureOr<Value> buildMedianOfAll(Value x, bool ignoresNans, Decomposer &b) {
  x = b.flatten(x);
  // The median of no number is what a NaN is as such a number.
  Value missing = b.max(b.integer(0), b.sub(b.integer(1), b.size(x, 0)));
  if (getConstantInt(missing) != 0)
    x = b.create<AtenConstantPadNdOp>(x, b.list({b.integer(0), missing}), buildNan(getDtype(x), b));
  auto median = buildMedian(x, b.integer(0), b.boolean(false), ignoresNans, b);
  if (failed(median))
    return failure();
  return median->front();
}
static FailureOr<Value> DecomposeAtenMedian(AtenMedianOp op, Decomposer &b) {
  return buildMedianOfAll(op.getSelf(), false, b);
}
static FailureOr<Value> DecomposeAtenNanmedian(AtenNanmedianOp op, Decomposer &b) {
  return buildMedianOfAll(op.getSelf(), true, b);
}

/// The element that stands most often, the smallest of them, and its last place.
static Decomposed DecomposeAtenMode(AtenModeOp op, Decomposer &b) {
  auto s = sortDim(op.getSelf(), op.getDim(), op.getKeepdim(), b);
  if (!s)
    return b.unsupported("a dim that is not constant");
  Value values = s->sorted.values;
  // How long the run of equal elements is at each place: the longest run ends first at the smallest value.
  SmallVector<Value> shape(getRank(s->x), b.integer(1));
  shape[s->dim] = b.size(s->x, s->dim);
  Value dim = b.integer(s->dim), places = b.view(b.range(b.size(s->x, s->dim)), shape);
  Value before = b.create<AtenRollOp>(values, b.list(ArrayRef<int64_t>{1}), b.list({dim}));
  Value starts = b.where(b.create<AtenNeTensorOp>(values, before), places, b.literal(getDtype(places), 0));
  Value start = b.createOp(AtenCummaxOp::getOperationName(), {}, {starts, dim})->getResult(0);
  Value rank = b.create<AtenArgmaxOp>(b.subTensors(places, start), dim, b.boolean(true));
  Value value = b.create<AtenGatherOp>(values, b.integer(s->dim), rank, b.boolean(false));
  // The last place that holds it.
  Value found = b.where(b.create<AtenEqTensorOp>(s->x, value), places, b.literal(getDtype(places), 0));
  Value place = b.amax(found, {s->dim}, true);
  if (!s->keepdim) {
    value = b.squeeze(value, s->dim);
    place = b.squeeze(place, s->dim);
  }
  return SmallVector<Value>{value, place};
}

//===----------------------------------------------------------------------===//
// Quantiles
//===----------------------------------------------------------------------===//

/// The elements at rank q (n - 1) of the sorted dim, between two of them as `interpolation`
/// says; q [] or [k], its results in front.
static FailureOr<Value> buildQuantile(Operation *op, Value x, Value q, Value dimValue, Value keepdimValue,
                                      Value interpolationValue, bool ignoresNans, Decomposer &b) {
  auto keepdim = getConstantBool(keepdimValue);
  auto interpolation = getConstantString(interpolationValue);
  int64_t rank = getRank(x);
  if (!keepdim || !interpolation || (!isNone(dimValue) && !getConstantInt(dimValue)))
    return b.unsupported("an option that is not constant");
  bool isFlat = isNone(dimValue);
  auto s = isFlat ? sortDim(b.flatten(x), b.integer(0), b.boolean(true), b) : sortDim(x, dimValue, b.boolean(true), b);
  if (!s)
    return b.unsupported("a dim out of range");
  Type dtype = getDtype(x);
  Value values = s->sorted.values;
  // The dim last; then one rank for each q.
  int64_t last = getRank(values) - 1;
  auto toLast = [&](Value tensor) { return b.transpose(tensor, s->dim, last); };
  values = toLast(values);
  Value nans = toLast(countNans(*s, b)), size = b.size(s->x, s->dim);
  Value lastRank = b.convert(b.scalarTensor(b.sub(size, b.integer(1)), getDtype(nans)), dtype);
  bool isList = getRank(q) == 1;
  Value points = isList ? q : b.unsqueeze(q, 0);
  Value ranks;
  if (ignoresNans) {
    Value count = b.create<AtenClampMinOp>(b.subTensors(lastRank, b.convert(nans, dtype)), b.integer(0));
    ranks = b.mulTensors(points, count);
  } else {
    Value all = b.mulTensors(points, lastRank);
    ranks = b.where(b.create<AtenEqScalarOp>(nans, b.integer(0)), all, lastRank);
  }
  Type si64 = getDtype(nans);
  auto at = [&](Value rank) {
    return b.create<AtenGatherOp>(values, b.integer(last), b.convert(rank, si64), b.boolean(false));
  };
  SmallVector<Value> sizes = b.sizes(values);
  sizes[last] = b.size(points, 0);
  ranks = b.expand(ranks, sizes);
  Value low = b.create<AtenFloorOp>(ranks), high = b.create<AtenCeilOp>(ranks), result;
  if (*interpolation == "lower")
    result = at(low);
  else if (*interpolation == "higher")
    result = at(high);
  else if (*interpolation == "nearest")
    result = at(b.create<AtenRoundOp>(ranks));
  else {
    Value weight = *interpolation == "midpoint" ? b.literal(dtype, 0.5) : b.subTensors(ranks, low);
    result = b.create<AtenLerpTensorOp>(at(low), at(high), b.expand(weight, sizes));
  }
  // [.., q, ..] -> q in front
  result = b.transpose(result, s->dim, last);
  SmallVector<int64_t> order{s->dim};
  for (int64_t dim = 0; dim <= last; ++dim)
    if (dim != s->dim)
      order.push_back(dim);
  result = b.permute(result, order);
  if (*keepdim) {
    // All dims of the input, with 1 where it was reduced.
    SmallVector<Value> shape{b.size(points, 0)};
    for (int64_t dim = 0; dim < rank; ++dim)
      shape.push_back(isFlat || dim == s->dim ? b.integer(1) : b.size(x, dim));
    result = b.create<AtenReshapeOp>(result, b.list(shape));
  }
  return isList ? result : b.squeeze(result, 0);
}
template <typename Op> static FailureOr<Value> decomposeQuantile(Op op, Value q, bool ignoresNans, Decomposer &b) {
  return buildQuantile(op, op.getSelf(), q, op.getDim(), op.getKeepdim(), op.getInterpolation(), ignoresNans, b);
}
static FailureOr<Value> DecomposeAtenQuantile(AtenQuantileOp op, Decomposer &b) {
  return decomposeQuantile(op, op.getQ(), false, b);
}
static FailureOr<Value> DecomposeAtenQuantileScalar(AtenQuantileScalarOp op, Decomposer &b) {
  return decomposeQuantile(op, b.scalarTensor(op.getQ(), getDtype(op.getSelf())), false, b);
}
static FailureOr<Value> DecomposeAtenNanquantile(AtenNanquantileOp op, Decomposer &b) {
  return decomposeQuantile(op, op.getQ(), true, b);
}
static FailureOr<Value> DecomposeAtenNanquantileScalar(AtenNanquantileScalarOp op, Decomposer &b) {
  return decomposeQuantile(op, b.scalarTensor(op.getQ(), getDtype(op.getSelf())), true, b);
}

//===----------------------------------------------------------------------===//
// Places among sorted elements
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenBucketizeTensor(AtenBucketizeTensorOp op, Decomposer &b) {
  return b.createAs<AtenSearchsortedTensorOp>(op.getType(), op.getBoundaries(), op.getSelf(), op.getOutInt32(),
                                              op.getRight(), b.none(), b.none());
}
/// A float among boundaries that are integers makes floats of them.
static FailureOr<Value> buildSearchOfNumber(Operation *op, Value sequence, Value number, Value outInt32, Value right,
                                            Value side, Value sorter, Decomposer &b) {
  Type dtype = getDtype(sequence);
  if (isa<torch::FloatType>(number.getType()) && !isFloatDtype(dtype))
    dtype = b.getBuilder().getF32Type();
  return b.createAs<AtenSearchsortedTensorOp>(op->getResult(0).getType(), b.convert(sequence, dtype),
                                              b.scalarTensor(number, dtype), outInt32, right, side, sorter);
}
static FailureOr<Value> DecomposeAtenBucketizeScalar(AtenBucketizeScalarOp op, Decomposer &b) {
  return buildSearchOfNumber(op, op.getBoundaries(), op.getSelf(), op.getOutInt32(), op.getRight(), b.none(), b.none(),
                             b);
}
static FailureOr<Value> DecomposeAtenSearchsortedScalar(AtenSearchsortedScalarOp op, Decomposer &b) {
  return buildSearchOfNumber(op, op.getSortedSequence(), op.getSelf(), op.getOutInt32(), op.getRight(), op.getSide(),
                             op.getSorter(), b);
}

/// Whether any test element is the same
static FailureOr<Value> buildIsin(Value elements, Value tests, Value invertValue, Decomposer &b) {
  auto invert = getConstantBool(invertValue);
  if (!invert)
    return b.unsupported("an invert that is not constant");
  Value isSame = b.create<AtenEqTensorOp>(b.unsqueeze(elements, -1), b.flatten(tests));
  Value found = b.create<AtenAnyDimOp>(isSame, b.integer(-1), b.boolean(false));
  return *invert ? b.create<AtenLogicalNotOp>(found) : found;
}
static FailureOr<Value> DecomposeAtenIsinTensorTensor(AtenIsinTensorTensorOp op, Decomposer &b) {
  return buildIsin(op.getElements(), op.getTestElements(), op.getInvert(), b);
}
static FailureOr<Value> DecomposeAtenIsinTensorScalar(AtenIsinTensorScalarOp op, Decomposer &b) {
  Value test = b.scalarTensor(op.getTestElement(), getDtype(op.getElements()));
  return buildIsin(op.getElements(), test, op.getInvert(), b);
}
static FailureOr<Value> DecomposeAtenIsinScalarTensor(AtenIsinScalarTensorOp op, Decomposer &b) {
  Value element = b.scalarTensor(op.getElement(), getDtype(op.getTestElements()));
  return buildIsin(element, op.getTestElements(), op.getInvert(), b);
}

void torchc::populateSortPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenSort, DecomposeAtenArgsort, DecomposeAtenArgsortStable, DecomposeAtenMsort,
                    DecomposeAtenKthvalue, DecomposeAtenMedianDim, DecomposeAtenNanmedianDim, DecomposeAtenMedian,
                    DecomposeAtenNanmedian, DecomposeAtenMode);
  addDecompositions(patterns, DecomposeAtenQuantile, DecomposeAtenQuantileScalar, DecomposeAtenNanquantile,
                    DecomposeAtenNanquantileScalar);
  addDecompositions(patterns, DecomposeAtenBucketizeTensor, DecomposeAtenBucketizeScalar,
                    DecomposeAtenSearchsortedScalar, DecomposeAtenIsinTensorTensor, DecomposeAtenIsinTensorScalar,
                    DecomposeAtenIsinScalarTensor);
}
