//===- Convolution.cpp - decompositions of convolutions and their gradients into aten.convolution ---===//
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

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

namespace {
/// How the window of a convolution goes, one number a spatial dim.
struct WindowSteps {
  SmallVector<int64_t> stride, padding, dilation;
  int64_t groups;
};
} // namespace

static Value convolve(Value input, Value weight, const WindowSteps &steps, Decomposer &b,
                      std::optional<ArrayRef<int64_t>> transposedPadding = {}) {
  SmallVector<int64_t> none(steps.stride.size(), 0);
  return b.create<AtenConvolutionOp>(input, weight, b.none(), b.list(steps.stride), b.list(steps.padding),
                                     b.list(steps.dilation), b.boolean(transposedPadding.has_value()),
                                     b.list(transposedPadding.value_or(none)), b.integer(steps.groups));
}

/// The first elements of each spatial dim, as many as `like` has.
static Value cutSpatialDims(Value tensor, Value like, Decomposer &b) {
  for (int64_t dim = 2, rank = getTensorType(like).getRank(); dim < rank; ++dim) {
    int64_t size = getTensorType(like).getSizes()[dim];
    if (ShapedType::isDynamic(size) || size != getTensorType(tensor).getSizes()[dim])
      tensor = b.slice(tensor, dim, b.integer(0), b.size(like, dim));
  }
  return tensor;
}

/// The transposed convolution of the output's gradient; what the window's steps did not reach is padded.
static Value buildInputGradient(Value grad, Value input, Value weight, const WindowSteps &steps, Decomposer &b) {
  ArrayRef<int64_t> from = getTensorType(grad).getSizes(), to = getTensorType(input).getSizes();
  ArrayRef<int64_t> kernel = getTensorType(weight).getSizes();
  SmallVector<int64_t> outputPadding;
  for (auto [i, stride] : llvm::enumerate(steps.stride)) {
    bool isStatic = !ShapedType::isDynamic(from[i + 2]) && !ShapedType::isDynamic(to[i + 2]);
    int64_t reached = (from[i + 2] - 1) * stride - 2 * steps.padding[i] + steps.dilation[i] * (kernel[i + 2] - 1) + 1;
    // Of sizes that only a call tells: as much as there can be.
    outputPadding.push_back(isStatic ? to[i + 2] - reached : stride - 1);
  }
  return cutSpatialDims(convolve(grad, weight, steps, b, ArrayRef<int64_t>(outputPadding)), input, b);
}

/// The gradient of the weight [G O, I, spatial...]: the output's gradient [N, G O, spatial...] slides over the
/// input [N, G I, spatial...]. Stride and dilation change places, and so do batches and channels.
static Value buildWeightGradient(Value grad, Value input, Value weight, const WindowSteps &steps, Decomposer &b) {
  SmallVector<Value> sizes = b.sizes(input);
  Value groups = b.integer(steps.groups);
  SmallVector<Value> split = {sizes[0], groups, b.floordiv(sizes[1], groups)};
  SmallVector<int64_t> order = {2, 1, 0};
  for (size_t dim = 2; dim < sizes.size(); ++dim) {
    split.push_back(sizes[dim]);
    order.push_back(dim + 1);
  }
  Value channels = b.flatten(b.permute(b.view(input, split), order), 1, 2); // [I, G N, spatial...]
  WindowSteps swapped = {steps.dilation, steps.padding, steps.stride, steps.groups};
  Value result = convolve(channels, b.transpose(grad, 0, 1), swapped, b); // [I, G O, spatial...]
  return cutSpatialDims(b.transpose(result, 0, 1), weight, b);
}

static Decomposed DecomposeAtenConvolutionBackward(AtenConvolutionBackwardOp op, Decomposer &b) {
  Value grad = op.getGradOutput(), input = op.getInput(), weight = op.getWeight();
  int64_t rank = getTensorType(weight).getRank();
  auto stride = getConstantIntList(op.getStride()), padding = getConstantIntList(op.getPadding()),
       dilation = getConstantIntList(op.getDilation());
  auto transposed = getConstantBool(op.getTransposed());
  auto groups = getConstantInt(op.getGroups());
  if (!stride || !padding || !dilation || !transposed || !groups)
    return b.unsupported("steps that are not constant");
  for (auto *list : {&*stride, &*padding, &*dilation})
    list->resize(rank - 2, list->empty() ? 0 : list->front());
  if (llvm::any_of(getTensorType(weight).getSizes(), ShapedType::isDynamic))
    return b.unsupported("a weight whose size is not static");
  WindowSteps steps = {*stride, *padding, *dilation, *groups};

  bool wantsInput = !op->getResult(0).use_empty(), wantsWeight = !op->getResult(1).use_empty();
  // The gradient, or the input of a transposed one, is the window that slides.
  Value window = *transposed ? input : grad;
  if (wantsWeight && llvm::any_of(getTensorType(window).getSizes(), ShapedType::isDynamic))
    return b.unsupported("the weight's gradient of sizes that are not static");
  SmallVector<Value> results(3);
  if (wantsInput)
    results[0] = *transposed ? cutSpatialDims(convolve(grad, weight, steps, b), input, b)
                             : buildInputGradient(grad, input, weight, steps, b);
  if (wantsWeight)
    results[1] = buildWeightGradient(window, *transposed ? grad : input, weight, steps, b);
  if (!op->getResult(2).use_empty()) {
    SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(2, rank));
    dims.insert(dims.begin(), 0);
    results[2] = b.sum(grad, dims, false);
  }
  return results;
}

void torchc::populateConvolutionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenConv1d, DecomposeAtenConv2d, DecomposeAten_Convolution,
                    DecomposeAtenConv1dPadding, DecomposeAtenConv2dPadding);
  addDecompositions(patterns, DecomposeAtenConv3d, DecomposeAtenConv3dPadding, DecomposeAtenConvTranspose1d,
                    DecomposeAtenConvTranspose2dInput, DecomposeAtenConvTranspose3dInput,
                    DecomposeAtenConvolutionBackward);
}
