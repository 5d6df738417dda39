//===- Quantization.cpp - numbers to integers of few bits and back ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The operators of PyTorch's decomposed quantisation: quantised tensors are
// plain integers, scale and zero point are arguments.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// The one element of a tensor, 0-d.
static Value getOnly(Value tensor, Decomposer &b) { return b.view(tensor, ArrayRef<int64_t>{}); }

/// One number for each position of dim `axis` of `tensor`, to be broadcast against it.
static Value placeOnAxis(Value numbers, Value tensor, int64_t axis, Decomposer &b) {
  SmallVector<int64_t> sizes(getTensorType(tensor).getRank(), 1);
  sizes[axis] = -1;
  return b.view(numbers, sizes);
}

/// round(x scale^-1) + zero point
static Value buildRounded(Value input, Value inverseScale, Value zeroPoint, Decomposer &b) {
  if (!getTensorType(input).getDtype().isF64())
    input = b.convert(input, b.getBuilder().getF32Type());
  return b.addTensors(b.create<AtenRoundOp>(b.mulTensors(input, inverseScale)), zeroPoint);
}

/// The same, clamped, as `dtype`
static Value quantize(Value input, Value inverseScale, Value zeroPoint, Value low, Value high, Type dtype,
                      Decomposer &b) {
  return b.convert(b.create<AtenClampOp>(buildRounded(input, inverseScale, zeroPoint, b), low, high), dtype);
}

static FailureOr<Value> DecomposeQuantizedDecomposedQuantizePerTensor(QuantizedDecomposedQuantizePerTensorOp op,
                                                                      Decomposer &b) {
  Type f32 = b.getBuilder().getF32Type();
  auto scale = getConstantNumber(op.getScale());
  if (!scale)
    return b.unsupported("a scale that is not constant");
  return quantize(op.getInput(), b.literal(f32, 1 / *scale), b.scalarTensor(op.getZeroPoint(), f32), op.getQuantMin(),
                  op.getQuantMax(), getResultDtype(op), b);
}

static FailureOr<Value>
DecomposeQuantizedDecomposedQuantizePerTensorTensor(QuantizedDecomposedQuantizePerTensorTensorOp op, Decomposer &b) {
  Type f32 = b.getBuilder().getF32Type();
  Value scale = b.convert(getOnly(op.getScale(), b), b.getBuilder().getF64Type());
  Value inverse = b.convert(b.create<AtenReciprocalOp>(scale), f32);
  return quantize(op.getInput(), inverse, b.convert(getOnly(op.getZeroPoint(), b), f32), op.getQuantMin(),
                  op.getQuantMax(), getResultDtype(op), b);
}

static FailureOr<Value> DecomposeQuantizedDecomposedQuantizePerChannel(QuantizedDecomposedQuantizePerChannelOp op,
                                                                       Decomposer &b) {
  auto axis = getConstantInt(op.getAxis());
  if (!axis)
    return b.unsupported("an axis that is not constant");
  Value inverse = b.create<AtenReciprocalOp>(placeOnAxis(op.getScales(), op.getInput(), *axis, b));
  return quantize(op.getInput(), inverse, placeOnAxis(op.getZeroPoints(), op.getInput(), *axis, b), op.getQuantMin(),
                  op.getQuantMax(), getResultDtype(op), b);
}

/// The same for each row; the zero point is added before the sum is rounded.
static FailureOr<Value> DecomposeQuantizedDecomposedQuantizePerToken(QuantizedDecomposedQuantizePerTokenOp op,
                                                                     Decomposer &b) {
  Value scaled = b.mulTensors(op.getInput(), b.create<AtenReciprocalOp>(op.getScales()));
  Value rounded = b.create<AtenRoundOp>(b.addTensors(scaled, op.getZeroPoints()));
  return b.convert(b.create<AtenClampOp>(rounded, op.getQuantMin(), op.getQuantMax()), getResultDtype(op));
}

