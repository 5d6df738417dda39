//===- PropagateTransposes.cpp - move changes of layout together, where they cancel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Convolutions and poolings work on channels-last images between two transposes,
// as PyTorch's tensors are channels-first. A transpose moves behind the op that
// reads it: `f(transpose(x))` becomes `transpose(f'(x))`, until it meets its
// inverse, or an op that can as well read in another order.
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
#include "Extents.h"
#include "Roots.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_PROPAGATETRANSPOSES
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

using Permutation = SmallVector<int64_t>;

static Value createTranspose(OpBuilder &builder, Location loc, Value tensor, ArrayRef<int64_t> permutation) {
  SmallVector<OpFoldResult> sizes = getMixedExtents(builder, tensor), permuted;
  for (int64_t dim : permutation)
    permuted.push_back(sizes[dim]);
  Value empty = tensor::EmptyOp::create(builder, loc, permuted, getElementTypeOrSelf(tensor.getType()));
  return linalg::TransposeOp::create(builder, loc, tensor, empty, permutation).getResult()[0];
}

/// `values` in the order before the transpose: dim permutation[i] there is dim i here.
template <typename T> static SmallVector<T> toSourceOrder(ArrayRef<T> values, ArrayRef<int64_t> permutation) {
  SmallVector<T> source(values);
  for (auto [dim, from] : llvm::enumerate(permutation))
    source[from] = values[dim];
  return source;
}

/// The map that reads the transposed tensor's operand where `map` reads its result.
static AffineMap composeWithSource(AffineMap map, ArrayRef<int64_t> permutation) {
  return AffineMap::get(map.getNumDims(), 0, toSourceOrder(map.getResults(), permutation), map.getContext());
}

namespace {

/// transpose(transpose(x)) -> x, or one transpose.
struct CombineTransposes : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<linalg::TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "not of a transpose");
    Permutation permutation;
    for (int64_t dim : op.getPermutation())
      permutation.push_back(inner.getPermutation()[dim]);
    if (llvm::is_sorted(permutation))
      rewriter.replaceOp(op, inner.getInput());
    else
      rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), inner.getInput(), permutation));
    return success();
  }
};

/// An elementwise op all of whose whole operands come transposed computes in their
/// order. Constants are brought into that order when compiling.
struct SinkBelowElementwise : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getNumReductionLoops() != 0 || op->getNumResults() != 1 || op.hasIndexSemantics() ||
        !op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>() || !op.getIndexingMapsArray().back().isPermutation() ||
        !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isProjectedPermutation(); }))
      return rewriter.notifyMatchFailure(op, "not elementwise, or in no order");
    AffineMap order; // Of the loops, as the transposed operands have them.
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      auto transpose = input->get().getDefiningOp<linalg::TransposeOp>();
      if (!map.isPermutation() || isComputedOfConstants(input->get()))
        continue;
      if (!transpose)
        return rewriter.notifyMatchFailure(op, "an operand is not transposed");
      AffineMap source = composeWithSource(map, transpose.getPermutation());
      if (order && order != source)
        return rewriter.notifyMatchFailure(op, "operands are transposed in different ways");
      order = source;
    }
    if (!order)
      return rewriter.notifyMatchFailure(op, "no operand is transposed");

    // Loop i of the new op is the old one that order names at i.
    AffineMap toOld = inversePermutation(order);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      Value value = input->get();
      if (map.isPermutation() && isComputedOfConstants(value)) {
        Permutation permutation;
        for (AffineExpr loop : order.getResults())
          permutation.push_back(*map.getResultPosition(loop));
        value = createTranspose(rewriter, op.getLoc(), value, permutation);
        map = order;
      } else if (map.isPermutation()) {
        value = value.getDefiningOp<linalg::TransposeOp>().getInput();
        map = order;
      }
      inputs.push_back(value);
      maps.push_back(map.compose(toOld));
    }
    AffineMap output = op.getIndexingMapsArray().back().compose(toOld);
    maps.push_back(rewriter.getMultiDimIdentityMap(order.getNumDims()));
    SmallVector<OpFoldResult> sizes = getMixedExtents(rewriter, op.getDpsInits()[0]), permuted(sizes);
    Permutation back; // Result dim i is dim back[i] of the new result.
    for (auto [dim, loop] : llvm::enumerate(output.getResults())) {
      back.push_back(cast<AffineDimExpr>(loop).getPosition());
      permuted[back.back()] = sizes[dim];
    }
    Value empty =
        tensor::EmptyOp::create(rewriter, op.getLoc(), permuted, getElementTypeOrSelf(op->getResult(0).getType()));
    auto generic = linalg::GenericOp::create(rewriter, op.getLoc(), empty.getType(), inputs, empty, maps,
                                             op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(), generic.getRegion().end());
    if (llvm::is_sorted(back))
      rewriter.replaceOp(op, generic);
    else
      rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), generic.getResult(0), back));
    return success();
  }
};

/// Images of so few channels are read by channel as well: there is no row of channels to
/// bring together.
constexpr int64_t kFewChannels = 4;

