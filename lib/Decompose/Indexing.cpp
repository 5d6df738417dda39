//===- Indexing.cpp - decompositions of ops that pick elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "torchc/Dialect/Torch/IR/PartBounds.h"

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
  auto offset = getConstantInt(op.getOffset()), dim1 = getConstantInt(op.getDim1()),
       dim2 = getConstantInt(op.getDim2());
  auto row = dim1 ? wrapDim(*dim1, rank) : std::nullopt, column = dim2 ? wrapDim(*dim2, rank) : std::nullopt;
  if (!offset || !row || !column)
    return b.unsupported("dims or an offset that is not constant");
  int64_t first = std::max<int64_t>(-*offset, 0), second = std::max<int64_t>(*offset, 0);
  Value rows = b.sub(b.size(op.getSelf(), *row), b.integer(first)),
        columns = b.sub(b.size(op.getSelf(), *column), b.integer(second));
  SmallVector<int64_t> order;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != *row && dim != *column)
      order.push_back(dim);
  llvm::append_values(order, *row, *column);
  Value steps = b.range(b.max(b.integer(0), b.min(rows, columns)));
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
  // A number that is no class would give a row of zeros.
  Value isInside = b.create<AtenLogicalAndOp>(b.create<AtenGeScalarOp>(op.getSelf(), b.integer(0)),
                                              b.create<AtenLtScalarOp>(op.getSelf(), op.getNumClasses()));
  Type boolean = torch::BoolType::get(op.getContext());
  Aten_AssertScalarOp::create(b.getBuilder(), b.getLoc(), TypeRange(),
                              {b.createAs<AtenItemOp>(boolean, b.create<AtenAllOp>(isInside)),
                               b.string("one_hot: a class is below 0, or not below num_classes")});
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
  if (*n == 0)
    return op.getSelf();
  SmallVector<Value> parts;
  int64_t size = 0;
  for (Value part : {op.getPrepend(), Value(op.getSelf()), op.getAppend()}) {
    if (isNone(part))
      continue;
    parts.push_back(part);
    int64_t own = getTensorType(part).getSizes()[*dim];
    size = ShapedType::isDynamic(size) || ShapedType::isDynamic(own) ? ShapedType::kDynamic : size + own;
  }
  // A dim too short gives none, not a negative number; only a static size shows that.
  if (*n > 1 && ShapedType::isDynamic(size))
    return b.unsupported("taken more than once over a dim whose length is not known");
  if (!ShapedType::isDynamic(size))
    n = std::min(*n, size);
  Value x = op.getSelf();
  if (parts.size() > 1) {
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

/// How many parts the readers of a list take, where one says it.
static std::optional<TakenParts> getTakenParts(Operation *op) {
  for (Operation *user : op->getUsers())
    if (isa<PrimListUnpackOp>(user))
      return TakenParts{user->getNumResults(), /*areAll=*/true};
  return std::nullopt;
}

Value torchc::buildTensorList(Operation *op, SmallVector<Value> parts, Decomposer &b, unsigned result) {
  for (Operation *user : op->getResult(result).getUsers())
    if (isa<PrimListUnpackOp>(user) && user->getNumResults() == parts.size())
      for (auto [part, taken] : llvm::zip(parts, user->getResults()))
        if (part.getType() != taken.getType())
          part = TensorStaticInfoCastOp::create(b.getBuilder(), b.getLoc(), taken.getType(), part);
  return b.list(parts, cast<ListType>(op->getResult(result).getType()).getContainedType());
}

static std::optional<int64_t> getConstantDim(Value dim, Value tensor) {
  auto constant = getConstantInt(dim);
  int64_t rank = getTensorType(tensor).getRank();
  return constant && rank > 0 ? wrapDim(*constant, rank) : std::nullopt;
}

/// A split, chunk or tensor_split.
template <typename Op> static FailureOr<Value> decomposeSplit(Op op, Decomposer &b) {
  Value x = op->getOperand(0);
  auto bounds = buildPartBounds(op, x, getTakenParts(op), b);
  if (!bounds)
    return b.unsupported("a dim, sizes or a number of parts that are not known");
  SmallVector<Value> parts;
  for (auto [start, end] : llvm::zip(ArrayRef(bounds->places).drop_back(), ArrayRef(bounds->places).drop_front()))
    parts.push_back(b.slice(x, bounds->dim, start, end));
  return buildTensorList(op, parts, b);
}

/// narrow from where a tensor of one element says
static FailureOr<Value> DecomposeAtenNarrowTensor(AtenNarrowTensorOp op, Decomposer &b) {
  Value start = b.createAs<AtenItemOp>(b.getBuilder().getType<torch::IntType>(), op.getStart());
  return b.create<AtenNarrowOp>(op.getSelf(), op.getDim(), start, op.getLength());
}

static FailureOr<Value> DecomposeAtenUnbindInt(AtenUnbindIntOp op, Decomposer &b) {
  auto bounds = buildPartBounds(op, op.getSelf(), getTakenParts(op), b);
  if (!bounds)
    return b.unsupported("a dim or a number of parts that is not known");
  SmallVector<Value> parts;
  for (Value place : ArrayRef(bounds->places).drop_back())
    parts.push_back(b.create<AtenSelectIntOp>(op.getSelf(), b.integer(bounds->dim), place));
  return b.list(parts, cast<ListType>(op.getType()).getContainedType());
}

//===----------------------------------------------------------------------===//
// Diagonals
//===----------------------------------------------------------------------===//

/// The mask of a diagonal of the last two dims: column - row == offset.
static Value buildDiagonalMask(Value rows, Value columns, int64_t offset, Decomposer &b) {
  Value distance = b.subTensors(b.range(columns), b.unsqueeze(b.range(rows), 1));
  return b.create<AtenEqScalarOp>(distance, b.integer(offset));
}
/// x [.., n], one element a row: row i of `rows` has x[i + min(offset, 0)], as [.., rows, 1].
static Value spreadOverRows(Value x, Value rows, int64_t offset, Decomposer &b) {
  int64_t first = std::max<int64_t>(-offset, 0);
  Value behind = b.sub(b.sub(rows, b.size(x, -1)), b.integer(first));
  Value padded = b.create<AtenConstantPadNdOp>(x, b.list({b.integer(first), behind}), b.integer(0));
  return b.unsqueeze(padded, -1);
}
static Value embedDiagonal(Value x, int64_t offset, Decomposer &b) {
  Value size = b.add(b.size(x, -1), b.integer(std::abs(offset)));
  return b.where(buildDiagonalMask(size, size, offset, b), spreadOverRows(x, size, offset, b),
                 b.literal(getTensorType(x).getDtype(), 0));
}
static FailureOr<Value> DecomposeAtenDiagEmbed(AtenDiagEmbedOp op, Decomposer &b) {
  int64_t rank = getTensorType(op.getSelf()).getRank() + 1;
  auto offset = getConstantInt(op.getOffset()), dim1 = getConstantInt(op.getDim1()),
       dim2 = getConstantInt(op.getDim2());
  auto row = dim1 ? wrapDim(*dim1, rank) : std::nullopt, column = dim2 ? wrapDim(*dim2, rank) : std::nullopt;
  if (!offset || !row || !column)
    return b.unsupported("dims or an offset that is not constant");
  // Rows stand in the first of the two dims; the other way round, the diagonal lies on the other side.
  int64_t side = *row < *column ? *offset : -*offset;
  Value matrices = embedDiagonal(op.getSelf(), side, b);
  return b.create<AtenMovedimIntlistOp>(matrices, b.list(ArrayRef<int64_t>{rank - 2, rank - 1}),
                                        b.list(ArrayRef<int64_t>{std::min(*row, *column), std::max(*row, *column)}));
}
static FailureOr<Value> DecomposeAtenDiag(AtenDiagOp op, Decomposer &b) {
  auto offset = getConstantInt(op.getDiagonal());
  if (!offset)
    return b.unsupported("a diagonal that is not constant");
  if (getTensorType(op.getSelf()).getRank() == 1)
    return embedDiagonal(op.getSelf(), *offset, b);
  return b.createAs<AtenDiagonalOp>(op.getType(), op.getSelf(), op.getDiagonal(), b.integer(0), b.integer(1));
}
static FailureOr<Value> DecomposeAtenDiagflat(AtenDiagflatOp op, Decomposer &b) {
  auto offset = getConstantInt(op.getOffset());
  if (!offset)
    return b.unsupported("an offset that is not constant");
  return embedDiagonal(b.create<AtenReshapeOp>(op.getSelf(), b.list(ArrayRef<int64_t>{-1})), *offset, b);
}
/// trace(x) = sum(diagonal(x))
static FailureOr<Value> DecomposeAtenTrace(AtenTraceOp op, Decomposer &b) {
  Value diagonal = b.create<AtenDiagonalOp>(op.getSelf(), b.integer(0), b.integer(0), b.integer(1));
  return b.createAs<AtenSumOp>(op.getType(), diagonal, b.none());
}
static FailureOr<Value> DecomposeAtenDiagonalScatter(AtenDiagonalScatterOp op, Decomposer &b) {
  Value x = op.getSelf();
  int64_t rank = getTensorType(x).getRank();
  auto offset = getConstantInt(op.getOffset()), dim1 = getConstantInt(op.getDim1()),
       dim2 = getConstantInt(op.getDim2());
  auto row = dim1 ? wrapDim(*dim1, rank) : std::nullopt, column = dim2 ? wrapDim(*dim2, rank) : std::nullopt;
  if (!offset || !row || !column)
    return b.unsupported("dims or an offset that is not constant");
  SmallVector<int64_t> order, back(rank);
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != *row && dim != *column)
      order.push_back(dim);
  llvm::append_values(order, *row, *column);
  for (auto [place, dim] : llvm::enumerate(order))
    back[dim] = place;
  Value matrices = b.permute(x, order);
  Value rows = b.size(matrices, -2), columns = b.size(matrices, -1);
  Value source = b.convert(op.getSrc(), getTensorType(x).getDtype());
  Value result =
      b.where(buildDiagonalMask(rows, columns, *offset, b), spreadOverRows(source, rows, *offset, b), matrices);
  return b.permute(result, back);
}

