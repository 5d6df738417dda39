//===- LinearAlgebraSolve.cpp - triangular systems, permutations and status numbers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixLoops.h"
#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

/// The sizes that two batches broadcast to.
static SmallVector<OpFoldResult> broadcastBatches(Lowering &b, Value x, Value y, ArrayRef<int64_t> resultShape) {
  auto dropMatrix = [&](Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    // Only its shape is looked at.
    SmallVector<OpFoldResult> sizes = getDims(b, tensor);
    return createEmpty(b, ArrayRef(sizes).drop_back(2), type.getElementType());
  };
  return broadcastSizes(b, {dropMatrix(x), dropMatrix(y)}, resultShape.drop_back(2));
}

namespace {

/// X with A X = B, or X A = B, by substitution.
struct LowerAtenLinalgSolveTriangular : LowerOp<LowerAtenLinalgSolveTriangular, AtenLinalgSolveTriangularOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenLinalgSolveTriangularOp op, Lowering &b) const {
    std::optional<bool> upper = getConstantBool(op.getUpper()), left = getConstantBool(op.getLeft()),
                        unit = getConstantBool(op.getUnitriangular());
    if (!upper || !left || !unit)
      return b.refuse("an option that is not constant");
    if (!isFloat(Lowering::getDtype(op.getB())))
      return b.refuse("matrices of complex numbers or integers");
    SmallVector<OpFoldResult> batch =
        broadcastBatches(b, b.get(op.getSelf()), b.get(op.getB()), b.getTensorType(op.getResult()).getShape());
    // X A = B is A^T X^T = B^T.
    FailureOr<Matrices> a = getMatrices(b, op.getSelf(), batch, /*transposed=*/!*left);
    FailureOr<Matrices> rhs = getMatrices(b, op.getB(), batch, /*transposed=*/!*left);
    if (failed(a) || failed(rhs))
      return failure();
    bool isUpper = *upper == *left;
    Value result = MatrixLoops::run(b, rhs->count, rhs->tensor, [&](MatrixLoops &loops) {
      Matrix x(loops, 0);
      Place n = loops.at(rhs->rows), columns = loops.at(rhs->columns), zero = loops.at(0);
      auto readA = [&](Place i, Place j) { return Real(loops, loops.loadFrom(a->tensor, {i, j})); };
      loops.forEach(0, n, [&](Place step) {
        Place i = isUpper ? n - 1 - step : step;
        Place first = isUpper ? i + 1 : zero, end = isUpper ? n : i;
        loops.forEach(0, columns, [&](Place j) {
          Real rest = x(i, j) - loops.sum(first, end, [&](Place k) { return readA(i, k) * x(k, j); });
          x.set(i, j, *unit ? rest : rest / readA(i, i));
        });
      });
    })[0];
    if (!*left)
      result = createMatrices(b, rhs->count, rhs->columns, rhs->rows,
                              [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
                                return tensor::ExtractOp::create(body, result, ValueRange{at[0], at[2], at[1]});
                              });
    return restoreBatch(b, result, batch, op.getResult());
  }
};

