//===- IndexingGrid.cpp - decompositions of sampling at a grid of points ---===//
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

namespace {

enum class GridMode { Bilinear = 0, Nearest = 1, Bicubic = 2 };
enum class GridPadding { Zeros = 0, Border = 1, Reflection = 2 };

/// Samples images [N, C, spatial...] at points [N, out..., spatial dims reversed].
class GridSampler {
public:
  GridSampler(Value input, Value grid, GridPadding padding, bool alignCorners, Decomposer &b)
      : b(b), input(input), grid(grid), padding(padding), alignCorners(alignCorners), spatial(getRank(input) - 2) {
    for (int64_t i = 0; i < spatial; ++i)
      sizes.push_back(b.size(input, 2 + i));
  }

  Value sample(GridMode mode);

private:
  /// factor (size of dim i) + offset, for arithmetic with tensors.
  Value scaleSize(int64_t i, double factor, double offset);
  /// Coordinate of dim i in elements, [N, out...].
  Value getPosition(int64_t i);
  Value clip(Value position, int64_t i);
  Value reflect(Value position, int64_t i);
  Value moveInside(Value position, int64_t i);
  /// The elements at integral coordinates, [N, C, out...]; 0 outside.
  Value gather(ArrayRef<Value> places);
  Value sampleBicubic();

  Decomposer &b;
  Value input, grid;
  GridPadding padding;
  bool alignCorners;
  int64_t spatial;
  SmallVector<Value> sizes;
};

} // namespace

Value GridSampler::scaleSize(int64_t i, double factor, double offset) {
  if (auto size = getConstantInt(sizes[i]))
    return b.floating(factor * static_cast<double>(*size) + offset);
  Type number = torch::FloatType::get(b.getBuilder().getContext());
  Value scaled = b.createAs<AtenMulFloatOp>(number, b.createAs<AtenFloatIntOp>(number, sizes[i]), b.floating(factor));
  return b.createAs<AtenAddFloatOp>(number, scaled, b.floating(offset));
}

Value GridSampler::getPosition(int64_t i) {
  Value x = b.addNumber(b.select(grid, -1, spatial - 1 - i), 1);
  // -1 and 1 are the centers of the outer elements, or their outer edges.
  if (alignCorners)
    return b.create<AtenMulScalarOp>(x, scaleSize(i, 0.5, -0.5));
  return b.mulNumber(b.addNumber(b.create<AtenMulScalarOp>(x, scaleSize(i, 1, 0)), -1), 0.5);
}

Value GridSampler::clip(Value position, int64_t i) {
  return b.create<AtenClampOp>(position, b.floating(0), scaleSize(i, 1, -1));
}

/// Back and forth between the centers of the outer elements, or their outer edges: as far from the nearest even
/// multiple of their distance below as from the one above.
Value GridSampler::reflect(Value position, int64_t i) {
  double low = alignCorners ? 0 : -0.5, less = alignCorners ? -2 : 0;
  // Where there is no distance, everything is at 0.
  if (alignCorners && getConstantInt(sizes[i]) == 1)
    return b.mulNumber(b.create<AtenAbsOp>(position), 0);
  Value period = scaleSize(i, 2, less), distance = b.create<AtenAbsOp>(b.addNumber(position, -low));
  Value rest = b.create<AtenFmodScalarOp>(distance, period);
  Value back = b.create<AtenRsubScalarOp>(rest, period, b.integer(1));
  Value reflected = b.addNumber(b.create<AtenMinimumOp>(rest, back), low);
  if (!alignCorners || getConstantInt(sizes[i]))
    return reflected;
  Value isSingle = b.create<AtenEqScalarOp>(b.scalarTensor(period, getDtype(position)), b.integer(0));
  return b.where(isSingle, b.literal(getDtype(position), 0), reflected);
}

Value GridSampler::moveInside(Value position, int64_t i) {
  if (padding == GridPadding::Zeros)
    return position;
  return clip(padding == GridPadding::Reflection ? reflect(position, i) : position, i);
}

