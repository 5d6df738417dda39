//===- Strategy.cpp - which strategy a kernel gets, and what it costs ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

/// Whether a tensor of the kernel has no elements: there is nothing to tile then.
static bool hasEmptyTensor(dispatch::KernelOp kernel) {
  auto isEmpty = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && llvm::is_contained(tensor.getShape(), 0);
  };
  return llvm::any_of(kernel.getArgumentTypes(), isEmpty) || llvm::any_of(kernel.getResultTypes(), isEmpty);
}

const Strategy &torchc::chooseStrategy(dispatch::KernelOp kernel, const TargetInfo &target) {
  if (kBatch.matches(kernel, target))
    return kBatch;
  if (hasEmptyTensor(kernel))
    return kRows;
  for (const Strategy *strategy : {&kAttention, &kWinograd, &kContraction, &kWindow, &kTranspose, &kRows})
    if (strategy->matches(kernel, target))
      return *strategy;
  llvm_unreachable("the last strategy fits every kernel");
}

OperandRange torchc::getResults(dispatch::KernelOp kernel) {
  return kernel.getBody().front().getTerminator()->getOperands();
}

int64_t torchc::getParameter(dispatch::KernelOp kernel, StringRef name, int64_t otherwise) {
  auto parameters = kernel->getAttrOfType<DictionaryAttr>(kParametersAttrName);
  auto value = parameters ? parameters.getAs<IntegerAttr>(name) : IntegerAttr();
  return value ? value.getInt() : otherwise;
}

std::optional<int64_t> torchc::getStep(AffineMap map, unsigned result, unsigned dim) {
  SmallVector<AffineExpr> zeros(map.getNumDims(), getAffineConstantExpr(0, map.getContext())), ones = zeros;
  ones[dim] = getAffineConstantExpr(1, map.getContext());
  auto at0 = dyn_cast<AffineConstantExpr>(map.getResult(result).replaceDims(zeros)),
       at1 = dyn_cast<AffineConstantExpr>(map.getResult(result).replaceDims(ones));
  return at0 && at1 ? std::optional(at1.getValue() - at0.getValue()) : std::nullopt;
}

/// One access or arithmetic operation is 1; roots and quotients take some 5
/// times as long, polynomials some 15.
static double getCost(Operation *op) {
  if (isa<arith::ConstantOp>(op) || op->hasTrait<OpTrait::IsTerminator>())
    return 0;
  if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemFOp, arith::RemSIOp, arith::RemUIOp, math::SqrtOp,
          math::RsqrtOp>(op))
    return 5;
  if (isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::FloorOp, math::CeilOp, math::TruncOp, math::FmaOp,
          math::RoundEvenOp>(op))
    return 1;
  return isa_and_present<math::MathDialect>(op->getDialect()) ? 15 : 1;
}

double torchc::getBodyCost(linalg::LinalgOp op) {
  double cost = isa<linalg::FillOp>(op) ? 0.5 : 1;
  for (Operation &inner : *op.getBlock())
    cost += getCost(&inner);
  return cost;
}

double torchc::estimateWork(dispatch::KernelOp kernel) {
  auto assume = [](int64_t extent) { return ShapedType::isDynamic(extent) ? kAssumedExtent : extent; };
  double work = 1;
  for (Operation &op : kernel.getBody().front()) {
    double domain = 0, cost = 1;
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      domain = 1;
      for (int64_t extent : linalgOp.getStaticLoopRanges())
        domain *= assume(extent);
      cost = getBodyCost(linalgOp);
    } else if (op.getNumResults() == 1) {
      if (auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType());
          type && !isa<tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op)) {
        domain = 1;
        for (int64_t extent : type.getShape())
          domain *= assume(extent);
      }
    }
    work += domain * cost;
  }
  return work;
}
