//===- Reduction.cpp - decompositions of reductions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Complex.h"
#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static SmallVector<int64_t> getAllDims(Value tensor) {
  return llvm::to_vector(llvm::seq<int64_t>(0, getTensorType(tensor).getRank()));
}

//===----------------------------------------------------------------------===//
// Over all elements
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenSum(AtenSumOp op, Decomposer &b) {
  return b.createAs<AtenSumDimIntListOp>(op.getType(), op.getSelf(), b.list(getAllDims(op.getSelf())), b.boolean(false),
                                         op.getDtype());
}
static FailureOr<Value> DecomposeAtenMean(AtenMeanOp op, Decomposer &b) {
  return b.createAs<AtenMeanDimOp>(op.getType(), op.getSelf(), b.list(getAllDims(op.getSelf())), b.boolean(false),
                                   op.getDtype());
}
static FailureOr<Value> DecomposeAtenMax(AtenMaxOp op, Decomposer &b) {
  return b.createAs<AtenAmaxOp>(op.getType(), op.getSelf(), b.list(getAllDims(op.getSelf())), b.boolean(false));
}
static FailureOr<Value> DecomposeAtenMin(AtenMinOp op, Decomposer &b) {
  return b.createAs<AtenAminOp>(op.getType(), op.getSelf(), b.list(getAllDims(op.getSelf())), b.boolean(false));
}

/// All elements in one dim.
static Value flatten(Value tensor, Decomposer &b) { return b.view(tensor, ArrayRef<int64_t>{-1}); }

static FailureOr<Value> DecomposeAtenProd(AtenProdOp op, Decomposer &b) {
  return b.createAs<AtenProdDimIntOp>(op.getType(), flatten(op.getSelf(), b), b.integer(0), b.boolean(false),
                                      op.getDtype());
}
static FailureOr<Value> DecomposeAtenAny(AtenAnyOp op, Decomposer &b) {
  return b.createAs<AtenAnyDimOp>(op.getType(), flatten(op.getSelf(), b), b.integer(0), b.boolean(false));
}
static FailureOr<Value> DecomposeAtenAll(AtenAllOp op, Decomposer &b) {
  return b.createAs<AtenAllDimOp>(op.getType(), flatten(op.getSelf(), b), b.integer(0), b.boolean(false));
}

//===----------------------------------------------------------------------===//
// any, all over several dims
//===----------------------------------------------------------------------===//

/// One dim after the other, the last one first so that the others keep their place.
template <typename SingleOp, typename Op> static FailureOr<Value> decomposeDims(Op op, Decomposer &b) {
  int64_t rank = getTensorType(op.getSelf()).getRank();
  auto dims = getReducedDims(op.getDim(), rank);
  auto keepdim = getConstantBool(op.getKeepdim());
  if (!dims || !keepdim)
    return b.unsupported("dims that are not constant");
  Value value = op.getSelf();
  // Rank 0: nothing to reduce, but still a truth value.
  if (dims->empty())
    dims->push_back(0);
  for (int64_t dim : llvm::reverse(*dims))
    value = b.create<SingleOp>(value, b.integer(dim), b.boolean(*keepdim));
  return value;
}
static FailureOr<Value> DecomposeAtenAnyDims(AtenAnyDimsOp op, Decomposer &b) {
  return decomposeDims<AtenAnyDimOp>(op, b);
}
static FailureOr<Value> DecomposeAtenAllDims(AtenAllDimsOp op, Decomposer &b) {
  return decomposeDims<AtenAllDimOp>(op, b);
}

//===----------------------------------------------------------------------===//
// Variance
//===----------------------------------------------------------------------===//

struct Moments {
  Value variance; ///< Null: refused.
  Value mean;
};

