//===- Program.cpp - globals, literals and casts ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Sizes.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Elements under the signless tensor type; null for a kind that has none.
static TypedAttr convertElements(Attribute elements, RankedTensorType type) {
  if (auto dense = dyn_cast<DenseElementsAttr>(elements))
    return cast<TypedAttr>(Attribute(dense.reshape(cast<ShapedType>(dense.getType()).clone(type.getShape()))
                                         .bitcast(type.getElementType())));
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return {};
}

namespace {

struct LowerGlobal : OpConversionPattern<ml_program::GlobalOp> {
  LowerGlobal(LoweringContext &context, MLIRContext *mlirContext) : OpConversionPattern(context.types, mlirContext) {}
  LogicalResult matchAndRewrite(ml_program::GlobalOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast_or_null<RankedTensorType>(getTypeConverter()->convertType(op.getType()));
    if (!type)
      return rewriter.notifyMatchFailure(op, "not a tensor");
    Attribute value = op.getValueAttr();
    if (isa_and_nonnull<ml_program::ExternAttr>(value))
      value = ml_program::ExternAttr::get(getContext(), type);
    else if (value)
      value = convertElements(value, type);
    rewriter.modifyOpInPlace(op, [&] {
      op.setType(type);
      if (value)
        op.setValueAttr(value);
    });
    return success();
  }
};

/// Loads and stores of globals, which only change their types.
struct LowerGlobalAccess : ConversionPattern {
  LowerGlobalAccess(LoweringContext &context, StringRef name, MLIRContext *mlirContext)
      : ConversionPattern(context.types, name, 1, mlirContext) {}
  LogicalResult matchAndRewrite(Operation *op, ArrayRef<Value> operands,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertTypes(op->getResultTypes(), types)))
      return rewriter.notifyMatchFailure(op, "not a tensor");
    OperationState state(op->getLoc(), op->getName(), operands, types, op->getAttrs());
    rewriter.replaceOp(op, rewriter.create(state));
    return success();
  }
};

struct LowerVtensorLiteral : LowerOp<LowerVtensorLiteral, ValueTensorLiteralOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(ValueTensorLiteralOp op, Lowering &b) const {
    TypedAttr value = convertElements(op.getValue(), b.getTensorType(op.getResult()));
    if (!value)
      return b.refuse("elements of an unknown kind");
    return arith::ConstantOp::create(b, value).getResult();
  }
};

struct LowerTensorStaticInfoCast : LowerOp<LowerTensorStaticInfoCast, TensorStaticInfoCastOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(TensorStaticInfoCastOp op, Lowering &b) const {
    if (!isa<RankedTensorType>(b.get(op.getOperand()).getType()))
      return b.refuse("tensor of unknown shape");
    return b.get(op.getOperand());
  }
};

} // namespace

void torchc::populateProgramPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerGlobal, LowerVtensorLiteral, LowerTensorStaticInfoCast>(patterns, context);
  for (StringRef name : {ml_program::GlobalLoadOp::getOperationName(), ml_program::GlobalLoadConstOp::getOperationName(),
                         ml_program::GlobalStoreOp::getOperationName()})
    patterns.add<LowerGlobalAccess>(context, name, patterns.getContext());
}
