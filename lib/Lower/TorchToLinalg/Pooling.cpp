//===- Pooling.cpp - maxima and means of windows, channels last ---===//
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

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

/// An int[2] argument, where one int may stand for both; the default for an empty list.
static std::optional<SmallVector<int64_t>> getPair(Value list, ArrayRef<int64_t> ifEmpty = {}) {
  std::optional<SmallVector<int64_t>> values = getConstantIntList(list);
  if (values && values->empty())
    values->assign(ifEmpty.begin(), ifEmpty.end());
  if (values && values->size() == 1)
    values->push_back(values->front());
  return values && values->size() == 2 ? values : std::nullopt;
}

template <typename OpT>
static FailureOr<Window> getWindow(OpT op, Lowering &b) {
  std::optional<SmallVector<int64_t>> kernel = getPair(op.getKernelSize()), padding = getPair(op.getPadding());
  std::optional<SmallVector<int64_t>> stride = kernel ? getPair(op.getStride(), *kernel) : std::nullopt;
  std::optional<bool> ceilMode = getConstantBool(op.getCeilMode());
  if (!kernel || !padding || !stride || !ceilMode)
    return b.refuse("kernel_size, stride, padding or ceil_mode is not constant");
  if (isa<ComplexType>(Lowering::getDtype(op.getSelf())))
    return b.refuse("complex numbers");
  return Window{*kernel, *stride, *padding, {1, 1}, *ceilMode};
}

/// [N, C, H, W] or [C, H, W] as [N, H, W, C].
static Value loadImages(Lowering &b, Value torchTensor) {
  Value tensor = b.get(torchTensor);
  if (cast<RankedTensorType>(tensor.getType()).getRank() == 3)
    tensor = insertUnitDims(b, tensor, 0);
  return toChannelsLast(b, tensor);
}

/// The way back from [N, H, W, C].
static Value storeImages(Lowering &b, Value images, Value torchTensor) {
  Value tensor = toChannelsFirst(b, images);
  return b.getTensorType(torchTensor).getRank() == 3 ? dropUnitDims(b, tensor, 0) : tensor;
}

static SmallVector<OpFoldResult> getPooledSizes(Lowering &b, Value images, const Window &window) {
  SmallVector<OpFoldResult> sizes = getDims(b, images);
  for (int64_t i = 0; i < 2; ++i)
    sizes[i + 1] = window.getOutputSize(b, i, sizes[i + 1]);
  return sizes;
}

/// The operand of named pooling ops that has the window's shape and no values.
static Value createWindowShape(Lowering &b, const Window &window, Type element) {
  return createEmpty(b, {b.getIndexAttr(window.kernel[0]), b.getIndexAttr(window.kernel[1])}, element);
}

//===----------------------------------------------------------------------===//
// Maxima
//===----------------------------------------------------------------------===//

template <typename OpT>
static FailureOr<Window> getMaxWindow(OpT op, Lowering &b) {
  FailureOr<Window> window = getWindow(op, b);
  std::optional<SmallVector<int64_t>> dilation = getPair(op.getDilation());
  if (failed(window) || !dilation)
    return b.refuse("a number of the window is not constant, or complex numbers");
  window->dilation = *dilation;
  return *window;
}

static Value poolMaxima(Lowering &b, Value images, Type dtype, const Window &window) {
  Value padded = padForWindow(b, images, window, getLowest(b, dtype));
  Value output = createFilled(b, getPooledSizes(b, images, window), getLowest(b, dtype));
  Value shape = createWindowShape(b, window, getValueType(dtype));
  auto strides = b.getI64TensorAttr(window.stride), dilations = b.getI64TensorAttr(window.dilation);
  if (isUnsigned(dtype))
    return linalg::PoolingNhwcMaxUnsignedOp::create(b, output.getType(), {padded, shape}, output, strides, dilations)
        .getResult(0);
  return linalg::PoolingNhwcMaxOp::create(b, output.getType(), {padded, shape}, output, strides, dilations).getResult(0);
}

