//===- IndexingResize.cpp - decompositions of interpolation: images in other sizes ---===//
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

//
// Every mode is separable: along one dim, an element of the result is a sum of elements
// of the input, its taps. Sizes are static, so places and weights are literals.
// Places are computed in f32, and weights of f64 in f64, as PyTorch does, so that both choose the same neighbours.
//

namespace {

enum class Interpolation { Nearest, NearestExact, Linear, Cubic, LinearAntialiased, CubicAntialiased };

/// The taps of one dim: tap k of output i reads `places[k][i]` times `weights[k][i]`.
struct Taps {
  SmallVector<SmallVector<double>> places, weights;

  void add(size_t tap, double place, double weight) {
    if (places.size() <= tap) {
      places.resize(tap + 1);
      weights.resize(tap + 1);
    }
    places[tap].push_back(place);
    weights[tap].push_back(weight);
  }
};

} // namespace

/// Keys' kernel with a = -3/4 (-1/2 where antialiased).
template <typename Number> static Number getCubicWeight(Number x, Number a) {
  x = std::abs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// All elements within the support of the kernel, which grows as the image shrinks.
template <typename Number>
static void addAntialiasedTaps(Taps &taps, int64_t i, int64_t extent, Number scale, bool cubic) {
  Number factor = std::max(scale, Number(1.0)), support = (cubic ? Number(2.0) : Number(1.0)) * factor;
  Number center = scale * (static_cast<Number>(i) + Number(0.5));
  int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + Number(0.5)), 0);
  int64_t end = std::min<int64_t>(static_cast<int64_t>(center + support + Number(0.5)), extent);
  SmallVector<Number> weights;
  Number total = 0;
  for (int64_t place = first; place < end; ++place) {
    Number distance = (static_cast<Number>(place) - center + Number(0.5)) / factor;
    weights.push_back(cubic ? getCubicWeight(distance, -Number(0.5))
                            : std::max(Number(0.0), Number(1.0) - std::abs(distance)));
    total += weights.back();
  }
  for (auto [k, weight] : llvm::enumerate(weights))
    taps.add(k, static_cast<double>(first + k), weight / total);
  // Other elements may have more.
  for (size_t k = weights.size(); k < static_cast<size_t>(std::ceil(support) * 2 + 2); ++k)
    taps.add(k, 0, 0);
}

template <typename Number>
static Taps getTaps(Interpolation mode, int64_t extent, int64_t output, double scaleFactor, bool alignCorners) {
  Number scale = scaleFactor > 0 ? static_cast<Number>(1.0 / scaleFactor)
                                 : static_cast<Number>(extent) / static_cast<Number>(output);
  if (alignCorners)
    scale = output > 1 ? static_cast<Number>(extent - 1) / static_cast<Number>(output - 1) : Number(0.0);
  auto clamp = [&](int64_t place) { return static_cast<double>(std::clamp<int64_t>(place, 0, extent - 1)); };
  Taps taps;
  for (int64_t i = 0; i < output; ++i) {
    auto position = static_cast<Number>(i);
    Number source = alignCorners ? scale * position : scale * (position + Number(0.5)) - Number(0.5);
    switch (mode) {
    case Interpolation::Nearest: taps.add(0, clamp(static_cast<int64_t>(std::floor(position * scale))), 1); break;
    case Interpolation::NearestExact:
      taps.add(0, clamp(static_cast<int64_t>(std::floor((position + Number(0.5)) * scale))), 1);
      break;
    case Interpolation::Linear: {
      source = std::max(source, Number(0.0));
      auto place = std::min(static_cast<int64_t>(source), extent - 1);
      Number weight = std::clamp(source - static_cast<Number>(place), Number(0.0), Number(1.0));
      taps.add(0, clamp(place), Number(1.0) - weight);
      taps.add(1, clamp(place + 1), weight);
      break;
    }
    case Interpolation::Cubic: {
      Number floor = std::floor(source), t = source - floor;
      for (int64_t k = 0; k < 4; ++k)
        taps.add(k, clamp(static_cast<int64_t>(floor) + k - 1),
                 getCubicWeight(t - static_cast<Number>(k - 1), -Number(0.75)));
      break;
    }
    case Interpolation::LinearAntialiased:
    case Interpolation::CubicAntialiased:
      addAntialiasedTaps(taps, i, extent, scale, mode == Interpolation::CubicAntialiased);
      break;
    }
  }
  return taps;
}

