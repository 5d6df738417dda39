//===- Sort.cpp - sorting, by counting or by digits, and the first of a row ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The rows along the dim are the members of a batch. A row is sorted by its keys, integers in whose order the elements
// stand in PyTorch's, whatever the dtype: floats compare as their bits do once those of negative numbers are turned
// around (M. Herf, Radix Tricks, 2001).
//
// - Short rows: the place of an element is the number of those that stand before it.
// - Long rows: the elements are distributed to one run for each value of a digit of the key less the smallest key, the
//   lowest digit first, forth and back between two memories. That takes as many passes as the range of the keys has
//   digits.
//
// Where few elements of a row are asked for, one that comes before the last of these is inserted among them: most
// elements of a row in no order are compared once.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "MatrixLoops.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

/// The integer, as i64, that stands for an element among those to sort: NaN above all numbers, -0.0 equal to 0.0.
static Value createKey(ImplicitLocOpBuilder &b, Value element, Type dtype, bool descending) {
  auto constant = [&](int64_t value) { return arith::ConstantIntOp::create(b, value, 64).getResult(); };
  Value key = element;
  if (isFloat(dtype)) {
    if (dtype.getIntOrFloatBitWidth() < 32)
      element = convertElement(b, element, dtype, b.getF32Type());
    unsigned width = element.getType().getIntOrFloatBitWidth();
    Value largest = constant(llvm::maxIntN(width));
    key = arith::BitcastOp::create(b, b.getIntegerType(width), element);
    if (width < 64)
      key = arith::ExtSIOp::create(b, b.getI64Type(), key);
    Value isNegative = arith::CmpIOp::create(b, CmpIPredicate::slt, key, constant(0));
    key = arith::SelectOp::create(b, isNegative, arith::XOrIOp::create(b, key, largest), key);
    Real number(b, element);
    key = arith::SelectOp::create(b, (number == 0.0).value, constant(0), key);
    key = arith::SelectOp::create(b, number.isNan().value, largest, key);
  } else {
    key = convertElement(b, element, dtype, b.getIntegerType(64, /*isSigned=*/true));
    if (dtype.isUnsignedInteger(64))
      key = arith::XOrIOp::create(b, key, constant(std::numeric_limits<int64_t>::min()));
  }
  return descending ? arith::XOrIOp::create(b, key, constant(-1)).getResult() : key;
}

/// What is longer is sorted by digits: where both take the same time.
static constexpr int64_t kLongestCounted = 32;
static constexpr int64_t kDigitBits = 8, kDigitValues = 1 << kDigitBits;
/// More than so many are found by sorting all: a row in the opposite order inserts each of its elements.
static constexpr int64_t kMostInserted = 64;

namespace {

/// Sorts a row of a batch, whose variables are, in this order, the places, the keys, the same in the other memory, and
/// the table of a digit.
class RowSorter {
public:
  RowSorter(MatrixLoops &loops, Place size) : loops(loops), n(size) {}

  void sortByCounting();
  void sortByDigits();
  /// Sorts the first `count` elements alone, of which the row is left.
  void selectFirst(int64_t count, function_ref<Value(Place)> getKey);

private:
  using Variable = MatrixLoops::Variable;
  struct Memory {
    Variable places, keys;
  };
  static constexpr Memory kRow = {0, 1}, kOther = {2, 3};
  static constexpr Variable kTable = 4;

  /// Distributes by the digit from bit `shift` on.
  void distribute(Memory from, Memory to, Value shift);

  Value constant(int64_t value) { return arith::ConstantIntOp::create(loops, value, 64); }
  Place toPlace(Value integer) { return {loops, arith::IndexCastOp::create(loops, loops.getIndexType(), integer)}; }
  Place ceilDiv(Place x, Place y) { return {loops, arith::CeilDivUIOp::create(loops, x.get(), y.get())}; }

  MatrixLoops &loops;
  Place n;
};

} // namespace

void RowSorter::sortByCounting() {
  Value zero = constant(0);
  loops.forEach(0, n, [&](Place i) {
    Value key = loops.load(kRow.keys, i);
    auto rank = loops.declare(zero);
    auto count = [&](Place lower, Place upper, CmpIPredicate isBefore) {
      loops.forEach(lower, upper, [&](Place j) {
        Value before = arith::CmpIOp::create(loops, isBefore, loops.load(kRow.keys, j), key);
        before = arith::ExtUIOp::create(loops, zero.getType(), before);
        loops.set(rank, arith::AddIOp::create(loops, loops.get(rank), before));
      });
    };
    count(loops.at(0), i, CmpIPredicate::sle);
    count(i + 1, n, CmpIPredicate::slt);
    loops.store(arith::IndexCastOp::create(loops, zero.getType(), i.get()), kRow.places, toPlace(loops.get(rank)));
  });
}

