//===- Lowering.cpp - the frame every lowering of a torch op stands in ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

SmallVector<Value> Lowering::get(ArrayRef<Value> torchValues) {
  return llvm::map_to_vector(torchValues, [&](Value value) { return get(value); });
}

RankedTensorType Lowering::getTensorType(Value torchTensor) {
  return cast<BaseTensorType>(torchTensor.getType()).toBuiltinTensor();
}

Type Lowering::getDtype(Value torchValue) {
  MLIRContext *context = torchValue.getContext();
  return TypeSwitch<Type, Type>(torchValue.getType())
      .Case<BaseTensorType>([](auto tensor) { return tensor.getDtype(); })
      .Case<torch::IntType>([&](auto) { return IntegerType::get(context, 64, IntegerType::Signed); })
      .Case<torch::FloatType>([&](auto) { return Float64Type::get(context); })
      .Case<torch::BoolType>([&](auto) { return IntegerType::get(context, 1); })
      .Default([](Type) { return Type(); });
}

OpFoldResult Lowering::getSize(Value torchInt) {
  if (std::optional<int64_t> constant = getConstantInt(torchInt))
    return getIndexAttr(*constant);
  return toIndex(*this, get(torchInt));
}

std::optional<SmallVector<OpFoldResult>> Lowering::getSizeList(Value torchList) {
  std::optional<SmallVector<Value>> elements = getListElements(torchList);
  if (!elements)
    return std::nullopt;
  return llvm::map_to_vector(*elements, [&](Value element) { return getSize(element); });
}

LogicalResult Lowering::refuse(const Twine &reason) {
  context.refusals[op] = reason.str();
  return rewriter.notifyMatchFailure(op, reason);
}

bool Lowering::replaceEmpty() {
  SmallVector<Value> results;
  if (!isMemoryEffectFree(op) || op->getNumResults() == 0)
    return false;
  for (Value result : op->getResults()) {
    auto type = dyn_cast<BaseTensorType>(result.getType());
    if (!type || !type.hasRank() || !type.hasDtype() || !llvm::is_contained(type.getSizes(), 0) ||
        llvm::is_contained(type.getSizes(), ShapedType::kDynamic))
      return false;
  }
  for (Value result : op->getResults()) {
    RankedTensorType type = getTensorType(result);
    results.push_back(tensor::EmptyOp::create(*this, type.getShape(), type.getElementType()));
  }
  replace(results);
  return true;
}

void Lowering::replace(ValueRange values) {
  SmallVector<Value> results;
  for (auto [result, value] : llvm::zip_equal(op->getResults(), values)) {
    auto type = dyn_cast<RankedTensorType>(context.types.convertType(result.getType()));
    results.push_back(type ? castTensor(*this, value, type) : value);
  }
  rewriter.replaceOp(op, results);
}
