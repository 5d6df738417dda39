//===- Convolution.cpp - convolutions, channels last ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"
#include "Windows.h"

#include <numeric>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Output sizes [N, spatial..., channels].
static SmallVector<OpFoldResult> getOutputSizes(Lowering &b, Value input, const Window &window, int64_t channels) {
  SmallVector<OpFoldResult> sizes = {getDim(b, input, 0)};
  for (int64_t i = 0; i < window.getRank(); ++i)
    sizes.push_back(window.getOutputSize(b, i, getDim(b, input, i + 1)));
  sizes.push_back(b.getIndexAttr(channels));
  return sizes;
}

/// The weight [O, I, spatial...] as [spatial..., I, O].
static Value toFilter(Lowering &b, Value weight, int64_t numSpatial) {
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(2, 2 + numSpatial));
  permutation.append({1, 0});
  return transpose(b, weight, permutation);
}

static Value convolveAllChannels(Lowering &b, Value padded, Value weight, Value output, const Window &window) {
  Value filter = toFilter(b, weight, window.getRank());
  auto strides = b.getI64TensorAttr(window.stride), dilations = b.getI64TensorAttr(window.dilation);
  if (window.getRank() == 2)
    return linalg::Conv2DNhwcHwcfOp::create(b, output.getType(), {padded, filter}, output, strides, dilations)
        .getResult(0);
  return linalg::Conv3DNdhwcDhwcfOp::create(b, output.getType(), {padded, filter}, output, strides, dilations)
      .getResult(0);
}

/// Each channel with a filter of its own: the weight [C, 1, H, W] as [H, W, C].
static Value convolveDepthwise(Lowering &b, Value padded, Value weight, Value output, const Window &window) {
  Value filter = transpose(b, dropUnitDims(b, weight, 1), {1, 2, 0});
  auto strides = b.getI64TensorAttr(window.stride), dilations = b.getI64TensorAttr(window.dilation);
  return linalg::DepthwiseConv2DNhwcHwcOp::create(b, output.getType(), {padded, filter}, output, strides, dilations)
      .getResult(0);
}

/// Groups are a dim of their own: input [N, spatial..., G, I], filter
/// [G, spatial..., I, O], output [N, spatial..., G, O].
static Value convolveGroups(Lowering &b, Value padded, Value weight, ArrayRef<OpFoldResult> outputSizes, int64_t groups,
                            const Window &window, Type dtype) {
  int64_t numSpatial = window.getRank();
  auto weightType = cast<RankedTensorType>(weight.getType());
  int64_t groupOutputs = weightType.getDimSize(0) / groups, groupInputs = weightType.getDimSize(1);

  SmallVector<OpFoldResult> inputSizes = getDims(b, padded), filterSizes = getDims(b, weight);
  inputSizes.back() = b.getIndexAttr(groups);
  inputSizes.push_back(b.getIndexAttr(groupInputs));
  Value input = reshape(b, padded, inputSizes);
  filterSizes[0] = b.getIndexAttr(groupOutputs);
  filterSizes.insert(filterSizes.begin(), b.getIndexAttr(groups));
  SmallVector<int64_t> permutation = {0};
  llvm::append_range(permutation, llvm::seq<int64_t>(3, 3 + numSpatial));
  permutation.append({2, 1});
  Value filter = transpose(b, reshape(b, weight, filterSizes), permutation);

  // Loops: n, output spatial..., g, o; then window spatial..., i.
  SmallVector<OpFoldResult> loops(outputSizes.drop_back());
  loops.append({b.getIndexAttr(groups), b.getIndexAttr(groupOutputs)});
  int64_t g = numSpatial + 1, o = g + 1, firstWindowDim = o + 1, i = firstWindowDim + numSpatial;
  SmallVector<AffineExpr> inputExprs = {b.getAffineDimExpr(0)}, filterExprs = {b.getAffineDimExpr(g)};
  for (int64_t dim = 0; dim < numSpatial; ++dim) {
    inputExprs.push_back(b.getAffineDimExpr(1 + dim) * window.stride[dim] +
                         b.getAffineDimExpr(firstWindowDim + dim) * window.dilation[dim]);
    filterExprs.push_back(b.getAffineDimExpr(firstWindowDim + dim));
    loops.push_back(b.getIndexAttr(window.kernel[dim]));
  }
  loops.push_back(b.getIndexAttr(groupInputs));
  inputExprs.append({b.getAffineDimExpr(g), b.getAffineDimExpr(i)});
  filterExprs.append({b.getAffineDimExpr(i), b.getAffineDimExpr(o)});
  int64_t numLoops = loops.size();
  SmallVector<int64_t> reduced = llvm::to_vector(llvm::seq<int64_t>(firstWindowDim, numLoops));
  MappedOperand inputOperand = {input, AffineMap::get(numLoops, 0, inputExprs, b.getContext())};
  MappedOperand filterOperand = {filter, AffineMap::get(numLoops, 0, filterExprs, b.getContext())};
  Type compute = getComputeDtype(dtype);
  Value output = createReduction(b, {inputOperand, filterOperand}, loops, reduced, getNumber(b, compute, 0),
                                 [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
                                   Value x = convertElement(body, elements[0], dtype, compute);
                                   Value w = convertElement(body, elements[1], dtype, compute);
                                   if (isFloat(compute))
                                     return createContractingAdd(body, elements[2], createContractingMul(body, x, w));
                                   return arith::AddIOp::create(body, elements[2], arith::MulIOp::create(body, x, w));
                                 });
  return reshape(b, output, outputSizes);
}

