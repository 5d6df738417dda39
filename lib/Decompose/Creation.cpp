//===- Creation.cpp - decompositions of ops that make tensors ---===//
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
  if (!steps || isComplexDtype(dtype))
    return b.unsupported("a number of steps that is not constant, or complex numbers");
  // Integers step in f64, as PyTorch's double accumulator does not round 2^24 and more.
  Type computed = isFloatDtype(dtype) ? getComputeDtype(dtype) : Type(b.getBuilder().getF64Type());
  // The ends are first brought to the dtype of the result.
  auto toTensor = [&](Value end) {
    if (!isa<BaseTensorType>(end.getType()))
      end = b.scalarTensor(end, isFloatDtype(dtype) ? computed : Type(b.getBuilder().getF64Type()));
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
    values = b.where(b.create<AtenLtScalarOp>(places, b.integer(*steps / 2)), fromStart, fromEnd);
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
}
