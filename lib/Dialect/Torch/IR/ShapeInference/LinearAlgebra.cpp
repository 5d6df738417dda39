//===- LinearAlgebra.cpp - result types of factorizations and solvers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

static int64_t getMinimum(int64_t a, int64_t b) {
  if (a == 0 || b == 0)
    return 0;
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) ? kDynamic : std::min(a, b);
}

namespace {
/// [batch..., rows, columns]
struct MatrixShape {
  SmallVector<int64_t> batch;
  int64_t rows, columns;

  Types make(ArrayRef<int64_t> tail, Type dtype) const {
    SmallVector<int64_t> sizes(batch);
    sizes.append(tail.begin(), tail.end());
    return tensorOf(sizes, dtype);
  }
};
} // namespace

static std::optional<MatrixShape> getMatrixShape(Value tensor) {
  Shape shape = getShape(tensor);
  if (!shape || shape->size() < 2)
    return std::nullopt;
  int64_t columns = shape->pop_back_val(), rows = shape->pop_back_val();
  return MatrixShape{*shape, rows, columns};
}

static Type getStatusDtype(Value tensor) { return IntegerType::get(tensor.getContext(), 32, IntegerType::Signed); }

void torchc::torch::addLinearAlgebraInference(InferenceTable &table) {
  table.addAll<AtenLinalgHouseholderProductOp>(inferLikeFirst);
  table.addAll<AtenLinalgCholeskyExOp>([](ValueRange operands) -> Types {
    auto a = getMatrixShape(operands[0]);
    if (!a)
      return failure();
    return concat({inferLikeFirst(operands), a->make({}, getStatusDtype(operands[0]))});
  });
  table.addAll<AtenLinalgLuFactorExOp>([](ValueRange operands) -> Types {
    auto a = getMatrixShape(operands[0]);
    if (!a)
      return failure();
    Type status = getStatusDtype(operands[0]);
    return concat({inferLikeFirst(operands), a->make(getMinimum(a->rows, a->columns), status), a->make({}, status)});
  });
  table.addAll<AtenGeqrfOp>([](ValueRange operands) -> Types {
    auto a = getMatrixShape(operands[0]);
    if (!a)
      return failure();
    return concat({inferLikeFirst(operands), a->make(getMinimum(a->rows, a->columns), getDtype(operands[0]))});
  });
  table.add<AtenLinalgSolveTriangularOp>([](AtenLinalgSolveTriangularOp::Adaptor op) -> Types {
    Shape a = getShape(op.getSelf()), rhs = getShape(op.getB());
    if (!a || !rhs || a->size() < 2 || rhs->size() < 2)
      return failure();
    // Batches broadcast; the matrix is that of B.
    SmallVector<int64_t> sizes = *rhs;
    ArrayRef<int64_t> batch = ArrayRef<int64_t>(*a).drop_back(2);
    if (batch.size() + 2 > sizes.size())
      sizes.insert(sizes.begin(), batch.size() + 2 - sizes.size(), 1);
    size_t offset = sizes.size() - 2 - batch.size();
    for (auto [i, size] : llvm::enumerate(batch))
      if (sizes[offset + i] == 1 || (ShapedType::isDynamic(sizes[offset + i]) && size != 1))
        sizes[offset + i] = size;
    return tensorOf(sizes, getDtype(op.getB()));
  });
  table.add<AtenLuUnpackOp>([](AtenLuUnpackOp::Adaptor op) -> Types {
    auto lu = getMatrixShape(op.getLUData());
    auto data = getConstantBool(op.getUnpackData()), pivots = getConstantBool(op.getUnpackPivots());
    Type dtype = getDtype(op.getLUData());
    if (!lu || !data || !pivots)
      return failure();
    int64_t inner = getMinimum(lu->rows, lu->columns);
    Types absent = tensorOf(SmallVector<int64_t>{0}, dtype);
    return concat({*pivots ? lu->make({lu->rows, lu->rows}, dtype) : absent,
                   *data ? lu->make({lu->rows, inner}, dtype) : absent,
                   *data ? lu->make({inner, lu->columns}, dtype) : absent});
  });
  table.add<Aten_LinalgEighOp>([](Aten_LinalgEighOp::Adaptor op) -> Types {
    auto a = getMatrixShape(op.getA());
    auto vectors = getConstantBool(op.getComputeV());
    Type dtype = getDtype(op.getA());
    if (!a || !vectors)
      return failure();
    return concat(
        {a->make(a->rows, dtype), *vectors ? inferLikeFirst(op.getA()) : tensorOf(SmallVector<int64_t>{0}, dtype)});
  });
  table.add<Aten_LinalgSvdOp>([](Aten_LinalgSvdOp::Adaptor op) -> Types {
    auto a = getMatrixShape(op.getA());
    auto full = getConstantBool(op.getFullMatrices()), vectors = getConstantBool(op.getComputeUv());
    Type dtype = getDtype(op.getA());
    if (!a || !full || !vectors)
      return failure();
    int64_t inner = getMinimum(a->rows, a->columns);
    Types values = a->make(inner, dtype), absent = tensorOf(SmallVector<int64_t>{0}, dtype);
    if (!*vectors)
      return concat({absent, values, absent});
    return concat({a->make({a->rows, *full ? a->rows : inner}, dtype), values,
                   a->make({*full ? a->columns : inner, a->columns}, dtype)});
  });
}
