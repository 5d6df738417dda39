//===- OffsetBuilder.h - sums of sizes, and the largest of them ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_OFFSETBUILDER_H
#define TORCHC_LIB_PACKAGE_OFFSETBUILDER_H

#include "HostToVM.h"

#include <map>
#include <vector>

namespace torchc {

/// factors[0] * units[0] + factors[1] * units[1] + ...
using Sum = std::vector<uint64_t>;

/// A number of bytes, the largest of `sums`, and the instruction that computes it.
struct Offset {
  std::vector<Sum> sums; ///< Sorted; none is at most another, whatever the units are.
  mlir::Value value;
};

/// Emits offsets in terms of units, which are not negative. What is provably the same is
/// computed once, and what is provably no larger not at all.
class OffsetBuilder {
public:
  OffsetBuilder(VMBuilder &vm, std::vector<mlir::Value> units) : vm(vm), units(std::move(units)) {}

  Offset zero();
  Offset add(const Offset &offset, uint64_t factor, unsigned unit);
  /// Of at least one.
  Offset max(llvm::ArrayRef<Offset> offsets);

private:
  Offset remember(std::vector<Sum> sums, llvm::function_ref<mlir::Value()> emit);

  VMBuilder &vm;
  std::vector<mlir::Value> units;
  std::map<std::vector<Sum>, Offset> known;
};

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_OFFSETBUILDER_H
