//===- Contraction.cpp - result types of contractions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// The broadcast of two lists of batch sizes.
static SmallVector<int64_t> broadcastSizes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> result(a);
  for (auto [size, other] : llvm::zip(llvm::reverse(result), llvm::reverse(b)))
    if (size == 1 || (ShapedType::isDynamic(size) && other != 1))
      size = other;
  return result;
}

/// [..., m, k] x [..., k, n] -> [..., m, n]; a vector is [1, k] or [k, 1], and
/// that dim is left out of the result.
static Types inferMatmul(ValueRange operands) {
  Shape a = getShape(operands[0]), b = getShape(operands[1]);
  Type dtype = getDtype(operands[0]);
  if (!a || !b)
    return tensorOf(std::nullopt, dtype);
  if (a->empty() || b->empty())
    return failure();
  SmallVector<int64_t> sizes = broadcastSizes(ArrayRef<int64_t>(*a).drop_back(std::min<size_t>(2, a->size())),
                                              ArrayRef<int64_t>(*b).drop_back(std::min<size_t>(2, b->size())));
  if (a->size() > 1)
    sizes.push_back((*a)[a->size() - 2]);
  if (b->size() > 1)
    sizes.push_back(b->back());
  return tensorOf(sizes, dtype);
}

/// [..., in] x [out, in] -> [..., out].
static Types inferLinear(ValueRange operands) {
  Shape input = getShape(operands[0]), weight = getShape(operands[1]);
  if (input && weight && !input->empty() && !weight->empty()) {
    input->pop_back();
    if (weight->size() == 2)
      input->push_back((*weight)[0]);
  }
  return tensorOf(weight ? input : Shape(), getDtype(operands[0]));
}

/// self + mat1 x mat2, which `self` is broadcast to.
static Types inferSumOfProduct(ValueRange operands) { return inferMatmul(operands.slice(1, 2)); }

void torchc::torch::addContractionInference(InferenceTable &table) {
  table.addAll<AtenMmOp, AtenBmmOp, AtenMatmulOp, AtenMvOp, AtenDotOp>(inferMatmul);
  table.addAll<AtenLinearOp>(inferLinear);
  table.addAll<AtenAddmmOp, AtenBaddbmmOp>(inferSumOfProduct);
  table.addAll<AtenOuterOp>([](ValueRange operands) -> Types {
    Shape a = getShape(operands[0]), b = getShape(operands[1]);
    if (a && b)
      llvm::append_range(*a, *b);
    return tensorOf(b ? a : Shape(), getResultDtype(operands));
  });
  table.addAll<AtenAddbmmOp>([](ValueRange operands) -> Types {
    Shape a = getShape(operands[1]), b = getShape(operands[2]);
    if (!a || !b || a->size() != 3 || b->size() != 3)
      return failure();
    return tensorOf(SmallVector<int64_t>{(*a)[1], (*b)[2]}, getDtype(operands[0]));
  });
}
