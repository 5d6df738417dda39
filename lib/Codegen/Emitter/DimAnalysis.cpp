//===- DimAnalysis.cpp - how the dims of a loop nest reach into a kernel's body ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/DimAnalysis.h"

using namespace mlir;
using namespace torchc;

uint64_t DimTracker::Reduction::getDepends() const {
  uint64_t all = 0;
  for (const Dim &dim : dims)
    all |= dim.depends;
  return all;
}

std::optional<Indices> DimTracker::Reduction::getIndices(ArrayRef<Index> nest) const {
  Indices at;
  for (const Dim &dim : dims) {
    if (dim.id == kOther)
      return std::nullopt;
    at.push_back(dim.id == kZero ? Index(0) : nest[dim.id]);
  }
  return at;
}

DimTracker::DimTracker(ValueEmitter &emitter, ArrayRef<Index> extents) : emitter(emitter), extents(extents) {}

void DimTracker::separate(unsigned id) {
  separateAfter.insert(id);
  for (unsigned before = id; before-- != 0;) {
    separateAfter.insert(before);
    if (!isUnit(before))
      break;
  }
}

void DimTracker::separateKinds(function_ref<int(unsigned)> getKind) {
  std::optional<unsigned> previous;
  for (unsigned id = 0; id != extents.size(); ++id) {
    if (isUnit(id))
      continue;
    if (previous && getKind(*previous) != getKind(id))
      separateAfter.insert(*previous);
    previous = id;
  }
}

void DimTracker::separateAll(ArrayRef<Dim> dims) {
  for (const Dim &dim : dims)
    for (unsigned id = 0; id != extents.size(); ++id)
      if (dim.depends >> id & 1)
        separate(id);
}

void DimTracker::trackRoot(Value tensor) {
  SmallVector<Dim> dims;
  for (unsigned id = 0; id != extents.size(); ++id)
    dims.push_back({static_cast<int>(id), uint64_t(1) << id});
  track(tensor, dims);
}

/// Dims may be joined if every tensor has them side by side, or has none of them.
void DimTracker::checkAdjacency(Value tensor, ArrayRef<Dim> dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int> ids;
  for (auto [position, dim] : llvm::enumerate(dims))
    if (type.getDimSize(position) != 1 && !(dim.id >= 0 && isUnit(dim.id)))
      ids.push_back(dim.id);
  int previous = -1;
  for (int id = 0; id != static_cast<int>(extents.size()); ++id) {
    if (isUnit(id))
      continue;
    if (previous >= 0) {
      auto first = llvm::find(ids, previous), second = llvm::find(ids, id);
      bool absent = first == ids.end() && second == ids.end();
      bool adjacent =
          first != ids.end() && second == first + 1 && llvm::count(ids, previous) == 1 && llvm::count(ids, id) == 1;
      if (!absent && !adjacent)
        for (int i = previous; i != id; ++i)
          separateAfter.insert(i);
    }
    previous = id;
  }
}

static bool isWhole(OpFoldResult offset, OpFoldResult size, OpFoldResult stride, int64_t extent) {
  return isConstantIntValue(offset, 0) && isConstantIntValue(stride, 1) && !ShapedType::isDynamic(extent) &&
         isConstantIntValue(size, extent);
}

