//===- LinearAlgebraSpectra.cpp - what eigenvalues and singular values say of matrices ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearAlgebra.h"

#include "Complex.h"

#include <limits>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

namespace {
struct Eigen {
  Value values, vectors;
};
struct Singular {
  Value u, values, vh;
};
} // namespace

static Eigen buildEigh(Value matrices, Value triangle, bool vectors, Decomposer &b) {
  Operation *op = b.createOp(Aten_LinalgEighOp::getOperationName(), {}, {matrices, triangle, b.boolean(vectors)});
  return {op->getResult(0), op->getResult(1)};
}
static Singular buildSvd(Value matrices, bool full, bool vectors, Decomposer &b) {
  Operation *op =
      b.createOp(Aten_LinalgSvdOp::getOperationName(), {}, {matrices, b.boolean(full), b.boolean(vectors), b.none()});
  return {op->getResult(0), op->getResult(1), op->getResult(2)};
}
/// Of values that come twice, as those of complex matrices do, each once.
static Value dropTwins(Value values, Value matrices, Decomposer &b) {
  if (!isComplexDtype(getDtype(matrices)))
    return values;
  return b.create<AtenSliceTensorOp>(values, b.integer(-1), b.integer(0),
                                     b.integer(std::numeric_limits<int64_t>::max()), b.integer(2));
}
FailureOr<Value> torchc::buildSingularValues(Value matrices, Decomposer &b) {
  FailureOr<Value> a = toReal(matrices, b);
  if (failed(a))
    return failure();
  return dropTwins(buildSvd(*a, /*full=*/false, /*vectors=*/false, b).values, matrices, b);
}
/// Eigenvalues of symmetric or Hermitian matrices in ascending order.
static FailureOr<Value> buildEigenvalues(Value matrices, Value triangle, Decomposer &b) {
  FailureOr<Value> a = toRealHermitian(matrices, b);
  if (failed(a))
    return failure();
  return dropTwins(buildEigh(*a, triangle, /*vectors=*/false, b).values, matrices, b);
}

static Decomposed DecomposeAtenLinalgEigh(AtenLinalgEighOp op, Decomposer &b) {
  if (isComplexDtype(getDtype(op.getSelf())))
    return b.unsupported("on complex numbers");
  Eigen eigen = buildEigh(op.getSelf(), op.getUPLO(), /*vectors=*/true, b);
  return SmallVector<Value>{eigen.values, eigen.vectors};
}
static FailureOr<Value> DecomposeAtenLinalgEigvalsh(AtenLinalgEigvalshOp op, Decomposer &b) {
  FailureOr<Value> values = buildEigenvalues(op.getSelf(), op.getUPLO(), b);
  return failed(values) ? values : FailureOr<Value>(b.convert(*values, getResultDtype(op)));
}

static Decomposed DecomposeAtenLinalgSvd(AtenLinalgSvdOp op, Decomposer &b) {
  auto full = getConstantBool(op.getFullMatrices());
  if (!full)
    return b.unsupported("an option that is not constant");
  if (isComplexDtype(getDtype(op.getA())))
    return b.unsupported("on complex numbers");
  Singular svd = buildSvd(op.getA(), *full, /*vectors=*/true, b);
  return SmallVector<Value>{svd.u, svd.values, svd.vh};
}
static FailureOr<Value> DecomposeAtenLinalgSvdvals(AtenLinalgSvdvalsOp op, Decomposer &b) {
  FailureOr<Value> values = buildSingularValues(op.getA(), b);
  return failed(values) ? values : FailureOr<Value>(b.convert(*values, getResultDtype(op)));
}
/// V instead of its transpose; without vectors, U and V are square zeros.
static Decomposed DecomposeAtenSvd(AtenSvdOp op, Decomposer &b) {
  auto some = getConstantBool(op.getSome()), vectors = getConstantBool(op.getComputeUv());
  if (!some || !vectors)
    return b.unsupported("an option that is not constant");
  if (isComplexDtype(getDtype(op.getSelf())))
    return b.unsupported("on complex numbers");
  Value self = op.getSelf();
  Singular svd = buildSvd(self, !*some, *vectors, b);
  if (*vectors)
    return SmallVector<Value>{svd.u, svd.values, transposeMatrices(svd.vh, b)};
  auto buildZeros = [&](int64_t side) {
    SmallVector<Value> sizes = b.sizes(self);
    sizes.end()[-1] = sizes.end()[-2] = b.size(self, side);
    return b.full(sizes, b.integer(0), getResultDtype(op));
  };
  return SmallVector<Value>{buildZeros(-2), svd.values, buildZeros(-1)};
}

