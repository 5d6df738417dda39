//===- Shape.cpp - decompositions of ops that rearrange elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Complex.h"
#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenNumpyT(AtenNumpyTOp op, Decomposer &b) {
  auto order = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, getTensorType(op.getSelf()).getRank())));
  return b.permute(op.getSelf(), order);
}
static FailureOr<Value> DecomposeAtenMT(AtenMTOp op, Decomposer &b) { return b.transpose(op.getSelf(), -2, -1); }
/// The transpose, and of complex numbers its conjugate.
static FailureOr<Value> DecomposeAtenAdjoint(AtenAdjointOp op, Decomposer &b) {
  return buildConjugate(b.transpose(op.getSelf(), -2, -1), b);
}
static FailureOr<Value> DecomposeAtenSwapaxes(AtenSwapaxesOp op, Decomposer &b) {
  return b.createAs<AtenTransposeIntOp>(op.getType(), op.getSelf(), op.getAxis0(), op.getAxis1());
}

/// Dim source[i] goes to destination[i]; the others keep their order.
static FailureOr<Value> DecomposeAtenMovedimIntlist(AtenMovedimIntlistOp op, Decomposer &b) {
  int64_t rank = getTensorType(op.getSelf()).getRank();
  auto source = getConstantIntList(op.getSource()), destination = getConstantIntList(op.getDestination());
  if (!source || !destination || source->size() != destination->size())
    return b.unsupported("dims that are not constant");
  SmallVector<int64_t> order(rank, -1);
  for (auto [from, to] : llvm::zip(*source, *destination)) {
    auto origin = wrapDim(from, rank), place = wrapDim(to, rank);
    if (!origin || !place)
      return b.unsupported("a dim out of range");
    order[*place] = *origin;
  }
  int64_t next = 0;
  for (int64_t &dim : order) {
    if (dim >= 0)
      continue;
    while (llvm::is_contained(*source, next) || llvm::is_contained(*source, next - rank))
      ++next;
    dim = next++;
  }
  return b.permute(op.getSelf(), order);
}

//===----------------------------------------------------------------------===//
// Views by the shape of another tensor
//===----------------------------------------------------------------------===//

static FailureOr<Value> DecomposeAtenViewAs(AtenViewAsOp op, Decomposer &b) {
  return b.createAs<AtenViewOp>(op.getType(), op.getSelf(), b.list(b.sizes(op.getOther())));
}
static FailureOr<Value> DecomposeAtenReshapeAs(AtenReshapeAsOp op, Decomposer &b) {
  return b.createAs<AtenReshapeOp>(op.getType(), op.getSelf(), b.list(b.sizes(op.getOther())));
}
static FailureOr<Value> DecomposeAtenExpandAs(AtenExpandAsOp op, Decomposer &b) {
  return b.createAs<AtenExpandOp>(op.getType(), op.getSelf(), b.list(b.sizes(op.getOther())), b.boolean(false));
}
static FailureOr<Value> DecomposeAtenBroadcastTo(AtenBroadcastToOp op, Decomposer &b) {
  return b.createAs<AtenExpandOp>(op.getType(), op.getSelf(), op.getSize(), b.boolean(false));
}
static FailureOr<Value> DecomposeAtenRavel(AtenRavelOp op, Decomposer &b) {
  return b.createAs<AtenReshapeOp>(op.getType(), op.getSelf(), b.list(ArrayRef<int64_t>{-1}));
}
static FailureOr<Value> DecomposeAtenAtleast1d(AtenAtleast1dOp op, Decomposer &b) {
  return getTensorType(op.getSelf()).getRank() == 0 ? b.unsqueeze(op.getSelf(), 0) : op.getSelf();
}

//===----------------------------------------------------------------------===//
// Joining, padding, repeating
//===----------------------------------------------------------------------===//

/// stack(tensors, dim) = cat(unsqueeze(each, dim), dim)
static FailureOr<Value> DecomposeAtenStack(AtenStackOp op, Decomposer &b) {
  auto tensors = getListElements(op.getTensors());
  auto dim = getConstantInt(op.getDim());
  if (!tensors || !dim || tensors->empty())
    return b.unsupported("a list of unknown length");
  for (Value tensor : *tensors)
    if (!getTensorType(tensor).hasRank())
      return b.unsupported("a tensor of unknown rank");
  Type elementType = cast<ListType>(op.getTensors().getType()).getContainedType();
  SmallVector<Value> parts;
  for (Value tensor : *tensors)
    parts.push_back(b.unsqueeze(tensor, *dim));
  // The list's own element type may know sizes that hold no more.
  Type dtype = cast<BaseTensorType>(elementType).getOptionalDtype();
  Type anyShape = ValueTensorType::get(op.getContext(), false, {}, dtype);
  return b.createAs<AtenCatOp>(op.getType(), b.list(parts, anyShape), op.getDim());
}

/// [.., C r r, H, W] -> [.., C, r, r, H, W] -> [.., C, H, r, W, r] -> [.., C, H r, W r]
static FailureOr<Value> DecomposeAtenPixelShuffle(AtenPixelShuffleOp op, Decomposer &b) {
  Value x = op.getSelf();
  int64_t rank = getTensorType(x).getRank(), lead = rank - 3;
  Value factor = op.getUpscaleFactor();
  SmallVector<Value> sizes = b.sizes(x);
  Value channels = b.floordiv(sizes[lead], b.mul(factor, factor)), height = sizes[lead + 1], width = sizes[lead + 2];
  SmallVector<Value> split(ArrayRef<Value>(sizes).take_front(lead));
  llvm::append_values(split, channels, factor, factor, height, width);
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, lead));
  llvm::append_values(order, lead, lead + 3, lead + 1, lead + 4, lead + 2);
  SmallVector<Value> joined(ArrayRef<Value>(sizes).take_front(lead));
  llvm::append_values(joined, channels, b.mul(height, factor), b.mul(width, factor));
  Value shuffled = b.permute(b.create<AtenReshapeOp>(x, b.list(split)), order);
  return b.createAs<AtenReshapeOp>(op.getType(), shuffled, b.list(joined));
}

