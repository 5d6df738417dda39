//===- Lowering.h - the frame every lowering of a torch op stands in ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_LOWERING_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_LOWERING_H

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/DialectConversion.h"

#include <string>

namespace torchc {

/// What all patterns of one run share: the types, and why an op was refused.
struct LoweringContext {
  mlir::TypeConverter types;
  /// Why no lowering was found, by op; the pass reports it.
  llvm::DenseMap<mlir::Operation *, std::string> refusals;
};

/// A builder at one torch op, with access to what the op's operands became.
class Lowering : public mlir::ImplicitLocOpBuilder {
public:
  Lowering(mlir::Operation *op, mlir::ConversionPatternRewriter &rewriter, LoweringContext &context)
      : ImplicitLocOpBuilder(op->getLoc(), rewriter), op(op), rewriter(rewriter), context(context) {}

  mlir::Operation *getOp() const { return op; }

  /// The builtin tensor or scalar that stands for a value of the torch dialect.
  mlir::Value get(mlir::Value torchValue) { return rewriter.getRemappedValue(torchValue); }
  llvm::SmallVector<mlir::Value> get(llvm::ArrayRef<mlir::Value> torchValues);

  /// The builtin tensor type of a torch tensor, signless.
  mlir::RankedTensorType getTensorType(mlir::Value torchTensor);
  /// The element type of a torch tensor, integers with their sign; of an int,
  /// float or bool: si64, f64, i1.
  static mlir::Type getDtype(mlir::Value torchValue);

  /// The elements of a list of ints, constants as attributes; nullopt where
  /// the list is not built in sight.
  std::optional<llvm::SmallVector<mlir::OpFoldResult>> getSizeList(mlir::Value torchList);
  /// A torch int as a size.
  mlir::OpFoldResult getSize(mlir::Value torchInt);

  /// Notes why this op cannot be lowered.
  llvm::LogicalResult refuse(const llvm::Twine &reason);

  /// Replaces an op that gives nothing but tensors without elements, of which there is nothing to compute, by
  /// such; false for others.
  bool replaceEmpty();

  /// Replaces the op by `values`, cast to the types that the op's results become.
  void replace(mlir::ValueRange values);

private:
  mlir::Operation *op;
  mlir::ConversionPatternRewriter &rewriter;
  LoweringContext &context;
};

/// The lowering of one op: the subclass has
/// `FailureOr<Value> lower(OpT op, Lowering &b) const`, for an op of one result.
template <typename Derived, typename OpT> class LowerOp : public mlir::OpConversionPattern<OpT> {
public:
  explicit LowerOp(LoweringContext &context, mlir::MLIRContext *mlirContext)
      : mlir::OpConversionPattern<OpT>(context.types, mlirContext), context(context) {}

  llvm::LogicalResult matchAndRewrite(OpT op, typename OpT::Adaptor,
                                      mlir::ConversionPatternRewriter &rewriter) const final {
    Lowering b(op, rewriter, context);
    if (b.replaceEmpty())
      return llvm::success();
    mlir::FailureOr<mlir::Value> result = static_cast<const Derived *>(this)->lower(op, b);
    if (failed(result))
      return llvm::failure();
    b.replace(*result);
    return llvm::success();
  }

protected:
  LoweringContext &context;
};

/// The same for an op with another number of results: the subclass has
/// `FailureOr<SmallVector<Value>> lower(OpT op, Lowering &b) const`.
template <typename Derived, typename OpT> class LowerMultiResultOp : public mlir::OpConversionPattern<OpT> {
public:
  explicit LowerMultiResultOp(LoweringContext &context, mlir::MLIRContext *mlirContext)
      : mlir::OpConversionPattern<OpT>(context.types, mlirContext), context(context) {}

  llvm::LogicalResult matchAndRewrite(OpT op, typename OpT::Adaptor,
                                      mlir::ConversionPatternRewriter &rewriter) const final {
    Lowering b(op, rewriter, context);
    if (b.replaceEmpty())
      return llvm::success();
    mlir::FailureOr<llvm::SmallVector<mlir::Value>> results = static_cast<const Derived *>(this)->lower(op, b);
    if (failed(results))
      return llvm::failure();
    b.replace(*results);
    return llvm::success();
  }

protected:
  LoweringContext &context;
};

/// Adds patterns that are built from a LoweringContext.
template <typename... Patterns> void addPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context) {
  patterns.add<Patterns...>(context, patterns.getContext());
}

// The patterns of each family.
void populateProgramPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateElementwiseArithmeticPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateElementwiseMathPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateElementwiseBesselPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateElementwiseSpecialPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateElementwiseActivationPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateElementwiseComparisonPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateRandomPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateReductionPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateReductionRunningPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateContractionPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateConvolutionPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populatePoolingPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateLinearAlgebraFactorizationPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateLinearAlgebraJacobiPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateLinearAlgebraSolvePatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateNormalizationPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateShapeViewPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateShapeCopyPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateIndexingSlicePatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateIndexingGatherPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateIndexingNonzeroPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateIndexingScatterPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateControlFlowPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateCreationPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateScalarPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);
void populateSortPatterns(mlir::RewritePatternSet &patterns, LoweringContext &context);

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_LOWERING_H
