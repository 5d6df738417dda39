//===- FuseElementwise.cpp - fuse elementwise ops with each other and into reductions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extents.h"
#include "Roots.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// More scalar ops than this cost more than reading their result.
static constexpr int kMaxCheapOps = 4;

/// True if a scalar op takes about one cycle.
static bool isCheap(Operation &op) {
  return isa<arith::ArithDialect>(op.getDialect())
             ? !isa<arith::DivFOp, arith::RemFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op)
             : isa<linalg::IndexOp, math::AbsFOp, math::AbsIOp, math::FmaOp>(op);
}

/// True if the body only computes on its arguments, loop indices and constants.
static bool isScalarBody(linalg::GenericOp op) {
  return llvm::all_of(op.getBody()->without_terminator(), [](Operation &nested) {
    return isa<arith::ArithDialect, math::MathDialect>(nested.getDialect()) || isa<linalg::IndexOp>(nested);
  });
}

static bool hasCheapBody(linalg::GenericOp op) {
  auto body = op.getBody()->without_terminator();
  return std::distance(body.begin(), body.end()) <= kMaxCheapOps && llvm::all_of(body, isCheap);
}

/// The op that computes the tensor, reshapes left aside; null for arguments,
/// globals and constants.
static Operation *getComputer(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  while (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op && isKernelOp(op) ? op : nullptr;
}

/// True if each user can as well compute the result of `op` again: that costs
/// little, and reads no more than the result itself.
static bool isWorthRepeating(linalg::GenericOp op) {
  if (op.getNumReductionLoops() != 0 || op->getNumResults() != 1 || !hasCheapBody(op))
    return false;
  unsigned numWhole = 0;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (op.getMatchingIndexingMap(input).getNumResults() == op.getNumLoops())
      ++numWhole;
    // As its epilogue the op costs nothing.
    if (Operation *computer = getComputer(input->get()); computer && getRole(computer) == OpRole::Anchor)
      return false;
  }
  return numWhole <= 1;
}

/// Whether the producer of `fused` goes into its consumer.
static bool shouldFuse(OpOperand *fused) {
  auto producer = fused->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(fused->getOwner());
  if (!producer || !consumer || !isScalarBody(producer) || !isScalarBody(consumer) ||
      getRole(consumer) == OpRole::Anchor)
    return false;
  if (!fused->get().hasOneUse())
    return false;
  // What is computed once and read by many elements is not computed by each.
  bool isRepeated = consumer.getMatchingIndexingMap(fused).getNumResults() < consumer.getNumLoops();
  return !isRepeated || hasCheapBody(producer);
}

/// Whether an op moves to the other side of the reshape that `operand` reads. Not where another operand tells dims of a
/// group apart: a part of the reshape would stay where it is, and the rest stand behind the op as well.
static bool shouldMoveBehindExpand(OpOperand *operand) {
  auto reshape = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!reshape || !consumer || !getComputer(reshape.getSrc()))
    return false;
  AffineMap read = consumer.getMatchingIndexingMap(operand);
  return llvm::all_of(reshape.getReassociationIndices(), [&](ArrayRef<int64_t> group) {
    return llvm::all_of(consumer.getIndexingMapsArray(), [&](AffineMap map) {
      const bool usesFirst = llvm::is_contained(map.getResults(), read.getResult(group.front()));
      return llvm::all_of(group.drop_front(), [&](int64_t dim) {
        return llvm::is_contained(map.getResults(), read.getResult(dim)) == usesFirst;
      });
    });
  });
}

/// True if all operands know the same extents, where their indices are loops.
static bool agreesOnExtents(linalg::GenericOp op) {
  SmallVector<std::optional<int64_t>> extents(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands())
    for (auto [index, extent] :
         llvm::zip_equal(op.getMatchingIndexingMap(&operand).getResults(), op.getShape(&operand)))
      if (auto loop = dyn_cast<AffineDimExpr>(index)) {
        std::optional<int64_t> &known = extents[loop.getPosition()];
        if (known && *known != extent)
          return false;
        known = extent;
      }
  return true;
}

/// Whether a loop of the sum would become several, were the reshape of an operand moved.
static bool splitsSum(OpOperand *operand, tensor::CollapseShapeOp reshape) {
  auto op = cast<linalg::GenericOp>(operand->getOwner());
  AffineMap map = op.getMatchingIndexingMap(operand);
  return llvm::any_of(llvm::enumerate(reshape.getReassociationIndices()), [&](auto group) {
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(group.index()));
    return group.value().size() > 1 && loop &&
           linalg::isReductionIterator(op.getIteratorTypesArray()[loop.getPosition()]);
  });
}

/// Whether a tensor is made of narrow constants, in whatever shape.
static bool widensConstants(Value tensor) {
  if (auto reshape = tensor.getDefiningOp<tensor::CollapseShapeOp>())
    tensor = reshape.getSrc();
  return getNarrowConstants(tensor) != nullptr;
}

