//===- ReductionRunning.cpp - running sums, products and extrema ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// out[i] joins x[0], ..., x[i]. The dim is cut into blocks: within a block each element is a reduction
// of its own, which keeps no order between kernels; what the blocks before it come to is made in
// the same way from their totals. That is linear in the length of the dim, times the size of a block.
//
//===----------------------------------------------------------------------===//

#include "Real.h"
#include "Reduction.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

static constexpr int64_t kBlock = 64;
/// Blocks of blocks of blocks; what is left of a dim that is not static is one block.
static constexpr int kDepth = 3;

//===----------------------------------------------------------------------===//
// The mechanism
//===----------------------------------------------------------------------===//

/// Reduces the last of the loops over `sizes`, of several tensors at once, all read at `read`.
static SmallVector<Value> joinLastLoop(ImplicitLocOpBuilder &b, ArrayRef<Value> tensors, AffineMap read,
                                       ArrayRef<OpFoldResult> sizes, AffineMap kept, int64_t reduced,
                                       const Joining &joining, function_ref<Value(ImplicitLocOpBuilder &)> isMeant) {
  SmallVector<OpFoldResult> keptSizes;
  for (auto [loop, size] : llvm::enumerate(sizes))
    if (static_cast<int64_t>(loop) != reduced)
      keptSizes.push_back(size);
  SmallVector<Value> inits;
  for (TypedAttr neutral : joining.neutral)
    inits.push_back(createFilled(b, keptSizes, neutral));
  SmallVector<AffineMap> maps(tensors.size(), read);
  maps.append(tensors.size(), kept);
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  iterators[reduced] = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      b, TypeRange(ValueRange(inits)), tensors, inits, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder body(loc, nested);
        SmallVector<Value> elements(arguments.take_front(tensors.size()));
        if (Value meant = isMeant(body))
          for (auto [element, neutral] : llvm::zip_equal(elements, joining.neutral))
            element = arith::SelectOp::create(body, meant, element, arith::ConstantOp::create(body, neutral));
        linalg::YieldOp::create(body, joining.join(body, arguments.take_back(tensors.size()), elements));
      });
  return llvm::to_vector(ValueRange(generic.getResults()));
}

/// out[.., i, ..] joins the elements j <= i of `dim`, or, not `inclusive`, j < i.
static SmallVector<Value> joinEarlier(ImplicitLocOpBuilder &b, ArrayRef<Value> tensors, int64_t dim, bool inclusive,
                                      const Joining &joining) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensors.front());
  int64_t rank = sizes.size();
  sizes.push_back(sizes[dim]);
  SmallVector<AffineExpr> read;
  for (int64_t i = 0; i < rank; ++i)
    read.push_back(b.getAffineDimExpr(i == dim ? rank : i));
  return joinLastLoop(b, tensors, AffineMap::get(rank + 1, 0, read, b.getContext()), sizes,
                      getKeptMap(b.getContext(), rank + 1, rank), rank, joining, [&](ImplicitLocOpBuilder &body) {
                        return arith::CmpIOp::create(body, inclusive ? CmpIPredicate::ule : CmpIPredicate::ult,
                                                     linalg::IndexOp::create(body, rank),
                                                     linalg::IndexOp::create(body, dim))
                            .getResult();
                      });
}

/// Dim `dim` as one of blocks and one of elements, the last block filled up with the neutral element.
static Value cutIntoBlocks(ImplicitLocOpBuilder &b, Value tensor, int64_t dim, TypedAttr neutral) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor), padded = sizes;
  OpFoldResult blocks = ceilDivSizes(b, sizes[dim], b.getIndexAttr(kBlock));
  padded[dim] = mulSizes(b, blocks, b.getIndexAttr(kBlock));
  if (!areEqualSizes(padded[dim], sizes[dim])) {
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)), strides(sizes.size(), b.getIndexAttr(1));
    tensor = insertSlice(b, tensor, createFilled(b, padded, neutral), offsets, sizes, strides);
  }
  padded[dim] = blocks;
  padded.insert(padded.begin() + dim + 1, b.getIndexAttr(kBlock));
  return reshape(b, tensor, padded);
}

