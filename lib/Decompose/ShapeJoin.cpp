//===- ShapeJoin.cpp - decompositions of joins, grids and rearrangements ---===//
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
// Tensors side by side
//===----------------------------------------------------------------------===//

/// [], [n] -> [1, 1], [1, n]
static Value atLeast2d(Value x, Decomposer &b) {
  while (getRank(x) < 2)
    x = b.unsqueeze(x, 0);
  return x;
}
/// [], [n], [m, n] -> [1, 1, 1], [1, n, 1], [m, n, 1]
static Value atLeast3d(Value x, Decomposer &b) {
  int64_t rank = getRank(x);
  if (rank == 0)
    return b.unsqueeze(atLeast2d(x, b), 0);
  if (rank < 3)
    x = b.unsqueeze(atLeast2d(x, b), 2);
  return x;
}
static FailureOr<Value> DecomposeAtenAtleast2d(AtenAtleast2dOp op, Decomposer &b) { return atLeast2d(op.getSelf(), b); }
static FailureOr<Value> DecomposeAtenAtleast3d(AtenAtleast3dOp op, Decomposer &b) { return atLeast3d(op.getSelf(), b); }

/// [] -> [1]
static Value atLeast1d(Value x, Decomposer &b) { return getRank(x) == 0 ? b.unsqueeze(x, 0) : x; }

/// The tensors of a list; refused where their number or a rank is not known.
static FailureOr<SmallVector<Value>> getTensors(Value list, Decomposer &b) {
  auto tensors = getListElements(list);
  if (!tensors || tensors->empty())
    return b.unsupported("a list of unknown length");
  for (Value tensor : *tensors)
    if (!getTensorType(tensor).hasRank() || !getTensorType(tensor).hasDtype())
      return b.unsupported("a tensor of unknown rank or dtype");
  return *tensors;
}

template <typename Op> static FailureOr<Value> raiseEach(Op op, Value (*raise)(Value, Decomposer &), Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  for (Value &tensor : *tensors)
    tensor = raise(tensor, b);
  return buildTensorList(op, *tensors, b);
}
static FailureOr<Value> DecomposeAtenAtleast1dSequence(AtenAtleast1dSequenceOp op, Decomposer &b) {
  return raiseEach(op, atLeast1d, b);
}
static FailureOr<Value> DecomposeAtenAtleast2dSequence(AtenAtleast2dSequenceOp op, Decomposer &b) {
  return raiseEach(op, atLeast2d, b);
}
static FailureOr<Value> DecomposeAtenAtleast3dSequence(AtenAtleast3dSequenceOp op, Decomposer &b) {
  return raiseEach(op, atLeast3d, b);
}

/// cat of the tensors, each made `raise`.
static FailureOr<Value> joinRaised(Operation *op, Value list, int64_t dim, Value (*raise)(Value, Decomposer &),
                                   Decomposer &b) {
  auto tensors = getTensors(list, b);
  if (failed(tensors))
    return failure();
  for (Value &tensor : *tensors)
    tensor = b.convert(raise(tensor, b), getResultDtype(op));
  return b.cat(*tensors, dim);
}
static FailureOr<Value> DecomposeAtenHstack(AtenHstackOp op, Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  return joinRaised(op, op.getTensors(), getRank(tensors->front()) < 2 ? 0 : 1, atLeast1d, b);
}
static FailureOr<Value> DecomposeAtenVstack(AtenVstackOp op, Decomposer &b) {
  return joinRaised(op, op.getTensors(), 0, atLeast2d, b);
}
static FailureOr<Value> DecomposeAtenDstack(AtenDstackOp op, Decomposer &b) {
  return joinRaised(op, op.getTensors(), 2, atLeast3d, b);
}
static FailureOr<Value> DecomposeAtenColumnStack(AtenColumnStackOp op, Decomposer &b) {
  auto raise = [](Value x, Decomposer &b) {
    while (getRank(x) < 2)
      x = b.unsqueeze(x, -1);
    return x;
  };
  return joinRaised(op, op.getTensors(), 1, raise, b);
}

