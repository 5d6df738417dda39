//===- HostSlice.cpp - slices that are one piece of memory ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Dispatch/IR/HostSlice.h"

using namespace mlir;
using namespace torchc;

std::optional<SmallVector<unsigned>> torchc::getDimsTakenWhole(tensor::ExtractSliceOp op) {
  ArrayRef<int64_t> offsets = op.getStaticOffsets(), sizes = op.getStaticSizes(), strides = op.getStaticStrides();
  const unsigned rank = sizes.size();
  unsigned cut = 0;
  while (cut != rank && sizes[cut] == 1)
    ++cut;
  if (cut != rank && strides[cut] != 1)
    return std::nullopt;
  SmallVector<unsigned> dims;
  for (unsigned dim = cut + 1; dim < rank; ++dim) {
    const int64_t extent = op.getSourceType().getDimSize(dim);
    if (offsets[dim] != 0 || strides[dim] != 1 || extent != sizes[dim])
      return std::nullopt;
    if (ShapedType::isDynamic(extent))
      dims.push_back(dim);
  }
  return dims;
}