void RowSorter::distribute(Memory from, Memory to, Value shift) {
  auto getDigit = [&](Value key) {
    Value shifted = arith::ShRUIOp::create(loops, key, shift);
    return toPlace(arith::AndIOp::create(loops, shifted, constant(kDigitValues - 1)));
  };
  Place numDigits = loops.at(kDigitValues);
  Value zero = constant(0), one = constant(1);
  loops.forEach(0, numDigits, [&](Place digit) { loops.store(zero, kTable, digit); });
  loops.forEach(0, n, [&](Place k) {
    Place digit = getDigit(loops.load(from.keys, k));
    loops.store(arith::AddIOp::create(loops, loops.load(kTable, digit), one), kTable, digit);
  });
  // From how many have a digit to where the first of them goes.
  auto total = loops.declare(zero);
  loops.forEach(0, numDigits, [&](Place digit) {
    Value number = loops.load(kTable, digit), start = loops.get(total);
    loops.store(start, kTable, digit);
    loops.set(total, arith::AddIOp::create(loops, start, number));
  });
  loops.forEach(0, n, [&](Place k) {
    Value key = loops.load(from.keys, k);
    Place digit = getDigit(key);
    Value position = loops.load(kTable, digit);
    loops.store(arith::AddIOp::create(loops, position, one), kTable, digit);
    loops.store(key, to.keys, toPlace(position));
    loops.store(loops.load(from.places, k), to.places, toPlace(position));
  });
}

void RowSorter::sortByDigits() {
  auto smallest = loops.declare(constant(std::numeric_limits<int64_t>::max()));
  auto largest = loops.declare(constant(std::numeric_limits<int64_t>::min()));
  loops.forEach(0, n, [&](Place k) {
    Value key = loops.load(kRow.keys, k);
    loops.set(smallest, arith::MinSIOp::create(loops, loops.get(smallest), key));
    loops.set(largest, arith::MaxSIOp::create(loops, loops.get(largest), key));
  });
  loops.forEach(0, n, [&](Place k) {
    loops.store(arith::SubIOp::create(loops, loops.load(kRow.keys, k), loops.get(smallest)), kRow.keys, k);
  });
  Value range = arith::SubIOp::create(loops, loops.get(largest), loops.get(smallest));
  Place numBits{loops, countBits(loops, toPlace(range).get())};
  loops.forEach(0, ceilDiv(numBits, loops.at(2 * kDigitBits)), [&](Place round) {
    Value shift = arith::MulIOp::create(loops, arith::IndexCastOp::create(loops, loops.getI64Type(), round.get()),
                                        constant(2 * kDigitBits));
    distribute(kRow, kOther, shift);
    distribute(kOther, kRow, arith::AddIOp::create(loops, shift, constant(kDigitBits)));
  });
}

void RowSorter::selectFirst(int64_t count, function_ref<Value(Place)> getKey) {
  Type i64 = loops.getI64Type();
  auto held = loops.declare(loops.at(0).get());
  loops.forEach(0, n, [&](Place i) {
    Value key = getKey(i);
    auto isBefore = [&](CmpIPredicate predicate, Place place) {
      return Truth{&loops, arith::CmpIOp::create(loops, predicate, key, loops.load(kRow.keys, place))};
    };
    Truth hasRoom = loops.getPlace(held) < loops.at(count);
    loops.ifThen(hasRoom || isBefore(CmpIPredicate::slt, loops.at(count - 1)), [&] {
      Place last = loops.getPlace(held).min(loops.at(count - 1));
      auto rank = loops.declare(loops.at(0).get());
      loops.forEach(0, last, [&](Place j) {
        Value isAfter = isBefore(CmpIPredicate::sge, j).value;
        Value one = arith::IndexCastUIOp::create(loops, loops.getIndexType(), isAfter);
        loops.set(rank, arith::AddIOp::create(loops, loops.get(rank), one));
      });
      Place place = loops.getPlace(rank);
      loops.forEach(0, last - place, [&](Place moved) {
        Place to = last - moved;
        loops.store(loops.load(kRow.keys, to - 1), kRow.keys, to);
        loops.store(loops.load(kRow.places, to - 1), kRow.places, to);
      });
      loops.store(key, kRow.keys, place);
      loops.store(arith::IndexCastOp::create(loops, i64, i.get()), kRow.places, place);
      loops.set(held, (last + 1).get());
    });
  });
}

