//===- DispatchDialect.h - the dispatch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_DISPATCH_IR_DISPATCHDIALECT_H
#define TORCHC_DIALECT_DISPATCH_IR_DISPATCHDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h.inc"

#define GET_OP_CLASSES
#include "torchc/Dialect/Dispatch/IR/DispatchOps.h.inc"

namespace torchc::dispatch {

/// Of a kernel's function in an executable: its grid (see `dispatch.executable`).
inline constexpr llvm::StringLiteral kWorkgroupsAttrName = "dispatch.workgroups";

} // namespace torchc::dispatch

#endif // TORCHC_DIALECT_DISPATCH_IR_DISPATCHDIALECT_H