/// Where each maximum stands in its plane of H x W; the first one, NaN before
/// all numbers. Loops: n, y, x, c; then the window's.
static Value poolPlaces(Lowering &b, Value images, Value maxima, Type dtype, const Window &window) {
  SmallVector<OpFoldResult> sizes = getPooledSizes(b, images, window);
  SmallVector<OpFoldResult> loops = sizes;
  loops.append({b.getIndexAttr(window.kernel[0]), b.getIndexAttr(window.kernel[1])});
  Value shape = createWindowShape(b, window, b.getI1Type());
  MappedOperand shapeOperand = {
      shape, AffineMap::get(6, 0, {b.getAffineDimExpr(4), b.getAffineDimExpr(5)}, b.getContext())};
  MappedOperand maximum = {maxima, getKeptMap(b.getContext(), 6, {4, 5})};
  Value height = toIndex(b, getDim(b, images, 1)), width = toIndex(b, getDim(b, images, 2));
  return createReduction(
      b, {shapeOperand, maximum}, loops, {4, 5}, b.getI64IntegerAttr(std::numeric_limits<int64_t>::max()),
      [&](ImplicitLocOpBuilder &body, ValueRange elements) {
        Value zero = arith::ConstantIndexOp::create(body, 0), isInside;
        SmallVector<Value> source(4), position(2);
        for (int64_t i = 0; i < 2; ++i) {
          Value start = arith::MulIOp::create(body, linalg::IndexOp::create(body, 1 + i),
                                              arith::ConstantIndexOp::create(body, window.stride[i]));
          Value step = arith::MulIOp::create(body, linalg::IndexOp::create(body, 4 + i),
                                             arith::ConstantIndexOp::create(body, window.dilation[i]));
          Value place = arith::SubIOp::create(body, arith::AddIOp::create(body, start, step),
                                              arith::ConstantIndexOp::create(body, window.padding[i]));
          Value fits = arith::CmpIOp::create(body, CmpIPredicate::ult, place, i == 0 ? height : width);
          isInside = i == 0 ? fits : arith::AndIOp::create(body, isInside, fits).getResult();
          position[i] = place;
          source[1 + i] = arith::SelectOp::create(body, fits, place, zero);
        }
        source[0] = linalg::IndexOp::create(body, 0);
        source[3] = linalg::IndexOp::create(body, 3);
        Value element = tensor::ExtractOp::create(body, images, source);
        Value isMaximum;
        if (isFloat(dtype)) {
          isMaximum = arith::CmpFOp::create(body, arith::CmpFPredicate::OEQ, element, elements[1]);
          isMaximum = arith::OrIOp::create(
              body, isMaximum, arith::CmpFOp::create(body, arith::CmpFPredicate::UNO, element, element));
        } else {
          isMaximum = arith::CmpIOp::create(body, CmpIPredicate::eq, element, elements[1]);
        }
        Value flat = arith::AddIOp::create(body, arith::MulIOp::create(body, position[0], width), position[1]);
        Value place = arith::IndexCastOp::create(body, body.getI64Type(), flat);
        Value earlier = arith::CmpIOp::create(body, CmpIPredicate::slt, place, elements[2]);
        Value wins = arith::AndIOp::create(body, arith::AndIOp::create(body, isMaximum, isInside), earlier);
        return arith::SelectOp::create(body, wins, place, elements[2]).getResult();
      });
}

namespace {

struct LowerAtenMaxPool2d : LowerOp<LowerAtenMaxPool2d, AtenMaxPool2dOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenMaxPool2dOp op, Lowering &b) const {
    FailureOr<Window> window = getMaxWindow(op, b);
    if (failed(window))
      return failure();
    Value maxima = poolMaxima(b, loadImages(b, op.getSelf()), Lowering::getDtype(op.getSelf()), *window);
    return storeImages(b, maxima, op.getResult());
  }
};

struct LowerAtenMaxPool2dWithIndices : LowerMultiResultOp<LowerAtenMaxPool2dWithIndices, AtenMaxPool2dWithIndicesOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenMaxPool2dWithIndicesOp op, Lowering &b) const {
    FailureOr<Window> window = getMaxWindow(op, b);
    if (failed(window))
      return failure();
    Value images = loadImages(b, op.getSelf());
    Type dtype = Lowering::getDtype(op.getSelf());
    Value maxima = poolMaxima(b, images, dtype, *window);
    Value places = poolPlaces(b, images, maxima, dtype, *window);
    return SmallVector<Value>{storeImages(b, maxima, op.getResult0()), storeImages(b, places, op.getResult1())};
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Means
//===----------------------------------------------------------------------===//

/// How many elements a window at a position has in one spatial dim:
/// min(start + kernel, extent + padding) - start with the padding, else what
/// of it lies within the tensor. All are index values.
static Value countInDim(ImplicitLocOpBuilder &body, Value position, Value extent, const Window &window, int64_t i,
                        bool countPadding) {
  auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(body, value); };
  Value start = arith::SubIOp::create(body, arith::MulIOp::create(body, position, constant(window.stride[i])),
                                      constant(window.padding[i]));
  Value limit = arith::AddIOp::create(body, extent, constant(window.padding[i]));
  Value end = arith::MinSIOp::create(body, arith::AddIOp::create(body, start, constant(window.kernel[i])), limit);
  if (!countPadding) {
    start = arith::MaxSIOp::create(body, start, constant(0));
    end = arith::MinSIOp::create(body, end, extent);
  }
  return arith::SubIOp::create(body, end, start);
}

