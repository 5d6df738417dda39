//===- DotProduct.cpp - products of few bits that one instruction adds up ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/DotProduct.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace torchc;

/// Of products of eight bits, which a sum of 32 bits holds.
static constexpr int64_t kMostProducts = 1 << 16;

/// What makes bytes with a sign bytes without one.
static constexpr int64_t kOffset = 128;

static bool isOfBf16(OpOperand *operand) { return getElementTypeOrSelf(operand->get().getType()).isBF16(); }

/// Whether an operand of eight bits, which the body widens, has a sign; none if it is no such operand.
static std::optional<bool> getSignOfBytes(OpOperand *operand) {
  Value argument = cast<linalg::LinalgOp>(operand->getOwner()).getMatchingBlockArgument(operand);
  if (!getElementTypeOrSelf(operand->get().getType()).isInteger(8) || !argument.hasOneUse())
    return std::nullopt;
  Operation *user = *argument.user_begin();
  if (isa<arith::ExtSIOp, arith::SIToFPOp>(user))
    return true;
  if (isa<arith::ExtUIOp, arith::UIToFPOp>(user))
    return false;
  return std::nullopt;
}

/// Whether the points of loop `step` are neighbours in both operands.
static bool hasNeighbours(const ContractionRoot &root, unsigned step) {
  auto op = cast<linalg::LinalgOp>(root.rows->getOwner());
  const AffineExpr loop = getAffineDimExpr(step, op->getContext());
  const SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto isInnermost = [&](SmallVector<AffineExpr> place) {
    while (!place.empty() && isa<AffineDimExpr>(place.back()) &&
           ranges[cast<AffineDimExpr>(place.back()).getPosition()] == 1)
      place.pop_back();
    return !place.empty() && place.back() == loop &&
           llvm::none_of(ArrayRef(place).drop_back(), [&](AffineExpr expr) { return expr.isFunctionOfDim(step); });
  };
  SmallVector<AffineExpr> columns(op.getMatchingIndexingMap(root.columns).getResults());
  if (ArrayRef<int64_t> order = root.getUnpack().getOuterDimsPerm(); !order.empty())
    columns = applyPermutation(columns, order);
  return isInnermost(SmallVector<AffineExpr>(op.getMatchingIndexingMap(root.rows).getResults())) &&
         isInnermost(std::move(columns));
}

std::optional<DotProduct> DotProduct::find(const ContractionRoot &root, const TargetInfo &target,
                                           ArrayRef<LoopGroup> steps) {
  auto op = cast<linalg::LinalgOp>(root.rows->getOwner());
  MLIRContext *context = op->getContext();
  linalg::UnPackOp unpack = root.getUnpack();
  if (steps.empty() || !unpack || root.columns->get().getDefiningOp() != unpack ||
      unpack.getStaticInnerTiles()[0] != target.getLanes(32) || !hasNeighbours(root, steps.back().last))
    return std::nullopt;
  const unsigned step = steps.back().last;
  // Of which a step never crosses from one pixel of a window to the next.
  const int64_t extent = steps.back().extent.isConstant() ? steps.back().extent.offset : 0;
  auto canTake = [&](int64_t points) { return extent != 0 && extent % points == 0; };
  Type sum = root.getAccumulatorType();
  if (target.addsPairsOfBf16 && sum.isF32() && isOfBf16(root.rows) && isOfBf16(root.columns) && canTake(2))
    return DotProduct(root, step, BFloat16Type::get(context), false);
  int64_t products = 1;
  for (const LoopGroup &group : steps)
    products =
        std::min(products, kMostProducts) * (group.extent.isConstant() ? group.extent.offset : kMostProducts + 1);
  std::optional<bool> rows = getSignOfBytes(root.rows), columns = getSignOfBytes(root.columns);
  if (target.addsFoursOfBytes && (sum.isF32() || sum.isInteger(32)) && rows && columns && *columns && canTake(4) &&
      products <= kMostProducts)
    return DotProduct(root, step, IntegerType::get(context, 8), *rows);
  return std::nullopt;
}

