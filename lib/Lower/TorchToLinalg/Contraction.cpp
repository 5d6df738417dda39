//===- Contraction.cpp - matrix products ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// The product of two tensors whose dims are named by letters, as in einsum:
/// "mk", "nk" and "mn" is lhs rhs^T. The result has the compute dtype.
static Value contract(Lowering &b, Value lhs, StringRef lhsDims, Value rhs, StringRef rhsDims, StringRef resultDims,
                      Type dtype) {
  std::string loops = resultDims.str();
  for (char letter : (lhsDims + rhsDims).str())
    if (loops.find(letter) == std::string::npos)
      loops += letter;
  SmallVector<OpFoldResult> sizes(loops.size());
  auto read = [&](Value tensor, StringRef letters) {
    SmallVector<AffineExpr> dims;
    for (auto [i, letter] : llvm::enumerate(letters)) {
      size_t loop = loops.find(letter);
      OpFoldResult size = getDim(b, tensor, i);
      if (sizes[loop])
        assertEqualSizes(b, sizes[loop], size, "sizes of the factors of a matrix product do not match");
      else
        sizes[loop] = size;
      dims.push_back(b.getAffineDimExpr(loop));
    }
    return MappedOperand{tensor, AffineMap::get(loops.size(), 0, dims, b.getContext())};
  };
  MappedOperand left = read(lhs, lhsDims), right = read(rhs, rhsDims);
  SmallVector<int64_t> reduced =
      llvm::to_vector(llvm::seq<int64_t>(resultDims.size(), static_cast<int64_t>(loops.size())));
  Type compute = getComputeDtype(dtype);
  return createReduction(b, {left, right}, sizes, reduced, getNumber(b, compute, 0),
                         [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
                           Value x = convertElement(body, elements[0], dtype, compute);
                           Value y = convertElement(body, elements[1], dtype, compute);
                           if (isFloat(compute))
                             return createContractingAdd(body, elements[2], createContractingMul(body, x, y));
                           return arith::AddIOp::create(body, elements[2], arith::MulIOp::create(body, x, y));
                         });
}

/// PyTorch multiplies matrices of one dtype only, and not of bool.
static LogicalResult checkFactors(Lowering &b, Value lhs, Value rhs) {
  Type dtype = Lowering::getDtype(lhs);
  if (dtype != Lowering::getDtype(rhs))
    return b.refuse("factors of different dtypes");
  if (isa<ComplexType>(dtype) || isBool(dtype))
    return b.refuse("matrix product of complex numbers or bool");
  return success();
}

/// Flattens all dims but the last.
static Value flattenRows(Lowering &b, Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return rank == 1 ? insertUnitDims(b, tensor, 0) : flatten(b, tensor, 0, rank - 2);
}

namespace {

/// x w^T + bias, with all leading dims of x as rows of one matrix.
struct LowerAtenLinear : LowerOp<LowerAtenLinear, AtenLinearOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenLinearOp op, Lowering &b) const {
    if (failed(checkFactors(b, op.getInput(), op.getWeight())))
      return failure();
    Value input = b.get(op.getInput()), weight = b.get(op.getWeight());
    if (cast<RankedTensorType>(weight.getType()).getRank() != 2)
      return b.refuse("weight is not a matrix");
    Type dtype = Lowering::getDtype(op.getInput()), compute = getComputeDtype(dtype);
    SmallVector<OpFoldResult> sizes = getDims(b, input);
    sizes.back() = getDim(b, weight, 0);
    Value product = contract(b, flattenRows(b, input), "mk", weight, "nk", "mn", dtype);
    if (!isNone(op.getBias())) {
      Type biasDtype = Lowering::getDtype(op.getBias());
      product = createElementwise(b, {product, b.get(op.getBias())}, getDims(b, product), getValueType(dtype),
                                  [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                    Value bias = convertElement(body, elements[1], biasDtype, compute);
                                    Value sum = isFloat(compute)
                                                    ? arith::AddFOp::create(body, elements[0], bias).getResult()
                                                    : arith::AddIOp::create(body, elements[0], bias).getResult();
                                    return convertElement(body, sum, compute, dtype);
                                  });
    } else {
      product = convertTensor(b, product, compute, dtype);
    }
    return reshape(b, product, sizes);
  }
};

