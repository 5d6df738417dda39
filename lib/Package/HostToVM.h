//===- HostToVM.h - host programs to vm instructions, by dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_HOSTTOVM_H
#define TORCHC_LIB_PACKAGE_HOSTTOVM_H

#include "torchc/Dialect/VM/IR/VMDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/DialectConversion.h"

namespace torchc {

/// Tensors and floating-point scalars become references, integers and `index` i64.
class HostTypeConverter : public mlir::TypeConverter {
public:
  HostTypeConverter();
};

/// Emits vm arithmetic at a place in the IR, folding what is constant.
class VMBuilder {
public:
  VMBuilder(mlir::OpBuilder &builder, mlir::Location location) : builder(builder), location(location) {}

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  /// Rounds towards negative infinity, as the instruction does.
  mlir::Value floorDiv(mlir::Value a, mlir::Value b);
  mlir::Value floorMod(mlir::Value a, mlir::Value b);
  /// The dims of a tensor of type `type`, the dynamic ones taken from `dynamic`.
  llvm::SmallVector<mlir::Value> dims(mlir::RankedTensorType type, mlir::ValueRange dynamic);
  /// A dim of a tensor, from where the tensor is made if that is known.
  mlir::Value dim(mlir::Value tensor, unsigned i);
  /// The dims of a tensor of type `type`, the dynamic ones taken from the tensor itself.
  llvm::SmallVector<mlir::Value> dimsOf(mlir::RankedTensorType type, mlir::Value tensor);
  /// The row-major number of an element.
  mlir::Value linearIndex(mlir::ValueRange indices, mlir::ValueRange dims);
  /// A new tensor in storage of its own.
  mlir::Value makeTensor(mlir::Type element, mlir::ValueRange dims);

private:
  mlir::OpBuilder &builder;
  mlir::Location location;
};

/// The value of a `vm.const_i64`.
std::optional<int64_t> getConstantI64(mlir::Value value);

/// Of a `vm.dispatch`, until PlanMemory: the inputs in whose memory its only output, the last binding, may lie
/// (`in_place` of a kernel).
inline constexpr llvm::StringLiteral kInPlaceAttrName = "dispatch.in_place";

/// Sets each integer once, at the beginning of the function.
void gatherConstants(vm::FuncOp function);

void populateArithToVMPatterns(mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateTensorToVMPatterns(mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateControlFlowToVMPatterns(mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
/// `symbols` must outlive the patterns.
void populateCallsToVMPatterns(mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns,
                               mlir::SymbolTable &symbols);
/// Turns declarations of custom ops into `vm.external`s.
void declareExternals(mlir::ModuleOp module, mlir::SymbolTable &symbols);
void populateDispatchToVMPatterns(mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns,
                                  mlir::SymbolTable &symbols);
void populateGlobalsToVMPatterns(mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns,
                                 mlir::SymbolTable &symbols);

/// Marks the loads of globals that must copy: their values are read after the
/// global may have changed.
void markSnapshots(mlir::ModuleOp module);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_HOSTTOVM_H
