//===- SimplifyGenerics.cpp - bring elementwise ops and reductions to one form ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extents.h"
#include "Roots.h"

#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_SIMPLIFYGENERICS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// The reassociation that drops the dims of `drop` (all of extent 1): each
/// joins the dim before it or, at the front, the first that stays.
static SmallVector<ReassociationIndices> dropDims(int64_t rank, const llvm::SmallBitVector &drop) {
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices front;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (!drop.test(dim)) {
      groups.push_back(std::move(front));
      front.clear();
      groups.back().push_back(dim);
    } else if (groups.empty()) {
      front.push_back(dim);
    } else {
      groups.back().push_back(dim);
    }
  }
  return groups;
}

static Value collapse(OpBuilder &builder, Location loc, Value tensor, const llvm::SmallBitVector &drop) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!drop.test(dim))
      shape.push_back(type.getDimSize(dim));
  return tensor::CollapseShapeOp::create(builder, loc, type.clone(shape), tensor, dropDims(type.getRank(), drop));
}

namespace {

/// linalg.exp, linalg.map, linalg.reduce ... -> linalg.generic
struct GeneralizeNamed : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    OpRole role = getRole(op);
    if (isa<linalg::GenericOp, linalg::TransposeOp>(op) || (role != OpRole::Elementwise && role != OpRole::Reduction))
      return rewriter.notifyMatchFailure(op, "its name says something that matters");
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// A generic that only permutes is a transpose.
struct NameTranspose : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0)
      return rewriter.notifyMatchFailure(op, "not one tensor to one tensor");
    auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
    AffineMap input = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
    AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (yield.getOperand(0) != op.getBlock()->getArgument(0) || !input.isPermutation() || !output.isPermutation())
      return rewriter.notifyMatchFailure(op, "not a permutation");
    // Output dim i runs with the loop of output result i, which input has at perm[i].
    SmallVector<int64_t> permutation;
    for (AffineExpr loop : output.getResults())
      permutation.push_back(*input.getResultPosition(loop));
    rewriter.replaceOpWithNewOp<linalg::TransposeOp>(op, op.getDpsInputs()[0], op.getDpsInits()[0], permutation);
    return success();
  }
};

/// A transpose that keeps the order of all dims but those of extent 1 moves
/// nothing in memory.
struct TransposeOfUnitDims : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    auto source = cast<RankedTensorType>(op.getInput().getType());
    auto target = cast<RankedTensorType>(op.getInit().getType());
    llvm::SmallBitVector unitSource(source.getRank()), unitTarget(target.getRank());
    int64_t last = -1;
    for (auto [i, dim] : llvm::enumerate(op.getPermutation())) {
      if (source.getDimSize(dim) == 1) {
        unitSource.set(dim);
        unitTarget.set(i);
      } else if (dim < last) {
        return rewriter.notifyMatchFailure(op, "moves data");
      } else {
        last = dim;
      }
    }
    Value dense = collapse(rewriter, op.getLoc(), op.getInput(), unitSource);
    if (unitTarget.none()) {
      rewriter.replaceOp(op, dense);
      return success();
    }
    SmallVector<OpFoldResult> sizes = getMixedExtents(rewriter, op.getInit());
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, target, dense, dropDims(target.getRank(), unitTarget),
                                                       sizes);
    return success();
  }
};

