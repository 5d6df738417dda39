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

void torchc::populateScalarPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenNumel, DecomposeAtenIntTensor);
}