/// mean = sum(x) / n, var = sum((x - mean)^2) / (n - correction), half types in f32.
static Moments buildMoments(Value x, Value dimList, std::optional<double> correction, std::optional<bool> keepdim,
                            Decomposer &b) {
  BaseTensorType type = getTensorType(x);
  if (isComplexDtype(type.getDtype())) {
    // The variances of the parts add up.
    Complex parts = splitComplex(x, b);
    Moments re = buildMoments(parts.re, dimList, correction, keepdim, b);
    Moments im = re.variance ? buildMoments(parts.im, dimList, correction, keepdim, b) : Moments();
    if (!im.variance)
      return {};
    return {b.addTensors(re.variance, im.variance), joinComplex({re.mean, im.mean}, b)};
  }
  auto dims = getReducedDims(dimList, type.getRank());
  if (!dims || !correction || !keepdim) {
    (void)b.unsupported("dims, correction or keepdim that is not constant");
    return {};
  }
  if (!isFloatDtype(type.getDtype())) {
    (void)b.unsupported("on a dtype that is not floating point");
    return {};
  }
  bool isStatic = llvm::none_of(*dims, [&](int64_t dim) { return ShapedType::isDynamic(type.getSizes()[dim]); });
  if (!isStatic && *correction != 0 && *correction != 1) {
    (void)b.unsupported("a correction other than 0 and 1 over a dim that is not static");
    return {};
  }
  x = b.convert(x, getComputeDtype(type.getDtype()));
  Value mean = b.mean(x, *dims, true);
  Value deviation = b.subTensors(x, mean);
  Value squares = b.mulTensors(deviation, deviation);
  Value variance;
  if (isStatic) {
    double count = 1;
    for (int64_t dim : *dims)
      count *= type.getSizes()[dim];
    variance =
        b.create<AtenDivScalarOp>(b.sum(squares, *dims, *keepdim), b.floating(std::max(0.0, count - *correction)));
  } else {
    // n / (n - 1) of the mean is nan for n = 0 and 0 / 0 for n = 1, as it is to be.
    variance = b.mean(squares, *dims, *keepdim);
    if (*correction == 1) {
      Value count = b.integer(1);
      for (int64_t dim : *dims)
        count = b.mul(count, b.size(x, dim));
      variance = b.create<AtenDivScalarOp>(b.create<AtenMulScalarOp>(variance, count), b.sub(count, b.integer(1)));
    }
  }
  if (!*keepdim)
    for (int64_t dim : llvm::reverse(*dims))
      mean = b.squeeze(mean, dim);
  return {b.convert(variance, type.getDtype()), b.convert(mean, type.getDtype())};
}

/// None is 1: Bessel's correction.
static std::optional<double> getCorrection(Value correction) {
  return isNone(correction) ? 1.0 : getConstantNumber(correction);
}
static std::optional<double> getUnbiasedCorrection(Value unbiased) {
  auto constant = getConstantBool(unbiased);
  return constant ? std::optional<double>(*constant ? 1 : 0) : std::nullopt;
}

static FailureOr<Value> orFailure(Value value) { return value ? FailureOr<Value>(value) : FailureOr<Value>(failure()); }

