//===- IndexingGather.cpp - elements chosen by tensors of indices ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "Reshape.h"
#include "Sizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

Value torchc::checkIndex(ImplicitLocOpBuilder &body, Operation *op, Value element, Type dtype, Value extent,
                         bool wraps) {
  Value index = isUnsigned(dtype) ? arith::IndexCastUIOp::create(body, body.getIndexType(), element).getResult()
                                  : arith::IndexCastOp::create(body, body.getIndexType(), element);
  Value zero = arith::ConstantIndexOp::create(body, 0);
  if (wraps) {
    Value isNegative = arith::CmpIOp::create(body, CmpIPredicate::slt, index, zero);
    index = arith::SelectOp::create(body, isNegative, arith::AddIOp::create(body, index, extent), index);
  }
  // As unsigned numbers, negative ones are too large.
  Value isInside = arith::CmpIOp::create(body, CmpIPredicate::ult, index, extent);
  cf::AssertOp::create(body, isInside, body.getStringAttr("index out of range in " + op->getName().stripDialect()));
  return arith::SelectOp::create(body, isInside, index, zero);
}

Value torchc::extractAlong(ImplicitLocOpBuilder &body, Value tensor, int64_t dim, Value index) {
  SmallVector<Value> source;
  for (int64_t i = 0, rank = cast<RankedTensorType>(tensor.getType()).getRank(); i != rank; ++i)
    source.push_back(i == dim ? index : linalg::IndexOp::create(body, i).getResult());
  return tensor::ExtractOp::create(body, tensor, source);
}

Value torchc::checkIndices(Lowering &b, Value index, Type dtype, OpFoldResult extent, bool wraps) {
  Value limit = toIndex(b, extent);
  return createElementwise(b, index, getDims(b, index), b.getI64Type(),
                           [&](ImplicitLocOpBuilder &body, ValueRange elements) -> Value {
                             Value place = checkIndex(body, b.getOp(), elements[0], dtype, limit, wraps);
                             return arith::IndexCastOp::create(body, body.getI64Type(), place);
                           });
}

static LogicalResult checkIndexTensor(Lowering &b, Value index) {
  Type dtype = Lowering::getDtype(index);
  return success((isa<IntegerType>(dtype) && !isBool(dtype)) || failed(b.refuse("indices are not integers")));
}

FailureOr<IndexList> torchc::getIndexList(Lowering &b, Value torchSelf, Value torchList) {
  std::optional<SmallVector<Value>> list = getListElements(torchList);
  if (!list)
    return b.refuse("indices are not a list built in sight");
  int64_t rank = b.getTensorType(torchSelf).getRank(), dim = 0;
  IndexList result;
  for (Value index : *list) {
    while (auto derefine = index.getDefiningOp<DerefineOp>())
      index = derefine.getOperand();
    if (isNone(index)) {
      ++dim;
      continue;
    }
    Type dtype = Lowering::getDtype(index);
    // Decompose has made masks, bools and bytes, the places where they are true.
    if (!isa<IntegerType>(dtype) || isBool(dtype) || dtype.isUnsignedInteger(8) || dim == rank)
      return b.refuse("indices that are not integers, or more of them than dims");
    result.dims.push_back(dim++);
    result.tensors.push_back(b.get(index));
    result.dtypes.push_back(dtype);
  }
  return result;
}

namespace {

/// out[i..., j] = weight[indices[i...], j]
struct LowerAtenEmbedding : LowerOp<LowerAtenEmbedding, AtenEmbeddingOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenEmbeddingOp op, Lowering &b) const {
    if (failed(checkIndexTensor(b, op.getIndices())))
      return failure();
    Type dtype = Lowering::getDtype(op.getIndices());
    Value weight = b.get(op.getWeight()), indices = b.get(op.getIndices());
    SmallVector<OpFoldResult> sizes = getDims(b, indices);
    sizes.push_back(getDim(b, weight, 1));
    int64_t rank = sizes.size();
    Value extent = toIndex(b, getDim(b, weight, 0));
    MappedOperand operand = {indices, b.getMultiDimIdentityMap(rank).dropResult(rank - 1)};
    return createMapped(b, operand, sizes, cast<RankedTensorType>(weight.getType()).getElementType(),
                        [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                          Value row = checkIndex(body, op, elements[0], dtype, extent, /*wraps=*/false);
                          Value column = linalg::IndexOp::create(body, rank - 1);
                          return tensor::ExtractOp::create(body, weight, ValueRange{row, column}).getResult();
                        });
  }
};

