//===- Random.cpp - distributions from uniform and normal numbers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// In which a distribution on `dtype` is drawn.
static Type getDrawDtype(Type dtype) { return getComputeDtype(getFloatDtype(dtype)); }

/// Uniform in [0, 1).
static Value buildUniform(ValueRange sizes, Type dtype, Decomposer &b) {
  return b.create<AtenRandOp>(b.list(sizes), b.dtype(dtype), b.none(), b.none(), b.none());
}
static Value buildUniformLike(Value tensor, Type dtype, Decomposer &b) {
  return buildUniform(b.sizes(tensor), dtype, b);
}
static Value buildNormal(ValueRange sizes, Type dtype, Decomposer &b) {
  return b.create<AtenRandnOp>(b.list(sizes), b.dtype(dtype), b.none(), b.none(), b.none());
}
/// The logarithm of a uniform number, always finite and below 0.
static Value buildLogUniform(ValueRange sizes, Type dtype, Decomposer &b) {
  double least = dtype.isF64() ? 0x1p-54 : 0x1p-25;
  return b.create<AtenLogOp>(b.create<AtenClampMinOp>(buildUniform(sizes, dtype, b), b.floating(least)));
}
/// 1 with probability `keep`, as true.
static Value buildKept(ValueRange sizes, double keep, Decomposer &b) {
  Value uniform = buildUniform(sizes, b.getBuilder().getF32Type(), b);
  return b.create<AtenLtScalarOp>(uniform, b.floating(keep));
}
/// factor x + summand
static Value scale(Value tensor, double factor, double summand, Decomposer &b) {
  tensor = factor == 1 ? tensor : b.mulNumber(tensor, factor);
  return summand == 0 ? tensor : b.addNumber(tensor, summand);
}

static LogicalResult refuseNumbers(Decomposer &b) { return b.unsupported("parameters that are not constant"); }

//===----------------------------------------------------------------------===//
// Continuous distributions
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenRandLike(AtenRandLikeOp op, Decomposer &b) {
  return buildUniformLike(op.getSelf(), getResultDtype(op), b);
}
static FailureOr<Value> DecomposeAtenRandnLike(AtenRandnLikeOp op, Decomposer &b) {
  return buildNormal(b.sizes(op.getSelf()), getResultDtype(op), b);
}

/// from + (to - from) u
static FailureOr<Value> DecomposeAtenUniform(AtenUniformOp op, Decomposer &b) {
  auto from = getConstantNumber(op.getFrom()), to = getConstantNumber(op.getTo());
  if (!from || !to)
    return refuseNumbers(b);
  Type dtype = getResultDtype(op);
  return b.convert(scale(buildUniformLike(op.getSelf(), getDrawDtype(dtype), b), *to - *from, *from, b), dtype);
}

static FailureOr<Value> DecomposeAtenNormalFunctional(AtenNormalFunctionalOp op, Decomposer &b) {
  auto mean = getConstantNumber(op.getMean()), std = getConstantNumber(op.getStd());
  if (!mean || !std)
    return refuseNumbers(b);
  return scale(buildNormal(b.sizes(op.getSelf()), getResultDtype(op), b), *std, *mean, b);
}
static FailureOr<Value> DecomposeAtenNormalFloatFloat(AtenNormalFloatFloatOp op, Decomposer &b) {
  auto mean = getConstantNumber(op.getMean()), std = getConstantNumber(op.getStd());
  auto sizes = getListElements(op.getSize());
  if (!mean || !std || !sizes)
    return refuseNumbers(b);
  return scale(buildNormal(*sizes, getResultDtype(op), b), *std, *mean, b);
}
static FailureOr<Value> DecomposeAtenNormalTensorFloat(AtenNormalTensorFloatOp op, Decomposer &b) {
  auto std = getConstantNumber(op.getStd());
  if (!std)
    return refuseNumbers(b);
  return b.addTensors(scale(buildNormal(b.sizes(op.getMean()), getResultDtype(op), b), *std, 0, b), op.getMean());
}
static FailureOr<Value> DecomposeAtenNormalFloatTensor(AtenNormalFloatTensorOp op, Decomposer &b) {
  auto mean = getConstantNumber(op.getMean());
  if (!mean)
    return refuseNumbers(b);
  return scale(b.mulTensors(buildNormal(b.sizes(op.getStd()), getResultDtype(op), b), op.getStd()), 1, *mean, b);
}
static FailureOr<Value> DecomposeAtenNormalTensorTensor(AtenNormalTensorTensorOp op, Decomposer &b) {
  // One number for each element of the broadcast result.
  Value shape = b.addTensors(op.getMean(), op.getStd());
  Value normal = buildNormal(b.sizes(shape), getResultDtype(op), b);
  return b.addTensors(b.mulTensors(normal, op.getStd()), op.getMean());
}
static FailureOr<Value> DecomposeAtenLogNormal(AtenLogNormalOp op, Decomposer &b) {
  auto mean = getConstantNumber(op.getMean()), std = getConstantNumber(op.getStd());
  if (!mean || !std)
    return refuseNumbers(b);
  Type dtype = getResultDtype(op);
  Value normal = buildNormal(b.sizes(op.getSelf()), getDrawDtype(dtype), b);
  return b.convert(b.create<AtenExpOp>(scale(normal, *std, *mean, b)), dtype);
}