//===----------------------------------------------------------------------===//
// Ranks and pseudo-inverses
//===----------------------------------------------------------------------===//

/// Below which values count as 0: the larger of `absolute` and `relative` times the largest value, for each
/// matrix. A tensor, a number of the torch dialect, or None; each null where there is no such argument.
struct Tolerance {
  Value absolute, relative;
};

/// A tolerance as f64 tensor that broadcasts with batches; null for None.
static Value toTensor(Value tolerance, Decomposer &b) {
  if (!tolerance || isNone(tolerance))
    return {};
  Type f64 = b.getBuilder().getF64Type();
  return isa<BaseTensorType>(tolerance.getType()) ? b.convert(tolerance, f64) : b.scalarTensor(tolerance, f64);
}

/// `values`, of [..., count], not negative, of matrices of dtype `dtype`: [..., 1].
static Value buildLimit(Value values, Tolerance tolerance, Value matrices, Decomposer &b) {
  Value larger = b.max(b.size(matrices, -1), b.size(matrices, -2));
  double epsilon = getPartDtype(getDtype(matrices)).isF64() ? std::numeric_limits<double>::epsilon()
                                                            : std::numeric_limits<float>::epsilon();
  Type f64 = b.getBuilder().getF64Type();
  Value absolute = toTensor(tolerance.absolute, b), relative = toTensor(tolerance.relative, b);
  if (!relative) {
    auto constant = getConstantInt(larger);
    relative = constant ? b.literal(f64, epsilon * static_cast<double>(*constant))
                        : b.mulNumber(b.scalarTensor(larger, f64), epsilon);
    if (absolute)
      relative = b.where(b.create<AtenGtScalarOp>(absolute, b.floating(0)), b.literal(f64, 0.0), relative);
  }
  Value largest = b.amax(values, {getRank(values) - 1}, /*keepdim=*/false);
  Value limit = b.mulTensors(relative, largest);
  if (absolute)
    limit = b.create<AtenMaximumOp>(absolute, limit);
  return b.unsqueeze(limit, -1);
}

/// Matrices in f64, complex ones as `toReal` has them; null where it is known that there are no elements to look at.
static FailureOr<Value> toRealUnlessEmpty(Value matrices, bool hermitian, Decomposer &b) {
  ArrayRef<int64_t> sizes = getTensorType(matrices).getSizes();
  FailureOr<Value> converted = hermitian ? toRealHermitian(matrices, b) : toReal(matrices, b);
  bool isEmpty = sizes.end()[-1] == 0 || sizes.end()[-2] == 0;
  return succeeded(converted) && isEmpty ? Value() : converted;
}

/// A zero for each matrix of the batch, in the dtype of the op's result.
static Value buildZeroForEach(Operation *op, Value matrices, Decomposer &b) {
  SmallVector<Value> sizes = b.sizes(matrices);
  return b.full(ArrayRef<Value>(sizes).drop_back(2), b.integer(0), getResultDtype(op));
}