static bool shouldMoveBehindCollapse(OpOperand *operand) {
  auto reshape = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!reshape || !consumer || !getComputer(reshape.getSrc()))
    return false;
  // Of an extent that only some operands know, the new reshapes would be no valid ones: MLIR sees that when it has
  // changed the program, and tries again without end.
  if (!agreesOnExtents(consumer))
    return false;
  // A product widens weights of few bits itself, whatever shape their groups have; its rows are only seen another way.
  // Another split of what is summed up would stand against that.
  if (getRole(consumer) == OpRole::Anchor && getNarrowConstants(reshape.getSrc()))
    return true;
  if (splitsSum(operand, reshape) && llvm::any_of(consumer.getDpsInputs(), widensConstants))
    return false;
  // Another operand that fits as it is would need a reshape then.
  return llvm::all_of(consumer.getDpsInputOperands(), [&](OpOperand *other) {
    Operation *producer = other->get().getDefiningOp();
    return isa_and_nonnull<tensor::CollapseShapeOp>(producer) || !getComputer(other->get());
  });
}

namespace {

/// One copy of a cheap producer for each of its users, to fuse with them.
struct RepeatCheapProducer : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!isWorthRepeating(op) || !isScalarBody(op) || op->hasOneUse() || op->use_empty())
      return rewriter.notifyMatchFailure(op, "not cheap, or of one user");
    bool allFuse = llvm::all_of(op->getUsers(), [](Operation *user) {
      auto generic = dyn_cast<linalg::GenericOp>(user);
      return generic && isScalarBody(generic) && getRole(generic) != OpRole::Anchor;
    });
    if (!allFuse)
      return rewriter.notifyMatchFailure(op, "is needed as a tensor");
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : op->getUses())
      uses.push_back(&use);
    for (OpOperand *use : ArrayRef(uses).drop_front()) {
      Value copy = rewriter.clone(*op)->getResult(0);
      rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(copy); });
    }
    return success();
  }
};

/// A number that another op computes, read as an input: looked up within the body, it would keep both ops apart.
struct ReadNumberAsInput : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    tensor::ExtractOp number;
    for (auto extract : op.getBody()->getOps<tensor::ExtractOp>())
      if (extract.getIndices().empty() && getComputer(extract.getTensor()))
        number = extract;
    if (!number || op.getNumLoops() == 0)
      return rewriter.notifyMatchFailure(op, "looks no number up");
    SmallVector<Value> inputs(op.getDpsInputs());
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.insert(maps.begin() + inputs.size(), AffineMap::get(op.getNumLoops(), 0, op.getContext()));
    inputs.push_back(number.getTensor());
    auto generic = linalg::GenericOp::create(rewriter, op.getLoc(), op.getResultTypes(), inputs, op.getDpsInits(), maps,
                                             op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(), generic.getRegion().end());
    BlockArgument argument =
        generic.getBody()->insertArgument(inputs.size() - 1, number.getResult().getType(), number.getLoc());
    rewriter.replaceOp(number, argument);
    rewriter.replaceOp(op, generic);
    return success();
  }
};

/// The number that all elements of a tensor are, if it is known.
static TypedAttr getRepeatedNumber(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  while (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(op)) {
    tensor = op->getOperand(0);
    op = tensor.getDefiningOp();
  }
  DenseElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements)) && elements.isSplat())
    return elements.getSplatValue<TypedAttr>();
  Value number;
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    number = fill.value();
  else if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op); generic && generic.getNumReductionLoops() == 0)
    number = generic.getBody()->getTerminator()->getOperand(cast<OpResult>(tensor).getResultNumber());
  TypedAttr attribute;
  return number && matchPattern(number, m_Constant(&attribute)) ? attribute : TypedAttr();
}

