//===- Roots.cpp - what an op is to a kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Roots.h"

#include "ConstantEvaluator.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace torchc;

OpRole torchc::getRole(Operation *op) {
  if (isa<tensor::EmptyOp, linalg::FillOp>(op))
    return OpRole::Init;
  // The view of packed weights belongs to the op that reads it.
  if (isa<linalg::UnPackOp>(op))
    return OpRole::Init;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (linalgOp.getNumReductionLoops() == 0)
      return OpRole::Elementwise;
    return linalg::isaContractionOpInterface(linalgOp) || linalg::isaConvolutionOpInterface(linalgOp)
               ? OpRole::Anchor
               : OpRole::Reduction;
  }
  if (isa<linalg::LinalgDialect>(op->getDialect()))
    return OpRole::Movement;
  if (isa<tensor::TensorDialect>(op->getDialect()))
    return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::DimOp, tensor::ExtractOp,
               tensor::YieldOp>(op)
               ? OpRole::Host
               : OpRole::Movement;
  if (isa<dispatch::AttentionOp>(op))
    return OpRole::Anchor;
  return isa<dispatch::BatchOp>(op) ? OpRole::Movement : OpRole::Host;
}

Operation *torchc::getRoot(Block &body) {
  Operation *root = nullptr;
  for (Operation &op : body.without_terminator()) {
    OpRole role = getRole(&op);
    if (role == OpRole::Host || (role == OpRole::Init && root))
      continue;
    if (!root || getRole(root) > role || getRole(root) == OpRole::Init)
      root = &op;
  }
  return root;
}

OpOperand *torchc::getInputInPlace(linalg::GenericOp op) {
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (op.getNumReductionLoops() != 0 || op.getNumDpsInits() != 1 || !output.isPermutation())
    return nullptr;
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<RankedTensorType>(input->get().getType()) && op.getMatchingIndexingMap(input) == output)
      return input;
  return nullptr;
}

Value torchc::getNarrowConstants(Value tensor) {
  Value source = tensor;
  while (auto op = source.getDefiningOp<linalg::GenericOp>()) {
    OpOperand *input = getInputInPlace(op);
    if (!input)
      return {};
    source = input->get();
  }
  auto bits = [](Value value) { return getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth(); };
  auto unpack = source.getDefiningOp<linalg::UnPackOp>();
  bool isKnown = source != tensor && isComputedOfConstants(unpack ? unpack.getSource() : source);
  return isKnown && 2 * bits(source) < bits(tensor) ? source : Value();
}
