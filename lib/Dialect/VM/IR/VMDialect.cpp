//===- VMDialect.cpp - the vm dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/VM/IR/VMDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace torchc::vm;

#include "torchc/Dialect/VM/IR/VMDialect.cpp.inc"
#include "torchc/Dialect/VM/IR/VMInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "torchc/Dialect/VM/IR/VMTypes.cpp.inc"

#define GET_OP_CLASSES
#include "torchc/Dialect/VM/IR/VMOps.cpp.inc"

void VMDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "torchc/Dialect/VM/IR/VMTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "torchc/Dialect/VM/IR/VMOps.cpp.inc"
      >();
}

SuccessorOperands BrOp::getSuccessorOperands(unsigned) { return SuccessorOperands(getArgumentsMutable()); }

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildFunctionType = [](Builder &builder, ArrayRef<Type> arguments, ArrayRef<Type> results,
                              function_interface_impl::VariadicFlag,
                              std::string &) { return builder.getFunctionType(arguments, results); };
  return function_interface_impl::parseFunctionOp(parser, result, /*allowVariadic=*/false,
                                                  getFunctionTypeAttrName(result.name), buildFunctionType,
                                                  getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void FuncOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
                                           getArgAttrsAttrName(), getResAttrsAttrName());
}

static LogicalResult verifyRegisters(FuncOp function) {
  if (function.getRegisterCounts() && function.getRegisterCounts()->size() != 2)
    return function.emitOpError("has two banks of registers");
  std::optional<ArrayAttr> registers = function.getRegisters();
  if (!registers)
    return success();
  if (registers->size() != function.getBody().getBlocks().size())
    return function.emitOpError("needs registers for each of its blocks");
  for (auto [block, attribute] : llvm::zip_equal(function.getBody(), *registers)) {
    size_t values = block.getNumArguments();
    for (Operation &op : block)
      values += op.getNumResults();
    auto numbers = dyn_cast<DenseI32ArrayAttr>(attribute);
    if (!numbers || static_cast<size_t>(numbers.size()) != values)
      return function.emitOpError("needs one register for each value of a block");
  }
  return success();
}

LogicalResult FuncOp::verify() {
  for (Type type : llvm::concat<const Type>(getArgumentTypes(), getResultTypes())) {
    if (!isa<RefType>(type) && !type.isInteger(64))
      return emitOpError("takes and returns i64 and !vm.ref, not ") << type;
    if (isPublic() && !isa<RefType>(type))
      return emitOpError("is public, so it takes and returns references only");
  }
  for (Block &block : getBody()) {
    auto ret = dyn_cast<RetOp>(block.getTerminator());
    if (ret && ret.getOperandTypes() != TypeRange(getResultTypes()))
      return ret.emitOpError("does not return what the function's type says");
  }
  return verifyRegisters(*this);
}
