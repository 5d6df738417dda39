//===- TorchDialect.cpp - the torch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

#include "torchc/Dialect/Torch/IR/TorchDialect.cpp.inc"

void TorchDialect::initializeWeights() { weights = std::make_shared<WeightStore>(); }

void TorchDialect::initialize() {
  initializeWeights();
  registerTypes();
  registerTorchDialectOperations(this);
}

Operation *TorchDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  if (isa<IntType>(type))
    if (auto integer = dyn_cast<IntegerAttr>(value))
      return ConstantIntOp::create(builder, loc, type, integer);
  if (isa<FloatType>(type))
    if (auto number = dyn_cast<FloatAttr>(value))
      return ConstantFloatOp::create(builder, loc, type, number);
  if (isa<torch::BoolType>(type))
    if (auto boolean = dyn_cast<BoolAttr>(value))
      return ConstantBoolOp::create(builder, loc, type, boolean);
  if (isa<StringType>(type))
    if (auto string = dyn_cast<StringAttr>(value))
      return ConstantStrOp::create(builder, loc, type, string);
  if (isa<DeviceType>(type))
    if (auto string = dyn_cast<StringAttr>(value))
      return ConstantDeviceOp::create(builder, loc, type, string);
  if (isa<torch::NoneType>(type))
    return ConstantNoneOp::create(builder, loc, type);
  if (isa<ValueTensorType>(type))
    if (auto elements = dyn_cast<ElementsAttr>(value))
      return ValueTensorLiteralOp::create(builder, loc, type, elements);
  return nullptr;
}

Route torch::getRoute(OperationName name) {
  static const llvm::StringMap<Route> routes = {
#define ATEN_OP(op, name, family, route) {name, Route::route},
#include "torchc/Dialect/Torch/IR/AtenOps.def"
#undef ATEN_OP
  };
  auto found = routes.find(name.getStringRef());
  return found == routes.end() ? Route::None : found->second;
}