namespace {
/// Along which dim of what elements are repeated: without a dim, that of the flattened tensor.
struct RepeatedDim {
  Value tensor;
  int64_t dim;
};
} // namespace

template <typename Op> static FailureOr<RepeatedDim> getRepeatedDim(Op op, Decomposer &b) {
  Value x = op.getSelf();
  auto constant = isNone(op.getDim()) ? std::optional<int64_t>(0) : getConstantInt(op.getDim());
  auto dim = constant ? wrapDim(*constant, getTensorType(x).getRank()) : std::nullopt;
  if (!dim)
    return b.unsupported("a dim that is not constant");
  if (isNone(op.getDim()) || getTensorType(x).getRank() == 0)
    x = b.create<AtenReshapeOp>(x, b.list(ArrayRef<int64_t>{-1}));
  return RepeatedDim{x, *dim};
}

/// Each element `repeats` times in a row: a new dim behind, expanded and joined.
static FailureOr<Value> DecomposeAtenRepeatInterleaveSelfInt(AtenRepeatInterleaveSelfIntOp op, Decomposer &b) {
  auto repeated = getRepeatedDim(op, b);
  if (failed(repeated))
    return failure();
  auto [x, dim] = *repeated;
  SmallVector<Value> joined = b.sizes(x), expanded = joined;
  expanded.insert(expanded.begin() + dim + 1, op.getRepeats());
  joined[dim] = b.mul(joined[dim], op.getRepeats());
  return b.createAs<AtenReshapeOp>(op.getType(), b.expand(b.unsqueeze(x, dim + 1), expanded), b.list(joined));
}

/// x [n] times each: place i comes from the first element whose running count is above i.
static Value buildRepeatedPlaces(Value repeats, Value outputSize, Decomposer &b) {
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Value ends = b.create<AtenCumsumOp>(b.convert(repeats, si64), b.integer(0), b.none());
  if (isNone(outputSize))
    outputSize = b.createAs<AtenItemOp>(IntType::get(si64.getContext()), b.sum(b.convert(repeats, si64), {0}, false));
  return b.create<AtenSearchsortedTensorOp>(ends, b.range(outputSize), b.boolean(false), b.boolean(true), b.none(),
                                            b.none());
}
static FailureOr<Value> DecomposeAtenRepeatInterleaveTensor(AtenRepeatInterleaveTensorOp op, Decomposer &b) {
  return buildRepeatedPlaces(op.getRepeats(), op.getOutputSize(), b);
}
static FailureOr<Value> DecomposeAtenRepeatInterleaveSelfTensor(AtenRepeatInterleaveSelfTensorOp op, Decomposer &b) {
  auto repeated = getRepeatedDim(op, b);
  if (failed(repeated))
    return failure();
  auto [x, dim] = *repeated;
  // One number for all.
  Value repeats = b.expand(op.getRepeats(), b.size(x, dim));
  Value places = buildRepeatedPlaces(repeats, op.getOutputSize(), b);
  return b.create<AtenIndexSelectOp>(x, b.integer(dim), places);
}

/// The first elements of x, in row-major order, under other sizes.
static FailureOr<Value> buildResized(Value x, Value sizeList, Decomposer &b) {
  auto sizes = getConstantIntList(sizeList);
  ArrayRef<int64_t> shape = getTensorType(x).getSizes();
  if (!sizes || llvm::any_of(shape, ShapedType::isDynamic))
    return b.unsupported("to sizes that are not constant, or of a tensor that is not static");
  if (llvm::product_of(*sizes) > llvm::product_of(shape))
    return b.unsupported("to more elements, whose contents are not defined");
  Value vector = b.create<AtenReshapeOp>(x, b.list(ArrayRef<int64_t>{-1}));
  return b.view(b.slice(vector, 0, b.integer(0), b.integer(llvm::product_of(*sizes))), *sizes);
}
static FailureOr<Value> DecomposeAtenResize(AtenResizeOp op, Decomposer &b) {
  return buildResized(op.getSelf(), op.getSize(), b);
}
static FailureOr<Value> DecomposeAtenResizeAs(AtenResizeAsOp op, Decomposer &b) {
  return buildResized(op.getSelf(), b.list(b.sizes(op.getTheTemplate())), b);
}

void torchc::populateShapePatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenNumpyT, DecomposeAtenMT, DecomposeAtenAdjoint, DecomposeAtenSwapaxes,
                    DecomposeAtenMovedimIntlist);
  addDecompositions(patterns, DecomposeAtenViewAs, DecomposeAtenReshapeAs, DecomposeAtenExpandAs,
                    DecomposeAtenBroadcastTo, DecomposeAtenRavel, DecomposeAtenAtleast1d);
  addDecompositions(patterns, DecomposeAtenStack, DecomposeAtenPixelShuffle, DecomposeAtenRepeatInterleaveSelfInt,
                    DecomposeAtenRepeatInterleaveTensor, DecomposeAtenRepeatInterleaveSelfTensor, DecomposeAtenResize,
                    DecomposeAtenResizeAs);
}
