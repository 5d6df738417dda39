//===- Sizes.cpp - sizes of tensors as constants or index values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace torchc;

Value torchc::toIndex(ImplicitLocOpBuilder &b, OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return arith::ConstantIndexOp::create(b, *constant);
  Value value = cast<Value>(size);
  if (value.getType().isIndex())
    return value;
  if (auto cast = value.getDefiningOp<arith::IndexCastOp>(); cast && cast.getIn().getType().isIndex())
    return cast.getIn();
  return arith::IndexCastOp::create(b, b.getIndexType(), value);
}

Value torchc::toI64(ImplicitLocOpBuilder &b, OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return arith::ConstantIntOp::create(b, *constant, 64);
  Value value = cast<Value>(size);
  if (value.getType().isInteger(64))
    return value;
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), value);
}

/// The name of a symbolic dim of a function argument; empty where there is none.
static StringRef getSymbol(Attribute input, int64_t dim) {
  auto dict = dyn_cast<DictionaryAttr>(input);
  auto dims = dict ? dict.getAs<ArrayAttr>("dims") : ArrayAttr();
  if (!dims || dim >= static_cast<int64_t>(dims.size()))
    return {};
  auto symbol = dyn_cast<StringAttr>(dims[dim]);
  return symbol && symbol.getValue() != "?" ? symbol.getValue() : StringRef();
}

/// The first argument and dim with the same symbol as this one.
static std::pair<BlockArgument, int64_t> getSymbolSource(BlockArgument argument, int64_t dim) {
  auto function = dyn_cast_or_null<func::FuncOp>(argument.getOwner()->getParentOp());
  auto signature = function ? function->getAttrOfType<DictionaryAttr>("torchc.signature") : DictionaryAttr();
  auto inputs = signature ? signature.getAs<ArrayAttr>("inputs") : ArrayAttr();
  if (!inputs || inputs.size() != argument.getOwner()->getNumArguments() || !argument.getOwner()->isEntryBlock())
    return {argument, dim};
  StringRef symbol = getSymbol(inputs[argument.getArgNumber()], dim);
  if (symbol.empty())
    return {argument, dim};
  for (BlockArgument candidate : argument.getOwner()->getArguments())
    if (auto type = dyn_cast<RankedTensorType>(candidate.getType()))
      for (int64_t i = 0; i < type.getRank(); ++i)
        if (getSymbol(inputs[candidate.getArgNumber()], i) == symbol)
          return {candidate, i};
  return {argument, dim};
}

OpFoldResult torchc::getDim(ImplicitLocOpBuilder &b, Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return b.getIndexAttr(type.getDimSize(dim));
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    auto [source, sourceDim] = getSymbolSource(argument, dim);
    return b.createOrFold<tensor::DimOp>(source, sourceDim);
  }
  if (auto destination = tensor.getDefiningOp<DestinationStyleOpInterface>())
    return getDim(b, destination.getTiedOpOperand(cast<OpResult>(tensor))->get(), dim);
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return empty.getMixedSizes()[dim];
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    return getDim(b, cast.getSource(), dim);
  if (auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>())
    return expand.getMixedOutputShape()[dim];
  if (auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>()) {
    SmallVector<OpFoldResult> group;
    ReassociationIndices sources = collapse.getReassociationIndices()[dim];
    for (int64_t source : sources)
      group.push_back(getDim(b, collapse.getSrc(), source));
    return multiplySizes(b, group);
  }
  if (auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>()) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [i, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(i) && dim-- == 0)
        return size;
  }
  return b.createOrFold<tensor::DimOp>(tensor, dim);
}

SmallVector<OpFoldResult> torchc::getDims(ImplicitLocOpBuilder &b, Value tensor) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < cast<RankedTensorType>(tensor.getType()).getRank(); ++dim)
    sizes.push_back(getDim(b, tensor, dim));
  return sizes;
}

