//===- Elementwise.cpp - one linalg.generic from a function of scalars ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"

#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

//===----------------------------------------------------------------------===//
// Generics
//===----------------------------------------------------------------------===//

Value torchc::createGeneric(ImplicitLocOpBuilder &b, ArrayRef<MappedOperand> operands, MappedOperand destination,
                            ArrayRef<utils::IteratorType> iterators, ElementFunction function) {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const MappedOperand &operand : operands) {
    inputs.push_back(operand.tensor);
    maps.push_back(operand.map);
  }
  maps.push_back(destination.map);
  auto generic = linalg::GenericOp::create(b, destination.tensor.getType(), inputs, destination.tensor, maps, iterators,
                                           [&](OpBuilder &body, Location loc, ValueRange arguments) {
                                             ImplicitLocOpBuilder builder(loc, body);
                                             linalg::YieldOp::create(builder, function(builder, arguments));
                                           });
  return generic.getResult(0);
}

Value torchc::createMapped(ImplicitLocOpBuilder &b, ArrayRef<MappedOperand> operands, ArrayRef<OpFoldResult> sizes,
                           Type element, ElementFunction function) {
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  return createGeneric(
      b, operands, {createEmpty(b, sizes, element), b.getMultiDimIdentityMap(sizes.size())}, iterators,
      [&](ImplicitLocOpBuilder &body, ValueRange arguments) { return function(body, arguments.drop_back()); });
}

Value torchc::createElementwise(ImplicitLocOpBuilder &b, ValueRange operands, ArrayRef<OpFoldResult> sizes,
                                Type element, ElementFunction function) {
  SmallVector<MappedOperand> mapped;
  for (Value operand : operands)
    mapped.push_back({operand, getBroadcastMap(cast<RankedTensorType>(operand.getType()), sizes)});
  return createMapped(b, mapped, sizes, element, function);
}

Value torchc::createFromIndices(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes, Type element,
                                ElementFunction function) {
  return createMapped(b, {}, sizes, element, [&](ImplicitLocOpBuilder &body, ValueRange) {
    SmallVector<Value> indices;
    for (size_t i = 0; i < sizes.size(); ++i)
      indices.push_back(linalg::IndexOp::create(body, i));
    return function(body, indices);
  });
}

Value torchc::convertTensor(ImplicitLocOpBuilder &b, Value tensor, Type from, Type to) {
  if (from == to)
    return tensor;
  return createElementwise(
      b, tensor, getDims(b, tensor), getValueType(to),
      [&](ImplicitLocOpBuilder &body, ValueRange element) { return convertElement(body, element[0], from, to); });
}

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

AffineMap torchc::getBroadcastMap(RankedTensorType operand, ArrayRef<OpFoldResult> sizes) {
  MLIRContext *context = operand.getContext();
  int64_t offset = static_cast<int64_t>(sizes.size()) - operand.getRank();
  SmallVector<AffineExpr> results;
  for (int64_t i = 0; i < operand.getRank(); ++i) {
    bool repeats = operand.getDimSize(i) == 1 && getConstantIntValue(sizes[offset + i]) != 1;
    results.push_back(repeats ? getAffineConstantExpr(0, context) : getAffineDimExpr(offset + i, context));
  }
  return AffineMap::get(sizes.size(), 0, results, context);
}

SmallVector<OpFoldResult> torchc::broadcastSizes(ImplicitLocOpBuilder &b, ValueRange operands,
                                                 ArrayRef<int64_t> resultShape) {
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, extent] : llvm::enumerate(resultShape)) {
    OpFoldResult size = ShapedType::isDynamic(extent) ? OpFoldResult() : b.getIndexAttr(extent);
    for (Value operand : operands) {
      auto type = cast<RankedTensorType>(operand.getType());
      int64_t operandDim = static_cast<int64_t>(dim) - static_cast<int64_t>(resultShape.size()) + type.getRank();
      // torch.export only leaves dims dynamic that are not 1.
      if (operandDim < 0 || type.getDimSize(operandDim) == 1)
        continue;
      OpFoldResult operandSize = getDim(b, operand, operandDim);
      if (!size)
        size = operandSize;
      else
        assertEqualSizes(b, size, operandSize, "sizes of operands do not match in dim " + Twine(dim));
    }
    sizes.push_back(size ? size : b.getIndexAttr(1));
  }
  return sizes;
}

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

