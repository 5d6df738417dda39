//===- Indexing.cpp - decompositions of ops that pick elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// narrow(x, dim, start, length) = x[start : start + length]
static FailureOr<Value> DecomposeAtenNarrow(AtenNarrowOp op, Decomposer &b) {
  auto dim = getConstantInt(op.getDim());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  Value start = op.getStart();
  // Counted from the end, start + length could be 0, which a slice takes for the front.
  if (auto constant = getConstantInt(start); constant && *constant < 0)
    start = b.add(b.size(op.getSelf(), *dim), start);
  return b.createAs<AtenSliceTensorOp>(op.getType(), op.getSelf(), op.getDim(), start, b.add(start, op.getLength()),
                                       b.integer(1));
}

/// diagonal(x, offset): x[.., i, i + offset] for all i, the two dims moved behind
static FailureOr<Value> DecomposeAtenDiagonal(AtenDiagonalOp op, Decomposer &b) {
  BaseTensorType type = getTensorType(op.getSelf());
  int64_t rank = type.getRank();
  auto offset = getConstantInt(op.getOffset()), dim1 = getConstantInt(op.getDim1()), dim2 = getConstantInt(op.getDim2());
  auto row = dim1 ? wrapDim(*dim1, rank) : std::nullopt, column = dim2 ? wrapDim(*dim2, rank) : std::nullopt;
  if (!offset || !row || !column)
    return b.unsupported("dims or an offset that is not constant");
  int64_t rows = type.getSizes()[*row], columns = type.getSizes()[*column];
  if (ShapedType::isDynamic(rows) || ShapedType::isDynamic(columns))
    return b.unsupported("on a dim that is not static");
  int64_t first = std::max<int64_t>(-*offset, 0), second = std::max<int64_t>(*offset, 0);
  int64_t length = std::max<int64_t>(0, std::min(rows - first, columns - second));
  SmallVector<int64_t> order;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != *row && dim != *column)
      order.push_back(dim);
  llvm::append_values(order, *row, *column);
  Value steps = b.range(b.integer(length));
  auto shifted = [&](int64_t by) {
    return by == 0 ? steps : b.create<AtenAddScalarOp>(steps, b.integer(by), b.integer(1));
  };
  Value none = b.none();
  SmallVector<Value> indices(rank - 2, none);
  llvm::append_values(indices, shifted(first), shifted(second));
  Type elementType = OptionalType::get(steps.getType());
  for (Value &index : indices)
    index = DerefineOp::create(b.getBuilder(), b.getLoc(), elementType, index);
  return b.createAs<AtenIndexTensorOp>(op.getType(), b.permute(op.getSelf(), order), b.list(indices, elementType));
}

/// one_hot(x, n)[.., c] = x[..] == c ? 1 : 0
static FailureOr<Value> DecomposeAtenOneHot(AtenOneHotOp op, Decomposer &b) {
  if (getConstantInt(op.getNumClasses()).value_or(0) < 0)
    return b.unsupported("with a number of classes that the data give");
  Value isClass = b.create<AtenEqTensorOp>(b.unsqueeze(op.getSelf(), -1), b.range(op.getNumClasses()));
  return b.convert(isClass, getTensorType(op.getResult()).getDtype());
}

/// diff(x) = x[1:] - x[:-1], n times; of bools, x[1:] != x[:-1]
static FailureOr<Value> DecomposeAtenDiff(AtenDiffOp op, Decomposer &b) {
  BaseTensorType type = getTensorType(op.getSelf());
  auto constant = getConstantInt(op.getDim()), n = getConstantInt(op.getN());
  auto dim = constant ? wrapDim(*constant, type.getRank()) : std::nullopt;
  if (!dim || !n || *n < 0 || type.getRank() == 0)
    return b.unsupported("a dim or a count that is not constant");
  int64_t size = type.getSizes()[*dim];
  // A dim too short gives none, not a negative number; only a static size shows that.
  bool isLong = !ShapedType::isDynamic(size) && size >= *n;
  bool isJoined = !isNone(op.getPrepend()) || !isNone(op.getAppend());
  if (*n > 1 && (!isLong || isJoined))
    return b.unsupported("taken more than once over a dim whose length is not known");
  SmallVector<Value> parts;
  for (Value part : {op.getPrepend(), Value(op.getSelf()), op.getAppend()})
    if (!isNone(part))
      parts.push_back(part);
  Value x = op.getSelf();
  if (isJoined) {
    Type anyShape = ValueTensorType::get(op.getContext(), false, {}, type.getDtype());
    x = b.create<AtenCatOp>(b.list(parts, anyShape), b.integer(*dim));
  }
  for (int64_t i = 0; i < *n; ++i) {
    Value later = b.slice(x, *dim, b.integer(1), b.integer(std::numeric_limits<int64_t>::max()));
    Value earlier = b.slice(x, *dim, b.integer(0), b.integer(-1));
    x = isBoolDtype(type.getDtype()) ? b.create<AtenNeTensorOp>(later, earlier) : b.subTensors(later, earlier);
  }
  return x;
}

//===----------------------------------------------------------------------===//
// Ops that give a list of parts: one slice a part
//===----------------------------------------------------------------------===//

