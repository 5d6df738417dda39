//===- PackWeights.cpp - bring weights into the order in which kernels read them ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
#include "Roots.h"

#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace torchc {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// Columns of a panel, on every CPU: the kernels of all variants in a file read the
/// same weights. 16 f32 are one cache line: two registers of AVX2, one of AVX-512,
/// where a tile takes two panels at once, and four of SSE and NEON.
static constexpr int64_t kPanelWidth = 16;
/// Fewer columns than this would be more zeros than weights.
static constexpr int64_t kFewestColumns = kPanelWidth / 2;

namespace {
/// The constant operand whose dim `column` runs along the innermost dim of the result.
struct ColumnOperand {
  OpOperand *operand;
  Value weight; ///< What is packed: the operand itself, or what it is dequantised from.
  int64_t column;
};
} // namespace

static std::optional<ColumnOperand> findColumns(linalg::LinalgOp op) {
  if (getRole(op) != OpRole::Anchor || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (AffineExpr expr : llvm::reverse(output.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop)
      return std::nullopt;
    if (ranges[loop.getPosition()] == 1)
      continue;
    OpOperand *columns = nullptr;
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.getMatchingIndexingMap(input).isFunctionOfDim(loop.getPosition())) {
        if (columns) // Both have it: nothing is shared between columns.
          return std::nullopt;
        columns = input;
      }
    if (!columns || !isComputedOfConstants(columns->get()) || ranges[loop.getPosition()] < kFewestColumns)
      return std::nullopt;
    AffineMap map = op.getMatchingIndexingMap(columns);
    std::optional<unsigned> position = map.getResultPosition(expr);
    if (!position || !map.isProjectedPermutation())
      return std::nullopt;
    Value narrow = getNarrowConstants(columns->get());
    // Scales by column are not padded.
    if (narrow && ranges[loop.getPosition()] % kPanelWidth != 0)
      return std::nullopt;
    return ColumnOperand{columns, narrow ? narrow : columns->get(), *position};
  }
  return std::nullopt;
}

/// The order of the tiles: dims that the result has, panels, then what is summed up.
static SmallVector<int64_t> getOuterOrder(linalg::LinalgOp op, const ColumnOperand &columns) {
  SmallVector<int64_t> shared, summed;
  // What is packed into one element has no dim there.
  const int64_t rank = cast<RankedTensorType>(columns.weight.getType()).getRank();
  for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(columns.operand).getResults().take_front(rank))) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (static_cast<int64_t>(dim) != columns.column)
      (linalg::isParallelIterator(op.getIteratorTypesArray()[loop]) ? shared : summed).push_back(dim);
  }
  shared.push_back(columns.column);
  shared.append(summed);
  return shared;
}

/// Whether a kernel reads the weight at this use, in a body or as a whole. Its sums are computed before.
static bool isReadByKernel(OpOperand &use) {
  Operation *op = use.getOwner();
  while (auto parent = dyn_cast<linalg::LinalgOp>(op->getParentOp()))
    op = parent;
  return isKernelOp(op) && !(getRole(op) == OpRole::Reduction && isComputedOfConstants(op->getResult(0)));
}

static void packColumns(linalg::LinalgOp op, const ColumnOperand &columns) {
  Value weight = columns.weight;
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfterValue(weight);
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(weight.getType());
  SmallVector<int64_t> order = getOuterOrder(op, columns), position{columns.column};
  SmallVector<OpFoldResult> tile{builder.getIndexAttr(kPanelWidth)};
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type.getElementType()));
  Value panels = linalg::PackOp::createDestinationTensor(builder, loc, weight, tile, position, order);
  auto packed = linalg::PackOp::create(builder, loc, weight, panels, position, tile, zero, order);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  Value view = linalg::UnPackOp::create(builder, loc, packed->getResult(0), empty, position, tile, order)->getResult(0);
  // Others that read the weight (an embedding that a language model's last layer shares)
  // look it up in the panels: it is kept only once.
  weight.replaceUsesWithIf(view, [&](OpOperand &use) { return use.getOwner() != packed && isReadByKernel(use); });
}

namespace {
struct PackWeights : torchc::impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    getOperation().walk([](linalg::LinalgOp op) {
      if (std::optional<ColumnOperand> columns = findColumns(op))
        packColumns(op, *columns);
    });
  }
};
} // namespace