/// (x - zero point) scale
static FailureOr<Value> DecomposeQuantizedDecomposedDequantizePerTensor(QuantizedDecomposedDequantizePerTensorOp op,
                                                                        Decomposer &b) {
  auto scale = getConstantNumber(op.getScale());
  if (!scale)
    return b.unsupported("a scale that is not constant");
  Type dtype = getResultDtype(op);
  Value shifted = b.subTensors(b.convert(op.getInput(), dtype), b.scalarTensor(op.getZeroPoint(), dtype));
  return b.mulNumber(shifted, *scale);
}

static FailureOr<Value>
DecomposeQuantizedDecomposedDequantizePerTensorTensor(QuantizedDecomposedDequantizePerTensorTensorOp op,
                                                      Decomposer &b) {
  Type dtype = getResultDtype(op);
  Value zeroPoint = b.convert(getOnly(op.getZeroPoint(), b), dtype);
  return b.mulTensors(b.subTensors(b.convert(op.getInput(), dtype), zeroPoint),
                      b.convert(getOnly(op.getScale(), b), dtype));
}

static FailureOr<Value> DecomposeQuantizedDecomposedDequantizePerChannel(QuantizedDecomposedDequantizePerChannelOp op,
                                                                         Decomposer &b) {
  auto axis = getConstantInt(op.getAxis());
  if (!axis)
    return b.unsupported("an axis that is not constant");
  Value input = op.getInput();
  if (!isNone(op.getZeroPoints()))
    input = b.subTensors(input, placeOnAxis(op.getZeroPoints(), input, *axis, b));
  return b.convert(b.mulTensors(input, placeOnAxis(op.getScales(), input, *axis, b)), getResultDtype(op));
}

static FailureOr<Value> DecomposeQuantizedDecomposedDequantizePerToken(QuantizedDecomposedDequantizePerTokenOp op,
                                                                       Decomposer &b) {
  Value shifted = b.subTensors(op.getInput(), op.getZeroPoints());
  return b.convert(b.mulTensors(shifted, op.getScales()), getResultDtype(op));
}

/// The least and the largest number of all, or 0 if that is less or larger; f32.
static std::pair<Value, Value> buildRange(Value x, Decomposer &b) {
  x = b.convert(b.flatten(x), b.getBuilder().getF32Type());
  Value all = b.list(ArrayRef<int64_t>{0}), zero = b.integer(0);
  return {b.create<AtenClampOp>(b.create<AtenAminOp>(x, all, b.boolean(true)), b.none(), zero),
          b.create<AtenClampOp>(b.create<AtenAmaxOp>(x, all, b.boolean(true)), zero, b.none())};
}

/// (high - low) / (quant_max - quant_min), not below eps; the zero point is the lowest value less low / scale.
static Decomposed DecomposeQuantizedDecomposedChooseQparamsTensor(QuantizedDecomposedChooseQparamsTensorOp op,
                                                                  Decomposer &b) {
  auto [low, high] = buildRange(op.getInput(), b);
  Value range = b.create<AtenDivScalarOp>(b.subTensors(high, low), b.sub(op.getQuantMax(), op.getQuantMin()));
  Value scale = b.create<AtenClampMinOp>(range, op.getEps());
  Value zeroPoint =
      b.create<AtenRsubScalarOp>(b.create<AtenRoundOp>(b.divTensors(low, scale)), op.getQuantMin(), b.integer(1));
  zeroPoint = b.create<AtenClampOp>(zeroPoint, op.getQuantMin(), op.getQuantMax());
  return SmallVector<Value>{b.convert(scale, getResultDtype(op, 0)), b.convert(zeroPoint, getResultDtype(op, 1))};
}

