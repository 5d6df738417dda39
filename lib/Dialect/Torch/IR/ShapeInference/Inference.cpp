//===- Inference.cpp - the table of result type inferences, and what families share ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

Types InferenceTable::infer(StringRef name, ValueRange operands) const {
  auto found = table.find(name);
  return found == table.end() ? Types(failure()) : found->second(operands);
}

Types torchc::torch::inferResultTypes(OperationName name, ValueRange operands) {
  static const InferenceTable table = [] {
    InferenceTable table;
    addElementwiseInference(table);
    addReductionInference(table);
    addContractionInference(table);
    addConvolutionInference(table);
    addPoolingInference(table);
    addNormalizationInference(table);
    addAttentionInference(table);
    addLinearAlgebraInference(table);
    addRandomInference(table);
    addShapeInference(table);
    addIndexingInference(table);
    addCreationInference(table);
    return table;
  }();
  return table.infer(name.getStringRef(), operands);
}

std::optional<int64_t> torchc::torch::wrapDim(int64_t dim, int64_t rank) {
  int64_t range = std::max<int64_t>(rank, 1);
  if (dim < -range || dim >= range)
    return std::nullopt;
  return dim < 0 ? dim + range : dim;
}

std::optional<SmallVector<int64_t>> torchc::torch::getReducedDims(Value dims, int64_t rank) {
  SmallVector<int64_t> wrapped;
  if (!isNone(dims)) {
    auto constants = getConstantIntList(dims);
    if (!constants)
      return std::nullopt;
    for (int64_t dim : *constants) {
      auto index = wrapDim(dim, rank);
      if (!index)
        return std::nullopt;
      if (rank > 0)
        wrapped.push_back(*index);
    }
  }
  if (wrapped.empty())
    llvm::append_range(wrapped, llvm::seq<int64_t>(0, rank));
  llvm::sort(wrapped);
  return wrapped;
}

Shape torchc::torch::getShape(Value value) {
  auto type = dyn_cast<BaseTensorType>(value.getType());
  if (!type || !type.hasRank())
    return std::nullopt;
  return llvm::to_vector(type.getSizes());
}

Type torchc::torch::getDtype(Value value) {
  auto type = dyn_cast<BaseTensorType>(value.getType());
  return type ? type.getOptionalDtype() : Type();
}

Types torchc::torch::tensorOf(const Shape &shape, Type dtype) {
  if (!dtype)
    return failure();
  ArrayRef<int64_t> sizes = shape ? ArrayRef<int64_t>(*shape) : ArrayRef<int64_t>();
  return SmallVector<Type>{ValueTensorType::get(dtype.getContext(), shape.has_value(), sizes, dtype)};
}

Types torchc::torch::concat(ArrayRef<Types> types) {
  SmallVector<Type> all;
  for (const Types &some : types) {
    if (failed(some))
      return failure();
    llvm::append_range(all, *some);
  }
  return all;
}

Shape torchc::torch::getSizes(Value list) {
  auto elements = getListElements(list);
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> sizes;
  for (Value element : *elements)
    sizes.push_back(getConstantInt(element).value_or(kDynamic));
  return sizes;
}

Type torchc::torch::getDtypeOr(Value code, Type otherwise) {
  if (isNone(code))
    return otherwise;
  auto constant = getConstantInt(code);
  return constant ? getDtypeFromCode(code.getContext(), *constant) : Type();
}

Shape torchc::torch::broadcast(ValueRange operands) {
  SmallVector<int64_t> result;
  for (Value operand : operands) {
    if (!isa<BaseTensorType>(operand.getType()))
      continue;
    Shape shape = getShape(operand);
    if (!shape)
      return std::nullopt;
    if (shape->size() > result.size())
      result.insert(result.begin(), shape->size() - result.size(), 1);
    for (auto [size, other] : llvm::zip(llvm::reverse(result), llvm::reverse(*shape))) {
      // `?` against a size other than 1 is that size, or the program is wrong.
      if (size == 1 || (ShapedType::isDynamic(size) && other != 1))
        size = other;
    }
  }
  return result;
}

int64_t torchc::torch::multiply(int64_t a, int64_t b) {
  if (a == 0 || b == 0)
    return 0;
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) ? kDynamic : a * b;
}

int64_t torchc::torch::getElementCount(ArrayRef<int64_t> sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count = multiply(count, size);
  return count;
}

Types torchc::torch::inferLikeFirst(ValueRange operands) {
  return tensorOf(getShape(operands.front()), getDtype(operands.front()));
}
