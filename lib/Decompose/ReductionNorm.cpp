//===- ReductionNorm.cpp - decompositions of norms, distances and integrals ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearAlgebra.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Norms are of the absolute values of complex numbers.
static Value getMagnitude(Value x, Decomposer &b) { return isa<ComplexType>(getDtype(x)) ? b.create<AtenAbsOp>(x) : x; }

static Value getNorm(Value x, double p, ArrayRef<int64_t> dims, bool keepdim, Decomposer &b) {
  return b.create<AtenLinalgVectorNormOp>(getMagnitude(x, b), b.floating(p), b.list(dims), b.boolean(keepdim),
                                          b.none());
}

//===----------------------------------------------------------------------===//
// Matrix norms
//===----------------------------------------------------------------------===//

/// The largest along `dim` of values that are not negative; 0 of none.
static Value buildLargest(Value values, int64_t dim, bool keepdim, Decomposer &b) {
  Value largest = b.amax(values, {dim}, keepdim);
  return getTensorType(values).getSizes()[dim] > 0 ? largest : b.create<AtenClampMinOp>(largest, b.integer(0));
}

/// The largest or smallest sum of absolute values along a row or column.
static Value buildSumNorm(Value x, int64_t summed, int64_t other, bool largest, bool keepdim, Decomposer &b) {
  Value sums = b.sum(b.create<AtenAbsOp>(x), {summed}, true);
  Value norm = largest ? buildLargest(sums, other, true, b)
                       : b.create<AtenAminOp>(sums, b.list(ArrayRef<int64_t>{other}), b.boolean(true));
  if (keepdim)
    return norm;
  for (int64_t dim : {std::max(summed, other), std::min(summed, other)})
    norm = b.squeeze(norm, dim);
  return norm;
}

/// The sum, the largest or the smallest of the singular values.
static FailureOr<Value> buildSpectralNorm(Value x, int64_t row, int64_t column, double order, bool keepdim,
                                          Decomposer &b) {
  SmallVector<int64_t> places;
  for (int64_t dim = 0; dim < getRank(x); ++dim)
    if (dim != row && dim != column)
      places.push_back(dim);
  places.append({row, column});
  FailureOr<Value> singular = buildSingularValues(b.permute(x, places), b);
  if (failed(singular))
    return failure();
  Value values = *singular;
  int64_t last = getRank(values) - 1;
  Value norm;
  if (order == 0)
    norm = b.sum(values, {last}, false);
  else if (order > 0)
    norm = buildLargest(values, last, false, b);
  else
    norm = b.create<AtenAminOp>(values, b.list(last), b.boolean(false));
  if (!keepdim)
    return norm;
  return b.unsqueeze(b.unsqueeze(norm, std::min(row, column)), std::max(row, column));
}

/// ord "fro": sqrt(sum x^2); 1, -1: columns; inf, -inf: rows; "nuc", 2, -2: singular values.
static FailureOr<Value> buildMatrixNorm(Operation *op, Value x, Value order, ArrayRef<int64_t> dims, bool keepdim,
                                        Decomposer &b) {
  auto row = wrapDim(dims[0], getRank(x)), column = wrapDim(dims[1], getRank(x));
  auto name = getConstantString(order);
  auto number = isNone(order) ? std::nullopt : getConstantNumber(order);
  if (!row || !column)
    return b.unsupported("a dim out of range");
  Type dtype = getResultDtype(op);
  Value wide = b.convert(getMagnitude(x, b), getComputeDtype(dtype));
  if (isNone(order) || name == "fro")
    return b.convert(getNorm(wide, 2, {*row, *column}, keepdim, b), dtype);
  if (number && std::abs(*number) == 1)
    return b.convert(buildSumNorm(wide, *row, *column, *number > 0, keepdim, b), dtype);
  if (number && std::isinf(*number))
    return b.convert(buildSumNorm(wide, *column, *row, *number > 0, keepdim, b), dtype);
  bool isNuclear = name == "nuc";
  if (!isNuclear && !(number && std::abs(*number) == 2))
    return b.unsupported("an order that matrices do not have");
  auto norm = buildSpectralNorm(x, *row, *column, isNuclear ? 0 : *number, keepdim, b);
  if (failed(norm))
    return failure();
  return b.convert(*norm, dtype);
}

