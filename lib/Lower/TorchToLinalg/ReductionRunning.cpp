//===- ReductionRunning.cpp - running sums, products and extrema ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// out[i] combines x[j], j <= i. Each element is a reduction of its own: quadratic, but without
// an order that a kernel would have to keep.
//
//===----------------------------------------------------------------------===//

#include "Real.h"
#include "Reduction.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

namespace {

/// The loops of a running reduction: those of the tensor, and last one over what lies before.
struct RunningLoops {
  SmallVector<OpFoldResult> sizes;
  int64_t rank, dim;
  AffineMap read; ///< The element at the last loop's place.
};

} // namespace

/// nullopt for a tensor without dims, or a dim that is not constant.
static std::optional<RunningLoops> getLoops(Lowering &b, Value tensor, Value dimValue) {
  std::optional<int64_t> constant = getConstantInt(dimValue);
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  int64_t rank = sizes.size();
  if (!constant || rank == 0)
    return std::nullopt;
  int64_t dim = wrapDim(*constant, rank);
  sizes.push_back(sizes[dim]);
  SmallVector<AffineExpr> read;
  for (int64_t i = 0; i < rank; ++i)
    read.push_back(b.getAffineDimExpr(i == dim ? rank : i));
  return RunningLoops{sizes, rank, dim, AffineMap::get(rank + 1, 0, read, b.getContext())};
}

static Value isBefore(ImplicitLocOpBuilder &body, const RunningLoops &loops) {
  return arith::CmpIOp::create(body, CmpIPredicate::ule, linalg::IndexOp::create(body, loops.rank),
                               linalg::IndexOp::create(body, loops.dim));
}

static FailureOr<Type> getRunningDtype(Lowering &b, Value self, Value dim, Value result) {
  Type dtype = getComputeDtype(Lowering::getDtype(result));
  if (!getConstantInt(dim) || isa<ComplexType>(dtype) || isa<ComplexType>(Lowering::getDtype(self)))
    return b.refuse("dim is not constant, or complex numbers");
  return dtype;
}

namespace {

template <typename OpT, bool isProduct> struct LowerRunningSum : LowerOp<LowerRunningSum<OpT, isProduct>, OpT> {
  using LowerOp<LowerRunningSum<OpT, isProduct>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    FailureOr<Type> dtype = getRunningDtype(b, op.getSelf(), op.getDim(), op.getResult());
    if (failed(dtype))
      return failure();
    Value tensor = b.get(op.getSelf());
    Type from = Lowering::getDtype(op.getSelf()), resultDtype = Lowering::getDtype(op.getResult());
    std::optional<RunningLoops> loops = getLoops(b, tensor, op.getDim());
    if (!loops)
      return convertTensor(b, tensor, from, resultDtype);
    Value result =
        createReduction(b, MappedOperand{tensor, loops->read}, loops->sizes, loops->rank,
                        getNumber(b, *dtype, isProduct ? 1 : 0), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                          Value element = convertElement(body, elements[0], from, *dtype);
                          Value neutral = arith::ConstantOp::create(body, getNumber(body, *dtype, isProduct ? 1 : 0));
                          Value term = arith::SelectOp::create(body, isBefore(body, *loops), element, neutral);
                          if (isFloat(*dtype))
                            return isProduct ? createContractingMul(body, elements[1], term)
                                             : createContractingAdd(body, elements[1], term);
                          return isProduct ? arith::MulIOp::create(body, elements[1], term).getResult()
                                           : arith::AddIOp::create(body, elements[1], term).getResult();
                        });
    return convertTensor(b, result, *dtype, resultDtype);
  }
};
using LowerAtenCumsum = LowerRunningSum<AtenCumsumOp, false>;
using LowerAtenCumprod = LowerRunningSum<AtenCumprodOp, true>;

