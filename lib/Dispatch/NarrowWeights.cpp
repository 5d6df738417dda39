//===- NarrowWeights.cpp - weights that fit four bits take four bits ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models keep weights of four bits in their own ways: two in a byte, in one order or another, or each in a byte of
// its own. FoldConstants makes bytes of them all. Here their values are looked at, and eight along k become one
// integer of 32 bits: a vector of these has eight elements for each of its columns, the next always four bits further.
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
#include "Roots.h"

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_NARROWWEIGHTS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

static constexpr int64_t kBits = 4, kValues = 1 << kBits;
/// Elements in an integer of 32 bits.
static constexpr int64_t kElements = 32 / kBits;
/// Columns that PackWeights packs together: narrow weights are not padded.
static constexpr int64_t kColumns = 16;

/// The ops that widen `narrow` to `factor`, the last first; none if others read them, or if they permute dims.
static SmallVector<linalg::GenericOp> findWidening(Value factor, Value narrow) {
  SmallVector<linalg::GenericOp> ops;
  while (factor != narrow) {
    auto op = factor.getDefiningOp<linalg::GenericOp>();
    if (!factor.hasOneUse() || !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
      return {};
    ops.push_back(op);
    factor = getInputInPlace(op)->get();
  }
  return ops;
}

/// Whether `factor` has its columns in one dim and what is summed up in the last, as many of both as packing takes.
static bool canBePacked(linalg::LinalgOp product, OpOperand *factor) {
  AffineMap read = product.getMatchingIndexingMap(factor);
  AffineMap output = product.getMatchingIndexingMap(product.getDpsInitOperand(0));
  auto type = cast<RankedTensorType>(factor->get().getType());
  auto last = dyn_cast<AffineDimExpr>(read.getResults().back());
  std::optional<unsigned> column =
      output.getNumResults() != 0 ? read.getResultPosition(output.getResults().back()) : std::nullopt;
  return last && linalg::isReductionIterator(product.getIteratorTypesArray()[last.getPosition()]) && column &&
         type.hasStaticShape() && type.getDimSize(*column) % kColumns == 0 &&
         type.getDimSize(type.getRank() - 1) % kElements == 0;
}

/// The least of 16 integers that all elements are among.
static std::optional<int64_t> findLeast(const ConstantTensor &bytes) {
  if (bytes.type.getNumElements() == 0)
    return std::nullopt;
  ConstantTensor dense = bytes.makeContiguous();
  ArrayRef<int8_t> values(reinterpret_cast<const int8_t *>(dense.data), dense.type.getNumElements());
  // Most that do not fit say so early.
  int64_t least = values[0], most = values[0];
  for (int64_t value : values) {
    least = std::min(least, value);
    most = std::max(most, value);
    if (most - least >= kValues)
      return std::nullopt;
  }
  if (least >= 0 && most < kValues)
    return 0;
  return least >= -kValues / 2 && most < kValues / 2 ? -kValues / 2 : least;
}

/// How far the element `number` of an integer is moved to the left.
static Value createShift(OpBuilder &builder, Location loc, int64_t loop) {
  Value number = linalg::IndexOp::create(builder, loc, loop);
  Type i32 = builder.getI32Type();
  return arith::MulIOp::create(builder, loc, arith::IndexCastOp::create(builder, loc, i32, number),
                               arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(kBits)));
}

/// [..., k] of eight bits as [..., k / 8] of 32.
static Value pack(OpBuilder &builder, Value narrow, int64_t least) {
  Location loc = narrow.getLoc();
  auto type = cast<RankedTensorType>(narrow.getType());
  const int64_t rank = type.getRank();
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= kElements;
  SmallVector<int64_t> split(shape);
  split.push_back(kElements);
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank);
  Type i32 = builder.getI32Type();
  Value parts = tensor::ExpandShapeOp::create(builder, loc, type.clone(split), narrow, groups);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, shape, i32);
  Value start = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  AffineMap all = builder.getMultiDimIdentityMap(rank + 1);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  auto packed = linalg::GenericOp::create(
      builder, loc, empty.getType(), parts, start, {all, all.dropResult(rank)}, iterators,
      [&](OpBuilder &body, Location loc, ValueRange arguments) {
        Value low = arith::ConstantOp::create(body, loc, body.getI32IntegerAttr(least));
        Value bits = arith::SubIOp::create(body, loc, arith::ExtSIOp::create(body, loc, i32, arguments[0]), low);
        bits = arith::ShLIOp::create(body, loc, bits, createShift(body, loc, rank));
        linalg::YieldOp::create(body, loc, arith::OrIOp::create(body, loc, arguments[1], bits).getResult());
      });
  return packed.getResult(0);
}

/// The elements of `packed` again: [..., k / 8, 8] of eight bits.
static Value unpack(OpBuilder &builder, Value packed, int64_t least) {
  Location loc = packed.getLoc();
  auto type = cast<RankedTensorType>(packed.getType());
  const int64_t rank = type.getRank();
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(kElements);
  Value empty = tensor::EmptyOp::create(builder, loc, shape, builder.getI8Type());
  AffineMap all = builder.getMultiDimIdentityMap(rank + 1);
  SmallVector<utils::IteratorType> iterators(rank + 1, utils::IteratorType::parallel);
  auto elements = linalg::GenericOp::create(
      builder, loc, empty.getType(), packed, empty, {all.dropResult(rank), all}, iterators,
      [&](OpBuilder &body, Location loc, ValueRange arguments) {
        Value mask = arith::ConstantOp::create(body, loc, body.getI32IntegerAttr(kValues - 1));
        Value bits = arith::ShRUIOp::create(body, loc, arguments[0], createShift(body, loc, rank));
        bits = arith::AndIOp::create(body, loc, bits, mask);
        Value element = arith::TruncIOp::create(body, loc, body.getI8Type(), bits);
        if (least != 0)
          element = arith::AddIOp::create(body, loc, element,
                                          arith::ConstantOp::create(body, loc, body.getI8IntegerAttr(least)));
        linalg::YieldOp::create(body, loc, element);
      });
  return elements.getResult(0);
}