template <typename Op> static FailureOr<Value> decomposeMatrixNorm(Op op, Decomposer &b) {
  auto dims = getConstantIntList(op.getDim());
  auto keepdim = getConstantBool(op.getKeepdim());
  if (!dims || dims->size() != 2 || !keepdim)
    return b.unsupported("dims that are not constant");
  return buildMatrixNorm(op, op.getSelf(), op.getOrd(), *dims, *keepdim, b);
}
static FailureOr<Value> DecomposeAtenLinalgMatrixNorm(AtenLinalgMatrixNormOp op, Decomposer &b) {
  return decomposeMatrixNorm(op, b);
}
static FailureOr<Value> DecomposeAtenLinalgMatrixNormStrOrd(AtenLinalgMatrixNormStrOrdOp op, Decomposer &b) {
  return decomposeMatrixNorm(op, b);
}

/// One dim: a vector's norm. Two: a matrix's where an order is given. All, without an order: a vector's.
template <typename Op> static FailureOr<Value> decomposeLinalgNorm(Op op, Decomposer &b) {
  auto keepdim = getConstantBool(op.getKeepdim());
  int64_t rank = getRank(op.getSelf());
  std::optional<SmallVector<int64_t>> dims;
  if (!isNone(op.getDim()))
    dims = getConstantIntList(op.getDim());
  else if (isNone(op.getOrd()) || rank < 2)
    dims = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  else
    dims = SmallVector<int64_t>{0, 1};
  if (!dims || !keepdim)
    return b.unsupported("dims that are not constant");
  if (dims->size() == 2 && !isNone(op.getOrd()))
    return buildMatrixNorm(op, op.getSelf(), op.getOrd(), *dims, *keepdim, b);
  Value order = isNone(op.getOrd()) ? b.floating(2) : op.getOrd();
  Value x = b.convert(getMagnitude(op.getSelf(), b), getResultDtype(op));
  return b.create<AtenLinalgVectorNormOp>(x, order, b.list(*dims), op.getKeepdim(), b.none());
}
static FailureOr<Value> DecomposeAtenLinalgNorm(AtenLinalgNormOp op, Decomposer &b) {
  return decomposeLinalgNorm(op, b);
}
static FailureOr<Value> DecomposeAtenLinalgNormOrdStr(AtenLinalgNormOrdStrOp op, Decomposer &b) {
  return decomposeLinalgNorm(op, b);
}
static FailureOr<Value> DecomposeAtenNormScalar(AtenNormScalarOp op, Decomposer &b) {
  auto dims = llvm::to_vector(llvm::seq<int64_t>(0, getRank(op.getSelf())));
  return b.createAs<AtenLinalgVectorNormOp>(op.getType(), getMagnitude(op.getSelf(), b), op.getP(), b.list(dims),
                                            b.boolean(false), b.none());
}
static FailureOr<Value> DecomposeAtenNormScalarOptDtype(AtenNormScalarOptDtypeOp op, Decomposer &b) {
  Value order = isNone(op.getP()) ? b.floating(2) : op.getP();
  auto dims = llvm::to_vector(llvm::seq<int64_t>(0, getRank(op.getSelf())));
  return b.createAs<AtenLinalgVectorNormOp>(op.getType(), b.convert(getMagnitude(op.getSelf(), b), getResultDtype(op)),
                                            order, b.list(dims), b.boolean(false), b.none());
}
static FailureOr<Value> DecomposeAtenNormScalarOptDimDtype(AtenNormScalarOptDimDtypeOp op, Decomposer &b) {
  Value order = isNone(op.getP()) ? b.floating(2) : op.getP();
  return b.createAs<AtenLinalgVectorNormOp>(op.getType(), b.convert(getMagnitude(op.getSelf(), b), getResultDtype(op)),
                                            order, op.getDim(), op.getKeepdim(), b.none());
}

//===----------------------------------------------------------------------===//
// Distances
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenDist(AtenDistOp op, Decomposer &b) {
  Value difference = getMagnitude(b.subTensors(op.getSelf(), op.getOther()), b);
  auto dims = llvm::to_vector(llvm::seq<int64_t>(0, getRank(difference)));
  return b.create<AtenLinalgVectorNormOp>(difference, op.getP(), b.list(dims), b.boolean(false), b.none());
}

/// |x1[.., i, :] - x2[.., j, :]|_p
template <typename Op> static FailureOr<Value> decomposeCdist(Op op, Decomposer &b) {
  Value difference = b.subTensors(b.unsqueeze(op.getX1(), -2), b.unsqueeze(op.getX2(), -3));
  return b.create<AtenLinalgVectorNormOp>(difference, op.getP(), b.list(ArrayRef<int64_t>{-1}), b.boolean(false),
                                          b.none());
}

