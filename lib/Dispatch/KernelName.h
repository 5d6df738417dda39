//===- KernelName.h - short, readable, stable names of kernels ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_KERNELNAME_H
#define TORCHC_LIB_DISPATCH_KERNELNAME_H

#include "mlir/IR/Block.h"

#include <string>

namespace torchc {

/// What a kernel does, from its body: the root, its extents (D: dynamic) and
/// the first few scalar ops around it, such as `matmul_128x768x768_add_max`.
std::string describeKernel(mlir::Block &body);

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_KERNELNAME_H
