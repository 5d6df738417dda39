//===- Rows.cpp - elementwise kernels, reductions and groups of row operations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The results of a kernel without contraction are visited in memory order. Dims
// that every tensor has side by side run as one loop. If reductions are among
// the producers (softmax, layer norm, a mean), the dims that their results
// depend on, the row, come first: reductions are computed once a row, then what
// is left of the results' dims is visited.
//
//   for row in work group:               all dims that reductions depend on
//     reductions of the row              each one pass over its input
//     for other dims, lanes along the innermost: results
//
// Values of a row that are costly and used twice are written to the result's row on
// the first pass and read back on the second.
//
// Lanes run along the innermost dim of the results, two vector registers of f32
// wide; with fewer, loop overhead shows, with more, the constants of math
// polynomials are spilled. If that dim is one of a row whose reductions run along
// contiguous memory themselves (a sum over the last dim), the row is a scalar.
//
// Grid: x counts equal ranges of units, a unit being one row or one block of
// kBlockLanes lanes, as many a group as make up kWorkPerGroup.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/DimAnalysis.h"
#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

static constexpr int64_t kBlockLanes = 4096;
/// From this cost on, see `getBodyCost`, values are kept for a second pass.
static constexpr double kRecordedCost = 10;

namespace {
/// A loop over dims of the results that were joined.
struct NestLoop {
  LoopGroup group;
  AffineExpr extentExpr;
  bool row = false;
};

/// A tensor of which a result's memory, that of `roots[position]`, holds the row for now.
struct Held {
  Value tensor;
  unsigned position;
};

class RowNest {
public:
  RowNest(ValueEmitter &emitter, ArrayRef<unsigned> results);
  /// Cuts the nest to units and says how many there are.
  AffineExpr countUnits();
  double estimateUnits();
  void emitUnits(Index lower, Index upper);

private:
  void emitUnit(Index unit);
  void emitInner(unsigned depth);
  void emitInLanes(function_ref<void()> body);
  void emitReductions();
  std::optional<unsigned> findRecorder(const DimTracker::Reduction &reduction);
  bool isFree(unsigned position, Operation *next) const;
  void dropHeld(function_ref<bool(const Held &)> isOver);

  ValueEmitter &emitter;
  SmallVector<unsigned> results;
  SmallVector<Value> roots; ///< What is visited, for each result.
  Indices at;               ///< The current point of the roots.
  SmallVector<NestLoop> rows, others;
  std::optional<NestLoop> lanes; ///< The innermost loop, where it is vectorised.
  Index lanesLower, lanesUpper;
  std::optional<DimTracker> tracker;
  SmallVector<Held> held;
  llvm::SmallPtrSet<Operation *, 4> reduced; ///< The reductions that are computed.
};
} // namespace

/// A result that is only a reshaped view is visited in the shape before.
static Value skipReshapes(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op) || !op->getOperand(0).getDefiningOp())
      break;
    tensor = op->getOperand(0);
  }
  return tensor;
}

RowNest::RowNest(ValueEmitter &emitter, ArrayRef<unsigned> results) : emitter(emitter), results(results) {
  OperandRange returned = getResults(emitter.getKernel());
  for (unsigned result : results)
    roots.push_back(results.size() == 1 ? skipReshapes(returned[result]) : returned[result]);
  Indices extents = emitter.getExtents(roots.front());
  tracker.emplace(emitter, extents);
  for (Value root : roots)
    tracker->trackRoot(root);
  at.assign(extents.size(), Index(0));

  uint64_t rowDims = 0;
  for (const DimTracker::Reduction &reduction : tracker->getReductions())
    rowDims |= reduction.getDepends();
  // A group holds row dims or others, not both.
  tracker->separateKinds([&](unsigned id) { return rowDims >> id & 1; });
  bool hasReductions = !tracker->getReductions().empty();

  SmallVector<NestLoop> loops;
  for (const LoopGroup &group : tracker->getGroups()) {
    NestLoop loop{group, getAffineConstantExpr(1, emitter.getBuilder().getContext()), false};
    for (unsigned dim = group.first; dim <= group.last; ++dim)
      loop.extentExpr = loop.extentExpr * emitter.getExtentExpr(roots.front(), dim);
    loop.row = !hasReductions || (rowDims >> group.last & 1);
    loops.push_back(loop);
  }
  bool vectorize = ValueEmitter::canVectorize(emitter.getKernel()) && !loops.empty();
  if (vectorize && hasReductions && loops.back().row)
    for (const DimTracker::Reduction &reduction : tracker->getReductions())
      if ((reduction.getDepends() >> loops.back().group.last & 1) &&
          ValueEmitter::reducesAlongLanes(cast<linalg::LinalgOp>(reduction.result.getOwner())))
        vectorize = false;
  if (vectorize)
    lanes = loops.pop_back_val();
  for (const NestLoop &loop : loops)
    (loop.row ? rows : others).push_back(loop);
}