/// max(-low, high) 2 / (quant_max - quant_min), not below eps; zero is in the middle.
static Decomposed
DecomposeQuantizedDecomposedChooseQparamsSymmetricTensor(QuantizedDecomposedChooseQparamsSymmetricTensorOp op,
                                                         Decomposer &b) {
  auto [low, high] = buildRange(op.getInput(), b);
  Value largest = b.create<AtenMaximumOp>(b.create<AtenNegOp>(low), high);
  Value half = b.create<AtenDivScalarOp>(b.scalarTensor(b.sub(op.getQuantMax(), op.getQuantMin()), getDtype(largest)),
                                         b.integer(2));
  Value scale = b.create<AtenClampMinOp>(b.divTensors(largest, half), op.getEps());
  std::optional<int64_t> code = getConstantInt(op.getDtype());
  bool isByte = code == getDtypeCode(IntegerType::get(op.getContext(), 8, IntegerType::Unsigned));
  Value zeroPoint = b.full({b.integer(1)}, b.integer(isByte ? 128 : 0), getResultDtype(op, 1));
  return SmallVector<Value>{b.convert(scale, getResultDtype(op, 0)), zeroPoint};
}

/// A scale and a zero point for each row, so that its least and its largest number, and 0, lie within
/// the 256 values of eight bits.
static Decomposed
DecomposeQuantizedDecomposedChooseQparamsPerTokenAsymmetric(QuantizedDecomposedChooseQparamsPerTokenAsymmetricOp op,
                                                            Decomposer &b) {
  constexpr int64_t kLow = -128, kHigh = 127;
  Value last = b.list(ArrayRef<int64_t>{-1}), x = op.getInput();
  auto clamp = [&](Value value, Value low, Value high) { return b.create<AtenClampOp>(value, low, high); };
  Value low = clamp(b.create<AtenAminOp>(x, last, b.boolean(true)), b.none(), b.integer(0));
  Value high = clamp(b.create<AtenAmaxOp>(x, last, b.boolean(true)), b.integer(0), b.none());
  Value range = b.create<AtenDivScalarOp>(b.subTensors(high, low), b.floating(kHigh - kLow));
  Value scale = clamp(range, b.floating(std::numeric_limits<float>::epsilon()), b.none());
  Value lowest = b.divTensors(low, scale), highest = b.divTensors(high, scale);
  // From the end whose error is the smaller one.
  Value error = b.addTensors(b.addNumber(lowest, kLow), b.addNumber(highest, kHigh));
  Value zeroPoint = b.where(b.create<AtenGtScalarOp>(error, b.integer(0)),
                            b.create<AtenRsubScalarOp>(lowest, b.integer(kLow), b.integer(1)),
                            b.create<AtenRsubScalarOp>(highest, b.integer(kHigh), b.integer(1)));
  zeroPoint = b.create<AtenRoundOp>(clamp(zeroPoint, b.integer(kLow), b.integer(kHigh)));
  auto getDtype = [&](unsigned i) { return cast<BaseTensorType>(op->getResult(i).getType()).getDtype(); };
  return SmallVector<Value>{b.convert(scale, getDtype(0)), b.convert(zeroPoint, getDtype(1))};
}

//===----------------------------------------------------------------------===//
// Quantized and back, in floating point
//===----------------------------------------------------------------------===//

/// The result, and where nothing was clamped. Scales and zero points broadcast against x.
template <typename Op> static Decomposed fakeQuantize(Op op, Value scale, Value zeroPoint, Decomposer &b) {
  Value x = op.getSelf(), low = op.getQuantMin(), high = op.getQuantMax();
  if (getDtype(x).isF64() || isFloatDtype(getDtype(zeroPoint)))
    return b.unsupported("on f64, or with a zero point that is no integer");
  Type f32 = b.getBuilder().getF32Type();
  scale = b.convert(scale, f32);
  zeroPoint = b.convert(zeroPoint, f32);
  // The reciprocal is rounded to f32, as PyTorch does, so that both round the same way.
  Value rounded = buildRounded(x, b.create<AtenReciprocalOp>(scale), zeroPoint, b);
  Value clamped = b.create<AtenClampOp>(rounded, low, high);
  Value result = b.convert(b.mulTensors(b.subTensors(clamped, zeroPoint), scale), getDtype(x));
  return SmallVector<Value>{result, b.create<AtenLogicalAndOp>(b.create<AtenGeScalarOp>(rounded, low),
                                                               b.create<AtenLeScalarOp>(rounded, high))};
}
template <typename Op> static Decomposed fakeQuantizeByNumbers(Op op, Decomposer &b) {
  auto scale = getConstantNumber(op.getScale()), zeroPoint = getConstantNumber(op.getZeroPoint());
  if (!scale || !zeroPoint)
    return b.unsupported("a scale or zero point that is not constant");
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  return fakeQuantize(op, b.literal(b.getBuilder().getF32Type(), *scale), b.literal(si64, *zeroPoint), b);
}
template <typename Op> static Decomposed fakeQuantizeByTensors(Op op, Decomposer &b) {
  return fakeQuantize(op, getOnly(op.getScale(), b), getOnly(op.getZeroPoint(), b), b);
}
template <typename Op> static Decomposed fakeQuantizePerChannel(Op op, Decomposer &b) {
  auto axis = getConstantInt(op.getAxis());
  if (!axis)
    return b.unsupported("an axis that is not constant");
  return fakeQuantize(op, placeOnAxis(op.getScale(), op.getSelf(), *axis, b),
                      placeOnAxis(op.getZeroPoint(), op.getSelf(), *axis, b), b);
}

