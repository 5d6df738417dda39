//===- WinogradProducts.cpp - two results by fewer products ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/WinogradProducts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace torchc;

static Value add(ImplicitLocOpBuilder &b, Value left, Value right) { return arith::AddFOp::create(b, left, right); }
static Value sub(ImplicitLocOpBuilder &b, Value left, Value right) { return arith::SubFOp::create(b, left, right); }

static Value half(ImplicitLocOpBuilder &b, Value value) {
  auto type = cast<VectorType>(value.getType());
  Value factor = arith::ConstantOp::create(b, DenseElementsAttr::get(type, 0.5f));
  return arith::MulFOp::create(b, value, factor);
}

WinogradProducts::WinogradProducts(int64_t window, int64_t stride) : window(window), stride(stride) {
  constexpr int64_t kFewestTaps[] = {1, 1, 2, 3};
  for (unsigned position = 0; position != kMostPositions; ++position) {
    int64_t count = 0;
    for (int64_t phase = 0; phase != std::min(stride, window); ++phase) {
      // Pieces of 3 save most, pieces of 1 nothing: 4 taps are 2 + 2.
      int64_t rest = llvm::divideCeil(window - phase, stride);
      for (int64_t first = phase; rest != 0;) {
        const int64_t taps = rest == 4 ? 2 : std::min<int64_t>(rest, 3);
        if (taps >= kFewestTaps[position])
          terms.push_back({position, count++, first, taps});
        first += taps * stride;
        rest -= taps;
      }
    }
    if (count != 0)
      counts.push_back(count);
  }
}

SmallVector<WinogradProducts::Run> WinogradProducts::getRuns() const {
  SmallVector<Run> runs;
  int64_t firstTerm = 0;
  for (auto [position, count] : llvm::enumerate(counts)) {
    if (runs.empty() || runs.back().terms != count)
      runs.push_back({int64_t(position), 0, firstTerm, count});
    runs.back().end = position + 1;
    firstTerm += count;
  }
  return runs;
}

WinogradProducts::Factor WinogradProducts::getFactor(const Term &term) const {
  auto get = [&](int64_t tap) { return term.first + tap * stride; };
  const bool isSingle = term.taps == 1;
  switch (term.position) {
  case kFirst: return {get(0), {}, isSingle ? std::nullopt : std::optional(get(term.taps - 1))};
  case kSecond: return {get(term.taps), {}, isSingle ? std::nullopt : std::optional(get(1))};
  case kBoth: return {get(1), term.taps == 3 ? std::optional(get(2)) : std::nullopt, {}};
  default: return {get(2), {}, get(1)};
  }
}

Value WinogradProducts::transformElements(ImplicitLocOpBuilder &b, const Term &term, ArrayRef<Value> elements) const {
  const Factor factor = getFactor(term);
  Value element = elements[factor.element];
  if (factor.added)
    return add(b, element, elements[*factor.added]);
  return factor.subtracted ? sub(b, element, elements[*factor.subtracted]) : element;
}

Value WinogradProducts::transformLanes(ImplicitLocOpBuilder &b, Value elements) const {
  auto type = cast<VectorType>(elements.getType());
  // Lanes of the second vector are zeros.
  const int64_t lanes = type.getNumElements(), none = lanes;
  SmallVector<int64_t> first(lanes, none), added(lanes, none), subtracted(lanes, none);
  for (auto [lane, term] : llvm::enumerate(terms)) {
    const Factor factor = getFactor(term);
    first[lane] = factor.element;
    added[lane] = factor.added.value_or(none);
    subtracted[lane] = factor.subtracted.value_or(none);
  }
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
  auto permute = [&](ArrayRef<int64_t> order) -> Value { return vector::ShuffleOp::create(b, elements, zeros, order); };
  Value sum = sub(b, permute(first), permute(subtracted));
  const bool adds = llvm::any_of(added, [&](int64_t lane) { return lane != none; });
  return adds ? add(b, sum, permute(added)) : sum;
}

Value WinogradProducts::transformTaps(ImplicitLocOpBuilder &b, const Term &term, ArrayRef<Value> taps) const {
  auto get = [&](int64_t tap) { return taps[term.first + tap * stride]; };
  if (term.position == kFirst)
    return get(0);
  if (term.position == kSecond)
    return get(term.taps - 1);
  Value outer = add(b, get(0), get(term.taps - 1));
  if (term.taps == 2)
    return outer;
  return half(b, term.position == kBoth ? add(b, outer, get(1)) : sub(b, outer, get(1)));
}

std::array<Value, 2> WinogradProducts::transformSums(ImplicitLocOpBuilder &b, ArrayRef<Value> sums) {
  Value first = sums[kFirst], second = sums[kSecond];
  if (sums.size() > kBoth) {
    first = add(b, first, sums[kBoth]);
    second = add(b, second, sums[kBoth]);
  }
  if (sums.size() > kDifference) {
    first = add(b, first, sums[kDifference]);
    second = sub(b, second, sums[kDifference]);
  }
  return {first, second};
}