/// Computes on constants at once, on values with `OpT`.
template <typename OpT, typename Function>
static OpFoldResult compute(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs, Function function) {
  std::optional<int64_t> left = getConstantIntValue(lhs), right = getConstantIntValue(rhs);
  if (left && right)
    return b.getIndexAttr(function(*left, *right));
  return b.createOrFold<OpT>(toIndex(b, lhs), toIndex(b, rhs));
}

OpFoldResult torchc::addSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  return compute<arith::AddIOp>(b, lhs, rhs, std::plus<int64_t>());
}
OpFoldResult torchc::subSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  return compute<arith::SubIOp>(b, lhs, rhs, std::minus<int64_t>());
}
OpFoldResult torchc::mulSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  if (getConstantIntValue(lhs) == 1)
    return rhs;
  if (getConstantIntValue(rhs) == 1)
    return lhs;
  return compute<arith::MulIOp>(b, lhs, rhs, std::multiplies<int64_t>());
}
OpFoldResult torchc::floorDivSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  if (getConstantIntValue(rhs) == 1)
    return lhs;
  return compute<arith::FloorDivSIOp>(b, lhs, rhs, llvm::divideFloorSigned<int64_t, int64_t>);
}
OpFoldResult torchc::ceilDivSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  return floorDivSizes(b, addSizes(b, lhs, subSizes(b, rhs, b.getIndexAttr(1))), rhs);
}
OpFoldResult torchc::minSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  return compute<arith::MinSIOp>(b, lhs, rhs, [](int64_t left, int64_t right) { return std::min(left, right); });
}
OpFoldResult torchc::maxSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs) {
  return compute<arith::MaxSIOp>(b, lhs, rhs, [](int64_t left, int64_t right) { return std::max(left, right); });
}
OpFoldResult torchc::multiplySizes(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes) {
  OpFoldResult product = b.getIndexAttr(1);
  for (OpFoldResult size : sizes)
    product = mulSizes(b, product, size);
  return product;
}

/// Whether two values are computed by the same pure ops from the same values.
static bool areEqualValues(Value lhs, Value rhs) {
  if (lhs == rhs)
    return true;
  Operation *left = lhs.getDefiningOp(), *right = rhs.getDefiningOp();
  return left && right && isPure(left) && left->getNumRegions() == 0 && left->getNumResults() == 1 &&
         left->getName() == right->getName() && left->getAttrDictionary() == right->getAttrDictionary() &&
         left->getResultTypes() == right->getResultTypes() && left->getNumOperands() == right->getNumOperands() &&
         llvm::all_of(llvm::zip(left->getOperands(), right->getOperands()),
                      [](auto pair) { return areEqualValues(std::get<0>(pair), std::get<1>(pair)); });
}

bool torchc::areEqualSizes(OpFoldResult lhs, OpFoldResult rhs) {
  std::optional<int64_t> left = getConstantIntValue(lhs), right = getConstantIntValue(rhs);
  if (left || right)
    return left == right;
  return areEqualValues(cast<Value>(lhs), cast<Value>(rhs));
}

void torchc::assertEqualSizes(ImplicitLocOpBuilder &b, OpFoldResult lhs, OpFoldResult rhs, const Twine &message) {
  if (areEqualSizes(lhs, rhs))
    return;
  Value equal = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, toIndex(b, lhs), toIndex(b, rhs));
  cf::AssertOp::create(b, equal, b.getStringAttr(message));
}

Value torchc::createEmpty(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes, Type element) {
  return tensor::EmptyOp::create(b, sizes, element);
}

Value torchc::createFilled(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes, TypedAttr value) {
  Value scalar = arith::ConstantOp::create(b, value);
  return linalg::FillOp::create(b, scalar, createEmpty(b, sizes, value.getType())).getResult(0);
}

Value torchc::castTensor(ImplicitLocOpBuilder &b, Value tensor, RankedTensorType type) {
  return tensor.getType() == type ? tensor : b.createOrFold<tensor::CastOp>(type, tensor);
}