/// Each tensor filled up with zeros along `dim` to `num_chunks` equal parts: [.., num_chunks, the rest]
/// of all of them side by side.
static FailureOr<Value> DecomposeAten_ChunkCat(Aten_ChunkCatOp op, Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  auto constant = getConstantInt(op.getDim()), chunks = getConstantInt(op.getNumChunks());
  if (failed(tensors))
    return failure();
  auto dim = constant ? wrapDim(*constant, getRank(tensors->front())) : std::nullopt;
  if (!dim || !chunks || *chunks <= 0)
    return b.unsupported("a dim or a number that is not constant");
  for (Value &tensor : *tensors) {
    tensor = b.convert(tensor, getResultDtype(op));
    Value extent = b.size(tensor, *dim), count = b.integer(*chunks);
    Value length = b.floordiv(b.add(extent, b.integer(*chunks - 1)), count);
    SmallVector<Value> padding(2 * (getRank(tensor) - *dim), b.integer(0));
    padding.back() = b.sub(b.mul(length, count), extent);
    tensor = b.create<AtenConstantPadNdOp>(tensor, b.list(padding), b.integer(0));
    SmallVector<Value> sizes = b.sizes(tensor);
    sizes.resize(*dim);
    llvm::append_values(sizes, count, b.integer(-1));
    tensor = b.create<AtenReshapeOp>(tensor, b.list(sizes));
  }
  return b.cat(*tensors, *dim + 1);
}

/// Sequences [length, ..] of different lengths, filled up at one side to the longest.
static FailureOr<Value> DecomposeAtenPadSequence(AtenPadSequenceOp op, Decomposer &b) {
  auto sequences = getTensors(op.getSequences(), b);
  auto isBatchFirst = getConstantBool(op.getBatchFirst());
  auto side = getConstantString(op.getPaddingSide());
  if (failed(sequences))
    return failure();
  if (!isBatchFirst || !side)
    return b.unsupported("an option that is not constant");
  Value longest = b.integer(0);
  for (Value sequence : *sequences) {
    if (getRank(sequence) == 0)
      return b.unsupported("of tensors of rank 0");
    longest = b.max(longest, b.size(sequence, 0));
  }
  for (Value &sequence : *sequences) {
    SmallVector<Value> padding(2 * getRank(sequence), b.integer(0));
    padding[padding.size() - (*side == "left" ? 2 : 1)] = b.sub(longest, b.size(sequence, 0));
    sequence = b.create<AtenConstantPadNdOp>(sequence, b.list(padding), op.getPaddingValue());
    sequence = b.unsqueeze(b.convert(sequence, getResultDtype(op)), *isBatchFirst ? 0 : 1);
  }
  return b.cat(*sequences, *isBatchFirst ? 0 : 1);
}

/// Matrices along the diagonal, zeros elsewhere.
static FailureOr<Value> DecomposeAtenBlockDiag(AtenBlockDiagOp op, Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  SmallVector<Value> blocks, widths;
  Value total = b.integer(0);
  for (Value tensor : *tensors) {
    blocks.push_back(b.convert(atLeast2d(tensor, b), getResultDtype(op)));
    widths.push_back(b.size(blocks.back(), 1));
    total = b.add(total, widths.back());
  }
  Value left = b.integer(0), zero = b.integer(0);
  for (auto [block, width] : llvm::zip(blocks, widths)) {
    Value right = b.sub(b.sub(total, left), width);
    block = b.create<AtenConstantPadNdOp>(block, b.list({left, right}), zero);
    left = b.add(left, width);
  }
  return b.cat(blocks, 0);
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

/// Tensor i along dim i, repeated along the others; "xy" swaps the first two dims.
static SmallVector<Value> buildGrid(ArrayRef<Value> tensors, bool swaps, Decomposer &b) {
  int64_t rank = tensors.size();
  SmallVector<Value> sizes, grid;
  for (Value tensor : tensors)
    sizes.push_back(getRank(tensor) == 0 ? b.integer(1) : b.size(tensor, 0));
  swaps &= rank >= 2;
  if (swaps)
    std::swap(sizes[0], sizes[1]);
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    int64_t dim = swaps && i < 2 ? 1 - i : i;
    SmallVector<Value> shape(rank, b.integer(1));
    shape[dim] = sizes[dim];
    grid.push_back(b.expand(b.create<AtenReshapeOp>(tensor, b.list(shape)), sizes));
  }
  return grid;
}
static FailureOr<Value> DecomposeAtenMeshgridIndexing(AtenMeshgridIndexingOp op, Decomposer &b) {
  auto indexing = getConstantString(op.getIndexing());
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  if (indexing != "ij" && indexing != "xy")
    return b.unsupported("an indexing that is neither \"ij\" nor \"xy\"");
  return buildTensorList(op, buildGrid(*tensors, indexing == "xy", b), b);
}
static FailureOr<Value> DecomposeAtenMeshgrid(AtenMeshgridOp op, Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  return buildTensorList(op, buildGrid(*tensors, false, b), b);
}

