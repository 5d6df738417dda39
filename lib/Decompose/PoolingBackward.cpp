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

/// The share that each element of a dim has in the mean of each of its cells [cells, extent].
static Value buildShares(Value cells, Value extent, Type dtype, Decomposer &b) {
  if (auto count = getConstantInt(cells), size = getConstantInt(extent); count && size) {
    SmallVector<double> shares(*count * *size, 0);
    for (int64_t cell = 0; cell < *count; ++cell) {
      int64_t first = cell * *size / *count, end = llvm::divideCeilSigned((cell + 1) * *size, *count);
      for (int64_t place = first; place < end; ++place)
        shares[cell * *size + place] = 1.0 / static_cast<double>(end - first);
    }
    return b.literal(dtype, shares, {*count, *size});
  }
  // Place p is in cell i where floor(i extent / cells) <= p < ceil((i + 1) extent / cells).
  Value one = b.integer(1), cell = b.create<AtenMulScalarOp>(b.unsqueeze(b.range(cells), 1), extent);
  Value place = b.create<AtenMulScalarOp>(b.range(extent), cells);
  Value begins = b.create<AtenLtTensorOp>(cell, b.create<AtenAddScalarOp>(place, cells, one));
  Value lasts = b.create<AtenLtTensorOp>(place, b.create<AtenAddScalarOp>(cell, extent, one));
  Value isInside = b.convert(b.create<AtenLogicalAndOp>(begins, lasts), dtype);
  return b.divTensors(isInside, b.sum(isInside, {1}, /*keepdim=*/true));
}

