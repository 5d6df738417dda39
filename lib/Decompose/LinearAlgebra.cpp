//===- LinearAlgebra.cpp - solvers, inverses and determinants ---===//
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

FailureOr<Value> torchc::toDouble(Value matrices, Decomposer &b) {
  if (!isFloatDtype(getTensorType(matrices).getDtype()))
    return b.unsupported("on complex numbers or integers");
  return b.convert(matrices, b.getBuilder().getF64Type());
}
FailureOr<Value> torchc::toReal(Value matrices, Decomposer &b) {
  Complex x = splitComplex(matrices, b);
  if (!x.im)
    return toDouble(matrices, b);
  Type f64 = b.getBuilder().getF64Type();
  Value re = b.convert(x.re, f64), im = b.convert(x.im, f64);
  int64_t rank = getRank(re);
  // [..., rows, 1, columns, 2]: one row of the blocks.
  auto buildRow = [&](Value left, Value right) {
    return b.unsqueeze(b.cat({b.unsqueeze(left, rank), b.unsqueeze(right, rank)}, rank), rank - 1);
  };
  SmallVector<Value> sizes = b.sizes(re);
  for (Value &size : MutableArrayRef(sizes).take_back(2))
    size = b.mul(size, b.integer(2));
  Value blocks = b.cat({buildRow(re, b.create<AtenNegOp>(im)), buildRow(im, re)}, rank - 1);
  return b.create<AtenReshapeOp>(blocks, b.list(sizes));
}

FailureOr<Value> torchc::toRealHermitian(Value matrices, Decomposer &b) {
  Complex x = splitComplex(matrices, b);
  if (!x.im)
    return toDouble(matrices, b);
  Value size = b.size(matrices, -1), zero = b.literal(getDtype(x.im), 0.0);
  return toReal(joinComplex({x.re, b.where(buildDiagonalMask(size, size, b), zero, x.im)}, b), b);
}

Value torchc::fromReal(Value matrices, Type dtype, Decomposer &b) {
  if (!isComplexDtype(dtype))
    return b.convert(matrices, dtype);
  SmallVector<Value> sizes = b.sizes(matrices);
  Value two = b.integer(2), columns = b.floordiv(sizes.pop_back_val(), two),
        rows = b.floordiv(sizes.pop_back_val(), two);
  sizes.append({rows, two, columns, two});
  int64_t rank = getRank(matrices);
  Value firsts = b.select(b.create<AtenReshapeOp>(matrices, b.list(sizes)), rank + 1, 0);
  auto part = [&](int64_t row) { return b.convert(b.select(firsts, rank - 1, row), getPartDtype(dtype)); };
  return joinComplex({part(0), part(1)}, b);
}

/// The status of complex matrices from that of the real ones: steps come in pairs.
static Value fromRealStatus(Value status, Type dtype, Decomposer &b) {
  if (!isComplexDtype(dtype))
    return status;
  return b.create<AtenDivScalarModeOp>(b.create<AtenAddScalarOp>(status, b.integer(1), b.integer(1)), b.integer(2),
                                       b.string("floor"));
}

Value torchc::transposeMatrices(Value matrices, Decomposer &b) { return b.transpose(matrices, -2, -1); }

static Value multiplyMatrices(Value x, Value y, Decomposer &b) { return b.create<AtenMatmulOp>(x, y); }
static Value solveTriangular(Value a, Value rhs, bool upper, bool unit, Decomposer &b) {
  return b.create<AtenLinalgSolveTriangularOp>(a, rhs, b.boolean(upper), b.boolean(true), b.boolean(unit));
}

Value torchc::buildDiagonalMask(Value rows, Value columns, Decomposer &b) {
  return b.create<AtenEqTensorOp>(b.unsqueeze(b.range(rows), 1), b.range(columns));
}
Value torchc::buildIdentity(Value size, Type dtype, Decomposer &b) {
  return b.convert(buildDiagonalMask(size, size, b), dtype);
}
/// The elements (i, i) of square matrices.
static Value buildDiagonal(Value matrices, Decomposer &b) {
  Value size = b.size(matrices, -1), zero = b.literal(getTensorType(matrices).getDtype(), 0.0);
  Value elements = b.where(buildDiagonalMask(size, size, b), matrices, zero);
  return b.sum(elements, {getRank(matrices) - 1}, /*keepdim=*/false);
}

