//===- Spectral.cpp - Fourier transforms as products of matrices ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A transform of length n1 n2 is n2 transforms of length n1, a multiplication by roots of unity, and
// n1 of length n2 (J. Cooley and J. Tukey, 1965); a short one is a product with the matrix of its
// roots; one of a long prime length is a convolution (L. Bluestein, 1970). Matrices and roots are
// constants, exact to rounding. All of it is computed in f64, so that f32 results are rounded once.
//
//===----------------------------------------------------------------------===//

#include "Complex.h"
#include "Patterns.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Up to this length, one product of matrices.
static constexpr int64_t kLongestDirect = 32;
/// What a transform of a length that only a call knows may have: it is such a product, too.
static constexpr int64_t kLongestDynamic = 8192;

namespace {

/// A transform along the last dim.
class Transform {
public:
  /// `inverse`: roots turn the other way round. Nothing is scaled.
  Transform(bool inverse, Decomposer &b) : direction(inverse ? 1 : -1), b(b) {}
  Complex run(Complex x, Value n);

private:
  Complex run(Complex x, int64_t n);
  /// [rows, columns] of exp(direction 2 pi i angle(row, column) / n).
  Complex makeRoots(int64_t rows, int64_t columns, int64_t n, function_ref<int64_t(int64_t, int64_t)> angle);
  /// The same of i k, i and k below n.
  Complex buildRoots(Value n);
  Complex runDirect(Complex x, Complex roots);
  Complex runDirect(Complex x, int64_t n) {
    return runDirect(x, makeRoots(n, n, n, [](int64_t i, int64_t k) { return i * k; }));
  }
  Complex runComposite(Complex x, int64_t first, int64_t second);
  Complex runConvolution(Complex x, int64_t n);
  Complex apply(Complex x, function_ref<Value(Value)> function) {
    return {function(x.re), x.im ? function(x.im) : Value()};
  }
  /// [..., n] as [..., rows, columns].
  Complex fold(Complex x, int64_t rows, int64_t columns);
  Complex swap(Complex x) {
    return apply(x, [&](Value part) { return b.transpose(part, -2, -1); });
  }

  int direction;
  Decomposer &b;
};

} // namespace

Complex Transform::makeRoots(int64_t rows, int64_t columns, int64_t n, function_ref<int64_t(int64_t, int64_t)> angle) {
  SmallVector<double> re, im;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      double turn = 2 * std::numbers::pi * static_cast<double>(angle(row, column) % n) / static_cast<double>(n);
      re.push_back(std::cos(turn));
      im.push_back(direction * std::sin(turn));
    }
  Type f64 = b.getBuilder().getF64Type();
  return {b.literal(f64, re, {rows, columns}), b.literal(f64, im, {rows, columns})};
}

Complex Transform::buildRoots(Value n) {
  Type f64 = b.getBuilder().getF64Type();
  Value i = b.range(n);
  Value angle = b.create<AtenRemainderScalarOp>(b.mulTensors(b.unsqueeze(i, 1), i), n);
  Value turn = b.divTensors(b.mulNumber(b.convert(angle, f64), 2 * std::numbers::pi), b.scalarTensor(n, f64));
  return {b.create<AtenCosOp>(turn), b.mulNumber(b.create<AtenSinOp>(turn), direction)};
}

Complex Transform::runDirect(Complex x, Complex roots) {
  auto product = [&](Value a, Value matrix) { return b.create<AtenMatmulOp>(a, matrix); };
  Value re = product(x.re, roots.re), im = product(x.re, roots.im);
  if (x.im) {
    re = b.subTensors(re, product(x.im, roots.im));
    im = b.addTensors(im, product(x.im, roots.re));
  }
  return {re, im};
}

Complex Transform::fold(Complex x, int64_t rows, int64_t columns) {
  return apply(x, [&](Value part) {
    SmallVector<Value> sizes = b.sizes(part);
    sizes.back() = b.integer(rows);
    sizes.push_back(b.integer(columns));
    return b.create<AtenReshapeOp>(part, b.list(sizes));
  });
}

/// x[i second + j] to X[k + first l].
Complex Transform::runComposite(Complex x, int64_t first, int64_t second) {
  int64_t n = first * second;
  Complex columns = runDirect(swap(fold(x, first, second)), first); // [..., j, k]
  Complex roots = makeRoots(second, first, n, [](int64_t j, int64_t k) { return j * k; });
  Complex rows = run(swap(multiply(columns, roots, b)), second); // [..., k, l]
  return apply(swap(rows), [&](Value part) {
    SmallVector<Value> sizes = b.sizes(part);
    sizes.pop_back();
    sizes.back() = b.integer(n);
    return b.create<AtenReshapeOp>(part, b.list(sizes));
  });
}

