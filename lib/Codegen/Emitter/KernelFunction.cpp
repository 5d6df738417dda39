//===- KernelFunction.cpp - a kernel's function, sizes and bindings ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

// Byte offsets in torchc_args.
static constexpr int32_t kBindings = 0, kConstants = 16, kWorkgroupCount = 24;

ValueEmitter::ValueEmitter(dispatch::KernelOp kernel, ModuleOp module, const TargetInfo &target)
    : kernel(kernel), module(module), target(target), b(kernel.getLoc(), kernel.getContext()), memo(1) {
  MLIRContext *context = kernel.getContext();
  auto pointer = LLVM::LLVMPointerType::get(context);
  Type i32 = b.getI32Type();
  auto type = LLVM::LLVMFunctionType::get(i32, {pointer, pointer, i32, i32, i32, pointer});
  b.setInsertionPointToEnd(module.getBody());
  function = LLVM::LLVMFuncOp::create(b, kernel.getSymName(), type);
  // LLVM halves 512-bit vectors on CPUs that it believes to be slow with them.
  function.setPreferVectorWidth(std::to_string(target.vectorBits));
  if (target.prefersSize)
    function.setPassthroughAttr(b.getStrArrayAttr({"minsize", "optsize"}));
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);

  Value arguments = entry->getArgument(1);
  scratch = entry->getArgument(5);
  for (int dim = 0; dim != 3; ++dim)
    workgroup[dim] = arith::ExtUIOp::create(b, b.getI64Type(), entry->getArgument(2 + dim));

  auto field = [&](Value base, int64_t offset) -> Value {
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
  };
  auto loadInvariant = [&](Type type, Value address) -> Value {
    return LLVM::LoadOp::create(b, type, address, 0, false, false, /*isInvariant=*/true);
  };
  unsigned numTensors = kernel.getNumTensors();
  unsigned numSizes = kernel.getArgumentTypes().size() - numTensors;
  if (numSizes != 0) {
    Value constants = loadInvariant(pointer, field(arguments, kConstants));
    for (unsigned i = 0; i != numSizes; ++i)
      sizes.push_back(loadInvariant(b.getI64Type(), field(constants, 8 * i)));
  }
  Value bindings = loadInvariant(pointer, field(arguments, kBindings));
  for (BlockArgument argument : kernel.getBody().getArguments().take_front(numTensors)) {
    Value address = loadInvariant(pointer, field(bindings, 8 * argument.getArgNumber()));
    Type element = cast<RankedTensorType>(argument.getType()).getElementType();
    bool isOverwritten = llvm::is_contained(kernel.getInPlace().value_or(ArrayRef<int64_t>()), argument.getArgNumber());
    buffers[argument] = getBuffer(address, element, getExtents(argument), /*readOnly=*/!isOverwritten);
  }
  for (auto [i, result] : llvm::enumerate(kernel.getResultTypes())) {
    Value address = loadInvariant(pointer, field(bindings, 8 * (numTensors + i)));
    results.push_back(Buffer{address, cast<RankedTensorType>(result).getElementType(), {}, false});
  }
  prologueEnd = &entry->back();
}

LogicalResult ValueEmitter::finish() {
  Value code = errorCell ? LLVM::LoadOp::create(b, b.getI32Type(), errorCell).getResult()
                         : arith::ConstantIntOp::create(b, 0, 32).getResult();
  LLVM::ReturnOp::create(b, code);
  return failure(failed);
}

Value ValueEmitter::fail(Operation *op, const Twine &why) {
  if (!failed)
    op->emitError("kernel @") << kernel.getSymName() << ": " << why;
  failed = true;
  Type element = b.getF32Type();
  if (op->getNumResults() != 0)
    element = getElementTypeOrSelf(op->getResult(0).getType());
  if (element.isIndex())
    element = b.getI64Type();
  return ub::PoisonOp::create(b, element);
}

Index ValueEmitter::getWorkgroupCount(unsigned dim) {
  auto pointer = scratch.getType();
  Value address = LLVM::GEPOp::create(b, pointer, b.getI8Type(), function.getBody().getArgument(1),
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(kWorkgroupCount + 4 * dim)});
  Value count = LLVM::LoadOp::create(b, b.getI32Type(), address, 0, false, false, /*isInvariant=*/true);
  return Index(arith::ExtUIOp::create(b, b.getI64Type(), count).getResult());
}

