//===- Convolution.cpp - result types of convolutions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

/// What stands in the list for dim `i`; a list of one holds for all.
static int64_t at(ArrayRef<int64_t> list, size_t i) { return list.size() == 1 ? list[0] : list[i]; }

static bool isStatic(std::initializer_list<int64_t> values) {
  return llvm::none_of(values, [](int64_t value) { return ShapedType::isDynamic(value); });
}

/// out = (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1; transposed:
/// out = (in - 1) stride - 2 padding + dilation (kernel - 1) + output padding + 1.
static Types inferConvolution(Value input, Value weight, Value strides, Value paddings, Value dilations,
                              bool transposed, Value outputPaddings, std::optional<int64_t> groups) {
  Type dtype = getDtype(input);
  Shape in = getShape(input), kernel = getShape(weight), stride = getSizes(strides), dilation = getSizes(dilations);
  Shape padding = paddings ? getSizes(paddings) : Shape(SmallVector<int64_t>{0});
  Shape outputPadding = outputPaddings ? getSizes(outputPaddings) : Shape(SmallVector<int64_t>{0});
  if (!in || !kernel || !stride || !padding || !dilation || !outputPadding || kernel->size() < 3)
    return tensorOf(std::nullopt, dtype);
  size_t spatial = kernel->size() - 2;
  bool batched = in->size() == kernel->size();
  if (!batched && in->size() + 1 != kernel->size())
    return failure();
  SmallVector<int64_t> out;
  if (batched)
    out.push_back((*in)[0]);
  out.push_back(transposed ? (groups ? multiply((*kernel)[1], *groups) : kDynamic) : (*kernel)[0]);
  for (size_t i = 0; i < spatial; ++i) {
    int64_t size = (*in)[i + in->size() - spatial], window = (*kernel)[i + 2];
    int64_t s = at(*stride, i), p = at(*padding, i), d = at(*dilation, i), o = at(*outputPadding, i);
    if (!isStatic({size, window, s, p, d, o}))
      out.push_back(kDynamic);
    else if (transposed)
      out.push_back((size - 1) * s - 2 * p + d * (window - 1) + o + 1);
    else
      out.push_back((size + 2 * p - d * (window - 1) - 1) / s + 1);
  }
  return tensorOf(out, dtype);
}

template <typename Op> static Types inferPlain(typename Op::Adaptor op) {
  return inferConvolution(op.getInput(), op.getWeight(), op.getStride(), op.getPadding(), op.getDilation(), false,
                          Value(), 1);
}
template <typename Op> static Types inferGeneral(typename Op::Adaptor op) {
  auto transposed = getConstantBool(op.getTransposed());
  if (!transposed)
    return failure();
  return inferConvolution(op.getInput(), op.getWeight(), op.getStride(), op.getPadding(), op.getDilation(), *transposed,
                          op.getOutputPadding(), getConstantInt(op.getGroups()));
}
/// padding = "same" keeps the sizes; "valid" is a padding of 0.
template <typename Op> static Types inferNamedPadding(typename Op::Adaptor op) {
  auto padding = getConstantString(op.getPadding());
  Types valid =
      inferConvolution(op.getInput(), op.getWeight(), op.getStride(), Value(), op.getDilation(), false, Value(), 1);
  Shape in = getShape(op.getInput());
  if (failed(valid) || padding != "same" || !in)
    return valid;
  auto type = cast<ValueTensorType>(valid->front());
  if (!type.hasRank())
    return valid;
  SmallVector<int64_t> sizes(type.getSizes());
  size_t spatial = getShape(op.getWeight())->size() - 2;
  llvm::copy(ArrayRef<int64_t>(*in).take_back(spatial), sizes.end() - spatial);
  return tensorOf(sizes, type.getDtype());
}

void torchc::torch::addConvolutionInference(InferenceTable &table) {
  table.add<AtenConv1dOp>(inferPlain<AtenConv1dOp>);
  table.add<AtenConv2dOp>(inferPlain<AtenConv2dOp>);
  table.add<AtenConv1dPaddingOp>(inferNamedPadding<AtenConv1dPaddingOp>);
  table.add<AtenConv2dPaddingOp>(inferNamedPadding<AtenConv2dPaddingOp>);
  table.add<AtenConvolutionOp>(inferGeneral<AtenConvolutionOp>);
  table.add<Aten_ConvolutionOp>(inferGeneral<Aten_ConvolutionOp>);
}