/// i k = (i^2 + k^2 - (k - i)^2) / 2: a convolution with a chirp, of a power of two that is long enough.
Complex Transform::runConvolution(Complex x, int64_t n) {
  int64_t m = llvm::PowerOf2Ceil(2 * n - 1);
  auto square = [&](int64_t, int64_t i) { return static_cast<int64_t>(static_cast<__int128>(i) * i % (2 * n)); };
  Complex chirp = makeRoots(1, n, 2 * n, square);
  Complex kernel = makeRoots(1, m, 2 * n, [&](int64_t, int64_t i) { return square(0, std::min(i, m - i)); });
  // Between the two ends of the kernel nothing is read.
  Value inside = b.create<AtenLtScalarOp>(b.range(b.integer(m)), b.integer(n));
  inside = b.create<AtenLogicalOrOp>(inside, b.create<AtenGtScalarOp>(b.range(b.integer(m)), b.integer(m - n)));
  Value zero = b.literal(b.getBuilder().getF64Type(), 0.0);
  kernel = {b.where(inside, kernel.re, zero), b.where(inside, b.create<AtenNegOp>(kernel.im), zero)};
  Complex modulated = multiply(x, chirp, b);
  Complex padded = apply(modulated, [&](Value part) {
    SmallVector<Value> sizes = b.sizes(part);
    sizes.back() = b.integer(m - n);
    return b.cat({part, b.full(sizes, b.integer(0), b.getBuilder().getF64Type())}, getRank(part) - 1);
  });
  Transform forward(/*inverse=*/false, b), backward(/*inverse=*/true, b);
  Complex product = multiply(forward.run(padded, m), forward.run(kernel, m), b);
  Complex result = apply(backward.run(product, m), [&](Value part) {
    return b.mulNumber(b.slice(part, getRank(part) - 1, b.integer(0), b.integer(n)), 1.0 / static_cast<double>(m));
  });
  return multiply(result, chirp, b);
}

Complex Transform::run(Complex x, Value n) {
  if (auto constant = getConstantInt(n))
    return run(x, *constant);
  b.checkLessEqual(n, b.integer(kLongestDynamic), "a Fourier transform of dynamic size is too long");
  return runDirect(x, buildRoots(n));
}

Complex Transform::run(Complex x, int64_t n) {
  if (n <= kLongestDirect)
    return runDirect(x, n);
  for (int64_t first = kLongestDirect; first > 1; --first)
    if (n % first == 0)
      return runComposite(x, first, n / first);
  // No factor is short: a prime, or a product of primes that are not.
  return runConvolution(x, n);
}

//===----------------------------------------------------------------------===//
// The transforms of torch.fft
//===----------------------------------------------------------------------===//

enum class Scale { None, Root, Full };

namespace {

/// Transforms along any dims of the operand of one op.
class Spectrum {
public:
  Spectrum(Operation *op, Decomposer &b) : op(op), b(b) {}

  void start(Value self);
  /// n, or the size that the dim has.
  Value getLength(Value n, int64_t dim);

  /// Complex to complex.
  LogicalResult transform(int64_t dim, Value n, bool inverse, Scale scale);
  /// Keeps the first half of a transform of real numbers.
  void halve(int64_t dim);
  /// The inverse of that: real results.
  LogicalResult transformToReal(int64_t dim, Value n, bool inverse, Scale scale);
  FailureOr<Value> finish();

  int64_t getRank() { return getTensorType(x.re).getRank(); }

private:
  void forParts(function_ref<Value(Value)> function) {
    x.re = function(x.re);
    x.im = x.im ? function(x.im) : Value();
  }
  /// Cuts off or appends zeros.
  LogicalResult resize(int64_t dim, Value n);
  Value getHalf(Value n) { return b.add(b.floordiv(n, b.integer(2)), b.integer(1)); }

  Operation *op;
  Decomposer &b;
  Complex x;
  SmallVector<Value> sizes; ///< Of x.
};

} // namespace

void Spectrum::start(Value self) {
  Type f64 = b.getBuilder().getF64Type();
  x = splitComplex(self, b);
  forParts([&](Value part) { return b.convert(part, f64); });
  sizes = b.sizes(x.re);
}