Value ElementBuilder::number(double value) {
  return arith::ConstantOp::create(*this, torchc::getNumber(*this, dtype, value));
}

Value ElementBuilder::compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  switch (predicate) {
  case CmpIPredicate::eq:
  case CmpIPredicate::ne:
    if (isFloat())
      return createOrFold<arith::CmpFOp>(predicate == CmpIPredicate::eq ? CmpFPredicate::OEQ : CmpFPredicate::UNE, lhs,
                                         rhs);
    return createOrFold<arith::CmpIOp>(predicate, lhs, rhs);
  case CmpIPredicate::slt:
    if (isFloat())
      return createOrFold<arith::CmpFOp>(CmpFPredicate::OLT, lhs, rhs);
    return createOrFold<arith::CmpIOp>(isUnsigned() ? CmpIPredicate::ult : predicate, lhs, rhs);
  case CmpIPredicate::sle:
    if (isFloat())
      return createOrFold<arith::CmpFOp>(CmpFPredicate::OLE, lhs, rhs);
    return createOrFold<arith::CmpIOp>(isUnsigned() ? CmpIPredicate::ule : predicate, lhs, rhs);
  case CmpIPredicate::sgt: return compare(CmpIPredicate::slt, rhs, lhs);
  case CmpIPredicate::sge: return compare(CmpIPredicate::sle, rhs, lhs);
  default: llvm_unreachable("the signed predicate stands for both");
  }
}

namespace {

/// An operand of an elementwise op: a tensor, or a number that is used in the
/// body; neither for None.
struct ElementwiseOperand {
  Value tensor;
  Value number;
  std::optional<Attribute> constant;
  Type dtype;
  OperandKind kind;
};

/// Lowers all ops that are described by an ElementwiseOp.
class LowerElementwiseOp : public ConversionPattern {
public:
  LowerElementwiseOp(const ElementwiseOp &row, LoweringContext &context, MLIRContext *mlirContext)
      : ConversionPattern(context.types, row.name, 1, mlirContext), row(row), context(context) {}

  LogicalResult matchAndRewrite(Operation *op, ArrayRef<Value>, ConversionPatternRewriter &rewriter) const override;

private:
  ElementwiseOperand getOperand(Lowering &b, Value torchValue) const;
  Type getDtypeToComputeIn(Operation *op, ArrayRef<ElementwiseOperand> operands) const;

  ElementwiseOp row;
  LoweringContext &context;
};

} // namespace

/// The one element of a literal, so that numbers come to stand in the body.
static std::optional<Attribute> getSplat(Value torchValue) {
  auto literal = torchValue.getDefiningOp<ValueTensorLiteralOp>();
  auto elements = literal ? dyn_cast<DenseElementsAttr>(literal.getValue()) : DenseElementsAttr();
  if (!elements || elements.getNumElements() != 1)
    return std::nullopt;
  return *elements.getValues<Attribute>().begin();
}

static std::optional<Attribute> getScalarConstant(OpBuilder &b, Value torchValue) {
  if (std::optional<bool> boolean = getConstantBool(torchValue))
    return b.getBoolAttr(*boolean);
  if (std::optional<int64_t> integer = getConstantInt(torchValue))
    return b.getI64IntegerAttr(*integer);
  if (std::optional<double> number = getConstantNumber(torchValue))
    return b.getF64FloatAttr(*number);
  return std::nullopt;
}

ElementwiseOperand LowerElementwiseOp::getOperand(Lowering &b, Value torchValue) const {
  ElementwiseOperand operand = {{}, {}, {}, Lowering::getDtype(torchValue), OperandKind::WrappedNumber};
  if (isNone(torchValue))
    return operand;
  if (auto type = dyn_cast<BaseTensorType>(torchValue.getType())) {
    operand.constant = getSplat(torchValue);
    operand.tensor = b.get(torchValue);
    operand.kind = type.getRank() == 0 ? OperandKind::ZeroDimTensor : OperandKind::Tensor;
    Operation *literal = torchValue.getDefiningOp();
    if (literal && literal->hasAttr("torchc.wrapped_number"))
      operand.kind = OperandKind::WrappedNumber;
  } else {
    operand.constant = getScalarConstant(b, torchValue);
    operand.number = b.get(torchValue);
  }
  return operand;
}

