//===- EmitReduction.cpp - linalg ops: parallel bodies and reductions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A reduction is a loop with its accumulators in registers. Where the reduced
// dim is contiguous, lanes run along it: kReductionLanes partial results, whatever
// the CPU and however many threads, are combined at the end, so sums do not
// depend on the machine. Else lanes run along a dim that stays.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/DimAnalysis.h"
#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

/// The op's loop indices at a point of a result; reduced dims are 0.
static Indices getLoopIndices(linalg::LinalgOp op, unsigned result, ArrayRef<Index> at) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  Indices loops(op.getNumLoops(), Index(0));
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), at))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = index;
  return loops;
}

SmallVector<Value> ValueEmitter::emitBody(linalg::LinalgOp op, ArrayRef<Index> loops, ValueRange accumulators) {
  Block &block = *op.getBlock();
  DenseMap<Value, Value> values;
  for (OpOperand &operand : op->getOpOperands()) {
    Value argument = op.getMatchingBlockArgument(&operand);
    if (op.isDpsInit(&operand) && !accumulators.empty()) {
      values[argument] = accumulators[operand.getOperandNumber() - op.getNumDpsInputs()];
      continue;
    }
    if (argument.use_empty())
      continue;
    if (op.isScalar(&operand)) {
      values[argument] = emitScalar(operand.get());
      continue;
    }
    AffineMap map = op.getMatchingIndexingMap(&operand);
    Indices at;
    for (AffineExpr expr : map.getResults())
      at.push_back(evaluate(expr, loops));
    values[argument] = emit(operand.get(), at);
  }
  return emitBlock(block, values, loops);
}

Value ValueEmitter::emitScore(dispatch::AttentionOp op, ArrayRef<Index> loops, Value product) {
  Block &block = op.getScore().front();
  DenseMap<Value, Value> values;
  values[block.getArgument(0)] = product;
  for (BlockArgument argument : block.getArguments().drop_front()) {
    if (argument.use_empty())
      continue;
    unsigned input = argument.getArgNumber() + 2;
    Indices at;
    for (AffineExpr expr : op.getIndexingMap(input).getResults())
      at.push_back(evaluate(expr, loops));
    values[argument] = emit(op.getInputs()[input], at);
  }
  return emitBlock(block, values, loops)[0];
}

Value ValueEmitter::emitParallel(linalg::LinalgOp op, unsigned result, ArrayRef<Index> at) {
  SmallVector<Value> values = emitBody(op, getLoopIndices(op, result, at));
  for (unsigned other = 0; other != values.size(); ++other)
    if (other != result && op.getMatchingIndexingMap(op.getDpsInitOperand(other)) ==
                               op.getMatchingIndexingMap(op.getDpsInitOperand(result)))
      hold(op->getResult(other), at, values[other]);
  return values[result];
}

/// The op that combines the accumulator with a new element, such as the addf of
/// yield(addf(accumulator, f(inputs))), if it may take elements in any order.
static Operation *getCombiner(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1)
    return nullptr;
  Block &block = *op.getBlock();
  Value accumulator = block.getArguments().back();
  Operation *combiner = block.getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || combiner->getBlock() != &block || !accumulator.hasOneUse() ||
      *accumulator.user_begin() != combiner || combiner->getNumOperands() != 2)
    return nullptr;
  if (!isa<arith::AddFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp,
           arith::AddIOp, arith::MulIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::MaxSIOp, arith::MinSIOp,
           arith::MaxUIOp, arith::MinUIOp>(combiner))
    return nullptr;
  return combiner;
}

/// What one accumulator adds up before it is added to a sum of sums: the rounding errors of n terms
/// grow with the block and the number of blocks, not with n.
static constexpr int64_t kSumBlock = 256;

/// A loop of a sum of floats: `body` gives the sum over part of the range, from `inits` on, in blocks of
/// `blockSize` where the range may be longer.
static SmallVector<Value> emitInBlocks(ValueEmitter &emitter, Index extent, int64_t blockSize, Operation *combiner,
                                       ValueRange inits, ValueRange neutrals,
                                       function_ref<SmallVector<Value>(Index, Index, ValueRange)> body) {
  bool isSum = isa_and_nonnull<arith::AddFOp>(combiner);
  if (!isSum || (extent.isConstant() && extent.offset <= blockSize))
    return body(0, extent, inits);
  return emitter.emitLoop(0, extent, blockSize, inits, [&](Index begin, ValueRange sums) {
    Index end = emitter.min(emitter.add(begin, blockSize), extent);
    Value block = body(begin, end, neutrals)[0];
    auto vector = dyn_cast<VectorType>(block.getType());
    ValueEmitter::LanesScope lanes(emitter, vector ? vector.getNumElements() : 1);
    return SmallVector<Value>{emitter.cloneOp(combiner, {sums[0], block})};
  });
}

static std::optional<unsigned> getInnermostReducedLoop(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() == 0)
    return std::nullopt;
  // The operand that varies most decides: of A[m, k] B[k] it is A.
  OpOperand *widest = op.getDpsInputOperand(0);
  for (OpOperand *operand : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(operand).getNumResults() > op.getMatchingIndexingMap(widest).getNumResults())
      widest = operand;
  AffineMap map = op.getMatchingIndexingMap(widest);
  auto iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (AffineExpr expr : llvm::reverse(map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    if (ranges[dim.getPosition()] == 1)
      continue;
    if (iterators[dim.getPosition()] == utils::IteratorType::reduction)
      return dim.getPosition();
    return std::nullopt;
  }
  return std::nullopt;
}