/// `(d0, d1) -> (d0, 0)` of a `?x1` operand -> `(d0, d1) -> (d0)` of it collapsed.
struct CollapseRepeatedDims : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<Value> operands;
    SmallVector<Type> resultTypes;
    SmallVector<llvm::SmallBitVector> dropped;
    bool changed = false;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap &map = maps[operand.getOperandNumber()];
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      llvm::SmallBitVector drop(map.getNumResults());
      for (auto [i, result] : llvm::enumerate(map.getResults()))
        if (isa<AffineConstantExpr>(result) && type && type.getDimSize(i) == 1)
          drop.set(i);
      dropped.push_back(drop);
      Value value = operand.get();
      if (drop.any()) {
        changed = true;
        map = map.dropResults(drop);
        value = collapse(rewriter, op.getLoc(), value, drop);
      }
      operands.push_back(value);
      if (op.isDpsInit(&operand))
        resultTypes.push_back(value.getType());
    }
    // All loops must still have an extent.
    if (!changed || !inversePermutation(concatAffineMaps(maps, op.getContext())))
      return rewriter.notifyMatchFailure(op, "no repeated dim to drop");
    auto generic = linalg::GenericOp::create(
        rewriter, op.getLoc(), resultTypes, ArrayRef(operands).take_front(op.getNumDpsInputs()),
        ArrayRef(operands).drop_front(op.getNumDpsInputs()), maps, op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(), generic.getRegion().end());
    SmallVector<Value> results;
    for (auto [i, result] : llvm::enumerate(generic.getResults())) {
      const llvm::SmallBitVector &drop = dropped[op.getNumDpsInputs() + i];
      Value init = op.getDpsInits()[i];
      auto type = cast<RankedTensorType>(init.getType());
      results.push_back(result);
      if (drop.any())
        results.back() = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), type, result,
                                                       dropDims(type.getRank(), drop), getMixedExtents(rewriter, init));
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// A contraction or convolution that starts from a tensor (a bias) starts from
/// zero, and the tensor is added after: an epilogue like any other.
struct StartFromZero : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (getRole(op) != OpRole::Anchor || op.getNumDpsInits() != 1)
      return rewriter.notifyMatchFailure(op, "not a contraction");
    auto type = dyn_cast<RankedTensorType>(op.getDpsInits()[0].getType());
    auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
    Operation *combine = yield.getOperand(0).getDefiningOp();
    if (!type || !isa_and_nonnull<arith::AddFOp, arith::AddIOp>(combine) ||
        !llvm::is_contained(combine->getOperands(), op.getBlock()->getArguments().back()))
      return rewriter.notifyMatchFailure(op, "does not sum up");
    Value init = op.getDpsInits()[0];
    if (init.getDefiningOp<linalg::FillOp>())
      return rewriter.notifyMatchFailure(op, "starts from a number");
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> sizes = getMixedExtents(rewriter, init);
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
    Value filled = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    rewriter.setInsertionPointAfter(op);
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto sum = linalg::GenericOp::create(
        rewriter, loc, type, ValueRange{op->getResult(0), init}, ValueRange{empty}, {identity, identity, identity},
        iterators, [&](OpBuilder &builder, Location loc, ValueRange arguments) {
          Value result = isa<FloatType>(type.getElementType())
                             ? arith::AddFOp::create(builder, loc, arguments[0], arguments[1]).getResult()
                             : arith::AddIOp::create(builder, loc, arguments[0], arguments[1]).getResult();
          linalg::YieldOp::create(builder, loc, result);
        });
    rewriter.replaceAllUsesExcept(op->getResult(0), sum.getResult(0), sum);
    rewriter.modifyOpInPlace(op, [&] { op.getDpsInitsMutable()[0].set(filled); });
    return success();
  }
};

/// A convolution whose window is one pixel is a product of pixels and channels.
struct ContractPixels : OpRewritePattern<linalg::Conv2DNhwcHwcfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::Conv2DNhwcHwcfOp op, PatternRewriter &rewriter) const override {
    auto filterType = cast<RankedTensorType>(op.filter().getType());
    auto isOne = [](const APInt &stride) { return stride == 1; };
    if (filterType.getDimSize(0) != 1 || filterType.getDimSize(1) != 1 ||
        !llvm::all_of(op.getStrides().getValues<APInt>(), isOne))
      return rewriter.notifyMatchFailure(op, "has a window or strides");
    FailureOr<linalg::GenericOp> generic = linalg::generalizeNamedOp(rewriter, op);
    if (failed(generic))
      return failure();
    // Both loops over the window go.
    SmallVector<AffineMap> maps = generic->getIndexingMapsArray();
    llvm::SmallBitVector windowDims(4), windowLoops(generic->getNumLoops());
    windowDims.set(0, 2);
    for (unsigned dim : windowDims.set_bits())
      windowLoops.set(maps[1].getDimPosition(dim));
    SmallVector<AffineExpr> renamed;
    SmallVector<utils::IteratorType> iterators;
    for (auto [loop, iterator] : llvm::enumerate(generic->getIteratorTypesArray())) {
      renamed.push_back(windowLoops.test(loop) ? rewriter.getAffineConstantExpr(0)
                                               : rewriter.getAffineDimExpr(iterators.size()));
      if (!windowLoops.test(loop))
        iterators.push_back(iterator);
    }
    maps[1] = maps[1].dropResults(windowDims);
    for (AffineMap &map : maps)
      map = map.replaceDimsAndSymbols(renamed, {}, iterators.size(), 0);
    rewriter.setInsertionPoint(*generic);
    Value filter = collapse(rewriter, generic->getLoc(), generic->getInputs()[1], windowDims);
    auto product =
        linalg::GenericOp::create(rewriter, generic->getLoc(), generic->getResultTypes(),
                                  ValueRange{generic->getInputs()[0], filter}, generic->getOutputs(), maps, iterators);
    rewriter.inlineRegionBefore(generic->getRegion(), product.getRegion(), product.getRegion().end());
    rewriter.replaceOp(*generic, product);
    return success();
  }
};

struct SimplifyGenerics : torchc::impl::SimplifyGenericsBase<SimplifyGenerics> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns
        .add<GeneralizeNamed, NameTranspose, TransposeOfUnitDims, CollapseRepeatedDims, StartFromZero, ContractPixels>(
            context);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::populateInlineConstantOperandsPatterns(patterns);
    linalg::populateMoveInitOperandsToInputPattern(patterns);
    populateResolveExtentPatterns(patterns);
    linalg::FillOp::getCanonicalizationPatterns(patterns, context);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