LuFactors torchc::buildLu(Value matrices, Decomposer &b) {
  Operation *op = b.createOp(AtenLinalgLuFactorExOp::getOperationName(), {},
                             {matrices, b.boolean(/*pivot=*/true), b.boolean(/*check_errors=*/false)});
  return {op->getResult(0), op->getResult(1), op->getResult(2)};
}

Value torchc::buildLuSolve(LuFactors factors, Value rhs, bool left, bool transposed, Decomposer &b) {
  if (!left) {
    Value result = buildLuSolve(factors, transposeMatrices(rhs, b), true, !transposed, b);
    return transposeMatrices(result, b);
  }
  Operation *unpack = b.createOp(AtenLuUnpackOp::getOperationName(), {},
                                 {factors.lu, factors.pivots, b.boolean(/*data=*/false), b.boolean(/*pivots=*/true)});
  Value permutation = unpack->getResult(0);
  if (!transposed) {
    Value y = solveTriangular(factors.lu, multiplyMatrices(transposeMatrices(permutation, b), rhs, b), false, true, b);
    return solveTriangular(factors.lu, y, true, false, b);
  }
  Value lu = transposeMatrices(factors.lu, b);
  Value y = solveTriangular(lu, rhs, false, false, b);
  return multiplyMatrices(permutation, solveTriangular(lu, y, true, true, b), b);
}

void torchc::buildErrorCheck(Value status, StringRef name, Decomposer &b) {
  Aten_LinalgCheckErrorsOp::create(b.getBuilder(), b.getLoc(), TypeRange(), {status, b.string(name), b.boolean(false)});
}

//===----------------------------------------------------------------------===//
// LU
//===----------------------------------------------------------------------===//

/// Factors of matrices in the dtype of the op's results, from f64.
static FailureOr<LuFactors> factorize(Operation *op, Value matrices, Decomposer &b) {
  FailureOr<Value> wide = toDouble(matrices, b);
  if (failed(wide))
    return failure();
  return buildLu(*wide, b);
}
template <typename Op> static bool pivots(Op op) { return getConstantBool(op.getPivot()) == true; }

static Decomposed DecomposeAtenLinalgLuFactor(AtenLinalgLuFactorOp op, Decomposer &b) {
  if (!pivots(op))
    return b.unsupported("without pivoting");
  FailureOr<LuFactors> factors = factorize(op, op.getA(), b);
  if (failed(factors))
    return failure();
  buildErrorCheck(factors->status, "torch.linalg.lu_factor", b);
  return SmallVector<Value>{b.convert(factors->lu, getResultDtype(op)), factors->pivots};
}
static Decomposed DecomposeAten_LuWithInfo(Aten_LuWithInfoOp op, Decomposer &b) {
  if (!pivots(op))
    return b.unsupported("without pivoting");
  FailureOr<LuFactors> factors = factorize(op, op.getSelf(), b);
  if (failed(factors))
    return failure();
  return SmallVector<Value>{b.convert(factors->lu, getResultDtype(op)), factors->pivots, factors->status};
}
static Decomposed DecomposeAtenLinalgLu(AtenLinalgLuOp op, Decomposer &b) {
  if (!pivots(op))
    return b.unsupported("without pivoting");
  FailureOr<LuFactors> factors = factorize(op, op.getA(), b);
  if (failed(factors))
    return failure();
  Operation *parts = b.createOp(AtenLuUnpackOp::getOperationName(), {},
                                {factors->lu, factors->pivots, b.boolean(true), b.boolean(true)});
  return llvm::map_to_vector(parts->getResults(), [&](Value part) { return b.convert(part, getResultDtype(op)); });
}