/// How a transform of `norm` scales.
static FailureOr<Scale> getScale(Value norm, bool inverse, Decomposer &b) {
  auto name = isNone(norm) ? std::optional<StringRef>("backward") : getConstantString(norm);
  if (name == "ortho")
    return Scale::Root;
  if (name == "backward")
    return inverse ? Scale::Full : Scale::None;
  if (name == "forward")
    return inverse ? Scale::None : Scale::Full;
  return b.unsupported("an unknown norm");
}

Value Spectrum::getLength(Value n, int64_t dim) { return !n || isNone(n) || getConstantInt(n) == -1 ? sizes[dim] : n; }

LogicalResult Spectrum::resize(int64_t dim, Value n) {
  Value zero = b.integer(0), one = b.integer(1), own = sizes[dim];
  auto length = getConstantInt(n), ownLength = getConstantInt(own);
  if (length && *length < 1)
    return b.unsupported("a length below 1");
  b.checkLessEqual(one, n, "a Fourier transform of a length below 1");
  forParts([&](Value part) -> Value {
    if (n == own || (length && length == ownLength))
      return part;
    if (length && ownLength && *ownLength > *length)
      return b.slice(part, dim, zero, n);
    SmallVector<Value> more = b.sizes(part);
    more[dim] = b.max(b.sub(n, own), zero);
    Value longer = b.cat({part, b.full(more, zero, b.getBuilder().getF64Type())}, dim);
    return length && ownLength ? longer : b.slice(longer, dim, zero, n);
  });
  sizes[dim] = n;
  return success();
}

LogicalResult Spectrum::transform(int64_t dim, Value n, bool inverse, Scale scale) {
  if (failed(resize(dim, n)))
    return failure();
  int64_t last = getRank() - 1;
  auto moveDim = [&] {
    if (dim != last)
      forParts([&](Value part) { return b.transpose(part, dim, last); });
  };
  moveDim();
  x = Transform(inverse, b).run(x, n);
  moveDim();
  if (scale == Scale::None)
    return success();
  if (auto constant = getConstantInt(n)) {
    auto length = static_cast<double>(*constant);
    double factor = 1 / (scale == Scale::Root ? std::sqrt(length) : length);
    forParts([&](Value part) { return b.mulNumber(part, factor); });
    return success();
  }
  Value divisor = b.scalarTensor(n, b.getBuilder().getF64Type());
  divisor = scale == Scale::Root ? b.create<AtenSqrtOp>(divisor) : divisor;
  forParts([&](Value part) { return b.divTensors(part, divisor); });
  return success();
}

void Spectrum::halve(int64_t dim) {
  sizes[dim] = getHalf(sizes[dim]);
  forParts([&](Value part) { return b.slice(part, dim, b.integer(0), sizes[dim]); });
}

/// The other half of the spectrum of real numbers is the conjugate, in reverse.
LogicalResult Spectrum::transformToReal(int64_t dim, Value n, bool inverse, Scale scale) {
  if (auto constant = getConstantInt(n); constant && *constant < 1)
    return b.unsupported("a length below 1");
  Value half = getHalf(n), rest = b.sub(n, half), one = b.integer(1);
  if (failed(resize(dim, half)))
    return failure();
  auto mirror = [&](Value part, bool negate) -> Value {
    if (getConstantInt(rest) == 0)
      return part;
    Value tail = b.slice(part, dim, one, b.add(rest, one));
    tail = b.create<AtenFlipOp>(tail, b.list(ArrayRef<int64_t>{dim}));
    return b.cat({part, negate ? b.create<AtenNegOp>(tail) : tail}, dim);
  };
  x.re = mirror(x.re, /*negate=*/false);
  x.im = x.im ? mirror(x.im, /*negate=*/true) : Value();
  sizes[dim] = n;
  if (failed(transform(dim, n, inverse, scale)))
    return failure();
  x.im = {};
  return success();
}

FailureOr<Value> Spectrum::finish() {
  Type dtype = cast<BaseTensorType>(op->getResult(0).getType()).getDtype();
  Type part = getPartDtype(dtype);
  forParts([&](Value value) { return b.convert(value, part); });
  return isComplexDtype(dtype) ? joinComplex(x, b) : x.re;
}

namespace {
/// What an op does along its last dim; along the others it transforms complex numbers.
enum class Kind { ComplexToComplex, RealToComplex, ComplexToReal };
} // namespace