/// Of elements of `dtype`.
static Taps getTaps(Type dtype, Interpolation mode, int64_t extent, int64_t output, double scaleFactor,
                    bool alignCorners) {
  bool isPlain = mode == Interpolation::Nearest || mode == Interpolation::NearestExact;
  return dtype.isF64() && !isPlain ? getTaps<double>(mode, extent, output, scaleFactor, alignCorners)
                                   : getTaps<float>(mode, extent, output, scaleFactor, alignCorners);
}

static Value resizeDim(Value x, int64_t dim, const Taps &taps, bool isPlain, Decomposer &b) {
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true), dtype = getTensorType(x).getDtype();
  int64_t rank = getTensorType(x).getRank();
  Value sum;
  for (auto [places, weights] : llvm::zip(taps.places, taps.weights)) {
    auto size = static_cast<int64_t>(places.size());
    Value term = b.create<AtenIndexSelectOp>(x, b.integer(dim), b.literal(si64, places, {size}));
    if (!isPlain) {
      SmallVector<int64_t> shape(rank - dim, 1);
      shape.front() = size;
      term = b.mulTensors(term, b.literal(dtype, weights, shape));
    }
    sum = sum ? b.addTensors(sum, term) : term;
  }
  return sum;
}

/// x [N, C, spatial...]; the size is given, or follows from the scale factors.
static FailureOr<Value> buildResize(Value x, Value outputSize, ArrayRef<std::optional<double>> factors,
                                    Interpolation mode, bool alignCorners, Decomposer &b) {
  BaseTensorType type = getTensorType(x);
  int64_t spatial = type.getRank() - 2;
  std::optional<SmallVector<int64_t>> output;
  if (!isNone(outputSize))
    output = getConstantIntList(outputSize);
  if (static_cast<int64_t>(factors.size()) != spatial || (!output && !isNone(outputSize)))
    return b.unsupported("a size that is not constant");
  bool isPlain = mode == Interpolation::Nearest || mode == Interpolation::NearestExact;
  bool hasDtype = isPlain || isFloatDtype(type.getDtype());
  if (llvm::any_of(type.getSizes().drop_front(2), ShapedType::isDynamic) || !hasDtype)
    return b.unsupported("of a dim that is not static, or on a dtype that is not floating point");
  if (!output) {
    output.emplace();
    for (auto [extent, factor] : llvm::zip(type.getSizes().drop_front(2), factors)) {
      if (!factor)
        return b.unsupported("without a size");
      output->push_back(static_cast<int64_t>(std::floor(static_cast<double>(extent) * *factor)));
    }
  }
  x = isPlain ? x : b.convert(x, getComputeDtype(type.getDtype()));
  for (int64_t i = spatial; i-- > 0;) {
    int64_t extent = type.getSizes()[2 + i];
    if (extent == (*output)[i] && !factors[i].has_value())
      continue;
    x = resizeDim(x, 2 + i, getTaps(type.getDtype(), mode, extent, (*output)[i], factors[i].value_or(0), alignCorners),
                  isPlain, b);
  }
  return b.convert(x, type.getDtype());
}

/// Along each dim a product with the matrix of its taps, transposed.
static FailureOr<Value> buildResizeGradient(Value gradient, Value inputSize, ArrayRef<std::optional<double>> factors,
                                            Interpolation mode, bool alignCorners, Decomposer &b) {
  auto input = getConstantIntList(inputSize);
  BaseTensorType type = getTensorType(gradient);
  int64_t rank = type.getRank();
  if (!input || llvm::any_of(type.getSizes().drop_front(2), ShapedType::isDynamic))
    return b.unsupported("of a dim that is not static");
  Type computed = getComputeDtype(type.getDtype());
  Value g = b.convert(gradient, computed);
  for (auto [i, factor] : llvm::enumerate(factors)) {
    auto dim = static_cast<int64_t>(i) + 2;
    int64_t extent = (*input)[dim], output = type.getSizes()[dim];
    Taps taps = getTaps(type.getDtype(), mode, extent, output, factor.value_or(0), alignCorners);
    SmallVector<double> matrix(output * extent, 0);
    for (auto [places, weights] : llvm::zip(taps.places, taps.weights))
      for (int64_t row = 0; row < output; ++row)
        matrix[row * extent + static_cast<int64_t>(places[row])] += weights[row];
    Value product =
        b.create<AtenMatmulOp>(b.transpose(g, dim, rank - 1), b.literal(computed, matrix, {output, extent}));
    g = b.transpose(product, dim, rank - 1);
  }
  return b.convert(g, type.getDtype());
}

