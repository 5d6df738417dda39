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

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

/// An int[2] or int[3] argument, where one int may stand for all; the default for an empty list.
static std::optional<SmallVector<int64_t>> getNumbers(Value list, int64_t spatial, ArrayRef<int64_t> ifEmpty = {}) {
  std::optional<SmallVector<int64_t>> values = getConstantIntList(list);
  if (values && values->empty())
    values->assign(ifEmpty.begin(), ifEmpty.end());
  if (values && values->size() == 1)
    values->assign(spatial, int64_t(values->front()));
  return values && static_cast<int64_t>(values->size()) == spatial ? values : std::nullopt;
}

template <typename OpT> static FailureOr<Window> getWindow(OpT op, Lowering &b, int64_t spatial) {
  std::optional<SmallVector<int64_t>> kernel = getNumbers(op.getKernelSize(), spatial),
                                      padding = getNumbers(op.getPadding(), spatial);
  std::optional<SmallVector<int64_t>> stride = kernel ? getNumbers(op.getStride(), spatial, *kernel) : std::nullopt;
  std::optional<bool> ceilMode = getConstantBool(op.getCeilMode());
  if (!kernel || !padding || !stride || !ceilMode)
    return b.refuse("kernel_size, stride, padding or ceil_mode is not constant");
  if (isa<ComplexType>(Lowering::getDtype(op.getSelf())))
    return b.refuse("complex numbers");
  return Window{*kernel, *stride, *padding, SmallVector<int64_t>(spatial, 1), *ceilMode};
}

/// [N, C, spatial...] or [C, spatial...] as [N, spatial..., C].
static Value loadImages(Lowering &b, Value torchTensor, int64_t spatial) {
  Value tensor = b.get(torchTensor);
  if (cast<RankedTensorType>(tensor.getType()).getRank() == spatial + 1)
    tensor = insertUnitDims(b, tensor, 0);
  return toChannelsLast(b, tensor);
}

/// The way back from [N, spatial..., C].
static Value storeImages(Lowering &b, Value images, Value torchTensor) {
  Value tensor = toChannelsFirst(b, images);
  int64_t rank = cast<RankedTensorType>(images.getType()).getRank();
  return b.getTensorType(torchTensor).getRank() == rank - 1 ? dropUnitDims(b, tensor, 0) : tensor;
}

static SmallVector<OpFoldResult> getPooledSizes(Lowering &b, Value images, const Window &window) {
  SmallVector<OpFoldResult> sizes = getDims(b, images);
  for (int64_t i = 0; i < window.getRank(); ++i)
    sizes[i + 1] = window.getOutputSize(b, i, sizes[i + 1]);
  return sizes;
}

/// The operand of named pooling ops that has the window's shape and no values.
static Value createWindowShape(Lowering &b, const Window &window, Type element) {
  SmallVector<OpFoldResult> sizes =
      llvm::map_to_vector(window.kernel, [&](int64_t size) -> OpFoldResult { return b.getIndexAttr(size); });
  return createEmpty(b, sizes, element);
}

//===----------------------------------------------------------------------===//
// Maxima
//===----------------------------------------------------------------------===//

template <typename OpT> static FailureOr<Window> getMaxWindow(OpT op, Lowering &b, int64_t spatial) {
  FailureOr<Window> window = getWindow(op, b, spatial);
  std::optional<SmallVector<int64_t>> dilation = getNumbers(op.getDilation(), spatial);
  if (spatial == 3 && isUnsigned(Lowering::getDtype(op.getSelf())))
    return b.refuse("unsigned integers in three dims");
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
  if (window.getRank() == 3)
    return linalg::PoolingNdhwcMaxOp::create(b, output.getType(), {padded, shape}, output, strides, dilations)
        .getResult(0);
  if (isUnsigned(dtype))
    return linalg::PoolingNhwcMaxUnsignedOp::create(b, output.getType(), {padded, shape}, output, strides, dilations)
        .getResult(0);
  return linalg::PoolingNhwcMaxOp::create(b, output.getType(), {padded, shape}, output, strides, dilations)
      .getResult(0);
}

