//===- Attention.cpp - decompositions of attention ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// softmax over the last dim of scores in which whole rows may be -inf, as
/// masks make them: such a row is 0, not nan.
///   m = max(x), or 0 where that is -inf; p = exp(x - m); p / sum(p), or p where the sum is 0
static Value buildMaskedSoftmax(Value scores, Decomposer &b) {
  Type dtype = getTensorType(scores).getDtype();
  Value peak = b.amax(scores, {-1}, true);
  Value isEmpty = b.create<AtenEqScalarOp>(peak, b.floating(-std::numeric_limits<double>::infinity()));
  Value powers = b.create<AtenExpOp>(b.subTensors(scores, b.where(isEmpty, b.literal(dtype, 0), peak)));
  Value sum = b.sum(powers, {-1}, true);
  return b.divTensors(powers, b.where(isEmpty, b.literal(dtype, 1), sum));
}

/// [.., heads, S, E] with each head repeated, so that there are as many as in `query`.
static Value repeatHeads(Value tensor, Value query, Decomposer &b) {
  int64_t rank = getTensorType(tensor).getRank();
  SmallVector<Value> sizes = b.sizes(tensor), repeated = sizes;
  Value heads = b.size(query, -3);
  repeated.insert(repeated.begin() + rank - 2, b.floordiv(heads, sizes[rank - 3]));
  sizes[rank - 3] = heads;
  return b.create<AtenReshapeOp>(b.expand(b.unsqueeze(tensor, rank - 2), repeated), b.list(sizes));
}

struct Attention {
  Value query, key, value, mask, dropout, isCausal, scale;
  bool enableGqa = false;
};

struct Attended {
  Value output;
  Value logSumExp; ///< Over the scores of each row; null where not asked for.
};

/// softmax(query key^T scale + mask) value, in f32 for half types.
///   query [.., L, E], key [.., S, E], value [.., S, Ev] -> [.., L, Ev]
/// A bool mask is 0 where true and -inf elsewhere; a causal one is true where
/// column <= row.
static FailureOr<Attended> buildAttention(const Attention &op, bool wantsLogSumExp, Decomposer &b) {
  BaseTensorType type = getTensorType(op.query);
  auto isCausal = getConstantBool(op.isCausal);
  auto scale = isNone(op.scale) ? std::optional<double>() : getConstantNumber(op.scale);
  int64_t width = type.getSizes().back();
  if (getConstantNumber(op.dropout) != 0.0)
    return b.unsupported("with dropout");
  if (!isCausal)
    return b.unsupported("is_causal is not constant");
  if (*isCausal && !isNone(op.mask))
    return b.unsupported("both a mask and is_causal");
  if (!scale && (!isNone(op.scale) || ShapedType::isDynamic(width)))
    return b.unsupported("a scale that is not constant");
  if (!isFloatDtype(type.getDtype()))
    return b.unsupported("on a dtype that is not floating point");

  Type computed = getComputeDtype(type.getDtype());
  Value query = b.convert(op.query, computed), key = b.convert(op.key, computed), value = b.convert(op.value, computed);
  if (op.enableGqa) {
    key = repeatHeads(key, query, b);
    value = repeatHeads(value, query, b);
  }
  Value scores = b.create<AtenMatmulOp>(query, b.transpose(key, -2, -1));
  scores = b.create<AtenMulScalarOp>(scores, b.floating(scale ? *scale : 1 / std::sqrt(static_cast<double>(width))));
  Value minusInfinity = b.literal(computed, -std::numeric_limits<double>::infinity());
  if (*isCausal) {
    Value rows = b.unsqueeze(b.range(b.size(query, -2)), 1), columns = b.range(b.size(key, -2));
    scores = b.where(b.create<AtenLeTensorOp>(columns, rows), scores, minusInfinity);
  } else if (!isNone(op.mask)) {
    if (isBoolDtype(getTensorType(op.mask).getDtype()))
      scores = b.where(op.mask, scores, minusInfinity);
    else
      scores = b.addTensors(scores, b.convert(op.mask, computed));
  }
  // The first row of a causal mask has one column; no row of it is empty.
  Value weights = isNone(op.mask) ? b.create<Aten_SoftmaxOp>(scores, b.integer(-1), b.boolean(false))
                                  : buildMaskedSoftmax(scores, b);
  Attended result;
  result.output = b.convert(b.create<AtenMatmulOp>(weights, value), type.getDtype());
  if (wantsLogSumExp)
    result.logSumExp = b.create<AtenLogsumexpOp>(scores, b.list(ArrayRef<int64_t>{-1}), b.boolean(false));
  return result;
}

static FailureOr<Value> DecomposeAtenScaledDotProductAttention(AtenScaledDotProductAttentionOp op, Decomposer &b) {
  auto enableGqa = getConstantBool(op.getEnableGqa());
  if (!enableGqa)
    return b.unsupported("enable_gqa is not constant");
  auto attended = buildAttention({op.getQuery(), op.getKey(), op.getValue(), op.getAttnMask(), op.getDropoutP(),
                                  op.getIsCausal(), op.getScale(), *enableGqa},
                                 false, b);
  if (failed(attended))
    return failure();
  return attended->output;
}

static Decomposed DecomposeAten_ScaledDotProductFlashAttentionForCpu(Aten_ScaledDotProductFlashAttentionForCpuOp op,
                                                                     Decomposer &b) {
  bool wantsLogSumExp = !op->getResult(1).use_empty();
  auto attended = buildAttention(
      {op.getQuery(), op.getKey(), op.getValue(), op.getAttnMask(), op.getDropoutP(), op.getIsCausal(), op.getScale()},
      wantsLogSumExp, b);
  if (failed(attended))
    return failure();
  return SmallVector<Value>{attended->output, attended->logSumExp};
}

void torchc::populateAttentionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenScaledDotProductAttention,
                    DecomposeAten_ScaledDotProductFlashAttentionForCpu);
}
