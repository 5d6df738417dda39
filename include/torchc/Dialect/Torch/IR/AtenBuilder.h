//===- AtenBuilder.h - builds torch ops with their constants and inferred types ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_ATENBUILDER_H
#define TORCHC_DIALECT_TORCH_IR_ATENBUILDER_H

#include "torchc/Dialect/Torch/IR/Dtypes.h"

#include "mlir/IR/Builders.h"

namespace torchc::torch {

/// Builds torch ops at the insertion point of a builder, all at one location:
///
///   AtenBuilder b(rewriter, op.getLoc());
///   Value sum = b.create<AtenAddTensorOp>(x, y, b.integer(1));
///
/// A tensor result has the type that PyTorch would give it, as far as it is
/// known: see ShapeInference.h.
class AtenBuilder {
public:
  AtenBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  // Constants.
  mlir::Value integer(int64_t value);
  mlir::Value floating(double value);
  mlir::Value boolean(bool value);
  mlir::Value string(llvm::StringRef value);
  mlir::Value none();
  /// The number of c10::ScalarType for `dtype`.
  mlir::Value dtype(mlir::Type dtype);
  /// A tensor of rank 0.
  mlir::Value literal(mlir::Type dtype, double value);
  /// A tensor of `sizes` with these elements, row-major.
  mlir::Value literal(mlir::Type dtype, llvm::ArrayRef<double> values, llvm::ArrayRef<int64_t> sizes);

  // Lists.
  mlir::Value list(mlir::ValueRange elements, mlir::Type elementType);
  mlir::Value list(mlir::ValueRange ints);
  mlir::Value list(llvm::ArrayRef<int64_t> ints);

  // Sizes and integers: constants where they are known.
  mlir::Value size(mlir::Value tensor, int64_t dim);
  llvm::SmallVector<mlir::Value> sizes(mlir::Value tensor);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value floordiv(mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  /// The program ends with `message` where a <= b does not hold when it runs.
  void checkLessEqual(mlir::Value a, mlir::Value b, const llvm::Twine &message);

  // Ops.
  /// An op of one result, whose type is inferred.
  template <typename Op, typename... Operands> mlir::Value create(Operands... operands) {
    return createOp(Op::getOperationName(), {}, {mlir::Value(operands)...})->getResult(0);
  }
  /// An op of one result, whose type is known.
  template <typename Op, typename... Operands> mlir::Value createAs(mlir::Type type, Operands... operands) {
    return createOp(Op::getOperationName(), type, {mlir::Value(operands)...})->getResult(0);
  }

  /// `tensor` in another dtype; itself where it has it.
  mlir::Value convert(mlir::Value tensor, mlir::Type dtype);
  /// A number as a tensor of rank 0.
  mlir::Value scalarTensor(mlir::Value number, mlir::Type dtype);
  mlir::Value transpose(mlir::Value tensor, int64_t dim0, int64_t dim1);
  mlir::Value permute(mlir::Value tensor, llvm::ArrayRef<int64_t> order);
  mlir::Value unsqueeze(mlir::Value tensor, int64_t dim);
  mlir::Value squeeze(mlir::Value tensor, int64_t dim);
  mlir::Value view(mlir::Value tensor, mlir::ValueRange sizes);
  mlir::Value view(mlir::Value tensor, llvm::ArrayRef<int64_t> sizes);
  mlir::Value expand(mlir::Value tensor, mlir::ValueRange sizes);
  mlir::Value slice(mlir::Value tensor, int64_t dim, mlir::Value start, mlir::Value end);
  /// Position `index` of `dim`, which goes.
  mlir::Value select(mlir::Value tensor, int64_t dim, int64_t index);
  /// Tensors of one dtype, one behind the other.
  mlir::Value cat(llvm::ArrayRef<mlir::Value> tensors, int64_t dim);
  mlir::Value flatten(mlir::Value tensor, int64_t first = 0, int64_t last = -1);
  mlir::Value full(mlir::ValueRange sizes, mlir::Value number, mlir::Type dtype);
  /// 0, 1, ... count - 1 as si64.
  mlir::Value range(mlir::Value count);
  mlir::Value where(mlir::Value condition, mlir::Value self, mlir::Value other);
  // Arithmetic of tensors.
  mlir::Value addTensors(mlir::Value a, mlir::Value b);
  mlir::Value subTensors(mlir::Value a, mlir::Value b);
  mlir::Value mulTensors(mlir::Value a, mlir::Value b);
  mlir::Value divTensors(mlir::Value a, mlir::Value b);
  mlir::Value addNumber(mlir::Value tensor, double number);
  mlir::Value mulNumber(mlir::Value tensor, double number);
  mlir::Value sum(mlir::Value tensor, llvm::ArrayRef<int64_t> dims, bool keepdim);
  mlir::Value mean(mlir::Value tensor, llvm::ArrayRef<int64_t> dims, bool keepdim);
  mlir::Value amax(mlir::Value tensor, llvm::ArrayRef<int64_t> dims, bool keepdim);

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }

  /// The op of that name; `type` null: its one or more result types are inferred, a
  /// tensor of unknown type where that fails.
  mlir::Operation *createOp(llvm::StringRef name, mlir::Type type, llvm::ArrayRef<mlir::Value> operands);

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// The tensor type of a value.
BaseTensorType getTensorType(mlir::Value tensor);

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_ATENBUILDER_H