void DimTracker::track(Value tensor, ArrayRef<Dim> dims) {
  std::vector<int> ids;
  for (const Dim &dim : dims)
    ids.push_back(dim.id);
  if (!visited.insert({tensor.getAsOpaquePointer(), ids}).second)
    return;
  checkAdjacency(tensor, dims);
  Operation *op = tensor.getDefiningOp();
  if (!op || isa<tensor::EmptyOp, arith::ConstantOp, tensor::SplatOp>(op))
    return;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return trackLinalg(linalgOp, cast<OpResult>(tensor).getResultNumber(), dims);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return track(cast.getSource(), dims);

  // `changes[i]`: the op does something along dim i of its result.
  auto through = [&](Value source, function_ref<bool(unsigned)> changes) {
    SmallVector<Dim> mapped(dims);
    for (auto [i, dim] : llvm::enumerate(mapped))
      if (changes(i)) {
        separateAll(dim);
        dim.id = kOther;
      }
    track(source, mapped);
  };
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    auto low = pad.getMixedLowPad(), high = pad.getMixedHighPad();
    return through(pad.getSource(),
                   [&](unsigned i) { return !isConstantIntValue(low[i], 0) || !isConstantIntValue(high[i], 0); });
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    for (Value input : concat.getInputs())
      through(input, [&](unsigned i) { return i == concat.getDim(); });
    return;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    SmallVector<Dim> mapped;
    unsigned kept = 0;
    for (unsigned i = 0; i != dropped.size(); ++i) {
      if (dropped[i]) {
        mapped.push_back({kOther, 0});
        continue;
      }
      mapped.push_back(dims[kept++]);
      if (!isWhole(slice.getMixedOffsets()[i], slice.getMixedSizes()[i], slice.getMixedStrides()[i],
                   slice.getSourceType().getDimSize(i))) {
        separateAll(mapped.back());
        mapped.back().id = kOther;
      }
    }
    return track(slice.getSource(), mapped);
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    SmallVector<Dim> source, dest(dims);
    for (unsigned i = 0; i != dropped.size(); ++i) {
      if (!isWhole(insert.getMixedOffsets()[i], insert.getMixedSizes()[i], insert.getMixedStrides()[i],
                   insert.getDestType().getDimSize(i))) {
        separateAll(dest[i]);
        dest[i].id = kOther;
      }
      if (!dropped[i])
        source.push_back(dest[i]);
    }
    track(insert.getDest(), dest);
    return track(insert.getSource(), source);
  }

  if (auto unpack = dyn_cast<linalg::UnPackOp>(op)) {
    SmallVector<Dim> mapped(dims);
    for (int64_t tiled : unpack.getInnerDimsPos()) {
      separateAll(mapped[tiled]);
      mapped[tiled].id = kOther;
    }
    if (!unpack.getOuterDimsPerm().empty())
      applyPermutationToVector(mapped, unpack.getOuterDimsPerm());
    mapped.append(unpack.getInnerDimsPos().size(), Dim{kOther, 0});
    return track(unpack.getSource(), mapped);
  }

  // Reshapes of bindings are other views of them: nothing behind to follow.
  Value source = op->getNumOperands() != 0 ? op->getOperand(0) : Value();
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
    Value origin = source;
    while (origin.getDefiningOp() &&
           isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(origin.getDefiningOp()))
      origin = origin.getDefiningOp()->getOperand(0);
    if (isa<BlockArgument>(origin))
      return;
  }
  // Everything else may mix all dims.
  separateAll(dims);
  uint64_t all = 0;
  for (const Dim &dim : dims)
    all |= dim.depends;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType())) {
      SmallVector<Dim> mapped(type.getRank(), Dim{kOther, all});
      if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
        for (auto [i, group] : llvm::enumerate(expand.getReassociationIndices()))
          mapped[i] = group.size() == 1 ? dims[group[0]] : mapped[i];
      } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
        for (auto [i, group] : llvm::enumerate(collapse.getReassociationIndices()))
          if (group.size() == 1)
            mapped[group[0]] = dims[i];
      }
      track(operand, mapped);
    }
}

void DimTracker::trackLinalg(linalg::LinalgOp op, unsigned result, ArrayRef<Dim> dims) {
  SmallVector<Dim> loops(op.getNumLoops());
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  for (auto [expr, dim] : llvm::zip_equal(output.getResults(), dims))
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      loops[loop.getPosition()] = dim;
  if (op.getNumReductionLoops() != 0)
    reductions.push_back({op->getResult(result), SmallVector<Dim>(dims)});

  uint64_t all = 0;
  for (const Dim &loop : loops)
    all |= loop.depends;
  op.getBlock()->walk([&](Operation *inner) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      separateAll(loops[index.getDim()]);
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
      track(extract.getTensor(), SmallVector<Dim>(extract.getTensor().getType().getRank(), Dim{kOther, all}));
  });
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.isScalar(&operand) || op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    SmallVector<Dim> mapped;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
        mapped.push_back(loops[loop.getPosition()]);
        continue;
      }
      Dim dim;
      if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
        dim.id = constant.getValue() == 0 ? kZero : kOther;
      } else {
        expr.walk([&](AffineExpr part) {
          if (auto loop = dyn_cast<AffineDimExpr>(part))
            dim.depends |= loops[loop.getPosition()].depends;
        });
        separateAll(dim);
      }
      mapped.push_back(dim);
    }
    track(operand.get(), mapped);
  }
}

