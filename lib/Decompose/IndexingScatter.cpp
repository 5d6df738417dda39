//===- IndexingScatter.cpp - decompositions of ops that write elements by their places ---===//
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

//===----------------------------------------------------------------------===//
// scatter: all of them are scatter.src or scatter_reduce.two
//===----------------------------------------------------------------------===//

/// "add", "multiply" and their like as scatter_reduce calls them
static std::optional<StringRef> getReduceName(Value reduce) {
  auto name = getConstantString(reduce);
  if (name == "add")
    return "sum";
  if (name == "multiply")
    return "prod";
  return name;
}
static Value scatterReduce(Value x, Value dim, Value index, Value source, StringRef reduce, bool includesSelf,
                           Decomposer &b) {
  return b.create<AtenScatterReduceTwoOp>(x, dim, index, source, b.string(reduce), b.boolean(includesSelf));
}

static FailureOr<Value> DecomposeAtenScatterValue(AtenScatterValueOp op, Decomposer &b) {
  Value source = b.full(b.sizes(op.getIndex()), op.getValue(), getDtype(op.getSelf()));
  return b.createAs<AtenScatterSrcOp>(op.getType(), op.getSelf(), op.getDim(), op.getIndex(), source);
}
static FailureOr<Value> DecomposeAtenScatterReduce(AtenScatterReduceOp op, Decomposer &b) {
  auto reduce = getReduceName(op.getReduce());
  if (!reduce)
    return b.unsupported("a reduction that is not constant");
  return scatterReduce(op.getSelf(), op.getDim(), op.getIndex(), op.getSrc(), *reduce, true, b);
}
static FailureOr<Value> DecomposeAtenScatterValueReduce(AtenScatterValueReduceOp op, Decomposer &b) {
  auto reduce = getReduceName(op.getReduce());
  if (!reduce)
    return b.unsupported("a reduction that is not constant");
  Value source = b.full(b.sizes(op.getIndex()), op.getValue(), getDtype(op.getSelf()));
  return scatterReduce(op.getSelf(), op.getDim(), op.getIndex(), source, *reduce, true, b);
}
static FailureOr<Value> DecomposeAtenScatterAdd(AtenScatterAddOp op, Decomposer &b) {
  return scatterReduce(op.getSelf(), op.getDim(), op.getIndex(), op.getSrc(), "sum", true, b);
}

//===----------------------------------------------------------------------===//
// One index for whole slices
//===----------------------------------------------------------------------===//

namespace {

/// self, dim, index and source of an index_* op, the index as scatter takes it.
struct SliceUpdate {
  Value self, dim, index, source;
  bool isScalar; ///< Everything got a dim of size 1.
};

} // namespace

/// index [k] over a source whose dim `dim` is k long.
static FailureOr<SliceUpdate> spreadIndex(Value self, Value dimValue, Value index, Value source, Decomposer &b) {
  int64_t rank = getRank(self);
  auto constant = getConstantInt(dimValue);
  auto dim = constant ? wrapDim(*constant, rank) : std::nullopt;
  if (!dim)
    return b.unsupported("a dim that is not constant");
  SliceUpdate update{self, b.integer(*dim), index, source, rank == 0};
  if (update.isScalar)
    update.self = b.unsqueeze(self, 0);
  if (getRank(index) == 0)
    update.index = b.unsqueeze(index, 0);
  if (source && getRank(source) == 0)
    update.source = b.unsqueeze(source, 0);
  SmallVector<Value> sizes = b.sizes(update.self);
  sizes[*dim] = b.size(update.index, 0);
  for (int64_t i = *dim + 1; i < rank; ++i)
    update.index = b.unsqueeze(update.index, -1);
  if (source && getRank(update.source) != std::max<int64_t>(rank, 1))
    return b.unsupported("a source of another rank");
  update.index = b.expand(update.index, sizes);
  return update;
}
static Value finish(const SliceUpdate &update, Value result, Decomposer &b) {
  return update.isScalar ? b.squeeze(result, 0) : result;
}

