//===- Windows.cpp - windows that slide over channels-last tensors ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace torchc;

/// floor or ceil of (extent + 2 padding - dilation (kernel - 1) - 1) / stride, + 1.
/// A position that would start in the padding behind the tensor does not count.
OpFoldResult Window::getOutputSize(ImplicitLocOpBuilder &b, int64_t i, OpFoldResult extent) const {
  int64_t reach = dilation[i] * (kernel[i] - 1) + 1;
  OpFoldResult room = addSizes(b, extent, b.getIndexAttr(2 * padding[i] - reach));
  OpFoldResult strideSize = b.getIndexAttr(stride[i]), one = b.getIndexAttr(1);
  OpFoldResult size =
      addSizes(b, ceilMode ? ceilDivSizes(b, room, strideSize) : floorDivSizes(b, room, strideSize), one);
  if (!ceilMode)
    return size;
  // The last position starts before extent + padding.
  OpFoldResult last = addSizes(b, extent, b.getIndexAttr(padding[i] - 1));
  return minSizes(b, size, addSizes(b, floorDivSizes(b, last, strideSize), one));
}

Value torchc::toChannelsLast(ImplicitLocOpBuilder &b, Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  SmallVector<int64_t> permutation = {0};
  llvm::append_range(permutation, llvm::seq<int64_t>(2, rank));
  permutation.push_back(1);
  return transpose(b, tensor, permutation);
}

Value torchc::toChannelsFirst(ImplicitLocOpBuilder &b, Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  SmallVector<int64_t> permutation = {0, rank - 1};
  llvm::append_range(permutation, llvm::seq<int64_t>(1, rank - 1));
  return transpose(b, tensor, permutation);
}

Value torchc::padForWindow(ImplicitLocOpBuilder &b, Value tensor, const Window &window, TypedAttr value) {
  SmallVector<OpFoldResult> low(window.getRank() + 2, b.getIndexAttr(0)), high = low;
  bool pads = false;
  for (int64_t i = 0; i < window.getRank(); ++i) {
    OpFoldResult extent = getDim(b, tensor, i + 1);
    low[i + 1] = b.getIndexAttr(window.padding[i]);
    high[i + 1] = b.getIndexAttr(window.padding[i]);
    if (window.ceilMode) {
      // The last window may reach further than the padding.
      OpFoldResult last = mulSizes(b, subSizes(b, window.getOutputSize(b, i, extent), b.getIndexAttr(1)),
                                   b.getIndexAttr(window.stride[i]));
      int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
      OpFoldResult beyond = subSizes(b, addSizes(b, last, b.getIndexAttr(reach - window.padding[i])), extent);
      high[i + 1] = maxSizes(b, high[i + 1], beyond);
    }
    pads |= getConstantIntValue(low[i + 1]) != 0 || getConstantIntValue(high[i + 1]) != 0;
  }
  if (!pads)
    return tensor;
  Value constant = arith::ConstantOp::create(b, value);
  return tensor::PadOp::create(b, Type(), tensor, low, high, constant);
}
