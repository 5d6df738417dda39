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
// of the input, its taps. Where the sizes are static, places and weights are literals.
// Places are computed in f32, and weights of f64 in f64, as PyTorch does, so that both choose the same neighbours.
//

namespace {

enum class Interpolation { Nearest, NearestExact, Linear, Cubic, LinearAntialiased, CubicAntialiased };

/// A dim of `extent` elements that becomes one of `output`; both are integers.
struct Resize {
  Interpolation mode;
  bool alignCorners;
  Value extent, output;
  /// By how much the image grows; 0 where the sizes alone say it.
  double factor = 0;
  /// Whether a dim that a factor leaves as long as it was is copied; in Nearest, one that it makes twice as long is
  /// doubled. Only where the integer `excess`, if there is one, is not above 0.
  bool keepsEqual = false;
  Value excess;

  bool isPlain() const { return mode == Interpolation::Nearest || mode == Interpolation::NearestExact; }
  bool isAntialiased() const {
    return mode == Interpolation::LinearAntialiased || mode == Interpolation::CubicAntialiased;
  }
  bool isStatic() const {
    return getConstantInt(extent) && getConstantInt(output) && (factor == 0 || !excess || getConstantInt(excess));
  }
  /// Of static sizes.
  bool keepsLength() const { return factor == 0 || (keepsEqual && (!excess || *getConstantInt(excess) <= 0)); }
  bool isCopy() const { return isStatic() && getConstantInt(extent) == getConstantInt(output) && keepsLength(); }
};

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

/// The same of all outputs of a dim whose sizes only a call knows: both are tensors [output].
struct DynamicTap {
  Value places, weights;
};

/// A tensor in formulas that numbers share.
struct Elements {
  Decomposer *b;
  Value tensor;

  Type getDtype() const { return getTensorType(tensor).getDtype(); }
};
Elements operator+(Elements x, Elements y) { return {x.b, x.b->addTensors(x.tensor, y.tensor)}; }
Elements operator-(Elements x, Elements y) { return {x.b, x.b->subTensors(x.tensor, y.tensor)}; }
Elements operator*(Elements x, Elements y) { return {x.b, x.b->mulTensors(x.tensor, y.tensor)}; }
Elements operator/(Elements x, Elements y) { return {x.b, x.b->divTensors(x.tensor, y.tensor)}; }
Elements floor(Elements x) { return {x.b, x.b->create<AtenFloorOp>(x.tensor)}; }
Elements max(Elements x, Elements y) { return {x.b, x.b->create<AtenMaximumOp>(x.tensor, y.tensor)}; }
Elements abs(Elements x) { return {x.b, x.b->create<AtenAbsOp>(x.tensor)}; }
/// x where a <= b, else y.
Elements selectLessEqual(Elements a, Elements b, Elements x, Elements y) {
  return {x.b, x.b->where(x.b->create<AtenLeTensorOp>(a.tensor, b.tensor), x.tensor, y.tensor)};
}
template <typename Number> Number selectLessEqual(Number a, Number b, Number x, Number y) { return a <= b ? x : y; }

/// A constant beside numbers like `other`.
template <typename Number> Number makeConstant(double value, Number) { return static_cast<Number>(value); }
template <> Elements makeConstant(double value, Elements other) {
  return {other.b, other.b->literal(other.getDtype(), value)};
}

} // namespace

/// Keys' kernel, for distances x up to 1, and from 1 to 2; a = -3/4, or -1/2 where antialiased.
template <typename Number> static Number getNearCubicWeight(Number x, Number a) {
  auto number = [&](double value) { return makeConstant(value, x); };
  return ((a + number(2)) * x - (a + number(3))) * x * x + number(1);
}
template <typename Number> static Number getFarCubicWeight(Number x, Number a) {
  auto number = [&](double value) { return makeConstant(value, x); };
  return ((a * x - number(5) * a) * x + number(8) * a) * x - number(4) * a;
}

