//===- Sort.cpp - sorting, by merging runs ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// What is sorted are the places of the elements. Runs of 1, 2, 4, ... are merged until one is left;
// a pass computes every element of its result on its own: element k of the merged run comes from
// the first run where that has an element not behind k of both, which a binary search finds
// (S. Odeh et al., Merge Path, 2012). That is n log(n)^2 steps without an order between
// them, stable, and reads only.
//
// Passes over a static dim are written out. Over another they are a loop of the program: as many as the dim needs, and
// one kernel for all of them, of which the width of the runs is an argument.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "Sizes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

namespace {

/// Merges runs of `width` places of `tensor` along `dim`.
class Merge {
public:
  Merge(Lowering &b, Value tensor, Type dtype, int64_t dim, bool descending, OpFoldResult width)
      : b(b), tensor(tensor), dtype(dtype), dim(dim), descending(descending), width(width),
        extent(toIndex(b, getDim(b, tensor, dim))) {}

  Value run(Value places);

private:
  Value constant(ImplicitLocOpBuilder &body, int64_t value) { return arith::ConstantIndexOp::create(body, value); }
  Value min(ImplicitLocOpBuilder &body, Value x, Value y) { return arith::MinSIOp::create(body, x, y); }
  Value max(ImplicitLocOpBuilder &body, Value x, Value y) { return arith::MaxSIOp::create(body, x, y); }
  /// The place that stands at `position` of the dim.
  Value getPlace(ImplicitLocOpBuilder &body, Value places, SmallVector<Value> indices, Value position);
  Value getKey(ImplicitLocOpBuilder &body, SmallVector<Value> indices, Value place);
  /// Whether a key has to stand before another: NaN is larger than all numbers.
  Value isBefore(ImplicitLocOpBuilder &body, Value key, Value other);
  /// Halves the range [low, high) as often as a run's width takes; `isBeyond`: whether what is searched lies before the
  /// middle.
  Value search(ImplicitLocOpBuilder &body, Value low, Value high,
               function_ref<Value(ImplicitLocOpBuilder &, Value middle)> isBeyond);

  Lowering &b;
  Value tensor;
  Type dtype;
  int64_t dim;
  bool descending;
  OpFoldResult width;
  Value extent;
};

} // namespace

Value Merge::getPlace(ImplicitLocOpBuilder &body, Value places, SmallVector<Value> indices, Value position) {
  // Positions that do not count may lie outside.
  indices[dim] =
      max(body, min(body, position, arith::SubIOp::create(body, extent, constant(body, 1))), constant(body, 0));
  return tensor::ExtractOp::create(body, places, indices);
}

Value Merge::getKey(ImplicitLocOpBuilder &body, SmallVector<Value> indices, Value place) {
  indices[dim] = arith::IndexCastOp::create(body, body.getIndexType(), place);
  return tensor::ExtractOp::create(body, tensor, indices);
}

Value Merge::isBefore(ImplicitLocOpBuilder &body, Value key, Value other) {
  ElementBuilder builder(body, b.getOp(), dtype);
  Value before = builder.compare(descending ? CmpIPredicate::sgt : CmpIPredicate::slt, key, other);
  if (!builder.isFloat())
    return before;
  Value isNan = arith::CmpFOp::create(body, arith::CmpFPredicate::UNO, key, key);
  Value otherIsNan = arith::CmpFOp::create(body, arith::CmpFPredicate::UNO, other, other);
  Value first = descending ? isNan : otherIsNan, second = descending ? otherIsNan : isNan;
  Value one = arith::ConstantIntOp::create(body, 1, 1);
  Value byNan = arith::AndIOp::create(body, first, arith::XOrIOp::create(body, second, one));
  return arith::OrIOp::create(body, before, byNan);
}

