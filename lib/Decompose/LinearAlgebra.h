//===- LinearAlgebra.h - what decompositions build out of factorizations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DECOMPOSE_LINEARALGEBRA_H
#define TORCHC_LIB_DECOMPOSE_LINEARALGEBRA_H

#include "Patterns.h"

namespace torchc {

/// A factorization of the matrices of a tensor. All that follows computes in f64, so that results in f32
/// are rounded once.
struct LuFactors {
  mlir::Value lu, pivots, status;
};

/// Matrices as f64; refuses those of complex numbers and integers.
mlir::FailureOr<mlir::Value> toDouble(mlir::Value matrices, Decomposer &b);
/// The same, of complex numbers a + bi as real matrices of twice the size, with a block (a -b; b a) for each number.
/// Sums, products, inverses and Cholesky's factors of such matrices are those of the complex ones, transposes their
/// adjoints; singular values, and eigenvalues of symmetric ones, come twice.
mlir::FailureOr<mlir::Value> toReal(mlir::Value matrices, Decomposer &b);
/// The same of Hermitian matrices: the imaginary parts of a diagonal do not count, as in LAPACK.
mlir::FailureOr<mlir::Value> toRealHermitian(mlir::Value matrices, Decomposer &b);
/// Matrices of `dtype` from real ones.
mlir::Value fromReal(mlir::Value matrices, mlir::Type dtype, Decomposer &b);
mlir::Value transposeMatrices(mlir::Value matrices, Decomposer &b);
/// i == j for matrices of `rows` by `columns`, as bool.
mlir::Value buildDiagonalMask(mlir::Value rows, mlir::Value columns, Decomposer &b);
mlir::Value buildIdentity(mlir::Value size, mlir::Type dtype, Decomposer &b);
LuFactors buildLu(mlir::Value matrices, Decomposer &b);
/// X with A X = B, or X A = B, of A's factors.
mlir::Value buildLuSolve(LuFactors factors, mlir::Value rhs, bool left, bool transposed, Decomposer &b);
/// Singular values in descending order, of complex matrices too.
mlir::FailureOr<mlir::Value> buildSingularValues(mlir::Value matrices, Decomposer &b);
/// Fails at run time, by the name that PyTorch gives the function, where a status is not 0.
void buildErrorCheck(mlir::Value status, llvm::StringRef name, Decomposer &b);

} // namespace torchc

#endif // TORCHC_LIB_DECOMPOSE_LINEARALGEBRA_H
