//===- FoldScales.cpp - scale weights instead of results ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The batch norm behind a convolution is `result * scale + shift`, with constants
// by channel. A convolution is linear, so the scale goes into its weights and only
// one sum is left, which takes the convolution's own bias along.
//
// Weights of few bits stay as they are, and go the other way: what they are scaled by, if it is the
// same for all that is summed up, scales the sum.
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
#include "Extents.h"
#include "Roots.h"

#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_FOLDSCALES
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {

/// `v * operand`, `v + operand` and the like, where the operand is one of the generic's
/// constants or a number.
struct Step {
  Operation *op;
  Value operand;
};

/// A contraction or convolution with constant weights, and the elementwise op or the
/// reduction that reads its result.
struct ScaledAnchor {
  linalg::LinalgOp anchor;
  OpOperand *weight;
  linalg::GenericOp consumer;
  OpOperand *result;            ///< The consumer's operand that is the anchor's result.
  SmallVector<unsigned> loops;  ///< Of the anchor: those of its results that its weights have, too.
  SmallVector<unsigned> places; ///< The consumer's loops that stand for them.
  SmallVector<Step> steps;      ///< What happens first to the result.

  static FailureOr<ScaledAnchor> match(linalg::GenericOp consumer);
  void rewrite(PatternRewriter &rewriter);

private:
  bool findWeight();
  bool isPerChannel(Value value);
  Value scaleWeight(PatternRewriter &rewriter);
  Value computeShift(PatternRewriter &rewriter);
  /// The steps' operands as inputs of a generic over `loops` or more.
  void addInputs(ArrayRef<AffineExpr> dims, unsigned numDims, SmallVectorImpl<Value> &inputs,
                 SmallVectorImpl<AffineMap> &maps, DenseMap<Value, unsigned> &numbers);
};

} // namespace

bool ScaledAnchor::findWeight() {
  if (anchor.getNumDpsInputs() != 2 || anchor.getNumDpsInits() != 1)
    return false;
  weight = nullptr;
  for (OpOperand *input : anchor.getDpsInputOperands())
    if (isComputedOfConstants(input->get()) && input->get().hasOneUse() && !getNarrowConstants(input->get()))
      weight = input;
  // The window of a pooling has a shape, but no values.
  if (weight && anchor.getMatchingBlockArgument(weight).use_empty())
    return false;
  auto fill = anchor.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!weight || !fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
    return false;
  // The weights have to hold the scale as exactly as the results.
  Type element = getElementTypeOrSelf(weight->get().getType());
  if (!(element.isF32() || element.isF64()) || element != getElementTypeOrSelf(anchor->getResult(0).getType()))
    return false;
  AffineMap weightMap = anchor.getMatchingIndexingMap(weight);
  AffineMap read = consumer.getMatchingIndexingMap(result);
  AffineMap output = anchor.getMatchingIndexingMap(anchor.getDpsInitOperand(0));
  for (auto [loop, place] : llvm::zip_equal(output.getResults(), read.getResults()))
    if (llvm::is_contained(weightMap.getResults(), loop)) {
      loops.push_back(cast<AffineDimExpr>(loop).getPosition());
      places.push_back(cast<AffineDimExpr>(place).getPosition());
    }
  return true;
}

bool ScaledAnchor::isPerChannel(Value value) {
  if (matchPattern(value, m_Constant()))
    return true;
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != consumer.getBody())
    return false;
  OpOperand *operand = consumer.getMatchingOpOperand(argument);
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  // What a sum starts from is no addend of each of its terms.
  return consumer.isDpsInput(operand) && isComputedOfConstants(operand->get()) && map.isProjectedPermutation() &&
         llvm::all_of(map.getResults(), [&](AffineExpr expr) {
           return llvm::is_contained(places, cast<AffineDimExpr>(expr).getPosition());
         });
}