/// Whether an element is the maximum of its window or cell; NaN is.
static Value isMaximum(ImplicitLocOpBuilder &body, Value element, Value maximum, Type dtype) {
  if (!isFloat(dtype))
    return arith::CmpIOp::create(body, CmpIPredicate::eq, element, maximum);
  return arith::OrIOp::create(body, arith::CmpFOp::create(body, arith::CmpFPredicate::OEQ, element, maximum),
                              arith::CmpFOp::create(body, arith::CmpFPredicate::UNO, element, element));
}

/// The place, if it wins against the one found so far.
static Value keepFirst(ImplicitLocOpBuilder &body, Value wins, Value flat, Value found) {
  Value place = arith::IndexCastOp::create(body, body.getI64Type(), flat);
  Value earlier = arith::CmpIOp::create(body, CmpIPredicate::slt, place, found);
  return arith::SelectOp::create(body, arith::AndIOp::create(body, wins, earlier), place, found);
}

/// Loops over the results of windows or cells [N, spatial..., C], then over each one: the map of an
/// operand that has the dims of the latter.
static AffineMap getInnerMap(Lowering &b, int64_t spatial) {
  SmallVector<AffineExpr> inner;
  for (int64_t i = 0; i < spatial; ++i)
    inner.push_back(b.getAffineDimExpr(spatial + 2 + i));
  return AffineMap::get(2 * spatial + 2, 0, inner, b.getContext());
}
static SmallVector<int64_t> getInnerLoops(int64_t spatial) {
  return llvm::to_vector(llvm::seq<int64_t>(spatial + 2, 2 * spatial + 2));
}

/// Where each maximum stands in its image; the first one, NaN before all numbers.
static Value poolPlaces(Lowering &b, Value images, Value maxima, Type dtype, const Window &window) {
  int64_t spatial = window.getRank();
  SmallVector<OpFoldResult> loops = getPooledSizes(b, images, window);
  for (int64_t size : window.kernel)
    loops.push_back(b.getIndexAttr(size));
  Value shape = createWindowShape(b, window, b.getI1Type());
  SmallVector<int64_t> inner = getInnerLoops(spatial);
  MappedOperand maximum = {maxima, getKeptMap(b.getContext(), loops.size(), inner)};
  SmallVector<Value> extents;
  for (int64_t i = 0; i < spatial; ++i)
    extents.push_back(toIndex(b, getDim(b, images, 1 + i)));
  return createReduction(
      b, {MappedOperand{shape, getInnerMap(b, spatial)}, maximum}, loops, inner,
      b.getI64IntegerAttr(std::numeric_limits<int64_t>::max()), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
        Value zero = arith::ConstantIndexOp::create(body, 0), isInside, flat = zero;
        SmallVector<Value> source(spatial + 2);
        for (int64_t i = 0; i < spatial; ++i) {
          Value start = arith::MulIOp::create(body, linalg::IndexOp::create(body, 1 + i),
                                              arith::ConstantIndexOp::create(body, window.stride[i]));
          Value step = arith::MulIOp::create(body, linalg::IndexOp::create(body, spatial + 2 + i),
                                             arith::ConstantIndexOp::create(body, window.dilation[i]));
          Value place = arith::SubIOp::create(body, arith::AddIOp::create(body, start, step),
                                              arith::ConstantIndexOp::create(body, window.padding[i]));
          Value fits = arith::CmpIOp::create(body, CmpIPredicate::ult, place, extents[i]);
          isInside = i == 0 ? fits : arith::AndIOp::create(body, isInside, fits).getResult();
          flat = arith::AddIOp::create(body, arith::MulIOp::create(body, flat, extents[i]), place);
          source[1 + i] = arith::SelectOp::create(body, fits, place, zero);
        }
        source.front() = linalg::IndexOp::create(body, 0);
        source.back() = linalg::IndexOp::create(body, spatial + 1);
        Value element = tensor::ExtractOp::create(body, images, source);
        Value wins = arith::AndIOp::create(body, isMaximum(body, element, elements[1], dtype), isInside);
        return keepFirst(body, wins, flat, elements[2]);
      });
}