static SmallVector<Value> createRunning(ImplicitLocOpBuilder &b, ArrayRef<Value> tensors, int64_t dim, bool inclusive,
                                        const Joining &joining, int depth) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensors.front());
  std::optional<int64_t> known = getConstantIntValue(sizes[dim]);
  if (known ? *known <= kBlock : depth == 0)
    return joinEarlier(b, tensors, dim, inclusive, joining);
  SmallVector<Value> blocks;
  for (auto [tensor, neutral] : llvm::zip_equal(tensors, joining.neutral))
    blocks.push_back(cutIntoBlocks(b, tensor, dim, neutral));
  SmallVector<Value> within = joinEarlier(b, blocks, dim + 1, inclusive, joining);
  SmallVector<OpFoldResult> blockSizes = getDims(b, blocks.front());
  int64_t rank = blockSizes.size();
  AffineMap identity = b.getMultiDimIdentityMap(rank), ofBlock = getKeptMap(b.getContext(), rank, dim + 1);
  SmallVector<Value> totals = joinLastLoop(b, blocks, identity, blockSizes, ofBlock, dim + 1, joining,
                                           [](ImplicitLocOpBuilder &) { return Value(); });
  SmallVector<Value> before = createRunning(b, totals, dim, /*inclusive=*/false, joining, depth - 1);

  SmallVector<Value> inputs(before), inits;
  inputs.append(within);
  for (TypedAttr neutral : joining.neutral)
    inits.push_back(createEmpty(b, blockSizes, neutral.getType()));
  SmallVector<AffineMap> maps(before.size(), ofBlock);
  maps.append(2 * within.size(), identity);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto joined = linalg::GenericOp::create(b, TypeRange(ValueRange(inits)), inputs, inits, maps, iterators,
                                          [&](OpBuilder &nested, Location loc, ValueRange arguments) {
                                            ImplicitLocOpBuilder body(loc, nested);
                                            linalg::YieldOp::create(
                                                body, joining.join(body, arguments.take_front(before.size()),
                                                                   arguments.slice(before.size(), within.size())));
                                          });
  SmallVector<Value> results;
  for (Value result : joined.getResults()) {
    Value whole = flatten(b, result, dim, dim + 1);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)), strides(sizes.size(), b.getIndexAttr(1));
    results.push_back(extractSlice(b, whole, offsets, sizes, strides));
  }
  return results;
}

SmallVector<Value> torchc::createRunning(ImplicitLocOpBuilder &b, ArrayRef<Value> tensors, int64_t dim,
                                         const Joining &joining) {
  return ::createRunning(b, tensors, dim, /*inclusive=*/true, joining, kDepth);
}

//===----------------------------------------------------------------------===//
// The ops
//===----------------------------------------------------------------------===//

/// The dim of a running reduction, -1 for a tensor without dims.
static FailureOr<int64_t> getRunningDim(Lowering &b, Value self, Value dim) {
  std::optional<int64_t> constant = getConstantInt(dim);
  if (!constant || isa<ComplexType>(Lowering::getDtype(self)))
    return b.refuse("dim is not constant, or complex numbers");
  int64_t rank = b.getTensorType(self).getRank();
  return rank == 0 ? -1 : wrapDim(*constant, rank);
}

namespace {

template <typename OpT, bool isProduct> struct LowerRunningSum : LowerOp<LowerRunningSum<OpT, isProduct>, OpT> {
  using LowerOp<LowerRunningSum<OpT, isProduct>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    FailureOr<int64_t> dim = getRunningDim(b, op.getSelf(), op.getDim());
    if (failed(dim))
      return failure();
    Type from = Lowering::getDtype(op.getSelf()), resultDtype = Lowering::getDtype(op.getResult());
    Type dtype = getComputeDtype(resultDtype);
    if (isa<ComplexType>(dtype))
      return b.refuse("complex numbers");
    // The elements are first brought to the dtype of the result.
    Value tensor = convertTensor(b, convertTensor(b, b.get(op.getSelf()), from, resultDtype), resultDtype, dtype);
    if (*dim < 0)
      return convertTensor(b, tensor, dtype, resultDtype);
    Joining joining{{getNumber(b, dtype, isProduct ? 1 : 0)},
                    [&](ImplicitLocOpBuilder &body, ValueRange earlier, ValueRange later) -> SmallVector<Value> {
                      if (isFloat(dtype))
                        return {isProduct ? createContractingMul(body, earlier[0], later[0])
                                          : createContractingAdd(body, earlier[0], later[0])};
                      return {isProduct ? arith::MulIOp::create(body, earlier[0], later[0]).getResult()
                                        : arith::AddIOp::create(body, earlier[0], later[0])};
                    }};
    return convertTensor(b, createRunning(b, tensor, *dim, joining).front(), dtype, resultDtype);
  }
};
using LowerAtenCumsum = LowerRunningSum<AtenCumsumOp, false>;
using LowerAtenCumprod = LowerRunningSum<AtenCumprodOp, true>;