/// The kernels of antialiasing, at a distance in elements of the smaller image.
template <typename Number> static Number getAntialiasedWeight(Number distance, bool cubic) {
  using std::abs, std::max;
  auto number = [&](double value) { return makeConstant(value, distance); };
  Number x = abs(distance);
  if (!cubic)
    return max(number(0), number(1) - x);
  Number far = selectLessEqual(x, number(2), getFarCubicWeight(x, number(-0.5)), number(0));
  return selectLessEqual(x, number(1), getNearCubicWeight(x, number(-0.5)), far);
}

/// Place and weight of each tap of the output at `position`; what lies outside is moved to the border.
template <typename Number>
static SmallVector<std::pair<Number, Number>> getTaps(Interpolation mode, Number position, Number scale,
                                                      bool alignCorners) {
  using std::floor, std::max;
  auto number = [&](double value) { return makeConstant(value, position); };
  auto getSource = [&] { return alignCorners ? scale * position : scale * (position + number(0.5)) - number(0.5); };
  switch (mode) {
  case Interpolation::Nearest: return {{floor(position * scale), number(1)}};
  case Interpolation::NearestExact: return {{floor((position + number(0.5)) * scale), number(1)}};
  case Interpolation::Linear: {
    Number source = max(getSource(), number(0)), place = floor(source), weight = source - place;
    return {{place, number(1) - weight}, {place + number(1), weight}};
  }
  case Interpolation::Cubic: {
    Number source = getSource(), place = floor(source), t = source - place, a = number(-0.75);
    return {{place - number(1), getFarCubicWeight(t + number(1), a)},
            {place, getNearCubicWeight(t, a)},
            {place + number(1), getNearCubicWeight(number(1) - t, a)},
            {place + number(2), getFarCubicWeight(number(2) - t, a)}};
  }
  case Interpolation::LinearAntialiased:
  case Interpolation::CubicAntialiased: break;
  }
  llvm_unreachable("antialiased images have as many taps as their size says");
}

//===----------------------------------------------------------------------===//
// Static sizes
//===----------------------------------------------------------------------===//

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
    weights.push_back(getAntialiasedWeight((static_cast<Number>(place) - center + Number(0.5)) / factor, cubic));
    total += weights.back();
  }
  for (auto [k, weight] : llvm::enumerate(weights))
    taps.add(k, static_cast<double>(first + k), weight / total);
  // Other elements may have more.
  for (size_t k = weights.size(); k < static_cast<size_t>(std::ceil(support) * 2 + 2); ++k)
    taps.add(k, 0, 0);
}

template <typename Number> static Taps computeTaps(const Resize &resize) {
  int64_t extent = *getConstantInt(resize.extent), output = *getConstantInt(resize.output);
  auto divide = [](int64_t a, int64_t b) { return static_cast<Number>(a) / static_cast<Number>(b); };
  Number scale = resize.factor > 0 ? static_cast<Number>(1.0 / resize.factor) : divide(extent, output);
  if (resize.keepsLength() && (output == extent || (output == 2 * extent && resize.isPlain())))
    scale = divide(extent, output);
  if (resize.alignCorners)
    scale = output > 1 ? divide(extent - 1, output - 1) : Number(0.0);
  Taps taps;
  for (int64_t i = 0; i < output; ++i) {
    if (resize.isAntialiased()) {
      addAntialiasedTaps(taps, i, extent, scale, resize.mode == Interpolation::CubicAntialiased);
      continue;
    }
    auto found = getTaps(resize.mode, static_cast<Number>(i), scale, resize.alignCorners);
    for (auto [k, tap] : llvm::enumerate(found))
      taps.add(k, static_cast<double>(std::clamp<int64_t>(static_cast<int64_t>(tap.first), 0, extent - 1)), tap.second);
  }
  return taps;
}

static bool isComputedInF64(const Resize &resize, Type dtype) { return dtype.isF64() && !resize.isPlain(); }
static Taps computeTaps(const Resize &resize, Type dtype) {
  return isComputedInF64(resize, dtype) ? computeTaps<double>(resize) : computeTaps<float>(resize);
}

