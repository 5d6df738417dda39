//===- AtenBuilder.cpp - builds torch ops with their constants and inferred types ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/AtenBuilder.h"

#include "torchc/Dialect/Torch/IR/ShapeInference.h"

using namespace mlir;
using namespace torchc::torch;

BaseTensorType torchc::torch::getTensorType(Value tensor) { return cast<BaseTensorType>(tensor.getType()); }

Operation *AtenBuilder::createOp(StringRef name, Type type, ArrayRef<Value> operands) {
  OperationState state(loc, name);
  state.addOperands(operands);
  if (type) {
    state.addTypes(type);
  } else if (auto types = inferResultTypes(state.name, operands); succeeded(types)) {
    state.addTypes(*types);
  } else {
    state.addTypes(ValueTensorType::get(builder.getContext(), false, {}, Type()));
  }
  return builder.create(state);
}

//===----------------------------------------------------------------------===//
// Constants and lists
//===----------------------------------------------------------------------===//

Value AtenBuilder::integer(int64_t value) { return ConstantIntOp::create(builder, loc, value); }
Value AtenBuilder::floating(double value) { return ConstantFloatOp::create(builder, loc, APFloat(value)); }
Value AtenBuilder::boolean(bool value) { return ConstantBoolOp::create(builder, loc, value); }
Value AtenBuilder::string(StringRef value) { return ConstantStrOp::create(builder, loc, value); }
Value AtenBuilder::none() { return ConstantNoneOp::create(builder, loc); }
Value AtenBuilder::dtype(Type dtype) {
  auto code = getDtypeCode(dtype);
  return code ? integer(*code) : none();
}

Value AtenBuilder::literal(Type dtype, double value) {
  auto type = RankedTensorType::get({}, dtype);
  auto torchType = ValueTensorType::get(builder.getContext(), ArrayRef<int64_t>(), dtype);
  if (auto complex = dyn_cast<ComplexType>(dtype)) {
    auto splat = complex.getElementType().isF32() ? DenseElementsAttr::get(type, std::complex<float>(value))
                                                  : DenseElementsAttr::get(type, std::complex<double>(value));
    return ValueTensorLiteralOp::create(builder, loc, torchType, splat);
  }
  Attribute element;
  if (auto floatType = dyn_cast<mlir::FloatType>(dtype))
    element = builder.getFloatAttr(floatType, value);
  else
    element = builder.getIntegerAttr(dtype, static_cast<int64_t>(value));
  return ValueTensorLiteralOp::create(builder, loc, torchType, DenseElementsAttr::get(type, element));
}

Value AtenBuilder::literal(Type dtype, ArrayRef<double> values, ArrayRef<int64_t> sizes) {
  SmallVector<Attribute> elements;
  for (double value : values) {
    if (auto floatType = dyn_cast<mlir::FloatType>(dtype))
      elements.push_back(builder.getFloatAttr(floatType, value));
    else
      elements.push_back(builder.getIntegerAttr(dtype, static_cast<int64_t>(value)));
  }
  return ValueTensorLiteralOp::create(builder, loc, ValueTensorType::get(builder.getContext(), sizes, dtype),
                                      DenseElementsAttr::get(RankedTensorType::get(sizes, dtype), elements));
}

Value AtenBuilder::list(ValueRange elements, Type elementType) {
  return PrimListConstructOp::create(builder, loc, ListType::get(elementType), elements);
}
Value AtenBuilder::list(ValueRange ints) { return list(ints, IntType::get(builder.getContext())); }
Value AtenBuilder::list(ArrayRef<int64_t> ints) {
  SmallVector<Value> values;
  for (int64_t value : ints)
    values.push_back(integer(value));
  return list(values);
}

//===----------------------------------------------------------------------===//
// Sizes and integers
//===----------------------------------------------------------------------===//

Value AtenBuilder::size(Value tensor, int64_t dim) {
  BaseTensorType type = getTensorType(tensor);
  int64_t axis = dim < 0 ? dim + type.getRank() : dim;
  if (!ShapedType::isDynamic(type.getSizes()[axis]))
    return integer(type.getSizes()[axis]);
  return createAs<AtenSizeIntOp>(IntType::get(builder.getContext()), tensor, integer(axis));
}

SmallVector<Value> AtenBuilder::sizes(Value tensor) {
  SmallVector<Value> values;
  for (int64_t dim = 0, rank = getTensorType(tensor).getRank(); dim < rank; ++dim)
    values.push_back(size(tensor, dim));
  return values;
}

Value AtenBuilder::add(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  return x && y ? integer(*x + *y) : createAs<AtenAddIntOp>(IntType::get(builder.getContext()), a, b);
}
Value AtenBuilder::sub(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  return x && y ? integer(*x - *y) : createAs<AtenSubIntOp>(IntType::get(builder.getContext()), a, b);
}
Value AtenBuilder::mul(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  return x && y ? integer(*x * *y) : createAs<AtenMulIntOp>(IntType::get(builder.getContext()), a, b);
}
Value AtenBuilder::floordiv(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  if (x && y && *y != 0)
    return integer(llvm::divideFloorSigned(*x, *y));
  return createAs<AtenFloordivIntOp>(IntType::get(builder.getContext()), a, b);
}
Value AtenBuilder::min(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  return x && y ? integer(std::min(*x, *y)) : createAs<PrimMinIntOp>(IntType::get(builder.getContext()), a, b);
}
Value AtenBuilder::max(Value a, Value b) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  return x && y ? integer(std::max(*x, *y)) : createAs<PrimMaxIntOp>(IntType::get(builder.getContext()), a, b);
}