/// x[.., index[k], ..] += alpha source[.., k, ..]
static FailureOr<Value> DecomposeAtenIndexAdd(AtenIndexAddOp op, Decomposer &b) {
  Value source = op.getSource();
  if (getConstantNumber(op.getAlpha()) != 1.0)
    source = b.create<AtenMulScalarOp>(source, op.getAlpha());
  auto update = spreadIndex(op.getSelf(), op.getDim(), op.getIndex(), source, b);
  if (failed(update))
    return failure();
  return finish(*update, scatterReduce(update->self, update->dim, update->index, update->source, "sum", true, b), b);
}
static FailureOr<Value> DecomposeAtenIndexReduce(AtenIndexReduceOp op, Decomposer &b) {
  auto reduce = getConstantString(op.getReduce());
  auto includesSelf = getConstantBool(op.getIncludeSelf());
  auto update = spreadIndex(op.getSelf(), op.getDim(), op.getIndex(), op.getSource(), b);
  if (failed(update))
    return failure();
  if (!reduce || !includesSelf)
    return b.unsupported("a reduction that is not constant");
  return finish(*update,
                scatterReduce(update->self, update->dim, update->index, update->source, *reduce, *includesSelf, b), b);
}
static FailureOr<Value> DecomposeAtenIndexCopy(AtenIndexCopyOp op, Decomposer &b) {
  auto update = spreadIndex(op.getSelf(), op.getDim(), op.getIndex(), op.getSource(), b);
  if (failed(update))
    return failure();
  return finish(*update, b.create<AtenScatterSrcOp>(update->self, update->dim, update->index, update->source), b);
}

/// x[.., index, ..] = value; negative places count from the end
static FailureOr<Value> buildIndexFill(Value x, Value dim, Value index, Value value, Decomposer &b) {
  auto update = spreadIndex(x, dim, index, Value(), b);
  if (failed(update))
    return failure();
  Value size = b.size(update->self, *getConstantInt(update->dim));
  Value places = b.where(b.create<AtenLtScalarOp>(update->index, b.integer(0)),
                         b.create<AtenAddScalarOp>(update->index, size, b.integer(1)), update->index);
  Value source = b.expand(value, b.sizes(places));
  return finish(*update, b.create<AtenScatterSrcOp>(update->self, update->dim, places, source), b);
}
static FailureOr<Value> DecomposeAtenIndexFillIntScalar(AtenIndexFillIntScalarOp op, Decomposer &b) {
  Value value = b.scalarTensor(op.getValue(), getDtype(op.getSelf()));
  return buildIndexFill(op.getSelf(), op.getDim(), op.getIndex(), value, b);
}
static FailureOr<Value> DecomposeAtenIndexFillIntTensor(AtenIndexFillIntTensorOp op, Decomposer &b) {
  Value value = b.convert(op.getValue(), getDtype(op.getSelf()));
  return buildIndexFill(op.getSelf(), op.getDim(), op.getIndex(), value, b);
}

//===----------------------------------------------------------------------===//
// Places in the flattened tensor, masks
//===----------------------------------------------------------------------===//

/// index_put into the flattened x
static FailureOr<Value> DecomposeAtenPut(AtenPutOp op, Decomposer &b) {
  Value index = b.flatten(op.getIndex());
  Value written = b.create<AtenIndexPutOp>(b.flatten(op.getSelf()), b.list({index}, index.getType()),
                                           b.flatten(op.getSource()), op.getAccumulate());
  return b.createAs<AtenReshapeOp>(op.getType(), written, b.list(b.sizes(op.getSelf())));
}

