//===- ConvolutionBackward.cpp - gradients of convolutions ---===//
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

namespace {

/// What is constant of a convolution, one number a spatial dim.
struct Geometry {
  SmallVector<int64_t> kernel, stride, padding, dilation;
  int64_t groups;

  int64_t getSpatial() const { return kernel.size(); }
  /// The windows cover the input once: neither do they overlap, nor is there anything between them.
  bool isTiling() const {
    return kernel == stride && llvm::all_of(dilation, [](int64_t step) { return step == 1; });
  }
};

} // namespace

static FailureOr<Geometry> getGeometry(AtenConvolutionBackwardOp op, Decomposer &b) {
  ArrayRef<int64_t> weight = getTensorType(op.getWeight()).getSizes();
  auto spatial = static_cast<int64_t>(weight.size()) - 2;
  auto stride = getNumbers(op.getStride(), spatial), padding = getNumbers(op.getPadding(), spatial),
       dilation = getNumbers(op.getDilation(), spatial);
  auto groups = getConstantInt(op.getGroups());
  if (spatial < 1 || !stride || !padding || !dilation || !groups || llvm::any_of(weight, ShapedType::isDynamic))
    return b.unsupported("of a weight that is not static, or numbers that are not constant");
  return Geometry{llvm::to_vector(weight.drop_front(2)), *stride, *padding, *dilation, *groups};
}

/// The first elements of the spatial dims, as many as those of `like`.
static Value cutTo(Value x, Value like, Decomposer &b) {
  for (int64_t dim = 2; dim < getRank(x); ++dim) {
    int64_t own = getTensorType(x).getSizes()[dim], wanted = getTensorType(like).getSizes()[dim];
    if (ShapedType::isDynamic(own) || own != wanted)
      x = b.slice(x, dim, b.integer(0), b.size(like, dim));
  }
  return x;
}

/// The dims behind the first two with zeros behind, or cut, so that there are `sizes` elements.
static Value fitTo(Value x, ArrayRef<Value> sizes, Decomposer &b) {
  SmallVector<Value> pads;
  for (int64_t i = sizes.size(); i-- > 0;)
    llvm::append_values(pads, b.integer(0), b.sub(sizes[i], b.size(x, 2 + i)));
  return b.create<AtenConstantPadNdOp>(x, b.list(pads), b.integer(0));
}

/// Counts up a position within `extents`, the last dim first. False once all were there.
static bool advance(MutableArrayRef<int64_t> position, ArrayRef<int64_t> extents) {
  for (int64_t i = position.size(); i-- > 0;) {
    if (++position[i] < extents[i])
      return true;
    position[i] = 0;
  }
  return false;
}

/// With a stride, element stride q + a of the padded input meets only the weights a, a + stride, ...: each such phase
/// is a transposed convolution of its own, without a stride, and the phases take turns in the result.
static Value buildStridedInputGradient(AtenConvolutionBackwardOp op, const Geometry &geometry, Decomposer &b) {
  int64_t spatial = geometry.getSpatial();
  Value gradient = op.getGradOutput(), input = op.getInput();
  Value ones = b.list(SmallVector<int64_t>(spatial, 1)), zeros = b.list(SmallVector<int64_t>(spatial, 0));
  SmallVector<Value> counts; // Of the elements of one phase.
  for (int64_t i = 0; i < spatial; ++i)
    counts.push_back(b.floordiv(b.add(b.size(input, 2 + i), b.integer(geometry.padding[i] + geometry.stride[i] - 1)),
                                b.integer(geometry.stride[i])));

  SmallVector<Value> parts;
  SmallVector<int64_t> phase(spatial, 0);
  do {
    Value weight = op.getWeight(), part;
    bool meetsNone = false;
    for (int64_t i = 0; i < spatial; ++i) {
      meetsNone |= phase[i] >= geometry.kernel[i];
      if (geometry.stride[i] != 1)
        weight = b.create<AtenSliceTensorOp>(weight, b.integer(2 + i), b.integer(phase[i]),
                                             b.integer(geometry.kernel[i]), b.integer(geometry.stride[i]));
    }
    if (meetsNone) {
      SmallVector<Value> sizes = {b.size(input, 0), b.size(input, 1)};
      llvm::append_range(sizes, counts);
      part = b.full(sizes, b.integer(0), getDtype(gradient));
    } else {
      part = fitTo(b.create<AtenConvolutionOp>(gradient, weight, b.none(), ones, zeros, ones, b.boolean(true), zeros,
                                               b.integer(geometry.groups)),
                   counts, b);
    }
    parts.push_back(part);
  } while (advance(phase, geometry.stride));

  // [N, C, q1, q2, ...] of each phase to [N, C, q1, a1, q2, a2, ...], the last dim first.
  for (int64_t i = spatial; i-- > 0;) {
    SmallVector<Value> joined;
    for (size_t first = 0; first < parts.size(); first += geometry.stride[i]) {
      SmallVector<Value> turns;
      for (Value part : ArrayRef<Value>(parts).slice(first, geometry.stride[i]))
        turns.push_back(b.unsqueeze(part, 3 + i));
      joined.push_back(turns.size() == 1 ? turns.front() : b.cat(turns, 3 + i));
    }
    parts = std::move(joined);
  }
  SmallVector<Value> sizes = {b.size(input, 0), b.size(input, 1)};
  for (int64_t i = 0; i < spatial; ++i)
    sizes.push_back(b.mul(counts[i], b.integer(geometry.stride[i])));
  Value result = b.create<AtenReshapeOp>(parts.front(), b.list(sizes));
  for (int64_t i = 0; i < spatial; ++i)
    result = b.slice(result, 2 + i, b.integer(geometry.padding[i]),
                     b.add(b.size(input, 2 + i), b.integer(geometry.padding[i])));
  return result;
}

