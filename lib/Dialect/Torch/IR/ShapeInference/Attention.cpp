//===- Attention.cpp - result types of attention ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// query [..., L, E], value [..., S, Ev] -> [..., L, Ev].
static Types inferAttention(ValueRange operands) {
  Shape query = getShape(operands[0]), value = getShape(operands[2]);
  if (query && value && !query->empty() && !value->empty())
    query->back() = value->back();
  return tensorOf(value ? query : Shape(), getDtype(operands[0]));
}

void torchc::torch::addAttentionInference(InferenceTable &table) {
  table.addAll<AtenScaledDotProductAttentionOp>(inferAttention);
  table.addAll<Aten_ScaledDotProductFlashAttentionForCpuOp>([](ValueRange operands) {
    Shape query = getShape(operands[0]);
    Type dtype = getDtype(operands[0]);
    if (query && !query->empty())
      query->pop_back();
    return concat({inferAttention(operands), tensorOf(query, dtype ? getComputeDtype(dtype) : Type())});
  });
}
