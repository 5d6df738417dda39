//===- RepeatRows.cpp - gathers that repeat the rows of a table ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RepeatRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace torchc;

/// Whether `index` is `number` wherever that is from 0 on and below `extent`.
static bool isIndexInRange(Value index, Value number, int64_t extent) {
  if (index == number)
    return true;
  if (auto cast = index.getDefiningOp<arith::IndexCastOp>())
    return isIndexInRange(cast.getIn(), number, extent);
  auto select = index.getDefiningOp<arith::SelectOp>();
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpIOp>() : arith::CmpIOp();
  if (!compare || !isIndexInRange(compare.getLhs(), number, extent))
    return false;
  // Counted from the end, or beyond it.
  if (compare.getPredicate() == arith::CmpIPredicate::slt && matchPattern(compare.getRhs(), m_Zero()))
    return isIndexInRange(select.getFalseValue(), number, extent);
  APInt bound;
  return compare.getPredicate() == arith::CmpIPredicate::ult && matchPattern(compare.getRhs(), m_ConstantInt(&bound)) &&
         bound.getSExtValue() == extent && isIndexInRange(select.getTrueValue(), number, extent);
}

/// The table of which `op` gathers rows, each element at the place of its own.
static Value findTable(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() || op.getNumLoops() == 0)
    return {};
  AffineMap read = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  auto extract = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (!extract || read.getNumResults() != 1 || read.getResult(0) != getAffineDimExpr(0, op.getContext()) ||
      extract.getIndices().size() != op.getNumLoops() ||
      op->isAncestor(extract.getTensor().getParentRegion()->getParentOp()))
    return {};
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  if (!type.hasStaticShape() ||
      !isIndexInRange(extract.getIndices()[0], op.getBody()->getArgument(0), type.getDimSize(0)))
    return {};
  for (auto [dim, index] : llvm::enumerate(extract.getIndices().drop_front())) {
    auto loop = index.getDefiningOp<linalg::IndexOp>();
    if (!loop || loop.getDim() != dim + 1)
      return {};
  }
  return extract.getTensor();
}

/// How often each of `rows` is repeated, if `indices` are 0, 0, .. 1, 1, ..; 0 if they are anything else.
static int64_t findRepeats(const ConstantTensor &indices, int64_t rows) {
  ConstantTensor dense = indices.makeContiguous();
  const int64_t count = dense.type.getNumElements();
  if (rows == 0 || count == 0 || count % rows != 0)
    return 0;
  std::vector<Cell> cells(count, Cell::ofInt(0));
  dense.read(0, 1, cells);
  const int64_t repeats = count / rows;
  for (auto [place, cell] : llvm::enumerate(cells))
    if (cell.i != static_cast<int64_t>(place) / repeats)
      return 0;
  return repeats;
}

static void repeatRows(linalg::GenericOp op, ConstantEvaluator &evaluator) {
  Value table = findTable(op), indices = table ? op.getDpsInputs()[0] : Value();
  if (!table || !evaluator.isConstant(indices))
    return;
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  if (!result.hasStaticShape())
    return;
  FailureOr<ConstantTensor> elements = evaluator.evaluate(indices);
  auto type = cast<RankedTensorType>(table.getType());
  const int64_t repeats = succeeded(elements) ? findRepeats(*elements, type.getDimSize(0)) : 0;
  if (repeats == 0)
    return;
  OpBuilder builder(op);
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + 1, repeats);
  Value empty = tensor::EmptyOp::create(builder, op.getLoc(), shape, type.getElementType());
  const int64_t rank = shape.size();
  AffineMap all = builder.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto repeated = linalg::GenericOp::create(
      builder, op.getLoc(), empty.getType(), table, empty, {all.dropResult(1), all}, iterators,
      [](OpBuilder &body, Location loc, ValueRange arguments) { linalg::YieldOp::create(body, loc, arguments[0]); });
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim != rank; ++dim)
    groups.push_back({dim});
  op->getResult(0).replaceAllUsesWith(
      tensor::CollapseShapeOp::create(builder, op.getLoc(), result, repeated.getResult(0), groups));
  op.erase();
}

void torchc::repeatRowsInsteadOfGathers(ModuleOp module, ConstantEvaluator &evaluator) {
  SmallVector<linalg::GenericOp> ops;
  module.walk([&](linalg::GenericOp op) { ops.push_back(op); });
  for (linalg::GenericOp op : ops)
    repeatRows(op, evaluator);
}
