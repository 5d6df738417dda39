//===- Windows.h - windows that slide over channels-last tensors ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_WINDOWS_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_WINDOWS_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace torchc {

/// How a window moves over the spatial dims, one entry a dim.
struct Window {
  llvm::SmallVector<int64_t> kernel, stride, padding, dilation;
  bool ceilMode = false;

  int64_t getRank() const { return kernel.size(); }
  /// The number of positions in spatial dim `i` of this extent.
  mlir::OpFoldResult getOutputSize(mlir::ImplicitLocOpBuilder &b, int64_t i, mlir::OpFoldResult extent) const;
};

/// [N, C, spatial...] as [N, spatial..., C].
mlir::Value toChannelsLast(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);
/// [N, spatial..., C] as [N, C, spatial...].
mlir::Value toChannelsFirst(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

/// Pads the spatial dims of a channels-last tensor so that every position of
/// the window lies within it.
mlir::Value padForWindow(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, const Window &window,
                         mlir::TypedAttr value);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_WINDOWS_H
