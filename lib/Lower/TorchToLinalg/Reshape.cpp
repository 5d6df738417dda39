//===- Reshape.cpp - the same elements under other sizes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reshape.h"

#include "Sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <numeric>

using namespace mlir;
using namespace torchc;

namespace {

/// A product of a constant and values.
struct Product {
  int64_t constant = 1;
  SmallVector<Value> values;

  void multiply(OpFoldResult size);
  bool isOne() const { return constant == 1 && values.empty(); }
};

} // namespace

void Product::multiply(OpFoldResult size) {
  if (std::optional<int64_t> number = getConstantIntValue(size)) {
    constant *= *number;
    return;
  }
  Value value = cast<Value>(size);
  // The sizes of the model are products too, made on i64.
  if (auto cast = value.getDefiningOp<arith::IndexCastOp>())
    return multiply(cast.getIn());
  if (auto product = value.getDefiningOp<arith::MulIOp>()) {
    multiply(product.getLhs());
    return multiply(product.getRhs());
  }
  values.push_back(value);
}

/// Removes what two products have in common.
static void cancel(Product &lhs, Product &rhs) {
  if (lhs.constant != 0 && rhs.constant != 0) {
    int64_t common = std::gcd(lhs.constant, rhs.constant);
    lhs.constant /= common;
    rhs.constant /= common;
  } else if (lhs.constant == rhs.constant) {
    lhs.constant = rhs.constant = 1;
  }
  llvm::erase_if(lhs.values, [&](Value value) {
    auto *found = llvm::find_if(rhs.values, [&](Value other) { return areEqualSizes(value, other); });
    if (found == rhs.values.end())
      return false;
    rhs.values.erase(found);
    return true;
  });
}

static OpFoldResult evaluate(ImplicitLocOpBuilder &b, const Product &product) {
  OpFoldResult size = b.getIndexAttr(product.constant);
  for (Value value : product.values)
    size = mulSizes(b, size, toIndex(b, value));
  return size;
}

SmallVector<OpFoldResult> torchc::inferSize(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> inferred(sizes);
  auto *unknown = llvm::find_if(inferred, [](OpFoldResult size) { return getConstantIntValue(size) == -1; });
  if (unknown == inferred.end())
    return inferred;
  Product total, others;
  for (OpFoldResult size : getDims(b, tensor))
    total.multiply(size);
  for (OpFoldResult &size : inferred)
    if (&size != unknown)
      others.multiply(size);
  cancel(total, others);
  *unknown = others.isOne() ? evaluate(b, total) : floorDivSizes(b, evaluate(b, total), evaluate(b, others));
  return inferred;
}

//===----------------------------------------------------------------------===//
// Groups of dims
//===----------------------------------------------------------------------===//

namespace {

/// Dims of the source and of the result with the same product.
struct Group {
  ReassociationIndices source, result;
};

} // namespace

/// The finest groups, or nullopt where products cannot be compared.
static std::optional<SmallVector<Group>> findGroups(ArrayRef<OpFoldResult> source, ArrayRef<OpFoldResult> result) {
  SmallVector<Group> groups;
  size_t i = 0, j = 0;
  while (i < source.size() && j < result.size()) {
    Group &group = groups.emplace_back();
    Product left, right;
    auto takeSource = [&] { group.source.push_back(i), left.multiply(source[i++]); };
    auto takeResult = [&] { group.result.push_back(j), right.multiply(result[j++]); };
    takeSource();
    takeResult();
    for (cancel(left, right); !left.isOne() || !right.isOne(); cancel(left, right)) {
      if (!right.isOne() && i < source.size())
        takeSource();
      else if (!left.isOne() && j < result.size())
        takeResult();
      else
        return std::nullopt;
    }
  }
  // What is left on one side is ones.
  for (; i < source.size(); ++i) {
    if (getConstantIntValue(source[i]) != 1)
      return std::nullopt;
    if (!groups.empty())
      groups.back().source.push_back(i);
  }
  for (; j < result.size(); ++j) {
    if (getConstantIntValue(result[j]) != 1)
      return std::nullopt;
    if (!groups.empty())
      groups.back().result.push_back(j);
  }
  return groups;
}

static Value collapse(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<ReassociationIndices> groups) {
  auto rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return static_cast<size_t>(rank) == groups.size() ? tensor : b.createOrFold<tensor::CollapseShapeOp>(tensor, groups);
}

static Value expand(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<ReassociationIndices> groups,
                    ArrayRef<OpFoldResult> sizes) {
  if (sizes.size() == groups.size())
    return tensor;
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type = cast<RankedTensorType>(tensor.getType()).clone(shape);
  return b.createOrFold<tensor::ExpandShapeOp>(type, tensor, groups, sizes);
}

