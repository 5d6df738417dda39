//===- Transpose.cpp - changes of layout ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A tensor whose innermost dim goes elsewhere is read and written by whole vectors,
// which change places in registers:
//
//   input [outer.., across.., inner..], result with `across` innermost
//   for unit in work group:            outer.., a vector of across
//     for vector along inner:          the dims behind `across` as one
//       load a row of each across, store the columns
//
// What is left of `inner` or `across` is read element by element.
//
// Grid: x counts ranges of units, as many a group as make up kWorkPerGroup.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

namespace {
/// The dims of one transposed binding, as the input numbers them.
struct Layout {
  linalg::TransposeOp op;
  SmallVector<int64_t> places; ///< In the result, of each dim of the input.
  int64_t acrossFirst, acrossLast;
  int64_t lanes;

  int64_t getRank() const { return places.size(); }
};

class TransposeNest {
public:
  TransposeNest(ValueEmitter &emitter, const Layout &layout);
  AffineExpr countUnits();
  double estimateUnit() const;
  void emitUnit(Index unit);

private:
  Indices getTarget(Index across, Index inner);
  void emitTile(Index across, Index inner);
  void emitElements(Index across, Index lower, Index upper);

  ValueEmitter &emitter;
  Layout layout;
  Value input;
  Indices extents, source; ///< Of the input: its extents, the current point.
  Index acrossExtent = 1, innerExtent = 1;
  SmallVector<SmallVector<int64_t>> innerGroups; ///< Dims that are neighbours in the result, too.
  Buffer result;
};
} // namespace

static bool isShort(ArrayRef<int64_t> extents, int64_t least) {
  int64_t product = 1;
  for (int64_t extent : extents) {
    if (ShapedType::isDynamic(extent))
      return false;
    product *= extent;
  }
  return product < least;
}

static std::optional<Layout> analyze(dispatch::KernelOp kernel, const TargetInfo &target) {
  auto ops = kernel.getBody().getOps<linalg::TransposeOp>();
  OperandRange returned = getResults(kernel);
  if (target.prefersSize || returned.size() != 1 || !llvm::hasSingleElement(ops))
    return std::nullopt;
  linalg::TransposeOp op = *ops.begin();
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type || returned.front() != op->getResult(0) || !isa<BlockArgument>(op.getInput()) ||
      !type.getElementType().isIntOrFloat() || type.getElementTypeBitWidth() < 16 ||
      !ValueEmitter::canVectorize(kernel))
    return std::nullopt;

  ArrayRef<int64_t> permutation = op.getPermutation();
  int64_t rank = type.getRank(), first = rank - 1;
  while (first > 0 && permutation[first - 1] == permutation[first] - 1)
    --first;
  Layout layout{op, SmallVector<int64_t>(rank), permutation[first], permutation[rank - 1], 0};
  for (auto [place, dim] : llvm::enumerate(permutation))
    layout.places[dim] = place;
  // Half a register of bytes and halves would need other exchanges than those of elements.
  layout.lanes = target.getLanes(std::max(32u, type.getElementTypeBitWidth()));
  ArrayRef<int64_t> shape = type.getShape();
  if (layout.acrossLast == rank - 1 || isShort(shape.drop_front(layout.acrossLast + 1), layout.lanes) ||
      isShort(shape.slice(layout.acrossFirst, layout.acrossLast + 1 - layout.acrossFirst), layout.lanes))
    return std::nullopt;
  return layout;
}

TransposeNest::TransposeNest(ValueEmitter &emitter, const Layout &layout)
    : emitter(emitter), layout(layout), input(this->layout.op.getInput()), extents(emitter.getExtents(input)),
      source(extents.size(), Index(0)), result(emitter.getResultBuffer(0, this->layout.op->getResult(0))) {
  for (int64_t dim = layout.acrossFirst; dim < layout.getRank(); ++dim) {
    Index &extent = dim <= layout.acrossLast ? acrossExtent : innerExtent;
    extent = emitter.mul(extent, extents[dim]);
  }
  for (int64_t dim = layout.acrossLast + 1; dim < layout.getRank(); ++dim) {
    if (innerGroups.empty() || layout.places[dim] != layout.places[dim - 1] + 1)
      innerGroups.emplace_back();
    innerGroups.back().push_back(dim);
  }
}

AffineExpr TransposeNest::countUnits() {
  AffineExpr across = getAffineConstantExpr(1, emitter.getBuilder().getContext()), units = across;
  for (int64_t dim = 0; dim <= layout.acrossLast; ++dim) {
    AffineExpr &expr = dim < layout.acrossFirst ? units : across;
    expr = expr * emitter.getExtentExpr(input, dim);
  }
  return units * across.ceilDiv(layout.lanes);
}