Indices ValueEmitter::getExtents(Value tensor) {
  Indices extents;
  for (int64_t dim = 0, rank = cast<RankedTensorType>(tensor.getType()).getRank(); dim != rank; ++dim)
    extents.push_back(getExtent(tensor, dim));
  return extents;
}

Index ValueEmitter::getExtent(Value tensor, unsigned dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return Index(type.getDimSize(dim));
  if (AffineExpr expr = getExtentExpr(tensor, dim))
    return evaluate(expr, {});
  return fromValue(fail(kernel, "the extents of " + Twine(tensor.getDefiningOp()->getName().getStringRef()) +
                                    " do not follow from the sizes"));
}

AffineExpr ValueEmitter::getExtentExpr(Value tensor, unsigned dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return b.getAffineConstantExpr(type.getDimSize(dim));
  auto getSize = [&](unsigned ordinal) {
    return b.getAffineSymbolExpr(kernel.getSizeOrdinals(ordinal)[type.getDynamicDimIndex(dim)]);
  };
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return getSize(argument.getArgNumber());
  for (OpOperand &use : tensor.getUses())
    if (isa<dispatch::ReturnOp>(use.getOwner()))
      return getSize(kernel.getNumTensors() + use.getOperandNumber());

  auto result = cast<OpResult>(tensor);
  Operation *op = result.getOwner();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return getScalarExpr(empty.getMixedSizes()[dim]);
  if (auto batch = dyn_cast<dispatch::BatchOp>(op))
    return getExtentExpr(batch.getInits()[result.getResultNumber()], dim);
  if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
    return getExtentExpr(style.getTiedOpOperand(result)->get(), dim);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return getExtentExpr(cast.getSource(), dim);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return getScalarExpr(expand.getMixedOutputShape()[dim]);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    AffineExpr product = b.getAffineConstantExpr(1);
    for (int64_t source : collapse.getReassociationIndices()[dim]) {
      AffineExpr extent = getExtentExpr(collapse.getSrc(), source);
      product = product && extent ? product * extent : AffineExpr();
    }
    return product;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned kept = 0;
    for (auto [i, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped[i] && kept++ == dim)
        return getScalarExpr(size);
  }
  auto sum = [](AffineExpr left, AffineExpr right) { return left && right ? left + right : AffineExpr(); };
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return sum(getExtentExpr(pad.getSource(), dim),
               sum(getScalarExpr(pad.getMixedLowPad()[dim]), getScalarExpr(pad.getMixedHighPad()[dim])));
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    if (dim != concat.getDim())
      return getExtentExpr(concat.getInputs().front(), dim);
    AffineExpr total = b.getAffineConstantExpr(0);
    for (Value input : concat.getInputs())
      total = sum(total, getExtentExpr(input, dim));
    return total;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return getExtentExpr(insert.getDest(), dim);
  if (auto generate = dyn_cast<tensor::GenerateOp>(op))
    return getScalarExpr(generate.getDynamicExtents()[type.getDynamicDimIndex(dim)]);
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return getScalarExpr(splat.getDynamicSizes()[type.getDynamicDimIndex(dim)]);
  return {};
}

AffineExpr ValueEmitter::getScalarExpr(OpFoldResult scalar) {
  if (auto constant = getConstantIntValue(scalar))
    return b.getAffineConstantExpr(*constant);
  Value value = cast<Value>(scalar);
  if (auto argument = dyn_cast<BlockArgument>(value))
    return b.getAffineSymbolExpr(argument.getArgNumber() - kernel.getNumTensors());
  Operation *op = value.getDefiningOp();
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return dim.getConstantIndex() ? getExtentExpr(dim.getSource(), *dim.getConstantIndex()) : AffineExpr();
  SmallVector<AffineExpr> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(getScalarExpr(operand));
    if (!operands.back())
      return {};
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    ArrayRef<AffineExpr> all(operands);
    return map.getResult(0).replaceDimsAndSymbols(all.take_front(map.getNumDims()), all.drop_front(map.getNumDims()));
  }
  return TypeSwitch<Operation *, AffineExpr>(op)
      .Case<arith::AddIOp>([&](Operation *) { return operands[0] + operands[1]; })
      .Case<arith::SubIOp>([&](Operation *) { return operands[0] - operands[1]; })
      .Case<arith::MulIOp>([&](Operation *) { return operands[0] * operands[1]; })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [&](Operation *) { return operands[0].floorDiv(operands[1]); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>([&](Operation *) { return operands[0].ceilDiv(operands[1]); })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](Operation *) { return operands[0] % operands[1]; })
      .Default([](Operation *) { return AffineExpr(); });
}