static FailureOr<Value> buildTransform(Operation *op, Value self, ArrayRef<Value> lengths, ArrayRef<int64_t> dims,
                                       FailureOr<Scale> scale, Kind kind, bool inverse, Decomposer &b) {
  Spectrum spectrum(op, b);
  if (failed(scale))
    return failure();
  spectrum.start(self);
  SmallVector<Value> sizes;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    bool isLast = i + 1 == dims.size();
    Value given = lengths.empty() ? Value() : lengths[i];
    Value n = spectrum.getLength(given, dim);
    if (kind == Kind::ComplexToReal && isLast && (!given || isNone(given) || getConstantInt(given) == -1))
      n = b.mul(b.integer(2), b.sub(n, b.integer(1)));
    sizes.push_back(n);
  }
  auto transformOthers = [&]() -> LogicalResult {
    for (size_t i = 0; i + 1 < dims.size(); ++i)
      if (failed(spectrum.transform(dims[i], sizes[i], inverse, *scale)))
        return failure();
    return success();
  };
  if (dims.empty())
    return spectrum.finish();
  int64_t last = dims.back();
  Value n = sizes.back();
  LogicalResult done = success();
  switch (kind) {
  case Kind::ComplexToComplex:
    done = success(succeeded(transformOthers()) && succeeded(spectrum.transform(last, n, inverse, *scale)));
    break;
  case Kind::RealToComplex:
    // ihfft is the conjugate of rfft: the inverse transform of real numbers.
    done = spectrum.transform(last, n, inverse, *scale);
    if (succeeded(done)) {
      spectrum.halve(last);
      done = transformOthers();
    }
    break;
  case Kind::ComplexToReal:
    done = success(succeeded(transformOthers()) && succeeded(spectrum.transformToReal(last, n, inverse, *scale)));
    break;
  }
  return failed(done) ? FailureOr<Value>(failure()) : spectrum.finish();
}

/// fft, ifft, rfft, ...: along one dim.
template <typename Op> static FailureOr<Value> decomposeOneDim(Op op, Kind kind, bool inverse, Decomposer &b) {
  auto constant = getConstantInt(op.getDim());
  auto dim = constant ? wrapDim(*constant, getRank(op.getSelf())) : std::nullopt;
  if (!dim || getRank(op.getSelf()) == 0)
    return b.unsupported("a dim that is not constant, or out of range");
  return buildTransform(op, op.getSelf(), op.getN(), *dim, getScale(op.getNorm(), inverse, b), kind, inverse, b);
}

/// fftn, ...: along several dims, or all.
template <typename Op> static FailureOr<Value> decomposeManyDims(Op op, Kind kind, bool inverse, Decomposer &b) {
  int64_t rank = getRank(op.getSelf());
  SmallVector<Value> lengths;
  if (!isNone(op.getS())) {
    auto elements = getListElements(op.getS());
    if (!elements)
      return b.unsupported("lengths that are not a list built in sight");
    lengths = *elements;
  }
  SmallVector<int64_t> dims;
  if (!isNone(op.getDim())) {
    auto constants = getConstantIntList(op.getDim());
    if (!constants)
      return b.unsupported("dims that are not constant");
    dims = *constants;
  } else {
    int64_t count = lengths.empty() ? rank : lengths.size();
    dims = llvm::to_vector(llvm::seq<int64_t>(rank - count, rank));
  }
  for (int64_t &dim : dims) {
    auto wrapped = wrapDim(dim, rank);
    if (!wrapped || rank == 0)
      return b.unsupported("a dim out of range");
    dim = *wrapped;
  }
  if (!lengths.empty() && lengths.size() != dims.size())
    return b.unsupported("as many lengths as dims are needed");
  return buildTransform(op, op.getSelf(), lengths, dims, getScale(op.getNorm(), inverse, b), kind, inverse, b);
}