namespace {

template <typename OpT, int64_t spatial> struct LowerMaxPool : LowerOp<LowerMaxPool<OpT, spatial>, OpT> {
  using LowerOp<LowerMaxPool<OpT, spatial>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    FailureOr<Window> window = getMaxWindow(op, b, spatial);
    if (failed(window))
      return failure();
    Value maxima = poolMaxima(b, loadImages(b, op.getSelf(), spatial), Lowering::getDtype(op.getSelf()), *window);
    return storeImages(b, maxima, op.getResult());
  }
};
using LowerAtenMaxPool2d = LowerMaxPool<AtenMaxPool2dOp, 2>;
using LowerAtenMaxPool3d = LowerMaxPool<AtenMaxPool3dOp, 3>;

template <typename OpT, int64_t spatial>
struct LowerMaxPoolWithIndices : LowerMultiResultOp<LowerMaxPoolWithIndices<OpT, spatial>, OpT> {
  using LowerMultiResultOp<LowerMaxPoolWithIndices<OpT, spatial>, OpT>::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(OpT op, Lowering &b) const {
    FailureOr<Window> window = getMaxWindow(op, b, spatial);
    if (failed(window))
      return failure();
    Value images = loadImages(b, op.getSelf(), spatial);
    Type dtype = Lowering::getDtype(op.getSelf());
    Value maxima = poolMaxima(b, images, dtype, *window);
    Value places = poolPlaces(b, images, maxima, dtype, *window);
    return SmallVector<Value>{storeImages(b, maxima, op.getResult0()), storeImages(b, places, op.getResult1())};
  }
};
using LowerAtenMaxPool2dWithIndices = LowerMaxPoolWithIndices<AtenMaxPool2dWithIndicesOp, 2>;
using LowerAtenMaxPool3dWithIndices = LowerMaxPoolWithIndices<AtenMaxPool3dWithIndicesOp, 3>;

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
  if (window.getRank() == 3)
    return linalg::PoolingNdhwcSumOp::create(b, output.getType(), {padded, shape}, output,
                                             b.getI64TensorAttr(window.stride), b.getI64TensorAttr(window.dilation))
        .getResult(0);
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
template <typename OpT, int64_t spatial> struct LowerAvgPool : LowerOp<LowerAvgPool<OpT, spatial>, OpT> {
  using LowerOp<LowerAvgPool<OpT, spatial>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    FailureOr<Window> window = getWindow(op, b, spatial);
    std::optional<bool> countPadding = getConstantBool(op.getCountIncludePad());
    std::optional<int64_t> divisor = getConstantInt(op.getDivisorOverride());
    if (failed(window) || !countPadding || (!divisor && !isNone(op.getDivisorOverride())) || divisor == 0)
      return b.refuse("a number of the window is not constant or, the divisor, zero; or complex numbers");
    Type dtype = Lowering::getDtype(op.getSelf()), compute = getComputeDtype(dtype);
    Value images = loadImages(b, op.getSelf(), spatial);
    Value sums = poolSums(b, images, dtype, *window);
    bool isFull = !window->ceilMode &&
                  (*countPadding || llvm::all_of(window->padding, [](int64_t padding) { return padding == 0; }));
    if (!divisor && isFull) {
      divisor = 1;
      for (int64_t size : window->kernel)
        *divisor *= size;
    }
    SmallVector<Value> extents;
    for (int64_t i = 0; i < spatial; ++i)
      extents.push_back(toIndex(b, getDim(b, images, 1 + i)));
    Value means = createElementwise(
        b, sums, getDims(b, sums), getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          if (divisor)
            return divideBy(body, elements[0], arith::ConstantIntOp::create(body, *divisor, 64), compute, dtype);
          Value count = arith::ConstantIndexOp::create(body, 1);
          for (int64_t i = 0; i < spatial; ++i)
            count = arith::MulIOp::create(
                body, count,
                countInDim(body, linalg::IndexOp::create(body, 1 + i), extents[i], *window, i, *countPadding));
          count = arith::IndexCastOp::create(body, body.getI64Type(), count);
          return divideBy(body, elements[0], count, compute, dtype);
        });
    return storeImages(b, means, op.getResult());
  }
};
using LowerAtenAvgPool2d = LowerAvgPool<AtenAvgPool2dOp, 2>;
using LowerAtenAvgPool3d = LowerAvgPool<AtenAvgPool3dOp, 3>;

} // namespace

