//===- LinearAlgebraFactorization.cpp - triangular and orthogonal factors of matrices ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The algorithms are those of G. Golub and C. Van Loan, Matrix Computations, with signs, scales and
// status numbers as LAPACK has them, which PyTorch calls.
//
//===----------------------------------------------------------------------===//

#include "MatrixLoops.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// i32 zeros [count], the status of each matrix.
static Value createStatus(Lowering &b, OpFoldResult count) { return createFilled(b, {count}, b.getI32IntegerAttr(0)); }

/// The first failing step counts, from 1.
static void noteFailure(MatrixLoops &loops, MatrixLoops::Variable status, Place step) {
  Value known = loops.load(status, {});
  Value isFirst =
      arith::CmpIOp::create(loops, arith::CmpIPredicate::eq, known, arith::ConstantIntOp::create(loops, 0, 32));
  Value number = arith::IndexCastOp::create(loops, loops.getI32Type(), (step + 1).get());
  loops.store(arith::SelectOp::create(loops, isFirst, number, known), status, {});
}

namespace {

/// L with L L^T = A, of the lower triangle; of the upper one U = L^T with U^T U = A.
struct LowerAtenLinalgCholeskyEx : LowerMultiResultOp<LowerAtenLinalgCholeskyEx, AtenLinalgCholeskyExOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenLinalgCholeskyExOp op, Lowering &b) const {
    std::optional<bool> upper = getConstantBool(op.getUpper());
    if (!upper)
      return b.refuse("upper is not constant");
    FailureOr<Matrices> a = getMatrices(b, op.getSelf());
    if (failed(a))
      return failure();
    Value start =
        createMatrices(b, a->count, a->rows, a->columns, [&](ImplicitLocOpBuilder &body, ValueRange indices) -> Value {
          Value isLower = arith::CmpIOp::create(body, arith::CmpIPredicate::sge, indices[1], indices[2]);
          SmallVector<Value> source(indices);
          if (*upper)
            std::swap(source[1], source[2]);
          Value element = tensor::ExtractOp::create(body, a->tensor, source);
          Value zero = arith::ConstantOp::create(body, body.getF64FloatAttr(0));
          return arith::SelectOp::create(body, isLower, element, zero);
        });
    SmallVector<Value> results =
        MatrixLoops::run(b, a->count, {start, createStatus(b, a->count)}, [&](MatrixLoops &loops) {
          Matrix l(loops, 0);
          Place n = loops.at(a->rows), zero = loops.at(0);
          loops.forEach(0, n, [&](Place j) {
            Real pivot = l(j, j) - loops.sum(zero, j, [&](Place k) { return l(j, k) * l(j, k); });
            loops.ifThen(!(pivot > 0), [&] { noteFailure(loops, 1, j); });
            Real root = sqrt(pivot);
            l.set(j, j, root);
            loops.forEach(j + 1, n, [&](Place i) {
              Real rest = l(i, j) - loops.sum(zero, j, [&](Place k) { return l(i, k) * l(j, k); });
              l.set(i, j, rest / root);
            });
          });
        });
    Value factor = results[0];
    if (*upper)
      factor =
          createMatrices(b, a->count, a->rows, a->columns, [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
            return tensor::ExtractOp::create(body, results[0], ValueRange{at[0], at[2], at[1]});
          });
    return SmallVector<Value>{restoreBatch(b, factor, a->batch, op.getResult0()),
                              restoreBatch(b, results[1], a->batch, op.getResult1())};
  }
};

/// L and U with P^T A = L U in one matrix, and the row that each step swapped with its own, from 1.
struct LowerAtenLinalgLuFactorEx : LowerMultiResultOp<LowerAtenLinalgLuFactorEx, AtenLinalgLuFactorExOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenLinalgLuFactorExOp op, Lowering &b) const {
    if (getConstantBool(op.getPivot()) != true)
      return b.refuse("without pivoting");
    FailureOr<Matrices> a = getMatrices(b, op.getA());
    if (failed(a))
      return failure();
    OpFoldResult steps = minSizes(b, a->rows, a->columns);
    Value pivots = createEmpty(b, {a->count, steps}, b.getI32Type());
    SmallVector<Value> results =
        MatrixLoops::run(b, a->count, {a->tensor, pivots, createStatus(b, a->count)}, [&](MatrixLoops &loops) {
          Matrix lu(loops, 0);
          Place m = loops.at(a->rows), n = loops.at(a->columns);
          loops.forEach(0, loops.at(steps), [&](Place k) {
            // The row with the largest element of the column.
            auto row = loops.declare(k.get()), largest = loops.declare(abs(lu(k, k)).get());
            loops.forEach(k + 1, m, [&](Place i) {
              Real size = abs(lu(i, k));
              loops.ifThen(size > loops.getReal(largest), [&] {
                loops.set(row, i.get());
                loops.set(largest, size.get());
              });
            });
            Place p = loops.getPlace(row);
            loops.store(arith::IndexCastOp::create(loops, loops.getI32Type(), (p + 1).get()), 1, k);
            Truth isZero = loops.getReal(largest) == 0;
            loops.ifThen(isZero, [&] { noteFailure(loops, 2, k); });
            loops.ifThen(!isZero, [&] {
              loops.forEach(0, n, [&](Place j) { lu.swap({k, j}, {p, j}); });
              Real pivot = lu(k, k);
              loops.forEach(k + 1, m, [&](Place i) {
                Real factor = lu(i, k) / pivot;
                lu.set(i, k, factor);
                loops.forEach(k + 1, n, [&](Place j) { lu.set(i, j, lu(i, j) - factor * lu(k, j)); });
              });
            });
          });
        });
    return SmallVector<Value>{restoreBatch(b, results[0], a->batch, op.getResult0()),
                              restoreBatch(b, results[1], a->batch, op.getResult1()),
                              restoreBatch(b, results[2], a->batch, op.getResult2())};
  }
};