/// -log(u) / lambda
static FailureOr<Value> DecomposeAtenExponential(AtenExponentialOp op, Decomposer &b) {
  auto lambda = getConstantNumber(op.getLambd());
  if (!lambda)
    return refuseNumbers(b);
  Type dtype = getResultDtype(op);
  return b.convert(scale(buildLogUniform(b.sizes(op.getSelf()), getDrawDtype(dtype), b), -1 / *lambda, 0, b), dtype);
}

/// median + sigma tan(pi (u - 1/2))
static FailureOr<Value> DecomposeAtenCauchy(AtenCauchyOp op, Decomposer &b) {
  auto median = getConstantNumber(op.getMedian()), sigma = getConstantNumber(op.getSigma());
  if (!median || !sigma)
    return refuseNumbers(b);
  Type dtype = getResultDtype(op);
  Value angle = scale(buildUniformLike(op.getSelf(), getDrawDtype(dtype), b), 1, -0.5, b);
  return b.convert(scale(b.create<AtenTanOp>(b.mulNumber(angle, std::numbers::pi)), *sigma, *median, b), dtype);
}

//===----------------------------------------------------------------------===//
// Integers and choices
//===----------------------------------------------------------------------===//

/// Uniform among low, ..., high - 1, numbers of the torch dialect.
static FailureOr<Value> buildIntegers(Operation *op, ValueRange sizes, Value low, Value high, Decomposer &b) {
  auto least = getConstantInt(low), end = getConstantInt(high);
  if (least && end && *least >= *end)
    return b.unsupported("an empty range");
  // 53 bits say which.
  if (!least || !end || *end - *least > int64_t(1) << 53 || *end - *least < 0)
    return b.unsupported("a range that is not constant, or of more than 2^53 numbers");
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value uniform = buildUniform(sizes, b.getBuilder().getF64Type(), b);
  Value steps = b.convert(b.mulNumber(uniform, static_cast<double>(*end - *least)), si64);
  return b.convert(b.create<AtenAddScalarOp>(steps, low, b.integer(1)), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenRandint(AtenRandintOp op, Decomposer &b) {
  auto sizes = getListElements(op.getSize());
  return sizes ? buildIntegers(op, *sizes, b.integer(0), op.getHigh(), b) : FailureOr<Value>(refuseNumbers(b));
}
static FailureOr<Value> DecomposeAtenRandintLow(AtenRandintLowOp op, Decomposer &b) {
  auto sizes = getListElements(op.getSize());
  return sizes ? buildIntegers(op, *sizes, op.getLow(), op.getHigh(), b) : FailureOr<Value>(refuseNumbers(b));
}
static FailureOr<Value> DecomposeAtenRandintLike(AtenRandintLikeOp op, Decomposer &b) {
  return buildIntegers(op, b.sizes(op.getSelf()), b.integer(0), op.getHigh(), b);
}
static FailureOr<Value> DecomposeAtenRandintLikeLowDtype(AtenRandintLikeLowDtypeOp op, Decomposer &b) {
  return buildIntegers(op, b.sizes(op.getSelf()), op.getLow(), op.getHigh(), b);
}

/// All non-negative numbers of an integer type, all integers that a float type holds.
static FailureOr<Value> DecomposeAtenRandom(AtenRandomOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  SmallVector<Value> sizes = b.sizes(op.getSelf());
  if (auto integer = dyn_cast<IntegerType>(dtype); integer && integer.getWidth() == 64) {
    Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
    auto draw = [&](double count) {
      return b.convert(b.mulNumber(buildUniform(sizes, b.getBuilder().getF64Type(), b), count), si64);
    };
    Value high = b.create<AtenMulScalarOp>(draw(0x1p31), b.integer(int64_t(1) << 32));
    return b.convert(b.addTensors(high, draw(0x1p32)), dtype);
  }
  int64_t count = 0;
  if (auto integer = dyn_cast<IntegerType>(dtype))
    count = int64_t(1) << (integer.getWidth() - (integer.isUnsigned() || isBoolDtype(dtype) ? 0 : 1));
  else
    count = int64_t(1) << cast<mlir::FloatType>(dtype).getFPMantissaWidth();
  return buildIntegers(op, sizes, b.integer(0), b.integer(count), b);
}
static FailureOr<Value> DecomposeAtenRandomFrom(AtenRandomFromOp op, Decomposer &b) {
  if (isNone(op.getTo()))
    return b.unsupported("a range without end");
  return buildIntegers(op, b.sizes(op.getSelf()), op.getFrom(), op.getTo(), b);
}
static FailureOr<Value> DecomposeAtenRandomTo(AtenRandomToOp op, Decomposer &b) {
  return buildIntegers(op, b.sizes(op.getSelf()), b.integer(0), op.getTo(), b);
}

/// The order of random keys.
static Value buildOrder(Value keys, bool descending, Decomposer &b) {
  BaseTensorType type = getTensorType(keys);
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Type places = ValueTensorType::get(b.getBuilder().getContext(), true, type.getSizes(), si64);
  return b.createAs<AtenArgsortOp>(places, keys, b.integer(-1), b.boolean(descending));
}
static FailureOr<Value> DecomposeAtenRandperm(AtenRandpermOp op, Decomposer &b) {
  Value keys = buildUniform(op.getN(), b.getBuilder().getF64Type(), b);
  return b.convert(buildOrder(keys, /*descending=*/false, b), getResultDtype(op));
}

static FailureOr<Value> DecomposeAtenBernoulli(AtenBernoulliOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value uniform = buildUniformLike(op.getSelf(), getDrawDtype(dtype), b);
  return b.convert(b.create<AtenLtTensorOp>(uniform, op.getSelf()), dtype);
}
static FailureOr<Value> DecomposeAtenBernoulliP(AtenBernoulliPOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value uniform = buildUniformLike(op.getSelf(), getDrawDtype(dtype), b);
  return b.convert(b.create<AtenLtScalarOp>(uniform, op.getP()), dtype);
}
static FailureOr<Value> DecomposeAtenBernoulliTensor(AtenBernoulliTensorOp op, Decomposer &b) {
  Type probability = getTensorType(op.getP()).getDtype();
  Value uniform = buildUniformLike(op.getSelf(), getDrawDtype(probability), b);
  return b.convert(b.create<AtenLtTensorOp>(uniform, op.getP()), getResultDtype(op));
}

/// ceil(log(u) / log(1 - p)), the number of the first success
static FailureOr<Value> DecomposeAtenGeometric(AtenGeometricOp op, Decomposer &b) {
  auto p = getConstantNumber(op.getP());
  if (!p)
    return refuseNumbers(b);
  Type dtype = getResultDtype(op);
  Value trials = b.mulNumber(buildLogUniform(b.sizes(op.getSelf()), getDrawDtype(dtype), b), 1 / std::log1p(-*p));
  trials = b.create<AtenClampMinOp>(b.create<AtenCeilOp>(trials), b.floating(1));
  return b.convert(trials, dtype);
}

/// Without replacement, the classes of the largest p / e, e exponentially distributed
/// (P. Efraimidis and P. Spirakis, 2006); with it, the first class whose running sum is above u.
static FailureOr<Value> DecomposeAtenMultinomial(AtenMultinomialOp op, Decomposer &b) {
  auto replacement = getConstantBool(op.getReplacement());
  if (!replacement)
    return refuseNumbers(b);
  Value weights = op.getSelf();
  Type dtype = getDrawDtype(getTensorType(weights).getDtype());
  weights = b.convert(weights, dtype);
  int64_t last = getTensorType(weights).getRank() - 1;
  if (!*replacement || getConstantInt(op.getNumSamples()) == 1) {
    Value exponential = b.create<AtenNegOp>(buildLogUniform(b.sizes(weights), dtype, b));
    Value order = buildOrder(b.divTensors(weights, exponential), /*descending=*/true, b);
    return b.slice(order, last, b.integer(0), op.getNumSamples());
  }
  Value sums = b.create<AtenCumsumOp>(weights, b.integer(last), b.none());
  Value total = b.create<AtenSliceTensorOp>(sums, b.integer(last), b.integer(-1), b.none(), b.integer(1));
  SmallVector<Value> sizes = b.sizes(weights);
  sizes[last] = op.getNumSamples();
  Value drawn = b.mulTensors(buildUniform(sizes, dtype, b), total);
  Value isBelow = b.create<AtenLeTensorOp>(b.unsqueeze(sums, last), b.unsqueeze(drawn, last + 1));
  return b.sum(isBelow, {last + 1}, /*keepdim=*/false);
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

/// Sizes of the mask: one number for each element, or for each channel of each sample.
static FailureOr<SmallVector<Value>> getMaskSizes(Value input, bool byFeature, Decomposer &b) {
  SmallVector<Value> sizes = b.sizes(input);
  if (byFeature && sizes.size() < 2)
    return b.unsupported("of features on fewer than two dims");
  if (byFeature)
    std::fill(sizes.begin() + 2, sizes.end(), b.integer(1));
  return sizes;
}

/// In training x mask / (1 - p); for alpha dropout x a mask + b, which keeps mean and variance
/// (G. Klambauer et al., Self-normalizing neural networks, 2017). Else the identity.
template <typename Op> static FailureOr<Value> decomposeDropout(Op op, bool byFeature, bool isAlpha, Decomposer &b) {
  auto train = getConstantBool(op.getTrain());
  auto p = getConstantNumber(op.getP());
  Value input = op.getInput();
  if (train == false || p == 0.0)
    return input;
  if (!train || !p)
    return refuseNumbers(b);
  Type dtype = getTensorType(input).getDtype();
  if (*p == 1)
    return b.mulNumber(input, 0);
  FailureOr<SmallVector<Value>> sizes = getMaskSizes(input, byFeature, b);
  if (failed(sizes))
    return failure();
  Value mask = b.convert(buildKept(*sizes, 1 - *p, b), dtype);
  if (!isAlpha)
    return b.mulTensors(input, b.mulNumber(mask, 1 / (1 - *p)));
  constexpr double kAlpha = 1.7580993408473766;
  double a = 1 / std::sqrt((kAlpha * kAlpha * *p + 1) * (1 - *p));
  // Where nothing is kept, -alpha; then a x + a alpha p.
  Value shift = scale(mask, kAlpha * a, kAlpha * a * (*p - 1), b);
  return b.addTensors(b.mulTensors(input, b.mulNumber(mask, a)), shift);
}
static FailureOr<Value> DecomposeAtenDropout(AtenDropoutOp op, Decomposer &b) {
  return decomposeDropout(op, /*byFeature=*/false, /*isAlpha=*/false, b);
}
static FailureOr<Value> DecomposeAtenAlphaDropout(AtenAlphaDropoutOp op, Decomposer &b) {
  return decomposeDropout(op, /*byFeature=*/false, /*isAlpha=*/true, b);
}
static FailureOr<Value> DecomposeAtenFeatureDropout(AtenFeatureDropoutOp op, Decomposer &b) {
  return decomposeDropout(op, /*byFeature=*/true, /*isAlpha=*/false, b);
}
static FailureOr<Value> DecomposeAtenFeatureAlphaDropout(AtenFeatureAlphaDropoutOp op, Decomposer &b) {
  return decomposeDropout(op, /*byFeature=*/true, /*isAlpha=*/true, b);
}

/// native_dropout(x) = x mask / (1 - p), mask; outside of training x, all true
static Decomposed DecomposeAtenNativeDropout(AtenNativeDropoutOp op, Decomposer &b) {
  auto train = isNone(op.getTrain()) ? std::optional<bool>(true) : getConstantBool(op.getTrain());
  auto p = getConstantNumber(op.getP());
  if (!train || !p)
    return refuseNumbers(b);
  Type boolean = cast<BaseTensorType>(op->getResult(1).getType()).getDtype();
  SmallVector<Value> sizes = b.sizes(op.getInput());
  if (!*train || *p == 0)
    return SmallVector<Value>{op.getInput(), b.full(sizes, b.boolean(true), boolean)};
  Value mask = buildKept(sizes, 1 - *p, b);
  Value kept = b.mulTensors(op.getInput(), b.convert(mask, getResultDtype(op)));
  return SmallVector<Value>{*p == 1 ? kept : b.mulNumber(kept, 1 / (1 - *p)), mask};
}
/// gradient mask scale
static FailureOr<Value> DecomposeAtenNativeDropoutBackward(AtenNativeDropoutBackwardOp op, Decomposer &b) {
  Value masked = b.mulTensors(op.getGradOutput(), b.convert(op.getMask(), getResultDtype(op)));
  return b.create<AtenMulScalarOp>(masked, op.getScale());
}

/// x > 0 ? x : x r, r uniform between lower and upper in training, their mean else
static FailureOr<Value> DecomposeAtenRrelu(AtenRreluOp op, Decomposer &b) {
  auto lower = getConstantNumber(op.getLower()), upper = getConstantNumber(op.getUpper());
  auto training = getConstantBool(op.getTraining());
  if (!lower || !upper || !training)
    return refuseNumbers(b);
  Value self = op.getSelf();
  if (!*training)
    return b.create<AtenLeakyReluOp>(self, b.floating((*lower + *upper) / 2));
  Type dtype = getResultDtype(op);
  Value slope = scale(buildUniformLike(self, getDrawDtype(dtype), b), *upper - *lower, *lower, b);
  Value isPositive = b.create<AtenGtScalarOp>(self, b.floating(0));
  return b.where(isPositive, self, b.mulTensors(self, b.convert(slope, dtype)));
}

void torchc::populateRandomPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenRandLike, DecomposeAtenRandnLike, DecomposeAtenUniform,
                    DecomposeAtenNormalFunctional, DecomposeAtenNormalFloatFloat, DecomposeAtenNormalTensorFloat,
                    DecomposeAtenNormalFloatTensor, DecomposeAtenNormalTensorTensor, DecomposeAtenLogNormal,
                    DecomposeAtenExponential, DecomposeAtenCauchy);
  addDecompositions(patterns, DecomposeAtenRandint, DecomposeAtenRandintLow, DecomposeAtenRandintLike,
                    DecomposeAtenRandintLikeLowDtype, DecomposeAtenRandom, DecomposeAtenRandomFrom,
                    DecomposeAtenRandomTo, DecomposeAtenRandperm, DecomposeAtenBernoulli, DecomposeAtenBernoulliP,
                    DecomposeAtenBernoulliTensor, DecomposeAtenGeometric, DecomposeAtenMultinomial);
  addDecompositions(patterns, DecomposeAtenDropout, DecomposeAtenAlphaDropout, DecomposeAtenFeatureDropout,
                    DecomposeAtenFeatureAlphaDropout, DecomposeAtenNativeDropout, DecomposeAtenNativeDropoutBackward,
                    DecomposeAtenRrelu);
}
