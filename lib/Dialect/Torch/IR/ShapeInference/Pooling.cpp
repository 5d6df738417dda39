//===- Pooling.cpp - result types of pooling ---===//
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

/// out = (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded up
/// in ceil mode unless the last window would start in the padding behind.
static Types inferPool(size_t spatial, Value self, Value kernels, Value strides, Value paddings, Value dilations,
                       Value ceilMode) {
  Type dtype = getDtype(self);
  Shape shape = getShape(self), kernel = getSizes(kernels), stride = getSizes(strides), padding = getSizes(paddings);
  Shape dilation = dilations ? getSizes(dilations) : Shape(SmallVector<int64_t>{1});
  auto ceil = getConstantBool(ceilMode);
  if (!shape || !kernel || !stride || !padding || !dilation || !ceil || shape->size() < spatial)
    return tensorOf(std::nullopt, dtype);
  if (stride->empty())
    stride = kernel;
  for (size_t i = 0; i < spatial; ++i) {
    int64_t &size = (*shape)[shape->size() - spatial + i];
    int64_t k = at(*kernel, i), s = at(*stride, i), p = at(*padding, i), d = at(*dilation, i);
    if (llvm::any_of(ArrayRef<int64_t>{size, k, s, p, d}, [](int64_t v) { return ShapedType::isDynamic(v); })) {
      size = kDynamic;
      continue;
    }
    int64_t out = (size + 2 * p - d * (k - 1) - 1 + (*ceil ? s - 1 : 0)) / s + 1;
    if (*ceil && (out - 1) * s >= size + p)
      --out;
    size = out;
  }
  return tensorOf(shape, dtype);
}

/// The last dims become `output_size`; a None there keeps the dim.
template <size_t spatial> static Types inferAdaptive(ValueRange operands) {
  Shape shape = getShape(operands[0]), sizes = getSizes(operands[1]);
  if (!shape || !sizes || shape->size() < spatial)
    return tensorOf(std::nullopt, getDtype(operands[0]));
  for (size_t i = 0; i < spatial; ++i)
    (*shape)[shape->size() - spatial + i] = at(*sizes, i);
  return tensorOf(shape, getDtype(operands[0]));
}

void torchc::torch::addPoolingInference(InferenceTable &table) {
  table.add<AtenMaxPool2dOp>([](AtenMaxPool2dOp::Adaptor op) {
    return inferPool(2, op.getSelf(), op.getKernelSize(), op.getStride(), op.getPadding(), op.getDilation(),
                     op.getCeilMode());
  });
  table.add<AtenMaxPool1dOp>([](AtenMaxPool1dOp::Adaptor op) {
    return inferPool(1, op.getSelf(), op.getKernelSize(), op.getStride(), op.getPadding(), op.getDilation(),
                     op.getCeilMode());
  });
  table.add<AtenMaxPool2dWithIndicesOp>([](AtenMaxPool2dWithIndicesOp::Adaptor op) {
    Types values = inferPool(2, op.getSelf(), op.getKernelSize(), op.getStride(), op.getPadding(), op.getDilation(),
                             op.getCeilMode());
    if (failed(values))
      return values;
    auto type = cast<ValueTensorType>(values->front());
    Type index = IntegerType::get(type.getContext(), 64, IntegerType::Signed);
    return concat({values, tensorOf(type.hasRank() ? Shape(llvm::to_vector(type.getSizes())) : Shape(), index)});
  });
  table.add<AtenAvgPool2dOp>([](AtenAvgPool2dOp::Adaptor op) {
    return inferPool(2, op.getSelf(), op.getKernelSize(), op.getStride(), op.getPadding(), Value(), op.getCeilMode());
  });
  table.add<AtenAvgPool3dOp>([](AtenAvgPool3dOp::Adaptor op) {
    return inferPool(3, op.getSelf(), op.getKernelSize(), op.getStride(), op.getPadding(), Value(), op.getCeilMode());
  });
  table.add<AtenAvgPool1dOp>([](AtenAvgPool1dOp::Adaptor op) {
    return inferPool(1, op.getSelf(), op.getKernelSize(), op.getStride(), op.getPadding(), Value(), op.getCeilMode());
  });
  table.addAll<AtenAdaptiveAvgPool1dOp>(inferAdaptive<1>);
  table.addAll<AtenAdaptiveAvgPool2dOp, Aten_AdaptiveAvgPool2dOp>(inferAdaptive<2>);
}
