//===- PoolingBackward.cpp - gradients of pooling ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Backward.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

//===----------------------------------------------------------------------===//
// Means of windows
//===----------------------------------------------------------------------===//

/// How many elements of a dim each of its windows counts: from i stride - padding to the end of the window or of
/// the padding, or of that what lies within the tensor.
static Value countElements(Value outputs, Value extent, int64_t kernel, int64_t stride, int64_t padding,
                           bool countsPadding, Type dtype, Decomposer &b) {
  Value one = b.integer(1);
  Value start = b.create<AtenMulScalarOp>(b.range(outputs), b.integer(stride));
  start = b.create<AtenAddScalarOp>(start, b.integer(-padding), one);
  Value end = b.create<AtenClampMaxOp>(b.create<AtenAddScalarOp>(start, b.integer(kernel), one),
                                       b.add(extent, b.integer(padding)));
  if (!countsPadding) {
    start = b.create<AtenClampMinOp>(start, b.integer(0));
    end = b.create<AtenClampMaxOp>(end, extent);
  }
  return b.convert(b.subTensors(end, start), dtype);
}

/// The elements of the last dims with so much around and between them that a window of `kernel` elements, moved by
/// one, stands over those windows of `stride` that an element is in.
static Value spread(Value x, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride, Decomposer &b) {
  int64_t spatial = kernel.size(), lead = getRank(x) - spatial;
  for (int64_t i = 0; i < spatial; ++i) {
    Value reach = b.integer(kernel[i] - 1);
    SmallVector<Value> sizes = b.sizes(x);
    Value last = b.add(b.add(b.mul(b.sub(sizes[lead + i], b.integer(1)), b.integer(stride[i])), b.integer(1)), reach);
    sizes[lead + i] = b.add(last, reach);
    x = b.create<AtenSliceScatterOp>(b.full(sizes, b.integer(0), getDtype(x)), x, b.integer(lead + i), reach, last,
                                     b.integer(stride[i]));
  }
  return x;
}

/// Each element gets the sum of g / count over the windows that it is in.
template <typename PoolOp, typename Op>
static FailureOr<Value> decomposeAvgPoolBackward(Op op, int64_t spatial, Decomposer &b) {
  auto kernel = getNumbers(op.getKernelSize(), spatial), padding = getNumbers(op.getPadding(), spatial);
  auto stride = kernel ? getNumbers(op.getStride(), spatial, *kernel) : std::nullopt;
  auto ceil = getConstantBool(op.getCeilMode()), countsPadding = getConstantBool(op.getCountIncludePad());
  auto divisor = getConstantInt(op.getDivisorOverride());
  if (!kernel || !padding || !stride || !ceil || !countsPadding || (!divisor && !isNone(op.getDivisorOverride())))
    return b.unsupported("numbers that are not constant");
  Value x = op.getSelf();
  int64_t lead = getRank(x) - spatial;
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value g = b.convert(op.getGradOutput(), computed);
  bool isFull = !*ceil && (*countsPadding || llvm::all_of(*padding, [](int64_t pad) { return pad == 0; }));
  if (divisor || isFull) {
    g = b.create<AtenDivScalarOp>(g, b.integer(divisor ? *divisor : llvm::product_of(*kernel)));
  } else {
    for (int64_t i = 0; i < spatial; ++i) {
      Value count = countElements(b.size(g, lead + i), b.size(x, lead + i), (*kernel)[i], (*stride)[i], (*padding)[i],
                                  *countsPadding, computed, b);
      for (int64_t dim = i + 1; dim < spatial; ++dim)
        count = b.unsqueeze(count, -1);
      g = b.divTensors(g, count);
    }
  }
  Value ones = b.list(SmallVector<int64_t>(spatial, 1)), zeros = b.list(SmallVector<int64_t>(spatial, 0));
  Value sums = b.create<PoolOp>(spread(g, *kernel, *stride, b), b.list(*kernel), ones, zeros, b.boolean(false),
                                b.boolean(true), b.integer(1));
  // Without the padding in front, and as long as the input was: what no window reads gets 0.
  SmallVector<Value> pads;
  for (int64_t i = spatial; i-- > 0;) {
    Value front = b.integer(-(*padding)[i]);
    llvm::append_values(pads, front, b.sub(b.sub(b.size(x, lead + i), b.size(sums, lead + i)), front));
  }
  Value result = b.create<AtenConstantPadNdOp>(sums, b.list(pads), b.integer(0));
  return b.convert(result, dtype);
}
static FailureOr<Value> DecomposeAtenAvgPool2dBackward(AtenAvgPool2dBackwardOp op, Decomposer &b) {
  return decomposeAvgPoolBackward<AtenAvgPool2dOp>(op, 2, b);
}
static FailureOr<Value> DecomposeAtenAvgPool3dBackward(AtenAvgPool3dBackwardOp op, Decomposer &b) {
  return decomposeAvgPoolBackward<AtenAvgPool3dOp>(op, 3, b);
}