//===----------------------------------------------------------------------===//
// Elements by their places
//===----------------------------------------------------------------------===//

/// x[index] of the flattened x; negative places count from the end
static FailureOr<Value> DecomposeAtenTake(AtenTakeOp op, Decomposer &b) {
  Value flat = b.create<AtenReshapeOp>(op.getSelf(), b.list(ArrayRef<int64_t>{-1}));
  return b.createAs<AtenIndexTensorOp>(op.getType(), flat, b.list({op.getIndex()}, op.getIndex().getType()));
}
static FailureOr<Value> DecomposeAtenTakeAlongDim(AtenTakeAlongDimOp op, Decomposer &b) {
  Value x = op.getSelf(), index = op.getIndices();
  // Negative places count from the end.
  auto wrap = [&](Value places, Value size) {
    Value isNegative = b.create<AtenLtScalarOp>(places, b.integer(0));
    return b.where(isNegative, b.create<AtenAddScalarOp>(places, size, b.integer(1)), places);
  };
  if (isNone(op.getDim())) {
    x = b.create<AtenReshapeOp>(x, b.list(ArrayRef<int64_t>{-1}));
    index = b.create<AtenReshapeOp>(index, b.list(ArrayRef<int64_t>{-1}));
    return b.create<AtenGatherOp>(x, b.integer(0), wrap(index, b.size(x, 0)), b.boolean(false));
  }
  int64_t rank = getTensorType(x).getRank();
  auto dim = getConstantDim(op.getDim(), x);
  if (!dim || getTensorType(index).getRank() != rank)
    return b.unsupported("a dim that is not constant, or indices of another rank");
  SmallVector<Value> sizes = b.sizes(x), indexSizes = b.sizes(index);
  for (int64_t i = 0; i < rank; ++i) {
    if (i == *dim)
      continue;
    if (getTensorType(x).getSizes()[i] == 1)
      sizes[i] = indexSizes[i];
    else
      indexSizes[i] = sizes[i];
  }
  index = wrap(index, b.size(x, *dim));
  return b.create<AtenGatherOp>(b.expand(x, sizes), b.integer(*dim), b.expand(index, indexSizes), b.boolean(false));
}

