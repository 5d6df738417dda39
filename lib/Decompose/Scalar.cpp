//===- Scalar.cpp - decompositions of ops on sizes and numbers ---===//
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

static FailureOr<Value> DecomposeAtenNumel(AtenNumelOp op, Decomposer &b) {
  return b.createAs<AtenSymNumelOp>(op.getType(), op.getSelf());
}

/// int(x) of an integer tensor is its only element.
static FailureOr<Value> DecomposeAtenIntTensor(AtenIntTensorOp op, Decomposer &b) {
  if (!isIntegerDtype(getTensorType(op.getA()).getDtype()))
    return b.unsupported("on a dtype that is not an integer");
  return b.createAs<AtenItemOp>(op.getType(), op.getA());
}

/// A tensor of one bool as a bool.
static Value readBool(Value tensor, Decomposer &b) {
  return b.createAs<AtenItemOp>(b.getBuilder().getType<torch::BoolType>(), tensor);
}
static FailureOr<Value> DecomposeAtenIsNonzero(AtenIsNonzeroOp op, Decomposer &b) {
  return readBool(b.create<AtenNeScalarOp>(op.getSelf(), b.integer(0)), b);
}
/// Sizes that are known to differ fold to false.
static FailureOr<Value> DecomposeAtenEqual(AtenEqualOp op, Decomposer &b) {
  for (Value tensor : {op.getSelf(), op.getOther()})
    if (llvm::any_of(getTensorType(tensor).getSizes(), ShapedType::isDynamic))
      return b.unsupported("of tensors whose sizes are not static");
  return readBool(b.create<AtenAllOp>(b.create<AtenEqTensorOp>(op.getSelf(), op.getOther())), b);
}
static FailureOr<Value> DecomposeAtenAllclose(AtenAllcloseOp op, Decomposer &b) {
  Value isClose = b.create<AtenIscloseOp>(op.getSelf(), op.getOther(), op.getRtol(), op.getAtol(), op.getEqualNan());
  return readBool(b.create<AtenAllOp>(isClose), b);
}

void torchc::populateScalarPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenNumel, DecomposeAtenIntTensor, DecomposeAtenIsNonzero, DecomposeAtenEqual,
                    DecomposeAtenAllclose);
}
