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

/// What attention computes on its way: softmax(query key^T scale + mask), in f32 for half types.
struct AttentionWeights {
  Value query, key, value;     ///< In the dtype that is computed in.
  std::optional<double> scale; ///< None: 1 / sqrt of a width that only a call knows.
  Value scores, weights;       ///< [.., L, S]
};

static Value applyScale(Value scores, const AttentionWeights &attention, Decomposer &b) {
  if (attention.scale)
    return b.create<AtenMulScalarOp>(scores, b.floating(*attention.scale));
  Value width = b.scalarTensor(b.size(attention.query, -1), getDtype(scores));
  return b.mulTensors(scores, b.create<AtenRsqrtOp>(width));
}

/// A bool mask is 0 where true and -inf elsewhere; a causal one is true where column <= row.
static FailureOr<AttentionWeights> buildAttentionWeights(const Attention &op, Decomposer &b) {
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
  if (!scale && !isNone(op.scale))
    return b.unsupported("a scale that is not constant");
  if (!isFloatDtype(type.getDtype()))
    return b.unsupported("on a dtype that is not floating point");

  Type computed = getComputeDtype(type.getDtype());
  AttentionWeights built;
  built.query = b.convert(op.query, computed);
  built.key = b.convert(op.key, computed);
  built.value = b.convert(op.value, computed);
  if (op.enableGqa) {
    built.key = repeatHeads(built.key, built.query, b);
    built.value = repeatHeads(built.value, built.query, b);
  }
  built.scale = scale;
  if (!scale && !ShapedType::isDynamic(width))
    built.scale = 1 / std::sqrt(static_cast<double>(width));
  Value scores = b.create<AtenMatmulOp>(built.query, b.transpose(built.key, -2, -1));
  scores = applyScale(scores, built, b);
  Value minusInfinity = b.literal(computed, -std::numeric_limits<double>::infinity());
  if (*isCausal) {
    Value rows = b.unsqueeze(b.range(b.size(op.query, -2)), 1), columns = b.range(b.size(op.key, -2));
    scores = b.where(b.create<AtenLeTensorOp>(columns, rows), scores, minusInfinity);
  } else if (!isNone(op.mask)) {
    if (isBoolDtype(getTensorType(op.mask).getDtype()))
      scores = b.where(op.mask, scores, minusInfinity);
    else
      scores = b.addTensors(scores, b.convert(op.mask, computed));
  }
  built.scores = scores;
  // The first row of a causal mask has one column; no row of it is empty.
  built.weights = isNone(op.mask) ? b.create<Aten_SoftmaxOp>(scores, b.integer(-1), b.boolean(false))
                                  : buildMaskedSoftmax(scores, b);
  return built;
}

/// weights value: [.., L, S] and [.., S, Ev] -> [.., L, Ev]
static Value buildAttended(const AttentionWeights &attention, Type dtype, Decomposer &b) {
  return b.convert(b.create<AtenMatmulOp>(attention.weights, attention.value), dtype);
}

static FailureOr<Value> DecomposeAtenScaledDotProductAttention(AtenScaledDotProductAttentionOp op, Decomposer &b) {
  auto enableGqa = getConstantBool(op.getEnableGqa());
  auto dropout = getConstantNumber(op.getDropoutP());
  if (!enableGqa || !dropout)
    return b.unsupported("enable_gqa or dropout_p is not constant");
  auto attention = buildAttentionWeights({op.getQuery(), op.getKey(), op.getValue(), op.getAttnMask(), b.floating(0),
                                          op.getIsCausal(), op.getScale(), *enableGqa},
                                         b);
  if (failed(attention))
    return failure();
  if (*dropout != 0)
    attention->weights = b.create<AtenDropoutOp>(attention->weights, op.getDropoutP(), b.boolean(true));
  return buildAttended(*attention, getTensorType(op.getQuery()).getDtype(), b);
}

static Decomposed DecomposeAten_ScaledDotProductFlashAttentionForCpu(Aten_ScaledDotProductFlashAttentionForCpuOp op,
                                                                     Decomposer &b) {
  auto attention = buildAttentionWeights(
      {op.getQuery(), op.getKey(), op.getValue(), op.getAttnMask(), op.getDropoutP(), op.getIsCausal(), op.getScale()},
      b);
  if (failed(attention))
    return failure();
  Value logSumExp;
  if (!op->getResult(1).use_empty())
    logSumExp = b.create<AtenLogsumexpOp>(attention->scores, b.list(ArrayRef<int64_t>{-1}), b.boolean(false));
  return SmallVector<Value>{buildAttended(*attention, getTensorType(op.getQuery()).getDtype(), b), logSumExp};
}

