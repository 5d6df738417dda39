//===- Strides.cpp - which reshapes copy ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Strides.h"

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace torchc;

/// The numbers; nullopt where one is not known before the data are.
static std::optional<SmallVector<int64_t>> getNumbers(ArrayRef<SymInt> sizes) {
  SmallVector<int64_t> numbers;
  for (const SymInt &size : sizes) {
    if (!size.isConstant() && size.value <= 0)
      return std::nullopt;
    numbers.push_back(size.value);
  }
  return numbers;
}

/// Whether each dim of `sizes` steps through memory evenly: it lies inside of dims of the tensor that
/// follow each other without a gap.
static bool canBeView(ArrayRef<int64_t> tensorSizes, ArrayRef<int64_t> strides, ArrayRef<int64_t> sizes) {
  if (llvm::is_contained(tensorSizes, 0))
    return true;
  size_t next = sizes.size();
  for (size_t dim = tensorSizes.size(); dim-- > 0;) {
    // A run of dims without a gap...
    int64_t run = tensorSizes[dim], step = strides[dim] * tensorSizes[dim];
    while (dim > 0 && (tensorSizes[dim - 1] == 1 || run == 1 || strides[dim - 1] == step)) {
      --dim;
      step = run == 1 ? strides[dim] * tensorSizes[dim] : step * tensorSizes[dim];
      run *= tensorSizes[dim];
    }
    // ... is a number of whole dims.
    int64_t covered = 1;
    while (next > 0 && (covered < run || sizes[next - 1] == 1))
      covered *= sizes[--next];
    if (covered != run)
      return false;
  }
  return true;
}

std::optional<bool> torchc::givesView(const CapturedNode &node, const TensorMeta &tensor) {
  static const llvm::StringSet<> reshapes = {"aten.reshape", "aten.reshape_as", "aten.flatten.using_ints",
                                             "aten.ravel"};
  if (node.outputs.size() != 1 || node.outputs.front().type.kind != ValueType::Kind::Tensor)
    return std::nullopt;
  const TensorMeta &result = node.outputs.front().type.tensor;
  auto from = getNumbers(tensor.sizes), strides = getNumbers(tensor.strides), to = getNumbers(result.sizes);
  if (!from || !strides || !to || from->size() != strides->size())
    return std::nullopt;
  if (reshapes.contains(node.target))
    return canBeView(*from, *strides, *to);
  if (node.target == "aten.contiguous") {
    // The same tensor exactly where it has the strides already; those of dims of size 1 are of no account.
    auto wanted = getNumbers(result.strides);
    if (!wanted || wanted->size() != strides->size())
      return std::nullopt;
    return llvm::is_contained(*from, 0) || llvm::all_of(llvm::seq<size_t>(0, from->size()), [&](size_t dim) {
             return (*from)[dim] == 1 || (*strides)[dim] == (*wanted)[dim];
           });
  }
  return std::nullopt;
}
