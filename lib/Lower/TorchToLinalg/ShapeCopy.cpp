//===- ShapeCopy.cpp - concatenation, padding, repetition, reversal ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// The part of a tensor from `offset` on, `size` long, in one dim.
static Value extractPart(Lowering &b, Value tensor, int64_t dim, OpFoldResult offset, OpFoldResult size) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)), strides(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = offset;
  sizes[dim] = size;
  return extractSlice(b, tensor, offsets, sizes, strides);
}

/// tensor.concat; extents of the other dims must agree.
static Value concatenate(Lowering &b, int64_t dim, ArrayRef<Value> tensors) {
  if (tensors.size() == 1)
    return tensors[0];
  for (Value tensor : tensors.drop_front())
    for (int64_t other = 0; other < cast<RankedTensorType>(tensor.getType()).getRank(); ++other)
      if (other != dim)
        assertEqualSizes(b, getDim(b, tensors[0], other), getDim(b, tensor, other),
                         "sizes of tensors do not match in dim " + Twine(other) + " of aten.cat");
  return tensor::ConcatOp::create(b, dim, tensors).getResult();
}

namespace {

struct LowerAtenCat : LowerOp<LowerAtenCat, AtenCatOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenCatOp op, Lowering &b) const {
    std::optional<SmallVector<Value>> list = getListElements(op.getTensors());
    std::optional<int64_t> dim = getConstantInt(op.getDim());
    if (!list || !dim)
      return b.refuse("dim is not constant, or tensors are not a list built in sight");
    int64_t rank = b.getTensorType(op.getResult()).getRank();
    Type dtype = Lowering::getDtype(op.getResult());
    SmallVector<Value> tensors;
    for (Value element : *list) {
      // PyTorch skips tensors of shape [0], whatever the others' rank.
      RankedTensorType type = b.getTensorType(element);
      if (type.getRank() == 1 && type.getDimSize(0) == 0 && (rank != 1 || list->size() > 1))
        continue;
      if (isa<ComplexType>(dtype) && Lowering::getDtype(element) != dtype)
        return b.refuse("complex numbers");
      tensors.push_back(convertTensor(b, b.get(element), Lowering::getDtype(element), dtype));
    }
    if (tensors.empty())
      return createEmpty(b, {b.getIndexAttr(0)}, getValueType(dtype));
    return concatenate(b, wrapDim(*dim, rank), tensors);
  }
};

/// Pads or, where an amount is negative, cuts; amounts come in pairs from the last dim.
struct LowerAtenConstantPadNd : LowerOp<LowerAtenConstantPadNd, AtenConstantPadNdOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenConstantPadNdOp op, Lowering &b) const {
    std::optional<SmallVector<OpFoldResult>> amounts = b.getSizeList(op.getPad());
    Type from = Lowering::getDtype(op.getValue()), dtype = Lowering::getDtype(op.getSelf());
    if (!amounts || !from || isa<ComplexType>(dtype))
      return b.refuse("amounts are not a list built in sight, or value is not a number of a real type");
    Value tensor = b.get(op.getSelf());
    int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
    SmallVector<OpFoldResult> low(rank, b.getIndexAttr(0)), high(rank, b.getIndexAttr(0));
    for (size_t i = 0; i + 1 < amounts->size(); i += 2) {
      int64_t dim = rank - 1 - static_cast<int64_t>(i / 2);
      OpFoldResult zero = b.getIndexAttr(0), before = (*amounts)[i], after = (*amounts)[i + 1];
      OpFoldResult cutBefore = maxSizes(b, subSizes(b, zero, before), zero);
      OpFoldResult cutAfter = maxSizes(b, subSizes(b, zero, after), zero);
      if (getConstantIntValue(cutBefore) != 0 || getConstantIntValue(cutAfter) != 0)
        tensor = extractPart(b, tensor, dim, cutBefore,
                             subSizes(b, getDim(b, tensor, dim), addSizes(b, cutBefore, cutAfter)));
      low[dim] = maxSizes(b, before, zero);
      high[dim] = maxSizes(b, after, zero);
    }
    Value value = convertElement(b, b.get(op.getValue()), from, dtype);
    return tensor::PadOp::create(b, Type(), tensor, low, high, value).getResult();
  }
};

