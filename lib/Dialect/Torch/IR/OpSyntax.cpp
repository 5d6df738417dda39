//===- OpSyntax.cpp - text of the torch dialect's ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpSyntax.h"

using namespace mlir;
using namespace torchc::torch;

ParseResult torchc::torch::parseConstantInteger(OpAsmParser &parser, IntegerAttr &value) {
  int64_t integer;
  if (parser.parseInteger(integer))
    return failure();
  value = parser.getBuilder().getI64IntegerAttr(integer);
  return success();
}
void torchc::torch::printConstantInteger(OpAsmPrinter &printer, Operation *, IntegerAttr value) {
  printer << value.getValue().getSExtValue();
}

ParseResult torchc::torch::parseConstantFloat(OpAsmParser &parser, FloatAttr &value) {
  return parser.parseAttribute(value, parser.getBuilder().getF64Type());
}
void torchc::torch::printConstantFloat(OpAsmPrinter &printer, Operation *, FloatAttr value) {
  printer.printAttributeWithoutType(value);
}

ParseResult torchc::torch::parseTwinTensorTypes(OpAsmParser &parser, Type &operand, Type &result) {
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
void torchc::torch::printTwinTensorTypes(OpAsmPrinter &printer, Operation *, Type, Type result) { printer << result; }

ParseResult torchc::torch::parseParenthesizedTypes(OpAsmParser &parser, SmallVectorImpl<Type> &types) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                        [&] { return parser.parseType(types.emplace_back()); });
}
void torchc::torch::printParenthesizedTypes(OpAsmPrinter &printer, Operation *, TypeRange types) {
  printer << '(' << types << ')';
}

ParseResult torchc::torch::parseAtenOp(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> operandTypes;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands) || parser.parseOptionalAttrDict(result.attributes) || parser.parseColon())
    return failure();
  if (!operands.empty() && parser.parseTypeList(operandTypes))
    return failure();
  if (succeeded(parser.parseOptionalArrow()) && parser.parseTypeList(result.types))
    return failure();
  return parser.resolveOperands(operands, operandTypes, loc, result.operands);
}
void torchc::torch::printAtenOp(OpAsmPrinter &printer, Operation *op) {
  if (op->getNumOperands())
    printer << ' ' << op->getOperands();
  printer.printOptionalAttrDict(op->getAttrs());
  printer << " : " << op->getOperandTypes();
  if (op->getNumResults())
    printer << " -> " << op->getResultTypes();
}
