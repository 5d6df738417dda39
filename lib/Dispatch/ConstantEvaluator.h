//===- ConstantEvaluator.h - computes tensors of constants when compiling ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DISPATCH_CONSTANTEVALUATOR_H
#define TORCHC_LIB_DISPATCH_CONSTANTEVALUATOR_H

#include "ConstantTensor.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"

namespace torchc {

/// Knows which tensors of a module depend on nothing but constants, and computes
/// them. Layouts cost nothing before somebody reads the elements: transposes,
/// slices, splats and most reshapes are views.
class ConstantEvaluator {
public:
  /// Up to `tableBytes`, numbers that are computed are constants whatever they are computed of.
  ConstantEvaluator(mlir::ModuleOp module, WeightStore &weights, int64_t tableBytes = 0)
      : symbols(module), weights(weights), tableBytes(tableBytes) {}

  /// Whether `evaluate` may be asked for the tensor: it is a constant, an immutable
  /// global, or computed of those by ops that the evaluator knows. What takes more
  /// memory than it is computed of (a broadcast) is no constant, if it is not small.
  bool isConstant(mlir::Value tensor);

  /// The same, or integers that would be constants if each of them took one byte.
  bool isComputable(mlir::Value tensor);

  /// The elements of a constant. Fails where the program itself would fail.
  mlir::FailureOr<ConstantTensor> evaluate(mlir::Value tensor);

  /// The immutable global that a load reads; null for all other ops.
  mlir::ml_program::GlobalOp getGlobal(mlir::Operation *op);

private:
  /// What a tensor is computed of.
  struct Source {
    int64_t bytes;      ///< Of constants.
    bool isWorthMemory; ///< The tensor itself takes not much more.
  };
  std::optional<Source> getSource(mlir::Value tensor);
  std::optional<Source> computeSource(mlir::Value tensor);
  bool isEvaluable(mlir::Operation *op);

  mlir::FailureOr<ConstantTensor> compute(mlir::OpResult tensor);
  mlir::FailureOr<ConstantTensor> load(mlir::Operation *op);
  mlir::FailureOr<ConstantTensor> computeLinalg(mlir::linalg::LinalgOp op, unsigned result);
  mlir::FailureOr<ConstantTensor> computeReshape(mlir::Value source, mlir::RankedTensorType type);
  mlir::FailureOr<ConstantTensor> computeTranspose(mlir::linalg::TransposeOp op);
  mlir::FailureOr<ConstantTensor> computePack(mlir::linalg::PackOp op);
  mlir::FailureOr<ConstantTensor> computePad(mlir::tensor::PadOp op);
  mlir::FailureOr<ConstantTensor> computeSlice(mlir::tensor::ExtractSliceOp op);
  mlir::FailureOr<ConstantTensor> computeInsertSlice(mlir::tensor::InsertSliceOp op);
  mlir::FailureOr<ConstantTensor> computeConcat(mlir::tensor::ConcatOp op);

  mlir::SymbolTable symbols;
  WeightStore &weights;
  int64_t tableBytes;
  llvm::DenseMap<mlir::Value, std::optional<Source>> sources;
  llvm::DenseMap<mlir::Value, ConstantTensor> known; ///< Of values with several users.
};

/// Whether a tensor is a constant or a weight, or pure ops compute it of such: what
/// a pass may build on before FoldConstants has looked into it.
bool isComputedOfConstants(mlir::Value tensor);

} // namespace torchc

#endif // TORCHC_LIB_DISPATCH_CONSTANTEVALUATOR_H
