//===- TensorToVM.cpp - tensor to vm: shapes, and integers in tensors ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "HostToVM.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dialect/Dispatch/IR/HostSlice.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace torchc;

namespace {

struct ConvertDim : OpConversionPattern<tensor::DimOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::DimOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    std::optional<int64_t> dim = op.getConstantIndex();
    if (!dim)
      return rewriter.notifyMatchFailure(op, "the dim is not a constant");
    rewriter.replaceOp(op, VMBuilder(rewriter, op.getLoc()).dim(adaptor.getSource(), *dim));
    return success();
  }
};

struct ConvertEmpty : OpConversionPattern<tensor::EmptyOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::EmptyOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    VMBuilder vm(rewriter, op.getLoc());
    rewriter.replaceOp(op,
                       vm.makeTensor(op.getType().getElementType(), vm.dims(op.getType(), adaptor.getDynamicSizes())));
    return success();
  }
};

/// A reference has its dims with it, so that only the dims that become static are checked.
struct ConvertCast : OpConversionPattern<tensor::CastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::CastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto from = dyn_cast<RankedTensorType>(op.getSource().getType());
    auto to = dyn_cast<RankedTensorType>(op.getType());
    if (!from || !to)
      return rewriter.notifyMatchFailure(op, "not ranked");
    for (unsigned i = 0; i < to.getRank(); ++i)
      if (from.isDynamicDim(i) && !to.isDynamicDim(i))
        vm::CheckDimOp::create(rewriter, op.getLoc(), adaptor.getSource(), i,
                               VMBuilder(rewriter, op.getLoc()).constant(to.getDimSize(i)),
                               "a tensor's dim " + std::to_string(i) + " is not what the program expects");
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }
};

struct ConvertCollapseShape : OpConversionPattern<tensor::CollapseShapeOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::CollapseShapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    VMBuilder vm(rewriter, op.getLoc());
    SmallVector<Value> sources = vm.dimsOf(op.getSrcType(), adaptor.getSrc()), dims;
    for (const ReassociationIndices &group : op.getReassociationIndices()) {
      Value dim = vm.constant(1);
      for (int64_t source : group)
        dim = vm.mul(dim, sources[source]);
      dims.push_back(dim);
    }
    rewriter.replaceOpWithNewOp<vm::ReshapeOp>(op, rewriter.getType<vm::RefType>(), adaptor.getSrc(), dims);
    return success();
  }
};

struct ConvertExpandShape : OpConversionPattern<tensor::ExpandShapeOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    VMBuilder vm(rewriter, op.getLoc());
    SmallVector<Value> dims;
    ValueRange dynamic = adaptor.getOutputShape();
    for (int64_t dim : op.getStaticOutputShape()) {
      if (ShapedType::isDynamic(dim)) {
        dims.push_back(dynamic.front());
        dynamic = dynamic.drop_front();
      } else {
        dims.push_back(vm.constant(dim));
      }
    }
    rewriter.replaceOpWithNewOp<vm::ReshapeOp>(op, rewriter.getType<vm::RefType>(), adaptor.getSrc(), dims);
    return success();
  }
};

