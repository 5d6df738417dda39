//===- Contraction.cpp - decompositions of contractions ---===//
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

/// mv(A, x) = squeeze(A x [k, 1])
static FailureOr<Value> DecomposeAtenMv(AtenMvOp op, Decomposer &b) {
  return b.squeeze(b.create<AtenMmOp>(op.getSelf(), b.unsqueeze(op.getVec(), 1)), 1);
}

/// dot(x, y) = squeeze([1, k] x [k, 1])
static FailureOr<Value> DecomposeAtenDot(AtenDotOp op, Decomposer &b) {
  Value product = b.create<AtenMmOp>(b.unsqueeze(op.getSelf(), 0), b.unsqueeze(op.getTensor(), 1));
  return b.squeeze(b.squeeze(product, 1), 0);
}

/// outer(x, y) = x [m, 1] * y [n]
static FailureOr<Value> DecomposeAtenOuter(AtenOuterOp op, Decomposer &b) {
  return b.createAs<AtenMulTensorOp>(op.getType(), b.unsqueeze(op.getSelf(), 1), op.getVec2());
}

/// addbmm(x, A, B) = beta x + alpha sum_i A_i B_i, as one product over (i, k)
static FailureOr<Value> DecomposeAtenAddbmm(AtenAddbmmOp op, Decomposer &b) {
  Value lhs = op.getBatch1(), rhs = op.getBatch2();
  Value depth = b.mul(b.size(lhs, 0), b.size(lhs, 2));
  lhs = b.create<AtenReshapeOp>(b.permute(lhs, {1, 0, 2}), b.list({b.size(lhs, 1), depth}));
  rhs = b.create<AtenReshapeOp>(rhs, b.list({depth, b.size(rhs, 2)}));
  return b.createAs<AtenAddmmOp>(op.getType(), op.getSelf(), lhs, rhs, op.getBeta(), op.getAlpha());
}

/// beta x + alpha product, in the dtype of x; of bools, "or" is their sum and "and" their product.
static Value addScaled(Value x, Value product, Value beta, Value alpha, Decomposer &b) {
  if (Type dtype = getDtype(x); isBoolDtype(dtype) && isBoolDtype(getDtype(product))) {
    auto scale = [&](Value term, Value factor) {
      return b.create<AtenLogicalAndOp>(term, b.scalarTensor(factor, dtype));
    };
    return b.create<AtenLogicalOrOp>(scale(x, beta), scale(product, alpha));
  }
  // A beta of 0 leaves out even what is not finite.
  if (getConstantNumber(beta) == 0.0)
    return b.create<AtenMulScalarOp>(product, alpha);
  return b.create<AtenAddTensorOp>(b.create<AtenMulScalarOp>(x, beta), product, alpha);
}
static FailureOr<Value> DecomposeAtenAddmv(AtenAddmvOp op, Decomposer &b) {
  Value product = b.create<AtenMvOp>(op.getMat(), op.getVec());
  return addScaled(op.getSelf(), product, op.getBeta(), op.getAlpha(), b);
}
static FailureOr<Value> DecomposeAtenAddr(AtenAddrOp op, Decomposer &b) {
  Value product = b.mulTensors(b.unsqueeze(op.getVec1(), 1), op.getVec2());
  return addScaled(op.getSelf(), product, op.getBeta(), op.getAlpha(), b);
}

/// vdot(x, y) = dot(conj(x), y)
static FailureOr<Value> DecomposeAtenVdot(AtenVdotOp op, Decomposer &b) {
  return b.createAs<AtenDotOp>(op.getType(), buildConjugate(op.getSelf(), b), op.getOther());
}
/// sum(conj(x) y) along a dim
static FailureOr<Value> DecomposeAtenLinalgVecdot(AtenLinalgVecdotOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  Type dtype = getTensorType(op.getResult()).getDtype();
  if (!dim)
    return b.unsupported("a dim that is not constant");
  return b.convert(b.sum(b.mulTensors(buildConjugate(op.getX(), b), op.getY()), {*dim}, false), dtype);
}

