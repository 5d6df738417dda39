//===- Elementwise.h - one linalg.generic from a function of scalars ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_ELEMENTWISE_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_ELEMENTWISE_H

#include "ElementTypes.h"
#include "Lowering.h"

namespace torchc {

/// The body of a generic: the result's element from those of the operands.
using ElementFunction = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::ValueRange)>;

/// A tensor read at `map(loop indices)`.
struct MappedOperand {
  mlir::Value tensor;
  mlir::AffineMap map;
};

/// A tensor of `sizes`, each element computed by `function`. Operands
/// broadcast as in PyTorch: trailing dims are aligned, a static 1 is repeated.
mlir::Value createElementwise(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange operands,
                              llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type element, ElementFunction function);
/// The same with the operands' maps given.
mlir::Value createMapped(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<MappedOperand> operands,
                         llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type element, ElementFunction function);
/// A generic with any iterators over one destination.
mlir::Value createGeneric(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<MappedOperand> operands,
                          MappedOperand destination, llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                          ElementFunction function);
/// A tensor of `sizes` computed from its indices (`index` values).
mlir::Value createFromIndices(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                              mlir::Type element, ElementFunction function);
/// A tensor with every element converted.
mlir::Value convertTensor(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, mlir::Type from, mlir::Type to);

/// The map of an operand whose trailing dims line up with `sizes`.
mlir::AffineMap getBroadcastMap(mlir::RankedTensorType operand, llvm::ArrayRef<mlir::OpFoldResult> sizes);
/// The sizes that operands broadcast to; extents that must be equal and are
/// not certain to be are checked at run time.
llvm::SmallVector<mlir::OpFoldResult> broadcastSizes(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange operands,
                                                     llvm::ArrayRef<int64_t> resultShape);

/// What the function of one elementwise op sees: a builder inside of the
/// generic's body, the op, and the dtype it computes in.
class ElementBuilder : public mlir::ImplicitLocOpBuilder {
public:
  ElementBuilder(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op, mlir::Type dtype)
      : ImplicitLocOpBuilder(b), op(op), dtype(dtype) {}

  mlir::Operation *getOp() const { return op; }
  mlir::Type getDtype() const { return dtype; }
  bool isFloat() const { return torchc::isFloat(dtype); }
  bool isUnsigned() const { return torchc::isUnsigned(dtype); }
  bool isBool() const { return torchc::isBool(dtype); }
  /// A number in the computation's dtype.
  mlir::Value number(double value);
  /// `lhs predicate rhs`, ordered, in the computation's dtype; `ne` holds for NaN.
  mlir::Value compare(mlir::arith::CmpIPredicate signedPredicate, mlir::Value lhs, mlir::Value rhs);

private:
  mlir::Operation *op;
  mlir::Type dtype;
};

/// The dtype an elementwise op computes in; half types compute in f32.
enum class ComputeIn {
  Result,   ///< The result's dtype.
  Operands, ///< The dtype the operands promote to, as comparisons do.
  Bool,     ///< Every operand is true or false.
};

/// One elementwise op: how its operands are made scalars of one dtype, and
/// what is computed of them.
struct ElementwiseOp {
  /// An op's name as `torch.aten.add.Tensor`.
  llvm::StringRef name;
  ComputeIn compute;
  /// The first `numOperands` operands, tensors or numbers, go to the function.
  /// One that is None becomes a null value.
  unsigned numOperands;
  mlir::Value (*function)(ElementBuilder &b, mlir::ValueRange operands);
  /// The operand that is a condition, converted to bool; -1 for none.
  int condition = -1;
  /// Where given and false, the op cannot be lowered: `refusal` says why.
  bool (*supports)(mlir::Operation *op) = nullptr;
  llvm::StringRef refusal = {};
};

/// Adds a pattern for each of the ops.
void populateElementwiseOps(mlir::RewritePatternSet &patterns, LoweringContext &context,
                            llvm::ArrayRef<ElementwiseOp> ops);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_ELEMENTWISE_H