Value GridSampler::gather(ArrayRef<Value> places) {
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value isInside, flat;
  for (auto [i, place] : llvm::enumerate(places)) {
    Value fits = b.create<AtenLogicalAndOp>(b.create<AtenGeScalarOp>(place, b.floating(0)),
                                            b.create<AtenLeScalarOp>(place, scaleSize(i, 1, -1)));
    isInside = isInside ? b.create<AtenLogicalAndOp>(isInside, fits) : fits;
    // NaN and what lies outside read element 0.
    Value safe = b.convert(b.where(fits, place, b.literal(getTensorType(place).getDtype(), 0)), si64);
    flat = flat ? b.addTensors(b.create<AtenMulScalarOp>(flat, sizes[i]), safe) : safe;
  }
  Value channels = b.size(input, 1);
  SmallVector<Value> outSizes = b.sizes(flat);
  Value index = b.unsqueeze(b.flatten(flat, 1, -1), 1);
  index = b.expand(index, {outSizes[0], channels, b.size(index, 2)});
  Value picked = b.create<AtenGatherOp>(b.flatten(input, 2, -1), b.integer(2), index, b.boolean(false));
  SmallVector<Value> shape{outSizes[0], channels};
  llvm::append_range(shape, ArrayRef<Value>(outSizes).drop_front());
  picked = b.create<AtenReshapeOp>(picked, b.list(shape));
  return b.where(b.unsqueeze(isInside, 1), picked, b.literal(getTensorType(input).getDtype(), 0));
}

/// Four taps a dim by Keys' kernel with a = -3/4; each tap is moved inside on its own.
Value GridSampler::sampleBicubic() {
  constexpr double a = -0.75;
  SmallVector<Value> floors, weights[2];
  for (int64_t i = 0; i < 2; ++i) {
    Value position = getPosition(i);
    floors.push_back(b.create<AtenFloorOp>(position));
    Value t = b.subTensors(position, floors.back());
    auto near = [&](Value x) {
      Value inner = b.addNumber(b.mulNumber(x, a + 2), -(a + 3));
      return b.addNumber(b.mulTensors(b.mulTensors(inner, x), x), 1);
    };
    auto far = [&](Value x) {
      Value inner = b.addNumber(b.mulNumber(x, a), -5 * a);
      inner = b.addNumber(b.mulTensors(inner, x), 8 * a);
      return b.addNumber(b.mulTensors(inner, x), -4 * a);
    };
    Value rest = b.addNumber(b.create<AtenNegOp>(t), 1);
    weights[i] = {far(b.addNumber(t, 1)), near(t), near(rest), far(b.addNumber(rest, 1))};
  }
  Value sum;
  for (int64_t y = 0; y < 4; ++y)
    for (int64_t x = 0; x < 4; ++x) {
      Value element = gather({moveInside(b.addNumber(floors[0], static_cast<double>(y - 1)), 0),
                              moveInside(b.addNumber(floors[1], static_cast<double>(x - 1)), 1)});
      Value term = b.mulTensors(element, b.unsqueeze(b.mulTensors(weights[0][y], weights[1][x]), 1));
      sum = sum ? b.addTensors(sum, term) : term;
    }
  return sum;
}

Value GridSampler::sample(GridMode mode) {
  if (mode == GridMode::Bicubic)
    return sampleBicubic();
  SmallVector<Value> positions, floors;
  for (int64_t i = 0; i < spatial; ++i)
    positions.push_back(moveInside(getPosition(i), i));
  if (mode == GridMode::Nearest) {
    for (Value &position : positions)
      position = b.create<AtenRoundOp>(position);
    return gather(positions);
  }
  for (Value position : positions)
    floors.push_back(b.create<AtenFloorOp>(position));
  Value sum;
  for (int64_t corner = 0; corner < (int64_t(1) << spatial); ++corner) {
    SmallVector<Value> places;
    Value weight;
    for (int64_t i = 0; i < spatial; ++i) {
      bool upper = corner >> i & 1;
      places.push_back(upper ? b.addNumber(floors[i], 1) : floors[i]);
      Value fraction = b.subTensors(positions[i], floors[i]);
      Value factor = upper ? fraction : b.addNumber(b.create<AtenNegOp>(fraction), 1);
      weight = weight ? b.mulTensors(weight, factor) : factor;
    }
    Value term = b.mulTensors(gather(places), b.unsqueeze(weight, 1));
    sum = sum ? b.addTensors(sum, term) : term;
  }
  return sum;
}

