//===- Reduction.cpp - sums, means, extrema and their places ---===//
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
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// The mechanism
//===----------------------------------------------------------------------===//

AffineMap torchc::getKeptMap(MLIRContext *context, int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<AffineExpr> kept;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(dims, dim))
      kept.push_back(getAffineDimExpr(dim, context));
  return AffineMap::get(rank, 0, kept, context);
}

static SmallVector<utils::IteratorType> getIterators(int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  for (int64_t dim : dims)
    iterators[dim] = utils::IteratorType::reduction;
  return iterators;
}

static SmallVector<OpFoldResult> getKeptSizes(ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> dims) {
  SmallVector<OpFoldResult> kept;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (!llvm::is_contained(dims, static_cast<int64_t>(dim)))
      kept.push_back(size);
  return kept;
}

Value torchc::createReduction(ImplicitLocOpBuilder &b, ArrayRef<MappedOperand> operands, ArrayRef<OpFoldResult> sizes,
                              ArrayRef<int64_t> dims, TypedAttr init, ElementFunction function) {
  MappedOperand destination = {createFilled(b, getKeptSizes(sizes, dims), init),
                               getKeptMap(b.getContext(), sizes.size(), dims)};
  return createGeneric(b, operands, destination, getIterators(sizes.size(), dims), function);
}

Value torchc::createContractingAdd(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::AddFOp::create(b, lhs, rhs, arith::FastMathFlags::contract);
}
Value torchc::createContractingMul(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::MulFOp::create(b, lhs, rhs, arith::FastMathFlags::contract);
}

namespace {

/// A reduction with one accumulator: what it starts from and how an element joins.
struct Reducer {
  TypedAttr init;
  Value (*combine)(ElementBuilder &b, Value element, Value accumulator);
};

/// The dims that a reduction goes over, and whether they stay with size 1.
struct ReducedDims {
  SmallVector<int64_t> dims;
  bool keep;
};

} // namespace

static Value combineBySum(ElementBuilder &b, Value element, Value accumulator) {
  if (b.isFloat())
    return createContractingAdd(b, accumulator, element);
  return arith::AddIOp::create(b, accumulator, element);
}
static Value combineByProduct(ElementBuilder &b, Value element, Value accumulator) {
  if (b.isFloat())
    return createContractingMul(b, accumulator, element);
  return arith::MulIOp::create(b, accumulator, element);
}
static Value combineByMaximum(ElementBuilder &b, Value element, Value accumulator) {
  if (b.isFloat())
    return arith::MaximumFOp::create(b, accumulator, element);
  return b.isUnsigned() ? arith::MaxUIOp::create(b, accumulator, element).getResult()
                        : arith::MaxSIOp::create(b, accumulator, element);
}
static Value combineByMinimum(ElementBuilder &b, Value element, Value accumulator) {
  if (b.isFloat())
    return arith::MinimumFOp::create(b, accumulator, element);
  return b.isUnsigned() ? arith::MinUIOp::create(b, accumulator, element).getResult()
                        : arith::MinSIOp::create(b, accumulator, element);
}
static Value combineByOr(ElementBuilder &b, Value element, Value accumulator) {
  return arith::OrIOp::create(b, accumulator, element);
}
static Value combineByAnd(ElementBuilder &b, Value element, Value accumulator) {
  return arith::AndIOp::create(b, accumulator, element);
}

/// Reduces a tensor with elements of dtype `from`, computing in dtype `compute`.
static Value reduce(Lowering &b, Value tensor, Type from, Type compute, ArrayRef<int64_t> dims,
                    const Reducer &reducer) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  MappedOperand operand = {tensor, b.getMultiDimIdentityMap(sizes.size())};
  return createReduction(b, operand, sizes, dims, reducer.init, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
    ElementBuilder builder(body, b.getOp(), compute);
    return reducer.combine(builder, convertElement(body, elements[0], from, compute), elements[1]);
  });
}

