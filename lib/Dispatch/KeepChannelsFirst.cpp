//===- KeepChannelsFirst.cpp - products between two changes of layout do without them ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A 1x1 convolution alone takes and gives images whose channels come first. As pixels times weights it needs them
// last, between two transposes; as weights times pixels it reads and writes them as they are. Within a network no such
// transposes are left, and weights are the better columns: they are packed when compiling.
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

namespace torchc {
#define GEN_PASS_DEF_KEEPCHANNELSFIRST
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// The most columns that a kernel takes at once, and how many of all may be nothing but padding: one of so many.
static constexpr int64_t kWidestPanel = 32;
static constexpr int64_t kPixelsPerPadding = 16;
/// With fewer rows, pixels are packed for too few multiply-adds.
static constexpr int64_t kFewestRows = 16;

namespace {
/// A product of which both the images and the result are transposed.
struct Candidate {
  OpOperand *images;
  linalg::FillOp fill;                     ///< What the sums start from.
  SmallVector<linalg::GenericOp> epilogue; ///< Elementwise ops that follow, each read by the next alone.
  linalg::TransposeOp before, after;
};
} // namespace

/// The map of a transpose's result where `map` is that of its operand.
static AffineMap transposeMap(AffineMap map, ArrayRef<int64_t> permutation) {
  return AffineMap::getPermutationMap(permutation, map.getContext()).compose(map);
}

/// Whether an elementwise op reads `tensor` where it writes, and nothing else as a whole.
static bool isEpilogue(linalg::GenericOp op, Value tensor) {
  if (!op || op.getNumReductionLoops() != 0 || op->getNumResults() != 1 || op.hasIndexSemantics() ||
      !op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>())
    return false;
  AffineMap output = op.getIndexingMapsArray().back();
  return output.isPermutation() && llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
           AffineMap map = op.getMatchingIndexingMap(input);
           return input->get() == tensor ? map == output : !map.isPermutation();
         });
}

/// Whether pixels make good columns for weights as rows, once nothing is transposed.
static bool hasPixelsAsColumns(linalg::GenericOp product, AffineMap images, AffineMap weights, AffineMap output) {
  SmallVector<int64_t> ranges = product.getStaticLoopRanges();
  if (images.getResults().back() != output.getResults().back())
    return false;
  int64_t pixels = 1, rows = 1;
  ArrayRef<AffineExpr> results = output.getResults();
  for (; !results.empty(); results = results.drop_back()) {
    const unsigned loop = cast<AffineDimExpr>(results.back()).getPosition();
    if (weights.isFunctionOfDim(loop))
      break;
    if (ShapedType::isDynamic(ranges[loop]))
      return false;
    pixels *= ranges[loop];
  }
  for (AffineExpr result : results)
    if (unsigned loop = cast<AffineDimExpr>(result).getPosition(); !images.isFunctionOfDim(loop))
      rows *= ranges[loop];
  const int64_t padding = llvm::alignTo(pixels, kWidestPanel) - pixels;
  return rows >= kFewestRows && padding * kPixelsPerPadding <= pixels;
}

static std::optional<Candidate> match(linalg::GenericOp product) {
  // Narrower products have instructions that want packed weights.
  Type element = getElementTypeOrSelf(product->getResult(0));
  if (getRole(product) != OpRole::Anchor || !linalg::isaContractionOpInterface(product) ||
      !(element.isF32() || element.isF64()))
    return std::nullopt;
  Candidate found;
  found.fill = product.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  for (OpOperand *input : product.getDpsInputOperands())
    if (auto transpose = input->get().getDefiningOp<linalg::TransposeOp>(); transpose && transpose->hasOneUse()) {
      found.images = input;
      found.before = transpose;
    }
  if (!found.before || !found.fill)
    return std::nullopt;
  OpOperand *weights = product.getDpsInputOperand(1 - found.images->getOperandNumber());
  if (!isComputedOfConstants(weights->get()) || getNarrowConstants(weights->get()) ||
      getElementTypeOrSelf(weights->get()) != element || getElementTypeOrSelf(found.images->get()) != element)
    return std::nullopt;
  Value result = product->getResult(0);
  while (result.hasOneUse() && !found.after) {
    Operation *user = *result.user_begin();
    found.after = dyn_cast<linalg::TransposeOp>(user);
    auto next = dyn_cast<linalg::GenericOp>(user);
    if (found.after)
      break;
    if (!isEpilogue(next, result))
      return std::nullopt;
    found.epilogue.push_back(next);
    result = next->getResult(0);
  }
  if (!found.after)
    return std::nullopt;
  AffineMap images = transposeMap(product.getMatchingIndexingMap(found.images),
                                  invertPermutationVector(found.before.getPermutation()));
  AffineMap output = transposeMap(product.getIndexingMapsArray().back(), found.after.getPermutation());
  if (!output.isProjectedPermutation() || !images.isProjectedPermutation() ||
      !hasPixelsAsColumns(product, images, product.getMatchingIndexingMap(weights), output))
    return std::nullopt;
  return found;
}