/// For x1: of each j, the gradient times sign(d) (|d| / |d|_p)^(p - 1), where d = x1[.., i, :] - x2[.., j, :]
static FailureOr<Value> DecomposeAten_CdistBackward(Aten_CdistBackwardOp op, Decomposer &b) {
  auto p = getConstantNumber(op.getP());
  if (!p)
    return b.unsupported("a norm that is not constant");
  Value difference = b.subTensors(b.unsqueeze(op.getX1(), -2), b.unsqueeze(op.getX2(), -3));
  Value magnitude = b.create<AtenAbsOp>(difference), distance = b.unsqueeze(op.getCdist(), -1);
  Value isZero = b.create<AtenEqScalarOp>(difference, b.integer(0)), share = b.create<AtenSignOp>(difference);
  if (*p == 0)
    isZero = b.create<AtenEqTensorOp>(difference, difference);
  else if (std::isinf(*p))
    isZero = b.create<AtenNeTensorOp>(magnitude, distance);
  else if (*p != 1)
    share = b.mulTensors(share, b.create<AtenPowTensorScalarOp>(b.divTensors(magnitude, distance), b.floating(*p - 1)));
  Value terms = b.mulTensors(b.unsqueeze(op.getGrad(), -1), share);
  Value zero = b.literal(getDtype(terms), 0);
  return b.sum(b.where(isZero, zero, terms), {getRank(terms) - 2}, /*keepdim=*/false);
}

/// |x[i] - x[j]|_p for i < j
template <typename Op> static FailureOr<Value> decomposePdist(Op op, Decomposer &b) {
  int64_t count = getTensorType(op.getSelf()).getSizes().front();
  if (ShapedType::isDynamic(count))
    return b.unsupported("of a dim that is not static");
  SmallVector<double> first, second;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = i + 1; j < count; ++j) {
      first.push_back(static_cast<double>(i));
      second.push_back(static_cast<double>(j));
    }
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  auto pick = [&](ArrayRef<double> places) {
    Value index = b.literal(si64, places, {static_cast<int64_t>(places.size())});
    return b.create<AtenIndexSelectOp>(op.getSelf(), b.integer(0), index);
  };
  return b.create<AtenLinalgVectorNormOp>(b.subTensors(pick(first), pick(second)), op.getP(),
                                          b.list(ArrayRef<int64_t>{-1}), b.boolean(false), b.none());
}

/// Slices of a dim whose norm is above maxnorm are scaled down to it.
static FailureOr<Value> DecomposeAtenRenorm(AtenRenormOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  auto p = getConstantNumber(op.getP()), limit = getConstantNumber(op.getMaxnorm());
  auto axis = dim ? wrapDim(*dim, getRank(op.getSelf())) : std::nullopt;
  if (!axis || !p || !limit)
    return b.unsupported("a number that is not constant");
  SmallVector<int64_t> others;
  for (int64_t i = 0; i < getRank(op.getSelf()); ++i)
    if (i != *axis)
      others.push_back(i);
  Type dtype = getResultDtype(op), computed = getComputeDtype(dtype);
  Value x = b.convert(op.getSelf(), computed);
  Value norm = getNorm(x, *p, others, true, b);
  Value factor = b.mulNumber(b.create<AtenReciprocalOp>(b.addNumber(norm, 1e-7)), *limit);
  Value isLong = b.create<AtenGtScalarOp>(norm, b.floating(*limit));
  return b.convert(b.mulTensors(x, b.where(isLong, factor, b.literal(getDtype(norm), 1))), dtype);
}

//===----------------------------------------------------------------------===//
// Integrals and derivatives along a dim
//===----------------------------------------------------------------------===//

static Value tail(Value x, int64_t dim, Decomposer &b) {
  return b.slice(x, dim, b.integer(1), b.integer(std::numeric_limits<int64_t>::max()));
}
static Value head(Value x, int64_t dim, Decomposer &b) { return b.slice(x, dim, b.integer(0), b.integer(-1)); }

