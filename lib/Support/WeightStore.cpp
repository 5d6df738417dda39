//===- WeightStore.cpp - bytes of parameters, beside the IR ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/WeightStore.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/Error.h"

#include <vector>

using namespace mlir;
using namespace torchc;

void WeightStore::set(StringRef symbol, Weight weight) {
  std::lock_guard<std::mutex> lock(mutex);
  weights[symbol.str()] = std::move(weight);
}

void WeightStore::setCopy(StringRef symbol, RankedTensorType type, ArrayRef<uint8_t> bytes, bool isUnsigned) {
  auto owner = std::make_shared<std::vector<uint8_t>>(bytes.begin(), bytes.end());
  ArrayRef<uint8_t> copy(*owner);
  set(symbol, Weight{type, copy, std::move(owner), isUnsigned});
}

std::optional<Weight> WeightStore::lookup(StringRef symbol) const {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = weights.find(symbol);
  if (found == weights.end())
    return std::nullopt;
  return found->second;
}

void WeightStore::erase(StringRef symbol) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = weights.find(symbol);
  if (found != weights.end())
    weights.erase(found);
}

bool WeightStore::empty() const {
  std::lock_guard<std::mutex> lock(mutex);
  return weights.empty();
}
