//===- Normalization.cpp - result types of normalizations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// softmax computes in the dtype that it names.
template <typename Op> static Types inferSoftmax(typename Op::Adaptor op) {
  return tensorOf(getShape(op.getSelf()), getDtypeOr(op.getDtype(), getDtype(op.getSelf())));
}

/// half_to_float makes f32 of f16.
static Types inferPlainSoftmax(ValueRange operands) {
  auto widens = getConstantBool(operands[2]);
  Type dtype = getDtype(operands[0]);
  if (!widens || !dtype)
    return failure();
  return tensorOf(getShape(operands[0]), *widens ? getComputeDtype(dtype) : dtype);
}

/// The statistics of layer norm: 1 in each normalized dim.
static Types inferNativeLayerNorm(AtenNativeLayerNormOp::Adaptor op) {
  Shape shape = getShape(op.getInput()), normalized = getSizes(op.getNormalizedShape());
  Types output = tensorOf(shape, getDtype(op.getInput()));
  if (shape && normalized && normalized->size() <= shape->size())
    std::fill(shape->end() - normalized->size(), shape->end(), 1);
  Types statistics = tensorOf(normalized ? shape : Shape(), getDtype(op.getInput()));
  return concat({output, statistics, statistics});
}

static Types inferNativeGroupNorm(AtenNativeGroupNormOp::Adaptor op) {
  Type dtype = getDtype(op.getInput());
  Types statistics = tensorOf(SmallVector<int64_t>{getConstantInt(op.getN()).value_or(kDynamic),
                                                   getConstantInt(op.getGroup()).value_or(kDynamic)},
                              dtype);
  return concat({tensorOf(getShape(op.getInput()), dtype), statistics, statistics});
}

/// input, weight, bias, running_mean, running_var: the output, the statistics of the batch in the dtype
/// of the running ones, a reserve that is empty on CPUs, and the running statistics.
static Types inferBatchNormFunctional(ValueRange operands, bool hasReserve) {
  Type dtype = getDtype(operands[0]);
  Shape shape = getShape(operands[0]);
  if (!dtype || !shape || shape->size() < 2)
    return failure();
  MLIRContext *context = dtype.getContext();
  Type kept = getDtype(operands[3]);
  Types statistics = tensorOf(SmallVector<int64_t>{(*shape)[1]}, kept ? kept : getComputeDtype(dtype));
  Types reserve = tensorOf(SmallVector<int64_t>{0}, IntegerType::get(context, 8, IntegerType::Unsigned));
  Types mean = inferLikeFirst(operands.slice(3, 1)), variance = inferLikeFirst(operands.slice(4, 1));
  if (hasReserve)
    return concat({inferLikeFirst(operands), statistics, statistics, reserve, mean, variance});
  return concat({inferLikeFirst(operands), statistics, statistics, mean, variance});
}

void torchc::torch::addNormalizationInference(InferenceTable &table) {
  table.addAll<AtenLayerNormOp, AtenRmsNormOp, AtenBatchNormOp, AtenGroupNormOp, AtenInstanceNormOp>(inferLikeFirst);
  table.addAll<Aten_SoftmaxOp, Aten_LogSoftmaxOp>(inferPlainSoftmax);
  table.add<AtenSoftmaxIntOp>(inferSoftmax<AtenSoftmaxIntOp>);
  table.add<AtenLogSoftmaxIntOp>(inferSoftmax<AtenLogSoftmaxIntOp>);
  table.add<AtenNativeLayerNormOp>(inferNativeLayerNorm);
  table.add<AtenNativeGroupNormOp>(inferNativeGroupNorm);
  table.addAll<Aten_NativeBatchNormLegitFunctionalOp>(
      [](ValueRange operands) { return inferBatchNormFunctional(operands, /*hasReserve=*/false); });
  table.addAll<Aten_BatchNormWithUpdateFunctionalOp>(
      [](ValueRange operands) { return inferBatchNormFunctional(operands, /*hasReserve=*/true); });
  table.addAll<Aten_NativeBatchNormLegitNoTrainingOp>([](ValueRange operands) {
    Types empty = tensorOf(SmallVector<int64_t>{0}, getDtype(operands[0]));
    return concat({inferLikeFirst(operands), empty, empty});
  });
}
