//===- IndexingEmbedding.cpp - decompositions of ops on tables of embeddings ---===//
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

/// Rows of an embedding that are looked up and too long are shortened to `maxNorm`.
static FailureOr<Value> DecomposeAtenEmbeddingRenorm(AtenEmbeddingRenormOp op, Decomposer &b) {
  auto maxNorm = getConstantNumber(op.getMaxNorm());
  if (!maxNorm)
    return b.unsupported("a norm that is not constant");
  Type dtype = getDtype(op.getSelf()), computed = getComputeDtype(dtype);
  Value weight = b.convert(op.getSelf(), computed), index = b.flatten(op.getIndices());
  Value norms = b.create<AtenLinalgVectorNormOp>(weight, op.getNormType(), b.list(ArrayRef<int64_t>{1}),
                                                 b.boolean(true), b.none());
  Value factors = b.create<AtenMulScalarOp>(b.create<AtenReciprocalOp>(b.addNumber(norms, 1e-7)), op.getMaxNorm());
  Type i1 = b.getBuilder().getI1Type();
  Value isRead = b.create<AtenIndexPutOp>(b.full({b.size(weight, 0)}, b.boolean(false), i1),
                                          b.list({index}, index.getType()), b.literal(i1, 1), b.boolean(false));
  Value isLong = b.create<AtenGtScalarOp>(norms, op.getMaxNorm());
  Value isShortened = b.create<AtenLogicalAndOp>(isLong, b.unsqueeze(isRead, 1));
  return b.convert(b.where(isShortened, b.mulTensors(weight, factors), weight), dtype);
}

/// The sums of the rows [n, width] of each of `count` groups, or their means; 0 of none. `group` [n] says to which
/// one a row belongs.
static Value sumGroups(Value rows, Value group, Value count, bool isMean, Decomposer &b) {
  Type dtype = getDtype(rows);
  Value list = b.list({group}, group.getType()), zero = b.integer(0), accumulates = b.boolean(true);
  Value sums = b.create<AtenIndexPutOp>(b.full({count, b.size(rows, 1)}, zero, dtype), list, rows, accumulates);
  if (!isMean)
    return sums;
  Value counts = b.create<AtenIndexPutOp>(b.full({count}, zero, dtype), list, b.literal(dtype, 1), accumulates);
  return b.divTensors(sums, b.unsqueeze(b.create<AtenClampMinOp>(counts, b.integer(1)), 1));
}

//===----------------------------------------------------------------------===//
// Bags: sums over groups of rows
//===----------------------------------------------------------------------===//