static FailureOr<Value> DecomposeAtenCartesianProd(AtenCartesianProdOp op, Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  if (tensors->size() == 1)
    return tensors->front();
  SmallVector<Value> columns;
  for (Value part : buildGrid(*tensors, false, b))
    columns.push_back(b.unsqueeze(b.create<AtenReshapeOp>(part, b.list(ArrayRef<int64_t>{-1})), 1));
  return b.cat(columns, 1);
}

/// Every choice of r elements, in the order of their places.
static FailureOr<Value> DecomposeAtenCombinations(AtenCombinationsOp op, Decomposer &b) {
  auto r = getConstantInt(op.getR());
  auto repeats = getConstantBool(op.getWithReplacement());
  int64_t count = getTensorType(op.getSelf()).getSizes().front();
  if (!r || *r < 0 || !repeats || ShapedType::isDynamic(count))
    return b.unsupported("of a dim that is not static, or an option that is not constant");
  SmallVector<double> places;
  SmallVector<int64_t> choice(*r);
  int64_t rows = 0;
  std::function<void(int64_t, int64_t)> choose = [&](int64_t i, int64_t first) {
    if (i == *r) {
      places.append(choice.begin(), choice.end());
      ++rows;
      return;
    }
    for (choice[i] = first; choice[i] < count; ++choice[i])
      choose(i + 1, *repeats ? choice[i] : choice[i] + 1);
  };
  choose(0, 0);
  if (*r == 0)
    return b.full({b.integer(0)}, b.integer(0), getResultDtype(op));
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value index = b.literal(si64, places, {static_cast<int64_t>(places.size())});
  return b.view(b.create<AtenIndexSelectOp>(op.getSelf(), b.integer(0), index), ArrayRef<int64_t>{rows, *r});
}

/// The size that each dim of the tensors broadcasts to.
static SmallVector<Value> getBroadcastSizes(ArrayRef<Value> tensors, Decomposer &b) {
  int64_t rank = 0;
  for (Value tensor : tensors)
    rank = std::max(rank, getRank(tensor));
  SmallVector<Value> sizes(rank, b.integer(1));
  for (Value tensor : tensors)
    for (int64_t dim = 0, own = getRank(tensor); dim < own; ++dim)
      if (getTensorType(tensor).getSizes()[dim] != 1)
        sizes[rank - own + dim] = b.size(tensor, dim);
  return sizes;
}
static FailureOr<Value> DecomposeAtenBroadcastTensors(AtenBroadcastTensorsOp op, Decomposer &b) {
  auto tensors = getTensors(op.getTensors(), b);
  if (failed(tensors))
    return failure();
  SmallVector<Value> sizes = getBroadcastSizes(*tensors, b);
  for (Value &tensor : *tensors)
    tensor = b.expand(tensor, sizes);
  return buildTensorList(op, *tensors, b);
}

//===----------------------------------------------------------------------===//
// Repetition and rearrangement
//===----------------------------------------------------------------------===//