double TransposeNest::estimateUnit() const {
  double work = 2.0 * layout.lanes;
  for (int64_t extent : cast<RankedTensorType>(input.getType()).getShape().drop_front(layout.acrossLast + 1))
    work *= ShapedType::isDynamic(extent) ? kAssumedExtent : extent;
  return work;
}

/// The point of the result that holds an element.
Indices TransposeNest::getTarget(Index across, Index inner) {
  Indices target(extents.size(), Index(0));
  for (int64_t dim = 0; dim < layout.acrossFirst; ++dim)
    target[layout.places[dim]] = source[dim];
  target.back() = across;
  Indices groupExtents(innerGroups.size(), Index(1));
  for (auto [extent, group] : llvm::zip_equal(groupExtents, innerGroups))
    for (int64_t dim : group)
      extent = emitter.mul(extent, extents[dim]);
  for (auto [group, index] : llvm::zip_equal(innerGroups, emitter.delinearize(inner, groupExtents)))
    target[layout.places[group.back()]] = index;
  return target;
}

void TransposeNest::emitTile(Index across, Index inner) {
  ValueEmitter::Scope scope(emitter);
  ValueEmitter::LanesScope lanes(emitter, layout.lanes);
  SmallVector<Value> vectors;
  source.back() = Index(inner.base, inner.offset, 1);
  for (int64_t row = 0; row != layout.lanes; ++row) {
    source[layout.acrossLast] = emitter.add(across, row);
    vectors.push_back(emitter.emit(input, source));
  }
  for (auto [column, values] : llvm::enumerate(emitter.transpose(vectors)))
    emitter.store(values, result, getTarget(Index(across.base, across.offset, 1), emitter.add(inner, column)));
}

/// A vector of `across`, or less, for each of some elements of `inner`.
void TransposeNest::emitElements(Index across, Index lower, Index upper) {
  Index end = emitter.min(emitter.add(across, layout.lanes), acrossExtent);
  emitter.emitLoop(lower, upper, 1, [&](Index inner) {
    source.back() = inner;
    emitter.emitLanes(across, end, layout.lanes, [&](Index index) {
      source[layout.acrossLast] = index;
      emitter.store(emitter.emit(input, source), result, getTarget(index, inner));
    });
  });
}

void TransposeNest::emitUnit(Index unit) {
  ValueEmitter::Scope scope(emitter);
  // outer.., blocks of `across`
  Indices unitExtents(ArrayRef<Index>(extents).take_front(layout.acrossFirst));
  unitExtents.push_back(emitter.ceilDiv(acrossExtent, layout.lanes));
  Indices place = emitter.delinearize(unit, unitExtents);
  Index across = emitter.mul(place.pop_back_val(), layout.lanes);
  llvm::copy(place, source.begin());
  auto emitWhole = [&] {
    Index whole = emitter.mul(emitter.div(innerExtent, layout.lanes), layout.lanes);
    emitter.emitLoop(0, whole, layout.lanes, [&](Index inner) { emitTile(across, inner); });
    if (!whole.isConstant() || whole.offset != innerExtent.offset)
      emitElements(across, whole, innerExtent);
  };
  if (acrossExtent.isConstant() && acrossExtent.offset % layout.lanes == 0)
    return emitWhole();
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Value isWhole = arith::CmpIOp::create(
      b, arith::CmpIPredicate::sle, emitter.toValue(emitter.add(across, layout.lanes)), emitter.toValue(acrossExtent));
  emitter.emitIf(isWhole, emitWhole, [&] { emitElements(across, 0, innerExtent); });
}

static bool matchesTranspose(dispatch::KernelOp kernel, const TargetInfo &target) {
  return analyze(kernel, target).has_value();
}

static Grid emitTranspose(ValueEmitter &emitter) {
  TransposeNest nest(emitter, *analyze(emitter.getKernel(), emitter.getTarget()));
  AffineExpr one = getAffineConstantExpr(1, emitter.getBuilder().getContext()), units = nest.countUnits();
  int64_t share = std::max<int64_t>(1, std::llround(kWorkPerGroup / nest.estimateUnit()));
  Index lower = emitter.mul(emitter.getWorkgroup(0), share);
  Index upper = emitter.min(emitter.add(lower, share), emitter.evaluate(units, {}));
  emitter.emitLoop(lower, upper, 1, [&](Index unit) { nest.emitUnit(unit); });
  return {units.ceilDiv(share), one, one};
}

const Strategy torchc::kTranspose = {"transpose", {}, matchesTranspose, emitTranspose};
