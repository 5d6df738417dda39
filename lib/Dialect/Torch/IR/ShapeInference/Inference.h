//===- Inference.h - the table of result type inferences, filled by family ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DIALECT_TORCH_IR_SHAPEINFERENCE_INFERENCE_H
#define TORCHC_LIB_DIALECT_TORCH_IR_SHAPEINFERENCE_INFERENCE_H

#include "torchc/Dialect/Torch/IR/Dtypes.h"
#include "torchc/Dialect/Torch/IR/ShapeInference.h"

namespace torchc::torch {

/// The inferred result types, or failure.
using Types = mlir::FailureOr<llvm::SmallVector<mlir::Type>>;
/// The sizes of a tensor, `kDynamic` for one not known; nullopt: unknown rank.
using Shape = std::optional<llvm::SmallVector<int64_t>>;

inline constexpr int64_t kDynamic = mlir::ShapedType::kDynamic;

/// Op name -> inference.
class InferenceTable {
public:
  /// One inference for several ops that differ in nothing but their numbers.
  template <typename... Ops> void addAll(Types (*infer)(mlir::ValueRange)) {
    (table.try_emplace(Ops::getOperationName(), infer), ...);
  }
  template <typename Op> void add(Types (*infer)(typename Op::Adaptor)) {
    table.try_emplace(Op::getOperationName(),
                      [infer](mlir::ValueRange operands) { return infer(typename Op::Adaptor(operands)); });
  }
  Types infer(llvm::StringRef name, mlir::ValueRange operands) const;

private:
  llvm::StringMap<std::function<Types(mlir::ValueRange)>> table;
};

void addElementwiseInference(InferenceTable &table);
void addReductionInference(InferenceTable &table);
void addContractionInference(InferenceTable &table);
void addConvolutionInference(InferenceTable &table);
void addPoolingInference(InferenceTable &table);
void addNormalizationInference(InferenceTable &table);
void addAttentionInference(InferenceTable &table);
void addLinearAlgebraInference(InferenceTable &table);
void addRandomInference(InferenceTable &table);
void addShapeInference(InferenceTable &table);
void addIndexingInference(InferenceTable &table);
void addCreationInference(InferenceTable &table);

Shape getShape(mlir::Value tensor);
/// Null where it is unknown.
mlir::Type getDtype(mlir::Value tensor);
/// The tensor type; failure where `dtype` is null.
Types tensorOf(const Shape &shape, mlir::Type dtype);
/// Several results of one op; failure where one is.
Types concat(llvm::ArrayRef<Types> types);

/// The sizes in an `int[]`, `kDynamic` for one that is not constant; nullopt
/// where the length of the list is not known.
Shape getSizes(mlir::Value list);
/// The dtype that a `ScalarType?` names; `otherwise` for None; null where it is not constant.
mlir::Type getDtypeOr(mlir::Value code, mlir::Type otherwise);
/// The shape of the operands broadcast against each other; None and numbers have no part in it.
Shape broadcast(mlir::ValueRange operands);
/// a * b where both are known, and 0 where either is 0.
int64_t multiply(int64_t a, int64_t b);
/// The number of elements, or kDynamic.
int64_t getElementCount(llvm::ArrayRef<int64_t> sizes);

/// A result like the first operand.
Types inferLikeFirst(mlir::ValueRange operands);

} // namespace torchc::torch

#endif // TORCHC_LIB_DIALECT_TORCH_IR_SHAPEINFERENCE_INFERENCE_H