/// What an op computes of the narrow weights alone becomes an op of its own, for a kernel to look it up in a table.
static void splitFunctionOfWeights(linalg::GenericOp op) {
  Block &body = *op.getBody();
  Value weight = op.getMatchingBlockArgument(getInputInPlace(op));
  llvm::SmallPtrSet<Operation *, 8> own; // Computed of the weight, or of nothing at all.
  for (Operation &inner : body.without_terminator())
    if (isa<arith::ArithDialect>(inner.getDialect()) && llvm::all_of(inner.getOperands(), [&](Value operand) {
          Operation *producer = operand.getDefiningOp();
          return operand == weight || (producer && (producer->getBlock() != &body || own.contains(producer)));
        }))
      own.insert(&inner);
  llvm::SetVector<Value> read; // Of the weight's own, by others.
  for (Operation &inner : body)
    if (!own.contains(&inner))
      for (Value operand : inner.getOperands())
        if (operand == weight || (own.contains(operand.getDefiningOp()) && !matchPattern(operand, m_Constant())))
          read.insert(operand);
  Value value = read.size() == 1 ? read.front() : Value();
  if (!value || value == weight || body.getTerminator()->getOperand(0) == value)
    return;
  OpBuilder builder(op);
  auto type = cast<RankedTensorType>(op->getResult(0).getType()).clone(value.getType());
  OpOperand *input = getInputInPlace(op);
  AffineMap identity = op.getMatchingIndexingMap(input);
  Value empty = tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(), type.getElementType());
  auto first =
      linalg::GenericOp::create(builder, op.getLoc(), type, input->get(), empty, {identity, identity},
                                op.getIteratorTypesArray(), [&](OpBuilder &inside, Location loc, ValueRange arguments) {
                                  IRMapping mapping;
                                  mapping.map(weight, arguments[0]);
                                  for (Operation &inner : body)
                                    if (own.contains(&inner))
                                      inside.clone(inner, mapping);
                                  linalg::YieldOp::create(inside, loc, mapping.lookup(value));
                                });
  input->set(first.getResult(0));
  value.replaceAllUsesWith(weight);
  weight.setType(value.getType());
  // What else was computed of the weight is not read any more.
  for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(body)))
    if (own.contains(&inner) && inner.use_empty())
      inner.erase();
}

static bool narrowWeights(linalg::LinalgOp product, OpOperand *factor, ConstantEvaluator &evaluator) {
  Value narrow = getNarrowConstants(factor->get());
  if (!narrow || !getElementTypeOrSelf(narrow.getType()).isInteger(8) || !narrow.hasOneUse() ||
      !canBePacked(product, factor) || !evaluator.isConstant(narrow))
    return false;
  SmallVector<linalg::GenericOp> widening = findWidening(factor->get(), narrow);
  if (widening.empty())
    return false;
  FailureOr<ConstantTensor> bytes = evaluator.evaluate(narrow);
  std::optional<int64_t> least = succeeded(bytes) ? findLeast(*bytes) : std::nullopt;
  if (!least)
    return false;
  OpBuilder builder(narrow.getContext());
  builder.setInsertionPointAfterValue(narrow);
  OpOperand *use = getInputInPlace(widening.back());
  Value packed = pack(builder, narrow, *least);
  // So large a tensor that only a kernel could compute it.
  if (!evaluator.isConstant(packed))
    return false;
  Value elements = unpack(builder, packed, *least);
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0, rank = cast<RankedTensorType>(narrow.getType()).getRank(); dim < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(groups.size());
  use->set(tensor::CollapseShapeOp::create(builder, narrow.getLoc(), narrow.getType(), elements, groups));
  splitFunctionOfWeights(widening.back());
  return true;
}

/// Whether `tensor` was widened from elements that `unpack` took out of integers.
static bool isOfUnpacked(Value tensor) {
  while (auto op = tensor.getDefiningOp<linalg::GenericOp>()) {
    OpOperand *input = getWidenedInput(op);
    if (!input)
      return false;
    if (!getInputInPlace(op))
      return true;
    tensor = input->get();
  }
  return false;
}

namespace {
struct NarrowWeights : torchc::impl::NarrowWeightsBase<NarrowWeights> {
  void runOnOperation() override {
    ConstantEvaluator evaluator(getOperation(), getContext().getLoadedDialect<torch::TorchDialect>()->getWeights());
    SmallVector<linalg::LinalgOp> products;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op.getNumReductionLoops() != 0 && op.getNumDpsInputs() == 2 && linalg::isaContractionOpInterface(op))
        products.push_back(op);
    });
    bool changed = false;
    for (linalg::LinalgOp product : products)
      for (OpOperand *factor : product.getDpsInputOperands())
        changed |= narrowWeights(product, factor, evaluator);
    if (!changed)
      return;
    // The dim of the elements of an integer goes all the way to the product.
    RewritePatternSet patterns(&getContext());
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, [](OpOperand *fused) {
      auto collapse = fused->get().getDefiningOp<tensor::CollapseShapeOp>();
      return collapse && isOfUnpacked(collapse.getSrc());
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