Value torchc::sortPlaces(Lowering &b, Value tensor, Type dtype, int64_t dim, bool descending, OpFoldResult first) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor), rows(sizes);
  int64_t rank = sizes.size();
  OpFoldResult size = sizes[dim];
  rows.erase(rows.begin() + dim);
  OpFoldResult count = multiplySizes(b, rows);
  rows.push_back(size);
  // From the loops over rows, with the dim last, to the tensor's own dims.
  SmallVector<AffineExpr> own;
  for (int64_t i = 0; i != rank; ++i)
    own.push_back(b.getAffineDimExpr(i == dim ? rank - 1 : i < dim ? i : i - 1));
  AffineMap map = AffineMap::get(rank, 0, own, b.getContext());

  Type i64 = b.getI64Type();
  std::optional<int64_t> known = getConstantIntValue(size);
  std::optional<int64_t> few = first ? getConstantIntValue(first) : std::nullopt;
  Value sorted;
  if (few && *few != 0 && *few <= kMostInserted && (!known || *known > 2 * *few)) {
    Value elements = tensor;
    if (!map.isIdentity())
      elements = createMapped(b, MappedOperand{tensor, map}, rows, getElementTypeOrSelf(tensor),
                              [](ImplicitLocOpBuilder &, ValueRange element) { return element[0]; });
    elements = reshape(b, elements, {count, size});
    Value empty = createEmpty(b, {count, first}, i64);
    sorted = MatrixLoops::run(b, count, {empty, empty}, [&](MatrixLoops &loops) {
      RowSorter(loops, loops.at(size)).selectFirst(*few, [&](Place i) {
        return createKey(loops, loops.loadFrom(elements, i), dtype, descending);
      });
    })[0];
  } else {
    auto toKey = [&](ImplicitLocOpBuilder &body, ValueRange element) {
      return createKey(body, element[0], dtype, descending);
    };
    Value keys = reshape(b, createMapped(b, MappedOperand{tensor, map}, rows, i64, toKey), {count, size});
    Value places =
        createFromIndices(b, {count, size}, i64, [&](ImplicitLocOpBuilder &body, ValueRange indices) -> Value {
          return arith::IndexCastOp::create(body, i64, indices[1]);
        });
    Value empty = createEmpty(b, {count, size}, i64);
    Value table = createEmpty(b, {count, b.getIndexAttr(kDigitValues)}, i64);
    sorted = MatrixLoops::run(b, count, {places, keys, empty, empty, table}, [&](MatrixLoops &loops) {
      Place n = loops.at(size);
      RowSorter sorter(loops, n);
      if (known)
        return *known <= kLongestCounted ? sorter.sortByCounting() : sorter.sortByDigits();
      Truth isShort = n < loops.at(kLongestCounted + 1);
      loops.ifThen(isShort, [&] { sorter.sortByCounting(); });
      loops.ifThen(!isShort, [&] { sorter.sortByDigits(); });
    })[0];
    if (first) {
      SmallVector<OpFoldResult> zeros(2, b.getIndexAttr(0)), ones(2, b.getIndexAttr(1));
      sorted = extractSlice(b, sorted, zeros, {count, first}, ones);
    }
  }
  if (first)
    rows.back() = sizes[dim] = first;
  return createMapped(b, MappedOperand{reshape(b, sorted, rows), inversePermutation(map)}, sizes, i64,
                      [](ImplicitLocOpBuilder &, ValueRange element) { return element[0]; });
}

namespace {

/// The elements of `self` along `dim` in their order, all or (not null) the first `k`, and their places.
static FailureOr<SmallVector<Value>> lowerSorted(Lowering &b, Value self, Value dimOperand, Value descendingOperand,
                                                 Value k) {
  std::optional<int64_t> constant = getConstantInt(dimOperand);
  std::optional<bool> descending = getConstantBool(descendingOperand);
  Type dtype = Lowering::getDtype(self);
  if (!constant || !descending || isa<ComplexType>(dtype))
    return b.refuse("a dim or an order that is not constant, or complex numbers");
  Value tensor = b.get(self);
  const int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  if (rank == 0)
    return SmallVector<Value>{tensor, createFilled(b, {}, b.getI64IntegerAttr(0))};
  const int64_t dim = wrapDim(*constant, rank);
  OpFoldResult first;
  if (k) {
    first = b.getSize(k);
    Value limit = toIndex(b, getDim(b, tensor, dim));
    Value fits = arith::CmpIOp::create(b, CmpIPredicate::ule, toIndex(b, first), limit);
    cf::AssertOp::create(b, fits, "k is out of range in aten.topk");
  }
  Value places = sortPlaces(b, tensor, dtype, dim, *descending, first);
  Value values = createElementwise(b, places, getDims(b, places), getElementTypeOrSelf(tensor),
                                   [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                     Type index = body.getIndexType();
                                     Value place = arith::IndexCastOp::create(body, index, elements[0]);
                                     return extractAlong(body, tensor, dim, place);
                                   });
  return SmallVector<Value>{values, places};
}

struct LowerAtenSortStable : LowerMultiResultOp<LowerAtenSortStable, AtenSortStableOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenSortStableOp op, Lowering &b) const {
    return lowerSorted(b, op.getSelf(), op.getDim(), op.getDescending(), {});
  }
};

/// The first k of the sorted dim; they come sorted whether asked for or not.
struct LowerAtenTopk : LowerMultiResultOp<LowerAtenTopk, AtenTopkOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(AtenTopkOp op, Lowering &b) const {
    return lowerSorted(b, op.getSelf(), op.getDim(), op.getLargest(), op.getK());
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
  addPatterns<LowerAtenSortStable, LowerAtenTopk, LowerAtenSearchsortedTensor>(patterns, context);
}