FailureOr<ScaledAnchor> ScaledAnchor::match(linalg::GenericOp consumer) {
  ScaledAnchor found{};
  found.consumer = consumer;
  // A reduction does the same to each element before it reduces them.
  if (OpRole role = getRole(consumer); role != OpRole::Elementwise && role != OpRole::Reduction)
    return failure();
  for (OpOperand *input : consumer.getDpsInputOperands()) {
    auto anchor = input->get().getDefiningOp<linalg::LinalgOp>();
    if (!anchor || getRole(anchor) != OpRole::Anchor || !input->get().hasOneUse() ||
        !consumer.getMatchingIndexingMap(input).isProjectedPermutation())
      continue;
    found.anchor = anchor;
    found.result = input;
    found.loops.clear();
    found.places.clear();
    found.steps.clear();
    if (!found.findWeight())
      continue;
    bool scales = false;
    Value value = consumer.getMatchingBlockArgument(input);
    while (value.hasOneUse()) {
      Operation *op = *value.user_begin();
      if (!isa<arith::MulFOp, arith::AddFOp, arith::SubFOp, arith::DivFOp>(op))
        break;
      bool isFirst = op->getOperand(0) == value;
      Value operand = op->getOperand(isFirst ? 1 : 0);
      if ((!isFirst && isa<arith::SubFOp, arith::DivFOp>(op)) || !found.isPerChannel(operand))
        break;
      found.steps.push_back({op, operand});
      scales |= isa<arith::MulFOp, arith::DivFOp>(op);
      value = op->getResult(0);
    }
    if (scales)
      return found;
  }
  return failure();
}

void ScaledAnchor::addInputs(ArrayRef<AffineExpr> dims, unsigned numDims, SmallVectorImpl<Value> &inputs,
                             SmallVectorImpl<AffineMap> &maps, DenseMap<Value, unsigned> &numbers) {
  for (const Step &step : steps) {
    auto argument = dyn_cast<BlockArgument>(step.operand);
    if (!argument || !numbers.try_emplace(argument, inputs.size()).second)
      continue;
    OpOperand *operand = consumer.getMatchingOpOperand(argument);
    SmallVector<AffineExpr> exprs;
    for (AffineExpr expr : consumer.getMatchingIndexingMap(operand).getResults())
      exprs.push_back(dims[llvm::find(places, cast<AffineDimExpr>(expr).getPosition()) - places.begin()]);
    inputs.push_back(operand->get());
    maps.push_back(AffineMap::get(numDims, 0, exprs, consumer->getContext()));
  }
}

/// The operand of a step within a generic with `arguments`.
static Value getOperand(OpBuilder &builder, const Step &step, ValueRange arguments,
                        const DenseMap<Value, unsigned> &numbers) {
  if (auto found = numbers.find(step.operand); found != numbers.end())
    return arguments[found->second];
  return builder.clone(*step.operand.getDefiningOp())->getResult(0);
}

/// weight * scale
Value ScaledAnchor::scaleWeight(PatternRewriter &rewriter) {
  auto type = cast<RankedTensorType>(weight->get().getType());
  AffineMap map = anchor.getMatchingIndexingMap(weight);
  SmallVector<AffineExpr> dims;
  for (unsigned loop : loops)
    dims.push_back(rewriter.getAffineDimExpr(*map.getResultPosition(rewriter.getAffineDimExpr(loop))));
  SmallVector<Value> inputs{weight->get()};
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(type.getRank())};
  DenseMap<Value, unsigned> numbers;
  addInputs(dims, type.getRank(), inputs, maps, numbers);
  maps.push_back(rewriter.getMultiDimIdentityMap(type.getRank()));
  Value empty = tensor::EmptyOp::create(rewriter, anchor.getLoc(), type.getShape(), type.getElementType());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(rewriter, anchor.getLoc(), type, inputs, empty, maps, iterators,
                                   [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                                     Value value = arguments[0];
                                     for (const Step &step : steps) {
                                       if (!isa<arith::MulFOp, arith::DivFOp>(step.op))
                                         continue;
                                       Value operand = getOperand(builder, step, arguments, numbers);
                                       value = isa<arith::MulFOp>(step.op)
                                                   ? arith::MulFOp::create(builder, loc, value, operand).getResult()
                                                   : arith::DivFOp::create(builder, loc, value, operand).getResult();
                                     }
                                     linalg::YieldOp::create(builder, loc, value);
                                   })
      .getResult(0);
}

