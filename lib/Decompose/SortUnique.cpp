//===- SortUnique.cpp - decompositions of ops that leave out what is there twice ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Where equal elements are neighbours, a group starts at each that differs from the one before it.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static Type getIndexDtype(Decomposer &b) { return b.getBuilder().getIntegerType(64, /*isSigned=*/true); }

namespace {

/// Groups of equal elements of a dim whose order is given.
struct Groups {
  Value starts; ///< [groups]: where each starts.
  Value number; ///< [n]: the group of each element.
  Value counts; ///< [groups]: how many elements each has.
};

} // namespace

/// `rows` [n, ...]: equal ones are neighbours.
static Groups buildGroups(Value rows, Decomposer &b) {
  Value size = b.size(rows, 0), one = b.integer(1), zero = b.integer(0);
  Value before = b.create<AtenRollOp>(rows, b.list({one}), b.list({zero}));
  Value differs = b.create<AtenNeTensorOp>(rows, before);
  if (getRank(rows) > 1)
    differs =
        b.create<AtenAnyDimOp>(b.create<AtenReshapeOp>(differs, b.list({size, b.integer(-1)})), one, b.boolean(false));
  Value isFirst = b.create<AtenEqScalarOp>(b.range(size), zero);
  Value isStart = b.create<AtenLogicalOrOp>(differs, isFirst);
  Groups groups;
  groups.starts = b.select(findNonzero(isStart, b), 1, 0);
  groups.number = b.create<AtenAddScalarOp>(b.create<AtenCumsumOp>(isStart, zero, b.none()), b.integer(-1), one);
  Value end = b.full({one}, size, getIndexDtype(b));
  // Without elements there is no group whose end `end` is.
  Value next = b.slice(b.cat({groups.starts, end}, 0), 0, one, b.integer(std::numeric_limits<int64_t>::max()));
  groups.counts = b.subTensors(next, groups.starts);
  return groups;
}

/// What all unique ops return, from the groups of `x` along `dim` in the order of `places` (null: as
/// they are). Of a tensor without elements, and where a result is not asked for, it is empty.
static Decomposed buildUnique(Operation *op, Value x, int64_t dim, const Groups &groups, Value places,
                              ArrayRef<Value> inverseSizes, Value returnsInverse, Value returnsCounts, Decomposer &b) {
  Value starts = groups.starts, empty = b.full({b.integer(0)}, b.integer(0), getIndexDtype(b));
  if (places)
    starts = b.create<AtenIndexSelectOp>(places, b.integer(0), starts);
  SmallVector<Value> results{b.create<AtenIndexSelectOp>(x, b.integer(dim), starts)};
  Value inverse = groups.number;
  if (places)
    inverse = b.create<AtenScatterSrcOp>(b.full(b.sizes(inverse), b.integer(0), getIndexDtype(b)), b.integer(0), places,
                                         inverse);
  results.push_back(getConstantBool(returnsInverse) == true ? b.view(inverse, inverseSizes) : empty);
  results.push_back(getConstantBool(returnsCounts) == true ? groups.counts : empty);
  return results;
}

static bool areConstant(ValueRange flags) {
  return llvm::all_of(flags, [](Value flag) { return getConstantBool(flag).has_value(); });
}

static Decomposed DecomposeAten_Unique2(Aten_Unique2Op op, Decomposer &b) {
  if (!areConstant({op.getReturnInverse(), op.getReturnCounts()}))
    return b.unsupported("an option that is not constant");
  Operation *sorted = b.createOp(AtenSortStableOp::getOperationName(), {},
                                 {b.flatten(op.getSelf()), b.boolean(true), b.integer(0), b.boolean(false)});
  Groups groups = buildGroups(sorted->getResult(0), b);
  return buildUnique(op, b.flatten(op.getSelf()), 0, groups, sorted->getResult(1), b.sizes(op.getSelf()),
                     op.getReturnInverse(), op.getReturnCounts(), b);
}

