//===- Views.h - view ops as steps that can be taken anew and undone ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_NORMALIZE_VIEWS_H
#define TORCHC_LIB_NORMALIZE_VIEWS_H

#include "torchc/Dialect/Torch/IR/AtenBuilder.h"

namespace torchc {

/// One view of a tensor: an op, its operands behind the viewed one, its type.
struct ViewStep {
  llvm::StringRef op;
  llvm::SmallVector<mlir::Value> arguments;
  torch::ValueTensorType type;

  /// The view of `viewed`.
  mlir::Value take(mlir::Value viewed, torch::AtenBuilder &b) const;
  /// `viewed` with `value` in the place of the view of it; null where the view
  /// has no inverse (expand, say, shows one element at many places).
  mlir::Value undo(mlir::Value viewed, mlir::Value value, torch::AtenBuilder &b) const;
};

/// How the result of an op lies to its first operand.
enum class Aliasing {
  None,    ///< Memory of its own.
  Same,    ///< The operand itself.
  Alias,   ///< Another tensor of the same elements: it keeps its shape where the operand is reshaped in place.
  View,    ///< A view of the operand.
  Unknown, ///< The strides decide: a view, the operand itself, or a copy.
};
Aliasing getAliasing(mlir::Operation *op);

/// The step of an op whose aliasing is View.
ViewStep getViewStep(mlir::Operation *op);

/// The in-place ops that change how their operand views its storage, not the
/// elements: the name of the view op, or an empty one.
llvm::StringRef getViewOpOfInPlace(mlir::Operation *op);

} // namespace torchc

#endif // TORCHC_LIB_NORMALIZE_VIEWS_H