/// repeat with as many numbers as dims
static FailureOr<Value> DecomposeAtenTile(AtenTileOp op, Decomposer &b) {
  auto repeats = getListElements(op.getDims());
  if (!repeats)
    return b.unsupported("a list of unknown length");
  while (static_cast<int64_t>(repeats->size()) < getRank(op.getSelf()))
    repeats->insert(repeats->begin(), b.integer(1));
  return b.createAs<AtenRepeatOp>(op.getType(), op.getSelf(), b.list(*repeats));
}

static Value flip(Value x, ArrayRef<int64_t> dims, Decomposer &b) { return b.create<AtenFlipOp>(x, b.list(dims)); }
static FailureOr<Value> DecomposeAtenFliplr(AtenFliplrOp op, Decomposer &b) { return flip(op.getSelf(), {1}, b); }
static FailureOr<Value> DecomposeAtenFlipud(AtenFlipudOp op, Decomposer &b) { return flip(op.getSelf(), {0}, b); }

/// Moves the first half of dims behind the second, or back.
static FailureOr<Value> buildHalfRoll(Value x, Value dimList, bool back, Decomposer &b) {
  auto dims =
      isNone(dimList) ? std::optional(llvm::to_vector(llvm::seq<int64_t>(0, getRank(x)))) : getConstantIntList(dimList);
  if (!dims)
    return b.unsupported("dims that are not constant");
  if (dims->empty())
    return x;
  SmallVector<Value> shifts;
  for (int64_t dim : *dims) {
    Value size = b.size(x, dim), two = b.integer(2);
    shifts.push_back(b.floordiv(back ? b.add(size, b.integer(1)) : size, two));
  }
  return b.create<AtenRollOp>(x, b.list(shifts), b.list(*dims));
}
static FailureOr<Value> DecomposeAtenFftFftshift(AtenFftFftshiftOp op, Decomposer &b) {
  return buildHalfRoll(op.getSelf(), op.getDim(), false, b);
}
static FailureOr<Value> DecomposeAtenFftIfftshift(AtenFftIfftshiftOp op, Decomposer &b) {
  return buildHalfRoll(op.getSelf(), op.getDim(), true, b);
}

/// k quarter turns from the first dim towards the second
static FailureOr<Value> DecomposeAtenRot90(AtenRot90Op op, Decomposer &b) {
  auto k = getConstantInt(op.getK());
  auto dims = getConstantIntList(op.getDims());
  if (!k || !dims || dims->size() != 2)
    return b.unsupported("dims or a number of turns that is not constant");
  int64_t from = (*dims)[0], to = (*dims)[1];
  switch (((*k % 4) + 4) % 4) {
  case 1: return b.transpose(flip(op.getSelf(), {to}, b), from, to);
  case 2: return flip(op.getSelf(), {from, to}, b);
  case 3: return b.transpose(flip(op.getSelf(), {from}, b), from, to);
  default: return op.getSelf();
  }
}

/// [N, g c, ...] -> [N, g, c, ...] -> [N, c, g, ...] -> [N, c g, ...]
static FailureOr<Value> DecomposeAtenChannelShuffle(AtenChannelShuffleOp op, Decomposer &b) {
  SmallVector<Value> whole = b.sizes(op.getSelf()), split = whole;
  split[1] = b.floordiv(whole[1], op.getGroups());
  split.insert(split.begin() + 1, op.getGroups());
  Value parts = b.create<AtenReshapeOp>(op.getSelf(), b.list(split));
  return b.createAs<AtenReshapeOp>(op.getType(), b.transpose(parts, 1, 2), b.list(whole));
}