/// Also unique_dim_consecutive, whose dim is never None.
template <typename Op> static Decomposed decomposeConsecutive(Op op, Decomposer &b) {
  Value self = op.getSelf();
  auto constant = getConstantInt(op.getDim());
  if (!areConstant({op.getReturnInverse(), op.getReturnCounts()}) || (!isNone(op.getDim()) && !constant))
    return b.unsupported("an option that is not constant");
  if (!constant) {
    Value x = b.flatten(self);
    return buildUnique(op, x, 0, buildGroups(x, b), Value(), b.sizes(self), op.getReturnInverse(), op.getReturnCounts(),
                       b);
  }
  auto dim = wrapDim(*constant, getRank(self));
  if (!dim || getRank(self) == 0)
    return b.unsupported("a dim out of range");
  if (getRank(op->getResult(0)) != getRank(self))
    return b.unsupported("whose result the file gives another rank than its input, as torch.export does for a dim "
                         "below 0");
  Groups groups = buildGroups(b.transpose(self, 0, *dim), b);
  return buildUnique(op, self, *dim, groups, Value(), {b.size(self, *dim)}, op.getReturnInverse(), op.getReturnCounts(),
                     b);
}

/// How many of `rows` [n, m] stand before each in lexicographic order; equal ones stay in theirs.
static Value buildRanks(Value rows, Decomposer &b) {
  Value mine = b.unsqueeze(rows, 1), other = b.unsqueeze(rows, 0);
  Value differs = b.create<AtenNeTensorOp>(mine, other);
  // The first column that differs decides: argmax of bools gives the first true one.
  Value column = b.create<AtenArgmaxOp>(b.convert(differs, getIndexDtype(b)), b.integer(-1), b.boolean(true));
  Value isLess = b.create<AtenGatherOp>(b.create<AtenLtTensorOp>(other, mine), b.integer(-1), column, b.boolean(false));
  Value isSame = b.create<AtenLogicalNotOp>(b.create<AtenAnyDimOp>(differs, b.integer(-1), b.boolean(false)));
  Value numbers = b.range(b.size(rows, 0));
  Value isEarlier = b.create<AtenLtTensorOp>(b.unsqueeze(numbers, 0), b.unsqueeze(numbers, 1));
  Value stands = b.create<AtenLogicalOrOp>(b.squeeze(isLess, -1), b.create<AtenLogicalAndOp>(isSame, isEarlier));
  return b.sum(stands, {1}, false);
}

static Decomposed DecomposeAtenUniqueDim(AtenUniqueDimOp op, Decomposer &b) {
  auto constant = getConstantInt(op.getDim());
  int64_t rank = getRank(op.getSelf());
  auto dim = constant ? wrapDim(*constant, rank) : std::nullopt;
  if (!dim || rank == 0 || !areConstant({op.getReturnInverse(), op.getReturnCounts()}))
    return b.unsupported("an option that is not constant");
  if (getTensorType(op.getSelf()).getSizes()[*dim] == 0) {
    Value empty = b.full({b.integer(0)}, b.integer(0), getIndexDtype(b));
    return SmallVector<Value>{op.getSelf(), empty, empty};
  }
  if (llvm::is_contained(getTensorType(op.getSelf()).getSizes(), 0))
    return b.unsupported("of a tensor without elements");
  SmallVector<int64_t> order{*dim};
  for (int64_t other = 0; other < rank; ++other)
    if (other != *dim)
      order.push_back(other);
  Value x = b.permute(op.getSelf(), order), size = b.size(x, 0);
  Value rows = b.create<AtenReshapeOp>(x, b.list({size, b.integer(-1)}));
  Value places = b.create<AtenScatterSrcOp>(b.full({size}, b.integer(0), getIndexDtype(b)), b.integer(0),
                                            buildRanks(rows, b), b.range(size));
  Groups groups = buildGroups(b.create<AtenIndexSelectOp>(rows, b.integer(0), places), b);
  return buildUnique(op, op.getSelf(), *dim, groups, places, {size}, op.getReturnInverse(), op.getReturnCounts(), b);
}

void torchc::populateSortUniquePatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAten_Unique2, decomposeConsecutive<AtenUniqueConsecutiveOp>,
                    decomposeConsecutive<AtenUniqueDimConsecutiveOp>, DecomposeAtenUniqueDim);
}
