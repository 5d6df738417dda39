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
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
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

/// A contraction or convolution with constant weights, and the elementwise op that
/// reads its result.
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
    if (isComputedOfConstants(input->get()) && input->get().hasOneUse())
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
  return isComputedOfConstants(operand->get()) && map.isProjectedPermutation() &&
         llvm::all_of(map.getResults(), [&](AffineExpr expr) {
           return llvm::is_contained(places, cast<AffineDimExpr>(expr).getPosition());
         });
}

FailureOr<ScaledAnchor> ScaledAnchor::match(linalg::GenericOp consumer) {
  ScaledAnchor found{};
  found.consumer = consumer;
  if (getRole(consumer) != OpRole::Elementwise)
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

struct FoldScales : torchc::impl::FoldScalesBase<FoldScales> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldScale>(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
