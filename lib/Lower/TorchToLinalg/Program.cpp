//===- Program.cpp - globals, literals, casts and custom ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Sizes.h"

#include "torchc/Support/HostProvided.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Elements under the signless tensor type; null for a kind that has none.
static TypedAttr convertElements(Attribute elements, RankedTensorType type) {
  if (auto dense = dyn_cast<DenseElementsAttr>(elements))
    return cast<TypedAttr>(Attribute(
        dense.reshape(cast<ShapedType>(dense.getType()).clone(type.getShape())).bitcast(type.getElementType())));
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return {};
}

/// A constant argument as JSON; nullopt for what is none, or has no JSON.
static std::optional<llvm::json::Value> makeJson(Value argument) {
  if (isNone(argument))
    return nullptr;
  if (std::optional<llvm::StringRef> text = getConstantString(argument))
    return text->str();
  if (std::optional<bool> value = getConstantBool(argument))
    return *value;
  if (std::optional<int64_t> value = getConstantInt(argument))
    return *value;
  if (std::optional<double> value = getConstantNumber(argument); value && std::isfinite(*value))
    return *value;
  std::optional<SmallVector<Value>> elements = getListElements(argument);
  if (!elements)
    return std::nullopt;
  llvm::json::Array array;
  for (Value element : *elements) {
    std::optional<llvm::json::Value> value = makeJson(element);
    if (!value)
      return std::nullopt;
    array.push_back(std::move(*value));
  }
  return llvm::json::Value(std::move(array));
}

/// "mylib::foo" of "mylib.foo.default", "mylib::foo.out" of "mylib.foo.out".
static std::string getQualifiedName(StringRef name) {
  auto [space, rest] = name.split('.');
  rest.consume_back(".default");
  return (space + "::" + rest).str();
}

/// The external function for an op with these attributes and types.
static func::FuncOp getCallee(OperatorOp op, const std::string &attributes, FunctionType type, OpBuilder &builder) {
  auto module = op->getParentOfType<ModuleOp>();
  std::string name = getQualifiedName(op.getName());
  auto custom = builder.getDictionaryAttr({builder.getNamedAttr("attributes", builder.getStringAttr(attributes)),
                                           builder.getNamedAttr("name", builder.getStringAttr(name))});
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isExternal() && function->getAttr(kCustomOpAttr) == custom && function.getFunctionType() == type)
      return function;
  std::string symbol = name;
  for (unsigned suffix = 0; module.lookupSymbol(symbol); ++suffix)
    symbol = name + "_" + std::to_string(suffix);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module.getBody());
  auto function = func::FuncOp::create(builder, op.getLoc(), symbol, type);
  function.setPrivate();
  function->setAttr(kCustomOpAttr, custom);
  return function;
}

namespace {

struct LowerGlobal : OpConversionPattern<ml_program::GlobalOp> {
  LowerGlobal(LoweringContext &context, MLIRContext *mlirContext) : OpConversionPattern(context.types, mlirContext) {}
  LogicalResult matchAndRewrite(ml_program::GlobalOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
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

/// Tensors are passed as they are, ints and bools as integers, other constants by name.
struct LowerOperator : LowerMultiResultOp<LowerOperator, OperatorOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(OperatorOp op, Lowering &b) const {
    if (!op->hasAttr(kCustomOpAttr))
      return b.refuse("no lowering to linalg");
    auto isUnsigned = [](Value tensor) {
      auto type = dyn_cast<BaseTensorType>(tensor.getType());
      return type && type.getDtype().isUnsignedInteger();
    };
    SmallVector<Value> operands;
    llvm::json::Object attributes;
    for (auto [i, argument] : llvm::enumerate(op.getOperands())) {
      if (isUnsigned(argument))
        return b.refuse("tensors of unsigned integers are not passed to custom ops");
      if (isa<BaseTensorType>(argument.getType())) {
        operands.push_back(b.get(argument));
      } else if (isa<torch::IntType, torch::BoolType>(argument.getType())) {
        Value value = b.get(argument);
        if (value.getType().isIndex())
          value = arith::IndexCastOp::create(b, b.getI64Type(), value);
        else if (value.getType().isInteger(1))
          value = arith::ExtUIOp::create(b, b.getI64Type(), value);
        operands.push_back(value);
      } else if (std::optional<llvm::json::Value> value = makeJson(argument)) {
        attributes[std::to_string(i)] = std::move(*value);
      } else {
        return b.refuse("argument " + Twine(i) + " of a custom op is neither a tensor, an integer nor a constant");
      }
    }
    SmallVector<Type> results;
    for (Value result : op.getResults()) {
      if (!isa<BaseTensorType>(result.getType()) || isUnsigned(result))
        return b.refuse("a custom op gives something else than tensors of floats and signed integers");
      results.push_back(b.getTensorType(result));
    }
    std::string text;
    llvm::raw_string_ostream(text) << llvm::json::Value(std::move(attributes));
    auto callee = getCallee(op, text, b.getFunctionType(ValueRange(operands).getTypes(), results), b);
    return SmallVector<Value>(func::CallOp::create(b, callee, operands).getResults());
  }
};

} // namespace

void torchc::populateProgramPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerGlobal, LowerVtensorLiteral, LowerTensorStaticInfoCast, LowerOperator>(patterns, context);
  for (StringRef name :
       {ml_program::GlobalLoadOp::getOperationName(), ml_program::GlobalLoadConstOp::getOperationName(),
        ml_program::GlobalStoreOp::getOperationName()})
    patterns.add<LowerGlobalAccess>(context, name, patterns.getContext());
}