/// [G I, O, spatial...] -> [G O, I, spatial...], reversed.
static Value reverseFilter(Lowering &b, Value weight, const Window &window, int64_t groups) {
  int64_t numSpatial = window.getRank();
  auto type = cast<RankedTensorType>(weight.getType());
  auto reverse = [&](ImplicitLocOpBuilder &body, int64_t i, Value index) -> Value {
    return arith::SubIOp::create(body, arith::ConstantIndexOp::create(body, window.kernel[i] - 1), index);
  };
  if (groups == 1) {
    // At once in the order that a convolution reads it in: [spatial..., I, O].
    SmallVector<OpFoldResult> sizes = getDims(b, weight);
    std::rotate(sizes.begin(), sizes.begin() + 2, sizes.end());
    Value filter = createFromIndices(b, sizes, type.getElementType(), [&](ImplicitLocOpBuilder &body, ValueRange at) {
      SmallVector<Value> source = {at[numSpatial], at[numSpatial + 1]};
      for (int64_t i = 0; i < numSpatial; ++i)
        source.push_back(reverse(body, i, at[i]));
      return tensor::ExtractOp::create(body, weight, source).getResult();
    });
    SmallVector<int64_t> permutation = {numSpatial + 1, numSpatial};
    llvm::append_range(permutation, llvm::seq<int64_t>(0, numSpatial));
    return transpose(b, filter, permutation);
  }
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(3 + numSpatial));
  std::swap(permutation[1], permutation[2]);
  SmallVector<OpFoldResult> grouped = getDims(b, weight);
  grouped[0] = b.getIndexAttr(type.getDimSize(0) / groups);
  grouped.insert(grouped.begin(), b.getIndexAttr(groups));
  Value swapped = flatten(b, transpose(b, reshape(b, weight, grouped), permutation), 0, 1);
  return createFromIndices(b, getDims(b, swapped), type.getElementType(),
                           [&](ImplicitLocOpBuilder &body, ValueRange at) {
                             SmallVector<Value> source(at);
                             for (int64_t i = 0; i < numSpatial; ++i)
                               source[2 + i] = reverse(body, i, at[2 + i]);
                             return tensor::ExtractOp::create(body, swapped, source).getResult();
                           });
}

/// The equal convolution of a transposed one: zeros stand between the
/// elements, and the weight [I, O, spatial...] is reversed and swapped.
static Value prepareTransposed(Lowering &b, Value input, Value &weight, Window &window, ArrayRef<int64_t> outputPadding,
                               int64_t groups) {
  int64_t numSpatial = window.getRank();
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<OpFoldResult> sizes = getDims(b, input), offsets(sizes.size(), b.getIndexAttr(0)), strides = offsets;
  SmallVector<OpFoldResult> spread = sizes, kept = sizes, start = offsets;
  llvm::fill(strides, OpFoldResult(b.getIndexAttr(1)));
  SmallVector<OpFoldResult> ones = strides;
  for (int64_t i = 0; i < numSpatial; ++i) {
    // Room for the reach of the reversed window; a cut where padding is larger.
    int64_t front = window.dilation[i] * (window.kernel[i] - 1) - window.padding[i], back = front + outputPadding[i];
    OpFoldResult inner = mulSizes(b, subSizes(b, sizes[i + 1], b.getIndexAttr(1)), b.getIndexAttr(window.stride[i]));
    spread[i + 1] = addSizes(b, inner, b.getIndexAttr(1 + std::max<int64_t>(front, 0) + std::max<int64_t>(back, 0)));
    kept[i + 1] = addSizes(b, inner, b.getIndexAttr(1 + front + back));
    offsets[i + 1] = b.getIndexAttr(std::max<int64_t>(front, 0));
    start[i + 1] = b.getIndexAttr(std::max<int64_t>(-front, 0));
    strides[i + 1] = b.getIndexAttr(window.stride[i]);
    window.stride[i] = 1;
    window.padding[i] = 0;
  }
  Value zeros = createFilled(b, spread, cast<TypedAttr>(b.getZeroAttr(type.getElementType())));
  input = insertSlice(b, input, zeros, offsets, sizes, strides);
  if (!llvm::equal(kept, spread, areEqualSizes))
    input = extractSlice(b, input, start, kept, ones);

  weight = reverseFilter(b, weight, window, groups);
  return input;
}