/// log of the running sum of exp, each shifted by the running maximum.
struct LowerAtenLogcumsumexp : LowerOp<LowerAtenLogcumsumexp, AtenLogcumsumexpOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenLogcumsumexpOp op, Lowering &b) const {
    FailureOr<Type> dtype = getRunningDtype(b, op.getSelf(), op.getDim(), op.getResult());
    if (failed(dtype) || !isFloat(*dtype))
      return b.refuse("dim is not constant, or self is not a real float");
    Value tensor = b.get(op.getSelf());
    Type from = Lowering::getDtype(op.getSelf());
    std::optional<RunningLoops> loops = getLoops(b, tensor, op.getDim());
    if (!loops)
      return tensor;
    auto masked = [&](ImplicitLocOpBuilder &body, Value element) {
      Value lowest = arith::ConstantOp::create(body, getLowest(body, *dtype));
      return arith::SelectOp::create(body, isBefore(body, *loops), convertElement(body, element, from, *dtype), lowest);
    };
    Value maxima = createReduction(b, MappedOperand{tensor, loops->read}, loops->sizes, loops->rank,
                                   getLowest(b, *dtype), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                     return arith::MaximumFOp::create(body, elements[1], masked(body, elements[0]));
                                   });
    // An infinite maximum is no shift.
    auto getShift = [](Real maximum) {
      return select(abs(maximum) == std::numeric_limits<double>::infinity(), maximum.number(0), maximum);
    };
    MappedOperand maximum = {maxima, getKeptMap(b.getContext(), loops->rank + 1, loops->rank)};
    Value sums = createReduction(b, {MappedOperand{tensor, loops->read}, maximum}, loops->sizes, loops->rank,
                                 getNumber(b, *dtype, 0), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                   Real term =
                                       exp(Real(body, masked(body, elements[0])) - getShift(Real(body, elements[1])));
                                   return arith::AddFOp::create(body, elements[2], term.get());
                                 });
    return createElementwise(b, {sums, maxima}, ArrayRef(loops->sizes).drop_back(), getValueType(from),
                             [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                               Real value = log(Real(body, elements[0])) + getShift(Real(body, elements[1]));
                               return convertElement(body, value.get(), *dtype, from);
                             });
  }
};

/// The extremum so far and its last place; NaN, once there, stays.
template <typename OpT, bool isMaximum>
struct LowerRunningExtremum : LowerMultiResultOp<LowerRunningExtremum<OpT, isMaximum>, OpT> {
  using LowerMultiResultOp<LowerRunningExtremum<OpT, isMaximum>, OpT>::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(OpT op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!getConstantInt(op.getDim()) || isa<ComplexType>(dtype))
      return b.refuse("dim is not constant, or complex numbers");
    Value tensor = b.get(op.getSelf());
    std::optional<RunningLoops> loops = getLoops(b, tensor, op.getDim());
    if (!loops)
      return SmallVector<Value>{tensor, createFilled(b, {}, b.getI64IntegerAttr(0))};
    SmallVector<OpFoldResult> kept(ArrayRef<OpFoldResult>(loops->sizes).drop_back());
    Value values = createFilled(b, kept, isMaximum ? getLowest(b, dtype) : getHighest(b, dtype));
    Value places = createFilled(b, kept, b.getI64IntegerAttr(-1));
    AffineMap map = getKeptMap(b.getContext(), loops->rank + 1, loops->rank);
    SmallVector<utils::IteratorType> iterators(loops->rank + 1, utils::IteratorType::parallel);
    iterators.back() = utils::IteratorType::reduction;
    auto generic = linalg::GenericOp::create(
        b, TypeRange{values.getType(), places.getType()}, tensor, ValueRange{values, places},
        ArrayRef<AffineMap>{loops->read, map, map}, iterators,
        [&](OpBuilder &nested, Location loc, ValueRange arguments) {
          ImplicitLocOpBuilder body(loc, nested);
          ElementBuilder builder(body, op, dtype);
          Value element = arguments[0], best = arguments[1], bestPlace = arguments[2];
          Value place =
              arith::IndexCastOp::create(builder, b.getI64Type(), linalg::IndexOp::create(builder, loops->rank));
          Value better = isBetterExtremum(builder, element, place, best, bestPlace, isMaximum, /*first=*/false);
          better = arith::AndIOp::create(builder, better, isBefore(builder, *loops));
          Value newBest = arith::SelectOp::create(builder, better, element, best);
          Value newPlace = arith::SelectOp::create(builder, better, place, bestPlace);
          linalg::YieldOp::create(builder, ValueRange{newBest, newPlace});
        });
    return SmallVector<Value>{generic.getResult(0), generic.getResult(1)};
  }
};
using LowerAtenCummax = LowerRunningExtremum<AtenCummaxOp, true>;
using LowerAtenCummin = LowerRunningExtremum<AtenCumminOp, false>;

} // namespace

void torchc::populateReductionRunningPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenCumsum, LowerAtenCumprod, LowerAtenLogcumsumexp, LowerAtenCummax, LowerAtenCummin>(patterns,
                                                                                                          context);
}