template <typename Op> static FailureOr<Value> decomposeGridSampler(Op op, Decomposer &b) {
  auto mode = getConstantInt(op.getInterpolationMode()), padding = getConstantInt(op.getPaddingMode());
  auto alignCorners = getConstantBool(op.getAlignCorners());
  BaseTensorType type = getTensorType(op.getInput());
  if (!mode || !padding || !alignCorners)
    return b.unsupported("an option that is not constant");
  if (*mode == 2 && getRank(op.getInput()) != 4)
    return b.unsupported("bicubic in other than two dims");
  for (int64_t dim = 2; dim < getRank(op.getInput()); ++dim)
    b.checkLessEqual(b.integer(1), b.size(op.getInput(), dim), "an image without elements cannot be sampled");
  Type computed = getComputeDtype(type.getDtype());
  GridSampler sampler(b.convert(op.getInput(), computed), b.convert(op.getGrid(), computed),
                      static_cast<GridPadding>(*padding), *alignCorners, b);
  return b.convert(sampler.sample(static_cast<GridMode>(*mode)), type.getDtype());
}
static FailureOr<Value> DecomposeAtenGridSampler(AtenGridSamplerOp op, Decomposer &b) {
  return decomposeGridSampler(op, b);
}
static FailureOr<Value> DecomposeAtenGridSampler2d(AtenGridSampler2dOp op, Decomposer &b) {
  return decomposeGridSampler(op, b);
}
static FailureOr<Value> DecomposeAtenGridSampler3d(AtenGridSampler3dOp op, Decomposer &b) {
  return decomposeGridSampler(op, b);
}

/// grid[n, .., w] = theta[n] (x[w], y[h], .., 1), with x, y, .. from -1 to 1: the centers of the outer elements, or
/// their outer edges.
static FailureOr<Value> DecomposeAtenAffineGridGenerator(AtenAffineGridGeneratorOp op, Decomposer &b) {
  auto size = getListElements(op.getSize());
  auto alignCorners = getConstantBool(op.getAlignCorners());
  if (!size || !alignCorners)
    return b.unsupported("a size or align_corners is not constant");
  Type dtype = getDtype(op.getTheta());
  ArrayRef<Value> spatial = ArrayRef<Value>(*size).drop_front(2);
  SmallVector<Value> coordinates;
  for (auto [i, extent] : llvm::enumerate(spatial)) {
    Value last = b.sub(extent, b.integer(1));
    Value place = b.mulNumber(b.convert(b.range(extent), dtype), 2);
    Value span = b.scalarTensor(*alignCorners ? last : extent, dtype);
    // One element lies in the middle.
    span = b.create<AtenClampMinOp>(span, b.integer(1));
    Value coordinate = b.divTensors(b.subTensors(place, b.scalarTensor(last, dtype)), span);
    for (size_t after = i + 1; after < spatial.size(); ++after)
      coordinate = b.unsqueeze(coordinate, -1);
    coordinates.insert(coordinates.begin(), b.unsqueeze(b.expand(coordinate, spatial), -1));
  }
  SmallVector<Value> ones(spatial);
  ones.push_back(b.integer(1));
  coordinates.push_back(b.full(ones, b.floating(1), dtype));
  Value points = b.flatten(b.cat(coordinates, -1), 0, -2);
  Value grid = b.create<AtenMatmulOp>(points, b.transpose(op.getTheta(), 1, 2));
  SmallVector<Value> sizes{size->front()};
  llvm::append_range(sizes, spatial);
  sizes.push_back(b.integer(spatial.size()));
  return b.view(grid, sizes);
}

void torchc::populateIndexingGridPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenGridSampler, DecomposeAtenGridSampler2d, DecomposeAtenGridSampler3d,
                    DecomposeAtenAffineGridGenerator);
}
