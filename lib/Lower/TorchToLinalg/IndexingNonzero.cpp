//===- IndexingNonzero.cpp - the places of what is not 0 ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The result has as many rows as there are elements that are not 0, which the host reads
// from a sum. Row k is found by a binary search for k + 1 in the running count. That count is
// made in blocks: within a block each element is a sum of its own, then the blocks' totals are
// counted in the same way.
//
//===----------------------------------------------------------------------===//

#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

static constexpr int64_t kBlock = 64;
/// Blocks of blocks of blocks; what is left is counted as one block.
static constexpr int kDepth = 3;

static Value constantIndex(ImplicitLocOpBuilder &b, int64_t value) { return arith::ConstantIndexOp::create(b, value); }

/// out[i] = x[0] + ... + x[i] of a vector of i64.
static Value countRunning(Lowering &b, Value x, int depth) {
  OpFoldResult size = getDim(b, x, 0);
  std::optional<int64_t> known = getConstantIntValue(size);
  bool isWhole = depth == 0 || (known && *known <= kBlock);
  OpFoldResult block = isWhole ? size : OpFoldResult(b.getIndexAttr(kBlock));
  OpFoldResult blocks = isWhole ? OpFoldResult(b.getIndexAttr(1)) : ceilDivSizes(b, size, block);
  Value extent = toIndex(b, size), width = toIndex(b, block);
  // [blocks, element, earlier element]
  Value shape = createEmpty(b, block, b.getI1Type());
  MappedOperand operand = {shape, AffineMap::get(3, 0, b.getAffineDimExpr(2), b.getContext())};
  Value sums = createReduction(
      b, operand, {blocks, block, block}, {2}, b.getI64IntegerAttr(0),
      [&](ImplicitLocOpBuilder &body, ValueRange elements) {
        Value start = arith::MulIOp::create(body, linalg::IndexOp::create(body, 0), width);
        Value place = arith::AddIOp::create(body, start, linalg::IndexOp::create(body, 2));
        Value counts = arith::CmpIOp::create(body, CmpIPredicate::ule, linalg::IndexOp::create(body, 2),
                                             linalg::IndexOp::create(body, 1));
        counts = arith::AndIOp::create(body, counts, arith::CmpIOp::create(body, CmpIPredicate::ult, place, extent));
        Value source = arith::SelectOp::create(body, counts, place, constantIndex(body, 0));
        Value element = tensor::ExtractOp::create(body, x, source);
        Value term = arith::SelectOp::create(body, counts, element, arith::ConstantIntOp::create(body, 0, 64));
        return arith::AddIOp::create(body, elements.back(), term).getResult();
      });
  Value before;
  if (!isWhole) {
    Value totals = createFromIndices(b, blocks, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange at) {
      return tensor::ExtractOp::create(body, sums, ValueRange{at[0], constantIndex(body, kBlock - 1)}).getResult();
    });
    before = countRunning(b, totals, depth - 1);
  }
  return createFromIndices(b, size, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
    if (isWhole)
      return tensor::ExtractOp::create(body, sums, ValueRange{constantIndex(body, 0), at[0]});
    Value number = arith::DivUIOp::create(body, at[0], width), zero = constantIndex(body, 0);
    Value rest = arith::RemUIOp::create(body, at[0], width);
    Value within = tensor::ExtractOp::create(body, sums, ValueRange{number, rest});
    Value isFirst = arith::CmpIOp::create(body, CmpIPredicate::eq, number, zero);
    Value last = arith::SubIOp::create(body, number, constantIndex(body, 1));
    last = arith::SelectOp::create(body, isFirst, zero, last);
    Value earlier = tensor::ExtractOp::create(body, before, last);
    earlier = arith::SelectOp::create(body, isFirst, arith::ConstantIntOp::create(body, 0, 64), earlier);
    return arith::AddIOp::create(body, within, earlier);
  });
}

/// The first place where the running count reaches `wanted`.
static Value search(ImplicitLocOpBuilder &body, Value counts, Value wanted, Value extent, int64_t steps) {
  Value low = constantIndex(body, 0), high = arith::SubIOp::create(body, extent, constantIndex(body, 1));
  for (int64_t step = 0; step < steps; ++step) {
    Value middle = arith::DivUIOp::create(body, arith::AddIOp::create(body, low, high), constantIndex(body, 2));
    Value reached =
        arith::CmpIOp::create(body, CmpIPredicate::sge, tensor::ExtractOp::create(body, counts, middle), wanted);
    Value isOpen = arith::CmpIOp::create(body, CmpIPredicate::slt, low, high);
    Value next = arith::AddIOp::create(body, middle, constantIndex(body, 1));
    Value newLow = arith::SelectOp::create(body, reached, low, next);
    Value newHigh = arith::SelectOp::create(body, reached, middle, high);
    low = arith::SelectOp::create(body, isOpen, newLow, low);
    high = arith::SelectOp::create(body, isOpen, newHigh, high);
  }
  return low;
}

namespace {

struct LowerAtenNonzero : LowerOp<LowerAtenNonzero, AtenNonzeroOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenNonzeroOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (isa<ComplexType>(dtype))
      return b.refuse("complex numbers");
    Value self = b.get(op.getSelf());
    SmallVector<OpFoldResult> sizes = getDims(b, self);
    int64_t rank = sizes.size();
    OpFoldResult total = multiplySizes(b, sizes);
    std::optional<int64_t> known = getConstantIntValue(total);
    if (known == 0)
      return createFilled(b, {b.getIndexAttr(0), b.getIndexAttr(rank)}, b.getI64IntegerAttr(0));
    Value vector = reshape(b, self, total);
    Value marks =
        createElementwise(b, vector, total, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange element) {
          Value isTrue = convertElement(body, element[0], dtype, body.getI1Type());
          return arith::ExtUIOp::create(body, body.getI64Type(), isTrue).getResult();
        });
    Value sum = createReduction(b, MappedOperand{marks, b.getMultiDimIdentityMap(1)}, total, {0},
                                b.getI64IntegerAttr(0), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                  return arith::AddIOp::create(body, elements[1], elements[0]).getResult();
                                });
    Value rows = toIndex(b, OpFoldResult(tensor::ExtractOp::create(b, sum, ValueRange()).getResult()));
    Value counts = countRunning(b, marks, kDepth), extent = toIndex(b, total);
    int64_t steps = known ? llvm::Log2_64_Ceil(*known) + 1 : 62;
    SmallVector<Value> extents = llvm::map_to_vector(sizes, [&](OpFoldResult size) { return toIndex(b, size); });
    return createFromIndices(
        b, {OpFoldResult(rows), b.getIndexAttr(rank)}, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange at) {
          Value wanted = arith::IndexCastOp::create(body, body.getI64Type(), at[0]);
          wanted = arith::AddIOp::create(body, wanted, arith::ConstantIntOp::create(body, 1, 64));
          Value rest = search(body, counts, wanted, extent, steps), coordinate = constantIndex(body, 0);
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
};

} // namespace

void torchc::populateIndexingNonzeroPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenNonzero>(patterns, context);
}