namespace {

/// One-dimensional ones are two-dimensional with height 1.
struct LowerAtenConvolution : LowerOp<LowerAtenConvolution, AtenConvolutionOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenConvolutionOp op, Lowering &b) const {
    std::optional<SmallVector<int64_t>> stride = getConstantIntList(op.getStride()),
                                        padding = getConstantIntList(op.getPadding()),
                                        dilation = getConstantIntList(op.getDilation()),
                                        outputPadding = getConstantIntList(op.getOutputPadding());
    std::optional<int64_t> groups = getConstantInt(op.getGroups());
    std::optional<bool> transposed = getConstantBool(op.getTransposed());
    if (!stride || !padding || !dilation || !outputPadding || !groups || !transposed)
      return b.refuse("stride, padding, dilation, output_padding, groups or transposed is not constant");
    Value input = b.get(op.getInput()), weight = b.get(op.getWeight());
    auto weightType = cast<RankedTensorType>(weight.getType());
    int64_t numSpatial = weightType.getRank() - 2;
    Type dtype = Lowering::getDtype(op.getInput());
    if (!weightType.hasStaticShape())
      return b.refuse("weight of dynamic shape");
    if (numSpatial < 1 || numSpatial > 3 || isa<ComplexType>(dtype) || dtype != Lowering::getDtype(op.getWeight()))
      return b.refuse("not 1 to 3 spatial dims, or complex numbers, or operands of different dtypes");

    bool isOneDimensional = numSpatial == 1;
    if (isOneDimensional) {
      input = insertUnitDims(b, input, 2);
      weight = insertUnitDims(b, weight, 2);
      stride->insert(stride->begin(), 1);
      padding->insert(padding->begin(), 0);
      dilation->insert(dilation->begin(), 1);
      outputPadding->insert(outputPadding->begin(), 0);
    }
    Window window = {llvm::to_vector(cast<RankedTensorType>(weight.getType()).getShape().drop_front(2)), *stride,
                     *padding, *dilation};
    Value output = convolve(op, b, toChannelsLast(b, input), weight, window, *groups, *transposed, *outputPadding);
    output = toChannelsFirst(b, output);
    return isOneDimensional ? dropUnitDims(b, output, 2) : output;
  }

  /// Channels last; the bias joins after the convolution.
  static Value convolve(AtenConvolutionOp op, Lowering &b, Value input, Value weight, Window window, int64_t groups,
                        bool transposed, ArrayRef<int64_t> outputPadding) {
    Type dtype = Lowering::getDtype(op.getInput()), compute = getComputeDtype(dtype);
    if (transposed)
      input = prepareTransposed(b, input, weight, window, outputPadding, groups);
    auto weightType = cast<RankedTensorType>(weight.getType());
    int64_t channels = weightType.getDimSize(0);
    SmallVector<OpFoldResult> sizes = getOutputSizes(b, input, window, channels);
    Value padded = padForWindow(b, input, window, getNumber(b, dtype, 0));
    Value output;
    if (groups != 1 && (groups != channels || weightType.getDimSize(1) != 1 || window.getRank() != 2)) {
      output = convolveGroups(b, padded, weight, sizes, groups, window, dtype);
    } else {
      Value zeros = createFilled(b, sizes, getNumber(b, compute, 0));
      output = groups == 1 ? convolveAllChannels(b, padded, weight, zeros, window)
                           : convolveDepthwise(b, padded, weight, zeros, window);
    }
    if (isNone(op.getBias()))
      return convertTensor(b, output, compute, dtype);
    Type biasDtype = Lowering::getDtype(op.getBias());
    return createElementwise(b, {output, b.get(op.getBias())}, sizes, getValueType(dtype),
                             [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                               Value bias = convertElement(body, elements[1], biasDtype, compute);
                               Value sum = isFloat(compute)
                                               ? arith::AddFOp::create(body, elements[0], bias).getResult()
                                               : arith::AddIOp::create(body, elements[0], bias).getResult();
                               return convertElement(body, sum, compute, dtype);
                             });
  }
};

} // namespace

void torchc::populateConvolutionPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenConvolution>(patterns, context);
}
