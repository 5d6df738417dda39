//===- VMBuilder.cpp - integer arithmetic and tensors in vm ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "HostToVM.h"

using namespace mlir;
using namespace torchc;

std::optional<int64_t> torchc::getConstantI64(Value value) {
  if (auto constant = value.getDefiningOp<vm::ConstI64Op>())
    return constant.getValue();
  return std::nullopt;
}

Value VMBuilder::constant(int64_t value) {
  return vm::ConstI64Op::create(builder, location, builder.getI64Type(), value);
}

Value VMBuilder::add(Value a, Value b) {
  auto x = getConstantI64(a), y = getConstantI64(b);
  if (x && y)
    return constant(static_cast<uint64_t>(*x) + static_cast<uint64_t>(*y));
  if (x == 0)
    return b;
  if (y == 0)
    return a;
  return vm::AddI64Op::create(builder, location, builder.getI64Type(), a, b);
}

Value VMBuilder::mul(Value a, Value b) {
  auto x = getConstantI64(a), y = getConstantI64(b);
  if (x && y)
    return constant(static_cast<uint64_t>(*x) * static_cast<uint64_t>(*y));
  if (x == 1)
    return b;
  if (y == 1)
    return a;
  return vm::MulI64Op::create(builder, location, builder.getI64Type(), a, b);
}

Value VMBuilder::max(Value a, Value b) {
  auto x = getConstantI64(a), y = getConstantI64(b);
  if (x && y)
    return constant(std::max(*x, *y));
  if (a == b)
    return a;
  return vm::MaxI64Op::create(builder, location, builder.getI64Type(), a, b);
}

Value VMBuilder::floorDiv(Value a, Value b) {
  auto x = getConstantI64(a), y = getConstantI64(b);
  if (x && y && *y > 0)
    return constant(llvm::divideFloorSigned(*x, *y));
  if (y == 1)
    return a;
  return vm::FloorDivI64Op::create(builder, location, builder.getI64Type(), a, b);
}

Value VMBuilder::floorMod(Value a, Value b) {
  auto x = getConstantI64(a), y = getConstantI64(b);
  if (x && y && *y > 0)
    return constant(llvm::mod(*x, *y));
  return vm::FloorModI64Op::create(builder, location, builder.getI64Type(), a, b);
}

SmallVector<Value> VMBuilder::dims(RankedTensorType type, ValueRange dynamic) {
  SmallVector<Value> dims;
  for (int64_t dim : type.getShape()) {
    if (ShapedType::isDynamic(dim)) {
      dims.push_back(dynamic.front());
      dynamic = dynamic.drop_front();
    } else {
      dims.push_back(constant(dim));
    }
  }
  return dims;
}

Value VMBuilder::dim(Value tensor, unsigned i) {
  if (auto view = tensor.getDefiningOp<vm::ViewOp>())
    return view.getDims()[i];
  if (auto reshape = tensor.getDefiningOp<vm::ReshapeOp>())
    return reshape.getDims()[i];
  return vm::TensorDimOp::create(builder, location, builder.getI64Type(), tensor, i);
}

SmallVector<Value> VMBuilder::dimsOf(RankedTensorType type, Value tensor) {
  SmallVector<Value> dims;
  for (auto [i, size] : llvm::enumerate(type.getShape()))
    dims.push_back(ShapedType::isDynamic(size) ? dim(tensor, i) : constant(size));
  return dims;
}

Value VMBuilder::linearIndex(ValueRange indices, ValueRange dims) {
  Value linear = constant(0);
  for (auto [index, dim] : llvm::zip_equal(indices, dims))
    linear = add(mul(linear, dim), index);
  return linear;
}

Value VMBuilder::makeTensor(Type element, ValueRange dims) {
  // What is known comes first, as one factor: sizes compare by it.
  Value bytes = constant(runtime::getElementSize(*getElementType(element)));
  for (bool known : {true, false})
    for (Value dim : dims)
      if (getConstantI64(dim).has_value() == known)
        bytes = mul(bytes, dim);
  auto ref = builder.getType<vm::RefType>();
  Value storage = vm::SlabReserveOp::create(builder, location, ref, bytes);
  return vm::ViewOp::create(builder, location, ref, storage, constant(0), element, dims);
}

void torchc::gatherConstants(vm::FuncOp function) {
  llvm::DenseMap<int64_t, vm::ConstI64Op> constants;
  Block &entry = function.getBody().front();
  Operation *last = nullptr;
  function.walk([&](vm::ConstI64Op op) {
    vm::ConstI64Op &first = constants[op.getValue()];
    if (first) {
      op.replaceAllUsesWith(first.getOperation());
      op.erase();
      return;
    }
    first = op;
    if (last)
      op->moveAfter(last);
    else
      op->moveBefore(&entry, entry.begin());
    last = op;
  });
}