/// [.., C, H r, W r] -> [.., C, H, r, W, r] -> [.., C, r, r, H, W] -> [.., C r r, H, W]
static FailureOr<Value> DecomposeAtenPixelUnshuffle(AtenPixelUnshuffleOp op, Decomposer &b) {
  Value x = op.getSelf(), factor = op.getDownscaleFactor();
  int64_t lead = getRank(x) - 3;
  SmallVector<Value> sizes = b.sizes(x);
  Value height = b.floordiv(sizes[lead + 1], factor), width = b.floordiv(sizes[lead + 2], factor);
  SmallVector<Value> split(ArrayRef<Value>(sizes).take_front(lead + 1)),
      joined(ArrayRef<Value>(sizes).take_front(lead));
  llvm::append_values(split, height, factor, width, factor);
  llvm::append_values(joined, b.mul(sizes[lead], b.mul(factor, factor)), height, width);
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, lead + 1));
  llvm::append_values(order, lead + 2, lead + 4, lead + 1, lead + 3);
  Value parts = b.permute(b.create<AtenReshapeOp>(x, b.list(split)), order);
  return b.createAs<AtenReshapeOp>(op.getType(), parts, b.list(joined));
}

static FailureOr<Value> DecomposeAtenMovedimInt(AtenMovedimIntOp op, Decomposer &b) {
  return b.createAs<AtenMovedimIntlistOp>(op.getType(), op.getSelf(), b.list({op.getSource()}),
                                          b.list({op.getDestination()}));
}

/// Place i step + k dilation for all windows i and their elements k: [windows size]
static Value buildPlaces(Value windows, Value size, int64_t step, int64_t dilation, Decomposer &b) {
  auto spread = [&](Value count, int64_t distance) {
    return b.create<AtenMulScalarOp>(b.range(count), b.integer(distance));
  };
  return b.flatten(b.addTensors(b.unsqueeze(spread(windows, step), 1), spread(size, dilation)));
}

/// The windows of a dim, which becomes two: as many as fit, and their elements.
static Value selectWindows(Value x, int64_t dim, int64_t size, int64_t step, int64_t dilation, Decomposer &b) {
  SmallVector<Value> sizes = b.sizes(x);
  Value reach = b.integer((size - 1) * dilation + 1), elements = b.integer(size);
  Value windows = b.add(b.floordiv(b.sub(sizes[dim], reach), b.integer(step)), b.integer(1));
  Value index = buildPlaces(windows, elements, step, dilation, b);
  sizes[dim] = windows;
  sizes.insert(sizes.begin() + dim + 1, elements);
  return b.create<AtenReshapeOp>(b.create<AtenIndexSelectOp>(x, b.integer(dim), index), b.list(sizes));
}

/// Windows of a dim, their elements in a new last dim
template <typename Op> static FailureOr<Value> decomposeUnfold(Op op, Decomposer &b) {
  auto dim = getConstantInt(op.getDimension()), size = getConstantInt(op.getSize()),
       step = getConstantInt(op.getStep());
  Value x = op.getSelf();
  bool isScalar = getRank(x) == 0;
  if (isScalar)
    x = b.unsqueeze(x, 0);
  auto axis = dim ? wrapDim(*dim, getRank(x)) : std::nullopt;
  if (!size || !step || !axis || *step <= 0)
    return b.unsupported("numbers that are not constant");
  if (isScalar)
    return b.slice(x, 0, b.integer(0), op.getSize());
  b.checkLessEqual(op.getSize(), b.size(x, *axis), "aten.unfold: a window is larger than the dim");
  Value windows = selectWindows(x, *axis, *size, *step, 1, b);
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, getRank(windows)));
  order.erase(order.begin() + *axis + 1);
  order.push_back(*axis + 1);
  return b.permute(windows, order);
}
static FailureOr<Value> DecomposeAtenUnfold(AtenUnfoldOp op, Decomposer &b) { return decomposeUnfold(op, b); }
static FailureOr<Value> DecomposeAtenUnfoldCopy(AtenUnfoldCopyOp op, Decomposer &b) { return decomposeUnfold(op, b); }