/// sum, mean or maximum of the embeddings of each bag; bag b starts at offsets[b].
/// Indices of row `padding` are left out.
template <typename Op> static Decomposed decomposeBags(Op op, std::optional<int64_t> padding, Decomposer &b) {
  auto mode = getConstantInt(op.getMode());
  auto includesLast = getConstantBool(op.getIncludeLastOffset());
  if (!mode || !includesLast || getRank(op.getIndices()) != 1)
    return b.unsupported("an option that is not constant, or indices of more than one dim");
  if (llvm::any_of(op->getResults().drop_front(), [](Value result) { return !result.use_empty(); }))
    return b.unsupported("with results other than the first");
  Type dtype = getDtype(op.getWeight()), computed = getComputeDtype(dtype);
  Value indices = op.getIndices(), offsets = op.getOffsets();
  if (*includesLast)
    offsets = b.slice(offsets, 0, b.integer(0), b.integer(-1));
  // The bag of each index: the last one that starts at or before it; one more for those left out.
  Value none = b.none(), bags = b.size(offsets, 0), one = b.integer(1);
  Value after = b.create<AtenSearchsortedTensorOp>(b.convert(offsets, getDtype(indices)),
                                                   b.convert(b.range(b.size(indices, 0)), getDtype(indices)),
                                                   b.boolean(false), b.boolean(true), none, none);
  Value bag = b.create<AtenAddScalarOp>(after, b.integer(-1), one);
  if (padding) {
    int64_t rows = getTensorType(op.getWeight()).getSizes().front();
    if (*padding < 0 && ShapedType::isDynamic(rows))
      return b.unsupported("a negative padding_idx of a table that is not static");
    Value isKept = b.create<AtenNeScalarOp>(indices, b.integer(*padding < 0 ? *padding + rows : *padding));
    bag = b.where(isKept, bag, b.scalarTensor(bags, getDtype(bag)));
  }
  Value rows = b.convert(b.create<AtenIndexSelectOp>(op.getWeight(), b.integer(0), indices), computed);
  if (!isNone(op.getPerSampleWeights()))
    rows = b.mulTensors(rows, b.unsqueeze(b.convert(op.getPerSampleWeights(), computed), 1));
  Value slots = b.add(bags, one), zero = b.integer(0), result;
  if (*mode == 2) {
    // A bag without indices stays 0.
    Value zeros = b.full({slots, b.size(rows, 1)}, zero, computed);
    Value index = b.expand(b.unsqueeze(bag, 1), b.sizes(rows));
    result = b.create<AtenScatterReduceTwoOp>(zeros, zero, index, rows, b.string("amax"), b.boolean(false));
  } else {
    result = sumGroups(rows, bag, slots, /*isMean=*/*mode == 1, b);
  }
  result = b.slice(result, 0, zero, bags);
  return SmallVector<Value>{b.convert(result, dtype), Value(), Value(), Value()};
}

static Decomposed DecomposeAtenEmbeddingBagPaddingIdx(AtenEmbeddingBagPaddingIdxOp op, Decomposer &b) {
  auto padding = getConstantInt(op.getPaddingIdx());
  if (!padding && !isNone(op.getPaddingIdx()))
    return b.unsupported("a padding_idx that is not constant");
  return decomposeBags(op, padding, b);
}
static Decomposed DecomposeAtenEmbeddingBag(AtenEmbeddingBagOp op, Decomposer &b) {
  return decomposeBags(op, std::nullopt, b);
}
/// Here -1 is no row.
template <typename Op> static Decomposed decomposePaddedBags(Op op, Decomposer &b) {
  auto padding = getConstantInt(op.getPaddingIdx());
  if (!padding)
    return b.unsupported("a padding_idx that is not constant");
  return decomposeBags(op, *padding == -1 ? std::nullopt : padding, b);
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

/// The sum of the gradients at the places of each row; those of `padding_idx` are left out, and with
/// `scale_grad_by_freq` the sum becomes the mean.
static FailureOr<Value> DecomposeAtenEmbeddingDenseBackward(AtenEmbeddingDenseBackwardOp op, Decomposer &b) {
  auto padding = getConstantInt(op.getPaddingIdx());
  auto isMean = getConstantBool(op.getScaleGradByFreq());
  if (!padding || !isMean)
    return b.unsupported("an option that is not constant");
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value index = b.flatten(op.getIndices()), width = b.size(op.getGradOutput(), -1);
  Value rows = b.create<AtenReshapeOp>(b.convert(op.getGradOutput(), computed), b.list({b.integer(-1), width}));
  if (*padding >= 0) {
    Value isPadding = b.unsqueeze(b.create<AtenEqScalarOp>(index, op.getPaddingIdx()), 1);
    rows = b.where(isPadding, b.literal(computed, 0), rows);
  }
  return b.convert(sumGroups(rows, index, op.getNumWeights(), *isMean, b), dtype);
}

void torchc::populateIndexingEmbeddingPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenEmbeddingRenorm, DecomposeAtenEmbeddingBagPaddingIdx,
                    DecomposeAtenEmbeddingBag, decomposePaddedBags<Aten_EmbeddingBagOp>,
                    decomposePaddedBags<Aten_EmbeddingBagForwardOnlyOp>, DecomposeAtenEmbeddingDenseBackward);
}
