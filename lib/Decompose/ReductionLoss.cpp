//===- ReductionLoss.cpp - decompositions of loss functions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReductionLoss.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

std::optional<LossReduction> torchc::getReduction(Value code) {
  auto constant = getConstantInt(code);
  if (!constant || *constant < 0 || *constant > 2)
    return std::nullopt;
  return static_cast<LossReduction>(*constant);
}

static FailureOr<Value> reduceLoss(Operation *op, Value loss, Value code, Decomposer &b) {
  auto reduction = getReduction(code);
  if (!reduction)
    return b.unsupported("a reduction that is not constant");
  if (*reduction == LossReduction::Mean)
    loss = b.create<AtenMeanOp>(loss, b.none());
  else if (*reduction == LossReduction::Sum)
    loss = b.create<AtenSumOp>(loss, b.none());
  return b.convert(loss, getResultDtype(op));
}

/// An operand of a loss in the dtype that the loss is computed in.
template <typename Op> static Value widen(Op op, Value x, Decomposer &b) {
  return b.convert(x, getComputeDtype(getResultDtype(op)));
}

/// The same, but integers stay: PyTorch's differences of them wrap around.
template <typename Op> static Value widenFloats(Op op, Value x, Decomposer &b) {
  return isIntegerDtype(getDtype(x)) ? x : widen(op, x, b);
}

static Value abs(Value x, Decomposer &b) { return b.create<AtenAbsOp>(x); }
static Value exp(Value x, Decomposer &b) { return b.create<AtenExpOp>(x); }
static Value log(Value x, Decomposer &b) { return b.create<AtenLogOp>(x); }
static Value neg(Value x, Decomposer &b) { return b.create<AtenNegOp>(x); }
static Value clampMin(Value x, double low, Decomposer &b) { return b.create<AtenClampMinOp>(x, b.floating(low)); }
static Value isNumber(Value x, double number, Decomposer &b) { return b.create<AtenEqScalarOp>(x, b.floating(number)); }
static Value zeroLike(Value x, Decomposer &b) { return b.literal(getTensorType(x).getDtype(), 0); }
/// |x|^p
static Value power(Value x, double p, Decomposer &b) {
  return p == 1 ? x : b.create<AtenPowTensorScalarOp>(x, b.floating(p));
}

//===----------------------------------------------------------------------===//
// Distances of input and target
//===----------------------------------------------------------------------===//

/// (x - t)^2
static FailureOr<Value> DecomposeAtenMseLoss(AtenMseLossOp op, Decomposer &b) {
  Value difference = b.subTensors(widen(op, op.getSelf(), b), widen(op, op.getTarget(), b));
  return reduceLoss(op, b.mulTensors(difference, difference), op.getReduction(), b);
}

/// |x - t|
static FailureOr<Value> DecomposeAtenL1Loss(AtenL1LossOp op, Decomposer &b) {
  Value difference = isComplexDtype(getDtype(op.getSelf()))
                         ? b.subTensors(op.getSelf(), op.getTarget())
                         : b.subTensors(widen(op, op.getSelf(), b), widen(op, op.getTarget(), b));
  return reduceLoss(op, abs(difference, b), op.getReduction(), b);
}