/// Patches of images as columns: [N, C, H, W] -> [N, C kh kw, oh ow]
static FailureOr<Value> DecomposeAtenIm2col(AtenIm2colOp op, Decomposer &b) {
  auto kernel = getConstantIntList(op.getKernelSize()), dilation = getConstantIntList(op.getDilation());
  auto padding = getConstantIntList(op.getPadding()), stride = getConstantIntList(op.getStride());
  Value x = op.getSelf();
  if (!kernel || !dilation || !padding || !stride)
    return b.unsupported("numbers that are not constant");
  bool batched = getRank(x) == 4;
  if (!batched)
    x = b.unsqueeze(x, 0);
  x = b.create<AtenConstantPadNdOp>(
      x, b.list(ArrayRef<int64_t>{(*padding)[1], (*padding)[1], (*padding)[0], (*padding)[0]}), b.integer(0));
  // [N, C, oh, kh, ow, kw]
  for (int64_t i = 1; i >= 0; --i)
    x = selectWindows(x, 2 + i, (*kernel)[i], (*stride)[i], (*dilation)[i], b);
  Value places = b.mul(b.size(x, 2), b.size(x, 4));
  Value columns = b.permute(x, {0, 1, 3, 5, 2, 4});
  columns = b.create<AtenReshapeOp>(
      columns, b.list({b.size(x, 0), b.mul(b.size(x, 1), b.integer((*kernel)[0] * (*kernel)[1])), places}));
  return batched ? columns : b.squeeze(columns, 0);
}

/// Adds element i step + k dilation of a dim up for all windows i and their elements k, of a tensor with the two as
/// two dims; the dim is then `extent` long.
static Value addWindows(Value x, int64_t dim, Value extent, int64_t step, int64_t dilation, Decomposer &b) {
  SmallVector<Value> sizes = b.sizes(x);
  Value places = buildPlaces(sizes[dim], sizes[dim + 1], step, dilation, b);
  sizes[dim] = extent;
  sizes.erase(sizes.begin() + dim + 1);
  Value zeros = b.full(sizes, b.integer(0), getDtype(x));
  return b.create<AtenIndexAddOp>(zeros, b.integer(dim), places, b.flatten(x, dim, dim + 1), b.integer(1));
}

static FailureOr<Value> DecomposeAtenUnfoldBackward(AtenUnfoldBackwardOp op, Decomposer &b) {
  auto sizes = getListElements(op.getInputSizes());
  auto dim = getConstantInt(op.getDim()), step = getConstantInt(op.getStep());
  int64_t rank = getRank(op.getGradIn()) - 1;
  auto axis = dim ? wrapDim(*dim, rank) : std::nullopt;
  if (!sizes || !axis || !step || rank == 0 || static_cast<int64_t>(sizes->size()) != rank)
    return b.unsupported("numbers that are not constant, or of a tensor of rank 0");
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  order.insert(order.begin() + *axis + 1, rank);
  // One gradient may stand for many.
  SmallVector<Value> spread(*sizes);
  spread[*axis] = b.size(op.getGradIn(), *axis);
  spread.push_back(b.size(op.getGradIn(), -1));
  return addWindows(b.permute(b.expand(op.getGradIn(), spread), order), *axis, (*sizes)[*axis], *step, 1, b);
}

/// Columns as patches of images, which add up: [N, C kh kw, oh ow] -> [N, C, H, W]
static FailureOr<Value> DecomposeAtenCol2im(AtenCol2imOp op, Decomposer &b) {
  auto output = getListElements(op.getOutputSize());
  auto kernel = getConstantIntList(op.getKernelSize()), dilation = getConstantIntList(op.getDilation()),
       padding = getConstantIntList(op.getPadding()), stride = getConstantIntList(op.getStride());
  for (const auto &numbers : {kernel, dilation, padding, stride})
    if (!numbers || numbers->size() != 2)
      return b.unsupported("numbers that are not constant");
  if (!output || output->size() != 2)
    return b.unsupported("an output size of unknown length");
  Value x = op.getSelf(), one = b.integer(1);
  bool batched = getRank(x) == 3;
  if (!batched)
    x = b.unsqueeze(x, 0);
  SmallVector<Value> padded, windows;
  for (int64_t i = 0; i < 2; ++i) {
    padded.push_back(b.add((*output)[i], b.integer(2 * (*padding)[i])));
    Value reach = b.integer((*dilation)[i] * ((*kernel)[i] - 1) + 1);
    windows.push_back(b.add(b.floordiv(b.sub(padded[i], reach), b.integer((*stride)[i])), one));
  }
  Value height = b.integer((*kernel)[0]), width = b.integer((*kernel)[1]);
  Value channels = b.floordiv(b.size(x, 1), b.integer((*kernel)[0] * (*kernel)[1]));
  x = b.create<AtenReshapeOp>(x, b.list({b.size(x, 0), channels, height, width, windows[0], windows[1]}));
  x = b.permute(x, {0, 1, 4, 2, 5, 3}); // [N, C, oh, kh, ow, kw]
  x = addWindows(x, 4, padded[1], (*stride)[1], (*dilation)[1], b);
  x = addWindows(x, 2, padded[0], (*stride)[0], (*dilation)[0], b);
  for (int64_t i = 0; i < 2; ++i)
    if ((*padding)[i] != 0)
      x = b.slice(x, 2 + i, b.integer((*padding)[i]), b.add((*output)[i], b.integer((*padding)[i])));
  return batched ? x : b.squeeze(x, 0);
}