/// (y[i + 1] + y[i]) / 2 times x[i + 1] - x[i], or times dx
static FailureOr<Value> buildTrapezoids(Value y, Value x, std::optional<double> dx, std::optional<int64_t> dim,
                                        Decomposer &b) {
  if (!dim || (!x && !dx))
    return b.unsupported("a number that is not constant");
  // Of an empty dim nothing is left either way.
  Value pairs = b.addTensors(tail(y, *dim, b), head(y, *dim, b));
  if (!x)
    return b.mulNumber(pairs, *dx / 2);
  if (getRank(x) == 1)
    for (int64_t i = *dim + 1; i < getRank(y); ++i)
      x = b.unsqueeze(x, -1);
  int64_t axis = *dim - (getRank(y) - getRank(x));
  if (axis < 0)
    return b.unsupported("points of fewer dims than values");
  return b.mulNumber(b.mulTensors(pairs, b.subTensors(tail(x, axis, b), head(x, axis, b))), 0.5);
}
static std::optional<int64_t> getDim(Value dim, Value tensor) {
  auto constant = getConstantInt(dim);
  return constant ? wrapDim(*constant, getRank(tensor)) : std::nullopt;
}
template <typename Op>
static FailureOr<Value> decomposeTrapezoid(Op op, Value x, std::optional<double> dx, Decomposer &b) {
  auto dim = getDim(op.getDim(), op.getY());
  auto parts = buildTrapezoids(op.getY(), x, dx, dim, b);
  if (failed(parts))
    return failure();
  return b.sum(*parts, {*dim}, false);
}
static FailureOr<Value> DecomposeAtenTrapezoidX(AtenTrapezoidXOp op, Decomposer &b) {
  return decomposeTrapezoid(op, op.getX(), std::nullopt, b);
}
static FailureOr<Value> DecomposeAtenTrapezoidDx(AtenTrapezoidDxOp op, Decomposer &b) {
  return decomposeTrapezoid(op, Value(), getConstantNumber(op.getDx()), b);
}
static FailureOr<Value> DecomposeAtenTrapzX(AtenTrapzXOp op, Decomposer &b) {
  return decomposeTrapezoid(op, op.getX(), std::nullopt, b);
}
static FailureOr<Value> DecomposeAtenTrapzDx(AtenTrapzDxOp op, Decomposer &b) {
  return decomposeTrapezoid(op, Value(), getConstantNumber(op.getDx()), b);
}
template <typename Op>
static FailureOr<Value> decomposeCumulativeTrapezoid(Op op, Value x, std::optional<double> dx, Decomposer &b) {
  auto dim = getDim(op.getDim(), op.getY());
  auto parts = buildTrapezoids(op.getY(), x, dx, dim, b);
  if (failed(parts))
    return failure();
  return b.create<AtenCumsumOp>(*parts, b.integer(*dim), b.none());
}
static FailureOr<Value> DecomposeAtenCumulativeTrapezoidX(AtenCumulativeTrapezoidXOp op, Decomposer &b) {
  return decomposeCumulativeTrapezoid(op, op.getX(), std::nullopt, b);
}
static FailureOr<Value> DecomposeAtenCumulativeTrapezoidDx(AtenCumulativeTrapezoidDxOp op, Decomposer &b) {
  return decomposeCumulativeTrapezoid(op, Value(), getConstantNumber(op.getDx()), b);
}

