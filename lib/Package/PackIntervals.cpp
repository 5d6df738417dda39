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

using namespace torchc;

uint64_t torchc::packIntervals(llvm::MutableArrayRef<MemoryRequest> requests, uint64_t alignment) {
  std::vector<unsigned> order(requests.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(requests[b].size, a) < std::pair(requests[a].size, b);
  });

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