/// A view of the bytes. Other slices than those of one piece are made by kernels.
struct ConvertExtractSlice : OpConversionPattern<tensor::ExtractSliceOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto whole = getDimsTakenWhole(op);
    if (!whole)
      return rewriter.notifyMatchFailure(op, "not one piece of memory");
    VMBuilder vm(rewriter, op.getLoc());
    auto getValues = [&](ArrayRef<int64_t> known, ValueRange dynamic) {
      SmallVector<Value> values;
      for (int64_t value : known) {
        values.push_back(ShapedType::isDynamic(value) ? dynamic.front() : vm.constant(value));
        if (ShapedType::isDynamic(value))
          dynamic = dynamic.drop_front();
      }
      return values;
    };
    SmallVector<Value> sizes = getValues(op.getStaticSizes(), adaptor.getSizes()), dims;
    for (unsigned dim : *whole)
      vm::CheckDimOp::create(rewriter, op.getLoc(), adaptor.getSource(), dim, sizes[dim],
                             "dim " + std::to_string(dim) + " of a view is not taken whole");
    llvm::SmallBitVector dropped = op.getDroppedDims();
    for (auto [dim, size] : llvm::enumerate(sizes))
      if (!dropped.test(dim))
        dims.push_back(size);
    Type element = op.getType().getElementType();
    Value first = vm.linearIndex(getValues(op.getStaticOffsets(), adaptor.getOffsets()),
                                 vm.dimsOf(op.getSourceType(), adaptor.getSource()));
    Value offset = vm.mul(vm.constant(runtime::getElementSize(*getElementType(element))), first);
    rewriter.replaceOpWithNewOp<vm::ViewOp>(op, rewriter.getType<vm::RefType>(), adaptor.getSource(), offset,
                                            TypeAttr::get(element), dims);
    return success();
  }
};

/// Views of the same bytes.
struct ConvertReinterpret : OpConversionPattern<dispatch::ReinterpretOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(dispatch::ReinterpretOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    VMBuilder vm(rewriter, op.getLoc());
    auto from = cast<RankedTensorType>(op.getSource().getType()), to = cast<RankedTensorType>(op.getType());
    SmallVector<Value> dims = vm.dimsOf(from, adaptor.getSource());
    if (isa<ComplexType>(to.getElementType()))
      dims.pop_back();
    else
      dims.push_back(vm.constant(2));
    rewriter.replaceOpWithNewOp<vm::ViewOp>(op, rewriter.getType<vm::RefType>(), adaptor.getSource(), vm.constant(0),
                                            TypeAttr::get(to.getElementType()), dims);
    return success();
  }
};

/// An integer that a kernel computed, such as the extent of what `nonzero` found.
/// A floating-point scalar stays a tensor.
struct ConvertExtract : OpConversionPattern<tensor::ExtractOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::ExtractOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = op.getTensor().getType();
    if (isa<FloatType>(type.getElementType())) {
      if (type.getRank() != 0)
        return rewriter.notifyMatchFailure(op, "an element of floating-point type");
      rewriter.replaceOp(op, adaptor.getTensor());
      return success();
    }
    VMBuilder vm(rewriter, op.getLoc());
    Value at = vm.linearIndex(adaptor.getIndices(), vm.dimsOf(type, adaptor.getTensor()));
    rewriter.replaceOpWithNewOp<vm::LoadI64Op>(op, rewriter.getI64Type(), adaptor.getTensor(), at);
    return success();
  }
};

struct ConvertFromElements : OpConversionPattern<tensor::FromElementsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::FromElementsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    VMBuilder vm(rewriter, op.getLoc());
    RankedTensorType type = op.getType();
    SmallVector<Value> dims = vm.dims(type, {});
    if (isa<FloatType>(type.getElementType())) {
      if (type.getNumElements() != 1)
        return rewriter.notifyMatchFailure(op, "several elements of floating-point type");
      Value scalar = adaptor.getElements().front();
      if (type.getRank() != 0)
        scalar = vm::ReshapeOp::create(rewriter, op.getLoc(), scalar.getType(), scalar, dims);
      rewriter.replaceOp(op, scalar);
      return success();
    }
    Value tensor = vm.makeTensor(type.getElementType(), dims);
    for (auto [i, element] : llvm::enumerate(adaptor.getElements()))
      vm::StoreI64Op::create(rewriter, op.getLoc(), tensor, vm.constant(i), element);
    rewriter.replaceOp(op, tensor);
    return success();
  }
};

} // namespace

void torchc::populateTensorToVMPatterns(TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConvertDim, ConvertEmpty, ConvertCast, ConvertCollapseShape, ConvertExpandShape, ConvertExtractSlice,
               ConvertReinterpret, ConvertExtract, ConvertFromElements>(converter, patterns.getContext());
}
