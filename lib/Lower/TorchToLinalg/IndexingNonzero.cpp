//===- IndexingNonzero.cpp - the places of what is not 0 ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The result has as many rows as there are elements that are not 0, which the host reads
// from a sum. Row k is found by a binary search for k + 1 in the running count.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

static Value constantIndex(ImplicitLocOpBuilder &b, int64_t value) { return arith::ConstantIndexOp::create(b, value); }

Value torchc::countBits(ImplicitLocOpBuilder &b, Value number) {
  Type i64 = b.getI64Type();
  Value zeros = math::CountLeadingZerosOp::create(b, arith::IndexCastOp::create(b, i64, number));
  Value bits = arith::SubIOp::create(b, arith::ConstantIntOp::create(b, i64, 64), zeros);
  return arith::IndexCastOp::create(b, b.getIndexType(), bits);
}

Value torchc::searchFirst(ImplicitLocOpBuilder &body, Value extent,
                          function_ref<Value(ImplicitLocOpBuilder &, Value place)> isReached) {
  Value zero = constantIndex(body, 0), one = constantIndex(body, 1), last = arith::SubIOp::create(body, extent, one);
  // As many steps as the extent has bits: a kernel has no loops that end early.
  auto loop = scf::ForOp::create(
      body, zero, countBits(body, extent), one, ValueRange{zero, extent},
      [&](OpBuilder &nested, Location loc, Value, ValueRange carried) {
        ImplicitLocOpBuilder inner(loc, nested);
        Value low = carried[0], high = carried[1];
        Value isOpen = arith::CmpIOp::create(inner, CmpIPredicate::slt, low, high);
        Value middle = arith::DivUIOp::create(inner, arith::AddIOp::create(inner, low, high), constantIndex(inner, 2));
        Value reached = isReached(inner, arith::MinSIOp::create(inner, middle, last));
        Value next = arith::SelectOp::create(inner, isOpen, arith::AddIOp::create(inner, middle, one), low);
        Value newLow = arith::SelectOp::create(inner, reached, low, next);
        Value newHigh = arith::SelectOp::create(inner, reached, middle, high);
        scf::YieldOp::create(inner, ValueRange{newLow, newHigh});
      });
  return loop.getResult(0);
}

/// The places of what is not 0 in a tensor of `dtype`: [count, rank], as i64.
static Value findNonzero(Lowering &b, Value tensor, Type dtype) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  int64_t rank = sizes.size();
  OpFoldResult total = multiplySizes(b, sizes);
  if (getConstantIntValue(total) == 0)
    return createFilled(b, {b.getIndexAttr(0), b.getIndexAttr(rank)}, b.getI64IntegerAttr(0));
  Value vector = reshape(b, tensor, total);
  Value marks =
      createElementwise(b, vector, total, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange element) {
        Value isTrue = convertElement(body, element[0], dtype, body.getI1Type());
        return arith::ExtUIOp::create(body, body.getI64Type(), isTrue).getResult();
      });
  Value sum = createReduction(b, MappedOperand{marks, b.getMultiDimIdentityMap(1)}, total, {0}, b.getI64IntegerAttr(0),
                              [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                return arith::AddIOp::create(body, elements[1], elements[0]).getResult();
                              });
  Value rows = toIndex(b, OpFoldResult(tensor::ExtractOp::create(b, sum, ValueRange()).getResult()));
  Joining joining{{b.getI64IntegerAttr(0)},
                  [](ImplicitLocOpBuilder &body, ValueRange earlier, ValueRange later) -> SmallVector<Value> {
                    return {arith::AddIOp::create(body, earlier[0], later[0])};
                  }};
  Value counts = createRunning(b, marks, 0, joining).front(), extent = toIndex(b, total);
  SmallVector<Value> extents = llvm::map_to_vector(sizes, [&](OpFoldResult size) { return toIndex(b, size); });
  return createFromIndices(
      b, {OpFoldResult(rows), b.getIndexAttr(rank)}, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange at) {
        Value wanted = arith::IndexCastOp::create(body, body.getI64Type(), at[0]);
        Value rest = searchFirst(body, extent, [&](ImplicitLocOpBuilder &inner, Value place) -> Value {
          Value count = tensor::ExtractOp::create(inner, counts, place);
          return arith::CmpIOp::create(inner, CmpIPredicate::sgt, count, wanted);
        });
        Value coordinate = constantIndex(body, 0);
        for (int64_t dim = rank - 1; dim >= 0; --dim) {
          Value own = dim == 0 ? rest : arith::RemUIOp::create(body, rest, extents[dim]).getResult();
          Value isDim = arith::CmpIOp::create(body, CmpIPredicate::eq, at[1], constantIndex(body, dim));
          coordinate = arith::SelectOp::create(body, isDim, own, coordinate);
          if (dim > 0)
            rest = arith::DivUIOp::create(body, rest, extents[dim]);
        }
        return arith::IndexCastOp::create(body, body.getI64Type(), coordinate).getResult();
      });
}

namespace {

struct LowerAtenNonzero : LowerOp<LowerAtenNonzero, AtenNonzeroOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenNonzeroOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (isa<ComplexType>(dtype))
      return b.refuse("complex numbers");
    return findNonzero(b, b.get(op.getSelf()), dtype);
  }
};

} // namespace

void torchc::populateIndexingNonzeroPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenNonzero>(patterns, context);
}
