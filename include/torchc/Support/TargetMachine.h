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
  std::string triple;    ///< "x86_64-unknown-linux-gnu"
  std::string cpu;       ///< "znver3", "x86-64-v3"
  std::string features;  ///< "+avx2,-fma", added to the CPU's own.
};

/// Fills in what is left to this machine: an empty triple, and a `cpu` that is
/// empty or "host", which brings the features that this machine's CPU has.
/// `features` is added behind them, so that it wins.
CpuVariant resolveTarget(llvm::StringRef triple, llvm::StringRef cpu, llvm::StringRef features);

/// The target machine for position-independent kernel code. Fails, with an
/// error from `emitError`, where this LLVM lacks the triple, CPU or a feature.
mlir::FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const CpuVariant &target, llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// The features, in LLVM's spelling and sorted, that a CPU must have to run code
/// made for `machine`: those beyond the architecture's baseline that kernels can use.
std::vector<std::string> getRequiredFeatures(const llvm::TargetMachine &machine);

} // namespace torchc

#endif // TORCHC_SUPPORT_TARGETMACHINE_H