static FailureOr<Value> DecomposeAtenVarCorrection(AtenVarCorrectionOp op, Decomposer &b) {
  return orFailure(
      buildMoments(op.getSelf(), op.getDim(), getCorrection(op.getCorrection()), getConstantBool(op.getKeepdim()), b)
          .variance);
}
static FailureOr<Value> DecomposeAtenVarDim(AtenVarDimOp op, Decomposer &b) {
  return orFailure(buildMoments(op.getSelf(), op.getDim(), getUnbiasedCorrection(op.getUnbiased()),
                                getConstantBool(op.getKeepdim()), b)
                       .variance);
}
static FailureOr<Value> DecomposeAtenVar(AtenVarOp op, Decomposer &b) {
  return orFailure(buildMoments(op.getSelf(), b.none(), getUnbiasedCorrection(op.getUnbiased()), false, b).variance);
}
/// std = sqrt(var)
static FailureOr<Value> DecomposeAtenStdCorrection(AtenStdCorrectionOp op, Decomposer &b) {
  Value variance =
      buildMoments(op.getSelf(), op.getDim(), getCorrection(op.getCorrection()), getConstantBool(op.getKeepdim()), b)
          .variance;
  return orFailure(variance ? b.create<AtenSqrtOp>(variance) : Value());
}
static FailureOr<Value> DecomposeAtenStdDim(AtenStdDimOp op, Decomposer &b) {
  Value variance = buildMoments(op.getSelf(), op.getDim(), getUnbiasedCorrection(op.getUnbiased()),
                                getConstantBool(op.getKeepdim()), b)
                       .variance;
  return orFailure(variance ? b.create<AtenSqrtOp>(variance) : Value());
}
static FailureOr<Value> DecomposeAtenStd(AtenStdOp op, Decomposer &b) {
  Value variance = buildMoments(op.getSelf(), b.none(), getUnbiasedCorrection(op.getUnbiased()), false, b).variance;
  return orFailure(variance ? b.create<AtenSqrtOp>(variance) : Value());
}
static Decomposed getBoth(Moments moments, bool wantsRoot, Decomposer &b) {
  if (!moments.variance)
    return failure();
  return SmallVector<Value>{wantsRoot ? b.create<AtenSqrtOp>(moments.variance) : moments.variance, moments.mean};
}
static Decomposed DecomposeAtenVarMean(AtenVarMeanOp op, Decomposer &b) {
  return getBoth(buildMoments(op.getSelf(), b.none(), getUnbiasedCorrection(op.getUnbiased()), false, b), false, b);
}
static Decomposed DecomposeAtenVarMeanDim(AtenVarMeanDimOp op, Decomposer &b) {
  return getBoth(buildMoments(op.getSelf(), op.getDim(), getUnbiasedCorrection(op.getUnbiased()),
                              getConstantBool(op.getKeepdim()), b),
                 false, b);
}
static Decomposed DecomposeAtenStdMean(AtenStdMeanOp op, Decomposer &b) {
  return getBoth(buildMoments(op.getSelf(), b.none(), getUnbiasedCorrection(op.getUnbiased()), false, b), true, b);
}
static Decomposed DecomposeAtenStdMeanDim(AtenStdMeanDimOp op, Decomposer &b) {
  return getBoth(buildMoments(op.getSelf(), op.getDim(), getUnbiasedCorrection(op.getUnbiased()),
                              getConstantBool(op.getKeepdim()), b),
                 true, b);
}
static Decomposed DecomposeAtenStdMeanCorrection(AtenStdMeanCorrectionOp op, Decomposer &b) {
  return getBoth(
      buildMoments(op.getSelf(), op.getDim(), getCorrection(op.getCorrection()), getConstantBool(op.getKeepdim()), b),
      true, b);
}
static Decomposed DecomposeAtenVarMeanCorrection(AtenVarMeanCorrectionOp op, Decomposer &b) {
  Moments moments =
      buildMoments(op.getSelf(), op.getDim(), getCorrection(op.getCorrection()), getConstantBool(op.getKeepdim()), b);
  if (!moments.variance)
    return failure();
  return SmallVector<Value>{moments.variance, moments.mean};
}

//===----------------------------------------------------------------------===//
// Of some elements
//===----------------------------------------------------------------------===//

static Decomposed DecomposeAtenAminmax(AtenAminmaxOp op, Decomposer &b) {
  SmallVector<int64_t> dims = getAllDims(op.getSelf());
  if (!isNone(op.getDim())) {
    auto dim = getConstantInt(op.getDim());
    if (!dim)
      return b.unsupported("a dim that is not constant");
    dims = {*dim};
  }
  Value list = b.list(dims);
  return SmallVector<Value>{b.create<AtenAminOp>(op.getSelf(), list, op.getKeepdim()),
                            b.create<AtenAmaxOp>(op.getSelf(), list, op.getKeepdim())};
}

