//===- Pooling.cpp - decompositions of pooling into two dims ---===//
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

/// A list of one int as the list for (1, that dim); an empty list stays.
static Value inTwoDims(Value list, int64_t other, Decomposer &b) {
  auto elements = getListElements(list);
  if (!elements || elements->empty())
    return list;
  return b.list({b.integer(other), elements->front()});
}

/// Pooling over [.., L] is pooling over [.., 1, L].
static FailureOr<Value> DecomposeAtenAvgPool1d(AtenAvgPool1dOp op, Decomposer &b) {
  Value pooled = b.create<AtenAvgPool2dOp>(b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getKernelSize(), 1, b),
                                           inTwoDims(op.getStride(), 1, b), inTwoDims(op.getPadding(), 0, b),
                                           op.getCeilMode(), op.getCountIncludePad(), b.none());
  return b.squeeze(pooled, -2);
}
static FailureOr<Value> DecomposeAtenMaxPool1d(AtenMaxPool1dOp op, Decomposer &b) {
  Value pooled = b.create<AtenMaxPool2dOp>(b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getKernelSize(), 1, b),
                                           inTwoDims(op.getStride(), 1, b), inTwoDims(op.getPadding(), 0, b),
                                           inTwoDims(op.getDilation(), 1, b), op.getCeilMode());
  return b.squeeze(pooled, -2);
}
static FailureOr<Value> DecomposeAtenAdaptiveAvgPool1d(AtenAdaptiveAvgPool1dOp op, Decomposer &b) {
  Value pooled = b.create<AtenAdaptiveAvgPool2dOp>(b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getOutputSize(), 1, b));
  return b.squeeze(pooled, -2);
}
static FailureOr<Value> DecomposeAten_AdaptiveAvgPool2d(Aten_AdaptiveAvgPool2dOp op, Decomposer &b) {
  return b.createAs<AtenAdaptiveAvgPool2dOp>(op.getType(), op.getSelf(), op.getOutputSize());
}

static FailureOr<Value> DecomposeAten_AdaptiveAvgPool3d(Aten_AdaptiveAvgPool3dOp op, Decomposer &b) {
  return b.createAs<AtenAdaptiveAvgPool3dOp>(op.getType(), op.getSelf(), op.getOutputSize());
}

/// Maxima and places of [.., 1, L], whose types are those of the op's results with one dim more.
static Decomposed buildWithIndices(Operation *op, StringRef name, ArrayRef<Value> operands, Decomposer &b) {
  SmallVector<Type> types;
  for (Value result : op->getResults()) {
    BaseTensorType type = getTensorType(result);
    if (!type.hasRank())
      return b.unsupported("a result of unknown rank");
    SmallVector<int64_t> sizes(type.getSizes());
    sizes.insert(sizes.end() - 1, 1);
    types.push_back(ValueTensorType::get(b.getBuilder().getContext(), sizes, type.getDtype()));
  }
  OperationState state(b.getLoc(), name, operands, types);
  Operation *pooled = b.getBuilder().create(state);
  return SmallVector<Value>{b.squeeze(pooled->getResult(0), -2), b.squeeze(pooled->getResult(1), -2)};
}
static Decomposed DecomposeAtenMaxPool1dWithIndices(AtenMaxPool1dWithIndicesOp op, Decomposer &b) {
  return buildWithIndices(op, AtenMaxPool2dWithIndicesOp::getOperationName(),
                          {b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getKernelSize(), 1, b),
                           inTwoDims(op.getStride(), 1, b), inTwoDims(op.getPadding(), 0, b),
                           inTwoDims(op.getDilation(), 1, b), op.getCeilMode()},
                          b);
}
static Decomposed DecomposeAtenAdaptiveMaxPool1d(AtenAdaptiveMaxPool1dOp op, Decomposer &b) {
  return buildWithIndices(op, AtenAdaptiveMaxPool2dOp::getOperationName(),
                          {b.unsqueeze(op.getSelf(), -2), inTwoDims(op.getOutputSize(), 1, b)}, b);
}

void torchc::populatePoolingPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenAvgPool1d, DecomposeAtenMaxPool1d, DecomposeAtenAdaptiveAvgPool1d,
                    DecomposeAten_AdaptiveAvgPool2d, DecomposeAten_AdaptiveAvgPool3d, DecomposeAtenMaxPool1dWithIndices,
                    DecomposeAtenAdaptiveMaxPool1d);
}