Type DotProduct::getSumType() const {
  MLIRContext *context = element.getContext();
  return element.isBF16() ? Type(Float32Type::get(context)) : IntegerType::get(context, 32);
}

bool DotProduct::needsCopyOfRows() const {
  Value tensor = root.rows->get();
  while (isa_and_present<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(tensor.getDefiningOp()))
    tensor = tensor.getDefiningOp()->getOperand(0);
  return rowsAreSigned || tensor.getDefiningOp();
}

Value DotProduct::emitRow(ValueEmitter &emitter, ArrayRef<Index> loops) const {
  Value row = emitter.toVector(root.emitRow(emitter, loops));
  return rowsAreSigned ? addOffset(emitter, row) : row;
}

Value DotProduct::emitRowGroup(ValueEmitter &emitter, ArrayRef<Index> loops) const {
  Indices position(loops);
  position[step] = emitter.add(loops[step], Index(nullptr, 0, 1));
  Value group;
  {
    ValueEmitter::LanesScope lanes(emitter, getPoints());
    group = emitter.toVector(root.emitRow(emitter, position));
  }
  Value repeated = repeat(emitter, group);
  return rowsAreSigned ? addOffset(emitter, repeated) : repeated;
}

Value DotProduct::repeat(ValueEmitter &emitter, Value group) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  const int64_t lanes = emitter.getWidth();
  Value whole = vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()), group);
  Value repeated = vector::BroadcastOp::create(b, VectorType::get(lanes, b.getI32Type()),
                                               vector::ExtractOp::create(b, whole, ArrayRef<int64_t>{0}));
  return vector::BitCastOp::create(b, VectorType::get(getPoints() * lanes, element), repeated);
}

Value DotProduct::emitColumns(ValueEmitter &emitter, ArrayRef<Index> loops, Index panel, int64_t width) const {
  Indices point = root.getPackedPoint(emitter, loops, panel, width);
  ValueEmitter::LanesScope lanes(emitter, getPoints() * width);
  Value rows = emitter.emit(root.getUnpack().getSource(), point);
  SmallVector<int64_t> order;
  for (int64_t column = 0; column != width; ++column)
    for (int64_t i = 0; i != getPoints(); ++i)
      order.push_back(column + i * width);
  return vector::ShuffleOp::create(emitter.getBuilder(), rows, rows, order);
}

Value DotProduct::emitMultiplyAdd(ValueEmitter &emitter, Value row, Value column, Value sum) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  StringRef name = element.isBF16() ? "llvm.x86.avx512bf16.dpbf16ps.512" : "llvm.x86.avx512.vpdpbusd.512";
  return LLVM::CallIntrinsicOp::create(b, sum.getType(), b.getStringAttr(name), ValueRange{sum, row, column})
      .getResult(0);
}

/// A vector of the offset.
static Value getOffsets(ValueEmitter &emitter, VectorType type) {
  APInt offset(8, kOffset);
  return arith::ConstantOp::create(emitter.getBuilder(), DenseElementsAttr::get(type, offset));
}

Value DotProduct::addOffset(ValueEmitter &emitter, Value row) const {
  Value offsets = getOffsets(emitter, cast<VectorType>(row.getType()));
  return arith::XOrIOp::create(emitter.getBuilder(), row, offsets);
}

Value DotProduct::emitOffset(ValueEmitter &emitter) const {
  return getOffsets(emitter, VectorType::get(getPoints() * emitter.getWidth(), element));
}

Value DotProduct::convertSum(ValueEmitter &emitter, Value sum) const {
  Type type = root.getAccumulatorType();
  if (type == getElementTypeOrSelf(sum.getType()))
    return sum;
  return arith::SIToFPOp::create(emitter.getBuilder(), emitter.getVectorType(type), sum);
}
