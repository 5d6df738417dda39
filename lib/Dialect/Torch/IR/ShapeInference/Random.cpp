//===- Random.cpp - result types of ops that draw random numbers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

template <typename Op> static Types inferDrawn(typename Op::Adaptor op) {
  Type single = Float32Type::get(op.getSize().getContext());
  return tensorOf(getSizes(op.getSize()), getDtypeOr(op.getDtype(), single));
}

void torchc::torch::addRandomInference(InferenceTable &table) {
  table.add<AtenRandOp>(inferDrawn<AtenRandOp>);
  table.add<AtenRandnOp>(inferDrawn<AtenRandnOp>);
  table.addAll<AtenUniformOp, AtenNormalFunctionalOp, AtenExponentialOp, AtenCauchyOp, AtenLogNormalOp, AtenGeometricOp,
               AtenRandomOp, AtenRandomFromOp, AtenRandomToOp, AtenBernoulliOp, AtenBernoulliPOp, AtenBernoulliTensorOp,
               AtenDropoutOp, AtenAlphaDropoutOp, AtenFeatureDropoutOp, AtenFeatureAlphaDropoutOp, AtenRreluOp>(
      inferLikeFirst);
  table.add<AtenNativeDropoutOp>([](AtenNativeDropoutOp::Adaptor op) {
    Type boolean = IntegerType::get(op.getInput().getContext(), 1);
    return concat({inferLikeFirst(op.getInput()), tensorOf(getShape(op.getInput()), boolean)});
  });
}