static Value restoreDims(Lowering &b, Value reduced, const ReducedDims &reduction) {
  return reduction.keep ? insertUnitDims(b, reduced, reduction.dims) : reduced;
}

/// `dim` may be a list, an int, or None for all; an empty list means all too.
static FailureOr<ReducedDims> getReducedDims(Lowering &b, Value self, Value dim, Value keepdim) {
  int64_t rank = cast<BaseTensorType>(self.getType()).getRank();
  std::optional<bool> keep = getConstantBool(keepdim);
  std::optional<SmallVector<int64_t>> dims;
  if (isNone(dim))
    dims.emplace();
  else if (std::optional<int64_t> single = getConstantInt(dim))
    dims = {*single};
  else
    dims = getConstantIntList(dim);
  if (!dims || !keep)
    return b.refuse("dims or keepdim are not constant");
  if (dims->empty())
    dims = llvm::to_vector(llvm::seq<int64_t>(rank));
  for (int64_t &value : *dims)
    value = wrapDim(value, rank);
  // The one dim of a 0-d tensor is no loop.
  if (rank == 0)
    dims->clear();
  llvm::sort(*dims);
  return ReducedDims{*dims, *keep};
}

//===----------------------------------------------------------------------===//
// Sums and the like
//===----------------------------------------------------------------------===//

/// Reduces in the compute dtype of the result, then converts to the result.
static FailureOr<Value> lowerReduction(Lowering &b, Value self, Value dim, Value keepdim, Value result, Type compute,
                                       const Reducer &reducer, bool isMean = false) {
  FailureOr<ReducedDims> reduction = getReducedDims(b, self, dim, keepdim);
  if (failed(reduction))
    return failure();
  Type from = Lowering::getDtype(self), dtype = Lowering::getDtype(result);
  Value tensor = b.get(self);
  Value reduced = reduce(b, tensor, from, compute, reduction->dims, reducer);
  if (isMean) {
    OpFoldResult count = b.getIndexAttr(1);
    for (int64_t dim : reduction->dims)
      count = mulSizes(b, count, getDim(b, tensor, dim));
    Value divisor = toI64(b, count);
    reduced = createElementwise(b, reduced, getDims(b, reduced), getValueType(dtype),
                                [&](ImplicitLocOpBuilder &body, ValueRange element) {
                                  Value number = body.createOrFold<arith::SIToFPOp>(compute, divisor);
                                  Value mean = arith::DivFOp::create(body, element[0], number);
                                  return convertElement(body, mean, compute, dtype);
                                });
  } else {
    reduced = convertTensor(b, reduced, compute, dtype);
  }
  return restoreDims(b, reduced, *reduction);
}

/// The dtype to reduce in: half types in f32, complex not at all.
static FailureOr<Type> getReductionDtype(Lowering &b, Value self, Value result) {
  Type dtype = getComputeDtype(Lowering::getDtype(result));
  if (isa<ComplexType>(dtype) || isa<ComplexType>(Lowering::getDtype(self)))
    return b.refuse("complex numbers");
  return dtype;
}

namespace {

struct LowerAtenSumDimIntList : LowerOp<LowerAtenSumDimIntList, AtenSumDimIntListOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSumDimIntListOp op, Lowering &b) const {
    FailureOr<Type> dtype = getReductionDtype(b, op.getSelf(), op.getResult());
    if (failed(dtype))
      return failure();
    return lowerReduction(b, op.getSelf(), op.getDim(), op.getKeepdim(), op.getResult(), *dtype,
                          {getNumber(b, *dtype, 0), combineBySum});
  }
};

struct LowerAtenMeanDim : LowerOp<LowerAtenMeanDim, AtenMeanDimOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenMeanDimOp op, Lowering &b) const {
    FailureOr<Type> dtype = getReductionDtype(b, op.getSelf(), op.getResult());
    if (failed(dtype))
      return failure();
    return lowerReduction(b, op.getSelf(), op.getDim(), op.getKeepdim(), op.getResult(), *dtype,
                          {getNumber(b, *dtype, 0), combineBySum}, /*isMean=*/true);
  }
};