/// Sums of windows of channels-last images, in the compute dtype.
static Value poolSums(Lowering &b, Value images, Type dtype, const Window &window) {
  Type compute = getComputeDtype(dtype);
  Value padded = padForWindow(b, convertTensor(b, images, dtype, compute), window, getNumber(b, compute, 0));
  Value output = createFilled(b, getPooledSizes(b, images, window), getNumber(b, compute, 0));
  Value shape = createWindowShape(b, window, getValueType(compute));
  return linalg::PoolingNhwcSumOp::create(b, output.getType(), {padded, shape}, output,
                                          b.getI64TensorAttr(window.stride), b.getI64TensorAttr(window.dilation))
      .getResult(0);
}

static Value divideBy(ImplicitLocOpBuilder &body, Value sum, Value count, Type compute, Type dtype) {
  if (isFloat(compute)) {
    count = body.createOrFold<arith::SIToFPOp>(compute, count);
    return convertElement(body, arith::DivFOp::create(body, sum, count), compute, dtype);
  }
  Value narrow = convertElement(body, count, IntegerType::get(body.getContext(), 64, IntegerType::Signed), compute);
  return isUnsigned(compute) ? arith::DivUIOp::create(body, sum, narrow).getResult()
                             : arith::DivSIOp::create(body, sum, narrow).getResult();
}

namespace {

/// The divisor is divisor_override, the window's size, or where parts of
/// windows do not count, a number computed for each position.
struct LowerAtenAvgPool2d : LowerOp<LowerAtenAvgPool2d, AtenAvgPool2dOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenAvgPool2dOp op, Lowering &b) const {
    FailureOr<Window> window = getWindow(op, b);
    std::optional<bool> countPadding = getConstantBool(op.getCountIncludePad());
    std::optional<int64_t> divisor = getConstantInt(op.getDivisorOverride());
    if (failed(window) || !countPadding || (!divisor && !isNone(op.getDivisorOverride())) || divisor == 0)
      return b.refuse("a number of the window is not constant or, the divisor, zero; or complex numbers");
    Type dtype = Lowering::getDtype(op.getSelf()), compute = getComputeDtype(dtype);
    Value images = loadImages(b, op.getSelf());
    Value sums = poolSums(b, images, dtype, *window);
    bool isFull = !window->ceilMode &&
                  (*countPadding || llvm::all_of(window->padding, [](int64_t padding) { return padding == 0; }));
    if (!divisor && isFull)
      divisor = window->kernel[0] * window->kernel[1];
    Value height = toIndex(b, getDim(b, images, 1)), width = toIndex(b, getDim(b, images, 2));
    Value means = createElementwise(
        b, sums, getDims(b, sums), getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          Value count;
          if (divisor) {
            count = arith::ConstantIntOp::create(body, *divisor, 64);
          } else {
            Value rows = countInDim(body, linalg::IndexOp::create(body, 1), height, *window, 0, *countPadding);
            Value columns = countInDim(body, linalg::IndexOp::create(body, 2), width, *window, 1, *countPadding);
            count = arith::IndexCastOp::create(body, body.getI64Type(), arith::MulIOp::create(body, rows, columns));
          }
          return divideBy(body, elements[0], count, compute, dtype);
        });
    return storeImages(b, means, op.getResult());
  }
};

