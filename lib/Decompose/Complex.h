//===- Complex.h - complex tensors as pairs of real ones ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DECOMPOSE_COMPLEX_H
#define TORCHC_LIB_DECOMPOSE_COMPLEX_H

#include "torchc/Dialect/Torch/IR/AtenBuilder.h"

namespace torchc {

/// Real and imaginary part of a tensor; the latter is null for a real one.
struct Complex {
  mlir::Value re, im;
};

/// The dtype of the parts of `dtype`; itself where it is real.
mlir::Type getPartDtype(mlir::Type dtype);

Complex splitComplex(mlir::Value tensor, torch::AtenBuilder &b);
/// The complex tensor of two parts of the same shape; zeros for an imaginary part that is null.
mlir::Value joinComplex(Complex parts, torch::AtenBuilder &b);

Complex multiply(Complex x, Complex y, torch::AtenBuilder &b);
Complex conjugate(Complex x, torch::AtenBuilder &b);
/// The same of a tensor; itself where it is real.
mlir::Value buildConjugate(mlir::Value tensor, torch::AtenBuilder &b);
/// 1 / sqrt(x)
Complex buildRsqrt(Complex x, torch::AtenBuilder &b);
/// |x|
mlir::Value buildMagnitude(Complex x, torch::AtenBuilder &b);

/// The result of an elementwise op from its operands' parts, of numbers too; none for an op that is not known.
std::optional<Complex> buildComplexFunction(mlir::Operation *op, llvm::ArrayRef<Complex> operands,
                                            torch::AtenBuilder &b);
/// cumprod, logcumsumexp and prod (which keeps its dim) along a dim of static size; none for other ops and dims.
std::optional<Complex> buildComplexScan(mlir::Operation *op, Complex x, int64_t dim, torch::AtenBuilder &b);

} // namespace torchc

#endif // TORCHC_LIB_DECOMPOSE_COMPLEX_H
