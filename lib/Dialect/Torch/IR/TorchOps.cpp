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
// Text
//===----------------------------------------------------------------------===//

static ParseResult parseConstantInteger(OpAsmParser &parser, IntegerAttr &value) {
  int64_t integer;
  if (parser.parseInteger(integer))
    return failure();
  value = parser.getBuilder().getI64IntegerAttr(integer);
  return success();
}
static void printConstantInteger(OpAsmPrinter &printer, Operation *, IntegerAttr value) {
  printer << value.getValue().getSExtValue();
}

static ParseResult parseConstantFloat(OpAsmParser &parser, FloatAttr &value) {
  return parser.parseAttribute(value, parser.getBuilder().getF64Type());
}
static void printConstantFloat(OpAsmPrinter &printer, Operation *, FloatAttr value) {
  printer.printAttributeWithoutType(value);
}

/// Of `!torch.tensor` and `!torch.vtensor` only the result's is written.
static ParseResult parseTwinTensorTypes(OpAsmParser &parser, Type &operand, Type &result) {
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseType(result))
    return failure();
  if (auto value = dyn_cast<ValueTensorType>(result))
    operand = cast<BaseTensorType>(Type(value)).getNonValueType();
  else if (auto nonValue = dyn_cast<NonValueTensorType>(result))
    operand = cast<BaseTensorType>(Type(nonValue)).getValueType();
  else
    return parser.emitError(loc, "expected a torch tensor type");
  return success();
}
static void printTwinTensorTypes(OpAsmPrinter &printer, Operation *, Type, Type result) { printer << result; }

#define GET_OP_CLASSES
#include "torchc/Dialect/Torch/IR/TorchOps.cpp.inc"

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