/// Means of height x width cells that cover the image:
/// cell i is [floor(i H / height), ceil((i + 1) H / height)).
struct LowerAtenAdaptiveAvgPool2d : LowerOp<LowerAtenAdaptiveAvgPool2d, AtenAdaptiveAvgPool2dOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenAdaptiveAvgPool2dOp op, Lowering &b) const {
    std::optional<SmallVector<int64_t>> output = getPair(op.getOutputSize());
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!output || !isFloat(dtype))
      return b.refuse("output_size is not constant, or self is not a real float");
    Value images = loadImages(b, op.getSelf());
    if (llvm::all_of(*output, [](int64_t size) { return size == 1; }))
      return storeImages(b, averageAll(b, images, dtype), op.getResult());
    auto type = cast<RankedTensorType>(images.getType());
    if (type.isDynamicDim(1) || type.isDynamicDim(2))
      return b.refuse("height or width is dynamic and output_size is not 1");
    return storeImages(b, averageCells(b, images, dtype, *output), op.getResult());
  }

  static Value averageAll(Lowering &b, Value images, Type dtype) {
    Type compute = getComputeDtype(dtype);
    SmallVector<OpFoldResult> sizes = getDims(b, images);
    Value sums = createReduction(b, MappedOperand{images, b.getMultiDimIdentityMap(4)}, sizes, {1, 2},
                                 getNumber(b, compute, 0), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                   Value element = convertElement(body, elements[0], dtype, compute);
                                   return createContractingAdd(body, elements[1], element);
                                 });
    Value count = toI64(b, mulSizes(b, sizes[1], sizes[2]));
    Value means = createElementwise(b, sums, getDims(b, sums), getValueType(dtype),
                                    [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                      return divideBy(body, elements[0], count, compute, dtype);
                                    });
    return insertUnitDims(b, means, {1, 2});
  }

  /// Cells of different sizes: each runs over the largest size, and adds
  /// nothing behind its end. Loops: n, y, x, c, cell rows, cell columns.
  static Value averageCells(Lowering &b, Value images, Type dtype, ArrayRef<int64_t> output) {
    Type compute = getComputeDtype(dtype);
    auto type = cast<RankedTensorType>(images.getType());
    SmallVector<OpFoldResult> loops = getDims(b, images);
    SmallVector<OpFoldResult> cell;
    for (int64_t i = 0; i < 2; ++i) {
      int64_t extent = type.getDimSize(1 + i), largest = 0;
      for (int64_t position = 0; position < output[i]; ++position)
        largest = std::max(largest, llvm::divideCeilSigned((position + 1) * extent, output[i]) - position * extent / output[i]);
      loops[1 + i] = b.getIndexAttr(output[i]);
      cell.push_back(b.getIndexAttr(largest));
    }
    loops.append(cell);
    Value shape = createEmpty(b, cell, b.getI1Type());
    MappedOperand shapeOperand = {
        shape, AffineMap::get(6, 0, {b.getAffineDimExpr(4), b.getAffineDimExpr(5)}, b.getContext())};
    Value sums = createReduction(
        b, shapeOperand, loops, {4, 5}, getNumber(b, compute, 0), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          SmallVector<Value> source = {linalg::IndexOp::create(body, 0), {}, {}, linalg::IndexOp::create(body, 3)};
          Value isInside;
          for (int64_t i = 0; i < 2; ++i) {
            auto [start, end] = getCell(body, linalg::IndexOp::create(body, 1 + i), type.getDimSize(1 + i), output[i]);
            Value place = arith::AddIOp::create(body, start, linalg::IndexOp::create(body, 4 + i));
            Value fits = arith::CmpIOp::create(body, CmpIPredicate::ult, place, end);
            isInside = i == 0 ? fits : arith::AndIOp::create(body, isInside, fits).getResult();
            source[1 + i] = arith::SelectOp::create(body, fits, place, start);
          }
          Value element = convertElement(body, tensor::ExtractOp::create(body, images, source), dtype, compute);
          Value zero = arith::ConstantOp::create(body, getNumber(body, compute, 0));
          Value term = arith::SelectOp::create(body, isInside, element, zero);
          return createContractingAdd(body, elements[1], term);
        });
    return createElementwise(b, sums, getDims(b, sums), getValueType(dtype),
                             [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                               Value count;
                               for (int64_t i = 0; i < 2; ++i) {
                                 auto [start, end] = getCell(body, linalg::IndexOp::create(body, 1 + i),
                                                             type.getDimSize(1 + i), output[i]);
                                 Value size = arith::SubIOp::create(body, end, start);
                                 count = i == 0 ? size : arith::MulIOp::create(body, count, size).getResult();
                               }
                               count = arith::IndexCastOp::create(body, body.getI64Type(), count);
                               return divideBy(body, elements[0], count, compute, dtype);
                             });
  }

  /// First place and end of a cell.
  static std::pair<Value, Value> getCell(ImplicitLocOpBuilder &body, Value position, int64_t extent, int64_t output) {
    auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(body, value); };
    Value scaled = arith::MulIOp::create(body, position, constant(extent));
    Value start = arith::DivUIOp::create(body, scaled, constant(output));
    Value end = arith::DivUIOp::create(body, arith::AddIOp::create(body, scaled, constant(extent + output - 1)),
                                       constant(output));
    return {start, end};
  }
};

} // namespace

void torchc::populatePoolingPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenMaxPool2d, LowerAtenMaxPool2dWithIndices, LowerAtenAvgPool2d, LowerAtenAdaptiveAvgPool2d>(
      patterns, context);
}
