//===- ShareHeads.cpp - let heads of attention share keys and values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Models with fewer heads of keys and values than of queries repeat them:
//
//   [b, heads, s, e] -> [b, heads, repeats, s, e] -> [b, heads * repeats, s, e]
//
// Here the dim of heads becomes two in the attention, and keys and values are read where
// they were before they were repeated.
//
//===----------------------------------------------------------------------===//

#include "Extents.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_SHAREHEADS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {

/// A tensor whose elements were repeated along a new dim, which was joined with its neighbour.
struct Repetition {
  linalg::GenericOp op;
  unsigned dim;                 ///< Of the tensor, which two were joined to.
  int64_t outer = 0, inner = 0; ///< Their extents.

  static std::optional<Repetition> match(Value tensor);
  AffineMap getMap() { return op.getMatchingIndexingMap(op.getDpsInputOperand(0)); }
};

} // namespace

std::optional<Repetition> Repetition::match(Value tensor) {
  auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>();
  auto op = collapse ? collapse.getSrc().getDefiningOp<linalg::GenericOp>() : linalg::GenericOp();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      op.getBody()->getTerminator()->getOperand(0) != op.getBody()->getArgument(0))
    return std::nullopt;
  Repetition found{op, 0};
  bool isOnlyOne = true;
  for (auto [dim, group] : llvm::enumerate(collapse.getReassociationIndices())) {
    if (group.size() == 1)
      continue;
    isOnlyOne = isOnlyOne && group.size() == 2 && found.outer == 0;
    found.dim = dim;
    found.outer = collapse.getSrcType().getDimSize(group.front());
    found.inner = collapse.getSrcType().getDimSize(group.back());
  }
  AffineMap map = found.getMap();
  const bool isRepeated = !map.isFunctionOfDim(found.dim) || !map.isFunctionOfDim(found.dim + 1);
  const bool fits = isOnlyOne && found.outer > 0 && found.inner > 0 && map.isProjectedPermutation() && isRepeated;
  return fits ? std::optional(found) : std::nullopt;
}

/// `groups` of a tensor of `rank` dims, of which `dim` is two.
static SmallVector<ReassociationIndices> splitDim(unsigned rank, unsigned dim) {
  SmallVector<ReassociationIndices> groups;
  for (unsigned i = 0; i != rank; ++i) {
    groups.push_back({i + (i > dim)});
    if (i == dim)
      groups.back().push_back(i + 1);
  }
  return groups;
}

namespace {

struct ShareRepeatedHeads : OpRewritePattern<dispatch::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(dispatch::AttentionOp op, PatternRewriter &rewriter) const override {
    std::optional<Repetition> key = Repetition::match(op.getInputs()[1]), value = Repetition::match(op.getInputs()[2]);
    if (!key || !value || key->outer != value->outer || key->inner != value->inner)
      return rewriter.notifyMatchFailure(op, "keys and values are not repeated alike");
    AffineExpr heads = op.getIndexingMap(1).getResult(key->dim);
    auto loop = dyn_cast<AffineDimExpr>(heads);
    if (!loop || op.getIndexingMap(2).getResult(value->dim) != heads || loop.getPosition() >= op.getNumBatchDims())
      return rewriter.notifyMatchFailure(op, "another dim than heads");
    const unsigned split = loop.getPosition();
    for (unsigned input = 0; input != op.getInputs().size(); ++input)
      if (llvm::any_of(op.getIndexingMap(input).getResults(),
                       [&](AffineExpr expr) { return expr != heads && expr.isFunctionOfDim(split); }))
        return rewriter.notifyMatchFailure(op, "heads are part of another index");

    // Loops from there on are one further.
    SmallVector<AffineExpr> loops;
    for (unsigned i = 0; i != op.getNumLoops(); ++i)
      loops.push_back(rewriter.getAffineDimExpr(i + (i > split)));
    auto expand = [&](Value tensor, unsigned dim) -> Value {
      SmallVector<OpFoldResult> sizes = getMixedExtents(rewriter, tensor);
      sizes[dim] = rewriter.getIndexAttr(key->outer);
      sizes.insert(sizes.begin() + dim + 1, rewriter.getIndexAttr(key->inner));
      auto type = cast<RankedTensorType>(tensor.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape[dim] = key->outer;
      shape.insert(shape.begin() + dim + 1, key->inner);
      return tensor::ExpandShapeOp::create(rewriter, tensor.getLoc(), type.clone(shape), tensor,
                                           splitDim(type.getRank(), dim), sizes);
    };
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (auto [number, tensor] : llvm::enumerate(op.getInputs())) {
      AffineMap map = op.getIndexingMap(number);
      std::optional<unsigned> dim = map.getResultPosition(heads);
      SmallVector<AffineExpr> exprs;
      for (AffineExpr expr : map.getResults()) {
        exprs.push_back(expr.replaceDims(loops));
        if (expr == heads)
          exprs.push_back(rewriter.getAffineDimExpr(split + 1));
      }
      AffineMap expanded = AffineMap::get(op.getNumLoops() + 1, 0, exprs, rewriter.getContext());
      if (number == 1 || number == 2) {
        Repetition &repetition = number == 1 ? *key : *value;
        inputs.push_back(repetition.op.getDpsInputs()[0]);
        maps.push_back(repetition.getMap().compose(expanded));
      } else {
        inputs.push_back(dim ? expand(tensor, *dim) : tensor);
        maps.push_back(expanded);
      }
    }
    Value init = expand(op.getInit(), split);
    auto attention = dispatch::AttentionOp::create(rewriter, op.getLoc(), init.getType(), inputs, init,
                                                   rewriter.getAffineMapArrayAttr(maps), op.getZeroMaskedRows());
    rewriter.inlineRegionBefore(op.getScore(), attention.getScore(), attention.getScore().end());
    auto type = cast<RankedTensorType>(op.getType());
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, type, attention.getResult(),
                                                         splitDim(type.getRank(), split));
    return success();
  }
};

struct ShareHeads : torchc::impl::ShareHeadsBase<ShareHeads> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ShareRepeatedHeads>(&getContext());
    // Behind transposes, reshapes still wait for being folded.
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::populateFoldTensorEmptyPatterns(patterns);
    populateResolveExtentPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
