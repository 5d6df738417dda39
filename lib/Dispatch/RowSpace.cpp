//===- RowSpace.cpp - which loops number the rows of a row kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSpace.h"

using namespace mlir;
using namespace torchc;

/// The results of `map` that are `loops`, in order; fails if one is missing.
static FailureOr<SmallVector<unsigned>> findDims(AffineMap map, ArrayRef<unsigned> loops) {
  SmallVector<unsigned> dims;
  for (unsigned loop : loops) {
    auto position = map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
    if (!position)
      return failure();
    dims.push_back(*position);
  }
  return dims;
}

RowSpace RowSpace::create(linalg::LinalgOp op) {
  RowSpace space;
  Member member{op, {}};
  op.getParallelDims(member.rowLoops);
  space.members.push_back(std::move(member));
  return space;
}

FailureOr<std::optional<RowSpace::Dims>> RowSpace::getRowDims(Value tensor) const {
  std::optional<Dims> known;
  for (const Member &member : members) {
    linalg::LinalgOp op = member.op;
    for (OpOperand &operand : op->getOpOperands()) {
      bool isTensor = operand.get() == tensor || (op.isDpsInit(&operand) && op.getTiedOpResult(&operand) == tensor);
      if (!isTensor)
        continue;
      auto dims = findDims(op.getMatchingIndexingMap(&operand), member.rowLoops);
      if (failed(dims) || (known && *known != *dims))
        return failure();
      known = *dims;
    }
  }
  return known;
}

bool RowSpace::add(linalg::LinalgOp op, ArrayRef<std::pair<AffineMap, Dims>> uses) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  std::optional<Loops> rowLoops;
  for (auto &[map, dims] : uses) {
    Loops loops;
    for (unsigned dim : dims) {
      auto loop = dyn_cast<AffineDimExpr>(map.getResult(dim));
      if (!loop || iterators[loop.getPosition()] != utils::IteratorType::parallel)
        return false;
      loops.push_back(loop.getPosition());
    }
    if (rowLoops && *rowLoops != loops)
      return false;
    rowLoops = loops;
  }
  // The results must have all rows, each of them once.
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!rowLoops || failed(findDims(op.getMatchingIndexingMap(&init), *rowLoops)))
      return false;
  members.push_back({op, *rowLoops});
  return true;
}

LogicalResult RowSpace::append(linalg::LinalgOp op) {
  // All of a tensor is one row: what follows per element is better parallel.
  if (members.front().rowLoops.empty() && op.getNumParallelLoops() != 0)
    return failure();
  SmallVector<std::pair<AffineMap, Dims>> uses;
  for (OpOperand &operand : op->getOpOperands())
    if (llvm::any_of(members, [&](const Member &member) { return operand.get().getDefiningOp() == member.op; })) {
      auto dims = getRowDims(operand.get());
      if (failed(dims) || !*dims)
        return failure();
      uses.emplace_back(op.getMatchingIndexingMap(&operand), **dims);
    }
  return success(!uses.empty() && add(op, uses));
}

LogicalResult RowSpace::prepend(linalg::LinalgOp op) {
  SmallVector<std::pair<AffineMap, Dims>> uses;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    auto dims = getRowDims(op.getTiedOpResult(&init));
    if (failed(dims))
      return failure();
    if (*dims)
      uses.emplace_back(op.getMatchingIndexingMap(&init), **dims);
  }
  return success(!uses.empty() && add(op, uses));
}

LogicalResult RowSpace::absorb(const RowSpace &other) {
  bool shares = false;
  for (const Member &member : other.members)
    for (Value result : linalg::LinalgOp(member.op)->getResults()) {
      auto dims = getRowDims(result), otherDims = other.getRowDims(result);
      if (failed(dims) || failed(otherDims))
        return failure();
      if (!*dims)
        continue;
      if (**dims != **otherDims)
        return failure();
      shares = true;
    }
  if (!shares)
    return failure();
  llvm::append_range(members, other.members);
  return success();
}