/// `op` with other inputs, read by `maps`, writing to `init` in the order of the last of these.
static linalg::GenericOp createInOrder(OpBuilder &builder, linalg::GenericOp op, ValueRange inputs, Value init,
                                       ArrayRef<AffineMap> maps) {
  // The loops of the result come first, in its order.
  SmallVector<unsigned> order;
  for (AffineExpr result : maps.back().getResults())
    order.push_back(cast<AffineDimExpr>(result).getPosition());
  for (unsigned loop = 0; loop != op.getNumLoops(); ++loop)
    if (!llvm::is_contained(order, loop))
      order.push_back(loop);
  AffineMap toOld = inversePermutation(AffineMap::getPermutationMap(order, op.getContext()));
  SmallVector<utils::IteratorType> iterators;
  for (unsigned loop : order)
    iterators.push_back(op.getIteratorTypesArray()[loop]);
  SmallVector<AffineMap> newMaps;
  for (AffineMap map : maps)
    newMaps.push_back(map.compose(toOld));
  auto created = linalg::GenericOp::create(builder, op.getLoc(), init.getType(), inputs, init, newMaps, iterators);
  created.getRegion().takeBody(op.getRegion());
  return created;
}

static void keepChannelsFirst(linalg::GenericOp product, Candidate found) {
  OpBuilder builder(product);
  ArrayRef<int64_t> permutation = found.after.getPermutation();
  SmallVector<OpFoldResult> sizes = getMixedExtents(builder, product.getDpsInits()[0]);
  applyPermutationToVector(sizes, permutation);
  auto createEmpty = [&](Type type) -> Value {
    return tensor::EmptyOp::create(builder, product.getLoc(), sizes, getElementTypeOrSelf(type));
  };
  SmallVector<AffineMap> maps = product.getIndexingMapsArray();
  SmallVector<Value> inputs = product.getDpsInputs();
  AffineMap &imagesMap = maps[found.images->getOperandNumber()];
  imagesMap = transposeMap(imagesMap, invertPermutationVector(found.before.getPermutation()));
  inputs[found.images->getOperandNumber()] = found.before.getInput();
  maps.back() = transposeMap(maps.back(), permutation);
  Value init = linalg::FillOp::create(builder, product.getLoc(), found.fill.getInputs(),
                                      createEmpty(product.getResultTypes()[0]))
                   .getResult(0);
  Value before = product->getResult(0);
  Value result = createInOrder(builder, product, inputs, init, maps)->getResult(0);
  for (linalg::GenericOp op : found.epilogue) {
    builder.setInsertionPoint(op);
    maps = op.getIndexingMapsArray();
    maps.back() = transposeMap(maps.back(), permutation);
    inputs = op.getDpsInputs();
    for (auto [input, map] : llvm::zip(inputs, maps))
      if (input == before) {
        input = result;
        map = maps.back();
      }
    before = op->getResult(0);
    result = createInOrder(builder, op, inputs, createEmpty(before.getType()), maps)->getResult(0);
  }
  found.after->getResult(0).replaceAllUsesWith(result);
  found.after->erase();
  for (linalg::GenericOp op : llvm::reverse(found.epilogue))
    op->erase();
  product->erase();
  found.before->erase();
}

namespace {
struct KeepChannelsFirst : torchc::impl::KeepChannelsFirstBase<KeepChannelsFirst> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> products;
    getOperation().walk([&](linalg::GenericOp op) {
      if (op.getNumReductionLoops() != 0)
        products.push_back(op);
    });
    for (linalg::GenericOp product : products)
      if (std::optional<Candidate> found = match(product))
        keepChannelsFirst(product, *found);
  }
};
} // namespace
