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

/// The gradient of an embedding's table: row i is the sum of the gradients where it was looked up, or their mean
/// with scale_grad_by_freq; 0 for the row of padding.
static FailureOr<Value> DecomposeAtenEmbeddingDenseBackward(AtenEmbeddingDenseBackwardOp op, Decomposer &b) {
  auto padding = getConstantInt(op.getPaddingIdx());
  auto isMean = getConstantBool(op.getScaleGradByFreq());
  if (!padding || !isMean)
    return b.unsupported("padding_idx or scale_grad_by_freq is not constant");
  Type dtype = getDtype(op.getGradOutput()), computed = getComputeDtype(dtype);
  Value width = b.size(op.getGradOutput(), -1), first = b.integer(0);
  Value rows = b.flatten(op.getIndices());
  Value grad = b.convert(b.view(op.getGradOutput(), {b.integer(-1), width}), computed);
  if (*padding >= 0) {
    Value isRead = b.unsqueeze(b.create<AtenNeScalarOp>(rows, b.integer(*padding)), 1);
    grad = b.where(isRead, grad, b.literal(computed, 0));
  }
  if (*isMean) {
    Value ones = b.full(b.sizes(rows), b.floating(1), computed);
    Value counts = b.full({op.getNumWeights()}, b.floating(0), computed);
    counts = scatterReduce(counts, first, rows, ones, "sum", true, b);
    grad = b.divTensors(grad, b.unsqueeze(b.create<AtenIndexSelectOp>(counts, first, rows), 1));
  }
  Value table = b.full({op.getNumWeights(), width}, b.floating(0), computed);
  Value places = b.expand(b.unsqueeze(rows, 1), b.sizes(grad));
  return b.convert(scatterReduce(table, first, places, grad, "sum", true, b), dtype);
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
/// Every window's gradient to the place of its maximum
static FailureOr<Value> DecomposeAtenMaxPool2dWithIndicesBackward(AtenMaxPool2dWithIndicesBackwardOp op,
                                                                  Decomposer &b) {
  int64_t lead = getRank(op.getSelf()) - 2;
  SmallVector<Value> sizes = b.sizes(op.getSelf());
  SmallVector<Value> flatSizes(ArrayRef<Value>(sizes).take_front(lead));
  flatSizes.push_back(b.mul(sizes[lead], sizes[lead + 1]));
  Value zeros = b.full(flatSizes, b.integer(0), getDtype(op.getSelf()));
  Value sums = scatterReduce(zeros, b.integer(lead), b.flatten(op.getIndices(), lead, -1),
                             b.flatten(op.getGradOutput(), lead, -1), "sum", true, b);
  return b.createAs<AtenReshapeOp>(op.getType(), sums, b.list(sizes));
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

/// Rows of an embedding that are looked up and too long are shortened to `maxNorm`.
static FailureOr<Value> DecomposeAtenEmbeddingRenorm(AtenEmbeddingRenormOp op, Decomposer &b) {
  auto maxNorm = getConstantNumber(op.getMaxNorm());
  if (!maxNorm)
    return b.unsupported("a norm that is not constant");
  Type dtype = getDtype(op.getSelf()), computed = getComputeDtype(dtype);
  Value weight = b.convert(op.getSelf(), computed), index = b.flatten(op.getIndices());
  Value norms = b.create<AtenLinalgVectorNormOp>(weight, op.getNormType(), b.list(ArrayRef<int64_t>{1}),
                                                 b.boolean(true), b.none());
  Value factors = b.create<AtenMulScalarOp>(b.create<AtenReciprocalOp>(b.addNumber(norms, 1e-7)), op.getMaxNorm());
  Type i1 = b.getBuilder().getI1Type();
  Value isRead = b.create<AtenIndexPutOp>(b.full({b.size(weight, 0)}, b.boolean(false), i1),
                                          b.list({index}, index.getType()), b.literal(i1, 1), b.boolean(false));
  Value isLong = b.create<AtenGtScalarOp>(norms, op.getMaxNorm());
  Value isShortened = b.create<AtenLogicalAndOp>(isLong, b.unsqueeze(isRead, 1));
  return b.convert(b.where(isShortened, b.mulTensors(weight, factors), weight), dtype);
}

//===----------------------------------------------------------------------===//
// Bags: sums over groups of rows
//===----------------------------------------------------------------------===//

/// sum, mean or maximum of the embeddings of each bag; bag b starts at offsets[b].
static Decomposed DecomposeAtenEmbeddingBagPaddingIdx(AtenEmbeddingBagPaddingIdxOp op, Decomposer &b) {
  auto mode = getConstantInt(op.getMode());
  auto padding = getConstantInt(op.getPaddingIdx());
  auto includesLast = getConstantBool(op.getIncludeLastOffset());
  if (!mode || !includesLast || (!padding && !isNone(op.getPaddingIdx())) || getRank(op.getIndices()) != 1)
    return b.unsupported("an option that is not constant");
  if (llvm::any_of(op->getResults().drop_front(), [](Value result) { return !result.use_empty(); }))
    return b.unsupported("with results other than the first");
  Type dtype = getDtype(op.getWeight()), computed = getComputeDtype(dtype);
  Value indices = op.getIndices(), offsets = op.getOffsets();
  if (*includesLast)
    offsets = b.slice(offsets, 0, b.integer(0), b.integer(-1));
  // The bag of each index: the last one that starts at or before it; one more for those left out.
  Value none = b.none(), bags = b.size(offsets, 0), one = b.integer(1);
  Value after = b.create<AtenSearchsortedTensorOp>(b.convert(offsets, getDtype(indices)),
                                                   b.convert(b.range(b.size(indices, 0)), getDtype(indices)),
                                                   b.boolean(false), b.boolean(true), none, none);
  Value bag = b.create<AtenAddScalarOp>(after, b.integer(-1), one);
  if (padding) {
    int64_t rows = getTensorType(op.getWeight()).getSizes().front();
    if (*padding < 0 && ShapedType::isDynamic(rows))
      return b.unsupported("a negative padding_idx of a table that is not static");
    Value isKept = b.create<AtenNeScalarOp>(indices, b.integer(*padding < 0 ? *padding + rows : *padding));
    bag = b.where(isKept, bag, b.scalarTensor(bags, getDtype(bag)));
  }
  Value rows = b.convert(b.create<AtenIndexSelectOp>(op.getWeight(), b.integer(0), indices), computed);
  if (!isNone(op.getPerSampleWeights()))
    rows = b.mulTensors(rows, b.unsqueeze(b.convert(op.getPerSampleWeights(), computed), 1));
  Value slots = b.add(bags, one), zero = b.integer(0);
  Value zeros = b.full({slots, b.size(rows, 1)}, zero, computed), result;
  if (*mode == 2) {
    // A bag without indices stays 0.
    Value index = b.expand(b.unsqueeze(bag, 1), b.sizes(rows));
    result = scatterReduce(zeros, zero, index, rows, "amax", false, b);
  } else {
    Value list = b.list({bag}, bag.getType());
    result = b.create<AtenIndexPutOp>(zeros, list, rows, b.boolean(true));
    if (*mode == 1) {
      Value counts =
          b.create<AtenIndexPutOp>(b.full({slots}, zero, computed), list, b.literal(computed, 1), b.boolean(true));
      result = b.divTensors(result, b.unsqueeze(b.create<AtenClampMinOp>(counts, one), 1));
    }
  }
  result = b.slice(result, 0, zero, bags);
  return SmallVector<Value>{b.convert(result, dtype), Value(), Value(), Value()};
}

void torchc::populateIndexingScatterPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenScatterValue, DecomposeAtenScatterReduce, DecomposeAtenScatterValueReduce,
                    DecomposeAtenScatterAdd, DecomposeAtenIndexAdd, DecomposeAtenIndexReduce, DecomposeAtenIndexCopy,
                    DecomposeAtenIndexFillIntScalar, DecomposeAtenIndexFillIntTensor,
                    DecomposeAtenEmbeddingDenseBackward);
  addDecompositions(patterns, DecomposeAtenPut, DecomposeAtenMaskedScatter, DecomposeAten_UnsafeMaskedIndex,
                    DecomposeAten_UnsafeMaskedIndexPutAccumulate, DecomposeAtenMaxUnpool2d, DecomposeAtenMaxUnpool3d,
                    DecomposeAtenMaxPool2dWithIndicesBackward);
  addDecompositions(patterns, DecomposeAtenArgwhere, DecomposeAtenNonzeroNumpy, DecomposeAtenNonzeroStatic,
                    DecomposeAtenMaskedSelect, DecomposeAtenEmbeddingRenorm);
  addDecompositions(patterns, DecomposeAtenEmbeddingBagPaddingIdx);
}
