//===- MemoryPlan.cpp - places in memory for tensors with lifetimes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A packing of numbers, for the sizes of one call, says of each two requests that are
// alive together which is above the other. Kept for other sizes, that stays a plan
// without overlaps, though perhaps with gaps; so packings are made for several calls, in
// several orders, and judged by the worst of all calls. The best one is then
// improved: a request from the highest stack moves to another turn, as long
// as that does no harm.
//
//===----------------------------------------------------------------------===//

#include "MemoryPlan.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

using namespace torchc;

static uint64_t getBytes(const MemoryRequest &request, const UnitSizes &sizes) {
  return llvm::SaturatingMultiply(request.factor, sizes[request.unit]);
}

uint64_t torchc::getLargestLiveSet(llvm::ArrayRef<MemoryRequest> requests, const UnitSizes &sizes) {
  // What changes at each position: an interval counts at both of its ends.
  std::map<uint64_t, int64_t> changes;
  for (const MemoryRequest &request : requests) {
    changes[request.interval.begin] += getBytes(request, sizes);
    changes[uint64_t(request.interval.end) + 1] -= getBytes(request, sizes);
  }
  int64_t live = 0, largest = 0;
  for (auto [position, change] : changes)
    largest = std::max(largest, live += change);
  return largest;
}

uint64_t MemoryPlan::place(llvm::ArrayRef<MemoryRequest> requests, const UnitSizes &sizes,
                           llvm::MutableArrayRef<uint64_t> offsets) const {
  uint64_t total = 0;
  for (unsigned i : bottomUp) {
    offsets[i] = 0;
    for (unsigned other : below[i])
      offsets[i] = std::max(offsets[i], offsets[other] + getBytes(requests[other], sizes));
    total = std::max(total, offsets[i] + getBytes(requests[i], sizes));
  }
  return total;
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

namespace {

/// A packing for one call in one order, and what comes of it.
struct Candidate {
  unsigned call;
  std::vector<unsigned> order;    ///< In which requests were placed.
  std::vector<unsigned> bottomUp; ///< By offset.
  double cost;                    ///< Bytes for each that is needed, in the worst call.
  std::vector<unsigned> stack;    ///< Requests upon each other up to the top, in that call.
};

class Search {
public:
  Search(llvm::ArrayRef<MemoryRequest> requests, llvm::ArrayRef<UnitSizes> calls);

  /// The best of several orders.
  Candidate start() const;
  /// Moves requests to other turns while time and hope last.
  void improve(Candidate &best) const;
  MemoryPlan makePlan(const Candidate &candidate) const;

private:
  Candidate evaluate(unsigned call, std::vector<unsigned> order) const;
  std::vector<uint64_t> pack(unsigned call, llvm::ArrayRef<unsigned> order) const;
  void judge(Candidate &candidate) const;

  unsigned count;
  llvm::ArrayRef<MemoryRequest> requests;
  std::vector<std::vector<uint64_t>> bytes;  ///< By call and request.
  std::vector<uint64_t> least;               ///< By call: the largest live set.
  std::vector<std::vector<unsigned>> rivals; ///< By request: those alive at the same time.
  uint64_t work;                             ///< What one evaluation costs, about.
};

} // namespace

Search::Search(llvm::ArrayRef<MemoryRequest> requests, llvm::ArrayRef<UnitSizes> calls)
    : count(requests.size()), requests(requests), rivals(requests.size()) {
  for (const UnitSizes &sizes : calls) {
    std::vector<uint64_t> &row = bytes.emplace_back();
    for (const MemoryRequest &request : requests)
      row.push_back(getBytes(request, sizes));
    least.push_back(getLargestLiveSet(requests, sizes));
  }
  std::vector<unsigned> byBegin(count);
  std::iota(byBegin.begin(), byBegin.end(), 0);
  llvm::sort(byBegin, [&](unsigned a, unsigned b) {
    return std::pair(requests[a].interval.begin, a) < std::pair(requests[b].interval.begin, b);
  });
  work = count;
  for (auto [place, i] : llvm::enumerate(byBegin))
    for (unsigned other : llvm::ArrayRef(byBegin).drop_front(place + 1)) {
      if (requests[other].interval.begin > requests[i].interval.end)
        break;
      rivals[i].push_back(other);
      rivals[other].push_back(i);
      work += 2;
    }
  work *= calls.size() + 4;
}

/// Places requests one after the other, each into the smallest gap that holds it.
std::vector<uint64_t> Search::pack(unsigned call, llvm::ArrayRef<unsigned> order) const {
  constexpr uint64_t kUnplaced = std::numeric_limits<uint64_t>::max();
  std::vector<uint64_t> offsets(count, kUnplaced);
  std::vector<std::pair<uint64_t, uint64_t>> taken; // Begin and end.
  for (unsigned i : order) {
    taken.clear();
    for (unsigned rival : rivals[i])
      if (offsets[rival] != kUnplaced)
        taken.push_back({offsets[rival], offsets[rival] + bytes[call][rival]});
    llvm::sort(taken);
    uint64_t gapBegin = 0, bestGap = kUnplaced;
    for (auto [begin, end] : taken) {
      if (begin >= gapBegin + bytes[call][i] && begin - gapBegin < bestGap) {
        bestGap = begin - gapBegin;
        offsets[i] = gapBegin;
      }
      gapBegin = std::max(gapBegin, end);
    }
    if (bestGap == kUnplaced)
      offsets[i] = gapBegin;
  }
  return offsets;
}

/// Sets cost and stack from the order of offsets.
void Search::judge(Candidate &candidate) const {
  std::vector<unsigned> rank(count);
  for (auto [place, i] : llvm::enumerate(candidate.bottomUp))
    rank[i] = place;
  candidate.cost = 0;
  std::vector<uint64_t> ends(count);
  std::vector<unsigned> support(count);
  for (auto [row, needed] : llvm::zip_equal(bytes, least)) {
    unsigned top = candidate.bottomUp.front();
    for (unsigned i : candidate.bottomUp) {
      uint64_t offset = 0;
      support[i] = i;
      for (unsigned rival : rivals[i])
        if (rank[rival] < rank[i] && ends[rival] > offset) {
          offset = ends[rival];
          support[i] = rival;
        }
      ends[i] = offset + row[i];
      if (ends[i] > ends[top])
        top = i;
    }
    double cost = needed == 0 ? 1.0 : double(ends[top]) / double(needed);
    if (cost <= candidate.cost)
      continue;
    candidate.cost = cost;
    candidate.stack = {top};
    for (unsigned i = top; support[i] != i; i = support[i])
      candidate.stack.push_back(support[i]);
  }
}

Candidate Search::evaluate(unsigned call, std::vector<unsigned> order) const {
  Candidate candidate{call, std::move(order), {}, 0, {}};
  std::vector<uint64_t> offsets = pack(call, candidate.order);
  candidate.bottomUp.resize(count);
  std::iota(candidate.bottomUp.begin(), candidate.bottomUp.end(), 0);
  llvm::sort(candidate.bottomUp,
             [&](unsigned a, unsigned b) { return std::pair(offsets[a], a) < std::pair(offsets[b], b); });
  judge(candidate);
  return candidate;
}

Candidate Search::start() const {
  // No order is best for all programs: the largest first, the longest-lived, those of
  // the most bytes by time, the earliest.
  using Rank = uint64_t (*)(uint64_t bytes, Interval interval);
  static constexpr Rank ranks[] = {[](uint64_t bytes, Interval) { return bytes; },
                                   [](uint64_t, Interval interval) { return uint64_t(interval.end - interval.begin); },
                                   [](uint64_t bytes, Interval interval) {
                                     return llvm::SaturatingMultiply(bytes, uint64_t(interval.end - interval.begin));
                                   },
                                   [](uint64_t, Interval interval) { return ~uint64_t(interval.begin); }};
  Candidate best;
  best.cost = std::numeric_limits<double>::max();
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (auto [call, row] : llvm::enumerate(bytes))
    for (Rank rank : ranks) {
      llvm::sort(order, [&, &row = row](unsigned a, unsigned b) {
        return std::tuple(rank(row[b], requests[b].interval), row[b], a) <
               std::tuple(rank(row[a], requests[a].interval), row[a], b);
      });
      Candidate candidate = evaluate(call, order);
      if (candidate.cost < best.cost)
        best = std::move(candidate);
    }
  return best;
}

void Search::improve(Candidate &best) const {
  constexpr uint64_t kWork = 40'000'000, kTurns = 2000;
  std::minstd_rand random; // Its numbers are the same everywhere.
  for (uint64_t turns = std::min(kTurns, kWork / work); turns > 0 && best.cost > 1.0; --turns) {
    std::vector<unsigned> order = best.order;
    unsigned moved = best.stack[random() % best.stack.size()];
    auto from = llvm::find(order, moved);
    auto to = order.begin() + random() % count;
    if (from < to)
      std::rotate(from, from + 1, to + 1);
    else
      std::rotate(to, from, from + 1);
    Candidate candidate = evaluate(random() % bytes.size(), std::move(order));
    if (candidate.cost <= best.cost)
      best = std::move(candidate);
  }
}

MemoryPlan Search::makePlan(const Candidate &candidate) const {
  MemoryPlan plan{candidate.bottomUp, std::vector<llvm::SmallVector<unsigned, 4>>(count)};
  std::vector<unsigned> rank(count);
  for (auto [place, i] : llvm::enumerate(plan.bottomUp))
    rank[i] = place;
  std::vector<bool> isCovered(count);
  for (unsigned i : plan.bottomUp) {
    std::vector<unsigned> lower;
    llvm::copy_if(rivals[i], std::back_inserter(lower), [&](unsigned rival) { return rank[rival] < rank[i]; });
    llvm::sort(lower, [&](unsigned a, unsigned b) { return rank[a] > rank[b]; });
    for (unsigned other : lower)
      if (!isCovered[other]) {
        plan.below[i].push_back(other);
        for (unsigned rival : rivals[other])
          isCovered[rival] = isCovered[rival] || rank[rival] < rank[other];
      }
    isCovered.assign(count, false);
  }
  return plan;
}

MemoryPlan torchc::planMemory(llvm::ArrayRef<MemoryRequest> requests, llvm::ArrayRef<UnitSizes> calls) {
  if (requests.empty())
    return {};
  Search search(requests, calls);
  Candidate best = search.start();
  search.improve(best);
  return search.makePlan(best);
}
