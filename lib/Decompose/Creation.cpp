//===- Creation.cpp - decompositions of ops that make tensors ---===//
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

/// full(sizes, value) in the dtype of the result.
static Value buildFull(Operation *op, Value sizes, Value value, Decomposer &b) {
  return b.createAs<AtenFullOp>(op->getResult(0).getType(), sizes, value, b.dtype(getResultDtype(op)), b.none(),
                                b.none(), b.none());
}
static Value buildFullLike(Operation *op, Value like, Value value, Decomposer &b) {
  return buildFull(op, b.list(b.sizes(like)), value, b);
}

static FailureOr<Value> DecomposeAtenZeros(AtenZerosOp op, Decomposer &b) {
  return buildFull(op, op.getSize(), b.integer(0), b);
}
static FailureOr<Value> DecomposeAtenOnes(AtenOnesOp op, Decomposer &b) {
  return buildFull(op, op.getSize(), b.integer(1), b);
}
static FailureOr<Value> DecomposeAtenNewZeros(AtenNewZerosOp op, Decomposer &b) {
  return buildFull(op, op.getSize(), b.integer(0), b);
}
static FailureOr<Value> DecomposeAtenNewOnes(AtenNewOnesOp op, Decomposer &b) {
  return buildFull(op, op.getSize(), b.integer(1), b);
}
static FailureOr<Value> DecomposeAtenNewFull(AtenNewFullOp op, Decomposer &b) {
  return buildFull(op, op.getSize(), op.getFillValue(), b);
}
static FailureOr<Value> DecomposeAtenZerosLike(AtenZerosLikeOp op, Decomposer &b) {
  return buildFullLike(op, op.getSelf(), b.integer(0), b);
}
static FailureOr<Value> DecomposeAtenOnesLike(AtenOnesLikeOp op, Decomposer &b) {
  return buildFullLike(op, op.getSelf(), b.integer(1), b);
}
static FailureOr<Value> DecomposeAtenFullLike(AtenFullLikeOp op, Decomposer &b) {
  return buildFullLike(op, op.getSelf(), op.getFillValue(), b);
}
static FailureOr<Value> DecomposeAtenZero(AtenZeroOp op, Decomposer &b) {
  return buildFullLike(op, op.getSelf(), b.integer(0), b);
}
static FailureOr<Value> DecomposeAtenFillScalar(AtenFillScalarOp op, Decomposer &b) {
  return buildFullLike(op, op.getSelf(), op.getValue(), b);
}

static Value buildEmpty(Operation *op, Value sizes, Decomposer &b) {
  return b.createAs<AtenEmptyMemoryFormatOp>(op->getResult(0).getType(), sizes, b.dtype(getResultDtype(op)), b.none(),
                                             b.none(), b.none(), b.none());
}
static FailureOr<Value> DecomposeAtenNewEmpty(AtenNewEmptyOp op, Decomposer &b) {
  return buildEmpty(op, op.getSize(), b);
}
static FailureOr<Value> DecomposeAtenEmptyLike(AtenEmptyLikeOp op, Decomposer &b) {
  return buildEmpty(op, b.list(b.sizes(op.getSelf())), b);
}

/// copy(x, src): src in the shape and dtype of x
static FailureOr<Value> DecomposeAtenCopy(AtenCopyOp op, Decomposer &b) {
  return b.expand(b.convert(op.getSrc(), getResultDtype(op)), b.sizes(op.getSelf()));
}
static FailureOr<Value> DecomposeAtenFillTensor(AtenFillTensorOp op, Decomposer &b) {
  return b.expand(b.convert(op.getValue(), getResultDtype(op)), b.sizes(op.getSelf()));
}

static Value buildRange(Operation *op, Value start, Value end, Decomposer &b) {
  return b.createAs<AtenArangeStartStepOp>(op->getResult(0).getType(), start, end, b.integer(1),
                                           b.dtype(getResultDtype(op)), b.none(), b.none(), b.none());
}
static FailureOr<Value> DecomposeAtenArange(AtenArangeOp op, Decomposer &b) {
  return buildRange(op, b.integer(0), op.getEnd(), b);
}
static FailureOr<Value> DecomposeAtenArangeStart(AtenArangeStartOp op, Decomposer &b) {
  return buildRange(op, op.getStart(), op.getEnd(), b);
}