struct LowerAtenProdDimInt : LowerOp<LowerAtenProdDimInt, AtenProdDimIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenProdDimIntOp op, Lowering &b) const {
    FailureOr<Type> dtype = getReductionDtype(b, op.getSelf(), op.getResult());
    if (failed(dtype))
      return failure();
    return lowerReduction(b, op.getSelf(), op.getDim(), op.getKeepdim(), op.getResult(), *dtype,
                          {getNumber(b, *dtype, 1), combineByProduct});
  }
};

/// An extremum is one of the elements: it is found in their own dtype.
template <typename OpT, bool isMaximum> struct LowerExtremum : LowerOp<LowerExtremum<OpT, isMaximum>, OpT> {
  using LowerOp<LowerExtremum<OpT, isMaximum>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (isa<ComplexType>(dtype))
      return b.refuse("complex numbers");
    Reducer reducer =
        isMaximum ? Reducer{getLowest(b, dtype), combineByMaximum} : Reducer{getHighest(b, dtype), combineByMinimum};
    return lowerReduction(b, op.getSelf(), op.getDim(), op.getKeepdim(), op.getResult(), dtype, reducer);
  }
};
using LowerAtenAmax = LowerExtremum<AtenAmaxOp, true>;
using LowerAtenAmin = LowerExtremum<AtenAminOp, false>;

template <typename OpT, bool isAny> struct LowerTruth : LowerOp<LowerTruth<OpT, isAny>, OpT> {
  using LowerOp<LowerTruth<OpT, isAny>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    if (isa<ComplexType>(Lowering::getDtype(op.getSelf())))
      return b.refuse("complex numbers");
    Reducer reducer = isAny ? Reducer{b.getBoolAttr(false), combineByOr} : Reducer{b.getBoolAttr(true), combineByAnd};
    return lowerReduction(b, op.getSelf(), op.getDim(), op.getKeepdim(), op.getResult(), b.getI1Type(), reducer);
  }
};
using LowerAtenAnyDim = LowerTruth<AtenAnyDimOp, true>;
using LowerAtenAllDim = LowerTruth<AtenAllDimOp, false>;

} // namespace

//===----------------------------------------------------------------------===//
// Extrema with their places
//===----------------------------------------------------------------------===//

Value torchc::isBetterExtremum(ElementBuilder &b, Value element, Value place, Value best, Value bestPlace,
                               bool isMaximum, bool first) {
  Value better = b.compare(isMaximum ? CmpIPredicate::sgt : CmpIPredicate::slt, element, best);
  Value same = b.compare(CmpIPredicate::eq, element, best);
  if (b.isFloat()) {
    Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, element, element);
    Value bestIsNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, best, best);
    Value both = arith::AndIOp::create(b, isNan, bestIsNan);
    better = arith::OrIOp::create(b, better, arith::XOrIOp::create(b, isNan, both));
    same = arith::OrIOp::create(b, same, both);
  }
  Value isPreferred = arith::CmpIOp::create(b, first ? CmpIPredicate::slt : CmpIPredicate::sgt, place, bestPlace);
  return arith::OrIOp::create(b, better, arith::AndIOp::create(b, same, isPreferred));
}