/// The n-th true place gets the n-th element of the source.
static FailureOr<Value> DecomposeAtenMaskedScatter(AtenMaskedScatterOp op, Decomposer &b) {
  Value x = op.getSelf();
  Value mask = b.expand(op.getMask(), getRank(op.getMask()) > getRank(x) ? b.sizes(op.getMask()) : b.sizes(x));
  x = b.expand(x, b.sizes(mask));
  Value flatMask = b.flatten(mask);
  Value ranks =
      b.create<AtenAddScalarOp>(b.create<AtenCumsumOp>(flatMask, b.integer(0), b.none()), b.integer(-1), b.integer(1));
  ranks = b.where(flatMask, ranks, b.literal(getDtype(ranks), 0));
  // A source without elements is never read, but has to be readable.
  Value source =
      b.create<AtenConstantPadNdOp>(b.flatten(op.getSource()), b.list(ArrayRef<int64_t>{0, 1}), b.integer(0));
  Value picked = b.create<AtenIndexSelectOp>(b.convert(source, getDtype(x)), b.integer(0), ranks);
  Value result = b.where(flatMask, picked, b.flatten(x));
  return b.createAs<AtenReshapeOp>(op.getType(), result, b.list(b.sizes(x)));
}

/// Indices into `x` that stay inside of it: where a mask is false they may lie outside, and the mask may
/// have more dims than they.
static FailureOr<SmallVector<Value>> clampIndices(Value x, Value list, Decomposer &b) {
  auto indices = getListElements(list);
  if (!indices)
    return b.unsupported("indices of an unknown number");
  for (auto [dim, index] : llvm::enumerate(*indices)) {
    while (auto derefine = index.getDefiningOp<DerefineOp>())
      index = derefine.getOperand();
    if (isNone(index))
      return b.unsupported("a dim without indices");
    Value size = b.size(x, dim);
    index = b.create<AtenClampOp>(index, b.sub(b.integer(0), size), b.sub(size, b.integer(1)));
  }
  return *indices;
}

/// x[indices] where the mask is true, else fill
static FailureOr<Value> DecomposeAten_UnsafeMaskedIndex(Aten_UnsafeMaskedIndexOp op, Decomposer &b) {
  auto indices = clampIndices(op.getSelf(), op.getIndices(), b);
  if (failed(indices))
    return failure();
  Type anyShape = ValueTensorType::get(op.getContext(), false, {}, getDtype(indices->front()));
  Value picked = b.create<AtenIndexTensorOp>(op.getSelf(), b.list(*indices, anyShape));
  return b.where(op.getMask(), picked, b.scalarTensor(op.getFill(), getDtype(op.getSelf())));
}
static FailureOr<Value> DecomposeAten_UnsafeMaskedIndexPutAccumulate(Aten_UnsafeMaskedIndexPutAccumulateOp op,
                                                                     Decomposer &b) {
  auto indices = clampIndices(op.getSelf(), op.getIndices(), b);
  if (failed(indices))
    return failure();
  Type anyShape = ValueTensorType::get(op.getContext(), false, {}, getDtype(indices->front()));
  Value values = b.where(op.getMask(), op.getValues(), b.literal(getDtype(op.getValues()), 0));
  return b.createAs<AtenIndexPutOp>(op.getType(), op.getSelf(), b.list(*indices, anyShape), values, b.boolean(true));
}

