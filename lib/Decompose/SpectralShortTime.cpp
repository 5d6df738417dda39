//===- SpectralShortTime.cpp - Fourier transforms of short pieces of signals ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Complex.h"
#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {
/// The numbers that both directions take.
struct Frames {
  int64_t length, hop, windowLength;
  bool isScaled;
  Value window; ///< [length]; null for ones.

  Value getNorm(Decomposer &b) const { return isScaled ? b.string("ortho") : b.none(); }
};
} // namespace

/// `window` [n] between zeros, as long as a frame.
template <typename Op> static FailureOr<Frames> getFrames(Op op, Type dtype, Decomposer &b) {
  auto length = getConstantInt(op.getNFft());
  auto isScaled = getConstantBool(op.getNormalized());
  auto numberOr = [&](Value value, int64_t otherwise) {
    return isNone(value) ? std::optional<int64_t>(otherwise) : getConstantInt(value);
  };
  if (!length || *length < 1 || !isScaled)
    return b.unsupported("an option that is not constant");
  auto hop = numberOr(op.getHopLength(), *length / 4), windowLength = numberOr(op.getWinLength(), *length);
  if (!hop || *hop < 1 || !windowLength || *windowLength < 1 || *windowLength > *length)
    return b.unsupported("a number that is not constant, or out of range");
  Frames frames{*length, *hop, *windowLength, *isScaled, Value()};
  int64_t missing = *length - *windowLength, left = missing / 2;
  if (isNone(op.getWindow()) && missing == 0)
    return frames;
  if (isNone(op.getWindow()))
    frames.window = b.full({b.integer(*windowLength)}, b.integer(1), dtype);
  else if (isComplexDtype(getDtype(op.getWindow())))
    return b.unsupported("a window of complex numbers");
  else
    frames.window = op.getWindow();
  frames.window =
      b.create<AtenConstantPadNdOp>(frames.window, b.list(ArrayRef<int64_t>{left, missing - left}), b.integer(0));
  return frames;
}

/// [signals, frames, frequencies] of a transform along the last dim of `x`.
static Value transformFrames(Value x, int64_t frequencies, StringRef name, Value norm, Type dtype, Decomposer &b) {
  SmallVector<int64_t> sizes(getTensorType(x).getSizes());
  sizes.back() = frequencies;
  auto type = ValueTensorType::get(b.getBuilder().getContext(), sizes, dtype);
  return b.createOp(name, type, {x, b.none(), b.integer(-1), norm})->getResult(0);
}

/// Frequencies of overlapping pieces, each times a window: [signals, frequencies, pieces]
template <typename Op> static FailureOr<Value> decomposeStft(Op op, Value x, Decomposer &b) {
  Type dtype = getDtype(x);
  bool isComplex = isComplexDtype(dtype);
  auto returnsComplex =
      isNone(op.getReturnComplex()) ? std::optional(isComplex) : getConstantBool(op.getReturnComplex());
  auto isHalf = isNone(op.getOnesided()) ? std::optional(!isComplex) : getConstantBool(op.getOnesided());
  if (!returnsComplex || !isHalf || (!isNone(op.getAlignToWindow()) && getConstantBool(op.getAlignToWindow()) != false))
    return b.unsupported("an option that is not constant, or align_to_window");
  FailureOr<Frames> frames = getFrames(op, getPartDtype(dtype), b);
  if (failed(frames))
    return failure();
  bool isOne = getRank(x) == 1;
  if (isOne)
    x = b.unsqueeze(x, 0);
  x = b.create<AtenUnfoldOp>(x, b.integer(1), b.integer(frames->length), b.integer(frames->hop));
  if (frames->window)
    x = b.mulTensors(x, frames->window);
  Type complex = isComplex ? dtype : Type(ComplexType::get(dtype));
  StringRef name = *isHalf ? AtenFftRfftOp::getOperationName() : AtenFftFftOp::getOperationName();
  x = transformFrames(x, *isHalf ? frames->length / 2 + 1 : frames->length, name, frames->getNorm(b), complex, b);
  x = b.transpose(x, 1, 2);
  if (isOne)
    x = b.squeeze(x, 0);
  return *returnsComplex ? x : b.create<AtenViewAsRealOp>(x);
}
static FailureOr<Value> DecomposeAtenStft(AtenStftOp op, Decomposer &b) { return decomposeStft(op, op.getSelf(), b); }
/// The first and the last piece have the signal's ends in their middle.
static FailureOr<Value> DecomposeAtenStftCenter(AtenStftCenterOp op, Decomposer &b) {
  auto isCentered = getConstantBool(op.getCenter());
  auto length = getConstantInt(op.getNFft());
  if (!isCentered || !length)
    return b.unsupported("an option that is not constant");
  Value x = op.getSelf();
  if (*isCentered) {
    // Padding by reflection takes a dim of channels.
    bool isOne = getRank(x) == 1;
    x = b.unsqueeze(isOne ? b.unsqueeze(x, 0) : x, 0);
    x = b.create<AtenPadOp>(x, b.list(ArrayRef<int64_t>{*length / 2, *length / 2}), op.getPadMode(), b.none());
    x = b.squeeze(x, 0);
    x = isOne ? b.squeeze(x, 0) : x;
  }
  return decomposeStft(op, x, b);
}