bool DimTracker::hasDimsOfNest(Value tensor) const {
  std::vector<int> identity(extents.size());
  std::iota(identity.begin(), identity.end(), 0);
  bool found = false;
  for (auto &[known, ids] : visited) {
    if (known != tensor.getAsOpaquePointer())
      continue;
    found = true;
    // Loops of a reduction stand for dims of the nest that it goes through whole.
    if (ids.size() != identity.size())
      return false;
    for (auto [id, own] : llvm::zip_equal(identity, ids))
      if (own != id && own != kOther)
        return false;
  }
  return found;
}

SmallVector<LoopGroup> DimTracker::getGroups() {
  SmallVector<LoopGroup> groups;
  for (unsigned id = 0; id != extents.size(); ++id) {
    if (isUnit(id))
      continue;
    if (!groups.empty() && !separateAfter.count(groups.back().last)) {
      groups.back().last = id;
      groups.back().extent = emitter.mul(groups.back().extent, extents[id]);
    } else {
      groups.push_back({id, id, extents[id]});
    }
  }
  return groups;
}

ArrayRef<DimTracker::Reduction> DimTracker::getReductions() {
  llvm::sort(reductions, [](const Reduction &left, const Reduction &right) {
    Operation *first = left.result.getOwner(), *second = right.result.getOwner();
    return first != second && first->isBeforeInBlock(second);
  });
  return reductions;
}

const DimTracker::Reduction *DimTracker::trackOnlyReduction(ValueRange results, Operation *op) {
  auto getShape = [](Value result) { return cast<RankedTensorType>(result.getType()).getShape(); };
  for (Value result : results) {
    if (getShape(result) != getShape(results.front()))
      return nullptr;
    trackRoot(result);
  }
  ArrayRef<Reduction> found = getReductions();
  const Indices origin(extents.size(), Index(0));
  const bool isOnly = found.size() == 1 && found.front().result.getOwner() == op && found.front().getIndices(origin);
  return isOnly ? &found.front() : nullptr;
}

Indices torchc::getLoopExtents(ValueEmitter &emitter, linalg::LinalgOp op) {
  Indices extents(op.getNumLoops(), Index(-1));
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.isScalar(&operand))
      continue;
    for (auto [position, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
        Index &extent = extents[loop.getPosition()];
        if (extent.base || extent.offset < 0)
          extent = emitter.getExtent(operand.get(), position);
      }
  }
  return extents;
}

SmallVector<LoopGroup> torchc::getReductionGroups(ValueEmitter &emitter, linalg::LinalgOp op) {
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  Indices all = getLoopExtents(emitter, op), extents;
  for (unsigned loop : reduced)
    extents.push_back(all[loop]);
  DimTracker tracker(emitter, extents);
  op.getBlock()->walk([&](linalg::IndexOp index) {
    auto place = llvm::find(reduced, index.getDim());
    if (place != reduced.end())
      tracker.separate(place - reduced.begin());
  });
  op.getBlock()->walk([&](tensor::ExtractOp) {
    for (unsigned i = 0; i != reduced.size(); ++i)
      tracker.separate(i);
  });
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (op.isScalar(operand))
      continue;
    SmallVector<DimTracker::Dim> dims;
    for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults()) {
      DimTracker::Dim dim;
      if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
        auto place = llvm::find(reduced, loop.getPosition());
        if (place != reduced.end())
          dim = {static_cast<int>(place - reduced.begin()), uint64_t(1) << (place - reduced.begin())};
      } else {
        for (auto [i, loop] : llvm::enumerate(reduced))
          if (expr.isFunctionOfDim(loop))
            tracker.separate(i);
      }
      dims.push_back(dim);
    }
    tracker.track(operand->get(), dims);
  }
  SmallVector<LoopGroup> groups = tracker.getGroups();
  for (LoopGroup &group : groups) {
    group.first = reduced[group.first];
    group.last = reduced[group.last];
  }
  return groups;
}