/// The sum of the elements at places [output] of a dim, each times a weight; a null weight is 1.
static Value addTap(Value sum, Value x, int64_t dim, Value places, Value weights, Decomposer &b) {
  Value term = b.create<AtenIndexSelectOp>(x, b.integer(dim), places);
  if (weights)
    term = b.mulTensors(term, weights);
  return sum ? b.addTensors(sum, term) : term;
}

static Value resizeStaticDim(Value x, int64_t dim, const Resize &resize, Type dtype, Decomposer &b) {
  Taps taps = computeTaps(resize, dtype);
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true), computed = getDtype(x);
  Value sum;
  for (auto [places, weights] : llvm::zip(taps.places, taps.weights)) {
    auto size = static_cast<int64_t>(places.size());
    SmallVector<int64_t> shape(getRank(x) - dim, 1);
    shape.front() = size;
    Value literal = b.literal(si64, places, {size});
    sum = addTap(sum, x, dim, literal, resize.isPlain() ? Value() : b.literal(computed, weights, shape), b);
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Sizes that only a call knows
//===----------------------------------------------------------------------===//

/// How many elements of the input an element of the result stands for, of rank 0.
static Value buildScale(const Resize &resize, Type dtype, Decomposer &b) {
  Value one = b.integer(1), extent = resize.extent, output = resize.output;
  auto divide = [&](Value x, Value y) { return b.divTensors(b.scalarTensor(x, dtype), b.scalarTensor(y, dtype)); };
  // A single output has position 0, whatever its scale.
  if (resize.alignCorners)
    return divide(b.sub(extent, one), b.max(b.sub(output, one), one));
  if (resize.factor == 0)
    return divide(extent, output);
  Value scale = b.literal(dtype, 1 / resize.factor);
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  auto isNumber = [&](Value x, int64_t number) {
    return b.create<AtenEqScalarOp>(b.scalarTensor(x, si64), b.integer(number));
  };
  auto replace = [&](int64_t times) {
    // No other factor makes the dim so long.
    if (!resize.keepsEqual || resize.factor <= times || resize.factor >= times + 1)
      return;
    Value applies = isNumber(b.sub(output, b.mul(extent, b.integer(times))), 0);
    if (resize.excess)
      applies = b.create<AtenLogicalAndOp>(applies, isNumber(b.max(resize.excess, b.integer(0)), 0));
    scale = b.where(applies, b.literal(dtype, 1.0 / static_cast<double>(times)), scale);
  };
  replace(1);
  if (resize.mode == Interpolation::Nearest)
    replace(2);
  return scale;
}

static SmallVector<DynamicTap> buildTaps(const Resize &resize, Type dtype, Decomposer &b) {
  Type number = isComputedInF64(resize, dtype) ? dtype : b.getBuilder().getF32Type();
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Elements position{&b, b.convert(b.range(resize.output), number)}, scale{&b, buildScale(resize, number, b)};
  Value last = b.sub(resize.extent, b.integer(1));
  SmallVector<DynamicTap> taps;
  for (auto [place, weight] : getTaps(resize.mode, position, scale, resize.alignCorners))
    taps.push_back({b.create<AtenClampOp>(b.convert(place.tensor, si64), b.integer(0), last), weight.tensor});
  return taps;
}

/// The weight of each element of the input in each of the result, [output, extent].
static Value buildMatrix(const Resize &resize, Type dtype, Decomposer &b) {
  if (!resize.isAntialiased()) {
    Value matrix, columns = b.range(resize.extent), zero = b.literal(dtype, 0);
    for (DynamicTap tap : buildTaps(resize, dtype, b)) {
      Value isPlace = b.create<AtenEqTensorOp>(b.unsqueeze(tap.places, 1), columns);
      Value weights = resize.isPlain() ? b.literal(dtype, 1) : b.unsqueeze(tap.weights, 1);
      Value part = b.where(isPlace, weights, zero);
      matrix = matrix ? b.addTensors(matrix, part) : part;
    }
    return matrix;
  }
  bool cubic = resize.mode == Interpolation::CubicAntialiased;
  Elements row{&b, b.unsqueeze(b.convert(b.range(resize.output), dtype), 1)};
  Elements column{&b, b.convert(b.range(resize.extent), dtype)}, scale{&b, buildScale(resize, dtype, b)};
  auto number = [&](double value) { return makeConstant(value, row); };
  Elements factor = max(scale, number(1)), support = factor * number(cubic ? 2 : 1);
  Elements center = scale * (row + number(0.5)), half = number(0.5);
  Elements weight = getAntialiasedWeight((column - center + half) / factor, cubic);
  // Within the support, as PyTorch rounds its ends.
  weight = selectLessEqual(floor(center - support + half), column, weight, number(0));
  weight = selectLessEqual(column + number(1), floor(center + support + half), weight, number(0));
  return b.divTensors(weight.tensor, b.sum(weight.tensor, {1}, /*keepdim=*/true));
}

static Value resizeDynamicDim(Value x, int64_t dim, const Resize &resize, Type dtype, Decomposer &b) {
  int64_t last = getRank(x) - 1;
  if (resize.isAntialiased()) {
    Value matrix = b.transpose(buildMatrix(resize, getDtype(x), b), 0, 1);
    return b.transpose(b.create<AtenMatmulOp>(b.transpose(x, dim, last), matrix), dim, last);
  }
  Value sum;
  for (DynamicTap tap : buildTaps(resize, dtype, b)) {
    for (int64_t after = dim; after < last; ++after)
      tap.weights = b.unsqueeze(tap.weights, -1);
    sum = addTap(sum, x, dim, tap.places, resize.isPlain() ? Value() : tap.weights, b);
  }
  return sum;
}

/// floor(extent * factor), as it is in f64.
static Value scaleSize(Value extent, double factor, Decomposer &b) {
  if (auto constant = getConstantInt(extent))
    return b.integer(static_cast<int64_t>(std::floor(static_cast<double>(*constant) * factor)));
  // Whole halves, quarters, .. are scaled by integers, which need no kernel.
  for (int64_t denominator = 1; denominator <= 1024; denominator *= 2)
    if (double numerator = factor * static_cast<double>(denominator);
        numerator == std::floor(numerator) && numerator < 0x1p20)
      return b.floordiv(b.mul(extent, b.integer(static_cast<int64_t>(numerator))), b.integer(denominator));
  MLIRContext *context = b.getBuilder().getContext();
  Type number = torch::FloatType::get(context);
  Value scaled = b.createAs<AtenMulFloatOp>(number, b.createAs<AtenFloatIntOp>(number, extent), b.floating(factor));
  return b.createAs<AtenFloorFloatOp>(IntType::get(context), scaled);
}

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

/// The resizes of all dims of an image.
static SmallVector<Resize> getResizes(ArrayRef<Value> extents, ArrayRef<Value> outputs,
                                      ArrayRef<std::optional<double>> factors, Interpolation mode, bool alignCorners,
                                      bool isGradient, Decomposer &b) {
  SmallVector<Resize> resizes;
  Value growth = b.integer(0), total = b.integer(0);
  for (auto [extent, output, factor] : llvm::zip_equal(extents, outputs, factors)) {
    Value one = b.integer(1);
    b.checkLessEqual(one, extent, "an image without elements cannot be resized");
    b.checkLessEqual(one, output, "an image cannot be resized to no elements");
    resizes.push_back({mode, alignCorners, extent, output, factor.value_or(0), false, Value()});
    growth = b.add(growth, b.sub(output, extent));
    total = b.add(total, output);
  }
  // What PyTorch's kernels do. The one for small images in two dims does not take the factor at its word.
  for (Resize &resize : resizes) {
    bool isNearest = mode == Interpolation::Nearest, isCubic = mode == Interpolation::Cubic;
    resize.keepsEqual = mode == Interpolation::Linear || (isNearest && (isGradient || resizes.size() == 2)) ||
                        resize.isAntialiased() || (isCubic && isGradient);
    if (isNearest && !isGradient)
      resize.excess = b.sub(total, b.integer(128));
    if (isCubic)
      resize.excess = growth;
  }
  return resizes;
}

/// x [N, C, spatial...]; the size is given, or follows from the scale factors.
static FailureOr<Value> buildResize(Value x, Value outputSize, ArrayRef<std::optional<double>> factors,
                                    Interpolation mode, bool alignCorners, Decomposer &b) {
  BaseTensorType type = getTensorType(x);
  int64_t spatial = type.getRank() - 2;
  std::optional<SmallVector<Value>> output;
  if (!isNone(outputSize))
    output = getListElements(outputSize);
  if (static_cast<int64_t>(factors.size()) != spatial || (!output && !isNone(outputSize)) ||
      (output && static_cast<int64_t>(output->size()) != spatial))
    return b.unsupported("a size that is not known");
  bool isPlain = mode == Interpolation::Nearest || mode == Interpolation::NearestExact;
  if (!isPlain && !isFloatDtype(type.getDtype()))
    return b.unsupported("on a dtype that is not floating point");
  if (!output && llvm::is_contained(factors, std::nullopt))
    return b.unsupported("without a size");
  SmallVector<Value> extents = b.sizes(x);
  extents.erase(extents.begin(), extents.begin() + 2);
  if (!output) {
    output.emplace();
    for (auto [extent, factor] : llvm::zip(extents, factors))
      output->push_back(scaleSize(extent, *factor, b));
  }
  SmallVector<Resize> resizes = getResizes(extents, *output, factors, mode, alignCorners, /*isGradient=*/false, b);
  x = isPlain ? x : b.convert(x, getComputeDtype(type.getDtype()));
  for (int64_t i = spatial; i-- > 0;) {
    if (resizes[i].isCopy())
      continue;
    auto resizeDim = resizes[i].isStatic() ? resizeStaticDim : resizeDynamicDim;
    x = resizeDim(x, 2 + i, resizes[i], type.getDtype(), b);
  }
  return b.convert(x, type.getDtype());
}

/// Along each dim a product with the matrix of its taps, transposed.
static FailureOr<Value> buildResizeGradient(Value gradient, Value inputSize, ArrayRef<std::optional<double>> factors,
                                            Interpolation mode, bool alignCorners, Decomposer &b) {
  auto input = getListElements(inputSize);
  BaseTensorType type = getTensorType(gradient);
  int64_t rank = type.getRank();
  if (!input || static_cast<int64_t>(input->size()) != rank)
    return b.unsupported("a size that is not known");
  Type dtype = type.getDtype(), computed = getComputeDtype(dtype);
  Value g = b.convert(gradient, computed);
  SmallVector<Value> outputs = b.sizes(g);
  SmallVector<Resize> resizes = getResizes(ArrayRef(*input).drop_front(2), ArrayRef(outputs).drop_front(2), factors,
                                           mode, alignCorners, /*isGradient=*/true, b);
  for (auto [i, resize] : llvm::enumerate(resizes)) {
    auto dim = static_cast<int64_t>(i) + 2;
    Value matrix;
    if (resize.isStatic()) {
      int64_t extent = *getConstantInt(resize.extent), output = *getConstantInt(resize.output);
      Taps taps = computeTaps(resize, dtype);
      SmallVector<double> elements(output * extent, 0);
      for (auto [places, weights] : llvm::zip(taps.places, taps.weights))
        for (int64_t row = 0; row < output; ++row)
          elements[row * extent + static_cast<int64_t>(places[row])] += weights[row];
      matrix = b.literal(computed, elements, {output, extent});
    } else {
      matrix = buildMatrix(resize, computed, b);
    }
    g = b.transpose(b.create<AtenMatmulOp>(b.transpose(g, dim, rank - 1), matrix), dim, rank - 1);
  }
  return b.convert(g, dtype);
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