/// out[i, j, k] = self[i, index[j], k] for dim = 1
struct LowerAtenIndexSelect : LowerOp<LowerAtenIndexSelect, AtenIndexSelectOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenIndexSelectOp op, Lowering &b) const {
    std::optional<int64_t> constant = getConstantInt(op.getDim());
    Value self = b.get(op.getSelf()), index = b.get(op.getIndex());
    // A tensor without dims is one element.
    bool isElement = cast<RankedTensorType>(self.getType()).getRank() == 0;
    if (isElement)
      self = insertUnitDims(b, self, 0);
    SmallVector<OpFoldResult> sizes = getDims(b, self);
    if (!constant)
      return b.refuse("dim is not constant");
    if (failed(checkIndexTensor(b, op.getIndex())))
      return failure();
    Type dtype = Lowering::getDtype(op.getIndex());
    int64_t dim = wrapDim(*constant, sizes.size());
    Value extent = toIndex(b, sizes[dim]);
    bool isScalar = cast<RankedTensorType>(index.getType()).getRank() == 0;
    sizes[dim] = isScalar ? OpFoldResult(b.getIndexAttr(1)) : getDim(b, index, 0);
    SmallVector<AffineExpr> read;
    if (!isScalar)
      read.push_back(b.getAffineDimExpr(dim));
    MappedOperand operand = {index, AffineMap::get(sizes.size(), 0, read, b.getContext())};
    Value picked = createMapped(b, operand, sizes, cast<RankedTensorType>(self.getType()).getElementType(),
                                [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                  Value index = checkIndex(body, op, elements[0], dtype, extent, /*wraps=*/false);
                                  return extractAlong(body, self, dim, index);
                                });
    return isElement ? dropUnitDims(b, picked, 0) : picked;
  }
};

/// out[i, j, k] = self[i, index[i, j, k], k] for dim = 1
struct LowerAtenGather : LowerOp<LowerAtenGather, AtenGatherOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenGatherOp op, Lowering &b) const {
    std::optional<int64_t> constant = getConstantInt(op.getDim());
    Value self = b.get(op.getSelf()), index = b.get(op.getIndex());
    // A tensor of rank 0 counts as one of rank 1.
    bool isElement = cast<RankedTensorType>(index.getType()).getRank() == 0;
    if (isElement)
      index = insertUnitDims(b, index, 0);
    if (cast<RankedTensorType>(self.getType()).getRank() == 0)
      self = insertUnitDims(b, self, 0);
    SmallVector<OpFoldResult> sizes = getDims(b, index), extents = getDims(b, self);
    if (!constant || sizes.size() != extents.size())
      return b.refuse("dim is not constant, or self and index do not have the same number of dims");
    if (failed(checkIndexTensor(b, op.getIndex())))
      return failure();
    Type dtype = Lowering::getDtype(op.getIndex());
    int64_t dim = wrapDim(*constant, sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i)
      if (static_cast<int64_t>(i) != dim)
        checkFits(b, sizes[i], extents[i]);
    Value extent = toIndex(b, extents[dim]);
    Value picked = createElementwise(b, index, sizes, cast<RankedTensorType>(self.getType()).getElementType(),
                                     [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                       Value index = checkIndex(body, op, elements[0], dtype, extent, /*wraps=*/false);
                                       return extractAlong(body, self, dim, index);
                                     });
    return isElement ? dropUnitDims(b, picked, 0) : picked;
  }

  /// `index` may be smaller than `self`, not larger.
  static void checkFits(Lowering &b, OpFoldResult size, OpFoldResult extent) {
    std::optional<int64_t> constant = getConstantIntValue(size), limit = getConstantIntValue(extent);
    if (areEqualSizes(size, extent) || (constant && limit && *constant <= *limit))
      return;
    Value fits = arith::CmpIOp::create(b, CmpIPredicate::sle, toIndex(b, size), toIndex(b, extent));
    cf::AssertOp::create(b, fits, "index is larger than self in aten.gather");
  }
};