/// The `.vec` overloads: a size, or a list of factors, one a dim.
static FailureOr<Value> resizeByList(Value x, Value outputSize, Value factors, Interpolation mode, bool alignCorners,
                                     Decomposer &b) {
  SmallVector<std::optional<double>> numbers(getTensorType(x).getRank() - 2);
  if (!isNone(factors)) {
    auto elements = getListElements(factors);
    if (!elements || elements->size() != numbers.size())
      return b.unsupported("scale factors that are not constant");
    for (auto [number, element] : llvm::zip(numbers, *elements)) {
      number = getConstantNumber(element);
      if (!number)
        return b.unsupported("scale factors that are not constant");
    }
  }
  return buildResize(x, outputSize, numbers, mode, alignCorners, b);
}
template <typename Op> static FailureOr<Value> resizeNearest(Op op, Interpolation mode, Value x, Decomposer &b) {
  return resizeByList(x, op.getOutputSize(), op.getScaleFactors(), mode, false, b);
}
template <typename Op> static FailureOr<Value> resizeSmooth(Op op, Interpolation mode, Decomposer &b) {
  auto alignCorners = getConstantBool(op.getAlignCorners());
  if (!alignCorners)
    return b.unsupported("align_corners is not constant");
  return resizeByList(op.getInput(), op.getOutputSize(), op.getScaleFactors(), mode, *alignCorners, b);
}

static FailureOr<Value> DecomposeAtenUpsampleNearest1dVec(AtenUpsampleNearest1dVecOp op, Decomposer &b) {
  return resizeNearest(op, Interpolation::Nearest, op.getInput(), b);
}
static FailureOr<Value> DecomposeAtenUpsampleNearest2dVec(AtenUpsampleNearest2dVecOp op, Decomposer &b) {
  return resizeNearest(op, Interpolation::Nearest, op.getInput(), b);
}
static FailureOr<Value> DecomposeAtenUpsampleNearest3dVec(AtenUpsampleNearest3dVecOp op, Decomposer &b) {
  return resizeNearest(op, Interpolation::Nearest, op.getInput(), b);
}
static FailureOr<Value> DecomposeAten_UpsampleNearestExact1dVec(Aten_UpsampleNearestExact1dVecOp op, Decomposer &b) {
  return resizeNearest(op, Interpolation::NearestExact, op.getInput(), b);
}
static FailureOr<Value> DecomposeAten_UpsampleNearestExact2dVec(Aten_UpsampleNearestExact2dVecOp op, Decomposer &b) {
  return resizeNearest(op, Interpolation::NearestExact, op.getInput(), b);
}
static FailureOr<Value> DecomposeAten_UpsampleNearestExact3dVec(Aten_UpsampleNearestExact3dVecOp op, Decomposer &b) {
  return resizeNearest(op, Interpolation::NearestExact, op.getInput(), b);
}
static FailureOr<Value> DecomposeAtenUpsampleLinear1dVec(AtenUpsampleLinear1dVecOp op, Decomposer &b) {
  return resizeSmooth(op, Interpolation::Linear, b);
}
static FailureOr<Value> DecomposeAtenUpsampleBilinear2dVec(AtenUpsampleBilinear2dVecOp op, Decomposer &b) {
  return resizeSmooth(op, Interpolation::Linear, b);
}
static FailureOr<Value> DecomposeAtenUpsampleTrilinear3dVec(AtenUpsampleTrilinear3dVecOp op, Decomposer &b) {
  return resizeSmooth(op, Interpolation::Linear, b);
}
static FailureOr<Value> DecomposeAtenUpsampleBicubic2dVec(AtenUpsampleBicubic2dVecOp op, Decomposer &b) {
  return resizeSmooth(op, Interpolation::Cubic, b);
}
static FailureOr<Value> DecomposeAten_UpsampleBilinear2dAaVec(Aten_UpsampleBilinear2dAaVecOp op, Decomposer &b) {
  return resizeSmooth(op, Interpolation::LinearAntialiased, b);
}
static FailureOr<Value> DecomposeAten_UpsampleBicubic2dAaVec(Aten_UpsampleBicubic2dAaVecOp op, Decomposer &b) {
  return resizeSmooth(op, Interpolation::CubicAntialiased, b);
}

namespace {
/// What else the other overloads say: a scale factor a dim, each an operand.
struct ResizeOptions {
  SmallVector<std::optional<double>> factors;
  bool alignCorners = false;
};
} // namespace

