//===- Contraction.cpp - decompositions of contractions ---===//
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

/// mv(A, x) = squeeze(A x [k, 1])
static FailureOr<Value> DecomposeAtenMv(AtenMvOp op, Decomposer &b) {
  return b.squeeze(b.create<AtenMmOp>(op.getSelf(), b.unsqueeze(op.getVec(), 1)), 1);
}

/// dot(x, y) = squeeze([1, k] x [k, 1])
static FailureOr<Value> DecomposeAtenDot(AtenDotOp op, Decomposer &b) {
  Value product = b.create<AtenMmOp>(b.unsqueeze(op.getSelf(), 0), b.unsqueeze(op.getTensor(), 1));
  return b.squeeze(b.squeeze(product, 1), 0);
}

/// outer(x, y) = x [m, 1] * y [n]
static FailureOr<Value> DecomposeAtenOuter(AtenOuterOp op, Decomposer &b) {
  return b.createAs<AtenMulTensorOp>(op.getType(), b.unsqueeze(op.getSelf(), 1), op.getVec2());
}

/// addbmm(x, A, B) = beta x + alpha sum_i A_i B_i, as one product over (i, k)
static FailureOr<Value> DecomposeAtenAddbmm(AtenAddbmmOp op, Decomposer &b) {
  Value lhs = op.getBatch1(), rhs = op.getBatch2();
  Value depth = b.mul(b.size(lhs, 0), b.size(lhs, 2));
  lhs = b.create<AtenReshapeOp>(b.permute(lhs, {1, 0, 2}), b.list({b.size(lhs, 1), depth}));
  rhs = b.create<AtenReshapeOp>(rhs, b.list({depth, b.size(rhs, 2)}));
  return b.createAs<AtenAddmmOp>(op.getType(), op.getSelf(), lhs, rhs, op.getBeta(), op.getAlpha());
}

void torchc::populateContractionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenMv, DecomposeAtenDot, DecomposeAtenOuter, DecomposeAtenAddbmm);
}