/// P, and L and U apart. P has the swaps of the steps, the last one first.
struct LowerAtenLuUnpack : LowerMultiResultOp<LowerAtenLuUnpack, AtenLuUnpackOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenLuUnpackOp op, Lowering &b) const {
    std::optional<bool> data = getConstantBool(op.getUnpackData()), pivots = getConstantBool(op.getUnpackPivots());
    FailureOr<Matrices> lu = getMatrices(b, op.getLUData());
    if (failed(lu) || !data || !pivots)
      return b.refuse("an option that is not constant, or matrices of complex numbers");
    auto createAbsent = [&](Value result) {
      RankedTensorType type = b.getTensorType(result);
      return createEmpty(b, {b.getIndexAttr(0)}, type.getElementType());
    };
    SmallVector<Value> results;
    results.push_back(*pivots ? createPermutation(op, *lu, b) : createAbsent(op.getResult0()));
    OpFoldResult inner = minSizes(b, lu->rows, lu->columns);
    auto createTriangle = [&](bool isLower, Value result) {
      if (!*data)
        return createAbsent(result);
      Value triangle = createMatrices(b, lu->count, isLower ? lu->rows : inner, isLower ? inner : lu->columns,
                                      [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
                                        CmpIPredicate inside = isLower ? CmpIPredicate::sgt : CmpIPredicate::sle;
                                        Value element = tensor::ExtractOp::create(body, lu->tensor, at);
                                        Value zero = arith::ConstantOp::create(body, body.getF64FloatAttr(0));
                                        Value isInside = arith::CmpIOp::create(body, inside, at[1], at[2]);
                                        element = arith::SelectOp::create(body, isInside, element, zero);
                                        if (!isLower)
                                          return element;
                                        Value isDiagonal = arith::CmpIOp::create(body, CmpIPredicate::eq, at[1], at[2]);
                                        Value one = arith::ConstantOp::create(body, body.getF64FloatAttr(1));
                                        return arith::SelectOp::create(body, isDiagonal, one, element);
                                      });
      return restoreBatch(b, triangle, lu->batch, result);
    };
    results.push_back(createTriangle(/*isLower=*/true, op.getResult1()));
    results.push_back(createTriangle(/*isLower=*/false, op.getResult2()));
    return results;
  }

  static Value createPermutation(AtenLuUnpackOp op, const Matrices &lu, Lowering &b) {
    OpFoldResult steps = minSizes(b, lu.rows, lu.columns);
    Value pivots = reshape(b, b.get(op.getLUPivots()), {lu.count, steps});
    Value start =
        createMatrices(b, lu.count, lu.rows, lu.rows, [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
          Value isDiagonal = arith::CmpIOp::create(body, CmpIPredicate::eq, at[1], at[2]);
          return arith::UIToFPOp::create(body, body.getF64Type(), isDiagonal);
        });
    Value permutation = MatrixLoops::run(b, lu.count, start, [&](MatrixLoops &loops) {
      Matrix p(loops, 0);
      Place rows = loops.at(lu.rows), count = loops.at(steps);
      loops.forEach(0, count, [&](Place step) {
        Place k = count - 1 - step;
        Value pivot = arith::IndexCastOp::create(loops, loops.getIndexType(), loops.loadFrom(pivots, k));
        // A row outside of the matrix swaps nothing: nothing outside is written.
        Place row = Place(loops, pivot) - 1;
        Truth isInside = row >= loops.at(0) && row < rows;
        loops.ifThen(isInside, [&] { loops.forEach(0, rows, [&](Place j) { p.swap({k, j}, {row, j}); }); });
      });
    })[0];
    return restoreBatch(b, permutation, lu.batch, op.getResult0());
  }
};

/// Fails where a status is not 0.
struct LowerAten_LinalgCheckErrors : LowerMultiResultOp<LowerAten_LinalgCheckErrors, Aten_LinalgCheckErrorsOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(Aten_LinalgCheckErrorsOp op, Lowering &b) const {
    Value status = b.get(op.getInfo());
    auto type = cast<RankedTensorType>(status.getType());
    std::optional<StringRef> name = getConstantString(op.getApiName());
    if (!name || !type.getElementType().isInteger(32))
      return b.refuse("a name that is not constant, or a status that is not si32");
    SmallVector<OpFoldResult> sizes = getDims(b, status);
    Value failures = createReduction(b, MappedOperand{status, b.getMultiDimIdentityMap(type.getRank())}, sizes,
                                     llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())), b.getI64IntegerAttr(0),
                                     [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                       Value zero = arith::ConstantIntOp::create(body, 0, 32);
                                       Value isFailure =
                                           arith::CmpIOp::create(body, CmpIPredicate::ne, elements[0], zero);
                                       Value count = arith::ExtUIOp::create(body, body.getI64Type(), isFailure);
                                       return arith::AddIOp::create(body, elements[1], count).getResult();
                                     });
    Value count = tensor::ExtractOp::create(b, failures, ValueRange());
    Value isNone = arith::CmpIOp::create(b, CmpIPredicate::eq, count, arith::ConstantIntOp::create(b, 0, 64));
    // As PyTorch says it.
    StringRef why = name->contains("cholesky") ? "the input is not positive-definite"
                    : name->contains("eig")    ? "the algorithm failed to converge"
                                               : "the input matrix is singular";
    cf::AssertOp::create(b, isNone, b.getStringAttr(*name + ": " + why));
    return SmallVector<Value>();
  }
};

} // namespace

void torchc::populateLinearAlgebraSolvePatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenLinalgSolveTriangular, LowerAtenLuUnpack, LowerAten_LinalgCheckErrors>(patterns, context);
}
