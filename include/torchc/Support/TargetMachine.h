//===- TargetMachine.h - LLVM's description of a CPU variant ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_TARGETMACHINE_H
#define TORCHC_SUPPORT_TARGETMACHINE_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>
#include <vector>

namespace torchc {

/// A machine that code is made for, as LLVM spells it; nothing is left open.
struct CpuVariant {
  std::string triple;   ///< "x86_64-unknown-linux-gnu"
  std::string cpu;      ///< "znver3", "x86-64-v3"
  std::string features; ///< "+avx2,-fma", added to the CPU's own.
  /// Of "portable": makes no difference for most programs, and is left out where its kernels are those of another.
  bool isOptional = false;
};

using EmitErrorFn = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// The variants that code is made for. `cpus` is a comma list of names of CPUs as
/// LLVM spells them, of "host", this machine with its features, of "portable":
/// x86-64-v2, -v3 and -v4, and of "common", the middle one of these; both are generic where
/// the architecture has no levels. An empty triple is this machine's. `features` is added to every variant's
/// own, so that it wins. Each variant comes once, in the order of the list. Fails,
/// with an error from `emitError`, for names that this LLVM lacks.
mlir::FailureOr<std::vector<CpuVariant>> resolveTargets(llvm::StringRef triple, llvm::StringRef cpus,
                                                        llvm::StringRef features, EmitErrorFn emitError);

/// The target machine for position-independent kernel code. Fails, with an
/// error from `emitError`, where this LLVM lacks the triple, CPU or a feature.
mlir::FailureOr<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuVariant &target,
                                                                          EmitErrorFn emitError);

/// The features, in LLVM's spelling and sorted, that a CPU must have to run code
/// made for `machine`: those beyond the architecture's baseline that kernels can use.
std::vector<std::string> getRequiredFeatures(const llvm::TargetMachine &machine);

} // namespace torchc

#endif // TORCHC_SUPPORT_TARGETMACHINE_H