static FailureOr<Value> buildCount(Value x, ArrayRef<int64_t> dims, Decomposer &b) {
  Value isCounted = b.create<AtenNeScalarOp>(x, b.integer(0));
  return dims.empty() ? b.convert(isCounted, b.getBuilder().getIntegerType(64, true)) : b.sum(isCounted, dims, false);
}
static FailureOr<Value> DecomposeAtenCountNonzero(AtenCountNonzeroOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim && !isNone(op.getDim()))
    return b.unsupported("a dim that is not constant");
  return buildCount(op.getSelf(), dim ? SmallVector<int64_t>{*dim} : getAllDims(op.getSelf()), b);
}
static FailureOr<Value> DecomposeAtenCountNonzeroDimIntList(AtenCountNonzeroDimIntListOp op, Decomposer &b) {
  auto dims = getConstantIntList(op.getDim());
  if (!dims)
    return b.unsupported("dims that are not constant");
  return buildCount(op.getSelf(), dims->empty() ? getAllDims(op.getSelf()) : *dims, b);
}

/// NaN counts as 0; `counted` is where it does not stand.
static Value dropNans(Value x, Value &counted, Decomposer &b) {
  counted = b.create<AtenLogicalNotOp>(b.create<AtenIsnanOp>(x));
  return b.where(counted, x, b.literal(getTensorType(x).getDtype(), 0));
}
static FailureOr<Value> DecomposeAtenNansum(AtenNansumOp op, Decomposer &b) {
  Value counted, x = op.getSelf();
  if (isFloatDtype(getTensorType(x).getDtype()))
    x = dropNans(x, counted, b);
  return b.createAs<AtenSumDimIntListOp>(op.getType(), x, op.getDim(), op.getKeepdim(), op.getDtype());
}
static FailureOr<Value> DecomposeAtenNanmean(AtenNanmeanOp op, Decomposer &b) {
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value counted, x = dropNans(b.convert(op.getSelf(), computed), counted, b);
  Value sum = b.create<AtenSumDimIntListOp>(x, op.getDim(), op.getKeepdim(), b.none());
  Value count = b.create<AtenSumDimIntListOp>(b.convert(counted, computed), op.getDim(), op.getKeepdim(), b.none());
  return b.convert(b.divTensors(sum, count), dtype);
}

/// The leading dims that `size` lacks and those it has with 1 are summed up.
static FailureOr<Value> DecomposeAtenSumToSize(AtenSumToSizeOp op, Decomposer &b) {
  auto sizes = getConstantIntList(op.getSize());
  BaseTensorType type = getTensorType(op.getSelf());
  if (!sizes || static_cast<int64_t>(sizes->size()) > type.getRank())
    return b.unsupported("sizes that are not constant");
  int64_t lead = type.getRank() - sizes->size();
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, lead));
  for (int64_t dim = lead; dim < type.getRank(); ++dim)
    if ((*sizes)[dim - lead] == 1 && type.getSizes()[dim] != 1)
      dims.push_back(dim);
  Value x = op.getSelf();
  if (dims.empty())
    return b.convert(x, getResultDtype(op));
  x = b.create<AtenSumDimIntListOp>(x, b.list(dims), b.boolean(true), b.dtype(getResultDtype(op)));
  for (int64_t i = 0; i < lead; ++i)
    x = b.squeeze(x, 0);
  return x;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// logsumexp(x) = log(sum(exp(x - m))) + m with m = max(re x), or 0 where that is infinite
static FailureOr<Value> DecomposeAtenLogsumexp(AtenLogsumexpOp op, Decomposer &b) {
  auto dims = getReducedDims(op.getDim(), getTensorType(op.getSelf()).getRank());
  auto keepdim = getConstantBool(op.getKeepdim());
  if (!dims || !keepdim)
    return b.unsupported("dims that are not constant");
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value x = b.convert(op.getSelf(), computed);
  Value peak = b.amax(splitComplex(x, b).re, *dims, true);
  Value shift = b.where(b.create<AtenIsinfOp>(peak), b.literal(getDtype(peak), 0), peak);
  Value sum = b.sum(b.create<AtenExpOp>(b.subTensors(x, shift)), *dims, true);
  Value result = b.addTensors(b.create<AtenLogOp>(sum), shift);
  if (!*keepdim)
    for (int64_t dim : llvm::reverse(*dims))
      result = b.squeeze(result, dim);
  return b.convert(result, dtype);
}