//===----------------------------------------------------------------------===//
// Gradients: zeros but for what was taken
//===----------------------------------------------------------------------===//

static FailureOr<Value> buildZeros(Operation *op, Value sizes, Decomposer &b) {
  auto elements = getListElements(sizes);
  if (!elements)
    return b.unsupported("sizes that are not a list built in sight");
  return b.full(*elements, b.integer(0), getResultDtype(op));
}
static FailureOr<Value> DecomposeAtenSelectBackward(AtenSelectBackwardOp op, Decomposer &b) {
  auto zeros = buildZeros(op, op.getInputSizes(), b);
  if (failed(zeros))
    return failure();
  return b.create<AtenSelectScatterOp>(*zeros, op.getGradOutput(), op.getDim(), op.getIndex());
}
static FailureOr<Value> DecomposeAtenSliceBackward(AtenSliceBackwardOp op, Decomposer &b) {
  auto zeros = buildZeros(op, op.getInputSizes(), b);
  if (failed(zeros))
    return failure();
  return b.create<AtenSliceScatterOp>(*zeros, op.getGradOutput(), op.getDim(), op.getStart(), op.getEnd(),
                                      op.getStep());
}
static FailureOr<Value> DecomposeAtenDiagonalBackward(AtenDiagonalBackwardOp op, Decomposer &b) {
  auto zeros = buildZeros(op, op.getInputSizes(), b);
  if (failed(zeros))
    return failure();
  return b.create<AtenDiagonalScatterOp>(*zeros, op.getGradOutput(), op.getOffset(), op.getDim1(), op.getDim2());
}