/// (a x b)[i] = a[i + 1] b[i + 2] - a[i + 2] b[i + 1], indices modulo 3
static Value buildCross(Value lhs, Value rhs, int64_t dim, Decomposer &b) {
  auto roll = [&](Value x, int64_t shift) {
    return b.create<AtenRollOp>(x, b.list(ArrayRef<int64_t>{shift}), b.list(ArrayRef<int64_t>{dim}));
  };
  return b.subTensors(b.mulTensors(roll(lhs, -1), roll(rhs, -2)), b.mulTensors(roll(lhs, -2), roll(rhs, -1)));
}
static FailureOr<Value> DecomposeAtenLinalgCross(AtenLinalgCrossOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  auto axis = wrapDim(*dim, getTensorType(op.getSelf()).getRank());
  if (!axis)
    return b.unsupported("a dim out of range");
  return buildCross(op.getSelf(), op.getOther(), *axis - getTensorType(op.getSelf()).getRank(), b);
}
/// Without a dim, the first one of size 3.
static FailureOr<Value> DecomposeAtenCross(AtenCrossOp op, Decomposer &b) {
  BaseTensorType type = getTensorType(op.getSelf());
  auto dim = getConstantInt(op.getDim());
  if (isNone(op.getDim())) {
    auto first = llvm::find(type.getSizes(), 3);
    dim = first == type.getSizes().end() ? std::nullopt : std::optional<int64_t>(first - type.getSizes().begin());
  }
  auto axis = dim ? wrapDim(*dim, type.getRank()) : std::nullopt;
  if (!axis)
    return b.unsupported("no dim of size 3");
  return buildCross(op.getSelf(), op.getOther(), *axis - type.getRank(), b);
}

/// x^0, x^1, ... in a new last dim
static FailureOr<Value> DecomposeAtenLinalgVander(AtenLinalgVanderOp op, Decomposer &b) {
  Value x = getTensorType(op.getX()).getRank() == 0 ? b.unsqueeze(op.getX(), 0) : op.getX();
  Value count = isNone(op.getN()) ? b.size(x, -1) : op.getN();
  Type dtype = getTensorType(op.getResult()).getDtype();
  return b.create<AtenPowTensorTensorOp>(b.unsqueeze(b.convert(x, dtype), -1), b.convert(b.range(count), dtype));
}

/// ..., x^1, x^0: powers in descending order unless told otherwise
static FailureOr<Value> DecomposeAtenVander(AtenVanderOp op, Decomposer &b) {
  auto increasing = getConstantBool(op.getIncreasing());
  if (!increasing)
    return b.unsupported("an option that is not constant");
  Value powers = b.createAs<AtenLinalgVanderOp>(op.getType(), op.getX(), op.getN());
  return *increasing ? powers : b.create<AtenFlipOp>(powers, b.list(ArrayRef<int64_t>{1}));
}

//===----------------------------------------------------------------------===//
// Products in a wider dtype than their operands'
//===----------------------------------------------------------------------===//

template <typename Product, typename Op> static FailureOr<Value> decomposeWidened(Op op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  return b.createAs<Product>(op.getType(), b.convert(op.getSelf(), dtype), b.convert(op.getMat2(), dtype));
}
template <typename Sum, typename Op>
static FailureOr<Value> decomposeWidenedSum(Op op, Value lhs, Value rhs, Decomposer &b) {
  Type dtype = getResultDtype(op);
  return b.createAs<Sum>(op.getType(), b.convert(op.getSelf(), dtype), b.convert(lhs, dtype), b.convert(rhs, dtype),
                         op.getBeta(), op.getAlpha());
}
static FailureOr<Value> DecomposeAtenAddmmDtype(AtenAddmmDtypeOp op, Decomposer &b) {
  return decomposeWidenedSum<AtenAddmmOp>(op, op.getMat1(), op.getMat2(), b);
}
static FailureOr<Value> DecomposeAtenBaddbmmDtype(AtenBaddbmmDtypeOp op, Decomposer &b) {
  return decomposeWidenedSum<AtenBaddbmmOp>(op, op.getBatch1(), op.getBatch2(), b);
}

/// The product of matrices of eight bits, in 32
static FailureOr<Value> DecomposeAten_IntMm(Aten_IntMmOp op, Decomposer &b) {
  Type dtype = getResultDtype(op);
  return b.create<AtenMmOp>(b.convert(op.getSelf(), dtype), b.convert(op.getMat2(), dtype));
}

void torchc::populateContractionPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenMv, DecomposeAtenDot, DecomposeAtenOuter, DecomposeAtenAddbmm);
  addDecompositions(patterns, DecomposeAtenAddmv, DecomposeAtenAddr, DecomposeAtenVdot, DecomposeAtenLinalgVecdot,
                    DecomposeAtenLinalgCross, DecomposeAtenCross, DecomposeAtenLinalgVander, DecomposeAtenVander,
                    decomposeAs<AtenOuterOp, AtenGerOp>, decomposeAs<AtenMatmulOp, AtenLinalgMatmulOp>);
  addDecompositions(patterns, DecomposeAten_IntMm, decomposeWidened<AtenMmOp, AtenMmDtypeOp>,
                    decomposeWidened<AtenBmmOp, AtenBmmDtypeOp>, DecomposeAtenAddmmDtype, DecomposeAtenBaddbmmDtype);
}