Value Merge::search(ImplicitLocOpBuilder &body, Value low, Value high,
                    function_ref<Value(ImplicitLocOpBuilder &, Value middle)> isBeyond) {
  auto halve = [&](ImplicitLocOpBuilder &inner, Value low, Value high) -> std::pair<Value, Value> {
    Value mid = arith::DivUIOp::create(inner, arith::AddIOp::create(inner, low, high), constant(inner, 2));
    Value isOpen = arith::CmpIOp::create(inner, CmpIPredicate::slt, low, high);
    Value isLater = isBeyond(inner, mid);
    Value newHigh = arith::SelectOp::create(inner, isLater, mid, high);
    Value newLow = arith::SelectOp::create(inner, isLater, low, arith::AddIOp::create(inner, mid, constant(inner, 1)));
    return {arith::SelectOp::create(inner, isOpen, newLow, low), arith::SelectOp::create(inner, isOpen, newHigh, high)};
  };
  if (std::optional<int64_t> known = getConstantIntValue(width)) {
    for (int64_t range = *known; range > 0; range /= 2)
      std::tie(low, high) = halve(body, low, high);
    return low;
  }
  auto loop = scf::ForOp::create(body, constant(body, 0), countBits(body, toIndex(body, width)), constant(body, 1),
                                 ValueRange{low, high}, [&](OpBuilder &nested, Location loc, Value, ValueRange range) {
                                   ImplicitLocOpBuilder inner(loc, nested);
                                   auto [newLow, newHigh] = halve(inner, range[0], range[1]);
                                   scf::YieldOp::create(inner, ValueRange{newLow, newHigh});
                                 });
  return loop.getResult(0);
}

Value Merge::run(Value places) {
  return createFromIndices(b, getDims(b, tensor), b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange at) {
    SmallVector<Value> indices(at);
    // Two neighbouring runs, and the number k of the element in both.
    Value run = toIndex(body, width), pair = arith::AddIOp::create(body, run, run);
    Value start = arith::MulIOp::create(body, arith::DivUIOp::create(body, at[dim], pair), pair);
    Value middle = min(body, arith::AddIOp::create(body, start, run), extent);
    Value end = min(body, arith::AddIOp::create(body, start, pair), extent);
    Value left = arith::SubIOp::create(body, middle, start), right = arith::SubIOp::create(body, end, middle);
    Value k = arith::SubIOp::create(body, at[dim], start);
    auto keyOf = [&](ImplicitLocOpBuilder &inner, Value first, Value number) {
      Value position = arith::AddIOp::create(inner, first, number);
      return getKey(inner, indices, getPlace(inner, places, indices, position));
    };

    // How many of the first k come from the left run.
    Value low = max(body, constant(body, 0), arith::SubIOp::create(body, k, right)), high = min(body, k, left);
    low = search(body, low, high, [&](ImplicitLocOpBuilder &inner, Value mid) {
      Value opposite = arith::SubIOp::create(inner, arith::SubIOp::create(inner, k, constant(inner, 1)), mid);
      return isBefore(inner, keyOf(inner, middle, opposite), keyOf(inner, start, mid));
    });
    Value other = arith::SubIOp::create(body, k, low);
    Value leftPosition = arith::AddIOp::create(body, start, low);
    Value rightPosition = arith::AddIOp::create(body, middle, other);
    Value leftPlace = getPlace(body, places, indices, leftPosition);
    Value rightPlace = getPlace(body, places, indices, rightPosition);
    Value rightWins = isBefore(body, getKey(body, indices, rightPlace), getKey(body, indices, leftPlace));
    Value hasLeft = arith::CmpIOp::create(body, CmpIPredicate::slt, low, left);
    Value hasRight = arith::CmpIOp::create(body, CmpIPredicate::slt, other, right);
    Value one = arith::ConstantIntOp::create(body, 1, 1);
    Value takesRight = arith::OrIOp::create(body, arith::XOrIOp::create(body, hasLeft, one),
                                            arith::AndIOp::create(body, hasRight, rightWins));
    return arith::SelectOp::create(body, takesRight, rightPlace, leftPlace).getResult();
  });
}

Value torchc::sortPlaces(Lowering &b, Value tensor, Type dtype, int64_t dim, bool descending) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  std::optional<int64_t> known = getConstantIntValue(sizes[dim]);
  Value places = createFromIndices(b, sizes, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange indices) {
    return arith::IndexCastOp::create(body, body.getI64Type(), indices[dim]).getResult();
  });
  if (known) {
    for (int64_t width = 1; width < *known; width *= 2)
      places = Merge(b, tensor, dtype, dim, descending, b.getIndexAttr(width)).run(places);
    return places;
  }
  Value one = arith::ConstantIndexOp::create(b, 1), extent = toIndex(b, sizes[dim]);
  auto loop = scf::WhileOp::create(
      b, TypeRange{one.getType(), places.getType()}, ValueRange{one, places},
      [&](OpBuilder &nested, Location loc, ValueRange state) {
        Value isShort = arith::CmpIOp::create(nested, loc, CmpIPredicate::slt, state[0], extent);
        scf::ConditionOp::create(nested, loc, isShort, state);
      },
      [&](OpBuilder &nested, Location loc, ValueRange state) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(nested.saveInsertionPoint());
        Value merged = Merge(b, tensor, dtype, dim, descending, state[0]).run(state[1]);
        scf::YieldOp::create(b, ValueRange{arith::AddIOp::create(b, state[0], state[0]), merged});
      });
  return loop.getResult(1);
}

