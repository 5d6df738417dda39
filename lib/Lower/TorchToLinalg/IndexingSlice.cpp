//===- IndexingSlice.cpp - ranges of dims, read and written; triangles ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

namespace {

/// A part of a tensor: what extract_slice and insert_slice take.
struct Part {
  SmallVector<OpFoldResult> offsets, sizes, strides;
};

} // namespace

static Part getWhole(Lowering &b, Value tensor) {
  Part part;
  part.sizes = getDims(b, tensor);
  part.offsets.assign(part.sizes.size(), b.getIndexAttr(0));
  part.strides.assign(part.sizes.size(), b.getIndexAttr(1));
  return part;
}

/// A bound of a slice: negative ones count from the end, all are clamped to
/// lie from `low` to the extent.
static OpFoldResult clampBound(Lowering &b, OpFoldResult bound, OpFoldResult low, OpFoldResult extent) {
  std::optional<int64_t> constant = getConstantIntValue(bound);
  if (constant == std::numeric_limits<int64_t>::max())
    return extent;
  if (constant == 0 && getConstantIntValue(low) == 0)
    return bound;
  if (constant) {
    if (*constant < 0)
      bound = addSizes(b, bound, extent);
  } else {
    Value value = toIndex(b, bound);
    Value isNegative = arith::CmpIOp::create(b, CmpIPredicate::slt, value, toIndex(b, b.getIndexAttr(0)));
    bound = b.createOrFold<arith::SelectOp>(isNegative, toIndex(b, addSizes(b, bound, extent)), value);
  }
  return minSizes(b, maxSizes(b, bound, low), extent);
}

/// The part that `tensor[start:end:step]` of one dim is.
template <typename OpT> static FailureOr<Part> getSlice(OpT op, Lowering &b) {
  std::optional<int64_t> constant = getConstantInt(op.getDim()), step = getConstantInt(op.getStep());
  Value tensor = b.get(op.getSelf());
  Part part = getWhole(b, tensor);
  if (!constant || !step || *step < 1 || part.sizes.empty())
    return b.refuse("dim or step is not constant, or step is not positive");
  int64_t dim = wrapDim(*constant, part.sizes.size());
  OpFoldResult zero = b.getIndexAttr(0), extent = part.sizes[dim];
  OpFoldResult start = isNone(op.getStart()) ? zero : clampBound(b, b.getSize(op.getStart()), zero, extent);
  OpFoldResult end = isNone(op.getEnd()) ? extent : clampBound(b, b.getSize(op.getEnd()), start, extent);
  part.offsets[dim] = start;
  part.sizes[dim] = ceilDivSizes(b, subSizes(b, end, start), b.getIndexAttr(*step));
  part.strides[dim] = b.getIndexAttr(*step);
  return part;
}

/// The part that `tensor[index]` of one dim is, with size 1 there.
template <typename OpT> static FailureOr<Part> getSelection(OpT op, Lowering &b, int64_t &dim) {
  std::optional<int64_t> constant = getConstantInt(op.getDim());
  Part part = getWhole(b, b.get(op.getSelf()));
  if (!constant || part.sizes.empty())
    return b.refuse("dim is not constant, or self has no dims");
  dim = wrapDim(*constant, part.sizes.size());
  OpFoldResult index = b.getSize(op.getIndex()), extent = part.sizes[dim];
  std::optional<int64_t> known = getConstantIntValue(index), limit = getConstantIntValue(extent);
  if (known && *known < 0)
    index = addSizes(b, index, extent);
  if (!known) {
    Value value = toIndex(b, index);
    Value isNegative = arith::CmpIOp::create(b, CmpIPredicate::slt, value, toIndex(b, b.getIndexAttr(0)));
    index = b.createOrFold<arith::SelectOp>(isNegative, toIndex(b, addSizes(b, index, extent)), value);
  }
  if (!known || !limit) {
    Value isInside = arith::CmpIOp::create(b, CmpIPredicate::ult, toIndex(b, index), toIndex(b, extent));
    cf::AssertOp::create(b, isInside, b.getStringAttr("index out of range in " + op->getName().stripDialect()));
  } else if (*known >= *limit || *known < -*limit) {
    return b.refuse("index " + Twine(*known) + " is out of range for a dim of size " + Twine(*limit));
  }
  part.offsets[dim] = index;
  part.sizes[dim] = b.getIndexAttr(1);
  return part;
}

