//===- TorchDialect.h - the torch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_TORCHDIALECT_H
#define TORCHC_DIALECT_TORCH_IR_TORCHDIALECT_H

#include "torchc/Support/WeightStore.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace torchc::torch {

/// The op writes to its first operand and returns it, as `aten.add_` does.
template <typename ConcreteOp> class IsInPlace : public mlir::OpTrait::TraitBase<ConcreteOp, IsInPlace> {};

/// The op's results are views of its first operand, as `aten.transpose.int`'s.
template <typename ConcreteOp> class IsView : public mlir::OpTrait::TraitBase<ConcreteOp, IsView> {};

} // namespace torchc::torch

#include "torchc/Dialect/Torch/IR/TorchDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "torchc/Dialect/Torch/IR/TorchTypes.h.inc"

namespace torchc::torch {

/// `!torch.tensor` or `!torch.vtensor`.
class BaseTensorType : public mlir::Type {
public:
  using Type::Type;
  static bool classof(mlir::Type type) { return llvm::isa<ValueTensorType, NonValueTensorType>(type); }

  bool hasRank() const;
  /// The sizes; `mlir::ShapedType::kDynamic` for a dim that is not static.
  llvm::ArrayRef<int64_t> getSizes() const;
  int64_t getRank() const { return getSizes().size(); }
  bool hasDtype() const { return static_cast<bool>(getOptionalDtype()); }
  mlir::Type getOptionalDtype() const;
  mlir::Type getDtype() const { return getOptionalDtype(); }
  /// The `!torch.vtensor` of the same shape and element type.
  ValueTensorType getValueType() const;
  /// The `!torch.tensor` of the same shape and element type.
  NonValueTensorType getNonValueType() const;
  /// The builtin tensor with a signless element type. Rank and dtype are known.
  mlir::RankedTensorType toBuiltinTensor() const;
};

} // namespace torchc::torch

#define GET_OP_CLASSES
#include "torchc/Dialect/Torch/IR/TorchOps.h.inc"

namespace torchc::torch {

/// The stage that removes an op, as the op table says.
enum class Route { None, Fold, Normalize, Decompose, Lower };

/// The route of an op; None for one that the op table does not list.
Route getRoute(mlir::OperationName name);

/// The value of a torch constant, or nullopt where `value` is not one.
std::optional<int64_t> getConstantInt(mlir::Value value);
std::optional<bool> getConstantBool(mlir::Value value);
/// A float, int or bool constant as a double.
std::optional<double> getConstantNumber(mlir::Value value);
std::optional<llvm::StringRef> getConstantString(mlir::Value value);
bool isNone(mlir::Value value);

/// The elements of a list built by `torch.prim.ListConstruct`.
std::optional<llvm::SmallVector<mlir::Value>> getListElements(mlir::Value list);
/// The same, where all elements are int constants.
std::optional<llvm::SmallVector<int64_t>> getConstantIntList(mlir::Value list);

} // namespace torchc::torch

#endif // TORCHC_DIALECT_TORCH_IR_TORCHDIALECT_H