bool ValueEmitter::reducesAlongLanes(linalg::LinalgOp op) {
  return getCombiner(op) && getInnermostReducedLoop(op).has_value();
}

Value ValueEmitter::emitReduction(linalg::LinalgOp op, unsigned result, ArrayRef<Index> at) {
  Indices loops = getLoopIndices(op, result, at);
  bool uniform = llvm::all_of(at, [](const Index &index) { return index.isUniform(); });
  Operation *combiner = getCombiner(op);
  if (uniform && combiner && getInnermostReducedLoop(op) && canVectorize(kernel))
    return emitReductionAlongLanes(op, combiner, loops);

  std::optional<LanesScope> scalar;
  if (uniform)
    scalar.emplace(*this, 1);
  SmallVector<Value> inits;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Indices initAt;
    for (AffineExpr expr : op.getMatchingIndexingMap(&init).getResults())
      initAt.push_back(evaluate(expr, loops));
    Value value = emit(init.get(), initAt);
    inits.push_back(uniform ? value : toVector(value));
  }
  SmallVector<Value> neutrals;
  if (isa_and_nonnull<arith::AddFOp>(combiner)) {
    Value zero = arith::ConstantOp::create(b, *arith::getNeutralElement(combiner));
    neutrals.push_back(uniform ? zero : toVector(zero));
  }
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  Indices ranges = getLoopExtents(*this, op);
  // Half-precision accumulators would round at each step: they stay as they are
  // in the body's own types, which Lower chose.
  std::function<SmallVector<Value>(unsigned, ValueRange)> emitLoops = [&](unsigned depth, ValueRange carried) {
    if (depth == reduced.size()) {
      SmallVector<Value> values = emitBody(op, loops, carried);
      if (!uniform)
        for (Value &value : values)
          value = toVector(value);
      return values;
    }
    auto emitPart = [&](Index lower, Index upper, ValueRange part) {
      return emitLoop(lower, upper, 1, part, [&](Index index, ValueRange inner) {
        loops[reduced[depth]] = index;
        return emitLoops(depth + 1, inner);
      });
    };
    return emitInBlocks(*this, ranges[reduced[depth]], kSumBlock, combiner, carried, neutrals, emitPart);
  };
  SmallVector<Value> values = emitLoops(0, inits);
  for (unsigned other = 0; other != values.size(); ++other)
    if (other != result && op.getMatchingIndexingMap(op.getDpsInitOperand(other)) ==
                               op.getMatchingIndexingMap(op.getDpsInitOperand(result)))
      hold(op->getResult(other), at, values[other]);
  return values[result];
}

Value ValueEmitter::emitReductionAlongLanes(linalg::LinalgOp op, Operation *combiner, Indices loops) {
  Indices initAt;
  OpOperand &init = *op.getDpsInitOperand(0);
  for (AffineExpr expr : op.getMatchingIndexingMap(&init).getResults())
    initAt.push_back(evaluate(expr, loops));
  LanesScope scalar(*this, 1);
  Value start = emit(init.get(), initAt);
  Type element = start.getType();
  std::optional<TypedAttr> neutral = arith::getNeutralElement(combiner);
  if (!neutral)
    return fail(op, "a reduction without neutral element");

  SmallVector<LoopGroup> groups = getReductionGroups(*this, op);
  unsigned lanesLoop = *getInnermostReducedLoop(op);
  auto lanesGroup = llvm::find_if(groups, [&](const LoopGroup &group) { return group.last == lanesLoop; });
  if (lanesGroup != groups.end())
    std::rotate(lanesGroup, lanesGroup + 1, groups.end());
  else
    return fail(op, "its reduced loops have no order");
  unsigned lanes = chooseWidth(groups.back().extent, kReductionLanes);

  auto combine = [&](Value left, Value right) {
    bool first = op.getBlock()->getArguments().back() == combiner->getOperand(0);
    return cloneOp(combiner, first ? ArrayRef<Value>{left, right} : ArrayRef<Value>{right, left});
  };
  Value neutrals = arith::ConstantOp::create(b, *neutral);
  if (lanes > 1)
    neutrals = vector::BroadcastOp::create(b, VectorType::get(lanes, element), neutrals);

  std::function<SmallVector<Value>(unsigned, ValueRange)> emitLoops = [&](unsigned depth, ValueRange carried) {
    LoopGroup &group = groups[depth];
    if (depth + 1 != groups.size())
      return emitLoop(0, group.extent, 1, carried, [&](Index index, ValueRange inner) {
        loops[group.last] = index;
        return emitLoops(depth + 1, inner);
      });
    auto emitPart = [&](Index lower, Index upper, ValueRange part) {
      return emitLanes(lower, upper, kReductionLanes, part, [&](Index index, ValueRange inner) {
        loops[group.last] = index;
        SmallVector<Value> values = emitBody(op, loops, inner);
        values[0] = toVector(values[0]);
        if (mask)
          values[0] = arith::SelectOp::create(b, mask, values[0], inner[0]);
        return values;
      });
    };
    return emitInBlocks(*this, group.extent, kSumBlock * kReductionLanes, combiner, carried, neutrals, emitPart);
  };
  Value partial = emitLoops(0, neutrals)[0];
  if (lanes > 1)
    partial = combineLanes(partial, combine);
  return combine(start, partial);
}
