//===- Statistics.h - what the kernels of a program move and compute ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DISPATCH_STATISTICS_H
#define TORCHC_DISPATCH_STATISTICS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace torchc {

/// Prints, for a program as the Dispatch stage leaves it, how often each kernel is called, the bytes of its inputs and
/// outputs, and the operations of its sums; and below what the whole must move at least: inputs and weights
/// read once, outputs written once. A tensor of which a kernel looks up elements (an embedding) counts no more than
/// the kernel's results. Dims that are not known count as 64, calls in loops as one.
void printStatistics(mlir::ModuleOp module, llvm::raw_ostream &out);

} // namespace torchc

#endif // TORCHC_DISPATCH_STATISTICS_H