/// Whether the op is a convolution that reads `images` [N, H, W, C] of few channels.
bool readsFewChannels(Operation *op, Value images) {
  auto convolution = dyn_cast<linalg::Conv2DNhwcHwcfOp>(op);
  int64_t channels = cast<RankedTensorType>(images.getType()).getShape().back();
  return convolution && convolution.image() == images && !ShapedType::isDynamic(channels) && channels <= kFewChannels;
}

/// The first convolution of a network: as a generic it takes its images in any order.
struct GeneralizeConvolution : OpRewritePattern<linalg::Conv2DNhwcHwcfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::Conv2DNhwcHwcfOp op, PatternRewriter &rewriter) const override {
    if (!op.image().getDefiningOp<linalg::TransposeOp>() || !readsFewChannels(op, op.image()))
      return rewriter.notifyMatchFailure(op, "not of a transpose, or of many channels");
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// With at least so many rows, a product whose columns lie apart in memory is worth bringing them together for.
constexpr int64_t kManyRows = 16;

/// Over how many rows a contraction reads an element of the operand again; few where that is not static.
int64_t countRows(linalg::GenericOp op, AffineMap map) {
  int64_t rows = 1;
  for (AffineExpr expr : op.getIndexingMapsArray().back().getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    int64_t range = loop ? op.getStaticLoopRanges()[loop.getPosition()] : ShapedType::kDynamic;
    if (ShapedType::isDynamic(range))
      return 1;
    rows *= map.isFunctionOfDim(loop.getPosition()) ? 1 : range;
  }
  return rows;
}

/// Whether a contraction reads the operand, once it is not transposed, along a row of what is summed up or of
/// columns; otherwise each of its steps would be in another page of memory. Columns stay as they are where many rows
/// read them, unless they are constants, which are packed.
bool readsRows(linalg::GenericOp op, AffineMap map, Value source) {
  auto innermost = dyn_cast<AffineDimExpr>(map.getResults().back());
  auto columns = dyn_cast<AffineDimExpr>(op.getIndexingMapsArray().back().getResults().back());
  if (getRole(op) != OpRole::Anchor || !innermost || columns == innermost)
    return true;
  bool scattersColumns = columns && map.isFunctionOfDim(columns.getPosition()) && countRows(op, map) >= kManyRows;
  return linalg::isReductionIterator(op.getIteratorTypesArray()[innermost.getPosition()]) &&
         (!scattersColumns || isComputedOfConstants(source));
}

/// Reductions and contractions read in any order.
struct AbsorbInReduction : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getNumReductionLoops() == 0)
      return rewriter.notifyMatchFailure(op, "not a reduction");
    bool changed = false;
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto transpose = input->get().getDefiningOp<linalg::TransposeOp>();
      // What several ops read in this order is brought into it once.
      if (!transpose || !transpose->hasOneUse())
        continue;
      AffineMap &map = maps[input->getOperandNumber()];
      AffineMap source = composeWithSource(map, transpose.getPermutation());
      if (!readsRows(op, source, transpose.getInput()))
        continue;
      map = source;
      rewriter.modifyOpInPlace(op, [&] { input->set(transpose.getInput()); });
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no operand is a transpose of its own");
    rewriter.modifyOpInPlace(op, [&] { op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps)); });
    return success();
  }
};

/// Attention brings all that it reads into an order of its own. What is innermost in memory is
/// a dim of one head, so that it reads rows.
struct AbsorbInAttention : OpRewritePattern<dispatch::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(dispatch::AttentionOp op, PatternRewriter &rewriter) const override {
    SmallVector<AffineMap> maps(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
    bool changed = false;
    for (auto [number, input] : llvm::enumerate(op.getInputs())) {
      auto transpose = input.getDefiningOp<linalg::TransposeOp>();
      AffineMap source = transpose ? composeWithSource(maps[number], transpose.getPermutation()) : AffineMap();
      AffineExpr innermost = source ? source.getResults().back() : AffineExpr();
      if (!innermost || !isa<AffineDimExpr>(innermost) ||
          cast<AffineDimExpr>(innermost).getPosition() < op.getNumBatchDims())
        continue;
      maps[number] = source;
      rewriter.modifyOpInPlace(op, [&] { op.getInputsMutable()[number].set(transpose.getInput()); });
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no input is a transpose that leaves rows together");
    rewriter.modifyOpInPlace(op, [&] { op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps)); });
    return success();
  }
};

struct SinkBelowPad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getSource().getDefiningOp<linalg::TransposeOp>();
    Value padding = op.getConstantPaddingValue();
    // A pad belongs to the window that reads it, so it is passed only to get rid of
    // another transpose.
    if (!transpose || !padding || !llvm::all_of(op->getUsers(), [&](Operation *user) {
          return isa<linalg::TransposeOp, linalg::GenericOp>(user) || readsFewChannels(user, op);
        }))
      return rewriter.notifyMatchFailure(op, "not of a transpose, or of values that depend on the place");
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    SmallVector<OpFoldResult> low = op.getMixedLowPad(), high = op.getMixedHighPad();
    auto pad = tensor::PadOp::create(rewriter, op.getLoc(), Type(), transpose.getInput(),
                                     toSourceOrder<OpFoldResult>(low, permutation),
                                     toSourceOrder<OpFoldResult>(high, permutation), padding);
    rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), pad, permutation));
    return success();
  }
};

