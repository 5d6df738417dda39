//===- PackIntervals.h - places in memory for tensors with lifetimes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_PACKINTERVALS_H
#define TORCHC_LIB_PACKAGE_PACKINTERVALS_H

#include "LiveIntervals.h"

#include "llvm/ADT/ArrayRef.h"

namespace torchc {

/// A piece of memory that is needed during an interval.
struct MemoryRequest {
  Interval interval;
  uint64_t size;
  bool isLow = false;  ///< Placed before those that are not, so at lower offsets.
  uint64_t offset = 0; ///< Set by packIntervals.
};

/// Places requests so that those alive at the same time do not overlap, at offsets
/// that are multiples of `alignment`: the best of several orders, each request into the
/// smallest gap that holds it. Returns the size of the whole, a multiple of `alignment`.
uint64_t packIntervals(llvm::MutableArrayRef<MemoryRequest> requests, uint64_t alignment);

/// The most bytes that are needed at one time: no placement is smaller.
uint64_t getLargestLiveSet(llvm::ArrayRef<MemoryRequest> requests);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_PACKINTERVALS_H