/// self[i0, :, i1]: the index tensors broadcast together; their dims stand
/// where the first of them stands if they are neighbours, else in front.
struct LowerAtenIndexTensor : LowerOp<LowerAtenIndexTensor, AtenIndexTensorOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenIndexTensorOp op, Lowering &b) const {
    FailureOr<IndexList> list = getIndexList(b, op.getSelf(), op.getIndices());
    if (failed(list))
      return failure();
    Value self = b.get(op.getSelf());
    SmallVector<OpFoldResult> extents = getDims(b, self);
    ArrayRef<int64_t> indexed = list->dims;
    ArrayRef<Value> tensors = list->tensors;
    if (tensors.empty())
      return self;

    // The sizes of the result: those of the indices in place of the dims they index.
    int64_t rank = extents.size(), resultRank = b.getTensorType(op.getResult()).getRank();
    int64_t indexRank = resultRank - (rank - static_cast<int64_t>(indexed.size()));
    bool areNeighbours = indexed.back() - indexed.front() + 1 == static_cast<int64_t>(indexed.size());
    int64_t place = areNeighbours ? indexed.front() : 0;
    ArrayRef<int64_t> resultShape = b.getTensorType(op.getResult()).getShape();
    SmallVector<OpFoldResult> indexSizes = broadcastSizes(b, tensors, resultShape.slice(place, indexRank));
    SmallVector<OpFoldResult> sizes;
    SmallVector<int64_t> loopOfDim(rank, -1);
    for (int64_t dim = 0; dim <= rank; ++dim) {
      if (static_cast<int64_t>(sizes.size()) == place)
        sizes.append(indexSizes);
      if (dim < rank && !llvm::is_contained(indexed, dim)) {
        loopOfDim[dim] = sizes.size();
        sizes.push_back(extents[dim]);
      }
    }

    SmallVector<MappedOperand> operands;
    SmallVector<AffineExpr> indexLoops;
    for (int64_t i = 0; i < indexRank; ++i)
      indexLoops.push_back(b.getAffineDimExpr(place + i));
    AffineMap toIndexLoops = AffineMap::get(resultRank, 0, indexLoops, b.getContext());
    for (Value tensor : tensors)
      operands.push_back(
          {tensor, getBroadcastMap(cast<RankedTensorType>(tensor.getType()), indexSizes).compose(toIndexLoops)});
    SmallVector<Value> limits;
    for (int64_t dim : indexed)
      limits.push_back(toIndex(b, extents[dim]));
    return createMapped(b, operands, sizes, cast<RankedTensorType>(self.getType()).getElementType(),
                        [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                          SmallVector<Value> source(rank);
                          for (int64_t dim = 0; dim < rank; ++dim)
                            if (loopOfDim[dim] >= 0)
                              source[dim] = linalg::IndexOp::create(body, loopOfDim[dim]);
                          for (auto [i, dim] : llvm::enumerate(list->dims))
                            source[dim] = checkIndex(body, op, elements[i], list->dtypes[i], limits[i], /*wraps=*/true);
                          return tensor::ExtractOp::create(body, self, source).getResult();
                        });
  }
};

} // namespace

void torchc::populateIndexingGatherPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenEmbedding, LowerAtenIndexSelect, LowerAtenGather, LowerAtenIndexTensor>(patterns, context);
}