/// What is the same for all scores of attention is no input of it: a mask that masks nothing is none.
struct InlineRepeatedScoreInput : OpRewritePattern<dispatch::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(dispatch::AttentionOp op, PatternRewriter &rewriter) const override {
    Block &body = op.getScore().front();
    // Behind the product of queries and keys.
    const unsigned numFactors = op.getInputs().size() + 1 - body.getNumArguments();
    for (unsigned i = 1; i != body.getNumArguments(); ++i) {
      TypedAttr number = getRepeatedNumber(op.getInputs()[numFactors + i - 1]);
      if (!number)
        continue;
      rewriter.setInsertionPointToStart(&body);
      rewriter.replaceAllUsesWith(body.getArgument(i), arith::ConstantOp::create(rewriter, op.getLoc(), number));
      SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
      maps.erase(maps.begin() + numFactors + i - 1);
      rewriter.modifyOpInPlace(op, [&] {
        body.eraseArgument(i);
        op.getInputsMutable().erase(numFactors + i - 1);
        op.setIndexingMapsAttr(rewriter.getArrayAttr(maps));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "reads no number that is the same for all scores");
  }
};

/// Of one tensor that holds queries, keys and values side by side, attention reads slices: heads are told apart before
/// slicing, so that no reshape stands between.
struct SliceHeads : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op, PatternRewriter &rewriter) const override {
    auto slice = op.getSrc().getDefiningOp<tensor::ExtractSliceOp>();
    if (!slice || !slice->hasOneUse() || !op->hasOneUse() || !isa<dispatch::AttentionOp>(*op->user_begin()) ||
        !slice.hasUnitStride() || slice.getDroppedDims().any())
      return rewriter.notifyMatchFailure(op, "no slice that attention reads");
    RankedTensorType source = slice.getSourceType(), type = op.getResultType();
    SmallVector<int64_t> shape;
    SmallVector<OpFoldResult> extents, offsets, sizes;
    for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
      int64_t inner = 1; // What the first dim of the group counts.
      for (int64_t expanded : ArrayRef(group).drop_front())
        inner = type.isDynamicDim(expanded) ? 0 : inner * type.getDimSize(expanded);
      OpFoldResult offset = slice.getMixedOffsets()[dim], size = slice.getMixedSizes()[dim];
      OpFoldResult extent = getMixedExtents(rewriter, slice.getSource())[dim];
      if (group.size() != 1) {
        auto divide = [&](OpFoldResult value) -> OpFoldResult {
          std::optional<int64_t> known = getConstantIntValue(value);
          return known && inner != 0 && *known % inner == 0 ? rewriter.getIndexAttr(*known / inner) : OpFoldResult();
        };
        offset = divide(offset);
        size = divide(size);
        extent = divide(extent);
        if (!offset || !size || !extent)
          return rewriter.notifyMatchFailure(op, "the slice does not keep heads whole");
      }
      for (int64_t expanded : group) {
        const bool isFirst = expanded == group.front();
        OpFoldResult all = rewriter.getIndexAttr(type.getDimSize(expanded));
        offsets.push_back(isFirst ? offset : rewriter.getIndexAttr(0));
        sizes.push_back(isFirst ? size : all);
        extents.push_back(isFirst ? extent : all);
        shape.push_back(getConstantIntValue(extents.back()).value_or(ShapedType::kDynamic));
      }
    }
    Value expanded = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), source.clone(shape), slice.getSource(),
                                                   op.getReassociationIndices(), extents);
    const SmallVector<OpFoldResult> strides(offsets.size(), rewriter.getIndexAttr(1));
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(op, type, expanded, offsets, sizes, strides);
    return success();
  }
};

/// A dim of one belongs to any group of a reshape: to that before it, as behind it comes what sums may go over, which
/// no op moves to the other side together with other dims.
template <typename Reshape> struct GroupOnes : OpRewritePattern<Reshape> {
  using OpRewritePattern<Reshape>::OpRewritePattern;
  LogicalResult matchAndRewrite(Reshape op, PatternRewriter &rewriter) const override {
    constexpr bool isExpand = std::is_same_v<Reshape, tensor::ExpandShapeOp>;
    RankedTensorType source = op.getSrcType(), result = op.getResultType(), longer = isExpand ? result : source;
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    bool changed = false;
    for (size_t i = 1; i < groups.size(); ++i)
      while (groups[i].size() > 1 && longer.getDimSize(groups[i].front()) == 1) {
        groups[i - 1].push_back(groups[i].front());
        groups[i].erase(groups[i].begin());
        changed = true;
      }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no one in front of another dim");
    if constexpr (isExpand)
      rewriter.replaceOpWithNewOp<Reshape>(op, result, op.getSrc(), groups, op.getMixedOutputShape());
    else
      rewriter.replaceOpWithNewOp<Reshape>(op, result, op.getSrc(), groups);
    return success();
  }
};

struct FuseElementwise : torchc::impl::FuseElementwiseBase<FuseElementwise> {
  /// Applies the patterns that `populate` adds, with those that fold reshapes.
  LogicalResult apply(llvm::function_ref<void(RewritePatternSet &)> populate) {
    RewritePatternSet patterns(&getContext());
    populate(patterns);
    patterns.add<GroupOnes<tensor::CollapseShapeOp>, GroupOnes<tensor::ExpandShapeOp>>(&getContext());
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    populateResolveExtentPatterns(patterns);
    linalg::FillOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::populateFoldTensorEmptyPatterns(patterns);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  void runOnOperation() override {
    // One kind of move at a time: in one set the two would chase each other
    // over reshapes that only wait for being folded.
    LogicalResult moved = apply([](RewritePatternSet &patterns) {
      linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, shouldMoveBehindExpand);
    });
    LogicalResult movedBack = apply([](RewritePatternSet &patterns) {
      linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldMoveBehindCollapse);
    });
    LogicalResult fused = apply([](RewritePatternSet &patterns) {
      patterns.add<RepeatCheapProducer, ReadNumberAsInput, InlineRepeatedScoreInput, SliceHeads>(patterns.getContext());
      linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
      linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
      linalg::GenericOp::getCanonicalizationPatterns(patterns, patterns.getContext());
    });
    if (failed(moved) || failed(movedBack) || failed(fused))
      signalPassFailure();
  }
};

} // namespace
