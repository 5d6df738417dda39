//===- DispatchDialect.cpp - the dispatch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace torchc::dispatch;

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.cpp.inc"

#define GET_OP_CLASSES
#include "torchc/Dialect/Dispatch/IR/DispatchOps.cpp.inc"

void DispatchDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "torchc/Dialect/Dispatch/IR/DispatchOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildFunctionType = [](Builder &builder, ArrayRef<Type> arguments, ArrayRef<Type> results,
                              function_interface_impl::VariadicFlag,
                              std::string &) { return builder.getFunctionType(arguments, results); };
  return function_interface_impl::parseFunctionOp(parser, result, /*allowVariadic=*/false,
                                                  getFunctionTypeAttrName(result.name), buildFunctionType,
                                                  getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
                                           getArgAttrsAttrName(), getResAttrsAttrName());
}

unsigned KernelOp::getNumTensors() { return llvm::count_if(getArgumentTypes(), llvm::IsaPred<RankedTensorType>); }

ArrayRef<int64_t> KernelOp::getSizeOrdinals(unsigned i) { return cast<DenseI64ArrayAttr>(getDims()[i]).asArrayRef(); }

LogicalResult KernelOp::verify() {
  unsigned numTensors = getNumTensors();
  unsigned numSizes = getArgumentTypes().size() - numTensors;
  for (Type type : getArgumentTypes().take_front(numTensors))
    if (!isa<RankedTensorType>(type))
      return emitOpError("takes tensors first, then sizes");
  for (Type type : getArgumentTypes().drop_front(numTensors))
    if (!type.isIndex())
      return emitOpError("takes a size of type ") << type << ", not index";

  SmallVector<Type> tensors(getArgumentTypes().take_front(numTensors));
  llvm::append_range(tensors, getResultTypes());
  if (getDims().size() != tensors.size())
    return emitOpError("has ") << getDims().size() << " dims for " << tensors.size() << " tensors";
  for (auto [type, dims] : llvm::zip_equal(tensors, getDims())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return emitOpError("returns ") << type << ", not a ranked tensor";
    auto ordinals = dyn_cast<DenseI64ArrayAttr>(dims);
    if (!ordinals || ordinals.asArrayRef().size() != static_cast<size_t>(tensor.getNumDynamicDims()))
      return emitOpError("needs one size ordinal for each dynamic dim of ") << type;
    for (int64_t ordinal : ordinals.asArrayRef())
      if (ordinal < 0 || ordinal >= numSizes)
        return emitOpError("has no size ") << ordinal;
  }
  for (int64_t argument : getInPlace().value_or(ArrayRef<int64_t>())) {
    if (argument < 0 || argument >= numTensors)
      return emitOpError("has no tensor ") << argument;
    auto fits = [&](Type result) { return getElementTypeOrSelf(result) == getElementTypeOrSelf(tensors[argument]); };
    if (llvm::none_of(getResultTypes(), fits))
      return emitOpError("has no result that could lie in the memory of tensor ") << argument;
  }
  if (!isDeclaration()) {
    auto terminator = cast<ReturnOp>(getBody().back().getTerminator());
    if (terminator.getOperandTypes() != TypeRange(getResultTypes()))
      return terminator.emitOpError("does not return what the kernel's type says");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// CallOp
//===----------------------------------------------------------------------===//

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("calls the unknown kernel ") << getKernelAttr();
  unsigned numTensors = kernel.getNumTensors();
  if (TypeRange(kernel.getArgumentTypes().take_front(numTensors)) != getInputs().getTypes() ||
      TypeRange(kernel.getResultTypes()) != getOutputs().getTypes() ||
      kernel.getArgumentTypes().size() - numTensors != getSizes().size())
    return emitOpError("does not fit the type of kernel ") << getKernelAttr();
  return success();
}

//===----------------------------------------------------------------------===//
// GroupOp
//===----------------------------------------------------------------------===//

Value GroupOp::getExtent(OpResult result, int64_t dim) {
  unsigned index = 0;
  for (OpResult before : getOutputs().take_front(result.getResultNumber()))
    index += cast<RankedTensorType>(before.getType()).getNumDynamicDims();
  return getSizes()[index + cast<RankedTensorType>(result.getType()).getDynamicDimIndex(dim)];
}

LogicalResult GroupOp::verify() {
  size_t numDynamic = 0;
  for (Type type : getOutputs().getTypes())
    numDynamic += cast<RankedTensorType>(type).getNumDynamicDims();
  if (getSizes().size() != numDynamic)
    return emitOpError("has ") << getSizes().size() << " sizes for " << numDynamic << " dynamic dims of its results";
  auto terminator = dyn_cast<ReturnOp>(getBody().front().getTerminator());
  if (!terminator || terminator.getOperandTypes() != getResultTypes())
    return emitOpError("does not return what its type says");
  return success();
}

//===----------------------------------------------------------------------===//
// BatchOp
//===----------------------------------------------------------------------===//

LogicalResult BatchOp::verifyRegions() {
  Block &block = getBody().front();
  auto terminator = dyn_cast<ReturnOp>(block.getTerminator());
  SmallVector<Type> arguments{IndexType::get(getContext())};
  llvm::append_range(arguments, getInits().getTypes());
  if (getInits().getTypes() != getResultTypes() || TypeRange(block.getArgumentTypes()) != TypeRange(arguments) ||
      !terminator || terminator.getOperandTypes() != getResultTypes())
    return emitOpError("needs inits, arguments of its body after the index, and results of the same types");
  Value member = block.getArgument(0);
  auto isOfMember = [&](OperandRange indices) { return !indices.empty() && indices.front() == member; };
  WalkResult result = getBody().walk([&](Operation *op) -> WalkResult {
    if (auto insert = dyn_cast<tensor::InsertOp>(op); insert && !isOfMember(insert.getIndices()))
      return insert.emitOpError("writes outside of the batch's member");
    auto extract = dyn_cast<tensor::ExtractOp>(op);
    if (extract && getBody().isAncestor(extract.getTensor().getParentRegion()) && !isOfMember(extract.getIndices()))
      return extract.emitOpError("reads outside of the batch's member");
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

AffineMap AttentionOp::getIndexingMap(unsigned input) {
  return cast<AffineMapAttr>(getIndexingMaps()[input]).getValue();
}

unsigned AttentionOp::getNumBatchDims() { return cast<RankedTensorType>(getInit().getType()).getRank() - 2; }

unsigned AttentionOp::getDim(unsigned input, unsigned loop) {
  return *getIndexingMap(input).getResultPosition(getAffineDimExpr(loop, getContext()));
}

LogicalResult AttentionOp::verifyRegions() {
  auto type = cast<RankedTensorType>(getInit().getType());
  if (type.getRank() < 2 || getInputs().size() < 3 || getIndexingMaps().size() != getInputs().size())
    return emitOpError("needs a query, a key and a value, a map for each input, and rows and columns");
  SmallVector<Type> arguments{type.getElementType()};
  for (auto [number, input] : llvm::enumerate(getInputs())) {
    auto inputType = cast<RankedTensorType>(input.getType());
    AffineMap map = getIndexingMap(number);
    if (map.getNumDims() != getNumLoops() || map.getNumSymbols() != 0 || map.getNumResults() != inputType.getRank())
      return emitOpError("has a map that does not fit input ") << number;
    if (number >= 3)
      arguments.push_back(inputType.getElementType());
    else if (inputType.getElementType() != type.getElementType())
      return emitOpError("needs inputs of the result's element type");
  }
  const std::pair<unsigned, unsigned> own[] = {
      {getRowLoop(), getInnerLoop()}, {getKeyLoop(), getInnerLoop()}, {getKeyLoop(), getColumnLoop()}};
  for (auto [number, loops] : llvm::enumerate(own)) {
    AffineMap map = getIndexingMap(number);
    if (!map.getResultPosition(getAffineDimExpr(loops.first, getContext())) ||
        !map.getResultPosition(getAffineDimExpr(loops.second, getContext())))
      return emitOpError("needs two dims of its own in input ") << number;
  }
  Block &block = getScore().front();
  auto terminator = dyn_cast<ReturnOp>(block.getTerminator());
  if (TypeRange(block.getArgumentTypes()) != TypeRange(arguments) || !terminator ||
      terminator.getOperandTypes() != TypeRange(type.getElementType()))
    return emitOpError("needs a body from a product and elements of the inputs to a score");
  return success();
}

//===----------------------------------------------------------------------===//
// ReinterpretOp
//===----------------------------------------------------------------------===//

LogicalResult ReinterpretOp::verify() {
  auto isPairOf = [](Type real, Type complex) {
    auto pairs = cast<RankedTensorType>(real), numbers = cast<RankedTensorType>(complex);
    auto element = dyn_cast<ComplexType>(numbers.getElementType());
    return element && element.getElementType() == pairs.getElementType() && pairs.getRank() != 0 &&
           pairs.getShape().back() == 2 && pairs.getShape().drop_back() == numbers.getShape();
  };
  if (!isPairOf(getSource().getType(), getType()) && !isPairOf(getType(), getSource().getType()))
    return emitOpError("needs complex numbers and pairs of their parts");
  return success();
}

//===----------------------------------------------------------------------===//
// ExecutableOp
//===----------------------------------------------------------------------===//

ModuleOp ExecutableOp::getModule() {
  auto modules = getBody().front().getOps<ModuleOp>();
  return modules.empty() ? ModuleOp() : *modules.begin();
}