//===----------------------------------------------------------------------===//
// Cells that cover the image: cell i of n is [floor(i extent / n), ceil((i + 1) extent / n))
//===----------------------------------------------------------------------===//

namespace {

/// The cells of channels-last images: `extents` elements and `counts` cells in each spatial dim.
struct Cells {
  SmallVector<OpFoldResult> extents, counts, roundings = {};

  Cells(Lowering &b, ArrayRef<OpFoldResult> extents, ArrayRef<OpFoldResult> counts) : extents(extents), counts(counts) {
    for (auto [extent, count] : llvm::zip_equal(extents, counts))
      roundings.push_back(addSizes(b, extent, subSizes(b, count, b.getIndexAttr(1))));
  }

  int64_t getSpatial() const { return counts.size(); }
  /// The largest size of a cell in spatial dim `i`, or a bound of it where only a call knows the sizes.
  OpFoldResult getLargest(Lowering &b, int64_t i) const {
    std::optional<int64_t> extent = getConstantIntValue(extents[i]), count = getConstantIntValue(counts[i]);
    if (!extent || !count) {
      OpFoldResult one = b.getIndexAttr(1);
      return minSizes(b, addSizes(b, ceilDivSizes(b, extents[i], maxSizes(b, counts[i], one)), one), extents[i]);
    }
    int64_t largest = 0;
    for (int64_t cell = 0; cell < *count; ++cell)
      largest = std::max(largest, llvm::divideCeilSigned((cell + 1) * *extent, *count) - cell * *extent / *count);
    return b.getIndexAttr(largest);
  }
  /// First place and end of a cell.
  std::pair<Value, Value> getBounds(ImplicitLocOpBuilder &body, Value cell, int64_t i) const {
    Value scaled = arith::MulIOp::create(body, cell, toIndex(body, extents[i])), count = toIndex(body, counts[i]);
    Value start = arith::DivUIOp::create(body, scaled, count);
    Value end = arith::DivUIOp::create(body, arith::AddIOp::create(body, scaled, toIndex(body, roundings[i])), count);
    return {start, end};
  }
};

} // namespace

/// Reduces the elements of each cell: `function` gets the element, whether it lies in the cell (cells of
/// different sizes all run over the largest one), its place in the image, and the other operands' elements.
static Value reduceCells(Lowering &b, Value images, const Cells &cells, ArrayRef<MappedOperand> more, TypedAttr init,
                         function_ref<Value(ImplicitLocOpBuilder &, Value, Value, Value, ValueRange)> function) {
  int64_t spatial = cells.getSpatial();
  SmallVector<OpFoldResult> loops = getDims(b, images), inner;
  for (int64_t i = 0; i < spatial; ++i) {
    loops[1 + i] = cells.counts[i];
    inner.push_back(cells.getLargest(b, i));
  }
  loops.append(inner);
  SmallVector<MappedOperand> operands = {{createEmpty(b, inner, b.getI1Type()), getInnerMap(b, spatial)}};
  operands.append(more.begin(), more.end());
  return createReduction(
      b, operands, loops, getInnerLoops(spatial), init, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
        SmallVector<Value> source(spatial + 2);
        Value isInside, flat = arith::ConstantIndexOp::create(body, 0);
        for (int64_t i = 0; i < spatial; ++i) {
          auto [start, end] = cells.getBounds(body, linalg::IndexOp::create(body, 1 + i), i);
          Value place = arith::AddIOp::create(body, start, linalg::IndexOp::create(body, spatial + 2 + i));
          Value fits = arith::CmpIOp::create(body, CmpIPredicate::ult, place, end);
          isInside = i == 0 ? fits : arith::AndIOp::create(body, isInside, fits).getResult();
          flat = arith::AddIOp::create(body, arith::MulIOp::create(body, flat, toIndex(body, cells.extents[i])), place);
          source[1 + i] = arith::SelectOp::create(body, fits, place, start);
        }
        source.front() = linalg::IndexOp::create(body, 0);
        source.back() = linalg::IndexOp::create(body, spatial + 1);
        Value element = tensor::ExtractOp::create(body, images, source);
        return function(body, element, isInside, flat, elements.drop_front());
      });
}

