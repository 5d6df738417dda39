//===- ContractionRoot.cpp - the multiply-add at the root of a kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionRoot.h"

#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

/// The block argument that `value` is, but for widening casts.
static BlockArgument skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp, arith::SIToFPOp, arith::UIToFPOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

static std::optional<ContractionRoot> match(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0 ||
      llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) { return op.isScalar(&operand); }))
    return std::nullopt;
  Block &block = *op.getBlock();
  Operation *add = block.getTerminator()->getOperand(0).getDefiningOp();
  BlockArgument sum = block.getArgument(2);
  if (!isa_and_present<arith::AddFOp, arith::AddIOp>(add) || !sum.hasOneUse())
    return std::nullopt;
  Value product = add->getOperand(0) == sum ? add->getOperand(1) : add->getOperand(0);
  if (add->getOperand(0) != sum && add->getOperand(1) != sum)
    return std::nullopt;
  Operation *multiply = product.getDefiningOp();
  if (!isa_and_present<arith::MulFOp, arith::MulIOp>(multiply))
    return std::nullopt;
  BlockArgument left = skipCasts(multiply->getOperand(0)), right = skipCasts(multiply->getOperand(1));
  if (!left || !right || left.getArgNumber() + right.getArgNumber() != 1)
    return std::nullopt;

  OpOperand *output = op.getDpsInitOperand(0);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (AffineExpr expr : llvm::reverse(op.getMatchingIndexingMap(output).getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    unsigned loop = dim.getPosition();
    if (ranges[loop] == 1)
      continue;
    OpOperand *first = op.getDpsInputOperand(0), *second = op.getDpsInputOperand(1);
    bool inFirst = op.getMatchingIndexingMap(first).isFunctionOfDim(loop);
    bool inSecond = op.getMatchingIndexingMap(second).isFunctionOfDim(loop);
    if (inFirst == inSecond)
      return std::nullopt;
    OpOperand *columns = inFirst ? first : second;
    // A column is a dim of its own, not part of a window's coordinate.
    if (!llvm::is_contained(op.getMatchingIndexingMap(columns).getResults(), expr))
      return std::nullopt;
    return ContractionRoot{op, inFirst ? second : first, columns, loop, multiply, add};
  }
  return std::nullopt;
}

std::optional<ContractionRoot> ContractionRoot::find(dispatch::KernelOp kernel) {
  std::optional<ContractionRoot> root;
  for (auto op : kernel.getBody().front().getOps<linalg::LinalgOp>())
    if (auto candidate = match(op)) {
      if (root)
        return std::nullopt;
      root = candidate;
    }
  return root;
}

Type ContractionRoot::getAccumulatorType() const {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  return element.isF16() || element.isBF16() ? Float32Type::get(element.getContext()) : element;
}

/// The view of packed weights that `tensor` is, or is dequantised from element by element.
static linalg::UnPackOp findUnpack(Value tensor) {
  if (auto unpack = tensor.getDefiningOp<linalg::UnPackOp>())
    return unpack;
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumReductionLoops() != 0 || op.getNumDpsInits() != 1)
    return {};
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (OpOperand *input : op.getDpsInputOperands())
    if (output.isPermutation() && op.getMatchingIndexingMap(input) == output)
      if (linalg::UnPackOp unpack = findUnpack(input->get()))
        return unpack;
  return {};
}

linalg::UnPackOp ContractionRoot::getUnpack() const {
  linalg::UnPackOp unpack = findUnpack(columns->get());
  if (!unpack || unpack.getInnerDimsPos().size() != 1 || ShapedType::isDynamic(unpack.getStaticInnerTiles()[0]))
    return {};
  AffineMap map = linalg().getMatchingIndexingMap(columns);
  return map.getResult(unpack.getInnerDimsPos()[0]) == getAffineDimExpr(columnLoop, op->getContext())
             ? unpack
             : linalg::UnPackOp();
}

std::optional<int64_t> ContractionRoot::getRowDistance(unsigned loop) const {
  auto type = cast<RankedTensorType>(rows->get().getType());
  AffineMap map = linalg().getMatchingIndexingMap(rows);
  int64_t distance = type.getElementTypeBitWidth() / 8;
  for (size_t position = map.getNumResults(); position-- != 0;) {
    AffineExpr expr = map.getResult(position);
    if (expr.isFunctionOfDim(loop)) {
      // A stride moves rows further apart by its factor.
      std::optional<int64_t> step = getStep(map, position, loop);
      return step ? std::optional(distance * *step) : std::nullopt;
    }
    if (type.isDynamicDim(position))
      return std::nullopt;
    distance *= type.getDimSize(position);
  }
  return std::nullopt;
}

