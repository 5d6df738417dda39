//===- Extents.cpp - extents of tensors as index values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extents.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace torchc;

static Value multiply(OpBuilder &builder, Location loc, Value lhs, Value rhs) {
  return arith::MulIOp::create(builder, loc, lhs, rhs);
}

static Value add(OpBuilder &builder, Location loc, Value lhs, Value rhs) {
  return arith::AddIOp::create(builder, loc, lhs, rhs);
}

/// True if `tensor` comes from `source` by ops that only write elements.
static bool keepsShape(Value tensor, Value source) {
  while (tensor != source) {
    auto result = dyn_cast<OpResult>(tensor);
    if (!result)
      return false;
    if (auto loop = dyn_cast<scf::ForOp>(result.getOwner())) {
      unsigned i = result.getResultNumber();
      if (!keepsShape(loop.getYieldedValues()[i], loop.getRegionIterArgs()[i]))
        return false;
      tensor = loop.getInitArgs()[i];
    } else if (auto branch = dyn_cast<scf::IfOp>(result.getOwner())) {
      unsigned i = result.getResultNumber();
      return keepsShape(branch.thenYield().getOperand(i), source) &&
             keepsShape(branch.elseYield().getOperand(i), source);
    } else if (auto write = dyn_cast<DestinationStyleOpInterface>(result.getOwner())) {
      tensor = write.getTiedOpOperand(result)->get();
    } else {
      return false;
    }
  }
  return true;
}

/// The extent of a tensor whose op states it; null where it does not.
static Value getStatedExtent(OpBuilder &builder, OpResult tensor, int64_t dim) {
  Location loc = tensor.getLoc();
  auto toValue = [&](OpFoldResult extent) { return getValueOrCreateConstantIndexOp(builder, loc, extent); };
  return TypeSwitch<Operation *, Value>(tensor.getOwner())
      .Case([&](tensor::EmptyOp op) { return toValue(op.getMixedSizes()[dim]); })
      .Case([&](tensor::ExpandShapeOp op) { return toValue(op.getMixedOutputShape()[dim]); })
      .Case([&](tensor::CollapseShapeOp op) {
        Value product;
        SmallVector<ReassociationIndices> reassociation = op.getReassociationIndices();
        for (int64_t source : reassociation[dim]) {
          Value extent = getExtent(builder, op.getSrc(), source);
          product = product ? multiply(builder, loc, product, extent) : extent;
        }
        return product ? product : toValue(builder.getIndexAttr(1));
      })
      .Case([&](tensor::CastOp op) {
        return isa<RankedTensorType>(op.getSource().getType()) ? getExtent(builder, op.getSource(), dim) : Value();
      })
      .Case([&](tensor::ExtractSliceOp op) {
        llvm::SmallBitVector dropped = op.getDroppedDims();
        for (auto [i, extent] : llvm::enumerate(op.getMixedSizes()))
          if (!dropped.test(i) && dim-- == 0)
            return toValue(extent);
        return Value();
      })
      .Case([&](tensor::InsertSliceOp op) { return getExtent(builder, op.getDest(), dim); })
      .Case([&](tensor::InsertOp op) { return getExtent(builder, op.getDest(), dim); })
      .Case([&](tensor::PadOp op) {
        Value extent = getExtent(builder, op.getSource(), dim);
        extent = add(builder, loc, extent, toValue(op.getMixedLowPad()[dim]));
        return add(builder, loc, extent, toValue(op.getMixedHighPad()[dim]));
      })
      .Case([&](tensor::ConcatOp op) {
        Value extent = getExtent(builder, op.getInputs().front(), dim);
        if (static_cast<int64_t>(op.getDim()) == dim)
          for (Value input : op.getInputs().drop_front())
            extent = add(builder, loc, extent, getExtent(builder, input, dim));
        return extent;
      })
      .Case([&](tensor::GenerateOp op) { return op.getDynamicExtents()[op.getType().getDynamicDimIndex(dim)]; })
      .Case([&](tensor::SplatOp op) { return op.getDynamicSizes()[op.getType().getDynamicDimIndex(dim)]; })
      .Case([&](scf::ForOp op) {
        unsigned i = tensor.getResultNumber();
        return keepsShape(op.getYieldedValues()[i], op.getRegionIterArgs()[i])
                   ? getExtent(builder, op.getInitArgs()[i], dim)
                   : Value();
      })
      .Case([&](dispatch::ReinterpretOp op) { return getExtent(builder, op.getSource(), dim); })
      .Case([&](dispatch::BatchOp op) { return getExtent(builder, op.getInits()[tensor.getResultNumber()], dim); })
      .Case([&](dispatch::GroupOp op) { return op.getExtent(tensor, dim); })
      .Case([&](DestinationStyleOpInterface op) { return getExtent(builder, op.getTiedOpOperand(tensor)->get(), dim); })
      .Default([](Operation *) { return Value(); });
}

Value torchc::getExtent(OpBuilder &builder, Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return arith::ConstantIndexOp::create(builder, tensor.getLoc(), type.getDimSize(dim));
  if (auto result = dyn_cast<OpResult>(tensor))
    if (Value extent = getStatedExtent(builder, result, dim))
      return extent;
  return tensor::DimOp::create(builder, tensor.getLoc(), tensor, dim);
}

SmallVector<Value> torchc::getDynamicExtents(OpBuilder &builder, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> extents;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      extents.push_back(getExtent(builder, tensor, dim));
  return extents;
}

SmallVector<OpFoldResult> torchc::getMixedExtents(OpBuilder &builder, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> extents;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      extents.push_back(getExtent(builder, tensor, dim));
    else
      extents.push_back(builder.getIndexAttr(type.getDimSize(dim)));
  return extents;
}

namespace {
struct ResolveExtent : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp op, PatternRewriter &rewriter) const override {
    auto dim = op.getConstantIndex();
    auto source = dyn_cast<OpResult>(op.getSource());
    Value extent = dim && source ? getStatedExtent(rewriter, source, *dim) : Value();
    if (!extent)
      return rewriter.notifyMatchFailure(op, "only the tensor itself knows");
    rewriter.replaceOp(op, extent);
    return success();
  }
};
} // namespace

void torchc::populateResolveExtentPatterns(RewritePatternSet &patterns) {
  patterns.add<ResolveExtent>(patterns.getContext());
}
