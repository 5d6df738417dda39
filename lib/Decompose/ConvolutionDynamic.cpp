//===- ConvolutionDynamic.cpp - convolutions with weights whose shape only a call knows ---===//
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

/// `step` - 1 zeros between the elements of a dim.
static Value spreadDim(Value x, int64_t dim, int64_t step, Decomposer &b) {
  if (step == 1)
    return x;
  Value one = b.integer(1), last = b.mul(b.sub(b.size(x, dim), one), b.integer(step));
  x = b.unsqueeze(x, dim + 1);
  SmallVector<int64_t> padding(2 * (getRank(x) - dim - 1), 0);
  padding.back() = step - 1;
  x = b.create<AtenConstantPadNdOp>(x, b.list(padding), b.integer(0));
  return b.slice(b.flatten(x, dim, dim + 1), dim, b.integer(0), b.add(last, one));
}

/// The weight [G I, O, spatial...] of a transposed convolution as that of the equal plain one [G O, I, spatial...].
static Value turnWeight(Value weight, Value groups, Decomposer &b) {
  SmallVector<Value> sizes = b.sizes(weight), grouped(sizes);
  SmallVector<int64_t> spatial = llvm::to_vector(llvm::seq<int64_t>(2, getRank(weight)));
  Value inputs = b.floordiv(sizes[0], groups);
  grouped[0] = inputs;
  grouped.insert(grouped.begin(), groups);
  Value swapped = b.transpose(b.view(b.create<AtenFlipOp>(weight, b.list(spatial)), grouped), 1, 2);
  sizes[0] = b.mul(groups, sizes[1]);
  sizes[1] = inputs;
  return b.create<AtenReshapeOp>(swapped, b.list(sizes));
}

/// A product with the weight of the image's windows, which are gathered; what Lower computes needs the weight's shape.
static FailureOr<Value> DecomposeAtenConvolution(AtenConvolutionOp op, Decomposer &b) {
  auto stride = getConstantIntList(op.getStride()), padding = getConstantIntList(op.getPadding()),
       dilation = getConstantIntList(op.getDilation()), outputPadding = getConstantIntList(op.getOutputPadding());
  auto groupCount = getConstantInt(op.getGroups());
  auto transposed = getConstantBool(op.getTransposed());
  ArrayRef<int64_t> shape = getTensorType(op.getWeight()).getSizes();
  auto spatial = static_cast<int64_t>(shape.size()) - 2;
  if (llvm::none_of(shape, ShapedType::isDynamic) || !stride || !padding || !dilation || !outputPadding ||
      !groupCount || !transposed || spatial < 1 || isComplexDtype(getDtype(op.getInput())))
    return failure();
  Type computed = getComputeDtype(getDtype(op.getInput()));
  Value one = b.integer(1), groups = b.integer(*groupCount);
  Value x = b.convert(op.getInput(), computed), weight = b.convert(op.getWeight(), computed);
  if (*transposed)
    weight = turnWeight(weight, groups, b);
  Value outputs = b.floordiv(b.size(weight, 0), groups), inputs = b.size(weight, 1);
  b.checkLessEqual(b.mul(inputs, groups), b.size(x, 1), "the weight has more channels than the image");
  b.checkLessEqual(b.size(x, 1), b.mul(inputs, groups), "the image has more channels than the weight");

  // [N, C, o1, k1, o2, k2, ...]
  SmallVector<int64_t> order{1, 0}, windowDims{2};
  SmallVector<Value> counts;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t dim = 2 + 2 * i, step = *transposed ? 1 : (*stride)[i];
    Value kernel = b.size(weight, 2 + i), reach = b.mul(b.sub(kernel, one), b.integer((*dilation)[i]));
    Value front = b.integer((*padding)[i]), back = front;
    if (*transposed) {
      x = spreadDim(x, dim, (*stride)[i], b);
      front = b.sub(reach, front);
      back = b.add(front, b.integer((*outputPadding)[i]));
    }
    SmallVector<Value> pads(2 * (getRank(x) - dim), b.integer(0));
    pads.end()[-2] = front;
    pads.back() = back;
    x = b.create<AtenConstantPadNdOp>(x, b.list(pads), b.integer(0));
    b.checkLessEqual(b.add(reach, one), b.size(x, dim), "the kernel is larger than the padded image");
    counts.push_back(b.add(b.floordiv(b.sub(b.sub(b.size(x, dim), reach), one), b.integer(step)), one));
    Value starts = b.create<AtenMulScalarOp>(b.range(counts.back()), b.integer(step));
    Value offsets = b.create<AtenMulScalarOp>(b.range(kernel), b.integer((*dilation)[i]));
    Value places = b.flatten(b.addTensors(b.unsqueeze(starts, 1), offsets));
    SmallVector<Value> sizes = b.sizes(x);
    sizes[dim] = counts.back();
    sizes.insert(sizes.begin() + dim + 1, kernel);
    x = b.view(b.create<AtenIndexSelectOp>(x, b.integer(dim), places), sizes);
    order.push_back(3 + 2 * i);
    windowDims.push_back(4 + 2 * i);
  }
  // [G, N o1 o2 .., I k1 k2 ..] times [G, I k1 k2 .., O]
  SmallVector<Value> sizes = b.sizes(x);
  Value images = sizes[0];
  sizes[1] = inputs;
  sizes.insert(sizes.begin() + 1, groups);
  llvm::append_range(order, windowDims);
  Value windows = b.flatten(b.permute(b.view(x, sizes), order), 2 + spatial, -1);
  windows = b.flatten(windows, 1, 1 + spatial);
  Value reached = inputs;
  for (int64_t i = 0; i < spatial; ++i)
    reached = b.mul(reached, b.size(weight, 2 + i));
  Value filters = b.create<AtenReshapeOp>(weight, b.list({groups, outputs, reached}));
  Value product = b.create<AtenMatmulOp>(windows, b.transpose(filters, 1, 2));
  SmallVector<Value> split{groups, images};
  llvm::append_range(split, counts);
  split.push_back(outputs);
  SmallVector<int64_t> back{1, 0, 2 + spatial};
  llvm::append_range(back, llvm::seq<int64_t>(2, 2 + spatial));
  Value result = b.flatten(b.permute(b.view(product, split), back), 1, 2);
  if (!isNone(op.getBias())) {
    Value bias = b.convert(op.getBias(), computed);
    for (int64_t i = 0; i < spatial; ++i)
      bias = b.unsqueeze(bias, -1);
    result = b.addTensors(result, bias);
  }
  return b.convert(result, getResultDtype(op));
}

void torchc::populateConvolutionDynamicPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenConvolution);
}