/// _fft_c2c, ...: what the others become in PyTorch. Scaled by nothing, the root, or the number of elements.
template <typename Op>
static FailureOr<Value> decomposeNormalized(Op op, Value lastLength, Kind kind, bool inverse, Decomposer &b) {
  auto dims = getConstantIntList(op.getDim());
  auto normalization = getConstantInt(op.getNormalization());
  if (!dims || !normalization || *normalization < 0 || *normalization > 2)
    return b.unsupported("dims or a normalization that is not constant");
  SmallVector<Value> lengths;
  if (lastLength)
    lengths.resize(dims->size());
  if (!lengths.empty())
    lengths.back() = lastLength;
  for (int64_t &dim : *dims) {
    auto wrapped = wrapDim(dim, getRank(op.getSelf()));
    if (!wrapped || getRank(op.getSelf()) == 0)
      return b.unsupported("a dim out of range");
    dim = *wrapped;
  }
  static constexpr Scale kScales[] = {Scale::None, Scale::Root, Scale::Full};
  return buildTransform(op, op.getSelf(), lengths, *dims, kScales[*normalization], kind, inverse, b);
}
static FailureOr<Value> DecomposeAten_FftC2c(Aten_FftC2cOp op, Decomposer &b) {
  auto forward = getConstantBool(op.getForward());
  if (!forward)
    return b.unsupported("a direction that is not constant");
  return decomposeNormalized(op, Value(), Kind::ComplexToComplex, /*inverse=*/!*forward, b);
}
static FailureOr<Value> DecomposeAten_FftR2c(Aten_FftR2cOp op, Decomposer &b) {
  auto isHalf = getConstantBool(op.getOnesided());
  if (!isHalf)
    return b.unsupported("onesided is not constant");
  return decomposeNormalized(op, Value(), *isHalf ? Kind::RealToComplex : Kind::ComplexToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAten_FftC2r(Aten_FftC2rOp op, Decomposer &b) {
  return decomposeNormalized(op, op.getLastDimSize(), Kind::ComplexToReal, /*inverse=*/true, b);
}

static FailureOr<Value> DecomposeAtenFftFft(AtenFftFftOp op, Decomposer &b) {
  return decomposeOneDim(op, Kind::ComplexToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIfft(AtenFftIfftOp op, Decomposer &b) {
  return decomposeOneDim(op, Kind::ComplexToComplex, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftRfft(AtenFftRfftOp op, Decomposer &b) {
  return decomposeOneDim(op, Kind::RealToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIrfft(AtenFftIrfftOp op, Decomposer &b) {
  return decomposeOneDim(op, Kind::ComplexToReal, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftHfft(AtenFftHfftOp op, Decomposer &b) {
  return decomposeOneDim(op, Kind::ComplexToReal, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIhfft(AtenFftIhfftOp op, Decomposer &b) {
  return decomposeOneDim(op, Kind::RealToComplex, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftFft2(AtenFftFft2Op op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIfft2(AtenFftIfft2Op op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToComplex, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftRfft2(AtenFftRfft2Op op, Decomposer &b) {
  return decomposeManyDims(op, Kind::RealToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIrfft2(AtenFftIrfft2Op op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToReal, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftHfft2(AtenFftHfft2Op op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToReal, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIhfft2(AtenFftIhfft2Op op, Decomposer &b) {
  return decomposeManyDims(op, Kind::RealToComplex, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftFftn(AtenFftFftnOp op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIfftn(AtenFftIfftnOp op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToComplex, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftRfftn(AtenFftRfftnOp op, Decomposer &b) {
  return decomposeManyDims(op, Kind::RealToComplex, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIrfftn(AtenFftIrfftnOp op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToReal, /*inverse=*/true, b);
}
static FailureOr<Value> DecomposeAtenFftHfftn(AtenFftHfftnOp op, Decomposer &b) {
  return decomposeManyDims(op, Kind::ComplexToReal, /*inverse=*/false, b);
}
static FailureOr<Value> DecomposeAtenFftIhfftn(AtenFftIhfftnOp op, Decomposer &b) {
  return decomposeManyDims(op, Kind::RealToComplex, /*inverse=*/true, b);
}

void torchc::populateSpectralPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenFftFft, DecomposeAtenFftIfft, DecomposeAtenFftRfft, DecomposeAtenFftIrfft,
                    DecomposeAtenFftHfft, DecomposeAtenFftIhfft, DecomposeAtenFftFft2, DecomposeAtenFftIfft2,
                    DecomposeAtenFftRfft2);
  addDecompositions(patterns, DecomposeAtenFftIrfft2, DecomposeAtenFftHfft2, DecomposeAtenFftIhfft2,
                    DecomposeAtenFftFftn, DecomposeAtenFftIfftn, DecomposeAtenFftRfftn, DecomposeAtenFftIrfftn,
                    DecomposeAtenFftHfftn, DecomposeAtenFftIhfftn, DecomposeAten_FftC2c, DecomposeAten_FftR2c,
                    DecomposeAten_FftC2r);
}