/// The tensor as one dim of static or dynamic extent.
static Value makeVector(ImplicitLocOpBuilder &b, Value tensor, bool isStatic, int64_t extent) {
  auto type = cast<RankedTensorType>(tensor.getType());
  ReassociationIndices all(llvm::to_vector(llvm::seq<int64_t>(type.getRank())));
  Value vector = type.getRank() == 0 ? expand(b, tensor, {}, {b.getIndexAttr(1)}) : collapse(b, tensor, {all});
  return castTensor(b, vector, type.clone({isStatic ? extent : ShapedType::kDynamic}));
}

/// By way of one dim.
static Value reshapeUnchecked(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<OpFoldResult> source,
                              ArrayRef<OpFoldResult> sizes) {
  OpFoldResult total = multiplySizes(b, sizes);
  assertEqualSizes(b, multiplySizes(b, source), total, "a tensor cannot be viewed with another number of elements");
  bool isStatic = llvm::all_of(sizes, [](OpFoldResult size) { return getConstantIntValue(size).has_value(); });
  Value vector = makeVector(b, tensor, isStatic, getConstantIntValue(total).value_or(0));
  if (sizes.empty())
    return collapse(b, vector, {});
  ReassociationIndices all(llvm::to_vector(llvm::seq<int64_t>(sizes.size())));
  return expand(b, vector, {all}, sizes);
}

Value torchc::reshape(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> source = getDims(b, tensor);
  // What the type under a cast knows, the groups count on.
  auto known = llvm::map_to_vector(
      source, [](OpFoldResult size) { return getConstantIntValue(size).value_or(ShapedType::kDynamic); });
  tensor = castTensor(b, tensor, cast<RankedTensorType>(tensor.getType()).clone(known));
  std::optional<SmallVector<Group>> groups = findGroups(source, sizes);
  if (!groups)
    return reshapeUnchecked(b, tensor, source, sizes);
  SmallVector<ReassociationIndices> sourceGroups, resultGroups;
  for (const Group &group : *groups) {
    sourceGroups.push_back(group.source);
    resultGroups.push_back(group.result);
  }
  return expand(b, collapse(b, tensor, sourceGroups), resultGroups, sizes);
}

Value torchc::insertUnitDims(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<int64_t> dims) {
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  for (int64_t dim : dims)
    sizes.insert(sizes.begin() + dim, b.getIndexAttr(1));
  return reshape(b, tensor, sizes);
}

Value torchc::dropUnitDims(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<int64_t> dims) {
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, size] : llvm::enumerate(getDims(b, tensor)))
    if (!llvm::is_contained(dims, static_cast<int64_t>(dim)))
      sizes.push_back(size);
  return reshape(b, tensor, sizes);
}

Value torchc::flatten(ImplicitLocOpBuilder &b, Value tensor, int64_t first, int64_t last) {
  SmallVector<OpFoldResult> dims = getDims(b, tensor), sizes(dims.begin(), dims.begin() + first);
  sizes.push_back(multiplySizes(b, ArrayRef(dims).slice(first, last + 1 - first)));
  sizes.append(dims.begin() + last + 1, dims.end());
  return reshape(b, tensor, sizes);
}

static bool isEmpty(ArrayRef<OpFoldResult> sizes) {
  return llvm::any_of(sizes, [](OpFoldResult size) { return getConstantIntValue(size) == 0; });
}

Value torchc::extractSlice(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
  // A place at the end of a dim is none for the verifier.
  if (isEmpty(sizes) || llvm::is_contained(cast<RankedTensorType>(tensor.getType()).getShape(), 0))
    return createEmpty(b, sizes, getElementTypeOrSelf(tensor));
  return b.createOrFold<tensor::ExtractSliceOp>(tensor, offsets, sizes, strides);
}

Value torchc::insertSlice(ImplicitLocOpBuilder &b, Value source, Value tensor, ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
  if (isEmpty(sizes))
    return tensor;
  return tensor::InsertSliceOp::create(b, source, tensor, offsets, sizes, strides);
}

Value torchc::transpose(ImplicitLocOpBuilder &b, Value tensor, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(permutation.size())))
    return tensor;
  SmallVector<OpFoldResult> dims = getDims(b, tensor), sizes;
  for (int64_t dim : permutation)
    sizes.push_back(dims[dim]);
  const Type element = getElementTypeOrSelf(tensor);
  // The op wants of both types the same dims to be static, and a cast may hide that one is.
  SmallVector<int64_t> shape = llvm::map_to_vector(
      dims, [](OpFoldResult dim) { return getConstantIntValue(dim).value_or(ShapedType::kDynamic); });
  tensor = castTensor(b, tensor, RankedTensorType::get(shape, element));
  return linalg::TransposeOp::create(b, tensor, createEmpty(b, sizes, element), permutation).getResult()[0];
}
