//===- Backward.cpp - what the gradients of all families have in common ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Backward.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

FailureOr<SmallVector<bool>> torchc::getOutputMask(Operation *op, Value mask, Decomposer &b) {
  auto elements = getListElements(mask);
  if (!elements || elements->size() != op->getNumResults())
    return b.unsupported("an output_mask that is not constant");
  SmallVector<bool> wanted;
  for (auto [element, result] : llvm::zip_equal(*elements, op->getResults())) {
    auto constant = getConstantBool(element);
    if (!constant || (!*constant && !result.use_empty()))
      return b.unsupported("an output_mask that is not constant, or without a result that is used");
    wanted.push_back(*constant);
  }
  return wanted;
}

std::optional<SmallVector<int64_t>> torchc::getNumbers(Value list, int64_t count, ArrayRef<int64_t> ifEmpty) {
  auto numbers = getConstantIntList(list);
  if (numbers && numbers->empty())
    numbers->assign(ifEmpty.begin(), ifEmpty.end());
  if (numbers && numbers->size() == 1)
    numbers->resize(count, numbers->front());
  return numbers && static_cast<int64_t>(numbers->size()) == count ? numbers : std::nullopt;
}
