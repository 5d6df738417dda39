//===- Convolution.cpp - decompositions of convolutions into aten.convolution ---===//
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

/// A convolution without a batch dim gets one for a while.
static Value buildConvolution(Value input, Value weight, Value bias, Value stride, Value padding, Value dilation,
                              Value groups, Decomposer &b) {
  bool batched = getTensorType(input).getRank() == getTensorType(weight).getRank();
  int64_t spatial = getTensorType(weight).getRank() - 2;
  Value outputPadding = b.list(SmallVector<int64_t>(spatial, 0));
  Value result = b.create<AtenConvolutionOp>(batched ? input : b.unsqueeze(input, 0), weight, bias, stride, padding,
                                             dilation, b.boolean(false), outputPadding, groups);
  return batched ? result : b.squeeze(result, 0);
}

static FailureOr<Value> DecomposeAtenConv1d(AtenConv1dOp op, Decomposer &b) {
  return buildConvolution(op.getInput(), op.getWeight(), op.getBias(), op.getStride(), op.getPadding(),
                          op.getDilation(), op.getGroups(), b);
}
static FailureOr<Value> DecomposeAtenConv2d(AtenConv2dOp op, Decomposer &b) {
  return buildConvolution(op.getInput(), op.getWeight(), op.getBias(), op.getStride(), op.getPadding(),
                          op.getDilation(), op.getGroups(), b);
}
static FailureOr<Value> DecomposeAtenConv3d(AtenConv3dOp op, Decomposer &b) {
  return buildConvolution(op.getInput(), op.getWeight(), op.getBias(), op.getStride(), op.getPadding(),
                          op.getDilation(), op.getGroups(), b);
}

/// The same with zeros between the elements of the input.
template <typename Op> static FailureOr<Value> decomposeTransposed(Op op, Decomposer &b) {
  Value input = op.getInput();
  bool batched = getTensorType(input).getRank() == getTensorType(op.getWeight()).getRank();
  Value result = b.create<AtenConvolutionOp>(batched ? input : b.unsqueeze(input, 0), op.getWeight(), op.getBias(),
                                             op.getStride(), op.getPadding(), op.getDilation(), b.boolean(true),
                                             op.getOutputPadding(), op.getGroups());
  return batched ? result : b.squeeze(result, 0);
}
static FailureOr<Value> DecomposeAtenConvTranspose1d(AtenConvTranspose1dOp op, Decomposer &b) {
  return decomposeTransposed(op, b);
}
static FailureOr<Value> DecomposeAtenConvTranspose2dInput(AtenConvTranspose2dInputOp op, Decomposer &b) {
  return decomposeTransposed(op, b);
}
static FailureOr<Value> DecomposeAtenConvTranspose3dInput(AtenConvTranspose3dInputOp op, Decomposer &b) {
  return decomposeTransposed(op, b);
}
static FailureOr<Value> DecomposeAten_Convolution(Aten_ConvolutionOp op, Decomposer &b) {
  return b.createAs<AtenConvolutionOp>(op.getType(), op.getInput(), op.getWeight(), op.getBias(), op.getStride(),
                                       op.getPadding(), op.getDilation(), op.getTransposed(), op.getOutputPadding(),
                                       op.getGroups());
}

/// "valid": no padding. "same": dilation (kernel - 1) zeros in each dim, half
/// of them in front; where that is odd, the one more goes behind.
template <typename Op> static FailureOr<Value> decomposeNamedPadding(Op op, Decomposer &b) {
  auto padding = getConstantString(op.getPadding());
  BaseTensorType weight = getTensorType(op.getWeight());
  int64_t spatial = weight.getRank() - 2;
  if (padding == "valid")
    return buildConvolution(op.getInput(), op.getWeight(), op.getBias(), op.getStride(),
                            b.list(SmallVector<int64_t>(spatial, 0)), op.getDilation(), op.getGroups(), b);
  auto dilation = getConstantIntList(op.getDilation());
  if (padding != "same" || !dilation || dilation->empty())
    return b.unsupported("a padding that is neither \"same\" nor \"valid\"");
  dilation->resize(spatial, dilation->front());
  SmallVector<int64_t> front, behind;
  for (auto [size, step] : llvm::zip(weight.getSizes().drop_front(2), *dilation)) {
    if (ShapedType::isDynamic(size))
      return b.unsupported("a kernel whose size is not static");
    int64_t total = step * (size - 1);
    front.push_back(total / 2);
    behind.push_back(total % 2);
  }
  Value input = op.getInput();
  if (llvm::any_of(behind, [](int64_t more) { return more != 0; })) {
    SmallVector<int64_t> pads;
    for (int64_t more : llvm::reverse(behind))
      llvm::append_values(pads, 0, more);
    input = b.create<AtenConstantPadNdOp>(input, b.list(pads), b.integer(0));
  }
  return buildConvolution(input, op.getWeight(), op.getBias(), op.getStride(), b.list(front), op.getDilation(),
                          op.getGroups(), b);
}
static FailureOr<Value> DecomposeAtenConv1dPadding(AtenConv1dPaddingOp op, Decomposer &b) {
  return decomposeNamedPadding(op, b);
}
static FailureOr<Value> DecomposeAtenConv2dPadding(AtenConv2dPaddingOp op, Decomposer &b) {
  return decomposeNamedPadding(op, b);
}
static FailureOr<Value> DecomposeAtenConv3dPadding(AtenConv3dPaddingOp op, Decomposer &b) {
  return decomposeNamedPadding(op, b);
}

/// conv1d with time first: [time, batch, channels] with weights [time, in, out]
static FailureOr<Value> DecomposeAtenConvTbc(AtenConvTbcOp op, Decomposer &b) {
  Value one = b.list(ArrayRef<int64_t>{1});
  Value result = buildConvolution(b.permute(op.getSelf(), {1, 2, 0}), b.permute(op.getWeight(), {2, 1, 0}),
                                  op.getBias(), one, b.list(ValueRange{op.getPad()}), one, b.integer(1), b);
  return b.permute(result, {2, 0, 1});
}

void torchc::populateConvolutionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenConvTbc, DecomposeAtenConv1d, DecomposeAtenConv2d, DecomposeAten_Convolution,
                    DecomposeAtenConv1dPadding, DecomposeAtenConv2dPadding);
  addDecompositions(patterns, DecomposeAtenConv3d, DecomposeAtenConv3dPadding, DecomposeAtenConvTranspose1d,
                    DecomposeAtenConvTranspose2dInput, DecomposeAtenConvTranspose3dInput);
}