namespace {

struct LowerAtenSortStable : LowerMultiResultOp<LowerAtenSortStable, AtenSortStableOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenSortStableOp op, Lowering &b) const {
    std::optional<int64_t> constant = getConstantInt(op.getDim());
    std::optional<bool> descending = getConstantBool(op.getDescending());
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!constant || !descending || isa<ComplexType>(dtype))
      return b.refuse("dim or descending is not constant, or complex numbers");
    Value tensor = b.get(op.getSelf());
    auto type = cast<RankedTensorType>(tensor.getType());
    if (type.getRank() == 0)
      return SmallVector<Value>{tensor, createFilled(b, {}, b.getI64IntegerAttr(0))};
    int64_t dim = wrapDim(*constant, type.getRank());
    SmallVector<OpFoldResult> sizes = getDims(b, tensor);
    Value places = sortPlaces(b, tensor, dtype, dim, *descending);
    Value values = createElementwise(b, places, sizes, type.getElementType(),
                                     [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                       Type index = body.getIndexType();
                                       Value place = arith::IndexCastOp::create(body, index, elements[0]);
                                       return extractAlong(body, tensor, dim, place);
                                     });
    return SmallVector<Value>{values, places};
  }
};

/// How many elements of each sorted row lie below, or (right) are not above; NaN is above all.
struct LowerAtenSearchsortedTensor : LowerOp<LowerAtenSearchsortedTensor, AtenSearchsortedTensorOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSearchsortedTensorOp op, Lowering &b) const {
    std::optional<bool> right = getConstantBool(op.getRight());
    StringRef side = isNone(op.getSide()) ? StringRef("left") : getConstantString(op.getSide()).value_or("");
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!right || side.empty() || dtype != Lowering::getDtype(op.getSortedSequence()) || isa<ComplexType>(dtype))
      return b.refuse("a side that is not constant, operands of two dtypes, or complex numbers");
    bool countsEqual = *right || side == "right";
    Value sequence = b.get(op.getSortedSequence()), sorter = isNone(op.getSorter()) ? Value() : b.get(op.getSorter());
    SmallVector<OpFoldResult> rows = getDims(b, sequence);
    if (sorter)
      sorter = checkIndices(b, sorter, Lowering::getDtype(op.getSorter()), rows.back(), /*wraps=*/false);
    Value extent = toIndex(b, rows.back());
    bool isShared = rows.size() == 1;
    Value self = b.get(op.getSelf());
    return createElementwise(
        b, self, getDims(b, self), getValueType(Lowering::getDtype(op.getResult())),
        [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
          SmallVector<Value> row;
          for (size_t i = 0; i + 1 < rows.size() && !isShared; ++i)
            row.push_back(linalg::IndexOp::create(body, i));
          Value found = searchFirst(body, extent, [&](ImplicitLocOpBuilder &inner, Value place) {
            SmallVector<Value> at(row);
            at.push_back(place);
            if (sorter)
              at.back() =
                  arith::IndexCastOp::create(inner, inner.getIndexType(), tensor::ExtractOp::create(inner, sorter, at));
            Value edge = tensor::ExtractOp::create(inner, sequence, at);
            return isReached(inner, op, dtype, edge, elements[0], countsEqual);
          });
          return arith::IndexCastOp::create(body, getValueType(Lowering::getDtype(op.getResult())), found);
        });
  }

  /// Whether an edge, and so all after it, is above the element, or (not `countsEqual`) equal to it.
  static Value isReached(ImplicitLocOpBuilder &body, Operation *op, Type dtype, Value edge, Value element,
                         bool countsEqual) {
    ElementBuilder builder(body, op, dtype);
    Value isAbove = builder.compare(countsEqual ? CmpIPredicate::sgt : CmpIPredicate::sge, edge, element);
    if (!isFloat(dtype))
      return isAbove;
    Value isNanEdge = arith::CmpFOp::create(body, arith::CmpFPredicate::UNO, edge, edge);
    if (countsEqual) {
      Value isNumber = arith::CmpFOp::create(body, arith::CmpFPredicate::ORD, element, element);
      isNanEdge = arith::AndIOp::create(body, isNanEdge, isNumber);
    }
    return arith::OrIOp::create(body, isAbove, isNanEdge);
  }
};

} // namespace

void torchc::populateSortPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenSortStable, LowerAtenSearchsortedTensor>(patterns, context);
}