/// start, start + step, ... up to `end` itself
static FailureOr<Value> buildClosedRange(Operation *op, Value startValue, Value endValue, double step, Decomposer &b) {
  auto start = getConstantNumber(startValue), end = getConstantNumber(endValue);
  if (!start || !end || step == 0)
    return b.unsupported("numbers that are not constant, or a step of 0");
  auto count = static_cast<int64_t>((*end - *start) / step) + 1;
  SmallVector<double> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(*start + static_cast<double>(i) * step);
  return b.literal(getResultDtype(op), values, {count});
}
static FailureOr<Value> DecomposeAtenRange(AtenRangeOp op, Decomposer &b) {
  return buildClosedRange(op, op.getStart(), op.getEnd(), 1, b);
}
static FailureOr<Value> DecomposeAtenRangeStep(AtenRangeStepOp op, Decomposer &b) {
  return buildClosedRange(op, op.getStart(), op.getEnd(), getConstantNumber(op.getStep()).value_or(0), b);
}

/// eye(n)[i, j] = i == j
static FailureOr<Value> DecomposeAtenEye(AtenEyeOp op, Decomposer &b) {
  Value steps = b.range(op.getN());
  return b.convert(b.create<AtenEqTensorOp>(b.unsqueeze(steps, 1), steps), getResultDtype(op));
}

static FailureOr<Value> DecomposeAtenEyeM(AtenEyeMOp op, Decomposer &b) {
  Value rows = b.unsqueeze(b.range(op.getN()), 1);
  return b.convert(b.create<AtenEqTensorOp>(rows, b.range(op.getM())), getResultDtype(op));
}

/// start + i step for the first half, end - (steps - 1 - i) step for the second
static FailureOr<Value> buildSteps(Operation *op, Value start, Value end, Value stepsValue, Value base, Decomposer &b) {
  auto steps = getConstantInt(stepsValue);
  Type dtype = getResultDtype(op);
  if (!steps)
    return b.unsupported("a number of steps that is not constant");
  // Integers step in f64, as PyTorch's double accumulator does not round 2^24 and more.
  Type computed = isa<IntegerType>(dtype) ? Type(b.getBuilder().getF64Type()) : getComputeDtype(dtype);
  // The ends are first brought to the dtype of the result.
  auto toTensor = [&](Value end) {
    if (!isa<BaseTensorType>(end.getType()))
      end = b.scalarTensor(end, computed);
    return b.convert(b.convert(end, dtype), computed);
  };
  Value first = toTensor(start), last = toTensor(end), values = b.expand(first, {stepsValue});
  if (*steps > 1) {
    Value step = b.mulNumber(b.subTensors(last, first), 1);
    step = b.create<AtenDivScalarOp>(step, b.integer(*steps - 1));
    // So is the step of the powers.
    if (base)
      step = b.convert(b.convert(step, dtype), computed);
    Value places = b.convert(b.range(stepsValue), computed);
    Value fromStart = b.addTensors(first, b.mulTensors(places, step));
    Value rest = b.addNumber(b.create<AtenNegOp>(places), static_cast<double>(*steps - 1));
    Value fromEnd = b.subTensors(last, b.mulTensors(rest, step));
    Value isFirstHalf = b.create<AtenLtScalarOp>(b.range(stepsValue), b.integer(*steps / 2));
    values = b.where(isFirstHalf, fromStart, fromEnd);
  }
  if (base)
    values = b.create<AtenPowScalarOp>(base, values);
  return b.convert(values, dtype);
}
template <typename Op> static FailureOr<Value> decomposeLinspace(Op op, Decomposer &b) {
  return buildSteps(op, op.getStart(), op.getEnd(), op.getSteps(), Value(), b);
}
template <typename Op> static FailureOr<Value> decomposeLogspace(Op op, Decomposer &b) {
  return buildSteps(op, op.getStart(), op.getEnd(), op.getSteps(), op.getBase(), b);
}
static FailureOr<Value> DecomposeAtenLinspace(AtenLinspaceOp op, Decomposer &b) { return decomposeLinspace(op, b); }
static FailureOr<Value> DecomposeAtenLinspaceScalarTensor(AtenLinspaceScalarTensorOp op, Decomposer &b) {
  return decomposeLinspace(op, b);
}
static FailureOr<Value> DecomposeAtenLinspaceTensorScalar(AtenLinspaceTensorScalarOp op, Decomposer &b) {
  return decomposeLinspace(op, b);
}
static FailureOr<Value> DecomposeAtenLinspaceTensorTensor(AtenLinspaceTensorTensorOp op, Decomposer &b) {
  return decomposeLinspace(op, b);
}
static FailureOr<Value> DecomposeAtenLogspace(AtenLogspaceOp op, Decomposer &b) { return decomposeLogspace(op, b); }
static FailureOr<Value> DecomposeAtenLogspaceScalarTensor(AtenLogspaceScalarTensorOp op, Decomposer &b) {
  return decomposeLogspace(op, b);
}
static FailureOr<Value> DecomposeAtenLogspaceTensorScalar(AtenLogspaceTensorScalarOp op, Decomposer &b) {
  return decomposeLogspace(op, b);
}
static FailureOr<Value> DecomposeAtenLogspaceTensorTensor(AtenLogspaceTensorTensorOp op, Decomposer &b) {
  return decomposeLogspace(op, b);
}