/// norm(x, p) = sum(|x|^p)^(1/p); p = inf: max |x|; p = -inf: min |x|; p = 0: how many are not 0
static FailureOr<Value> buildNorm(Operation *op, Value x, Value order, Value dimList, Value keepdimValue,
                                  Decomposer &b) {
  auto dims = getReducedDims(dimList, getTensorType(x).getRank());
  auto keepdim = getConstantBool(keepdimValue);
  auto p = isNone(order) ? std::optional<double>(2) : getConstantNumber(order);
  if (!dims || !keepdim || !p)
    return b.unsupported("dims or an order that is not constant");
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  if (!isFloatDtype(dtype))
    return b.unsupported("in a dtype that is not floating point");
  x = b.convert(isComplexDtype(getDtype(x)) ? b.create<AtenAbsOp>(x) : x, computed);
  if (std::isinf(*p)) {
    Value magnitude = b.create<AtenAbsOp>(x);
    if (*p > 0)
      return b.convert(b.amax(magnitude, *dims, *keepdim), dtype);
    return b.convert(b.create<AtenAminOp>(magnitude, b.list(*dims), b.boolean(*keepdim)), dtype);
  }
  if (*p == 0) {
    Value isCounted = b.convert(b.create<AtenNeScalarOp>(x, b.integer(0)), computed);
    return b.convert(b.sum(isCounted, *dims, *keepdim), dtype);
  }
  if (*p == 1)
    return b.convert(b.sum(b.create<AtenAbsOp>(x), *dims, *keepdim), dtype);
  if (*p == 2)
    return b.convert(b.create<AtenSqrtOp>(b.sum(b.mulTensors(x, x), *dims, *keepdim)), dtype);
  Value powers = b.create<AtenPowTensorScalarOp>(b.create<AtenAbsOp>(x), b.floating(*p));
  return b.convert(b.create<AtenPowTensorScalarOp>(b.sum(powers, *dims, *keepdim), b.floating(1 / *p)), dtype);
}
static FailureOr<Value> DecomposeAtenLinalgVectorNorm(AtenLinalgVectorNormOp op, Decomposer &b) {
  return buildNorm(op, op.getSelf(), op.getOrd(), op.getDim(), op.getKeepdim(), b);
}
static FailureOr<Value> DecomposeAtenNormScalarOptDim(AtenNormScalarOptDimOp op, Decomposer &b) {
  return buildNorm(op, op.getSelf(), op.getP(), op.getDim(), op.getKeepdim(), b);
}

void torchc::populateReductionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenSum, DecomposeAtenMean, DecomposeAtenMax, DecomposeAtenMin,
                    DecomposeAtenProd, DecomposeAtenAny, DecomposeAtenAll, DecomposeAtenAnyDims, DecomposeAtenAllDims);
  addDecompositions(patterns, DecomposeAtenVarCorrection, DecomposeAtenVarDim, DecomposeAtenVar,
                    DecomposeAtenStdCorrection, DecomposeAtenStdDim, DecomposeAtenVarMeanCorrection);
  addDecompositions(patterns, DecomposeAtenStd, DecomposeAtenVarMean, DecomposeAtenVarMeanDim, DecomposeAtenStdMean,
                    DecomposeAtenStdMeanDim, DecomposeAtenStdMeanCorrection);
  addDecompositions(patterns, DecomposeAtenAminmax, DecomposeAtenCountNonzero, DecomposeAtenCountNonzeroDimIntList,
                    DecomposeAtenNansum, DecomposeAtenNanmean, DecomposeAtenSumToSize);
  addDecompositions(patterns, decomposeAs<AtenLogsumexpOp, AtenSpecialLogsumexpOp>, DecomposeAtenLogsumexp,
                    DecomposeAtenLinalgVectorNorm, DecomposeAtenNormScalarOptDim);
}
