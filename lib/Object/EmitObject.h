//===- EmitObject.h - LLVM IR to relocatable objects ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_OBJECT_EMITOBJECT_H
#define TORCHC_LIB_OBJECT_EMITOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace torchc {

/// The bytes of an ELF file.
using ObjectBytes = llvm::SmallVector<char, 0>;

/// Optimises `module` and makes an object of it, each function in a section
/// of its own. All definitions stay visible to the linker and hidden from others.
llvm::Expected<ObjectBytes> emitObject(llvm::Module &module, llvm::TargetMachine &machine);

/// The same for a module in the LLVM dialect. Its functions but `kernels`
/// become internal.
llvm::Expected<ObjectBytes> emitObject(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> kernels,
                                       llvm::TargetMachine &machine);

/// memcpy, memmove, memset and memcmp, to which LLVM lowers copies of memory
/// that are too large to be inlined.
llvm::Expected<ObjectBytes> emitMemoryFunctions(llvm::TargetMachine &machine);

/// The object `torchc_kernels`, the table of KernelABI.h.
llvm::Expected<ObjectBytes> emitKernelTable(llvm::ArrayRef<llvm::StringRef> kernels, llvm::TargetMachine &machine);

} // namespace torchc

#endif // TORCHC_LIB_OBJECT_EMITOBJECT_H