/// Of output = weights value, weights = softmax(query key^T scale + mask):
///   d value = weights^T d output
///   d scores = weights (d output value^T - sum(d output output)) scale
///   d query = d scores key, d key = d scores^T query
/// The weights are computed anew: a row of a mask that is all -inf has no logsumexp.
static Decomposed
DecomposeAten_ScaledDotProductFlashAttentionForCpuBackward(Aten_ScaledDotProductFlashAttentionForCpuBackwardOp op,
                                                           Decomposer &b) {
  auto attention = buildAttentionWeights(
      {op.getQuery(), op.getKey(), op.getValue(), op.getAttnMask(), op.getDropoutP(), op.getIsCausal(), op.getScale()},
      b);
  if (failed(attention))
    return failure();
  Type dtype = getTensorType(op.getQuery()).getDtype(), computed = getComputeDtype(dtype);
  Value grad = b.convert(op.getGradOut(), computed), weights = attention->weights;
  Value inner = b.sum(b.mulTensors(grad, b.convert(op.getOut(), computed)), {-1}, true);
  Value gradWeights = b.create<AtenMatmulOp>(grad, b.transpose(attention->value, -2, -1));
  Value gradScores = applyScale(b.mulTensors(weights, b.subTensors(gradWeights, inner)), *attention, b);
  Value gradQuery = b.create<AtenMatmulOp>(gradScores, attention->key);
  Value gradKey = b.create<AtenMatmulOp>(b.transpose(gradScores, -2, -1), attention->query);
  Value gradValue = b.create<AtenMatmulOp>(b.transpose(weights, -2, -1), grad);
  return SmallVector<Value>{b.convert(gradQuery, dtype), b.convert(gradKey, dtype), b.convert(gradValue, dtype)};
}

/// Attention of many heads with its projections: query, key and value [B, L, D] -> [B, L, D].
struct HeadsInput {
  Value query, key, value;
  Value width, heads; ///< D, and among how many heads it is divided.
  Value inWeight, inBias, outWeight, outBias;
  Value mask;     ///< Bool, true where nothing is read; or None.
  Value maskKind; ///< 1 for a mask [B, S] of keys, else one that broadcasts against [B, heads, L, S].
};
struct HeadsOutput {
  Value output;
  Value weights; ///< [B, heads, L, S]
};

static LogicalResult checkHeads(const HeadsInput &op, Decomposer &b) {
  if (!getConstantInt(op.width) || !getConstantInt(op.heads))
    return b.unsupported("a width or number of heads that is not constant");
  if (!isNone(op.mask) && !isBoolDtype(getTensorType(op.mask).getDtype()))
    return b.unsupported("a mask that is not bool");
  return success();
}

static HeadsOutput buildHeads(const HeadsInput &op, Decomposer &b) {
  auto width = getConstantInt(op.width), heads = getConstantInt(op.heads);
  // The weights of the three projections lie one behind the other.
  auto project = [&](Value x, int64_t which) {
    Value begin = b.integer(which * *width), end = b.integer((which + 1) * *width);
    Value projected = b.create<AtenLinearOp>(x, b.slice(op.inWeight, 0, begin, end), b.slice(op.inBias, 0, begin, end));
    SmallVector<Value> sizes = b.sizes(projected);
    sizes.back() = b.integer(*heads);
    sizes.push_back(b.integer(*width / *heads));
    return b.transpose(b.view(projected, sizes), 1, 2);
  };
  Type dtype = getTensorType(op.query).getDtype(), computed = getComputeDtype(dtype);
  Value query = b.convert(project(op.query, 0), computed), key = b.convert(project(op.key, 1), computed);
  Value value = b.convert(project(op.value, 2), computed);
  query = b.mulNumber(query, 1 / std::sqrt(static_cast<double>(*width / *heads)));
  Value scores = b.create<AtenMatmulOp>(query, b.transpose(key, -2, -1));
  HeadsOutput result;
  if (isNone(op.mask)) {
    result.weights = b.create<Aten_SoftmaxOp>(scores, b.integer(-1), b.boolean(false));
  } else {
    Value mask = getConstantInt(op.maskKind) == 1 ? b.unsqueeze(b.unsqueeze(op.mask, 1), 1) : op.mask;
    Value minusInfinity = b.literal(computed, -std::numeric_limits<double>::infinity());
    result.weights = buildMaskedSoftmax(b.where(mask, minusInfinity, scores), b);
  }
  Value joined = b.flatten(b.transpose(b.create<AtenMatmulOp>(result.weights, value), 1, 2), 2, 3);
  result.output = b.create<AtenLinearOp>(b.convert(joined, dtype), op.outWeight, op.outBias);
  return result;
}