struct SinkBelowSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getSource().getDefiningOp<linalg::TransposeOp>();
    if (!transpose || op.getDroppedDims().any())
      return rewriter.notifyMatchFailure(op, "not of a transpose, or it drops dims");
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    auto slice = tensor::ExtractSliceOp::create(rewriter, op.getLoc(), transpose.getInput(),
                                                toSourceOrder<OpFoldResult>(op.getMixedOffsets(), permutation),
                                                toSourceOrder<OpFoldResult>(op.getMixedSizes(), permutation),
                                                toSourceOrder<OpFoldResult>(op.getMixedStrides(), permutation));
    rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), slice, permutation));
    return success();
  }
};

struct SinkBelowConcat : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ConcatOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInputs().front().getDefiningOp<linalg::TransposeOp>();
    SmallVector<Value> sources;
    for (Value input : op.getInputs()) {
      auto transpose = input.getDefiningOp<linalg::TransposeOp>();
      if (!transpose || transpose.getPermutation() != first.getPermutation())
        return rewriter.notifyMatchFailure(op, "not of equal transposes");
      sources.push_back(transpose.getInput());
    }
    auto concat = tensor::ConcatOp::create(rewriter, op.getLoc(), first.getPermutation()[op.getDim()], sources);
    rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), concat, first.getPermutation()));
    return success();
  }
};

struct SinkBelowExpand : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getSrc().getDefiningOp<linalg::TransposeOp>();
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "not of a transpose");
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    SmallVector<ReassociationIndices> sources = toSourceOrder<ReassociationIndices>(groups, transpose.getPermutation());
    // The dims of the new result, renumbered in its own order.
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape(), permuted;
    Permutation permutation(sizes.size());
    for (ReassociationIndices &group : sources)
      for (int64_t &dim : group) {
        permutation[dim] = permuted.size();
        permuted.push_back(sizes[dim]);
        dim = permuted.size() - 1;
      }
    SmallVector<int64_t> shape;
    for (OpFoldResult size : permuted)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
    auto type = RankedTensorType::get(shape, op.getResultType().getElementType());
    Value expanded =
        tensor::ExpandShapeOp::create(rewriter, op.getLoc(), type, transpose.getInput(), sources, permuted);
    rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), expanded, permutation));
    return success();
  }
};

/// Dims that stand side by side in the same order before the transpose are collapsed there.
struct SinkBelowCollapse : OpRewritePattern<tensor::CollapseShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::CollapseShapeOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getSrc().getDefiningOp<linalg::TransposeOp>();
    if (!transpose || op.getReassociationIndices().empty())
      return rewriter.notifyMatchFailure(op, "not of a transpose");
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    auto type = cast<RankedTensorType>(transpose.getInput().getType());
    // By where each group starts before the transpose.
    SmallVector<std::pair<ReassociationIndices, int64_t>> groups;
    for (auto [number, group] : llvm::enumerate(op.getReassociationIndices())) {
      ReassociationIndices sources, moving;
      for (int64_t dim : group)
        sources.push_back(permutation[dim]);
      for (int64_t dim : sources)
        if (type.getDimSize(dim) != 1)
          moving.push_back(dim);
      if (!llvm::is_sorted(moving))
        return rewriter.notifyMatchFailure(op, "collapses dims in another order");
      llvm::sort(sources);
      if (sources.back() - sources.front() + 1 != static_cast<int64_t>(sources.size()))
        return rewriter.notifyMatchFailure(op, "collapses dims that stand apart");
      groups.emplace_back(sources, number);
    }
    llvm::sort(groups);
    SmallVector<ReassociationIndices> sources;
    Permutation back(groups.size());
    for (auto [place, group] : llvm::enumerate(groups)) {
      sources.push_back(group.first);
      back[group.second] = place;
    }
    Value collapsed = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), transpose.getInput(), sources);
    if (llvm::is_sorted(back))
      rewriter.replaceOpWithNewOp<tensor::CastOp>(op, op.getType(), collapsed);
    else
      rewriter.replaceOp(op, createTranspose(rewriter, op.getLoc(), collapsed, back));
    return success();
  }
};

struct PropagateTransposes : torchc::impl::PropagateTransposesBase<PropagateTransposes> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<CombineTransposes, SinkBelowElementwise, GeneralizeConvolution, AbsorbInReduction, AbsorbInAttention,
                 SinkBelowPad, SinkBelowSlice, SinkBelowConcat, SinkBelowExpand, SinkBelowCollapse>(&getContext());
    populateResolveExtentPatterns(patterns);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    tensor::CastOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
