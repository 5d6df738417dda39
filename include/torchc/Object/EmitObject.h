//===- EmitObject.h - LLVM IR to relocatable objects ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_OBJECT_EMITOBJECT_H
#define TORCHC_OBJECT_EMITOBJECT_H

#include "torchc/Object/KernelCache.h"
#include "torchc/Object/LinkObjects.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace torchc {

/// Writes `llvm.fma` as arithmetic if the CPU lacks the instruction.
void expandFma(llvm::Module &module, const llvm::TargetMachine &machine);

/// Optimises `module`, unless the machine's level is None, and makes an object of it, each function in a section
/// of its own. All definitions stay visible to the linker and hidden from others.
llvm::Expected<ObjectBytes> emitObject(llvm::Module &module, llvm::TargetMachine &machine);

/// The same for a module in the LLVM dialect, unless `cache` has the object. Its functions but `kernels`
/// become internal.
llvm::Expected<ObjectBytes> emitObject(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> kernels,
                                       llvm::TargetMachine &machine, const KernelCache &cache);

/// The same for LLVM assembly.
llvm::Expected<ObjectBytes> emitObject(llvm::StringRef assembly, llvm::TargetMachine &machine);

/// memcpy, memmove, memset and memcmp, to which LLVM lowers copies of memory
/// that are too large to be inlined.
llvm::Expected<ObjectBytes> emitMemoryFunctions(llvm::TargetMachine &machine);

/// Conversions between f16 and wider types, for CPUs that have no instructions for them.
llvm::Expected<ObjectBytes> emitHalfFunctions(llvm::TargetMachine &machine);

/// A kernel's function, and its grid as a map from its constants to three extents.
struct KernelEntry {
  llvm::StringRef name;
  mlir::AffineMap workgroups;
};

/// The object `torchc_kernels`, the table of KernelABI.h, and the functions of the grids.
llvm::Expected<ObjectBytes> emitKernelTable(llvm::ArrayRef<KernelEntry> kernels, llvm::TargetMachine &machine);

} // namespace torchc

#endif // TORCHC_OBJECT_EMITOBJECT_H