/// The extremum of one dim and where it stands first; NaN beats all numbers.
/// The order of the comparisons does not matter, so a kernel may divide the dim.
static std::pair<Value, Value> findExtremum(Lowering &b, Value tensor, Type dtype, int64_t dim, bool isMaximum) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor), kept = getKeptSizes(sizes, dim);
  TypedAttr worst = isMaximum ? getLowest(b, dtype) : getHighest(b, dtype);
  Value values = createFilled(b, kept, worst);
  Value places = createFilled(b, kept, b.getI64IntegerAttr(std::numeric_limits<int64_t>::max()));
  AffineMap map = getKeptMap(b.getContext(), sizes.size(), dim);
  auto generic = linalg::GenericOp::create(
      b, TypeRange{values.getType(), places.getType()}, tensor, ValueRange{values, places},
      ArrayRef<AffineMap>{b.getMultiDimIdentityMap(sizes.size()), map, map}, getIterators(sizes.size(), dim),
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder body(loc, nested);
        ElementBuilder builder(body, b.getOp(), dtype);
        Value element = arguments[0], best = arguments[1], bestPlace = arguments[2];
        Value place = arith::IndexCastOp::create(builder, b.getI64Type(), linalg::IndexOp::create(builder, dim));
        Value better = isBetterExtremum(builder, element, place, best, bestPlace, isMaximum, /*first=*/true);
        Value newBest = arith::SelectOp::create(builder, better, element, best);
        Value newPlace = arith::SelectOp::create(builder, better, place, bestPlace);
        linalg::YieldOp::create(builder, ValueRange{newBest, newPlace});
      });
  return {generic.getResult(0), generic.getResult(1)};
}

namespace {

template <typename OpT, bool isMaximum>
struct LowerExtremumWithPlace : LowerMultiResultOp<LowerExtremumWithPlace<OpT, isMaximum>, OpT> {
  using LowerMultiResultOp<LowerExtremumWithPlace<OpT, isMaximum>, OpT>::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(OpT op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (isa<ComplexType>(dtype))
      return b.refuse("complex numbers");
    FailureOr<ReducedDims> reduction = getReducedDims(b, op.getSelf(), op.getDim(), op.getKeepdim());
    if (failed(reduction))
      return failure();
    if (reduction->dims.empty()) {
      Value zero = createFilled(b, {}, b.getI64IntegerAttr(0));
      return SmallVector<Value>{b.get(op.getSelf()), zero};
    }
    auto [values, places] = findExtremum(b, b.get(op.getSelf()), dtype, reduction->dims[0], isMaximum);
    return SmallVector<Value>{restoreDims(b, values, *reduction), restoreDims(b, places, *reduction)};
  }
};
using LowerAtenMaxDim = LowerExtremumWithPlace<AtenMaxDimOp, true>;
using LowerAtenMinDim = LowerExtremumWithPlace<AtenMinDimOp, false>;

/// Without a dim, the place is that in the flattened tensor.
template <typename OpT, bool isMaximum> struct LowerPlace : LowerOp<LowerPlace<OpT, isMaximum>, OpT> {
  using LowerOp<LowerPlace<OpT, isMaximum>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (isa<ComplexType>(dtype))
      return b.refuse("complex numbers");
    FailureOr<ReducedDims> reduction = getReducedDims(b, op.getSelf(), op.getDim(), op.getKeepdim());
    if (failed(reduction))
      return failure();
    if (reduction->dims.empty())
      return createFilled(b, {}, b.getI64IntegerAttr(0));
    Value tensor = b.get(op.getSelf());
    if (isNone(op.getDim()))
      tensor = flatten(b, tensor, 0, reduction->dims.size() - 1);
    Value places = findExtremum(b, tensor, dtype, reduction->dims[0], isMaximum).second;
    return restoreDims(b, places, *reduction);
  }
};
using LowerAtenArgmax = LowerPlace<AtenArgmaxOp, true>;
using LowerAtenArgmin = LowerPlace<AtenArgminOp, false>;

} // namespace

void torchc::populateReductionPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenSumDimIntList, LowerAtenMeanDim, LowerAtenProdDimInt, LowerAtenAmax, LowerAtenAmin,
              LowerAtenAnyDim, LowerAtenAllDim, LowerAtenMaxDim, LowerAtenMinDim, LowerAtenArgmax, LowerAtenArgmin>(
      patterns, context);
}