static FailureOr<Value> getFirst(Decomposed results) { return failed(results) ? FailureOr<Value>() : results->front(); }
static FailureOr<Value> DecomposeAtenFakeQuantizePerTensorAffine(AtenFakeQuantizePerTensorAffineOp op, Decomposer &b) {
  return getFirst(fakeQuantizeByNumbers(op, b));
}
static FailureOr<Value>
DecomposeAtenFakeQuantizePerTensorAffineTensorQparams(AtenFakeQuantizePerTensorAffineTensorQparamsOp op,
                                                      Decomposer &b) {
  return getFirst(fakeQuantizeByTensors(op, b));
}
static FailureOr<Value> DecomposeAtenFakeQuantizePerChannelAffine(AtenFakeQuantizePerChannelAffineOp op,
                                                                  Decomposer &b) {
  return getFirst(fakeQuantizePerChannel(op, b));
}
/// x itself where it is not enabled
static Decomposed DecomposeAten_FakeQuantizePerTensorAffineCachemaskTensorQparams(
    Aten_FakeQuantizePerTensorAffineCachemaskTensorQparamsOp op, Decomposer &b) {
  Decomposed results = fakeQuantizeByTensors(op, b);
  if (failed(results))
    return failure();
  Value isOff = b.create<AtenEqScalarOp>(getOnly(op.getFakeQuantEnabled(), b), b.integer(0));
  return SmallVector<Value>{b.where(isOff, op.getSelf(), (*results)[0]),
                            b.create<AtenLogicalOrOp>((*results)[1], isOff)};
}

void torchc::populateQuantizationPatterns(RewritePatternSet &patterns) {
  addDecompositions(
      patterns, DecomposeQuantizedDecomposedQuantizePerTensor, DecomposeQuantizedDecomposedQuantizePerTensorTensor,
      DecomposeQuantizedDecomposedQuantizePerChannel, DecomposeQuantizedDecomposedQuantizePerToken,
      DecomposeQuantizedDecomposedDequantizePerTensor, DecomposeQuantizedDecomposedDequantizePerTensorTensor,
      DecomposeQuantizedDecomposedDequantizePerChannel, DecomposeQuantizedDecomposedDequantizePerToken,
      DecomposeQuantizedDecomposedChooseQparamsTensor, DecomposeQuantizedDecomposedChooseQparamsSymmetricTensor,
      DecomposeQuantizedDecomposedChooseQparamsPerTokenAsymmetric);
  addDecompositions(patterns, DecomposeAtenFakeQuantizePerTensorAffine,
                    DecomposeAtenFakeQuantizePerTensorAffineTensorQparams, DecomposeAtenFakeQuantizePerChannelAffine,
                    DecomposeAten_FakeQuantizePerTensorAffineCachemaskTensorQparams,
                    fakeQuantizeByNumbers<AtenFakeQuantizePerTensorAffineCachemaskOp>,
                    fakeQuantizePerChannel<AtenFakeQuantizePerChannelAffineCachemaskOp>);
}