struct LowerAtenMm : LowerOp<LowerAtenMm, AtenMmOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenMmOp op, Lowering &b) const {
    if (failed(checkFactors(b, op.getSelf(), op.getMat2())))
      return failure();
    Type dtype = Lowering::getDtype(op.getSelf());
    Value product = contract(b, b.get(op.getSelf()), "mk", b.get(op.getMat2()), "kn", "mn", dtype);
    return convertTensor(b, product, getComputeDtype(dtype), dtype);
  }
};

struct LowerAtenBmm : LowerOp<LowerAtenBmm, AtenBmmOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenBmmOp op, Lowering &b) const {
    if (failed(checkFactors(b, op.getSelf(), op.getMat2())))
      return failure();
    Type dtype = Lowering::getDtype(op.getSelf());
    Value product = contract(b, b.get(op.getSelf()), "bmk", b.get(op.getMat2()), "bkn", "bmn", dtype);
    return convertTensor(b, product, getComputeDtype(dtype), dtype);
  }
};

} // namespace

/// beta self + alpha product, self broadcast. With beta = 0, self is not read,
/// so that its NaNs do not count.
template <typename OpT>
static FailureOr<Value> addProduct(OpT op, Lowering &b, Value lhs, StringRef lhsDims, Value rhs, StringRef rhsDims,
                                   StringRef resultDims) {
  if (failed(checkFactors(b, lhs, rhs)))
    return failure();
  Type alphaDtype = Lowering::getDtype(op.getAlpha()), betaDtype = Lowering::getDtype(op.getBeta());
  if (!alphaDtype || !betaDtype)
    return b.refuse("alpha or beta is neither int nor float");
  Type dtype = Lowering::getDtype(lhs), compute = getComputeDtype(dtype), selfDtype = Lowering::getDtype(op.getSelf());
  Value product = contract(b, b.get(lhs), lhsDims, b.get(rhs), rhsDims, resultDims, dtype);
  bool readsSelf = getConstantNumber(op.getBeta()) != 0;
  auto multiply = [&](ImplicitLocOpBuilder &body, Value torchFactor, Type factorDtype, Value value) {
    Value factor = convertElement(body, b.get(torchFactor), factorDtype, compute);
    return isFloat(compute) ? body.createOrFold<arith::MulFOp>(value, factor)
                            : body.createOrFold<arith::MulIOp>(value, factor);
  };
  SmallVector<Value> operands = {product};
  if (readsSelf)
    operands.push_back(b.get(op.getSelf()));
  return createElementwise(b, operands, getDims(b, product), getValueType(dtype),
                           [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                             Value sum = multiply(body, op.getAlpha(), alphaDtype, elements[0]);
                             if (readsSelf) {
                               Value self = convertElement(body, elements[1], selfDtype, compute);
                               self = multiply(body, op.getBeta(), betaDtype, self);
                               sum = isFloat(compute) ? arith::AddFOp::create(body, sum, self).getResult()
                                                      : arith::AddIOp::create(body, sum, self).getResult();
                             }
                             return convertElement(body, sum, compute, dtype);
                           });
}

namespace {

struct LowerAtenAddmm : LowerOp<LowerAtenAddmm, AtenAddmmOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenAddmmOp op, Lowering &b) const {
    return addProduct(op, b, op.getMat1(), "mk", op.getMat2(), "kn", "mn");
  }
};

struct LowerAtenBaddbmm : LowerOp<LowerAtenBaddbmm, AtenBaddbmmOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenBaddbmmOp op, Lowering &b) const {
    return addProduct(op, b, op.getBatch1(), "bmk", op.getBatch2(), "bkn", "bmn");
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

/// Names the batch dims of one factor by the result's letters; dims of size 1
/// that are repeated are dropped instead.
static std::string nameBatchDims(Lowering &b, Value &tensor, int64_t numMatrixDims, ArrayRef<int64_t> batchShape) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t numBatchDims = type.getRank() - numMatrixDims, offset = batchShape.size() - numBatchDims;
  std::string letters;
  SmallVector<int64_t> repeated;
  for (int64_t i = 0; i < numBatchDims; ++i) {
    if (type.getDimSize(i) == 1 && batchShape[offset + i] != 1)
      repeated.push_back(i);
    else
      letters += static_cast<char>('A' + offset + i);
  }
  if (!repeated.empty())
    tensor = dropUnitDims(b, tensor, repeated);
  return letters;
}

