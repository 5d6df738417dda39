//===- ModuleTables.h - the tables of the file's header ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_MODULETABLES_H
#define TORCHC_LIB_PACKAGE_MODULETABLES_H

#include "torchc/Dialect/VM/IR/VMDialect.h"
#include "torchc/runtime/Module_generated.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <memory>
#include <vector>

namespace torchc {

/// Bytes that go into the file, and what keeps them alive.
struct Bytes {
  llvm::ArrayRef<uint8_t> data;
  std::shared_ptr<const void> owner;
};

/// The header's tables, of which instructions hold ordinals, and the bytes of
/// what they name.
struct ModuleTables {
  runtime::schema::ModuleT header;
  /// Place in its table, by symbol name: one name space, as in the IR.
  llvm::StringMap<uint32_t> ordinals;
  /// Functions in the order of their ordinals: callees first.
  std::vector<vm::FuncOp> functions;
  /// One for each constant; equal bytes are stored once, so several may have one offset.
  std::vector<Bytes> constants;
  /// For each library, a relocatable object.
  std::vector<Bytes> objects;
};

/// Collects what `module` has: functions, exports, kernels, libraries, constants
/// and globals. Fails with an error at what cannot be in a file.
mlir::LogicalResult collectTables(mlir::ModuleOp module, ModuleTables &tables);

/// The caller's view of a public function.
mlir::LogicalResult makeExport(vm::FuncOp function, runtime::schema::ExportT &result);

/// The bytes of a constant's or global's initial value, as the file has them.
mlir::FailureOr<Bytes> getBytes(mlir::Operation *global, mlir::Attribute value);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_MODULETABLES_H