AffineExpr RowNest::countUnits() {
  AffineExpr units = getAffineConstantExpr(1, emitter.getBuilder().getContext());
  for (const NestLoop &loop : rows)
    units = units * loop.extentExpr;
  if (lanes && lanes->row)
    units = units * lanes->extentExpr.ceilDiv(kBlockLanes);
  return units;
}

void RowNest::emitUnits(Index lower, Index upper) {
  emitter.emitLoop(lower, upper, 1, [&](Index unit) { emitUnit(unit); });
}

void RowNest::emitUnit(Index unit) {
  if (lanes) {
    lanesLower = 0;
    lanesUpper = lanes->group.extent;
    if (lanes->row && !(lanesUpper.isConstant() && lanesUpper.offset <= kBlockLanes)) {
      Index blocks = emitter.ceilDiv(lanesUpper, kBlockLanes);
      bool single = rows.empty();
      Index block = single ? unit : emitter.mod(unit, blocks);
      unit = single ? Index(0) : emitter.div(unit, blocks);
      lanesLower = emitter.mul(block, kBlockLanes);
      lanesUpper = emitter.min(lanesUpper, emitter.add(lanesLower, kBlockLanes));
    }
  }
  Indices extents = llvm::map_to_vector<4>(rows, [](const NestLoop &loop) { return loop.group.extent; });
  for (auto [loop, index] : llvm::zip_equal(rows, emitter.delinearize(unit, extents)))
    at[loop.group.last] = index;
  auto inRow = [&] {
    emitReductions();
    emitInner(0);
    dropHeld([](const Held &) { return true; });
    reduced.clear();
  };
  if (lanes && lanes->row)
    emitInLanes(inRow);
  else
    inRow();
}

void RowNest::emitInLanes(function_ref<void()> body) {
  unsigned width = emitter.getTarget().getPanelWidth();
  emitter.emitLanes(lanesLower, lanesUpper, width, [&](Index index) {
    at[lanes->group.last] = index;
    body();
  });
}

/// The values that a reduction sums and the results need again, if they take a
/// polynomial to compute (softmax's exponentials): the first operand of `op`.
std::optional<unsigned> RowNest::findRecorder(const DimTracker::Reduction &reduction) {
  auto op = cast<linalg::LinalgOp>(reduction.result.getOwner());
  Value input = op.getNumDpsInputs() == 1 ? op.getDpsInputOperand(0)->get() : Value();
  auto producer = input ? input.getDefiningOp<linalg::LinalgOp>() : linalg::LinalgOp();
  if (!producer || producer.getNumReductionLoops() != 0 || input.hasOneUse() || !tracker->hasDimsOfNest(input) ||
      !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity() || getBodyCost(producer) < kRecordedCost)
    return std::nullopt;
  // The pass goes through elements of this row alone, not of others that are computed already.
  auto isWithin = [&](const NestLoop &loop) { return reduction.getDepends() >> loop.group.last & 1; };
  if (!llvm::all_of(rows, isWithin) || (lanes && lanes->row && !isWithin(*lanes)))
    return std::nullopt;
  for (unsigned position = 0; position != roots.size(); ++position)
    if (roots[position].getType() == input.getType() && roots[position] != input && isFree(position, producer))
      return position;
  return std::nullopt;
}

/// Whether the memory of a result holds nothing that is read after `next`, which reads it where it writes.
bool RowNest::isFree(unsigned position, Operation *next) const {
  return llvm::all_of(held, [&](const Held &value) {
    return value.position != position || llvm::all_of(value.tensor.getUsers(), [&](Operation *user) {
             return user == next || reduced.contains(user);
           });
  });
}

void RowNest::emitReductions() {
  for (const DimTracker::Reduction &reduction : tracker->getReductions()) {
    auto indices = reduction.getIndices(at);
    if (!indices)
      continue;
    std::optional<unsigned> recorder = findRecorder(reduction);
    reduced.insert(reduction.result.getOwner());
    if (!recorder) {
      emitter.emit(reduction.result, *indices);
      continue;
    }
    // The row of the result serves as memory until the result itself is written.
    Value input = cast<linalg::LinalgOp>(reduction.result.getOwner()).getDpsInputOperand(0)->get();
    Buffer buffer = emitter.getResultBuffer(results[*recorder], roots[*recorder]);
    emitter.record(input, buffer);
    emitter.emit(reduction.result, *indices);
    emitter.stopRecording(input);
    dropHeld([&](const Held &value) { return value.position == *recorder; });
    emitter.holdIn(input, buffer);
    held.push_back({input, *recorder});
  }
}

