//===- MemoryPlan.h - places in memory for tensors with lifetimes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_MEMORYPLAN_H
#define TORCHC_LIB_PACKAGE_MEMORYPLAN_H

#include "LiveIntervals.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <vector>

namespace torchc {

/// A piece of memory that is needed during an interval. Its size is `factor` times that of
/// a unit: one of the products of extents that a call's sizes are made of.
struct MemoryRequest {
  Interval interval;
  uint64_t factor;
  unsigned unit = 0;
};

/// The sizes of all units in one call.
using UnitSizes = std::vector<uint64_t>;

/// Which request lies above which, of those that are needed at the same time. That is a
/// plan for all sizes: a request begins where the highest of those below it ends.
struct MemoryPlan {
  /// All requests, each behind those below it.
  std::vector<unsigned> bottomUp;
  /// For each request those that it may lie upon; what is below these is left out.
  std::vector<llvm::SmallVector<unsigned, 4>> below;

  /// Sets the offset of each request, and returns the bytes that hold them all.
  uint64_t place(llvm::ArrayRef<MemoryRequest> requests, const UnitSizes &sizes,
                 llvm::MutableArrayRef<uint64_t> offsets) const;
};

/// Of the plans that a search finds the one whose worst of `calls`, sizes as a program is
/// likely to be called with (at least one), takes the fewest bytes for each that it needs. The same
/// plan for the same requests, in time bounded by their number and that of those alive together.
MemoryPlan planMemory(llvm::ArrayRef<MemoryRequest> requests, llvm::ArrayRef<UnitSizes> calls);

/// The most bytes that are needed at one time: no placement is smaller.
uint64_t getLargestLiveSet(llvm::ArrayRef<MemoryRequest> requests, const UnitSizes &sizes);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_MEMORYPLAN_H