/// The gradient goes the way back: through a transposed convolution, or from that one through a convolution.
static Value buildInputGradient(AtenConvolutionBackwardOp op, const Geometry &geometry, bool transposed,
                                Decomposer &b) {
  auto isOne = [](int64_t step) { return step == 1; };
  if (!transposed && !llvm::all_of(geometry.stride, isOne) && llvm::all_of(geometry.dilation, isOne))
    return buildStridedInputGradient(op, geometry, b);
  Value gradient = op.getGradOutput();
  // Where a stride leaves elements at the end that no window reads, there is room for them.
  SmallVector<int64_t> room(geometry.getSpatial(), 0);
  for (int64_t i = 0; i < geometry.getSpatial() && !transposed; ++i)
    room[i] = geometry.stride[i] - 1;
  Value result = b.create<AtenConvolutionOp>(gradient, op.getWeight(), b.none(), b.list(geometry.stride),
                                             b.list(geometry.padding), b.list(geometry.dilation),
                                             b.boolean(!transposed), b.list(room), b.integer(geometry.groups));
  return cutTo(result, op.getInput(), b);
}

/// [N, C, spatial...] as [N, spatial..., C]
static Value toChannelsLast(Value x, Decomposer &b) {
  SmallVector<int64_t> order = {0};
  llvm::append_range(order, llvm::seq<int64_t>(2, getRank(x)));
  order.push_back(1);
  return b.permute(x, order);
}

/// What position `at` of the window reads in `padded`, whose spatial dims begin at `first`.
static Value readWindowPosition(Value padded, int64_t first, ArrayRef<Value> outputs, ArrayRef<int64_t> at,
                                const Geometry &geometry, Decomposer &b) {
  for (auto [i, position] : llvm::enumerate(at)) {
    int64_t start = position * geometry.dilation[i], step = geometry.stride[i];
    Value last = b.add(b.mul(b.sub(outputs[i], b.integer(1)), b.integer(step)), b.integer(start + 1));
    padded = b.create<AtenSliceTensorOp>(padded, b.integer(first + i), b.integer(start), last, b.integer(step));
  }
  return padded;
}

/// Windows that stand side by side: [N, o1, k1, o2, k2, ..., C] as [N, o1, o2, ..., k1, k2, ..., C].
static Value unrollTiles(Value padded, ArrayRef<Value> outputs, const Geometry &geometry, Decomposer &b) {
  int64_t spatial = geometry.getSpatial();
  SmallVector<Value> sizes = b.sizes(padded);
  Value channels = sizes.back();
  sizes.resize(1);
  SmallVector<int64_t> order = {0};
  for (int64_t i = 0; i < spatial; ++i) {
    padded = b.slice(padded, 1 + i, b.integer(0), b.mul(outputs[i], b.integer(geometry.kernel[i])));
    llvm::append_values(sizes, outputs[i], b.integer(geometry.kernel[i]));
    order.push_back(1 + 2 * i);
  }
  for (int64_t i = 0; i < spatial; ++i)
    order.push_back(2 + 2 * i);
  sizes.push_back(channels);
  order.push_back(1 + 2 * spatial);
  return b.permute(b.create<AtenReshapeOp>(padded, b.list(sizes)), order);
}