Type LowerElementwiseOp::getDtypeToComputeIn(Operation *op, ArrayRef<ElementwiseOperand> operands) const {
  if (row.compute == ComputeIn::Bool)
    return IntegerType::get(op->getContext(), 1);
  if (row.compute == ComputeIn::Result)
    return getComputeDtype(Lowering::getDtype(op->getResult(0)));
  SmallVector<PromotedOperand> promoted;
  for (auto [i, operand] : llvm::enumerate(operands))
    if (static_cast<int>(i) != row.condition && operand.dtype)
      promoted.push_back({operand.dtype, operand.kind});
  Type dtype = promoteTypes(promoted);
  return dtype ? getComputeDtype(dtype) : dtype;
}

/// A constant of dtype `from` as constant of dtype `to`.
static Value createConstant(ImplicitLocOpBuilder &b, Attribute value, Type from, Type to) {
  auto typed = cast<TypedAttr>(value);
  if (auto integer = dyn_cast<IntegerAttr>(value))
    typed = b.getIntegerAttr(getValueType(from), integer.getValue());
  return convertElement(b, arith::ConstantOp::create(b, typed), from, to);
}

LogicalResult LowerElementwiseOp::matchAndRewrite(Operation *op, ArrayRef<Value>,
                                                  ConversionPatternRewriter &rewriter) const {
  Lowering b(op, rewriter, context);
  if (row.supports && !row.supports(op))
    return b.refuse(row.refusal);

  SmallVector<ElementwiseOperand> operands;
  for (Value operand : op->getOperands().take_front(row.numOperands)) {
    operands.push_back(getOperand(b, operand));
    if (!isNone(operand) && !operands.back().dtype)
      return b.refuse("an operand is neither a tensor nor a number");
  }
  Type resultDtype = Lowering::getDtype(op->getResult(0));
  Type dtype = getDtypeToComputeIn(op, operands);
  if (!dtype || isa<ComplexType>(dtype) || isa<ComplexType>(resultDtype) ||
      llvm::any_of(operands,
                   [](const ElementwiseOperand &operand) { return isa_and_nonnull<ComplexType>(operand.dtype); }))
    return b.refuse("complex numbers");

  SmallVector<Value> all, inputs;
  for (const ElementwiseOperand &operand : operands) {
    if (!operand.tensor)
      continue;
    all.push_back(operand.tensor);
    if (!operand.constant)
      inputs.push_back(operand.tensor);
  }
  RankedTensorType resultType = b.getTensorType(op->getResult(0));
  SmallVector<OpFoldResult> sizes = broadcastSizes(b, all, resultType.getShape());

  Type boolean = b.getI1Type();
  Value result = createElementwise(
      b, inputs, sizes, resultType.getElementType(), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
        SmallVector<Value> scalars;
        for (auto [i, operand] : llvm::enumerate(operands)) {
          Type to = static_cast<int>(i) == row.condition ? boolean : dtype;
          if (operand.constant) {
            scalars.push_back(createConstant(body, *operand.constant, operand.dtype, to));
          } else if (operand.tensor) {
            scalars.push_back(convertElement(body, elements.front(), operand.dtype, to));
            elements = elements.drop_front();
          } else {
            scalars.push_back(operand.number ? convertElement(body, operand.number, operand.dtype, to) : Value());
          }
        }
        ElementBuilder builder(body, op, dtype);
        Value value = row.function(builder, scalars);
        // A function of one dtype may also answer with a truth value.
        Type from = value.getType() == getValueType(dtype) ? dtype : boolean;
        return convertElement(builder, value, from, resultDtype);
      });
  b.replace(result);
  return success();
}

void torchc::populateElementwiseOps(RewritePatternSet &patterns, LoweringContext &context,
                                    ArrayRef<ElementwiseOp> ops) {
  for (const ElementwiseOp &op : ops)
    patterns.add<LowerElementwiseOp>(op, context, patterns.getContext());
}