void torchc::populateIndexingPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenNarrow, DecomposeAtenDiagonal, DecomposeAtenOneHot, DecomposeAtenDiff);
  addDecompositions(patterns, decomposeSplit<AtenSplitTensorOp>, decomposeSplit<AtenUnsafeSplitTensorOp>,
                    decomposeSplit<AtenSplitCopyTensorOp>, decomposeSplit<AtenSplitWithSizesOp>,
                    decomposeSplit<AtenUnsafeSplitWithSizesOp>, decomposeSplit<AtenSplitWithSizesCopyOp>,
                    decomposeSplit<AtenSplitSizesOp>, decomposeSplit<AtenChunkOp>, decomposeSplit<AtenUnsafeChunkOp>,
                    decomposeSplit<AtenTensorSplitSectionsOp>, decomposeSplit<AtenTensorSplitIndicesOp>,
                    decomposeSplit<AtenHsplitIntOp>, decomposeSplit<AtenHsplitArrayOp>, decomposeSplit<AtenVsplitIntOp>,
                    decomposeSplit<AtenVsplitArrayOp>, decomposeSplit<AtenDsplitIntOp>,
                    decomposeSplit<AtenDsplitArrayOp>);
  addDecompositions(patterns, DecomposeAtenUnbindInt, decomposeAs<AtenUnbindIntOp, AtenUnbindCopyIntOp>,
                    DecomposeAtenNarrowTensor);
  addDecompositions(patterns, DecomposeAtenDiagEmbed, DecomposeAtenDiag, DecomposeAtenDiagflat, DecomposeAtenTrace,
                    DecomposeAtenDiagonalScatter, decomposeAs<AtenDiagonalOp, AtenDiagonalCopyOp>,
                    decomposeAs<AtenDiagonalOp, AtenLinalgDiagonalOp>, decomposeAs<AtenNarrowOp, AtenNarrowCopyOp>,
                    decomposeAs<AtenSelectIntOp, AtenSelectCopyIntOp>,
                    decomposeAs<AtenSliceTensorOp, AtenSliceCopyTensorOp>);
  addDecompositions(patterns, DecomposeAtenTake, DecomposeAtenTakeAlongDim,
                    decomposeAs<AtenIndexTensorOp, Aten_UnsafeIndexTensorOp>,
                    decomposeAs<AtenIndexPutOp, Aten_UnsafeIndexPutOp>);
  addDecompositions(patterns, DecomposeAtenSelectBackward, DecomposeAtenSliceBackward, DecomposeAtenDiagonalBackward);
}