/// Reads every element once for each repetition, with a dim of its own for
/// the repetitions of each dim.
struct LowerAtenRepeat : LowerOp<LowerAtenRepeat, AtenRepeatOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenRepeatOp op, Lowering &b) const {
    std::optional<SmallVector<OpFoldResult>> repeats = b.getSizeList(op.getRepeats());
    if (!repeats)
      return b.refuse("repeats are not a list built in sight");
    Value tensor = b.get(op.getSelf());
    SmallVector<OpFoldResult> dims = getDims(b, tensor), sizes, result;
    int64_t offset = static_cast<int64_t>(repeats->size()) - static_cast<int64_t>(dims.size());
    SmallVector<AffineExpr> read;
    for (auto [i, repeat] : llvm::enumerate(*repeats)) {
      sizes.push_back(repeat);
      result.push_back(repeat);
      if (static_cast<int64_t>(i) < offset)
        continue;
      read.push_back(b.getAffineDimExpr(sizes.size()));
      sizes.push_back(dims[i - offset]);
      result.back() = mulSizes(b, repeat, dims[i - offset]);
    }
    MappedOperand operand = {tensor, AffineMap::get(sizes.size(), 0, read, b.getContext())};
    Value repeated = createMapped(b, operand, sizes, cast<RankedTensorType>(tensor.getType()).getElementType(),
                                  [](ImplicitLocOpBuilder &, ValueRange element) { return element[0]; });
    return reshape(b, repeated, result);
  }
};

struct LowerAtenFlip : LowerOp<LowerAtenFlip, AtenFlipOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenFlipOp op, Lowering &b) const {
    std::optional<SmallVector<int64_t>> dims = getConstantIntList(op.getDims());
    if (!dims)
      return b.refuse("dims are not constant");
    Value tensor = b.get(op.getSelf());
    auto type = cast<RankedTensorType>(tensor.getType());
    SmallVector<OpFoldResult> sizes = getDims(b, tensor);
    SmallVector<std::pair<int64_t, Value>> last;
    for (int64_t dim : *dims) {
      int64_t position = wrapDim(dim, type.getRank());
      if (type.getRank() > 0)
        last.push_back({position, toIndex(b, subSizes(b, sizes[position], b.getIndexAttr(1)))});
    }
    return createFromIndices(b, sizes, type.getElementType(), [&](ImplicitLocOpBuilder &body, ValueRange indices) {
      SmallVector<Value> source(indices);
      for (auto [dim, end] : last)
        source[dim] = arith::SubIOp::create(body, end, indices[dim]);
      return tensor::ExtractOp::create(body, tensor, source).getResult();
    });
  }
};

/// Moves the last `shift` elements of a dim to its front.
struct LowerAtenRoll : LowerOp<LowerAtenRoll, AtenRollOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenRollOp op, Lowering &b) const {
    std::optional<SmallVector<OpFoldResult>> shifts = b.getSizeList(op.getShifts());
    std::optional<SmallVector<int64_t>> dims = getConstantIntList(op.getDims());
    if (!shifts || !dims)
      return b.refuse("dims are not constant, or shifts are not a list built in sight");
    Value tensor = b.get(op.getSelf());
    SmallVector<OpFoldResult> sizes = getDims(b, tensor);
    if (sizes.empty())
      return tensor;
    if (dims->empty()) {
      tensor = flatten(b, tensor, 0, sizes.size() - 1);
      dims->push_back(0);
    }
    for (auto [dim, shift] : llvm::zip_equal(*dims, *shifts))
      tensor = roll(b, tensor, wrapDim(dim, sizes.size()), shift);
    return reshape(b, tensor, sizes);
  }

  static Value roll(Lowering &b, Value tensor, int64_t dim, OpFoldResult shift) {
    OpFoldResult size = getDim(b, tensor, dim);
    OpFoldResult divisor = maxSizes(b, size, b.getIndexAttr(1));
    OpFoldResult start = subSizes(b, b.getIndexAttr(0), shift);
    start = subSizes(b, start, mulSizes(b, floorDivSizes(b, start, divisor), divisor));
    if (getConstantIntValue(start) == 0)
      return tensor;
    Value back = extractPart(b, tensor, dim, start, subSizes(b, size, start));
    Value front = extractPart(b, tensor, dim, b.getIndexAttr(0), start);
    Value rolled = tensor::ConcatOp::create(b, dim, ValueRange{back, front});
    return castTensor(b, rolled, cast<RankedTensorType>(tensor.getType()));
  }
};

} // namespace

void torchc::populateShapeCopyPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenCat, LowerAtenConstantPadNd, LowerAtenRepeat, LowerAtenFlip, LowerAtenRoll>(patterns, context);
}