/// Maxima back to the places that they came from, zeros elsewhere
static FailureOr<Value> buildUnpool(Operation *op, Value x, Value indices, Value outputSize, int64_t spatial,
                                    Decomposer &b) {
  auto output = getListElements(outputSize);
  int64_t lead = getRank(x) - spatial;
  if (!output || static_cast<int64_t>(output->size()) != spatial)
    return b.unsupported("an output size of unknown length");
  SmallVector<Value> sizes = b.sizes(x), flatSizes(ArrayRef<Value>(sizes).take_front(lead));
  Value count = b.integer(1);
  for (Value size : *output)
    count = b.mul(count, size);
  flatSizes.push_back(count);
  SmallVector<Value> resultSizes(ArrayRef<Value>(sizes).take_front(lead));
  llvm::append_range(resultSizes, *output);
  Value zeros = b.full(flatSizes, b.integer(0), getDtype(x));
  Value written =
      b.create<AtenScatterSrcOp>(zeros, b.integer(lead), b.flatten(indices, lead, -1), b.flatten(x, lead, -1));
  return b.createAs<AtenReshapeOp>(op->getResult(0).getType(), written, b.list(resultSizes));
}
static FailureOr<Value> DecomposeAtenMaxUnpool2d(AtenMaxUnpool2dOp op, Decomposer &b) {
  return buildUnpool(op, op.getSelf(), op.getIndices(), op.getOutputSize(), 2, b);
}
static FailureOr<Value> DecomposeAtenMaxUnpool3d(AtenMaxUnpool3dOp op, Decomposer &b) {
  return buildUnpool(op, op.getSelf(), op.getIndices(), op.getOutputSize(), 3, b);
}

//===----------------------------------------------------------------------===//
// Places of what is not 0
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenArgwhere(AtenArgwhereOp op, Decomposer &b) { return findNonzero(op.getSelf(), b); }
/// One tensor of coordinates for each dim
static FailureOr<Value> DecomposeAtenNonzeroNumpy(AtenNonzeroNumpyOp op, Decomposer &b) {
  Value x = getRank(op.getSelf()) == 0 ? b.unsqueeze(op.getSelf(), 0) : op.getSelf();
  Value places = findNonzero(x, b);
  SmallVector<Value> parts;
  for (int64_t dim = 0; dim < getRank(x); ++dim)
    parts.push_back(b.select(places, 1, dim));
  return buildTensorList(op, parts, b);
}
/// Cut or filled up to a given number of rows
static FailureOr<Value> DecomposeAtenNonzeroStatic(AtenNonzeroStaticOp op, Decomposer &b) {
  Value places = findNonzero(op.getSelf(), b), zero = b.integer(0);
  Value filled = b.create<AtenConstantPadNdOp>(places, b.list({zero, zero, zero, op.getSize()}), op.getFillValue());
  return b.slice(filled, 0, zero, op.getSize());
}
static FailureOr<Value> DecomposeAtenMaskedSelect(AtenMaskedSelectOp op, Decomposer &b) {
  Value x = op.getSelf(), mask = op.getMask();
  bool maskIsLarger = getRank(mask) > getRank(x);
  SmallVector<Value> sizes = maskIsLarger ? b.sizes(mask) : b.sizes(x),
                     other = maskIsLarger ? b.sizes(x) : b.sizes(mask);
  for (auto [size, more] : llvm::zip(llvm::reverse(sizes), llvm::reverse(other)))
    if (getConstantInt(size) == 1)
      size = more;
  Value places = b.select(findNonzero(b.flatten(b.expand(mask, sizes)), b), 1, 0);
  return b.create<AtenIndexSelectOp>(b.flatten(b.expand(x, sizes)), b.integer(0), places);
}

void torchc::populateIndexingScatterPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenScatterValue, DecomposeAtenScatterReduce, DecomposeAtenScatterValueReduce,
                    DecomposeAtenScatterAdd, DecomposeAtenIndexAdd, DecomposeAtenIndexReduce, DecomposeAtenIndexCopy,
                    DecomposeAtenIndexFillIntScalar, DecomposeAtenIndexFillIntTensor);
  addDecompositions(patterns, DecomposeAtenPut, DecomposeAtenMaskedScatter, DecomposeAten_UnsafeMaskedIndex,
                    DecomposeAten_UnsafeMaskedIndexPutAccumulate, DecomposeAtenMaxUnpool2d, DecomposeAtenMaxUnpool3d);
  addDecompositions(patterns, DecomposeAtenArgwhere, DecomposeAtenNonzeroNumpy, DecomposeAtenNonzeroStatic,
                    DecomposeAtenMaskedSelect, decomposeAs<AtenNonzeroNumpyOp, AtenWhereOp>);
}