/// Strides are the compiler's own.
static FailureOr<Value> DecomposeAtenEmptyPermuted(AtenEmptyPermutedOp op, Decomposer &b) {
  return buildEmpty(op, op.getSize(), b);
}
static FailureOr<Value> DecomposeAtenEmptyStrided(AtenEmptyStridedOp op, Decomposer &b) {
  return buildEmpty(op, op.getSize(), b);
}
static FailureOr<Value> DecomposeAtenNewEmptyStrided(AtenNewEmptyStridedOp op, Decomposer &b) {
  return buildEmpty(op, op.getSize(), b);
}

/// Rows and columns of the elements below (or above) a diagonal of a matrix, row by row.
template <typename Op> static FailureOr<Value> decomposeTriangle(Op op, bool isLower, Decomposer &b) {
  auto rows = getConstantInt(op.getRow()), columns = getConstantInt(op.getCol()),
       offset = getConstantInt(op.getOffset());
  if (!rows || !columns || !offset)
    return b.unsupported("numbers that are not constant");
  SmallVector<double> places, second;
  for (int64_t row = 0; row < *rows; ++row)
    for (int64_t column = 0; column < *columns; ++column)
      if (isLower ? column - row <= *offset : column - row >= *offset) {
        places.push_back(static_cast<double>(row));
        second.push_back(static_cast<double>(column));
      }
  auto count = static_cast<int64_t>(places.size());
  places.append(second);
  return b.literal(getResultDtype(op), places, {2, count});
}
static FailureOr<Value> DecomposeAtenTrilIndices(AtenTrilIndicesOp op, Decomposer &b) {
  return decomposeTriangle(op, /*isLower=*/true, b);
}
static FailureOr<Value> DecomposeAtenTriuIndices(AtenTriuIndicesOp op, Decomposer &b) {
  return decomposeTriangle(op, /*isLower=*/false, b);
}

//===----------------------------------------------------------------------===//
// Windows of signal processing
//===----------------------------------------------------------------------===//

/// `window` of so many places from 0 to 1; a periodic window leaves the last one out.
static FailureOr<Value> buildWindow(Operation *op, Value lengthValue, bool isPeriodic,
                                    function_ref<double(double)> window, Decomposer &b) {
  auto length = getConstantInt(lengthValue);
  if (!length || *length < 0)
    return b.unsupported("a length that is not constant");
  SmallVector<double> values;
  double last = static_cast<double>(*length) - (isPeriodic ? 0 : 1);
  for (int64_t i = 0; i < *length; ++i)
    values.push_back(*length == 1 ? 1 : window(static_cast<double>(i) / last));
  return b.literal(getResultDtype(op), values, {*length});
}
template <typename Op> static std::optional<bool> getPeriodic(Op op) {
  if constexpr (requires { op.getPeriodic(); })
    return getConstantBool(op.getPeriodic());
  else
    return true;
}
static double turn(double x) { return 2 * std::numbers::pi * x; }
static double evaluateHann(double x) { return 0.5 - 0.5 * std::cos(turn(x)); }
static double evaluateBlackman(double x) { return 0.42 - 0.5 * std::cos(turn(x)) + 0.08 * std::cos(2 * turn(x)); }
static double evaluateBartlett(double x) { return 1 - std::abs(2 * x - 1); }