/// log of the running sum of exp: pairs of a maximum m and a sum s stand for s exp(m), for s where m
/// is infinite.
struct LowerAtenLogcumsumexp : LowerOp<LowerAtenLogcumsumexp, AtenLogcumsumexpOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenLogcumsumexpOp op, Lowering &b) const {
    FailureOr<int64_t> dim = getRunningDim(b, op.getSelf(), op.getDim());
    Type from = Lowering::getDtype(op.getSelf()), dtype = getComputeDtype(from);
    if (failed(dim) || !isFloat(dtype))
      return b.refuse("dim is not constant, or self is not a real float");
    Value tensor = b.get(op.getSelf());
    if (*dim < 0)
      return tensor;
    SmallVector<OpFoldResult> sizes = getDims(b, tensor);
    Value maxima = convertTensor(b, tensor, from, dtype);
    // An infinite maximum is no shift.
    auto getShift = [](Real maximum) {
      return select(abs(maximum) == std::numeric_limits<double>::infinity(), maximum.number(0), maximum);
    };
    Joining joining{{getLowest(b, dtype), getNumber(b, dtype, 0)},
                    [&](ImplicitLocOpBuilder &body, ValueRange earlier, ValueRange later) -> SmallVector<Value> {
                      Real m(body, earlier[0]), s(body, earlier[1]), n(body, later[0]), t(body, later[1]);
                      Real maximum = max(m, n), shift = getShift(maximum);
                      // Relative to the common shift; nothing has no shift that could overflow.
                      auto scale = [&](Real own, Real sum) {
                        Truth isNothing = own == -std::numeric_limits<double>::infinity();
                        return select(isNothing, sum.number(0), sum * exp(getShift(own) - shift));
                      };
                      return {maximum.get(), (scale(m, s) + scale(n, t)).get()};
                    }};
    // 1, or exp(x) where x is no shift.
    Value sums = createElementwise(b, maxima, sizes, dtype, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
      Real x(body, elements[0]);
      return exp(x - getShift(x)).get();
    });
    SmallVector<Value> results = createRunning(b, {maxima, sums}, *dim, joining);
    return createElementwise(b, {results[1], results[0]}, sizes, getValueType(from),
                             [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                               Real value = log(Real(body, elements[0])) + getShift(Real(body, elements[1]));
                               return convertElement(body, value.get(), dtype, from);
                             });
  }
};

/// The extremum so far and its last place; NaN, once there, stays.
template <typename OpT, bool isMaximum>
struct LowerRunningExtremum : LowerMultiResultOp<LowerRunningExtremum<OpT, isMaximum>, OpT> {
  using LowerMultiResultOp<LowerRunningExtremum<OpT, isMaximum>, OpT>::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(OpT op, Lowering &b) const {
    FailureOr<int64_t> dim = getRunningDim(b, op.getSelf(), op.getDim());
    if (failed(dim))
      return failure();
    Type dtype = Lowering::getDtype(op.getSelf());
    Value tensor = b.get(op.getSelf());
    if (*dim < 0)
      return SmallVector<Value>{tensor, createFilled(b, {}, b.getI64IntegerAttr(0))};
    Value places =
        createFromIndices(b, getDims(b, tensor), b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange indices) {
          return arith::IndexCastOp::create(body, body.getI64Type(), indices[*dim]).getResult();
        });
    Joining joining{{isMaximum ? getLowest(b, dtype) : getHighest(b, dtype), b.getI64IntegerAttr(-1)},
                    [&](ImplicitLocOpBuilder &body, ValueRange earlier, ValueRange later) -> SmallVector<Value> {
                      ElementBuilder builder(body, op, dtype);
                      Value better = isBetterExtremum(builder, later[0], later[1], earlier[0], earlier[1], isMaximum,
                                                      /*first=*/false);
                      return {arith::SelectOp::create(builder, better, later[0], earlier[0]),
                              arith::SelectOp::create(builder, better, later[1], earlier[1])};
                    }};
    return createRunning(b, {tensor, places}, *dim, joining);
  }
};
using LowerAtenCummax = LowerRunningExtremum<AtenCummaxOp, true>;
using LowerAtenCummin = LowerRunningExtremum<AtenCumminOp, false>;

} // namespace

void torchc::populateReductionRunningPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenCumsum, LowerAtenCumprod, LowerAtenLogcumsumexp, LowerAtenCummax, LowerAtenCummin>(patterns,
                                                                                                          context);
}