void AtenBuilder::checkLessEqual(Value a, Value b, const Twine &message) {
  auto x = getConstantInt(a), y = getConstantInt(b);
  if (x && y && *x <= *y)
    return;
  Value holds = createAs<AtenLeIntOp>(BoolType::get(builder.getContext()), a, b);
  Aten_AssertScalarOp::create(builder, loc, TypeRange(), ValueRange{holds, string(message.str())});
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Value AtenBuilder::convert(Value tensor, Type dtype) {
  if (getTensorType(tensor).getOptionalDtype() == dtype)
    return tensor;
  return create<AtenToDtypeOp>(tensor, this->dtype(dtype), boolean(false), boolean(false), none());
}

Value AtenBuilder::scalarTensor(Value number, Type dtype) {
  if (auto constant = getConstantInt(number); constant && isIntegerDtype(dtype))
    return ValueTensorLiteralOp::create(
        builder, loc, ValueTensorType::get(builder.getContext(), ArrayRef<int64_t>(), dtype),
        DenseElementsAttr::get(RankedTensorType::get({}, dtype), Attribute(builder.getIntegerAttr(dtype, *constant))));
  if (auto constant = getConstantNumber(number); constant && (isFloatDtype(dtype) || isBoolDtype(dtype)))
    return literal(dtype, isBoolDtype(dtype) ? *constant != 0 : *constant);
  return create<AtenScalarTensorOp>(number, this->dtype(dtype), none(), none(), none());
}

Value AtenBuilder::transpose(Value tensor, int64_t dim0, int64_t dim1) {
  return create<AtenTransposeIntOp>(tensor, integer(dim0), integer(dim1));
}
Value AtenBuilder::permute(Value tensor, ArrayRef<int64_t> order) { return create<AtenPermuteOp>(tensor, list(order)); }
Value AtenBuilder::unsqueeze(Value tensor, int64_t dim) { return create<AtenUnsqueezeOp>(tensor, integer(dim)); }
Value AtenBuilder::squeeze(Value tensor, int64_t dim) { return create<AtenSqueezeDimOp>(tensor, integer(dim)); }
Value AtenBuilder::view(Value tensor, ValueRange sizes) { return create<AtenViewOp>(tensor, list(sizes)); }
Value AtenBuilder::view(Value tensor, ArrayRef<int64_t> sizes) { return create<AtenViewOp>(tensor, list(sizes)); }
Value AtenBuilder::expand(Value tensor, ValueRange sizes) {
  return create<AtenExpandOp>(tensor, list(sizes), boolean(false));
}
Value AtenBuilder::slice(Value tensor, int64_t dim, Value start, Value end) {
  return create<AtenSliceTensorOp>(tensor, integer(dim), start, end, integer(1));
}
Value AtenBuilder::select(Value tensor, int64_t dim, int64_t index) {
  return create<AtenSelectIntOp>(tensor, integer(dim), integer(index));
}
Value AtenBuilder::cat(ArrayRef<Value> tensors, int64_t dim) {
  Type dtype = getTensorType(tensors.front()).getOptionalDtype();
  Type anyShape = ValueTensorType::get(builder.getContext(), false, {}, dtype);
  return create<AtenCatOp>(list(tensors, anyShape), integer(dim));
}
Value AtenBuilder::flatten(Value tensor, int64_t first, int64_t last) {
  return create<AtenFlattenUsingIntsOp>(tensor, integer(first), integer(last));
}
Value AtenBuilder::full(ValueRange sizes, Value number, Type dtype) {
  return create<AtenFullOp>(list(sizes), number, this->dtype(dtype), none(), none(), none());
}
Value AtenBuilder::range(Value count) {
  Type dtype = builder.getIntegerType(64, /*isSigned=*/true);
  return create<AtenArangeStartStepOp>(integer(0), count, integer(1), this->dtype(dtype), none(), none(), none());
}
Value AtenBuilder::where(Value condition, Value self, Value other) {
  return create<AtenWhereSelfOp>(condition, self, other);
}

Value AtenBuilder::addTensors(Value a, Value b) { return create<AtenAddTensorOp>(a, b, integer(1)); }
Value AtenBuilder::subTensors(Value a, Value b) { return create<AtenSubTensorOp>(a, b, integer(1)); }
Value AtenBuilder::mulTensors(Value a, Value b) { return create<AtenMulTensorOp>(a, b); }
Value AtenBuilder::divTensors(Value a, Value b) { return create<AtenDivTensorOp>(a, b); }
Value AtenBuilder::addNumber(Value tensor, double number) {
  return create<AtenAddScalarOp>(tensor, floating(number), integer(1));
}
Value AtenBuilder::mulNumber(Value tensor, double number) { return create<AtenMulScalarOp>(tensor, floating(number)); }
Value AtenBuilder::sum(Value tensor, ArrayRef<int64_t> dims, bool keepdim) {
  return create<AtenSumDimIntListOp>(tensor, list(dims), boolean(keepdim), none());
}
Value AtenBuilder::mean(Value tensor, ArrayRef<int64_t> dims, bool keepdim) {
  return create<AtenMeanDimOp>(tensor, list(dims), boolean(keepdim), none());
}
Value AtenBuilder::amax(Value tensor, ArrayRef<int64_t> dims, bool keepdim) {
  return create<AtenAmaxOp>(tensor, list(dims), boolean(keepdim));
}