namespace {

/// Products of vectors, matrices and batches of them. Rows of several dims
/// against one matrix become one matrix; equal batch dims become one.
struct LowerAtenMatmul : LowerOp<LowerAtenMatmul, AtenMatmulOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenMatmulOp op, Lowering &b) const {
    if (failed(checkFactors(b, op.getSelf(), op.getOther())))
      return failure();
    Type dtype = Lowering::getDtype(op.getSelf());
    Value lhs = b.get(op.getSelf()), rhs = b.get(op.getOther());
    int64_t lhsRank = cast<RankedTensorType>(lhs.getType()).getRank();
    int64_t rhsRank = cast<RankedTensorType>(rhs.getType()).getRank();
    std::string lhsMatrix = lhsRank == 1 ? "k" : "mk", rhsMatrix = rhsRank == 1 ? "k" : "kn";
    std::string resultMatrix = std::string(lhsRank == 1 ? "" : "m") + (rhsRank == 1 ? "" : "n");

    Value product;
    if (rhsRank <= 2) {
      SmallVector<OpFoldResult> sizes = getDims(b, lhs);
      sizes.pop_back();
      if (rhsRank == 2)
        sizes.push_back(getDim(b, rhs, 1));
      if (lhsRank > 2)
        lhs = flattenRows(b, lhs);
      product = reshape(b, contract(b, lhs, lhsMatrix, rhs, rhsMatrix, resultMatrix, dtype), sizes);
    } else {
      product = multiplyBatches(b, lhs, lhsMatrix, rhs, rhsMatrix, resultMatrix,
                                b.getTensorType(op.getResult()).getShape(), dtype);
    }
    return convertTensor(b, product, getComputeDtype(dtype), dtype);
  }

  static Value multiplyBatches(Lowering &b, Value lhs, const std::string &lhsMatrix, Value rhs,
                               const std::string &rhsMatrix, const std::string &resultMatrix,
                               ArrayRef<int64_t> resultShape, Type dtype) {
    ArrayRef<int64_t> batchShape = resultShape.drop_back(resultMatrix.size());
    std::string lhsBatch = nameBatchDims(b, lhs, lhsMatrix.size(), batchShape);
    std::string rhsBatch = nameBatchDims(b, rhs, rhsMatrix.size(), batchShape);
    std::string resultBatch;
    for (size_t i = 0; i < batchShape.size(); ++i)
      resultBatch += static_cast<char>('A' + i);
    if (lhsBatch != rhsBatch || lhsBatch.size() < 2)
      return contract(b, lhs, lhsBatch + lhsMatrix, rhs, rhsBatch + rhsMatrix, resultBatch + resultMatrix, dtype);

    SmallVector<OpFoldResult> sizes = getDims(b, lhs);
    for (size_t i = 0; i < lhsBatch.size(); ++i)
      assertEqualSizes(b, sizes[i], getDim(b, rhs, i), "batch sizes of a matrix product do not match");
    sizes.resize(lhsBatch.size());
    if (lhsMatrix.size() == 2)
      sizes.push_back(getDim(b, lhs, lhsBatch.size()));
    if (rhsMatrix.size() == 2)
      sizes.push_back(getDim(b, rhs, rhsBatch.size() + 1));
    lhs = flatten(b, lhs, 0, lhsBatch.size() - 1);
    rhs = flatten(b, rhs, 0, rhsBatch.size() - 1);
    return reshape(b, contract(b, lhs, "b" + lhsMatrix, rhs, "b" + rhsMatrix, "b" + resultMatrix, dtype), sizes);
  }
};

} // namespace

void torchc::populateContractionPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenLinear, LowerAtenMm, LowerAtenBmm, LowerAtenAddmm, LowerAtenBaddbmm, LowerAtenMatmul>(patterns,
                                                                                                             context);
}