/// R, and below it the vectors v (v_k = 1) of the reflections H = I - tau v v^T whose product is Q.
struct LowerAtenGeqrf : LowerMultiResultOp<LowerAtenGeqrf, AtenGeqrfOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenGeqrfOp op, Lowering &b) const {
    FailureOr<Matrices> matrices = getMatrices(b, op.getSelf());
    if (failed(matrices))
      return failure();
    OpFoldResult steps = minSizes(b, matrices->rows, matrices->columns);
    Value scales = createEmpty(b, {matrices->count, steps}, b.getF64Type());
    SmallVector<Value> results =
        MatrixLoops::run(b, matrices->count, {matrices->tensor, scales}, [&](MatrixLoops &loops) {
          Matrix a(loops, 0);
          Vector tau(loops, 1);
          Place m = loops.at(matrices->rows), n = loops.at(matrices->columns);
          loops.forEach(0, loops.at(steps), [&](Place k) {
            Real alpha = a(k, k), below = loops.sum(k + 1, m, [&](Place i) { return a(i, k) * a(i, k); });
            tau.set(k, loops.real(0));
            loops.ifThen(!(below == 0), [&] {
              Real beta = -copySign(sqrt(alpha * alpha + below), alpha);
              Real scale = (beta - alpha) / beta, factor = 1.0 / (alpha - beta);
              tau.set(k, scale);
              a.set(k, k, beta);
              loops.forEach(k + 1, m, [&](Place i) { a.set(i, k, a(i, k) * factor); });
              loops.forEach(k + 1, n, [&](Place j) {
                Real w = scale * (a(k, j) + loops.sum(k + 1, m, [&](Place i) { return a(i, k) * a(i, j); }));
                a.set(k, j, a(k, j) - w);
                loops.forEach(k + 1, m, [&](Place i) { a.set(i, j, a(i, j) - w * a(i, k)); });
              });
            });
          });
        });
    return SmallVector<Value>{restoreBatch(b, results[0], matrices->batch, op.getResult0()),
                              restoreBatch(b, results[1], matrices->batch, op.getResult1())};
  }
};

/// The first columns of the product of reflections, from the last to the first.
struct LowerAtenLinalgHouseholderProduct : LowerOp<LowerAtenLinalgHouseholderProduct, AtenLinalgHouseholderProductOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenLinalgHouseholderProductOp op, Lowering &b) const {
    FailureOr<Matrices> matrices = getMatrices(b, op.getInput());
    if (failed(matrices))
      return failure();
    Value scales = b.get(op.getTau());
    SmallVector<OpFoldResult> sizes = getDims(b, scales);
    if (sizes.size() != matrices->batch.size() + 1)
      return b.refuse("tau is not of the batch of input");
    OpFoldResult count = sizes.back();
    Type dtype = Lowering::getDtype(op.getTau()), f64 = b.getF64Type();
    scales = reshape(b, convertTensor(b, scales, dtype, f64), {matrices->count, count});
    SmallVector<Value> results = MatrixLoops::run(b, matrices->count, matrices->tensor, [&](MatrixLoops &loops) {
      Matrix q(loops, 0);
      Place m = loops.at(matrices->rows), n = loops.at(matrices->columns), k = loops.at(count), zero = loops.at(0);
      // Columns without a vector start as those of I.
      loops.forEach(k, n, [&](Place j) {
        loops.forEach(0, m, [&](Place i) { q.set(i, j, select(i == j, loops.real(1), loops.real(0))); });
      });
      loops.forEach(0, k, [&](Place step) {
        Place i = k - 1 - step;
        Real tau(loops, loops.loadFrom(scales, i));
        loops.forEach(i + 1, n, [&](Place j) {
          Real w = tau * (q(i, j) + loops.sum(i + 1, m, [&](Place r) { return q(r, i) * q(r, j); }));
          q.set(i, j, q(i, j) - w);
          loops.forEach(i + 1, m, [&](Place r) { q.set(r, j, q(r, j) - w * q(r, i)); });
        });
        loops.forEach(i + 1, m, [&](Place r) { q.set(r, i, -(tau * q(r, i))); });
        q.set(i, i, 1.0 - tau);
        loops.forEach(zero, i, [&](Place r) { q.set(r, i, loops.real(0)); });
      });
    });
    return restoreBatch(b, results[0], matrices->batch, op.getResult());
  }
};

} // namespace

void torchc::populateLinearAlgebraFactorizationPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenLinalgCholeskyEx, LowerAtenLinalgLuFactorEx, LowerAtenGeqrf, LowerAtenLinalgHouseholderProduct>(
      patterns, context);
}