void torchc::populateShapeJoinPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenAtleast1dSequence, DecomposeAtenAtleast2dSequence,
                    DecomposeAtenAtleast3dSequence, DecomposeAten_ChunkCat);
  addDecompositions(patterns, DecomposeAtenAtleast2d, DecomposeAtenAtleast3d, DecomposeAtenHstack, DecomposeAtenVstack,
                    decomposeAs<AtenVstackOp, AtenRowStackOp>, DecomposeAtenDstack, DecomposeAtenColumnStack,
                    DecomposeAtenBlockDiag);
  addDecompositions(patterns, DecomposeAtenMeshgridIndexing, DecomposeAtenMeshgrid, DecomposeAtenCartesianProd,
                    DecomposeAtenCombinations, DecomposeAtenBroadcastTensors);
  addDecompositions(patterns, DecomposeAtenTile, DecomposeAtenFliplr, DecomposeAtenFlipud, DecomposeAtenRot90,
                    DecomposeAtenChannelShuffle, DecomposeAtenPixelUnshuffle, DecomposeAtenMovedimInt,
                    DecomposeAtenFftFftshift, DecomposeAtenFftIfftshift, DecomposeAtenUnfold, DecomposeAtenUnfoldCopy,
                    DecomposeAtenIm2col, DecomposeAtenUnfoldBackward, DecomposeAtenCol2im);
  addDecompositions(patterns, DecomposeAtenPadSequence, decomposeAs<AtenCatOp, AtenConcatOp>,
                    decomposeAs<AtenCatOp, AtenConcatenateOp>,
                    decomposeAs<AtenChannelShuffleOp, AtenNativeChannelShuffleOp>);
  // What views and copies of values have in common: the values.
  addDecompositions(
      patterns, decomposeAs<AtenPermuteOp, AtenPermuteCopyOp>, decomposeAs<AtenExpandOp, AtenExpandCopyOp>,
      decomposeAs<AtenTOp, AtenTCopyOp>, decomposeAs<AtenTransposeIntOp, AtenTransposeCopyIntOp>,
      decomposeAs<AtenUnsqueezeOp, AtenUnsqueezeCopyOp>, decomposeAs<AtenViewOp, AtenViewCopyOp>,
      decomposeAs<AtenSqueezeOp, AtenSqueezeCopyOp>, decomposeAs<AtenSqueezeDimOp, AtenSqueezeCopyDimOp>,
      decomposeAs<AtenSqueezeDimsOp, AtenSqueezeCopyDimsOp>, decomposeAs<AtenAdjointOp, AtenMHOp>,
      decomposeAs<AtenAdjointOp, AtenMatrixHOp>, decomposeAs<AtenTransposeIntOp, AtenSwapdimsOp>,
      decomposeAs<AtenMovedimIntOp, AtenMoveaxisIntOp>, decomposeAs<AtenMovedimIntlistOp, AtenMoveaxisIntlistOp>);
}