template <double (*window)(double), typename Op> static FailureOr<Value> decomposeWindow(Op op, Decomposer &b) {
  auto isPeriodic = getPeriodic(op);
  if (!isPeriodic)
    return b.unsupported("periodic is not constant");
  return buildWindow(op, op.getWindowLength(), *isPeriodic, window, b);
}
/// alpha - beta cos(2 pi x)
template <typename Op> static FailureOr<Value> decomposeHamming(Op op, Decomposer &b) {
  std::optional<double> alpha = 0.54, beta = 0.46;
  if constexpr (requires { op.getAlpha(); })
    alpha = getConstantNumber(op.getAlpha());
  if constexpr (requires { op.getBeta(); })
    beta = getConstantNumber(op.getBeta());
  auto isPeriodic = getPeriodic(op);
  if (!isPeriodic || !alpha || !beta)
    return b.unsupported("numbers that are not constant");
  return buildWindow(
      op, op.getWindowLength(), *isPeriodic, [&](double x) { return *alpha - *beta * std::cos(turn(x)); }, b);
}

/// The modified Bessel function of order 0: the sum of ((x / 2)^k / k!)^2.
static double evaluateI0(double x) {
  double term = 1, sum = 1;
  for (int k = 1; term > sum * 1e-17; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}
/// I0(beta sqrt(1 - (2 x - 1)^2)) / I0(beta)
template <typename Op> static FailureOr<Value> decomposeKaiser(Op op, Decomposer &b) {
  std::optional<double> beta = 12.0;
  if constexpr (requires { op.getBeta(); })
    beta = getConstantNumber(op.getBeta());
  auto isPeriodic = getPeriodic(op);
  // Beyond, I0 is not a number of 64 bits.
  if (!isPeriodic || !beta || std::abs(*beta) > 700)
    return b.unsupported("numbers that are not constant, or a beta over 700");
  auto evaluate = [&](double x) {
    return evaluateI0(*beta * std::sqrt(std::max(0.0, 1 - (2 * x - 1) * (2 * x - 1)))) / evaluateI0(*beta);
  };
  return buildWindow(op, op.getWindowLength(), *isPeriodic, evaluate, b);
}

void torchc::populateCreationPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenZeros, DecomposeAtenOnes, DecomposeAtenNewZeros, DecomposeAtenNewOnes,
                    DecomposeAtenNewFull, DecomposeAtenZerosLike, DecomposeAtenOnesLike, DecomposeAtenFullLike,
                    DecomposeAtenZero, DecomposeAtenFillScalar, DecomposeAtenNewEmpty, DecomposeAtenEmptyLike,
                    DecomposeAtenCopy, DecomposeAtenFillTensor, DecomposeAtenArange, DecomposeAtenArangeStart,
                    DecomposeAtenEye);
  addDecompositions(patterns, DecomposeAtenEyeM, DecomposeAtenLinspace, DecomposeAtenLinspaceScalarTensor,
                    DecomposeAtenLinspaceTensorScalar, DecomposeAtenLinspaceTensorTensor, DecomposeAtenLogspace,
                    DecomposeAtenLogspaceScalarTensor, DecomposeAtenLogspaceTensorScalar,
                    DecomposeAtenLogspaceTensorTensor, DecomposeAtenEmptyPermuted, DecomposeAtenEmptyStrided,
                    DecomposeAtenNewEmptyStrided);
  addDecompositions(
      patterns, DecomposeAtenTrilIndices, DecomposeAtenTriuIndices, decomposeWindow<evaluateHann, AtenHannWindowOp>,
      decomposeWindow<evaluateHann, AtenHannWindowPeriodicOp>, decomposeWindow<evaluateBlackman, AtenBlackmanWindowOp>,
      decomposeWindow<evaluateBlackman, AtenBlackmanWindowPeriodicOp>,
      decomposeWindow<evaluateBartlett, AtenBartlettWindowOp>,
      decomposeWindow<evaluateBartlett, AtenBartlettWindowPeriodicOp>, decomposeKaiser<AtenKaiserWindowOp>,
      decomposeKaiser<AtenKaiserWindowPeriodicOp>, decomposeKaiser<AtenKaiserWindowBetaOp>, DecomposeAtenRange,
      DecomposeAtenRangeStep, decomposeHamming<AtenHammingWindowOp>, decomposeHamming<AtenHammingWindowPeriodicOp>,
      decomposeHamming<AtenHammingWindowPeriodicAlphaOp>, decomposeHamming<AtenHammingWindowPeriodicAlphaBetaOp>);
}
