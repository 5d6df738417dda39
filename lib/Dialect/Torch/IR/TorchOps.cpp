//===- TorchOps.cpp - ops of the torch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace torchc::torch;

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

/// Types of values that may stand for each other: tensors that know more or
/// less of their shape, else the same type.
static bool areCompatible(Type a, Type b) {
  auto first = dyn_cast<BaseTensorType>(a), second = dyn_cast<BaseTensorType>(b);
  if (!first || !second)
    return a == b;
  if (isa<ValueTensorType>(a) != isa<ValueTensorType>(b))
    return false;
  bool haveDtypes = first.hasDtype() && second.hasDtype(), haveRanks = first.hasRank() && second.hasRank();
  return (!haveDtypes || first.getDtype() == second.getDtype()) && (!haveRanks || first.getRank() == second.getRank());
}

static bool areCompatible(TypeRange a, TypeRange b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip_equal(a, b), [](auto pair) {
           return areCompatible(std::get<0>(pair), std::get<1>(pair));
         });
}

LogicalResult PrimIfOp::verify() {
  for (Region &region : getOperation()->getRegions()) {
    auto yield = dyn_cast<PrimIfYieldOp>(region.front().back());
    if (!yield)
      return emitOpError("has a region that does not end with torch.prim.If.yield");
    if (!areCompatible(yield.getOperandTypes(), getResultTypes()))
      return yield.emitOpError("yields other types than those of the results");
  }
  return success();
}

LogicalResult PrimLoopOp::verify() {
  Block &body = getRegion().front();
  auto condition = dyn_cast<PrimLoopConditionOp>(body.back());
  if (!condition)
    return emitOpError("has a region that does not end with torch.prim.Loop.condition");
  if (body.getNumArguments() == 0 || !isa<IntType>(body.getArgument(0).getType()))
    return emitOpError("has a region whose first argument is not an int");
  TypeRange carried = TypeRange(body.getArgumentTypes()).drop_front();
  if (!areCompatible(getIterArgsInit().getTypes(), carried) ||
      !areCompatible(condition.getIterArgs().getTypes(), carried) || !areCompatible(getResultTypes(), carried))
    return emitOpError("carries other types than those of the region's arguments");
  return success();
}

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

OpFoldResult ConstantIntOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantFloatOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantBoolOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantStrOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantDeviceOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantNoneOp::fold(FoldAdaptor) { return UnitAttr::get(getContext()); }
OpFoldResult ValueTensorLiteralOp::fold(FoldAdaptor) { return getValueAttr(); }

OpFoldResult DerefineOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}

OpFoldResult TensorStaticInfoCastOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}

/// `Unpack(Construct(a, b))` -> a, b.
template <typename UnpackOp, typename ConstructOp>
static LogicalResult unpackConstructed(UnpackOp op, PatternRewriter &rewriter) {
  auto construct = op.getOperand().template getDefiningOp<ConstructOp>();
  if (!construct)
    return rewriter.notifyMatchFailure(op, "the operand is not constructed here");
  if (construct->getOperandTypes() != op->getResultTypes())
    return rewriter.notifyMatchFailure(op, "the types differ");
  rewriter.replaceOp(op, construct->getOperands());
  return success();
}

void PrimListUnpackOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(unpackConstructed<PrimListUnpackOp, PrimListConstructOp>);
}
void PrimTupleUnpackOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(unpackConstructed<PrimTupleUnpackOp, PrimTupleConstructOp>);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The value under type changes that keep it.
static Value withoutDerefine(Value value) {
  while (auto derefine = value.getDefiningOp<DerefineOp>())
    value = derefine.getOperand();
  return value;
}

std::optional<int64_t> torchc::torch::getConstantInt(Value value) {
  if (auto op = withoutDerefine(value).getDefiningOp<ConstantIntOp>())
    return static_cast<int64_t>(op.getValue());
  return std::nullopt;
}

std::optional<bool> torchc::torch::getConstantBool(Value value) {
  if (auto op = withoutDerefine(value).getDefiningOp<ConstantBoolOp>())
    return op.getValue();
  return std::nullopt;
}

std::optional<double> torchc::torch::getConstantNumber(Value value) {
  value = withoutDerefine(value);
  if (auto op = value.getDefiningOp<ConstantFloatOp>())
    return op.getValue().convertToDouble();
  if (auto integer = getConstantInt(value))
    return static_cast<double>(*integer);
  if (auto boolean = getConstantBool(value))
    return *boolean ? 1.0 : 0.0;
  return std::nullopt;
}

std::optional<StringRef> torchc::torch::getConstantString(Value value) {
  if (auto op = withoutDerefine(value).getDefiningOp<ConstantStrOp>())
    return op.getValue();
  return std::nullopt;
}

bool torchc::torch::isNone(Value value) { return isa<torch::NoneType>(withoutDerefine(value).getType()); }

std::optional<SmallVector<Value>> torchc::torch::getListElements(Value list) {
  if (auto construct = withoutDerefine(list).getDefiningOp<PrimListConstructOp>())
    return llvm::to_vector(construct.getElements());
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> torchc::torch::getConstantIntList(Value list) {
  auto elements = getListElements(list);
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> integers;
  for (Value element : *elements) {
    auto integer = getConstantInt(element);
    if (!integer)
      return std::nullopt;
    integers.push_back(*integer);
  }
  return integers;
}
