//===- LikelyCalls.h - sizes that a function is likely to be called with ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_LIKELYCALLS_H
#define TORCHC_LIB_PACKAGE_LIKELYCALLS_H

#include "torchc/Dialect/VM/IR/VMDialect.h"

#include <vector>

namespace torchc {

/// What `values`, integers that `function` computes, are in some calls across the ranges of
/// the dims of its parameters, from small to large; one row a call, at least one.
std::vector<std::vector<int64_t>> getLikelyCalls(vm::FuncOp function, llvm::ArrayRef<mlir::Value> values);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_LIKELYCALLS_H
