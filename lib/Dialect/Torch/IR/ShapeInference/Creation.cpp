//===- Creation.cpp - result types of ops that make tensors ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

static Type getDefaultDtype(MLIRContext *context) { return Float32Type::get(context); }

/// What torch makes of a number whose dtype is not named: f32, si64 or bool.
static Type getDtypeOfNumber(Value number) { return getResultDtype(ValueRange{number}); }

template <typename Op> static Types inferSized(typename Op::Adaptor op) {
  return tensorOf(getSizes(op.getSize()), getDtypeOr(op.getDtype(), getDefaultDtype(op.getSize().getContext())));
}
template <typename Op> static Types inferLike(typename Op::Adaptor op) {
  return tensorOf(getShape(op.getSelf()), getDtypeOr(op.getDtype(), getDtype(op.getSelf())));
}
template <typename Op> static Types inferNew(typename Op::Adaptor op) {
  return tensorOf(getSizes(op.getSize()), getDtypeOr(op.getDtype(), getDtype(op.getSelf())));
}

/// ceil((end - start) / step) elements; si64 if all three are ints, else f32.
static Types inferRange(Value start, Value end, Value step, Value code) {
  SmallVector<Value> numbers;
  for (Value number : {start, end, step})
    if (number)
      numbers.push_back(number);
  Type implied = getResultDtype(numbers);
  Type dtype = getDtypeOr(code, implied ? getSumDtype(implied) : Type());
  auto value = [](Value number, double otherwise) {
    return number ? getConstantNumber(number) : std::optional<double>(otherwise);
  };
  auto first = value(start, 0), last = value(end, 0), stride = value(step, 1);
  int64_t count = kDynamic;
  if (first && last && stride && *stride != 0)
    count = std::max<int64_t>(0, static_cast<int64_t>(std::ceil((*last - *first) / *stride)));
  return tensorOf(SmallVector<int64_t>{count}, dtype);
}

void torchc::torch::addCreationInference(InferenceTable &table) {
  table.add<AtenFullOp>([](AtenFullOp::Adaptor op) {
    return tensorOf(getSizes(op.getSize()), getDtypeOr(op.getDtype(), getDtypeOfNumber(op.getFillValue())));
  });
  table.add<AtenScalarTensorOp>([](AtenScalarTensorOp::Adaptor op) {
    return tensorOf(SmallVector<int64_t>(), getDtypeOr(op.getDtype(), getDefaultDtype(op.getS().getContext())));
  });
  table.add<AtenEmptyMemoryFormatOp>(inferSized<AtenEmptyMemoryFormatOp>);
  table.add<AtenZerosOp>(inferSized<AtenZerosOp>);
  table.add<AtenOnesOp>(inferSized<AtenOnesOp>);
  table.add<AtenZerosLikeOp>(inferLike<AtenZerosLikeOp>);
  table.add<AtenOnesLikeOp>(inferLike<AtenOnesLikeOp>);
  table.add<AtenFullLikeOp>(inferLike<AtenFullLikeOp>);
  table.add<AtenEmptyLikeOp>(inferLike<AtenEmptyLikeOp>);
  table.add<AtenNewZerosOp>(inferNew<AtenNewZerosOp>);
  table.add<AtenNewOnesOp>(inferNew<AtenNewOnesOp>);
  table.add<AtenNewFullOp>(inferNew<AtenNewFullOp>);
  table.add<AtenNewEmptyOp>(inferNew<AtenNewEmptyOp>);
  table.add<AtenArangeOp>(
      [](AtenArangeOp::Adaptor op) { return inferRange(Value(), op.getEnd(), Value(), op.getDtype()); });
  table.add<AtenArangeStartOp>(
      [](AtenArangeStartOp::Adaptor op) { return inferRange(op.getStart(), op.getEnd(), Value(), op.getDtype()); });
  table.add<AtenArangeStartStepOp>([](AtenArangeStartStepOp::Adaptor op) {
    return inferRange(op.getStart(), op.getEnd(), op.getStep(), op.getDtype());
  });
  table.addAll<AtenCopyOp, AtenFillScalarOp, AtenFillTensorOp, AtenZeroOp>(inferLikeFirst);
  table.add<AtenEyeOp>([](AtenEyeOp::Adaptor op) {
    int64_t n = getConstantInt(op.getN()).value_or(kDynamic);
    return tensorOf(SmallVector<int64_t>{n, n}, getDtypeOr(op.getDtype(), getDefaultDtype(op.getN().getContext())));
  });
}