/// The cells of images whose dims have elements, as PyTorch wants them.
static FailureOr<Cells> getCells(Lowering &b, Value images, Value outputSize, int64_t spatial) {
  std::optional<SmallVector<Value>> output = getListElements(outputSize);
  if (output && output->size() == 1)
    output->assign(spatial, Value(output->front()));
  if (!output || static_cast<int64_t>(output->size()) != spatial)
    return b.refuse("output_size is not a list of known length");
  SmallVector<OpFoldResult> extents, counts;
  for (int64_t i = 0; i < spatial; ++i) {
    extents.push_back(getDim(b, images, 1 + i));
    std::optional<int64_t> count = getConstantInt((*output)[i]), extent = getConstantIntValue(extents[i]);
    counts.push_back(count ? OpFoldResult(b.getIndexAttr(*count)) : OpFoldResult(toIndex(b, b.get((*output)[i]))));
    if (extent == 0)
      return b.refuse("a dim is empty");
    if (!extent) {
      Value hasElements =
          arith::CmpIOp::create(b, CmpIPredicate::ne, toI64(b, extents[i]), toI64(b, b.getIndexAttr(0)));
      cf::AssertOp::create(b, hasElements, "an image without elements cannot be pooled");
    }
  }
  return Cells(b, extents, counts);
}

namespace {

template <typename OpT, int64_t spatial>
struct LowerAdaptiveAvgPool : LowerOp<LowerAdaptiveAvgPool<OpT, spatial>, OpT> {
  using LowerOp<LowerAdaptiveAvgPool<OpT, spatial>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    std::optional<SmallVector<int64_t>> output = getNumbers(op.getOutputSize(), spatial);
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!isFloat(dtype))
      return b.refuse("self is not a real float");
    Value images = loadImages(b, op.getSelf(), spatial);
    if (output && llvm::all_of(*output, [](int64_t size) { return size == 1; }))
      return storeImages(b, averageAll(b, images, dtype), op.getResult());
    FailureOr<Cells> cells = getCells(b, images, op.getOutputSize(), spatial);
    if (failed(cells))
      return failure();
    return storeImages(b, averageCells(b, images, dtype, *cells), op.getResult());
  }

  static Value averageAll(Lowering &b, Value images, Type dtype) {
    Type compute = getComputeDtype(dtype);
    SmallVector<OpFoldResult> sizes = getDims(b, images);
    auto dims = llvm::to_vector(llvm::seq<int64_t>(1, spatial + 1));
    Value sums = createReduction(b, MappedOperand{images, b.getMultiDimIdentityMap(spatial + 2)}, sizes, dims,
                                 getNumber(b, compute, 0), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                   Value element = convertElement(body, elements[0], dtype, compute);
                                   return createContractingAdd(body, elements[1], element);
                                 });
    Value count = toI64(b, multiplySizes(b, ArrayRef(sizes).slice(1, spatial)));
    Value means = createElementwise(b, sums, getDims(b, sums), getValueType(dtype),
                                    [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                      return divideBy(body, elements[0], count, compute, dtype);
                                    });
    return insertUnitDims(b, means, dims);
  }

  static Value averageCells(Lowering &b, Value images, Type dtype, const Cells &cells) {
    Type compute = getComputeDtype(dtype);
    Value sums =
        reduceCells(b, images, cells, {}, getNumber(b, compute, 0),
                    [&](ImplicitLocOpBuilder &body, Value element, Value isInside, Value, ValueRange elements) {
                      Value zero = arith::ConstantOp::create(body, getNumber(body, compute, 0));
                      Value term =
                          arith::SelectOp::create(body, isInside, convertElement(body, element, dtype, compute), zero);
                      return createContractingAdd(body, elements[0], term);
                    });
    return createElementwise(b, sums, getDims(b, sums), getValueType(dtype),
                             [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                               Value count = arith::ConstantIndexOp::create(body, 1);
                               for (int64_t i = 0; i < spatial; ++i) {
                                 auto [start, end] = cells.getBounds(body, linalg::IndexOp::create(body, 1 + i), i);
                                 count = arith::MulIOp::create(body, count, arith::SubIOp::create(body, end, start));
                               }
                               count = arith::IndexCastOp::create(body, body.getI64Type(), count);
                               return divideBy(body, elements[0], count, compute, dtype);
                             });
  }
};
using LowerAtenAdaptiveAvgPool2d = LowerAdaptiveAvgPool<AtenAdaptiveAvgPool2dOp, 2>;
using LowerAtenAdaptiveAvgPool3d = LowerAdaptiveAvgPool<AtenAdaptiveAvgPool3dOp, 3>;

