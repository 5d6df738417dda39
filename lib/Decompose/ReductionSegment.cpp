//===- ReductionSegment.cpp - decompositions of reductions of the segments of a dim ---===//
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

/// A way to reduce, and what it makes of no elements.
struct SegmentReduction {
  double neutral;
  bool isMean = false;
  Value (*combine)(Value x, int64_t dim, Decomposer &b);
};

} // namespace

static std::optional<SegmentReduction> getReduction(Value reduce) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  auto sum = [](Value x, int64_t dim, Decomposer &b) { return b.sum(x, {dim}, false); };
  auto largest = [](Value x, int64_t dim, Decomposer &b) { return b.amax(x, {dim}, false); };
  auto smallest = [](Value x, int64_t dim, Decomposer &b) {
    return b.create<AtenAminOp>(x, b.list(ArrayRef<int64_t>{dim}), b.boolean(false));
  };
  auto product = [](Value x, int64_t dim, Decomposer &b) {
    return b.create<AtenProdDimIntOp>(x, b.integer(dim), b.boolean(false), b.none());
  };
  return llvm::StringSwitch<std::optional<SegmentReduction>>(getConstantString(reduce).value_or(""))
      .Case("sum", SegmentReduction{0, false, sum})
      .Case("mean", SegmentReduction{0, true, sum})
      .Case("max", SegmentReduction{-kInfinity, false, largest})
      .Case("min", SegmentReduction{kInfinity, false, smallest})
      .Case("prod", SegmentReduction{1, false, product})
      .Default(std::nullopt);
}

/// data [.., n, ..] and, by lengths or offsets [.., segments] along the same dim, which is their last
/// one: out[.., s, ..] reduces the elements from start s to its end, and `initial`, where it is given.
static FailureOr<Value> DecomposeAtenSegmentReduce(AtenSegmentReduceOp op, Decomposer &b) {
  Value data = op.getData(), bounds = isNone(op.getLengths()) ? op.getOffsets() : op.getLengths();
  auto reduction = getReduction(op.getReduce());
  auto initial = getConstantNumber(op.getInitial());
  Type dtype = getTensorType(data).getDtype();
  if (!reduction || isNone(bounds) || !isNone(op.getIndices()) || (!initial && !isNone(op.getInitial())) ||
      !isFloatDtype(dtype))
    return b.unsupported("in this form");
  // PyTorch, too, takes the dim from the bounds.
  int64_t dim = getRank(bounds) - 1;
  if (dim < 0 || dim >= getRank(data))
    return b.unsupported("lengths of this rank");
  Value starts, ends, one = b.integer(1), zero = b.integer(0);
  if (isNone(op.getLengths())) {
    starts = b.slice(bounds, dim, zero, b.integer(-1));
    ends = b.slice(bounds, dim, one, b.integer(std::numeric_limits<int64_t>::max()));
  } else {
    ends = b.create<AtenCumsumOp>(bounds, b.integer(dim), b.none());
    starts = b.subTensors(ends, bounds);
  }
  // [.., segments, n, ..]
  Value places = b.range(b.size(data, dim));
  Value isMember = b.create<AtenLogicalAndOp>(b.create<AtenGeTensorOp>(places, b.unsqueeze(starts, -1)),
                                              b.create<AtenLtTensorOp>(places, b.unsqueeze(ends, -1)));
  Value counts = b.subTensors(ends, starts);
  for (int64_t i = dim + 1; i < getRank(data); ++i) {
    isMember = b.unsqueeze(isMember, -1);
    counts = b.unsqueeze(counts, -1);
  }
  Type computed = getComputeDtype(dtype);
  Value spread = b.unsqueeze(b.convert(data, computed), dim);
  Value members = b.where(isMember, spread, b.literal(computed, reduction->neutral));
  if (initial) {
    // One more member of each segment.
    SmallVector<Value> sizes = b.sizes(members);
    sizes[dim + 1] = one;
    members = b.cat({members, b.full(sizes, op.getInitial(), computed)}, dim + 1);
  }
  Value result = reduction->combine(members, dim + 1, b);
  if (reduction->isMean) {
    // Of no elements NaN, or what was there to begin with.
    Value divisor = b.convert(initial ? b.create<AtenClampMinOp>(counts, one) : counts, computed);
    result = b.divTensors(result, divisor);
  }
  return b.convert(result, dtype);
}

void torchc::populateReductionSegmentPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenSegmentReduce);
}