static Decomposed DecomposeAten_NativeMultiHeadAttention(Aten_NativeMultiHeadAttentionOp op, Decomposer &b) {
  bool readsWeights = !op->getResult(1).use_empty();
  auto average = getConstantBool(op.getAverageAttnWeights());
  if (readsWeights && (getConstantBool(op.getNeedWeights()) != true || !average))
    return b.unsupported("with weights that it is not asked for");
  HeadsInput input = {op.getQuery(),    op.getKey(),       op.getValue(),   op.getEmbedDim(),
                      op.getNumHead(),  op.getQkvWeight(), op.getQkvBias(), op.getProjWeight(),
                      op.getProjBias(), op.getMask(),      op.getMaskType()};
  if (failed(checkHeads(input, b)))
    return failure();
  HeadsOutput heads = buildHeads(input, b);
  Value weights;
  if (readsWeights)
    weights = b.convert(*average ? b.mean(heads.weights, {1}, false) : heads.weights,
                        getTensorType(op.getQuery()).getDtype());
  return SmallVector<Value>{heads.output, weights};
}

/// A layer of a transformer's encoder: attention and a network of two linear layers, each around a
/// residual, with a norm before or behind it.
static FailureOr<Value> DecomposeAten_TransformerEncoderLayerFwd(Aten_TransformerEncoderLayerFwdOp op, Decomposer &b) {
  auto useGelu = getConstantBool(op.getUseGelu()), normFirst = getConstantBool(op.getNormFirst());
  if (!useGelu || !normFirst)
    return b.unsupported("use_gelu or norm_first is not constant");
  auto normalize = [&](Value x, Value weight, Value bias) {
    return b.create<AtenLayerNormOp>(x, b.list(ValueRange{op.getEmbedDim()}), weight, bias, op.getEps(),
                                     b.boolean(false));
  };
  auto normalize1 = [&](Value x) { return normalize(x, op.getNormWeight_1(), op.getNormBias_1()); };
  auto normalize2 = [&](Value x) { return normalize(x, op.getNormWeight_2(), op.getNormBias_2()); };
  Value x = op.getSrc();
  HeadsInput input = {x,
                      x,
                      x,
                      op.getEmbedDim(),
                      op.getNumHeads(),
                      op.getQkvWeight(),
                      op.getQkvBias(),
                      op.getProjWeight(),
                      op.getProjBias(),
                      op.getMask(),
                      op.getMaskType()};
  if (failed(checkHeads(input, b)))
    return failure();
  if (*normFirst)
    input.query = input.key = input.value = normalize1(x);
  x = b.addTensors(x, buildHeads(input, b).output);
  if (!*normFirst)
    x = normalize1(x);
  Value inner = *normFirst ? normalize2(x) : x;
  inner = b.create<AtenLinearOp>(inner, op.getFfnWeight_1(), op.getFfnBias_1());
  inner = *useGelu ? b.create<AtenGeluOp>(inner, b.string("none")) : b.create<AtenReluOp>(inner);
  x = b.addTensors(x, b.create<AtenLinearOp>(inner, op.getFfnWeight_2(), op.getFfnBias_2()));
  return *normFirst ? x : normalize2(x);
}

void torchc::populateAttentionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenScaledDotProductAttention,
                    DecomposeAten_ScaledDotProductFlashAttentionForCpu,
                    DecomposeAten_ScaledDotProductFlashAttentionForCpuBackward, DecomposeAten_NativeMultiHeadAttention,
                    DecomposeAten_TransformerEncoderLayerFwd);
}