/// What the steps make of zero.
Value ScaledAnchor::computeShift(PatternRewriter &rewriter) {
  SmallVector<int64_t> ranges = anchor.getStaticLoopRanges(), shape;
  SmallVector<AffineExpr> dims;
  for (unsigned loop : loops) {
    dims.push_back(rewriter.getAffineDimExpr(dims.size()));
    shape.push_back(ranges[loop]);
  }
  Type element = getElementTypeOrSelf(anchor->getResult(0).getType());
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  DenseMap<Value, unsigned> numbers;
  addInputs(dims, dims.size(), inputs, maps, numbers);
  maps.push_back(rewriter.getMultiDimIdentityMap(dims.size()));
  Value empty = tensor::EmptyOp::create(rewriter, anchor.getLoc(), shape, element);
  SmallVector<utils::IteratorType> iterators(dims.size(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(rewriter, anchor.getLoc(), empty.getType(), inputs, empty, maps, iterators,
                                   [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                                     IRMapping mapping;
                                     Value value =
                                         arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
                                     for (const Step &step : steps) {
                                       bool isFirst = step.op->getOperand(1) == step.operand;
                                       mapping.map(step.op->getOperand(isFirst ? 0 : 1), value);
                                       mapping.map(step.operand, getOperand(builder, step, arguments, numbers));
                                       value = builder.clone(*step.op, mapping)->getResult(0);
                                     }
                                     linalg::YieldOp::create(builder, loc, value);
                                   })
      .getResult(0);
}

/// Moves an op and what it is computed of in front of `place`, if it is behind.
static void moveBefore(Operation *op, Operation *place, PatternRewriter &rewriter) {
  if (!op || op->getBlock() != place->getBlock() || op->isBeforeInBlock(place))
    return;
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && !op->isAncestor(producer))
        moveBefore(producer, place, rewriter);
  });
  rewriter.moveOpBefore(op, place);
}

void ScaledAnchor::rewrite(PatternRewriter &rewriter) {
  // The constants are read in front of the anchor from now on.
  for (const Step &step : steps)
    if (auto argument = dyn_cast<BlockArgument>(step.operand))
      moveBefore(consumer.getMatchingOpOperand(argument)->get().getDefiningOp(), anchor, rewriter);
  rewriter.setInsertionPoint(anchor);
  Value scaled = scaleWeight(rewriter);
  bool shifts = llvm::any_of(steps, [](const Step &step) { return isa<arith::AddFOp, arith::SubFOp>(step.op); });
  Value shift = shifts ? computeShift(rewriter) : Value();
  rewriter.modifyOpInPlace(anchor, [&] { weight->set(scaled); });

  // The consumer with the shift as one more input.
  rewriter.setInsertionPoint(consumer);
  SmallVector<Value> inputs(consumer.getDpsInputs());
  SmallVector<AffineMap> maps = consumer.getIndexingMapsArray();
  if (shifts) {
    SmallVector<AffineExpr> exprs;
    for (unsigned place : places)
      exprs.push_back(rewriter.getAffineDimExpr(place));
    maps.insert(maps.begin() + inputs.size(), AffineMap::get(consumer.getNumLoops(), 0, exprs, consumer->getContext()));
    inputs.push_back(shift);
  }
  unsigned numInputs = consumer.getNumDpsInputs();
  unsigned resultNumber = result->getOperandNumber();
  auto generic = linalg::GenericOp::create(rewriter, consumer.getLoc(), consumer.getResultTypes(), inputs,
                                           consumer.getDpsInits(), maps, consumer.getIteratorTypesArray());
  rewriter.inlineRegionBefore(consumer.getRegion(), generic.getRegion(), generic.getRegion().end());
  Block &body = *generic.getBody();
  Value value = body.getArgument(resultNumber);
  if (shifts) {
    Type element = getElementTypeOrSelf(shift.getType());
    Value argument = body.insertArgument(numInputs, element, anchor.getLoc());
    rewriter.setInsertionPoint(steps.front().op);
    value = arith::AddFOp::create(rewriter, steps.front().op->getLoc(), value, argument);
  }
  rewriter.replaceAllUsesWith(steps.back().op->getResult(0), value);
  for (const Step &step : llvm::reverse(steps))
    rewriter.eraseOp(step.op);
  rewriter.replaceOp(consumer, generic);
}