static FailureOr<Value> buildPseudoInverse(Operation *op, Value matrices, Tolerance tolerance, Value hermitianValue,
                                           Decomposer &b) {
  auto hermitian = getConstantBool(hermitianValue);
  if (!hermitian)
    return b.unsupported("an option that is not constant");
  FailureOr<Value> a = toRealUnlessEmpty(matrices, *hermitian, b);
  if (failed(a))
    return failure();
  Type dtype = getResultDtype(op);
  if (!*a)
    return b.full(b.sizes(transposeMatrices(matrices, b)), b.integer(0), dtype);
  Value values, u, v;
  if (*hermitian) {
    Eigen eigen = buildEigh(*a, b.string("L"), /*vectors=*/true, b);
    values = eigen.values;
    u = v = eigen.vectors;
  } else {
    Singular svd = buildSvd(*a, /*full=*/false, /*vectors=*/true, b);
    values = svd.values;
    u = svd.u;
    v = transposeMatrices(svd.vh, b);
  }
  Value sizes = *hermitian ? b.create<AtenAbsOp>(values) : values;
  Value counts = b.create<AtenGtTensorOp>(sizes, buildLimit(sizes, tolerance, matrices, b));
  Value inverse = b.where(counts, b.create<AtenReciprocalOp>(values), b.literal(b.getBuilder().getF64Type(), 0.0));
  Value scaled = b.mulTensors(v, b.unsqueeze(inverse, -2));
  return fromReal(b.create<AtenMatmulOp>(scaled, transposeMatrices(u, b)), dtype, b);
}
static FailureOr<Value> DecomposeAtenLinalgPinv(AtenLinalgPinvOp op, Decomposer &b) {
  return buildPseudoInverse(op, op.getSelf(), {{}, op.getRcond()}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenLinalgPinvRcondTensor(AtenLinalgPinvRcondTensorOp op, Decomposer &b) {
  return buildPseudoInverse(op, op.getSelf(), {{}, op.getRcond()}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenLinalgPinvAtolRtolFloat(AtenLinalgPinvAtolRtolFloatOp op, Decomposer &b) {
  return buildPseudoInverse(op, op.getSelf(), {op.getAtol(), op.getRtol()}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenLinalgPinvAtolRtolTensor(AtenLinalgPinvAtolRtolTensorOp op, Decomposer &b) {
  return buildPseudoInverse(op, op.getSelf(), {op.getAtol(), op.getRtol()}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenPinverse(AtenPinverseOp op, Decomposer &b) {
  return buildPseudoInverse(op, op.getSelf(), {{}, op.getRcond()}, b.boolean(false), b);
}

static FailureOr<Value> buildRank(Operation *op, Value matrices, Tolerance tolerance, Value hermitianValue,
                                  Decomposer &b) {
  auto hermitian = getConstantBool(hermitianValue);
  if (!hermitian)
    return b.unsupported("an option that is not constant");
  FailureOr<Value> a = toRealUnlessEmpty(matrices, *hermitian, b);
  if (failed(a))
    return failure();
  if (!*a)
    return buildZeroForEach(op, matrices, b);
  Value values = *hermitian ? b.create<AtenAbsOp>(buildEigh(*a, b.string("L"), /*vectors=*/false, b).values)
                            : buildSvd(*a, /*full=*/false, /*vectors=*/false, b).values;
  values = dropTwins(values, matrices, b);
  Value counts = b.create<AtenGtTensorOp>(values, buildLimit(values, tolerance, matrices, b));
  return b.sum(counts, {getRank(counts) - 1}, /*keepdim=*/false);
}
static FailureOr<Value> DecomposeAtenLinalgMatrixRank(AtenLinalgMatrixRankOp op, Decomposer &b) {
  return buildRank(op, op.getSelf(), {op.getTol(), b.floating(0)}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenLinalgMatrixRankTolTensor(AtenLinalgMatrixRankTolTensorOp op, Decomposer &b) {
  return buildRank(op, op.getInput(), {op.getTol(), b.floating(0)}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenLinalgMatrixRankAtolRtolFloat(AtenLinalgMatrixRankAtolRtolFloatOp op,
                                                                   Decomposer &b) {
  return buildRank(op, op.getSelf(), {op.getAtol(), op.getRtol()}, op.getHermitian(), b);
}
static FailureOr<Value> DecomposeAtenLinalgMatrixRankAtolRtolTensor(AtenLinalgMatrixRankAtolRtolTensorOp op,
                                                                    Decomposer &b) {
  return buildRank(op, op.getInput(), {op.getAtol(), op.getRtol()}, op.getHermitian(), b);
}

//===----------------------------------------------------------------------===//
// Condition numbers and norms
//===----------------------------------------------------------------------===//

/// The ratio of the largest singular value to the smallest one, or its inverse.
static FailureOr<Value> buildSpectralCondition(Operation *op, Value matrices, bool inverted, Decomposer &b) {
  FailureOr<Value> a = toRealUnlessEmpty(matrices, /*hermitian=*/false, b);
  if (failed(a))
    return failure();
  if (!*a)
    return buildZeroForEach(op, matrices, b);
  Value values = buildSvd(*a, /*full=*/false, /*vectors=*/false, b).values;
  int64_t last = getRank(values) - 1;
  Value largest = b.select(values, last, 0), smallest = b.select(values, last, -1);
  return b.convert(inverted ? b.divTensors(smallest, largest) : b.divTensors(largest, smallest), getResultDtype(op));
}

/// norm(A) norm(A^-1); infinite for a singular matrix.
template <typename NormOp>
static FailureOr<Value> buildCondition(Operation *op, Value matrices, Value order, Decomposer &b) {
  FailureOr<Value> a = toRealUnlessEmpty(matrices, /*hermitian=*/false, b);
  if (failed(a))
    return failure();
  if (!*a)
    return buildZeroForEach(op, matrices, b);
  Type f64 = b.getBuilder().getF64Type();
  LuFactors factors = buildLu(*a, b);
  Value inverse = buildLuSolve(factors, b.expand(buildIdentity(b.size(*a, -1), f64, b), b.sizes(*a)), true, false, b);
  Type wide = promoteDtypes(getDtype(matrices), f64);
  auto shape = getTensorType(matrices).getSizes().drop_back(2);
  Type type = ValueTensorType::get(op->getContext(), true, shape, f64);
  auto norm = [&](Value tensor) {
    return b.createAs<NormOp>(type, tensor, order, b.list(ArrayRef<int64_t>{-2, -1}), b.boolean(false), b.none());
  };
  Value product = b.mulTensors(norm(b.convert(matrices, wide)), norm(fromReal(inverse, wide, b)));
  Value isSingular = b.create<AtenNeScalarOp>(factors.status, b.integer(0));
  Value infinity = b.literal(f64, std::numeric_limits<double>::infinity());
  return b.convert(b.where(isSingular, infinity, product), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenLinalgCond(AtenLinalgCondOp op, Decomposer &b) {
  auto order = isNone(op.getP()) ? std::optional<double>(2) : getConstantNumber(op.getP());
  if (!order)
    return b.unsupported("an order that is not constant");
  if (*order == 2 || *order == -2)
    return buildSpectralCondition(op, op.getSelf(), *order == -2, b);
  return buildCondition<AtenLinalgMatrixNormOp>(op, op.getSelf(), op.getP(), b);
}
static FailureOr<Value> DecomposeAtenLinalgCondPStr(AtenLinalgCondPStrOp op, Decomposer &b) {
  return buildCondition<AtenLinalgMatrixNormStrOrdOp>(op, op.getSelf(), op.getP(), b);
}

static FailureOr<Value> DecomposeAtenNuclearNorm(AtenNuclearNormOp op, Decomposer &b) {
  return b.createAs<AtenLinalgMatrixNormStrOrdOp>(op.getType(), op.getSelf(), b.string("nuc"),
                                                  b.list(ArrayRef<int64_t>{-2, -1}), op.getKeepdim(), b.none());
}
static FailureOr<Value> DecomposeAtenNuclearNormDim(AtenNuclearNormDimOp op, Decomposer &b) {
  return b.createAs<AtenLinalgMatrixNormStrOrdOp>(op.getType(), op.getSelf(), b.string("nuc"), op.getDim(),
                                                  op.getKeepdim(), b.none());
}

void torchc::populateLinearAlgebraSpectraPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenLinalgEigh, DecomposeAtenLinalgEigvalsh, DecomposeAtenLinalgSvd,
                    DecomposeAtenLinalgSvdvals, DecomposeAtenSvd);
  addDecompositions(patterns, DecomposeAtenLinalgPinv, DecomposeAtenLinalgPinvRcondTensor,
                    DecomposeAtenLinalgPinvAtolRtolFloat, DecomposeAtenLinalgPinvAtolRtolTensor, DecomposeAtenPinverse,
                    DecomposeAtenLinalgMatrixRank, DecomposeAtenLinalgMatrixRankTolTensor,
                    DecomposeAtenLinalgMatrixRankAtolRtolFloat, DecomposeAtenLinalgMatrixRankAtolRtolTensor);
  addDecompositions(patterns, DecomposeAtenLinalgCond, DecomposeAtenLinalgCondPStr, DecomposeAtenNuclearNorm,
                    DecomposeAtenNuclearNormDim);
}