/// |d| < beta ? d^2 / (2 beta) : |d| - beta / 2
static FailureOr<Value> DecomposeAtenSmoothL1Loss(AtenSmoothL1LossOp op, Decomposer &b) {
  auto beta = getConstantNumber(op.getBeta());
  if (!beta)
    return b.unsupported("a beta that is not constant");
  Value size = abs(b.subTensors(widen(op, op.getSelf(), b), widen(op, op.getTarget(), b)), b);
  Value loss = size;
  if (*beta != 0)
    loss = b.where(b.create<AtenLtScalarOp>(size, b.floating(*beta)),
                   b.mulNumber(b.mulTensors(size, size), 0.5 / *beta), b.addNumber(size, -0.5 * *beta));
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// |d| <= delta ? d^2 / 2 : delta (|d| - delta / 2)
static FailureOr<Value> DecomposeAtenHuberLoss(AtenHuberLossOp op, Decomposer &b) {
  auto delta = getConstantNumber(op.getDelta());
  if (!delta)
    return b.unsupported("a delta that is not constant");
  Value size = abs(b.subTensors(widen(op, op.getSelf(), b), widen(op, op.getTarget(), b)), b);
  Value loss = b.where(b.create<AtenLeScalarOp>(size, b.floating(*delta)), b.mulNumber(b.mulTensors(size, size), 0.5),
                       b.mulNumber(b.addNumber(size, -0.5 * *delta), *delta));
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// log(1 + exp(-x t))
static FailureOr<Value> DecomposeAtenSoftMarginLoss(AtenSoftMarginLossOp op, Decomposer &b) {
  Value product = b.mulTensors(widen(op, op.getSelf(), b), widen(op, op.getTarget(), b));
  return reduceLoss(op, b.create<AtenLog1pOp>(exp(neg(product, b), b)), op.getReduction(), b);
}

/// t = 1: x; t = -1: max(margin - x, 0); each 0 for other targets' part, as PyTorch adds them
static FailureOr<Value> DecomposeAtenHingeEmbeddingLoss(AtenHingeEmbeddingLossOp op, Decomposer &b) {
  auto margin = getConstantNumber(op.getMargin());
  if (!margin)
    return b.unsupported("a margin that is not constant");
  Value x = widen(op, op.getSelf(), b), target = op.getTarget(), zero = zeroLike(x, b);
  Value far = b.where(isNumber(target, 1, b), zero, clampMin(b.addNumber(neg(x, b), *margin), 0, b));
  Value near = b.where(isNumber(target, -1, b), zero, x);
  return reduceLoss(op, b.addTensors(far, near), op.getReduction(), b);
}

/// max(-t (x1 - x2) + margin, 0)
static FailureOr<Value> DecomposeAtenMarginRankingLoss(AtenMarginRankingLossOp op, Decomposer &b) {
  auto margin = getConstantNumber(op.getMargin());
  if (!margin)
    return b.unsupported("a margin that is not constant");
  Value difference = b.subTensors(widenFloats(op, op.getInput1(), b), widenFloats(op, op.getInput2(), b));
  Value product = neg(b.mulTensors(widenFloats(op, op.getTarget(), b), difference), b);
  Value loss = b.addNumber(widen(op, product, b), *margin);
  return reduceLoss(op, clampMin(loss, 0, b), op.getReduction(), b);
}

/// t (log t - x), or exp(t) (t - x) for a target that is a logarithm
static FailureOr<Value> DecomposeAtenKlDiv(AtenKlDivOp op, Decomposer &b) {
  auto isLog = getConstantBool(op.getLogTarget());
  if (!isLog)
    return b.unsupported("a log_target that is not constant");
  Value x = widen(op, op.getSelf(), b), target = widen(op, op.getTarget(), b);
  Value loss = *isLog ? b.mulTensors(exp(target, b), b.subTensors(target, x))
                      : b.subTensors(b.create<AtenXlogyTensorOp>(target, target), b.mulTensors(target, x));
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// exp(x) - t x, or x - t log(x + eps); `full` adds t log t - t + log(2 pi t) / 2 for t > 1
static FailureOr<Value> DecomposeAtenPoissonNllLoss(AtenPoissonNllLossOp op, Decomposer &b) {
  auto isLog = getConstantBool(op.getLogInput()), full = getConstantBool(op.getFull());
  auto eps = getConstantNumber(op.getEps());
  if (!isLog || !full || !eps)
    return b.unsupported("an option that is not constant");
  Value x = widen(op, op.getInput(), b), target = widen(op, op.getTarget(), b);
  Value loss = *isLog ? b.subTensors(exp(x, b), b.mulTensors(target, x))
                      : b.subTensors(x, b.mulTensors(target, log(b.addNumber(x, *eps), b)));
  if (*full) {
    Value stirling = b.subTensors(b.mulTensors(target, log(target, b)), target);
    stirling = b.addTensors(stirling, b.mulNumber(log(b.mulNumber(target, 2 * std::numbers::pi), b), 0.5));
    Value isSmall = b.create<AtenLeScalarOp>(target, b.floating(1));
    loss = b.addTensors(loss, b.where(isSmall, zeroLike(x, b), stirling));
  }
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// -(t max(log x, -100) + (1 - t) max(log(1 - x), -100))
static FailureOr<Value> DecomposeAtenBinaryCrossEntropy(AtenBinaryCrossEntropyOp op, Decomposer &b) {
  Value x = widen(op, op.getSelf(), b), target = widen(op, op.getTarget(), b);
  Value ofOne = clampMin(log(x, b), -100, b), ofZero = clampMin(b.create<AtenLog1pOp>(neg(x, b)), -100, b);
  Value loss = b.subTensors(b.mulTensors(b.addNumber(target, -1), ofZero), b.mulTensors(target, ofOne));
  if (!isNone(op.getWeight()))
    loss = b.mulTensors(loss, widen(op, op.getWeight(), b));
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// (1 - t) x + (1 + (pos_weight - 1) t) (log(1 + exp(-|x|)) + max(-x, 0))
static FailureOr<Value> DecomposeAtenBinaryCrossEntropyWithLogits(AtenBinaryCrossEntropyWithLogitsOp op,
                                                                  Decomposer &b) {
  Value x = widen(op, op.getSelf(), b), target = widen(op, op.getTarget(), b);
  Value tail = b.create<AtenLog1pOp>(exp(neg(abs(x, b), b), b));
  Value logistic = b.addTensors(tail, clampMin(neg(x, b), 0, b));
  if (!isNone(op.getPosWeight())) {
    Value factor = b.mulTensors(b.addNumber(widen(op, op.getPosWeight(), b), -1), target);
    logistic = b.mulTensors(b.addNumber(factor, 1), logistic);
  }
  Value loss = b.addTensors(b.mulTensors(b.addNumber(neg(target, b), 1), x), logistic);
  if (!isNone(op.getWeight()))
    loss = b.mulTensors(loss, widen(op, op.getWeight(), b));
  return reduceLoss(op, loss, op.getReduction(), b);
}

//===----------------------------------------------------------------------===//
// Of vectors
//===----------------------------------------------------------------------===//

/// sum(x1 x2) / sqrt(max(sum(x1^2), eps^2) max(sum(x2^2), eps^2))
static FailureOr<Value> DecomposeAtenCosineSimilarity(AtenCosineSimilarityOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  auto eps = getConstantNumber(op.getEps());
  if (!dim || !eps)
    return b.unsupported("a dim or eps that is not constant");
  int64_t rank = std::max(getRank(op.getX1()), getRank(op.getX2()));
  auto axis = wrapDim(*dim, rank);
  if (!axis)
    return b.unsupported("a dim out of range");
  // Of the broadcast operands.
  Value zero = b.literal(getComputeDtype(getResultDtype(op)), 0);
  Value x1 = widen(op, op.getX1(), b), x2 = widen(op, op.getX2(), b);
  Value product = b.mulTensors(x1, x2);
  auto lengthOf = [&](Value x, Value other) {
    Value whole = b.addTensors(x, b.mulTensors(other, zero));
    Value same = getTensorType(x).getSizes() == getTensorType(product).getSizes() ? x : whole;
    Value length = b.create<AtenSqrtOp>(b.sum(b.mulTensors(same, same), {*axis}, false));
    return clampMin(length, *eps, b);
  };
  Value dot = b.sum(product, {*axis}, false);
  return b.convert(b.divTensors(b.divTensors(dot, lengthOf(x1, x2)), lengthOf(x2, x1)), getResultDtype(op));
}

/// t = 1: 1 - cos; t = -1: max(cos - margin, 0)
static FailureOr<Value> DecomposeAtenCosineEmbeddingLoss(AtenCosineEmbeddingLossOp op, Decomposer &b) {
  auto margin = getConstantNumber(op.getMargin());
  if (!margin)
    return b.unsupported("a margin that is not constant");
  constexpr double kEps = 1e-12;
  int64_t dim = getRank(op.getTarget()) == 0 ? 0 : 1;
  Value x1 = widen(op, op.getInput1(), b), x2 = widen(op, op.getInput2(), b), target = op.getTarget();
  Value square1 = b.addNumber(b.sum(b.mulTensors(x1, x1), {dim}, false), kEps);
  Value square2 = b.addNumber(b.sum(b.mulTensors(x2, x2), {dim}, false), kEps);
  Value dot = b.sum(b.mulTensors(x1, x2), {dim}, false);
  Value cosine = b.divTensors(dot, b.create<AtenSqrtOp>(b.mulTensors(square1, square2)));
  Value zero = zeroLike(cosine, b);
  Value near = b.where(isNumber(target, 1, b), b.addNumber(neg(cosine, b), 1), zero);
  Value far = b.where(isNumber(target, -1, b), clampMin(b.addNumber(cosine, -*margin), 0, b), zero);
  return reduceLoss(op, b.addTensors(near, far), op.getReduction(), b);
}

/// The p-norm of x1 - x2 + eps over the last dim.
template <typename Op> static Value buildPairwiseDistance(Op op, Value x1, Value x2, Value keepdim, Decomposer &b) {
  // The norm is of the absolute values of complex numbers.
  bool isComplex = isComplexDtype(getDtype(x1)) || isComplexDtype(getDtype(x2));
  Value difference =
      isComplex ? b.subTensors(x1, x2) : widen(op, b.subTensors(widenFloats(op, x1, b), widenFloats(op, x2, b)), b);
  difference = b.create<AtenAddScalarOp>(difference, op.getEps(), b.integer(1));
  if (isComplex)
    difference = abs(difference, b);
  return b.create<AtenLinalgVectorNormOp>(difference, op.getP(), b.list(ArrayRef<int64_t>{-1}), keepdim, b.none());
}
static FailureOr<Value> DecomposeAtenPairwiseDistance(AtenPairwiseDistanceOp op, Decomposer &b) {
  Value distance = buildPairwiseDistance(op, op.getX1(), op.getX2(), op.getKeepdim(), b);
  return b.convert(distance, getResultDtype(op));
}

/// max(d(anchor, positive) - d(anchor, negative) + margin, 0)
static FailureOr<Value> DecomposeAtenTripletMarginLoss(AtenTripletMarginLossOp op, Decomposer &b) {
  auto margin = getConstantNumber(op.getMargin());
  auto swap = getConstantBool(op.getSwap());
  if (!margin || !swap)
    return b.unsupported("an option that is not constant");
  auto distance = [&](Value x1, Value x2) { return buildPairwiseDistance(op, x1, x2, b.boolean(false), b); };
  Value near = distance(op.getAnchor(), op.getPositive()), far = distance(op.getAnchor(), op.getNegative());
  if (*swap)
    far = b.create<AtenMinimumOp>(far, distance(op.getPositive(), op.getNegative()));
  return reduceLoss(op, clampMin(b.addNumber(b.subTensors(near, far), *margin), 0, b), op.getReduction(), b);
}

//===----------------------------------------------------------------------===//
// Of classes
//===----------------------------------------------------------------------===//

/// The class dim of scores: [C] or [N, C, ...].
static int64_t getClassDim(Value scores) { return getRank(scores) == 1 ? 0 : 1; }

/// The weight of each target's class; 0 for `ignored`, 1 without weights.
static Value buildClassWeights(Value target, Value counts, Value weight, Type dtype, Decomposer &b) {
  if (isNone(weight))
    return b.convert(counts, dtype);
  Value safe = b.where(counts, target, b.literal(getTensorType(target).getDtype(), 0));
  int64_t rank = getRank(target);
  Value flat = rank == 1 ? safe : b.create<AtenReshapeOp>(safe, b.list(ArrayRef<int64_t>{-1}));
  Value picked = b.create<AtenIndexSelectOp>(b.convert(weight, dtype), b.integer(0), flat);
  if (rank != 1)
    picked = b.create<AtenReshapeOp>(picked, b.list(b.sizes(target)));
  return b.mulTensors(picked, b.convert(counts, dtype));
}

/// Where the target is a class that counts.
static Value buildCounts(Value target, int64_t ignored, Decomposer &b) {
  return b.create<AtenNeScalarOp>(target, b.integer(ignored));
}

/// scores[.., target, ..]; of class 0 where the target does not count.
static Value pickTargets(Value scores, Value target, Value counts, Decomposer &b) {
  int64_t dim = getClassDim(scores);
  Value safe = b.where(counts, target, b.literal(getTensorType(target).getDtype(), 0));
  return b.squeeze(b.create<AtenGatherOp>(scores, b.integer(dim), b.unsqueeze(safe, dim), b.boolean(false)), dim);
}

/// -w[t] x[t]; the mean is weighted.
static FailureOr<Value> buildNllLoss(Operation *op, Value logs, Value target, Value weight, Value code, Value ignored,
                                     Decomposer &b) {
  auto reduction = getReduction(code);
  auto ignoredClass = getConstantInt(ignored);
  if (!reduction || !ignoredClass)
    return b.unsupported("an option that is not constant");
  Type dtype = getTensorType(logs).getDtype();
  Value counts = buildCounts(target, *ignoredClass, b);
  Value weights = buildClassWeights(target, counts, weight, dtype, b);
  // An ignored score may be infinite: it is left out, not multiplied by 0.
  Value picked = b.where(counts, pickTargets(logs, target, counts, b), b.literal(dtype, 0));
  Value loss = neg(b.mulTensors(picked, weights), b);
  if (*reduction != LossReduction::None) {
    Value sum = b.create<AtenSumOp>(loss, b.none());
    loss = *reduction == LossReduction::Sum ? sum : b.divTensors(sum, b.create<AtenSumOp>(weights, b.none()));
  }
  return b.convert(loss, getResultDtype(op));
}

template <typename Op> static FailureOr<Value> decomposeNllLoss(Op op, Decomposer &b) {
  return buildNllLoss(op, widen(op, op.getSelf(), b), op.getTarget(), op.getWeight(), op.getReduction(),
                      op.getIgnoreIndex(), b);
}
/// The loss, and the sum of the weights, which is 0 where the losses are not reduced.
template <typename Op> static Decomposed decomposeNllLossForward(Op op, Decomposer &b) {
  auto loss = decomposeNllLoss(op, b);
  if (failed(loss))
    return failure();
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value total = b.literal(computed, 0);
  if (getReduction(op.getReduction()) != LossReduction::None) {
    Value counts = buildCounts(op.getTarget(), *getConstantInt(op.getIgnoreIndex()), b);
    total = b.create<AtenSumOp>(buildClassWeights(op.getTarget(), counts, op.getWeight(), computed, b), b.none());
  }
  return SmallVector<Value>{*loss, b.convert(total, getDtype(op->getResult(1)))};
}

/// [C] as [1, C, 1, ...], to be broadcast over scores.
static Value alongClasses(Value perClass, Value scores, Decomposer &b) {
  for (int64_t dim = getClassDim(scores) + 1; dim < getRank(scores); ++dim)
    perClass = b.unsqueeze(perClass, -1);
  return perClass;
}

/// -sum of t log softmax(x) over the classes, for targets that are probabilities.
static FailureOr<Value> buildSoftCrossEntropy(AtenCrossEntropyLossOp op, Value logs, double smoothing, Decomposer &b) {
  int64_t dim = getClassDim(logs), classes = getTensorType(logs).getSizes()[dim];
  auto reduction = getReduction(op.getReduction());
  if (!reduction || (smoothing != 0 && ShapedType::isDynamic(classes)))
    return b.unsupported("a number of classes that is not static, or a reduction that is not constant");
  Value target = widen(op, op.getTarget(), b);
  if (smoothing != 0)
    target = b.addNumber(b.mulNumber(target, 1 - smoothing), smoothing / static_cast<double>(classes));
  Value terms = b.mulTensors(logs, target);
  if (!isNone(op.getWeight()))
    terms = b.mulTensors(terms, alongClasses(widen(op, op.getWeight(), b), logs, b));
  Value loss = neg(b.sum(terms, {dim}, false), b);
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// (1 - s) nll(log softmax(x), t) + s / C sum over classes of -w log softmax(x)
static FailureOr<Value> DecomposeAtenCrossEntropyLoss(AtenCrossEntropyLossOp op, Decomposer &b) {
  auto smoothing = getConstantNumber(op.getLabelSmoothing());
  auto reduction = getReduction(op.getReduction());
  auto ignored = getConstantInt(op.getIgnoreIndex());
  if (!smoothing || !reduction || !ignored)
    return b.unsupported("an option that is not constant");
  Value x = widen(op, op.getSelf(), b);
  int64_t dim = getClassDim(x), classes = getTensorType(x).getSizes()[dim];
  if (*smoothing != 0 && ShapedType::isDynamic(classes))
    return b.unsupported("label smoothing of a number of classes that is not static");
  Value logs = b.create<Aten_LogSoftmaxOp>(x, b.integer(dim), b.boolean(false));
  if (isFloatDtype(getTensorType(op.getTarget()).getDtype()))
    return buildSoftCrossEntropy(op, logs, *smoothing, b);
  auto nll = buildNllLoss(op, logs, op.getTarget(), op.getWeight(), op.getReduction(), op.getIgnoreIndex(), b);
  if (failed(nll) || *smoothing == 0)
    return nll;

  Type dtype = getTensorType(logs).getDtype();
  Value counts = buildCounts(op.getTarget(), *ignored, b);
  Value weighted =
      isNone(op.getWeight()) ? logs : b.mulTensors(logs, alongClasses(widen(op, op.getWeight(), b), logs, b));
  Value smooth = b.where(counts, neg(b.sum(weighted, {dim}, false), b), b.literal(dtype, 0));
  if (*reduction != LossReduction::None) {
    Value sum = b.create<AtenSumOp>(smooth, b.none());
    Value total = b.create<AtenSumOp>(buildClassWeights(op.getTarget(), counts, op.getWeight(), dtype, b), b.none());
    smooth = *reduction == LossReduction::Sum ? sum : b.divTensors(sum, total);
  }
  Value loss = b.addTensors(b.mulNumber(b.convert(*nll, dtype), 1 - *smoothing),
                            b.mulNumber(smooth, *smoothing / static_cast<double>(classes)));
  return b.convert(loss, getResultDtype(op));
}

/// The number of classes, of which a tensor without dims has one.
static Value getClasses(Value x, Decomposer &b) { return getRank(x) == 0 ? b.integer(1) : b.size(x, -1); }
/// sum / classes
static Value divideByClasses(Value sum, Value classes, Decomposer &b) {
  if (auto constant = getConstantInt(classes))
    return b.mulNumber(sum, 1.0 / static_cast<double>(*constant));
  return b.create<AtenDivScalarOp>(sum, classes);
}

/// sum over j != t of w[t] max(margin - x[t] + x[j], 0)^p / C
static FailureOr<Value> DecomposeAtenMultiMarginLoss(AtenMultiMarginLossOp op, Decomposer &b) {
  auto p = getConstantNumber(op.getP()), margin = getConstantNumber(op.getMargin());
  Value x = widen(op, op.getSelf(), b), target = op.getTarget();
  if (!p || !margin)
    return b.unsupported("an option that is not constant");
  Value classes = getClasses(x, b);
  bool batched = getRank(x) == 2;
  if (getRank(x) == 0)
    x = b.unsqueeze(x, 0);
  if (!batched) {
    x = b.unsqueeze(x, 0);
    if (getRank(target) == 0)
      target = b.unsqueeze(target, 0);
  }
  Value column = b.unsqueeze(target, 1);
  Value own = b.create<AtenGatherOp>(x, b.integer(1), column, b.boolean(false));
  Value terms = power(clampMin(b.addNumber(b.subTensors(x, own), *margin), 0, b), *p, b);
  if (!isNone(op.getWeight()))
    terms = b.mulTensors(
        terms, b.unsqueeze(b.create<AtenIndexSelectOp>(widen(op, op.getWeight(), b), b.integer(0), target), 1));
  Value isOwn = b.create<AtenEqTensorOp>(b.range(classes), column);
  Value loss = divideByClasses(b.sum(b.where(isOwn, zeroLike(x, b), terms), {1}, false), classes, b);
  if (getRank(op.getResult()) == 0 && getReduction(op.getReduction()) == LossReduction::None)
    return b.convert(b.squeeze(loss, 0), getResultDtype(op));
  return reduceLoss(op, loss, op.getReduction(), b);
}

/// Targets are classes up to the first -1: sum over targets t and others j of
/// max(1 - x[t] + x[j], 0) / C
static FailureOr<Value> DecomposeAtenMultilabelMarginLoss(AtenMultilabelMarginLossOp op, Decomposer &b) {
  Value x = widen(op, op.getSelf(), b), target = op.getTarget();
  Value classes = getClasses(x, b);
  bool batched = getRank(x) == 2;
  for (Value *tensor : {&x, &target})
    while (getRank(*tensor) < 2)
      *tensor = b.unsqueeze(*tensor, 0);
  Type dtype = getTensorType(x).getDtype();
  Value isEnd = b.convert(b.create<AtenLtScalarOp>(target, b.integer(0)), getTensorType(target).getDtype());
  Value counts = isNumber(b.create<AtenCumsumOp>(isEnd, b.integer(1), b.none()), 0, b);
  Value safe = b.where(counts, target, b.literal(getTensorType(target).getDtype(), 0));
  Value own = b.create<AtenGatherOp>(x, b.integer(1), safe, b.boolean(false));
  // [N, target, class]
  Value isClass = b.create<AtenEqTensorOp>(b.unsqueeze(safe, 2), b.range(classes));
  Value isTarget = b.create<AtenAnyDimOp>(b.create<AtenLogicalAndOp>(isClass, b.unsqueeze(counts, 2)), b.integer(1),
                                          b.boolean(true));
  Value terms = clampMin(b.addNumber(b.subTensors(b.unsqueeze(x, 1), b.unsqueeze(own, 2)), 1), 0, b);
  Value isPair = b.create<AtenLogicalAndOp>(b.unsqueeze(counts, 2), b.create<AtenLogicalNotOp>(isTarget));
  Value sum = b.sum(b.where(isPair, terms, b.literal(dtype, 0)), {1, 2}, false);
  Value loss = divideByClasses(sum, classes, b);
  if (!batched && getReduction(op.getReduction()) == LossReduction::None)
    return b.convert(b.squeeze(loss, 0), getResultDtype(op));
  return reduceLoss(op, loss, op.getReduction(), b);
}

void torchc::populateReductionLossPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenMseLoss, DecomposeAtenL1Loss, DecomposeAtenSmoothL1Loss,
                    DecomposeAtenHuberLoss, DecomposeAtenSoftMarginLoss, DecomposeAtenHingeEmbeddingLoss,
                    DecomposeAtenMarginRankingLoss, DecomposeAtenKlDiv, DecomposeAtenPoissonNllLoss,
                    DecomposeAtenBinaryCrossEntropy, DecomposeAtenBinaryCrossEntropyWithLogits);
  addDecompositions(patterns, DecomposeAtenCosineSimilarity, DecomposeAtenCosineEmbeddingLoss,
                    DecomposeAtenPairwiseDistance, DecomposeAtenTripletMarginLoss);
  addDecompositions(patterns, decomposeNllLoss<AtenNllLossNdOp>, decomposeNllLoss<AtenNllLossOp>,
                    decomposeNllLoss<AtenNllLoss2dOp>, decomposeNllLossForward<AtenNllLossForwardOp>,
                    decomposeNllLossForward<AtenNllLoss2dForwardOp>);
  addDecompositions(patterns, DecomposeAtenCrossEntropyLoss, DecomposeAtenMultiMarginLoss,
                    DecomposeAtenMultilabelMarginLoss);
}