/// Differences of neighbours: central ones within, one-sided ones of the given order at the ends.
static Value buildGradient(Value x, double spacing, int64_t dim, int64_t order, Decomposer &b) {
  int64_t extent = getTensorType(x).getSizes()[dim];
  auto part = [&](int64_t start, int64_t end) { return b.slice(x, dim, b.integer(start), b.integer(end)); };
  auto scaled = [&](Value value, double factor) { return b.mulNumber(value, factor / spacing); };
  Value inner = scaled(b.subTensors(part(2, extent), part(0, extent - 2)), 0.5);
  Value front, back;
  if (order == 1) {
    front = scaled(b.subTensors(part(1, 2), part(0, 1)), 1);
    back = scaled(b.subTensors(part(extent - 1, extent), part(extent - 2, extent - 1)), 1);
  } else {
    auto combine = [&](Value p, Value q, Value r, double sign) {
      Value sum = b.addTensors(b.mulNumber(p, -1.5), b.mulNumber(q, 2));
      return scaled(b.addTensors(sum, b.mulNumber(r, -0.5)), sign);
    };
    front = combine(part(0, 1), part(1, 2), part(2, 3), 1);
    back = combine(part(extent - 1, extent), part(extent - 2, extent - 1), part(extent - 3, extent - 2), -1);
  }
  return b.cat({front, inner, back}, dim);
}
/// The gradients along `dims`, each at its spacing.
static FailureOr<Value> buildGradients(Operation *op, Value x, ArrayRef<double> spacings, ArrayRef<int64_t> dims,
                                       Value edgeOrder, Decomposer &b) {
  auto order = getConstantInt(edgeOrder);
  if (!order || (*order != 1 && *order != 2) || spacings.size() != dims.size() ||
      isBoolDtype(getTensorType(x).getDtype()))
    return b.unsupported("an option that is not constant, or on bools");
  for (int64_t dim : dims)
    if (int64_t extent = getTensorType(x).getSizes()[dim]; ShapedType::isDynamic(extent) || extent <= *order)
      return b.unsupported("along a dim that is not static or too short");
  SmallVector<Value> gradients;
  for (auto [spacing, dim] : llvm::zip(spacings, dims))
    gradients.push_back(buildGradient(x, spacing, dim, *order, b));
  return buildTensorList(op, gradients, b);
}
/// The same where the places of the elements are given: differences of second order within.
static Value buildGradientAt(Value x, Value places, int64_t dim, int64_t order, Decomposer &b) {
  int64_t extent = getTensorType(x).getSizes()[dim];
  auto part = [&](Value tensor, int64_t axis, int64_t start, int64_t end) {
    return b.slice(tensor, axis, b.integer(start), b.integer(end));
  };
  Value widths = b.subTensors(part(places, 0, 1, extent), part(places, 0, 0, extent - 1));
  for (int64_t i = dim + 1; i < getRank(x); ++i)
    widths = b.unsqueeze(widths, -1);
  int64_t count = extent - 1;
  auto width = [&](int64_t start, int64_t end) { return part(widths, 0, start, end); };
  auto element = [&](int64_t start, int64_t end) { return part(x, dim, start, end); };
  auto sum = [&](Value p, Value q, Value r) { return b.addTensors(b.addTensors(p, q), r); };
  // Of neighbouring widths h and k: the weights of the three elements around them.
  auto combine = [&](Value h, Value k, std::array<Value, 3> weights, std::array<Value, 3> elements) {
    Value both = b.addTensors(h, k);
    return sum(b.divTensors(b.mulTensors(weights[0], elements[0]), b.mulTensors(h, both)),
               b.divTensors(b.mulTensors(weights[1], elements[1]), b.mulTensors(h, k)),
               b.divTensors(b.mulTensors(weights[2], elements[2]), b.mulTensors(k, both)));
  };
  auto negate = [&](Value value) { return b.create<AtenNegOp>(value); };
  Value h = width(0, count - 1), k = width(1, count);
  Value inner = combine(h, k, {negate(k), b.subTensors(k, h), h},
                        {element(0, extent - 2), element(1, extent - 1), element(2, extent)});
  Value front, back;
  if (order == 1) {
    front = b.divTensors(b.subTensors(element(1, 2), element(0, 1)), width(0, 1));
    back = b.divTensors(b.subTensors(element(extent - 1, extent), element(extent - 2, extent - 1)),
                        width(count - 1, count));
  } else {
    Value first = width(0, 1), second = width(1, 2), both = b.addTensors(first, second);
    front = combine(first, second, {negate(b.addTensors(both, first)), both, negate(first)},
                    {element(0, 1), element(1, 2), element(2, 3)});
    first = width(count - 2, count - 1), second = width(count - 1, count), both = b.addTensors(first, second);
    back = combine(first, second, {second, negate(both), b.addTensors(both, second)},
                   {element(extent - 3, extent - 2), element(extent - 2, extent - 1), element(extent - 1, extent)});
  }
  return b.cat({front, inner, back}, dim);
}
static std::optional<SmallVector<int64_t>> getGradientDims(Value x, Value dims) {
  int64_t rank = getRank(x);
  std::optional<SmallVector<int64_t>> result;
  if (isNone(dims))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (auto dim = getConstantInt(dims))
    result = SmallVector<int64_t>{*dim};
  else
    result = getConstantIntList(dims);
  if (!result)
    return std::nullopt;
  for (int64_t &dim : *result) {
    auto wrapped = wrapDim(dim, rank);
    if (!wrapped)
      return std::nullopt;
    dim = *wrapped;
  }
  return result;
}
static std::optional<SmallVector<double>> getNumbers(Value list) {
  auto elements = getListElements(list);
  SmallVector<double> numbers;
  for (Value element : elements.value_or(SmallVector<Value>())) {
    auto number = getConstantNumber(element);
    if (!number)
      return std::nullopt;
    numbers.push_back(*number);
  }
  return elements ? std::optional(numbers) : std::nullopt;
}
template <typename Op> static FailureOr<Value> decomposeGradient(Op op, Value dimValue, Decomposer &b) {
  auto dims = getGradientDims(op.getSelf(), dimValue);
  std::optional<SmallVector<double>> spacings;
  if (!dims)
    return b.unsupported("dims that are not constant");
  if (isNone(op.getSpacing()))
    spacings = SmallVector<double>(dims->size(), 1);
  else if (auto number = getConstantNumber(op.getSpacing()))
    spacings = SmallVector<double>(dims->size(), *number);
  else
    spacings = getNumbers(op.getSpacing());
  if (!spacings)
    return b.unsupported("a spacing that is not constant");
  return buildGradients(op, op.getSelf(), *spacings, *dims, op.getEdgeOrder(), b);
}
static FailureOr<Value> DecomposeAtenGradientScalarint(AtenGradientScalarintOp op, Decomposer &b) {
  return decomposeGradient(op, op.getDim(), b);
}
static FailureOr<Value> DecomposeAtenGradientScalararray(AtenGradientScalararrayOp op, Decomposer &b) {
  return decomposeGradient(op, op.getDim(), b);
}
static FailureOr<Value> DecomposeAtenGradientScalarrayint(AtenGradientScalarrayintOp op, Decomposer &b) {
  return decomposeGradient(op, op.getDim(), b);
}
static FailureOr<Value> DecomposeAtenGradientScalarrayarray(AtenGradientScalarrayarrayOp op, Decomposer &b) {
  return decomposeGradient(op, op.getDim(), b);
}