/// The signal whose pieces have these frequencies, by least squares (D. Griffin and J. Lim, 1984): the sum of the
/// pieces times the window, over the sum of the squares of the window.
static FailureOr<Value> DecomposeAtenIstft(AtenIstftOp op, Decomposer &b) {
  Value x = op.getSelf();
  int64_t rank = getRank(x);
  auto isCentered = getConstantBool(op.getCenter()), returnsComplex = getConstantBool(op.getReturnComplex());
  auto isHalf = getConstantBool(op.getOnesided());
  auto signalLength = getConstantInt(op.getLength());
  if (!isCentered || returnsComplex != false || (!isNone(op.getOnesided()) && !isHalf) ||
      (!isNone(op.getLength()) && !signalLength))
    return b.unsupported("an option that is not constant, or a complex signal");
  if (!isComplexDtype(getDtype(x)) || rank < 2 || rank > 3)
    return b.unsupported("on other than one or more matrices of complex numbers");
  int64_t pieces = getTensorType(x).getSizes()[rank - 1], frequencies = getTensorType(x).getSizes()[rank - 2];
  if (ShapedType::isDynamic(pieces) || ShapedType::isDynamic(frequencies))
    return b.unsupported("of a dynamic number of frequencies or pieces");
  Type dtype = getPartDtype(getDtype(x));
  FailureOr<Frames> frames = getFrames(op, dtype, b);
  if (failed(frames))
    return failure();
  if (isNone(op.getOnesided()))
    isHalf = frames->length != frequencies;
  if (rank == 2)
    x = b.unsqueeze(x, 0);
  x = b.transpose(x, 1, 2);
  // As PyTorch does, the other half of a whole spectrum is taken to be its mirror.
  if (!*isHalf)
    x = b.slice(x, 2, b.integer(0), b.integer(frames->length / 2 + 1));
  SmallVector<int64_t> sizes(getTensorType(x).getSizes());
  sizes.back() = frames->length;
  auto type = ValueTensorType::get(b.getBuilder().getContext(), sizes, dtype);
  x = b.createAs<AtenFftIrfftOp>(type, x, b.integer(frames->length), b.integer(-1), frames->getNorm(b));
  Value window =
      frames->window ? b.convert(frames->window, dtype) : b.full({b.integer(frames->length)}, b.integer(1), dtype);
  int64_t whole = frames->length + frames->hop * (pieces - 1);
  auto addUp = [&](Value windows) {
    SmallVector<Value> sizes{b.size(windows, 0), b.integer(whole)};
    auto type = ValueTensorType::get(b.getBuilder().getContext(), {getTensorType(windows).getSizes()[0], whole}, dtype);
    return b.createAs<AtenUnfoldBackwardOp>(type, windows, b.list(sizes), b.integer(1), b.integer(frames->length),
                                            b.integer(frames->hop));
  };
  Value weights = b.expand(b.mulTensors(window, window), {b.integer(1), b.integer(pieces), b.integer(frames->length)});
  Value signal = b.divTensors(addUp(b.mulTensors(x, window)), addUp(weights));
  int64_t begin = *isCentered ? frames->length / 2 : 0;
  int64_t end = signalLength ? begin + *signalLength : whole - begin;
  signal = b.slice(signal, 1, b.integer(begin), b.integer(std::min(end, whole)));
  if (end > whole)
    signal = b.create<AtenConstantPadNdOp>(signal, b.list(ArrayRef<int64_t>{0, end - whole}), b.integer(0));
  return rank == 2 ? b.squeeze(signal, 0) : signal;
}

//===----------------------------------------------------------------------===//
// The frequencies of a transform
//===----------------------------------------------------------------------===//

/// 0, 1, ... up to half of n, then the negative ones, over n d.
template <typename Op> static FailureOr<Value> decomposeFrequencies(Op op, bool isHalf, Decomposer &b) {
  auto n = getConstantInt(op.getN());
  auto spacing = getConstantNumber(op.getD());
  if (!n || *n < 1 || !spacing)
    return b.unsupported("numbers that are not constant, or out of range");
  int64_t count = isHalf ? *n / 2 + 1 : *n;
  SmallVector<double> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<double>(isHalf || i <= (*n - 1) / 2 ? i : i - *n) /
                     (static_cast<double>(*n) * *spacing));
  return b.literal(getResultDtype(op), values, {count});
}
static FailureOr<Value> DecomposeAtenFftFftfreq(AtenFftFftfreqOp op, Decomposer &b) {
  return decomposeFrequencies(op, /*isHalf=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftRfftfreq(AtenFftRfftfreqOp op, Decomposer &b) {
  return decomposeFrequencies(op, /*isHalf=*/true, b);
}

void torchc::populateSpectralShortTimePatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenStft, DecomposeAtenStftCenter, DecomposeAtenIstft, DecomposeAtenFftFftfreq,
                    DecomposeAtenFftRfftfreq);
}