bool ContractionRoot::hasInit() const {
  auto fill = linalg().getDpsInitOperand(0)->get().getDefiningOp<linalg::FillOp>();
  return !fill || !(matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || matchPattern(fill.getInputs()[0], m_Zero()));
}

Value ContractionRoot::emitFactor(ValueEmitter &emitter, OpOperand *operand, Value element) const {
  Value argument = linalg().getMatchingBlockArgument(operand);
  Value factor = skipCasts(multiply->getOperand(0)) == argument ? multiply->getOperand(0) : multiply->getOperand(1);
  SmallVector<Operation *> casts;
  for (; factor != argument; factor = factor.getDefiningOp()->getOperand(0))
    casts.push_back(factor.getDefiningOp());
  for (Operation *cast : llvm::reverse(casts))
    element = emitter.cloneOp(cast, element);
  Type type = getAccumulatorType(), from = getElementTypeOrSelf(element.getType());
  if (from != type) {
    Type wide = isa<VectorType>(element.getType()) ? Type(emitter.getVectorType(type)) : type;
    element = arith::ExtFOp::create(emitter.getBuilder(), wide, element);
  }
  return element;
}

Value ContractionRoot::emitMultiplyAdd(ValueEmitter &emitter, Value row, Value column, Value sum) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  row = emitter.toVector(row);
  if (isa<FloatType>(getElementTypeOrSelf(sum.getType())))
    // Fused where the CPU has the instruction, else a product and a sum.
    return LLVM::FMulAddOp::create(b, row, emitter.toVector(column), sum);
  return arith::AddIOp::create(b, sum, arith::MulIOp::create(b, row, emitter.toVector(column)));
}

Value ContractionRoot::emitRow(ValueEmitter &emitter, ArrayRef<Index> loops) const {
  Indices point;
  for (AffineExpr expr : linalg().getMatchingIndexingMap(rows).getResults())
    point.push_back(emitter.evaluate(expr, loops));
  return emitter.emit(rows->get(), point);
}

Value ContractionRoot::emitRowElement(ValueEmitter &emitter, ArrayRef<Index> loops) const {
  return emitFactor(emitter, rows, emitRow(emitter, loops));
}

Indices ContractionRoot::getPackedPoint(ValueEmitter &emitter, ArrayRef<Index> loops, Index panel,
                                        int64_t width) const {
  linalg::UnPackOp unpack = getUnpack();
  Indices position(loops), point;
  position[columnLoop] = Index(0);
  for (AffineExpr expr : linalg().getMatchingIndexingMap(columns).getResults())
    point.push_back(emitter.evaluate(expr, position));
  int64_t packedWidth = unpack.getStaticInnerTiles()[0];
  Index lane(nullptr, 0, 1), first = emitter.mul(panel, width);
  point[unpack.getInnerDimsPos()[0]] = width == packedWidth ? panel : emitter.div(first, packedWidth);
  Indices source;
  for (size_t i = 0; i != point.size(); ++i)
    source.push_back(point[unpack.getOuterDimsPerm().empty() ? i : unpack.getOuterDimsPerm()[i]]);
  source.push_back(width == packedWidth ? lane : emitter.add(emitter.mod(first, packedWidth), lane));
  return source;
}

Value ContractionRoot::emitColumns(ValueEmitter &emitter, ArrayRef<Index> loops, Index panel, int64_t width) const {
  Indices position(loops), point;
  position[columnLoop] = emitter.add(emitter.mul(panel, width), Index(nullptr, 0, 1));
  for (AffineExpr expr : linalg().getMatchingIndexingMap(columns).getResults())
    point.push_back(emitter.evaluate(expr, position));
  if (linalg::UnPackOp unpack = getUnpack())
    emitter.hold(unpack.getResult(), point,
                 emitter.emit(unpack.getSource(), getPackedPoint(emitter, loops, panel, width)));
  return emitFactor(emitter, columns, emitter.emit(columns->get(), point));
}

void ContractionRoot::storeResults(ValueEmitter &emitter, ValueRange results, ArrayRef<Index> at,
                                   ArrayRef<Index> outputAt, Value sum) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Type element = getElementTypeOrSelf(getResult().getType());
  if (hasInit()) {
    Value init = emitter.toVector(emitter.emit(linalg().getDpsInitOperand(0)->get(), outputAt));
    if (init.getType() != sum.getType())
      init = arith::ExtFOp::create(b, sum.getType(), init);
    sum = emitter.cloneOp(add, {sum, init});
  }
  if (element != getAccumulatorType())
    sum = arith::TruncFOp::create(b, emitter.getVectorType(element), sum);
  emitter.hold(getResult(), outputAt, sum);
  emitter.storeResults(results, at);
}