template <typename Op> static FailureOr<Value> decomposeGradientAt(Op op, Decomposer &b) {
  auto dims = getGradientDims(op.getSelf(), op.getDim());
  auto places = getListElements(op.getSpacing());
  auto order = getConstantInt(op.getEdgeOrder());
  Type dtype = getTensorType(op.getSelf()).getDtype();
  if (!dims || !places || places->size() != dims->size() || !order || (*order != 1 && *order != 2) ||
      !isFloatDtype(dtype))
    return b.unsupported("an option that is not constant, or on a dtype that is not floating point");
  SmallVector<Value> gradients;
  for (int64_t dim : *dims)
    if (int64_t extent = getTensorType(op.getSelf()).getSizes()[dim]; ShapedType::isDynamic(extent) || extent <= *order)
      return b.unsupported("along a dim that is not static or too short");
  for (auto [place, dim] : llvm::zip_equal(*places, *dims))
    gradients.push_back(buildGradientAt(op.getSelf(), b.convert(place, dtype), dim, *order, b));
  return buildTensorList(op, gradients, b);
}
static FailureOr<Value> DecomposeAtenGradientTensorarray(AtenGradientTensorarrayOp op, Decomposer &b) {
  return decomposeGradientAt(op, b);
}
static FailureOr<Value> DecomposeAtenGradientTensorarrayint(AtenGradientTensorarrayintOp op, Decomposer &b) {
  return decomposeGradientAt(op, b);
}

void torchc::populateReductionNormPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenLinalgMatrixNorm, DecomposeAtenLinalgMatrixNormStrOrd,
                    DecomposeAtenLinalgNorm, DecomposeAtenLinalgNormOrdStr, DecomposeAtenNormScalar,
                    DecomposeAtenNormScalarOptDtype, DecomposeAtenNormScalarOptDimDtype);
  addDecompositions(patterns, DecomposeAtenDist, decomposeCdist<AtenCdistOp>, decomposeCdist<Aten_CdistForwardOp>,
                    DecomposeAten_CdistBackward, decomposePdist<AtenPdistOp>, decomposePdist<Aten_PdistForwardOp>,
                    DecomposeAtenRenorm);
  addDecompositions(patterns, DecomposeAtenTrapezoidX, DecomposeAtenTrapezoidDx, DecomposeAtenTrapzX,
                    DecomposeAtenTrapzDx, DecomposeAtenCumulativeTrapezoidX, DecomposeAtenCumulativeTrapezoidDx,
                    DecomposeAtenGradientScalarint, DecomposeAtenGradientScalararray, DecomposeAtenGradientScalarrayint,
                    DecomposeAtenGradientScalarrayarray, DecomposeAtenGradientTensorarray,
                    DecomposeAtenGradientTensorarrayint);
}
