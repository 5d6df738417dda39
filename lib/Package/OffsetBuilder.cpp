//===- OffsetBuilder.cpp - sums of sizes, and the largest of them ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OffsetBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace torchc;

/// With more sums than this an offset becomes a unit of its own.
static constexpr size_t kMostSums = 8;

/// Whether a <= b for all units.
static bool isAtMost(const Sum &a, const Sum &b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] > (i < b.size() ? b[i] : 0))
      return false;
  return true;
}

/// Leaves out what is at most another.
static std::vector<Sum> simplify(std::vector<Sum> sums) {
  llvm::sort(sums);
  sums.erase(llvm::unique(sums), sums.end());
  std::vector<Sum> kept;
  for (const Sum &sum : sums)
    if (llvm::none_of(sums, [&](const Sum &other) { return &other != &sum && isAtMost(sum, other); }))
      kept.push_back(sum);
  return kept;
}

Offset OffsetBuilder::remember(std::vector<Sum> sums, llvm::function_ref<Value()> emit) {
  auto [place, isNew] = known.try_emplace(sums);
  if (!isNew)
    return place->second;
  place->second = {std::move(sums), emit()};
  if (place->second.sums.size() > kMostSums) {
    Sum own(units.size() + 1);
    own.back() = 1;
    units.push_back(place->second.value);
    place->second.sums = {own};
  }
  return place->second;
}

Offset OffsetBuilder::zero() {
  return remember({{}}, [&] { return vm.constant(0); });
}

Offset OffsetBuilder::add(const Offset &offset, uint64_t factor, unsigned unit) {
  if (factor == 0)
    return offset;
  std::vector<Sum> sums = offset.sums;
  for (Sum &sum : sums) {
    sum.resize(std::max<size_t>(sum.size(), unit + 1));
    sum[unit] += factor;
  }
  sums = simplify(std::move(sums));
  return remember(sums, [&] {
    // A multiple of the unit takes one instruction.
    const Sum &sum = sums.front();
    if (sums.size() == 1 && sum.size() == unit + 1 &&
        llvm::all_of(llvm::ArrayRef(sum).drop_back(), [](uint64_t f) { return f == 0; }))
      return vm.mul(vm.constant(sum.back()), units[unit]);
    return vm.add(offset.value, vm.mul(vm.constant(factor), units[unit]));
  });
}

Offset OffsetBuilder::max(ArrayRef<Offset> offsets) {
  std::vector<Sum> all;
  for (const Offset &offset : offsets)
    llvm::append_range(all, offset.sums);
  all = simplify(std::move(all));
  return remember(all, [&] {
    Value largest;
    std::vector<Sum> left = all;
    for (const Offset &offset : offsets) {
      size_t before = left.size();
      llvm::erase_if(left, [&](const Sum &sum) { return llvm::is_contained(offset.sums, sum); });
      if (left.size() != before)
        largest = largest ? vm.max(largest, offset.value) : offset.value;
    }
    return largest;
  });
}