static FailureOr<Value> DecomposeAtenLinalgLuSolve(AtenLinalgLuSolveOp op, Decomposer &b) {
  auto left = getConstantBool(op.getLeft()), adjoint = getConstantBool(op.getAdjoint());
  if (!left || !adjoint)
    return b.unsupported("an option that is not constant");
  FailureOr<Value> lu = toDouble(op.getLU(), b);
  if (failed(lu))
    return failure();
  Value rhs = b.convert(op.getB(), b.getBuilder().getF64Type());
  return b.convert(buildLuSolve({*lu, op.getPivots(), {}}, rhs, *left, *adjoint, b), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenLuSolve(AtenLuSolveOp op, Decomposer &b) {
  FailureOr<Value> lu = toDouble(op.getLUData(), b);
  if (failed(lu))
    return failure();
  Value rhs = b.convert(op.getSelf(), b.getBuilder().getF64Type());
  return b.convert(buildLuSolve({*lu, op.getLUPivots(), {}}, rhs, true, false, b), getResultDtype(op));
}

//===----------------------------------------------------------------------===//
// Solvers and inverses
//===----------------------------------------------------------------------===//

/// Whether `rhs` is one vector for each matrix, as torch.linalg.solve decides it.
static bool isVector(Value matrices, Value rhs) {
  ArrayRef<int64_t> sizes = getTensorType(matrices).getSizes(), own = getTensorType(rhs).getSizes();
  return own.size() == 1 || own == sizes.drop_back();
}

namespace {
struct Solution {
  Value result, status;
};
} // namespace

static FailureOr<Solution> buildSolution(Value matrices, Value rhs, Value leftValue, Type dtype, Decomposer &b) {
  auto left = getConstantBool(leftValue);
  if (!left)
    return b.unsupported("an option that is not constant");
  bool vector = isVector(matrices, rhs);
  FailureOr<Value> a = toReal(matrices, b), right = toReal(vector ? b.unsqueeze(rhs, -1) : rhs, b);
  if (failed(a) || failed(right))
    return failure();
  LuFactors factors = buildLu(*a, b);
  Value result = fromReal(buildLuSolve(factors, *right, *left, false, b), dtype, b);
  return Solution{vector ? b.squeeze(result, -1) : result, fromRealStatus(factors.status, dtype, b)};
}

static Decomposed DecomposeAtenLinalgSolveEx(AtenLinalgSolveExOp op, Decomposer &b) {
  FailureOr<Solution> solution = buildSolution(op.getA(), op.getB(), op.getLeft(), getResultDtype(op), b);
  if (failed(solution))
    return failure();
  if (getConstantBool(op.getCheckErrors()) != false)
    buildErrorCheck(solution->status, "linalg.solve_ex", b);
  return SmallVector<Value>{solution->result, solution->status};
}
static FailureOr<Value> DecomposeAtenLinalgSolve(AtenLinalgSolveOp op, Decomposer &b) {
  FailureOr<Solution> solution = buildSolution(op.getA(), op.getB(), op.getLeft(), getResultDtype(op), b);
  if (failed(solution))
    return failure();
  buildErrorCheck(solution->status, "linalg.solve", b);
  return solution->result;
}
/// The factors are of A or of A^T, as PyTorch's kernel likes it.
static Decomposed DecomposeAten_LinalgSolveEx(Aten_LinalgSolveExOp op, Decomposer &b) {
  if (!op.getResult1().use_empty() || !op.getResult2().use_empty())
    return b.unsupported("whose factors are used");
  FailureOr<Solution> solution = buildSolution(op.getA(), op.getB(), op.getLeft(), getResultDtype(op), b);
  if (failed(solution))
    return failure();
  if (getConstantBool(op.getCheckErrors()) != false)
    buildErrorCheck(solution->status, "linalg.solve_ex", b);
  return SmallVector<Value>{solution->result, Value(), Value(), solution->status};
}

static FailureOr<Solution> buildInverse(Value matrices, Type dtype, Decomposer &b) {
  FailureOr<Value> a = toReal(matrices, b);
  if (failed(a))
    return failure();
  LuFactors factors = buildLu(*a, b);
  // I for each matrix, as the permutations are.
  Value identity = b.expand(buildIdentity(b.size(*a, -1), b.getBuilder().getF64Type(), b), b.sizes(*a));
  return Solution{fromReal(buildLuSolve(factors, identity, true, false, b), dtype, b),
                  fromRealStatus(factors.status, dtype, b)};
}
static Decomposed DecomposeAtenLinalgInvEx(AtenLinalgInvExOp op, Decomposer &b) {
  FailureOr<Solution> inverse = buildInverse(op.getA(), getResultDtype(op), b);
  if (failed(inverse))
    return failure();
  if (getConstantBool(op.getCheckErrors()) != false)
    buildErrorCheck(inverse->status, "linalg.inv_ex", b);
  return SmallVector<Value>{inverse->result, inverse->status};
}
template <typename Op> static FailureOr<Value> decomposeInverse(Op op, Value matrices, Decomposer &b) {
  FailureOr<Solution> inverse = buildInverse(matrices, getResultDtype(op), b);
  if (failed(inverse))
    return failure();
  buildErrorCheck(inverse->status, "linalg.inv", b);
  return inverse->result;
}
static FailureOr<Value> DecomposeAtenLinalgInv(AtenLinalgInvOp op, Decomposer &b) {
  return decomposeInverse(op, op.getA(), b);
}
static FailureOr<Value> DecomposeAtenInverse(AtenInverseOp op, Decomposer &b) {
  return decomposeInverse(op, op.getSelf(), b);
}

/// The product of some sizes of a tensor.
static Value buildCount(ArrayRef<Value> sizes, Decomposer &b) {
  Value count = b.integer(1);
  for (Value size : sizes)
    count = b.mul(count, size);
  return count;
}
static FailureOr<Value> DecomposeAtenLinalgTensorinv(AtenLinalgTensorinvOp op, Decomposer &b) {
  auto index = getConstantInt(op.getInd());
  if (!index || *index <= 0 || *index > getRank(op.getSelf()))
    return b.unsupported("a number of dims that is not constant, or out of range");
  SmallVector<Value> sizes = b.sizes(op.getSelf());
  ArrayRef<Value> front = ArrayRef<Value>(sizes).take_front(*index), back = ArrayRef<Value>(sizes).drop_front(*index);
  Value matrix = b.view(op.getSelf(), ValueRange{buildCount(front, b), buildCount(back, b)});
  FailureOr<Solution> inverse = buildInverse(matrix, getResultDtype(op), b);
  if (failed(inverse))
    return failure();
  buildErrorCheck(inverse->status, "linalg.tensorinv", b);
  SmallVector<Value> shape(back);
  llvm::append_range(shape, front);
  return b.view(inverse->result, shape);
}
static FailureOr<Value> DecomposeAtenLinalgTensorsolve(AtenLinalgTensorsolveOp op, Decomposer &b) {
  Value self = op.getSelf();
  int64_t rank = getRank(self);
  SmallVector<int64_t> order;
  SmallVector<int64_t> moved;
  if (!isNone(op.getDims())) {
    auto dims = getConstantIntList(op.getDims());
    if (!dims)
      return b.unsupported("dims that are not constant");
    for (int64_t dim : *dims)
      moved.push_back(wrapDim(dim, rank).value_or(0));
  }
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(moved, dim))
      order.push_back(dim);
  llvm::append_range(order, moved);
  self = moved.empty() ? self : b.permute(self, order);
  SmallVector<Value> shape(ArrayRef<Value>(b.sizes(self)).drop_front(getRank(op.getOther())));
  Value count = buildCount(shape, b), rhs = b.flatten(op.getOther());
  FailureOr<Solution> solution =
      buildSolution(b.create<AtenReshapeOp>(self, b.list({count, count})), rhs, b.boolean(true), getResultDtype(op), b);
  if (failed(solution))
    return failure();
  buildErrorCheck(solution->status, "linalg.tensorsolve", b);
  return b.view(solution->result, shape);
}

/// X with F X = B, or F^H X = B, of a triangular matrix, in f64; what stands in the other triangle does not count.
static FailureOr<Value> solveFactor(Value factor, Value rhs, bool upper, bool unit, bool adjoint, Decomposer &b) {
  if (!isComplexDtype(getDtype(factor))) {
    FailureOr<Value> a = toDouble(factor, b);
    if (failed(a))
      return failure();
    Value right = b.convert(rhs, b.getBuilder().getF64Type());
    return solveTriangular(adjoint ? transposeMatrices(*a, b) : *a, right, upper != adjoint, unit, b);
  }
  // Blocks on the diagonal are not triangular.
  Value zero = b.integer(0), size = b.size(factor, -1);
  factor = upper ? b.create<AtenTriuOp>(factor, zero) : b.create<AtenTrilOp>(factor, zero);
  if (unit)
    factor = b.where(buildDiagonalMask(size, size, b), b.literal(getDtype(factor), 1.0), factor);
  FailureOr<Value> a = toReal(factor, b), right = toReal(rhs, b);
  if (failed(a) || failed(right))
    return failure();
  Type wide = ComplexType::get(b.getBuilder().getF64Type());
  return fromReal(buildLuSolve(buildLu(*a, b), *right, /*left=*/true, adjoint, b), wide, b);
}

static Decomposed DecomposeAtenTriangularSolve(AtenTriangularSolveOp op, Decomposer &b) {
  auto upper = getConstantBool(op.getUpper()), transposed = getConstantBool(op.getTranspose()),
       unit = getConstantBool(op.getUnitriangular());
  if (!upper || !transposed || !unit || getRank(op.getA()) != getRank(op.getSelf()))
    return b.unsupported("an option that is not constant, or operands of different rank");
  Value factor = *transposed ? transposeMatrices(op.getA(), b) : op.getA();
  auto solution = solveFactor(factor, op.getSelf(), *upper != *transposed, *unit, /*adjoint=*/false, b);
  if (failed(solution))
    return failure();
  SmallVector<Value> sizes = b.sizes(*solution);
  sizes.back() = b.size(op.getA(), -1);
  return SmallVector<Value>{b.convert(*solution, getResultDtype(op)), b.expand(op.getA(), sizes)};
}

//===----------------------------------------------------------------------===//
// Determinants
//===----------------------------------------------------------------------===//

/// -1 for an odd number of swaps of rows.
static Value buildSign(Value pivots, Decomposer &b) {
  int64_t last = getRank(pivots) - 1;
  Value steps = b.create<AtenAddScalarOp>(b.range(b.size(pivots, last)), b.integer(1), b.integer(1));
  Value swaps = b.sum(b.create<AtenNeTensorOp>(pivots, steps), {last}, /*keepdim=*/false);
  Value isOdd = b.convert(b.create<AtenRemainderScalarOp>(swaps, b.integer(2)), b.getBuilder().getF64Type());
  return b.addNumber(b.mulNumber(isOdd, -2), 1);
}
static Value buildProduct(Value tensor, Decomposer &b) {
  return b.create<AtenProdDimIntOp>(tensor, b.integer(getRank(tensor) - 1), b.boolean(false), b.none());
}

static FailureOr<Value> buildDeterminant(Operation *op, Value matrices, Decomposer &b) {
  FailureOr<LuFactors> factors = factorize(op, matrices, b);
  if (failed(factors))
    return failure();
  Value product = buildProduct(buildDiagonal(factors->lu, b), b);
  return b.convert(b.mulTensors(product, buildSign(factors->pivots, b)), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenLinalgDet(AtenLinalgDetOp op, Decomposer &b) {
  return buildDeterminant(op, op.getA(), b);
}
static FailureOr<Value> DecomposeAtenDet(AtenDetOp op, Decomposer &b) { return buildDeterminant(op, op.getSelf(), b); }
static Decomposed DecomposeAten_LinalgDet(Aten_LinalgDetOp op, Decomposer &b) {
  if (!op.getResult1().use_empty() || !op.getResult2().use_empty())
    return b.unsupported("whose factors are used");
  FailureOr<Value> determinant = buildDeterminant(op, op.getA(), b);
  if (failed(determinant))
    return failure();
  return SmallVector<Value>{*determinant, Value(), Value()};
}

namespace {
struct LogDeterminant {
  Value sign, logarithm;
};
} // namespace

static FailureOr<LogDeterminant> buildLogDeterminant(Operation *op, Value matrices, Decomposer &b) {
  FailureOr<LuFactors> factors = factorize(op, matrices, b);
  if (failed(factors))
    return failure();
  Value diagonal = buildDiagonal(factors->lu, b);
  Value sign = b.mulTensors(buildProduct(b.create<AtenSignOp>(diagonal), b), buildSign(factors->pivots, b));
  Value logarithms = b.create<AtenLogOp>(b.create<AtenAbsOp>(diagonal));
  return LogDeterminant{sign, b.sum(logarithms, {getRank(logarithms) - 1}, /*keepdim=*/false)};
}
static Decomposed buildSlogdet(Operation *op, Value matrices, Decomposer &b) {
  FailureOr<LogDeterminant> determinant = buildLogDeterminant(op, matrices, b);
  if (failed(determinant))
    return failure();
  return SmallVector<Value>{b.convert(determinant->sign, getResultDtype(op)),
                            b.convert(determinant->logarithm, getResultDtype(op, 1))};
}
static Decomposed DecomposeAtenLinalgSlogdet(AtenLinalgSlogdetOp op, Decomposer &b) {
  return buildSlogdet(op, op.getA(), b);
}
static Decomposed DecomposeAtenSlogdet(AtenSlogdetOp op, Decomposer &b) { return buildSlogdet(op, op.getSelf(), b); }
static Decomposed DecomposeAten_LinalgSlogdet(Aten_LinalgSlogdetOp op, Decomposer &b) {
  if (!op.getResult2().use_empty() || !op.getResult3().use_empty())
    return b.unsupported("whose factors are used");
  Decomposed results = buildSlogdet(op, op.getA(), b);
  if (succeeded(results))
    results->append(2, Value());
  return results;
}
/// log(sign) + log|det|: NaN for a negative determinant
static FailureOr<Value> DecomposeAtenLogdet(AtenLogdetOp op, Decomposer &b) {
  FailureOr<LogDeterminant> determinant = buildLogDeterminant(op, op.getSelf(), b);
  if (failed(determinant))
    return failure();
  Value sum = b.addTensors(b.create<AtenLogOp>(determinant->sign), determinant->logarithm);
  return b.convert(sum, getResultDtype(op));
}

//===----------------------------------------------------------------------===//
// Cholesky
//===----------------------------------------------------------------------===//

template <typename Op> static FailureOr<Value> decomposeCholesky(Op op, StringRef name, Decomposer &b) {
  FailureOr<Value> a = toRealHermitian(op.getSelf(), b);
  if (failed(a))
    return failure();
  Operation *factors =
      b.createOp(AtenLinalgCholeskyExOp::getOperationName(), {}, {*a, op.getUpper(), b.boolean(false)});
  buildErrorCheck(factors->getResult(1), name, b);
  return fromReal(factors->getResult(0), getResultDtype(op), b);
}
static FailureOr<Value> DecomposeAtenLinalgCholesky(AtenLinalgCholeskyOp op, Decomposer &b) {
  return decomposeCholesky(op, "linalg.cholesky", b);
}
static FailureOr<Value> DecomposeAtenCholesky(AtenCholeskyOp op, Decomposer &b) {
  return decomposeCholesky(op, "cholesky", b);
}
/// X with L L^H X = B, or U^H U X = B
static FailureOr<Value> solveCholesky(Operation *op, Value factor, Value rhs, bool upper, Decomposer &b) {
  auto first = solveFactor(factor, rhs, upper, /*unit=*/false, /*adjoint=*/upper, b);
  if (failed(first))
    return failure();
  auto second = solveFactor(factor, *first, upper, /*unit=*/false, /*adjoint=*/!upper, b);
  return failed(second) ? second : FailureOr<Value>(b.convert(*second, getResultDtype(op)));
}
static FailureOr<Value> DecomposeAtenCholeskySolve(AtenCholeskySolveOp op, Decomposer &b) {
  auto upper = getConstantBool(op.getUpper());
  if (!upper)
    return b.unsupported("an option that is not constant");
  return solveCholesky(op, op.getInput2(), op.getSelf(), *upper, b);
}
static FailureOr<Value> DecomposeAtenCholeskyInverse(AtenCholeskyInverseOp op, Decomposer &b) {
  auto upper = getConstantBool(op.getUpper());
  if (!upper)
    return b.unsupported("an option that is not constant");
  Value identity = buildIdentity(b.size(op.getSelf(), -1), getDtype(op.getSelf()), b);
  return solveCholesky(op, op.getSelf(), identity, *upper, b);
}

//===----------------------------------------------------------------------===//
// QR
//===----------------------------------------------------------------------===//

/// Matrices with zero columns behind their own, or their first columns.
static Value resizeColumns(Value matrices, Value columns, Decomposer &b) {
  int64_t rank = getRank(matrices);
  Value more = b.sub(columns, b.size(matrices, -1)), zero = b.integer(0);
  if (!getConstantInt(more)) {
    Value widened = b.create<AtenConstantPadNdOp>(matrices, b.list({zero, b.max(more, zero)}), zero);
    return b.slice(widened, rank - 1, zero, columns);
  }
  if (*getConstantInt(more) <= 0)
    return b.slice(matrices, rank - 1, zero, columns);
  SmallVector<Value> sizes = b.sizes(matrices);
  sizes.back() = more;
  Type dtype = getTensorType(matrices).getDtype();
  return b.cat({matrices, b.full(sizes, b.integer(0), dtype)}, rank - 1);
}

enum class QrMode { Reduced, Complete, R };

static Decomposed buildQr(Operation *op, Value matrices, QrMode mode, Decomposer &b) {
  int64_t rank = getRank(matrices);
  FailureOr<Value> a = toDouble(matrices, b);
  if (failed(a))
    return failure();
  Operation *factors = b.createOp(AtenGeqrfOp::getOperationName(), {}, {*a});
  Value rows = b.size(*a, -2), kept = mode == QrMode::Complete ? rows : b.min(rows, b.size(*a, -1));
  Value r = b.create<AtenTriuOp>(factors->getResult(0), b.integer(0));
  r = b.convert(b.slice(r, rank - 2, b.integer(0), kept), getResultDtype(op, 1));
  if (mode == QrMode::R)
    return SmallVector<Value>{b.full(b.integer(0), b.integer(0), getResultDtype(op)), r};
  Value q =
      b.create<AtenLinalgHouseholderProductOp>(resizeColumns(factors->getResult(0), kept, b), factors->getResult(1));
  return SmallVector<Value>{b.convert(q, getResultDtype(op)), r};
}
static Decomposed DecomposeAtenLinalgQr(AtenLinalgQrOp op, Decomposer &b) {
  auto mode = getConstantString(op.getMode());
  if (!mode || (*mode != "reduced" && *mode != "complete" && *mode != "r"))
    return b.unsupported("an unknown mode");
  return buildQr(op, op.getA(),
                 *mode == "reduced"    ? QrMode::Reduced
                 : *mode == "complete" ? QrMode::Complete
                                       : QrMode::R,
                 b);
}
static Decomposed DecomposeAtenQr(AtenQrOp op, Decomposer &b) {
  auto some = getConstantBool(op.getSome());
  if (!some)
    return b.unsupported("an option that is not constant");
  return buildQr(op, op.getSelf(), *some ? QrMode::Reduced : QrMode::Complete, b);
}
static FailureOr<Value> DecomposeAtenOrgqr(AtenOrgqrOp op, Decomposer &b) {
  return b.create<AtenLinalgHouseholderProductOp>(op.getSelf(), op.getInput2());
}
/// Q C, Q^T C, C Q or C Q^T for the whole Q of a factorization
static FailureOr<Value> DecomposeAtenOrmqr(AtenOrmqrOp op, Decomposer &b) {
  auto left = getConstantBool(op.getLeft()), transposed = getConstantBool(op.getTranspose());
  if (!left || !transposed)
    return b.unsupported("an option that is not constant");
  FailureOr<Value> vectors = toDouble(op.getSelf(), b);
  if (failed(vectors))
    return failure();
  Type f64 = b.getBuilder().getF64Type();
  Value square = resizeColumns(*vectors, b.size(*vectors, -2), b);
  Value q = b.create<AtenLinalgHouseholderProductOp>(square, b.convert(op.getInput2(), f64));
  q = *transposed ? transposeMatrices(q, b) : q;
  Value other = b.convert(op.getInput3(), f64);
  return b.convert(*left ? multiplyMatrices(q, other, b) : multiplyMatrices(other, q, b), getResultDtype(op));
}

void torchc::populateLinearAlgebraPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenLinalgLuFactor, DecomposeAten_LuWithInfo, DecomposeAtenLinalgLu,
                    DecomposeAtenLinalgLuSolve, DecomposeAtenLuSolve, DecomposeAtenLinalgSolveEx,
                    DecomposeAtenLinalgSolve, DecomposeAten_LinalgSolveEx, DecomposeAtenLinalgInvEx,
                    DecomposeAtenLinalgInv, DecomposeAtenInverse, DecomposeAtenLinalgTensorinv,
                    DecomposeAtenLinalgTensorsolve, DecomposeAtenTriangularSolve);
  addDecompositions(patterns, DecomposeAtenLinalgDet, DecomposeAtenDet, DecomposeAten_LinalgDet,
                    DecomposeAtenLinalgSlogdet, DecomposeAtenSlogdet, DecomposeAten_LinalgSlogdet, DecomposeAtenLogdet);
  addDecompositions(patterns, DecomposeAtenLinalgCholesky, DecomposeAtenCholesky, DecomposeAtenCholeskySolve,
                    DecomposeAtenCholeskyInverse, DecomposeAtenLinalgQr, DecomposeAtenQr, DecomposeAtenOrgqr,
                    DecomposeAtenOrmqr);
}