namespace {

struct FoldScale : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    FailureOr<ScaledAnchor> scaled = ScaledAnchor::match(op);
    if (failed(scaled))
      return rewriter.notifyMatchFailure(op, "no constant scale of a contraction's result");
    scaled->rewrite(rewriter);
    return success();
  }
};

/// The scale of narrow weights: the last that is done to them, by an input of `widening`, and where the
/// result of the contraction has the dims of that.
struct NarrowScale {
  linalg::GenericOp widening;
  arith::MulFOp multiply;
  Value widened;
  OpOperand *scale;
  AffineMap map;

  static std::optional<NarrowScale> match(linalg::LinalgOp contraction, OpOperand *weight);
};

std::optional<NarrowScale> NarrowScale::match(linalg::LinalgOp contraction, OpOperand *weight) {
  auto op = weight->get().getDefiningOp<linalg::GenericOp>();
  if (!op || !op->hasOneUse() || !getNarrowConstants(weight->get()) ||
      getElementTypeOrSelf(weight->get().getType()) != getElementTypeOrSelf(contraction->getResult(0).getType()))
    return std::nullopt;
  auto multiply = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
  if (!multiply)
    return std::nullopt;
  AffineMap widened = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap read = contraction.getMatchingIndexingMap(weight);
  AffineMap output = contraction.getMatchingIndexingMap(contraction.getDpsInitOperand(0));
  for (unsigned side : {0, 1}) {
    auto argument = dyn_cast<BlockArgument>(multiply->getOperand(side));
    OpOperand *scale = argument ? op.getMatchingOpOperand(argument) : nullptr;
    if (!scale || op.isDpsInit(scale) || !isa<RankedTensorType>(scale->get().getType()))
      continue;
    SmallVector<AffineExpr> exprs;
    for (AffineExpr expr : op.getMatchingIndexingMap(scale).getResults()) {
      auto dim = widened.getResultPosition(expr);
      auto place = dim ? output.getResultPosition(read.getResult(*dim)) : std::nullopt;
      if (!place)
        break;
      exprs.push_back(getAffineDimExpr(*place, op->getContext()));
    }
    if (exprs.size() == op.getMatchingIndexingMap(scale).getNumResults())
      return NarrowScale{op, multiply, multiply->getOperand(1 - side), scale,
                         AffineMap::get(output.getNumResults(), 0, exprs, op->getContext())};
  }
  return std::nullopt;
}

struct ScaleResult : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    auto fill = op.getNumDpsInits() == 1 ? op.getDpsInits()[0].getDefiningOp<linalg::FillOp>() : linalg::FillOp();
    if (!linalg::isaContractionOpInterface(op) || !fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
      return rewriter.notifyMatchFailure(op, "not a contraction that starts from zero");
    std::optional<NarrowScale> found;
    for (OpOperand *input : op.getDpsInputOperands())
      if (!found)
        found = NarrowScale::match(op, input);
    if (!found)
      return rewriter.notifyMatchFailure(op, "no narrow weights with a scale that its result could have");
    Value scale = found->scale->get();
    rewriter.modifyOpInPlace(found->widening, [&] { found->multiply.getResult().replaceAllUsesWith(found->widened); });
    rewriter.eraseOp(found->multiply);

    rewriter.setInsertionPointAfter(op);
    Value result = op->getResult(0);
    SmallVector<OpFoldResult> sizes = getMixedExtents(rewriter, result);
    Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), sizes, getElementTypeOrSelf(result.getType()));
    AffineMap identity = rewriter.getMultiDimIdentityMap(sizes.size());
    SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
    auto scaled = linalg::GenericOp::create(
        rewriter, op.getLoc(), result.getType(), ValueRange{result, scale}, empty, {identity, found->map, identity},
        iterators, [](OpBuilder &builder, Location loc, ValueRange arguments) {
          Value product = arith::MulFOp::create(builder, loc, arguments[0], arguments[1]);
          linalg::YieldOp::create(builder, loc, product);
        });
    rewriter.replaceAllUsesExcept(result, scaled.getResult(0), scaled);
    return success();
  }
};

struct FoldScales : torchc::impl::FoldScalesBase<FoldScales> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldScale, ScaleResult>(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
