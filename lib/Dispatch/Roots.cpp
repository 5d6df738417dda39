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
#include "torchc/Dialect/Dispatch/IR/HostSlice.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace torchc;

/// The name that the function's signature gives a dim of an argument.
static StringAttr getSymbol(Value tensor, int64_t dim) {
  auto argument = dyn_cast<BlockArgument>(tensor);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  auto signature = function ? function->getAttrOfType<DictionaryAttr>("torchc.signature") : DictionaryAttr();
  auto inputs = signature ? signature.getAs<ArrayAttr>("inputs") : ArrayAttr();
  if (!inputs || argument.getArgNumber() >= inputs.size())
    return {};
  auto dims = cast<DictionaryAttr>(inputs[argument.getArgNumber()]).getAs<ArrayAttr>("dims");
  auto symbol = dims && dim < static_cast<int64_t>(dims.size()) ? dyn_cast<StringAttr>(dims[dim]) : StringAttr();
  return symbol && symbol.getValue() != "?" ? symbol : StringAttr();
}

/// Whether a slice is one piece of memory, for all that is known when compiling: the host views it then.
static bool isView(tensor::ExtractSliceOp op) {
  auto isWhole = [&](unsigned dim) {
    auto size = op.getMixedSizes()[dim].dyn_cast<Value>();
    auto extent = size ? size.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
    std::optional<int64_t> source = extent ? extent.getConstantIndex() : std::nullopt;
    if (!source)
      return false;
    StringAttr symbol = getSymbol(op.getSource(), dim);
    return (extent.getSource() == op.getSource() && *source == dim) ||
           (symbol && symbol == getSymbol(extent.getSource(), *source));
  };
  auto dims = getDimsTakenWhole(op);
  return dims && llvm::all_of(*dims, isWhole);
}

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
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return isView(slice) ? OpRole::Host : OpRole::Movement;
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

OpOperand *torchc::getWidenedInput(linalg::GenericOp op) {
  if (OpOperand *input = getInputInPlace(op))
    return input;
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0)
    return nullptr;
  OpOperand *input = op.getDpsInputOperand(0);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0)), read = op.getMatchingIndexingMap(input);
  const bool isPacked = output.isIdentity() && read == output.dropResult(type.getRank() - 1) &&
                        getElementTypeOrSelf(input->get().getType()).isInteger(32) &&
                        type.getDimSize(type.getRank() - 1) == 8 && type.getElementType().isInteger(8);
  return isPacked ? input : nullptr;
}

Value torchc::getNarrowConstants(Value tensor) {
  Value source = tensor;
  while (auto op = source.getDefiningOp<linalg::GenericOp>()) {
    OpOperand *input = getWidenedInput(op);
    if (!input)
      return {};
    source = input->get();
    // What elements are packed by is computed when compiling.
    if (input != getInputInPlace(op))
      break;
  }
  auto bits = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.getElementTypeBitWidth() * (type.hasStaticShape() ? type.getNumElements() : 1);
  };
  auto unpack = source.getDefiningOp<linalg::UnPackOp>();
  bool isKnown = source != tensor && isComputedOfConstants(unpack ? unpack.getSource() : source);
  return isKnown && 2 * bits(source) < bits(tensor) ? source : Value();
}
