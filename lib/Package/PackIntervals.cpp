//===- PackIntervals.cpp - places in memory for tensors with lifetimes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackIntervals.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <limits>
#include <map>
#include <tuple>

using namespace torchc;

/// Places requests one after the other, each into the smallest gap that holds it.
static uint64_t placeInOrder(llvm::MutableArrayRef<MemoryRequest> requests, llvm::ArrayRef<unsigned> order,
                             uint64_t alignment) {
  uint64_t total = 0;
  std::vector<unsigned> placed; // By offset.
  for (unsigned i : order) {
    MemoryRequest &request = requests[i];
    uint64_t gapBegin = 0, bestGap = std::numeric_limits<uint64_t>::max();
    for (unsigned other : placed) {
      const MemoryRequest &neighbour = requests[other];
      if (!neighbour.interval.overlaps(request.interval))
        continue;
      if (neighbour.offset >= gapBegin + request.size && neighbour.offset - gapBegin < bestGap) {
        bestGap = neighbour.offset - gapBegin;
        request.offset = gapBegin;
      }
      gapBegin = std::max(gapBegin, llvm::alignTo(neighbour.offset + neighbour.size, alignment));
    }
    if (bestGap == std::numeric_limits<uint64_t>::max())
      request.offset = gapBegin;
    auto after = llvm::upper_bound(placed, i, [&](unsigned a, unsigned b) {
      return std::pair(requests[a].offset, a) < std::pair(requests[b].offset, b);
    });
    placed.insert(after, i);
    total = std::max(total, llvm::alignTo(request.offset + request.size, alignment));
  }
  return total;
}

uint64_t torchc::packIntervals(llvm::MutableArrayRef<MemoryRequest> requests, uint64_t alignment) {
  // No order is best for all programs: the largest first, the longest-lived, those of
  // the most bytes by time, the earliest.
  using Rank = uint64_t (*)(const MemoryRequest &);
  static constexpr Rank ranks[] = {
      [](const MemoryRequest &request) { return request.size; },
      [](const MemoryRequest &request) { return uint64_t(request.interval.end - request.interval.begin); },
      [](const MemoryRequest &request) {
        return llvm::SaturatingMultiply(request.size, uint64_t(request.interval.end - request.interval.begin));
      },
      [](const MemoryRequest &request) { return ~uint64_t(request.interval.begin); }};
  std::vector<unsigned> order(requests.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  std::vector<MemoryRequest> best;
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (Rank rank : ranks) {
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return std::tuple(requests[b].isLow, rank(requests[b]), requests[b].size, a) <
             std::tuple(requests[a].isLow, rank(requests[a]), requests[a].size, b);
    });
    uint64_t total = placeInOrder(requests, order, alignment);
    if (total < least) {
      least = total;
      best.assign(requests.begin(), requests.end());
    }
  }
  llvm::copy(best, requests.begin());
  return least;
}

uint64_t torchc::getLargestLiveSet(llvm::ArrayRef<MemoryRequest> requests) {
  // What changes at each position: an interval counts at both of its ends.
  std::map<uint64_t, int64_t> changes;
  for (const MemoryRequest &request : requests) {
    changes[request.interval.begin] += request.size;
    changes[uint64_t(request.interval.end) + 1] -= request.size;
  }
  int64_t live = 0, largest = 0;
  for (auto [position, change] : changes)
    largest = std::max(largest, live += change);
  return largest;
}