/// Along each dim a product with the matrix of the cells, transposed.
static FailureOr<Value> buildCellGradient(Value gradient, Value x, Type dtype, int64_t spatial, Decomposer &b) {
  Type computed = getComputeDtype(dtype);
  int64_t rank = getRank(x);
  Value g = b.convert(gradient, computed);
  for (int64_t dim = rank - spatial; dim < rank; ++dim) {
    Value cells = b.size(gradient, dim), extent = b.size(x, dim);
    if (getConstantInt(cells) == 1) {
      SmallVector<Value> sizes = b.sizes(g);
      sizes[dim] = extent;
      g = b.expand(b.create<AtenDivScalarOp>(g, extent), sizes);
      continue;
    }
    Value moved = b.transpose(g, dim, rank - 1);
    g = b.transpose(b.create<AtenMatmulOp>(moved, buildShares(cells, extent, computed, b)), dim, rank - 1);
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
template <int64_t spatial, typename Op> static FailureOr<Value> scatterToMaxima(Op op, Decomposer &b) {
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

namespace {

/// An image, channels last, cut into cells of `stride` elements of each dim: the element e of the padded image is
/// element e mod stride of cell e / stride, and in the windows that start in this cell or up to `reach` - 1 before.
struct Cells {
  Cells(Value image, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride, ArrayRef<int64_t> padding, Decomposer &b);
  /// [lead..., cell, in cell, ..., C] of values of the windows `back` cells before each.
  Value spread(Value windows, ArrayRef<int64_t> back);
  /// The places of elements in the flattened image, as above, without the leading dims.
  Value getPlaces();
  /// The image of such elements.
  Value join(Value elements);

  ArrayRef<int64_t> kernel, stride, padding;
  SmallVector<int64_t> reach;
  SmallVector<Value> sizes; ///< Of the image, channels last.
  SmallVector<Value> counts;
  int64_t lead;
  Decomposer &b;
};

} // namespace

Cells::Cells(Value image, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride, ArrayRef<int64_t> padding, Decomposer &b)
    : kernel(kernel), stride(stride), padding(padding), sizes(b.sizes(image)),
      lead(getRank(image) - 1 - static_cast<int64_t>(kernel.size())), b(b) {
  for (auto [i, size] : llvm::enumerate(kernel)) {
    reach.push_back(llvm::divideCeilSigned(size, stride[i]));
    counts.push_back(b.floordiv(b.add(sizes[lead + i], b.integer(padding[i] + stride[i] - 1)), b.integer(stride[i])));
  }
}

Value Cells::spread(Value windows, ArrayRef<int64_t> back) {
  SmallVector<Value> grown = b.sizes(windows);
  SmallVector<Value> pads = {b.integer(0), b.integer(0)};
  for (int64_t i = kernel.size(); i-- > 0;) {
    // As many cells as there are, after `reach` - 1 that hold no window.
    Value behind = b.sub(counts[i], grown[lead + i]);
    llvm::append_values(pads, b.integer(back[i]), b.sub(behind, b.integer(back[i])));
  }
  Value moved = b.create<AtenConstantPadNdOp>(windows, b.list(pads), b.integer(0));
  SmallVector<Value> expanded(grown.begin(), grown.begin() + lead);
  for (int64_t i = 0, e = kernel.size(); i < e; ++i) {
    moved = b.unsqueeze(moved, lead + 2 * i + 1);
    llvm::append_values(expanded, counts[i], b.integer(stride[i]));
  }
  expanded.push_back(grown.back());
  return b.expand(moved, expanded);
}

Value Cells::getPlaces() {
  Value places;
  for (int64_t i = 0, e = kernel.size(); i < e; ++i) {
    Value along = b.create<AtenAddScalarOp>(b.range(b.mul(counts[i], b.integer(stride[i]))), b.integer(-padding[i]),
                                            b.integer(1));
    SmallVector<Value> shape(2 * e + 1, b.integer(1));
    shape[2 * i] = counts[i];
    shape[2 * i + 1] = b.integer(stride[i]);
    along = b.view(along, shape);
    places = places ? b.addTensors(b.create<AtenMulScalarOp>(places, sizes[lead + i]), along) : along;
  }
  return places;
}

Value Cells::join(Value elements) {
  SmallVector<Value> joined = b.sizes(elements), shape(joined.begin(), joined.begin() + lead);
  for (auto [count, step] : llvm::zip_equal(counts, stride))
    shape.push_back(b.mul(count, b.integer(step)));
  shape.push_back(joined.back());
  Value image = b.create<AtenReshapeOp>(elements, b.list(shape));
  for (auto [i, front] : llvm::enumerate(padding))
    image = b.slice(image, lead + i, b.integer(front), b.add(sizes[lead + i], b.integer(front)));
  return image;
}

/// Each element gets the gradients of those windows around it that say that it is their maximum.
template <int64_t spatial, typename Op> static FailureOr<Value> decomposeMaxPoolBackward(Op op, Decomposer &b) {
  auto kernel = getNumbers(op.getKernelSize(), spatial), padding = getNumbers(op.getPadding(), spatial),
       dilation = getNumbers(op.getDilation(), spatial);
  auto stride = kernel ? getNumbers(op.getStride(), spatial, *kernel) : std::nullopt;
  int64_t channels = getRank(op.getSelf()) - spatial - 1, windows = 1;
  bool isDense = kernel && padding && stride && dilation && channels >= 0 &&
                 llvm::all_of(*dilation, [](int64_t step) { return step == 1; });
  for (int64_t i = 0; i < spatial && isDense; ++i)
    windows *= llvm::divideCeilSigned((*kernel)[i], (*stride)[i]);
  // Many windows around an element, of which one names it, are asked in vain.
  constexpr int64_t kMostWindows = 16;
  if (!isDense || windows > kMostWindows)
    return scatterToMaxima<spatial>(op, b);

  // Channels last: there lanes have neighbours to share windows with.
  int64_t rank = getRank(op.getSelf());
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  order.erase(order.begin() + channels);
  order.push_back(channels);
  Cells cells(b.permute(op.getSelf(), order), *kernel, *stride, *padding, b);
  Value gradient = b.permute(op.getGradOutput(), order), indices = b.permute(op.getIndices(), order);
  Value places = cells.getPlaces(), zero = b.literal(getDtype(gradient), 0), sum;
  SmallVector<int64_t> back(spatial, 0);
  for (bool more = true; more;) {
    Value isMaximum = b.create<AtenEqTensorOp>(cells.spread(indices, back), places);
    Value part = b.where(isMaximum, cells.spread(gradient, back), zero);
    sum = sum ? b.addTensors(sum, part) : part;
    more = false;
    for (int64_t i = spatial; i-- > 0 && !more;) {
      more = ++back[i] < cells.reach[i];
      if (!more)
        back[i] = 0;
    }
  }
  SmallVector<int64_t> original = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  original.insert(original.begin() + channels, rank - 1);
  return b.permute(cells.join(sum), original);
}

void torchc::populatePoolingBackwardPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenAvgPool2dBackward, DecomposeAtenAvgPool3dBackward,
                    DecomposeAten_AdaptiveAvgPool2dBackward, DecomposeAten_AdaptiveAvgPool3dBackward);
  addDecompositions(patterns, decomposeMaxPoolBackward<2, AtenMaxPool2dWithIndicesBackwardOp>,
                    decomposeMaxPoolBackward<3, AtenMaxPool3dWithIndicesBackwardOp>,
                    scatterToMaxima<2, AtenAdaptiveMaxPool2dBackwardOp>,
                    scatterToMaxima<3, AtenAdaptiveMaxPool3dBackwardOp>);
}