void RowNest::dropHeld(function_ref<bool(const Held &)> isOver) {
  for (const Held &value : held)
    if (isOver(value))
      emitter.drop(value.tensor);
  llvm::erase_if(held, isOver);
}

void RowNest::emitInner(unsigned depth) {
  if (depth == others.size()) {
    if (lanes && !lanes->row)
      emitInLanes([&] { emitter.storeResults(roots, at, results); });
    else
      emitter.storeResults(roots, at, results);
    return;
  }
  emitter.emitLoop(0, others[depth].group.extent, 1, [&](Index index) {
    at[others[depth].group.last] = index;
    emitInner(depth + 1);
  });
}

static bool matchesEverything(dispatch::KernelOp, const TargetInfo &) { return true; }

static int64_t evaluateAssumed(AffineExpr expr) {
  MLIRContext *context = expr.getContext();
  unsigned symbols = 0;
  expr.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      symbols = std::max(symbols, symbol.getPosition() + 1);
  });
  SmallVector<AffineExpr> assumed(symbols, getAffineConstantExpr(kAssumedExtent, context));
  AffineExpr value = simplifyAffineExpr(expr.replaceSymbols(assumed), 0, 0);
  auto constant = dyn_cast<AffineConstantExpr>(value);
  return constant ? std::max<int64_t>(1, constant.getValue()) : kAssumedExtent;
}

/// The dims of a result that reductions depend on.
static uint64_t findRowDims(ValueEmitter &emitter, Value root) {
  DimTracker tracker(emitter, emitter.getExtents(root));
  tracker.trackRoot(root);
  uint64_t rowDims = 0;
  for (const DimTracker::Reduction &reduction : tracker.getReductions())
    rowDims |= reduction.getDepends();
  return rowDims;
}

static Grid emitRows(ValueEmitter &emitter) {
  // Results of one shape, with rows along the same dims, share a nest; the nests of a kernel share its grid.
  OperandRange returned = getResults(emitter.getKernel());
  SmallVector<SmallVector<unsigned>> nests;
  for (unsigned i = 0; i != returned.size(); ++i) {
    auto extents = [&](unsigned result) {
      SmallVector<AffineExpr> all;
      Value tensor = returned[result];
      for (int64_t dim = 0, rank = cast<RankedTensorType>(tensor.getType()).getRank(); dim != rank; ++dim)
        all.push_back(emitter.getExtentExpr(tensor, dim));
      return all;
    };
    auto same = llvm::find_if(nests, [&](ArrayRef<unsigned> nest) {
      return extents(nest.front()) == extents(i) &&
             findRowDims(emitter, returned[nest.front()]) == findRowDims(emitter, returned[i]);
    });
    if (same != nests.end())
      same->push_back(i);
    else
      nests.push_back({i});
  }

  AffineExpr one = getAffineConstantExpr(1, emitter.getBuilder().getContext());
  Grid grid{one, one, one};
  double work = estimateWork(emitter.getKernel());
  for (auto [number, results] : llvm::enumerate(nests)) {
    ValueEmitter::Scope scope(emitter);
    RowNest nest(emitter, results);
    AffineExpr units = nest.countUnits();
    Index count = emitter.evaluate(units, {});
    Index share;
    if (number == 0) {
      int64_t assumed = evaluateAssumed(units);
      double perUnit = std::max(1.0, work / assumed);
      int64_t unitsPerGroup = std::max<int64_t>(1, std::llround(kWorkPerGroup / perUnit));
      // Equal groups, so that threads end together.
      if (count.isConstant() && count.offset > 0)
        unitsPerGroup = llvm::divideCeil(count.offset, llvm::divideCeil(count.offset, unitsPerGroup));
      unitsPerGroup = getParameter(emitter.getKernel(), "units_per_group", unitsPerGroup);
      grid.x = units.ceilDiv(unitsPerGroup);
      share = Index(unitsPerGroup);
    } else {
      share = emitter.ceilDiv(count, emitter.getWorkgroupCount(0));
    }
    Index lower = emitter.mul(emitter.getWorkgroup(0), share);
    if (share.isConstant() && count.isConstant() && share.offset >= count.offset && number == 0)
      lower = 0;
    Index upper = emitter.min(emitter.add(lower, share), count);
    nest.emitUnits(lower, upper);
  }
  return grid;
}

/// Of a work group: rows, or blocks of kBlockLanes lanes.
static constexpr Parameter kParameters[] = {{"units_per_group", 1 << 20}};

const Strategy torchc::kRows = {"rows", kParameters, matchesEverything, emitRows};
