//===- VMDialect.h - the vm dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_VM_IR_VMDIALECT_H
#define TORCHC_DIALECT_VM_IR_VMDIALECT_H

#include "torchc/runtime/Opcodes.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "torchc/Dialect/VM/IR/VMDialect.h.inc"
#include "torchc/Dialect/VM/IR/VMInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "torchc/Dialect/VM/IR/VMTypes.h.inc"

#define GET_OP_CLASSES
#include "torchc/Dialect/VM/IR/VMOps.h.inc"

#endif // TORCHC_DIALECT_VM_IR_VMDIALECT_H