template <typename Op> static FailureOr<ResizeOptions> getResizeOptions(Op op, Decomposer &b) {
  SmallVector<Value> operands;
  if constexpr (requires { op.getScales(); })
    operands = {op.getScales()};
  else if constexpr (requires { op.getScalesD(); })
    operands = {op.getScalesD(), op.getScalesH(), op.getScalesW()};
  else
    operands = {op.getScalesH(), op.getScalesW()};
  ResizeOptions options;
  for (Value operand : operands) {
    options.factors.push_back(getConstantNumber(operand));
    if (!options.factors.back() && !isNone(operand))
      return b.unsupported("scale factors that are not constant");
  }
  if constexpr (requires { op.getAlignCorners(); }) {
    auto alignCorners = getConstantBool(op.getAlignCorners());
    if (!alignCorners)
      return b.unsupported("align_corners is not constant");
    options.alignCorners = *alignCorners;
  }
  return options;
}
template <Interpolation mode, typename Op> static FailureOr<Value> decomposeResize(Op op, Decomposer &b) {
  auto options = getResizeOptions(op, b);
  if (failed(options))
    return failure();
  return buildResize(op.getSelf(), op.getOutputSize(), options->factors, mode, options->alignCorners, b);
}
template <Interpolation mode, typename Op> static FailureOr<Value> decomposeResizeBackward(Op op, Decomposer &b) {
  auto options = getResizeOptions(op, b);
  if (failed(options))
    return failure();
  return buildResizeGradient(op.getGradOutput(), op.getInputSize(), options->factors, mode, options->alignCorners, b);
}

void torchc::populateIndexingResizePatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenUpsampleNearest1dVec, DecomposeAtenUpsampleNearest2dVec,
                    DecomposeAtenUpsampleNearest3dVec, DecomposeAten_UpsampleNearestExact1dVec,
                    DecomposeAten_UpsampleNearestExact2dVec, DecomposeAten_UpsampleNearestExact3dVec,
                    DecomposeAtenUpsampleLinear1dVec, DecomposeAtenUpsampleBilinear2dVec,
                    DecomposeAtenUpsampleTrilinear3dVec, DecomposeAtenUpsampleBicubic2dVec,
                    DecomposeAten_UpsampleBilinear2dAaVec, DecomposeAten_UpsampleBicubic2dAaVec);
  addDecompositions(patterns, decomposeResize<Interpolation::Nearest, AtenUpsampleNearest1dOp>,
                    decomposeResize<Interpolation::Nearest, AtenUpsampleNearest2dOp>,
                    decomposeResize<Interpolation::Nearest, AtenUpsampleNearest3dOp>,
                    decomposeResize<Interpolation::NearestExact, Aten_UpsampleNearestExact1dOp>,
                    decomposeResize<Interpolation::NearestExact, Aten_UpsampleNearestExact2dOp>,
                    decomposeResize<Interpolation::NearestExact, Aten_UpsampleNearestExact3dOp>,
                    decomposeResize<Interpolation::Linear, AtenUpsampleLinear1dOp>,
                    decomposeResize<Interpolation::Linear, AtenUpsampleBilinear2dOp>,
                    decomposeResize<Interpolation::Linear, AtenUpsampleTrilinear3dOp>,
                    decomposeResize<Interpolation::Cubic, AtenUpsampleBicubic2dOp>,
                    decomposeResize<Interpolation::LinearAntialiased, Aten_UpsampleBilinear2dAaOp>,
                    decomposeResize<Interpolation::CubicAntialiased, Aten_UpsampleBicubic2dAaOp>);
  addDecompositions(patterns, decomposeResizeBackward<Interpolation::Nearest, AtenUpsampleNearest1dBackwardOp>,
                    decomposeResizeBackward<Interpolation::Nearest, AtenUpsampleNearest2dBackwardOp>,
                    decomposeResizeBackward<Interpolation::Nearest, AtenUpsampleNearest3dBackwardOp>,
                    decomposeResizeBackward<Interpolation::NearestExact, Aten_UpsampleNearestExact1dBackwardOp>,
                    decomposeResizeBackward<Interpolation::NearestExact, Aten_UpsampleNearestExact2dBackwardOp>,
                    decomposeResizeBackward<Interpolation::NearestExact, Aten_UpsampleNearestExact3dBackwardOp>,
                    decomposeResizeBackward<Interpolation::Linear, AtenUpsampleLinear1dBackwardOp>,
                    decomposeResizeBackward<Interpolation::Linear, AtenUpsampleBilinear2dBackwardOp>,
                    decomposeResizeBackward<Interpolation::Linear, AtenUpsampleTrilinear3dBackwardOp>,
                    decomposeResizeBackward<Interpolation::Cubic, AtenUpsampleBicubic2dBackwardOp>);
}
