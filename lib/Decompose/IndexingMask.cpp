//===- IndexingMask.cpp - masks among indices ----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lower takes indices that are integers. A mask stands for the places where it
// is true: x[mask] = x[i, j] with i, j = nonzero(mask).
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

Value torchc::findNonzero(Value x, Decomposer &b) {
  Type si64 = b.getBuilder().getIntegerType(64, /*isSigned=*/true);
  Type type =
      ValueTensorType::get(b.getBuilder().getContext(), {ShapedType::kDynamic, getTensorType(x).getRank()}, si64);
  return b.createAs<AtenNonzeroOp>(type, x);
}

static Value withoutDerefine(Value value) {
  while (auto derefine = value.getDefiningOp<DerefineOp>())
    value = derefine.getOperand();
  return value;
}

/// Masks are bools; torch takes u8 for masks too.
static bool isMask(Value index) {
  auto type = dyn_cast<BaseTensorType>(index.getType());
  return type && type.hasRank() && type.hasDtype() && type.getRank() > 0 &&
         (type.getDtype().isSignlessInteger(1) || type.getDtype().isUnsignedInteger(8));
}

/// The indices with each mask as one index a dim that it covers; failure where
/// there is no mask.
static FailureOr<Value> expandMasks(Value list, Decomposer &b) {
  auto elements = getListElements(list);
  if (!elements || llvm::none_of(*elements, [](Value index) { return isMask(withoutDerefine(index)); }))
    return failure();
  SmallVector<Value> indices;
  for (Value element : *elements) {
    Value index = withoutDerefine(element);
    if (!isMask(index)) {
      indices.push_back(element);
      continue;
    }
    Value places = findNonzero(index, b);
    for (int64_t dim = 0; dim < getTensorType(index).getRank(); ++dim)
      indices.push_back(b.select(places, 1, dim));
  }
  return b.list(indices, cast<ListType>(list.getType()).getContainedType());
}

static FailureOr<Value> DecomposeAtenIndexTensor(AtenIndexTensorOp op, Decomposer &b) {
  FailureOr<Value> indices = expandMasks(op.getIndices(), b);
  if (failed(indices))
    return failure();
  return b.createAs<AtenIndexTensorOp>(op.getType(), op.getSelf(), *indices);
}

/// x[:, mask] = v for one element v is where(mask, v, x); other values are put
/// one by one at the places of the mask.
static FailureOr<Value> DecomposeAtenIndexPut(AtenIndexPutOp op, Decomposer &b) {
  auto elements = getListElements(op.getIndices());
  auto type = getTensorType(op.getSelf()), values = getTensorType(op.getValues());
  Value only;
  int64_t place = 0;
  for (auto [dim, element] : llvm::enumerate(elements.value_or(SmallVector<Value>()))) {
    Value index = withoutDerefine(element);
    if (isNone(index))
      continue;
    place = only ? -1 : static_cast<int64_t>(dim);
    only = index;
  }
  bool isOneElement = llvm::all_of(values.getSizes(), [](int64_t size) { return size == 1; });
  if (only && place >= 0 && isMask(only) && isOneElement && getConstantBool(op.getAccumulate()) == false) {
    Value mask = b.convert(only, b.getBuilder().getI1Type());
    int64_t trailing = type.getRank() - place - getTensorType(only).getRank();
    for (int64_t i = 0; i < trailing; ++i)
      mask = b.unsqueeze(mask, getTensorType(mask).getRank());
    Value value = b.convert(b.view(op.getValues(), ArrayRef<int64_t>{}), type.getDtype());
    return b.where(mask, value, op.getSelf());
  }
  FailureOr<Value> indices = expandMasks(op.getIndices(), b);
  if (failed(indices))
    return failure();
  return b.createAs<AtenIndexPutOp>(op.getType(), op.getSelf(), *indices, op.getValues(), op.getAccumulate());
}

void torchc::populateIndexingMaskPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenIndexTensor, DecomposeAtenIndexPut);
}
