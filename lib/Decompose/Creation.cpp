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

static Type getResultDtype(Operation *op) { return cast<BaseTensorType>(op->getResult(0).getType()).getDtype(); }

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

void torchc::populateCreationPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenZeros, DecomposeAtenOnes, DecomposeAtenNewZeros, DecomposeAtenNewOnes,
                    DecomposeAtenNewFull, DecomposeAtenZerosLike, DecomposeAtenOnesLike, DecomposeAtenFullLike,
                    DecomposeAtenZero, DecomposeAtenFillScalar, DecomposeAtenNewEmpty, DecomposeAtenEmptyLike,
                    DecomposeAtenCopy, DecomposeAtenFillTensor, DecomposeAtenArange, DecomposeAtenArangeStart,
                    DecomposeAtenEye);
}