namespace {

struct LowerAtenSliceTensor : LowerOp<LowerAtenSliceTensor, AtenSliceTensorOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSliceTensorOp op, Lowering &b) const {
    FailureOr<Part> part = getSlice(op, b);
    if (failed(part))
      return failure();
    Value tensor = b.get(op.getSelf());
    if (llvm::equal(part->sizes, getDims(b, tensor), areEqualSizes))
      return tensor;
    return extractSlice(b, tensor, part->offsets, part->sizes, part->strides);
  }
};

struct LowerAtenSelectInt : LowerOp<LowerAtenSelectInt, AtenSelectIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSelectIntOp op, Lowering &b) const {
    int64_t dim = 0;
    FailureOr<Part> part = getSelection(op, b, dim);
    if (failed(part))
      return failure();
    Value slice = extractSlice(b, b.get(op.getSelf()), part->offsets, part->sizes, part->strides);
    return dropUnitDims(b, slice, dim);
  }
};

struct LowerAtenSliceScatter : LowerOp<LowerAtenSliceScatter, AtenSliceScatterOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSliceScatterOp op, Lowering &b) const {
    FailureOr<Part> part = getSlice(op, b);
    if (failed(part))
      return failure();
    Type from = Lowering::getDtype(op.getSrc()), to = Lowering::getDtype(op.getSelf());
    if (from != to && (isa<ComplexType>(from) || isa<ComplexType>(to)))
      return b.refuse("complex numbers");
    Value source = convertTensor(b, b.get(op.getSrc()), from, to);
    for (auto [dim, size] : llvm::enumerate(getDims(b, source)))
      assertEqualSizes(b, size, part->sizes[dim], "src does not have the size of the slice in aten.slice_scatter");
    return insertSlice(b, source, b.get(op.getSelf()), part->offsets, getDims(b, source), part->strides);
  }
};

struct LowerAtenSelectScatter : LowerOp<LowerAtenSelectScatter, AtenSelectScatterOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSelectScatterOp op, Lowering &b) const {
    int64_t dim = 0;
    FailureOr<Part> part = getSelection(op, b, dim);
    if (failed(part))
      return failure();
    Type from = Lowering::getDtype(op.getSrc()), to = Lowering::getDtype(op.getSelf());
    if (from != to && (isa<ComplexType>(from) || isa<ComplexType>(to)))
      return b.refuse("complex numbers");
    Value source = insertUnitDims(b, convertTensor(b, b.get(op.getSrc()), from, to), dim);
    for (auto [i, size] : llvm::enumerate(getDims(b, source)))
      assertEqualSizes(b, size, part->sizes[i], "src does not have the size of the selection in aten.select_scatter");
    return insertSlice(b, source, b.get(op.getSelf()), part->offsets, getDims(b, source), part->strides);
  }
};

/// Keeps the elements where column - row is at most (tril) or at least (triu)
/// the diagonal; the others become 0.
template <typename OpT, CmpIPredicate keeps> struct LowerTriangle : LowerOp<LowerTriangle<OpT, keeps>, OpT> {
  using LowerOp<LowerTriangle<OpT, keeps>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Value tensor = b.get(op.getSelf());
    auto type = cast<RankedTensorType>(tensor.getType());
    if (isa<ComplexType>(type.getElementType()))
      return b.refuse("complex numbers");
    Value diagonal = toIndex(b, b.getSize(op.getDiagonal()));
    int64_t rank = type.getRank();
    return createElementwise(b, tensor, getDims(b, tensor), type.getElementType(),
                             [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                               Value row = linalg::IndexOp::create(body, rank - 2);
                               Value column = linalg::IndexOp::create(body, rank - 1);
                               Value distance = arith::SubIOp::create(body, column, row);
                               Value isKept = arith::CmpIOp::create(body, keeps, distance, diagonal);
                               Value zero = arith::ConstantOp::create(body, body.getZeroAttr(type.getElementType()));
                               return arith::SelectOp::create(body, isKept, elements[0], zero).getResult();
                             });
  }
};
using LowerAtenTril = LowerTriangle<AtenTrilOp, CmpIPredicate::sle>;
using LowerAtenTriu = LowerTriangle<AtenTriuOp, CmpIPredicate::sge>;

} // namespace

void torchc::populateIndexingSlicePatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenSliceTensor, LowerAtenSelectInt, LowerAtenSliceScatter, LowerAtenSelectScatter, LowerAtenTril,
              LowerAtenTriu>(patterns, context);
}