//===----------------------------------------------------------------------===//
// Means of cells that cover the image: cell i of n is [floor(i extent / n), ceil((i + 1) extent / n))
//===----------------------------------------------------------------------===//

/// Along each dim a product with the matrix of the cells, transposed.
static FailureOr<Value> buildCellGradient(Value gradient, Value x, Type dtype, int64_t spatial, Decomposer &b) {
  Type computed = getComputeDtype(dtype);
  int64_t rank = getRank(x);
  Value g = b.convert(gradient, computed);
  for (int64_t dim = rank - spatial; dim < rank; ++dim) {
    int64_t extent = getTensorType(x).getSizes()[dim], cells = getTensorType(gradient).getSizes()[dim];
    if (cells == 1) {
      SmallVector<Value> sizes = b.sizes(g);
      sizes[dim] = b.size(x, dim);
      g = b.expand(b.create<AtenDivScalarOp>(g, sizes[dim]), sizes);
      continue;
    }
    if (ShapedType::isDynamic(extent) || ShapedType::isDynamic(cells) || cells == 0)
      return b.unsupported("of a dim that is not static");
    SmallVector<double> shares(cells * extent, 0);
    for (int64_t cell = 0; cell < cells; ++cell) {
      int64_t first = cell * extent / cells, end = llvm::divideCeilSigned((cell + 1) * extent, cells);
      for (int64_t place = first; place < end; ++place)
        shares[cell * extent + place] = 1.0 / static_cast<double>(end - first);
    }
    Value moved = b.transpose(g, dim, rank - 1);
    g = b.transpose(b.create<AtenMatmulOp>(moved, b.literal(computed, shares, {cells, extent})), dim, rank - 1);
  }
  return b.convert(g, dtype);
}
static FailureOr<Value> DecomposeAten_AdaptiveAvgPool2dBackward(Aten_AdaptiveAvgPool2dBackwardOp op, Decomposer &b) {
  return buildCellGradient(op.getGradOutput(), op.getSelf(), getResultDtype(op), 2, b);
}
static FailureOr<Value> DecomposeAten_AdaptiveAvgPool3dBackward(Aten_AdaptiveAvgPool3dBackwardOp op, Decomposer &b) {
  return buildCellGradient(op.getGradOutput(), op.getSelf(), getResultDtype(op), 3, b);
}

//===----------------------------------------------------------------------===//
// Maxima
//===----------------------------------------------------------------------===//

/// Every window's gradient to the place of its maximum, which counts in the flattened image.
template <int64_t spatial, typename Op> static FailureOr<Value> decomposeMaxPoolBackward(Op op, Decomposer &b) {
  int64_t lead = getRank(op.getSelf()) - spatial;
  SmallVector<Value> sizes = b.sizes(op.getSelf()), flatSizes(ArrayRef<Value>(sizes).take_front(lead));
  flatSizes.push_back(b.integer(1));
  for (Value size : ArrayRef<Value>(sizes).drop_front(lead))
    flatSizes.back() = b.mul(flatSizes.back(), size);
  Value zeros = b.full(flatSizes, b.integer(0), getDtype(op.getSelf()));
  Value sums =
      b.create<AtenScatterReduceTwoOp>(zeros, b.integer(lead), b.flatten(op.getIndices(), lead, -1),
                                       b.flatten(op.getGradOutput(), lead, -1), b.string("sum"), b.boolean(true));
  return b.createAs<AtenReshapeOp>(op.getType(), sums, b.list(sizes));
}

void torchc::populatePoolingBackwardPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenAvgPool2dBackward, DecomposeAtenAvgPool3dBackward,
                    DecomposeAten_AdaptiveAvgPool2dBackward, DecomposeAten_AdaptiveAvgPool3dBackward);
  addDecompositions(patterns, decomposeMaxPoolBackward<2, AtenMaxPool2dWithIndicesBackwardOp>,
                    decomposeMaxPoolBackward<3, AtenMaxPool3dWithIndicesBackwardOp>,
                    decomposeMaxPoolBackward<2, AtenAdaptiveMaxPool2dBackwardOp>,
                    decomposeMaxPoolBackward<3, AtenAdaptiveMaxPool3dBackwardOp>);
}