/// What each of the windows over `x` reads, a row a window: [N output..., kernel... C]. `outputs` says how many
/// windows there are.
static Value unrollWindows(Value x, ArrayRef<Value> outputs, const Geometry &geometry, Decomposer &b) {
  int64_t spatial = geometry.getSpatial(), channelCount = getTensorType(x).getSizes()[1];
  Value channels = b.size(x, 1), rowSize = channels, padded = x;
  SmallVector<int64_t> pads;
  for (int64_t padding : llvm::reverse(geometry.padding))
    pads.append(2, padding);
  if (llvm::any_of(pads, [](int64_t pad) { return pad != 0; }))
    padded = b.create<AtenConstantPadNdOp>(padded, b.list(pads), b.integer(0));
  for (int64_t size : geometry.kernel)
    rowSize = b.mul(rowSize, b.integer(size));
  Value rows = b.list(SmallVector<Value>{b.integer(-1), rowSize});
  if (geometry.isTiling())
    return b.create<AtenReshapeOp>(unrollTiles(toChannelsLast(padded, b), outputs, geometry, b), rows);

  // Few channels side by side are little to copy at once: rather whole rows of an image, of each channel.
  constexpr int64_t kFewChannels = 8;
  bool byChannel = !ShapedType::isDynamic(channelCount) && channelCount <= kFewChannels;
  if (!byChannel)
    padded = toChannelsLast(padded, b);
  SmallVector<Value> parts;
  SmallVector<int64_t> at(spatial, 0);
  do
    parts.push_back(readWindowPosition(padded, byChannel ? 2 : 1, outputs, at, geometry, b));
  while (advance(at, geometry.kernel));
  int64_t dim = byChannel ? 1 : 1 + spatial;
  Value joined = parts.size() == 1 ? parts.front() : b.cat(parts, dim);
  return b.create<AtenReshapeOp>(byChannel ? toChannelsLast(joined, b) : joined, rows);
}

/// Of y = convolution(x, w): the sum over all windows of the gradient of y times what the window reads in x, one
/// product of matrices (a group).
static Value buildWeightGradient(Value x, Value gradient, Value weight, const Geometry &geometry, Decomposer &b) {
  int64_t spatial = geometry.getSpatial(), groups = geometry.groups, positions = 1;
  SmallVector<Value> outputs;
  for (int64_t i = 0; i < spatial; ++i) {
    outputs.push_back(b.size(gradient, 2 + i));
    positions *= geometry.kernel[i];
  }
  ArrayRef<int64_t> sizes = getTensorType(weight).getSizes();
  int64_t rowCount = sizes[0], columns = sizes[1];
  Value windows = unrollWindows(x, outputs, geometry, b);
  Value errors = b.create<AtenReshapeOp>(toChannelsLast(gradient, b), b.list(ArrayRef<int64_t>{-1, rowCount}));

  Value product; // [rows, kernel..., columns]
  // A product is computed in vectors of columns.
  constexpr int64_t kVector = 16;
  if (groups == 1 && columns * positions % kVector != 0 && rowCount % kVector == 0) {
    product = b.transpose(b.create<AtenMmOp>(b.transpose(windows, 0, 1), errors), 0, 1);
  } else if (groups == 1) {
    product = b.create<AtenMmOp>(b.transpose(errors, 0, 1), windows);
  } else if (columns == 1 && rowCount == groups) {
    // Each channel for itself.
    Value each = b.create<AtenReshapeOp>(windows, b.list(ArrayRef<int64_t>{-1, positions, groups}));
    product = b.transpose(b.sum(b.mulTensors(each, b.unsqueeze(errors, 1)), {0}, false), 0, 1);
  } else {
    windows = b.create<AtenReshapeOp>(windows, b.list(ArrayRef<int64_t>{-1, positions, groups, columns}));
    windows = b.create<AtenReshapeOp>(b.permute(windows, {2, 0, 1, 3}),
                                      b.list(ArrayRef<int64_t>{groups, -1, positions * columns}));
    errors = b.create<AtenReshapeOp>(errors, b.list(ArrayRef<int64_t>{-1, groups, rowCount / groups}));
    product = b.create<AtenBmmOp>(b.permute(errors, {1, 2, 0}), windows);
  }
  SmallVector<int64_t> split = {rowCount}, order = {0, 1 + spatial};
  llvm::append_range(split, geometry.kernel);
  split.push_back(columns);
  llvm::append_range(order, llvm::seq<int64_t>(1, 1 + spatial));
  return b.permute(b.create<AtenReshapeOp>(product, b.list(split)), order);
}

static Decomposed DecomposeAtenConvolutionBackward(AtenConvolutionBackwardOp op, Decomposer &b) {
  auto geometry = getGeometry(op, b);
  if (failed(geometry))
    return failure();
  auto mask = getOutputMask(op, op.getOutputMask(), b);
  if (failed(mask))
    return failure();
  auto transposed = getConstantBool(op.getTransposed());
  if (!transposed)
    return b.unsupported("transposed is not constant");
  SmallVector<Value> values(3);
  if ((*mask)[0])
    values[0] = buildInputGradient(op, *geometry, *transposed, b);
  if ((*mask)[1]) {
    Value windowed = *transposed ? op.getGradOutput() : op.getInput();
    Value summed = *transposed ? op.getInput() : op.getGradOutput();
    values[1] = buildWeightGradient(windowed, summed, op.getWeight(), *geometry, b);
  }
  if ((*mask)[2]) {
    SmallVector<int64_t> dims = {0};
    llvm::append_range(dims, llvm::seq<int64_t>(2, getRank(op.getGradOutput())));
    values[2] = b.sum(op.getGradOutput(), dims, false);
  }
  return values;
}

void torchc::populateConvolutionBackwardPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenConvolutionBackward);
}