/// How many parts the readers of a list take; nullopt where one does not say.
static std::optional<int64_t> getPartCount(Operation *op) {
  std::optional<int64_t> count;
  for (Operation *user : op->getUsers()) {
    if (!isa<PrimListUnpackOp>(user))
      continue;
    count = user->getNumResults();
  }
  return count;
}

static FailureOr<Value> buildParts(Operation *op, Value x, int64_t dim, ArrayRef<Value> bounds, Decomposer &b) {
  SmallVector<Value> parts;
  for (auto [start, end] : llvm::zip(bounds.drop_back(), bounds.drop_front()))
    parts.push_back(b.slice(x, dim, start, end));
  // The readers' types, so that each part meets its reader as it is.
  for (Operation *user : op->getUsers())
    if (isa<PrimListUnpackOp>(user) && user->getNumResults() == parts.size())
      for (auto [part, result] : llvm::zip(parts, user->getResults()))
        if (part.getType() != result.getType())
          part = TensorStaticInfoCastOp::create(b.getBuilder(), b.getLoc(), result.getType(), part);
  return b.list(parts, cast<ListType>(op->getResult(0).getType()).getContainedType());
}

/// Parts of `size` along `dim`, the last one shorter.
static FailureOr<Value> buildEvenParts(Operation *op, Value x, std::optional<int64_t> dim, int64_t size, Decomposer &b) {
  int64_t whole = getTensorType(x).getSizes()[*dim];
  std::optional<int64_t> count = getPartCount(op);
  if (!ShapedType::isDynamic(whole))
    count = std::max<int64_t>(1, size == 0 ? 1 : llvm::divideCeil(whole, size));
  if (!count)
    return b.unsupported("into a number of parts that is not known");
  SmallVector<Value> bounds;
  for (int64_t i = 0; i < *count; ++i)
    bounds.push_back(b.integer(i * size));
  bounds.push_back(b.size(x, *dim));
  return buildParts(op, x, *dim, bounds, b);
}

static std::optional<int64_t> getConstantDim(Value dim, Value tensor) {
  auto constant = getConstantInt(dim);
  int64_t rank = getTensorType(tensor).getRank();
  return constant && rank > 0 ? wrapDim(*constant, rank) : std::nullopt;
}

static FailureOr<Value> DecomposeAtenSplitTensor(AtenSplitTensorOp op, Decomposer &b) {
  auto dim = getConstantDim(op.getDim(), op.getSelf());
  auto size = getConstantInt(op.getSplitSize());
  if (!dim || !size)
    return b.unsupported("a size or dim that is not constant");
  return buildEvenParts(op, op.getSelf(), dim, *size, b);
}

static FailureOr<Value> DecomposeAtenChunk(AtenChunkOp op, Decomposer &b) {
  auto dim = getConstantDim(op.getDim(), op.getSelf());
  auto chunks = getConstantInt(op.getChunks());
  if (!dim || !chunks || *chunks <= 0)
    return b.unsupported("a number or dim that is not constant");
  int64_t whole = getTensorType(op.getSelf()).getSizes()[*dim];
  if (ShapedType::isDynamic(whole))
    return b.unsupported("of a dim that is not static");
  // An empty dim gives all the chunks, each of them empty.
  if (whole == 0) {
    SmallVector<Value> bounds(*chunks + 1, b.integer(0));
    return buildParts(op, op.getSelf(), *dim, bounds, b);
  }
  return buildEvenParts(op, op.getSelf(), dim, llvm::divideCeil(whole, *chunks), b);
}

static FailureOr<Value> DecomposeAtenSplitWithSizes(AtenSplitWithSizesOp op, Decomposer &b) {
  auto dim = getConstantDim(op.getDim(), op.getSelf());
  auto sizes = getListElements(op.getSplitSizes());
  if (!dim || !sizes)
    return b.unsupported("sizes or a dim that are not known");
  SmallVector<Value> bounds{b.integer(0)};
  for (Value size : *sizes)
    bounds.push_back(b.add(bounds.back(), size));
  return buildParts(op, op.getSelf(), *dim, bounds, b);
}

static FailureOr<Value> DecomposeAtenUnbindInt(AtenUnbindIntOp op, Decomposer &b) {
  auto dim = getConstantDim(op.getDim(), op.getSelf());
  if (!dim)
    return b.unsupported("a dim that is not constant");
  int64_t whole = getTensorType(op.getSelf()).getSizes()[*dim];
  std::optional<int64_t> count = ShapedType::isDynamic(whole) ? getPartCount(op) : whole;
  if (!count)
    return b.unsupported("into a number of parts that is not known");
  SmallVector<Value> parts;
  for (int64_t i = 0; i < *count; ++i)
    parts.push_back(b.create<AtenSelectIntOp>(op.getSelf(), b.integer(*dim), b.integer(i)));
  return b.list(parts, cast<ListType>(op.getType()).getContainedType());
}

void torchc::populateIndexingPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenNarrow, DecomposeAtenDiagonal, DecomposeAtenOneHot, DecomposeAtenDiff);
  addDecompositions(patterns, DecomposeAtenSplitTensor, DecomposeAtenSplitWithSizes, DecomposeAtenChunk,
                    DecomposeAtenUnbindInt);
}