template <typename OpT, int64_t spatial>
struct LowerAdaptiveMaxPool : LowerMultiResultOp<LowerAdaptiveMaxPool<OpT, spatial>, OpT> {
  using LowerMultiResultOp<LowerAdaptiveMaxPool<OpT, spatial>, OpT>::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(OpT op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!isFloat(dtype))
      return b.refuse("self is not a real float");
    Value images = loadImages(b, op.getSelf(), spatial);
    FailureOr<Cells> cells = getCells(b, images, op.getOutputSize(), spatial);
    if (failed(cells))
      return failure();
    Value maxima = reduceCells(
        b, images, *cells, {}, getLowest(b, dtype),
        [&](ImplicitLocOpBuilder &body, Value element, Value isInside, Value, ValueRange elements) {
          Value lowest = arith::ConstantOp::create(body, getLowest(body, dtype));
          return arith::MaximumFOp::create(body, elements[0], arith::SelectOp::create(body, isInside, element, lowest))
              .getResult();
        });
    MappedOperand maximum = {maxima, getKeptMap(b.getContext(), 2 * spatial + 2, getInnerLoops(spatial))};
    Value places =
        reduceCells(b, images, *cells, maximum, b.getI64IntegerAttr(std::numeric_limits<int64_t>::max()),
                    [&](ImplicitLocOpBuilder &body, Value element, Value isInside, Value flat, ValueRange elements) {
                      Value wins = arith::AndIOp::create(body, isMaximum(body, element, elements[0], dtype), isInside);
                      return keepFirst(body, wins, flat, elements[1]);
                    });
    return SmallVector<Value>{storeImages(b, maxima, op.getResult0()), storeImages(b, places, op.getResult1())};
  }
};
using LowerAtenAdaptiveMaxPool2d = LowerAdaptiveMaxPool<AtenAdaptiveMaxPool2dOp, 2>;
using LowerAtenAdaptiveMaxPool3d = LowerAdaptiveMaxPool<AtenAdaptiveMaxPool3dOp, 3>;

} // namespace

void torchc::populatePoolingPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenMaxPool2d, LowerAtenMaxPool3d, LowerAtenMaxPool2dWithIndices, LowerAtenMaxPool3dWithIndices,
              LowerAtenAvgPool2d, LowerAtenAvgPool3d, LowerAtenAdaptiveAvgPool2d, LowerAtenAdaptiveAvgPool3d,
              LowerAtenAdaptiveMaxPool2d, LowerAtenAdaptiveMaxPool3d>(patterns, context);
}
