//===- Patterns.h - decompositions as functions, and the patterns of each family ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_DECOMPOSE_PATTERNS_H
#define TORCHC_LIB_DECOMPOSE_PATTERNS_H

#include "torchc/Dialect/Torch/IR/AtenBuilder.h"
#include "torchc/Dialect/Torch/IR/ShapeInference.h"

#include "mlir/IR/PatternMatch.h"

namespace torchc {

/// Why an op that stays is not supported; CheckSupport reads it.
inline constexpr llvm::StringLiteral kUnsupportedAttr = "torchc.unsupported";

/// What a decomposition builds its ops with.
class Decomposer : public torch::AtenBuilder {
public:
  Decomposer(mlir::PatternRewriter &rewriter, mlir::Operation *op)
      : AtenBuilder(rewriter, op->getLoc()), rewriter(rewriter), op(op) {}

  /// Refuses the op; `reason` completes "unsupported op aten.foo: ". To be
  /// called before anything is built.
  mlir::LogicalResult unsupported(const llvm::Twine &reason) {
    rewriter.modifyOpInPlace(op, [&] { op->setAttr(kUnsupportedAttr, rewriter.getStringAttr(reason)); });
    refused = true;
    return mlir::failure();
  }
  /// As AtenBuilder's, but a complex number does not lose its imaginary part: that refuses the op. Conversions
  /// that mean it call AtenBuilder's.
  mlir::Value convert(mlir::Value tensor, mlir::Type dtype) {
    mlir::Type from = torch::getTensorType(tensor).getOptionalDtype();
    if (from && llvm::isa<mlir::ComplexType>(from) && !llvm::isa<mlir::ComplexType>(dtype) &&
        !torch::isBoolDtype(dtype))
      (void)unsupported("on complex numbers");
    return AtenBuilder::convert(tensor, dtype);
  }
  /// Whether the op was refused, which changes it: the pattern has then applied.
  bool hasRefused() const { return refused; }

  mlir::PatternRewriter &getRewriter() { return rewriter; }

private:
  mlir::PatternRewriter &rewriter;
  mlir::Operation *op;
  bool refused = false;
};

/// The values that an op decomposes into, one a result; null for a result
/// without uses.
using Decomposed = mlir::FailureOr<llvm::SmallVector<mlir::Value>>;

/// A decomposition is a function `Decomposed DecomposeAtenXxx(AtenXxxOp op,
/// Decomposer &b)`, or one that gives a FailureOr<Value> for the only result.
/// It refuses by `return b.unsupported("...")`. Ranks and dtypes of tensor
/// operands, and the results' dtypes, are known. The values may know less or
/// more of their shape than the op's result; their dtype is the result's.
template <typename Op, typename Result> class DecompositionPattern : public mlir::OpRewritePattern<Op> {
public:
  using Function = Result (*)(Op, Decomposer &);
  DecompositionPattern(mlir::MLIRContext *context, Function function)
      : mlir::OpRewritePattern<Op>(context), function(function) {}

  mlir::LogicalResult matchAndRewrite(Op op, mlir::PatternRewriter &rewriter) const override {
    if (op->hasAttr(kUnsupportedAttr))
      return rewriter.notifyMatchFailure(op, "is known to be unsupported");
    if (!isTyped(op))
      return rewriter.notifyMatchFailure(op, "a rank or dtype is not known");
    Decomposer decomposer(rewriter, op);
    Result result = function(op, decomposer);
    if (decomposer.hasRefused())
      return mlir::success();
    if (mlir::failed(result))
      return rewriter.notifyMatchFailure(op, "is not decomposed in this form");
    llvm::SmallVector<mlir::Value> values;
    if constexpr (std::is_same_v<Result, Decomposed>)
      values = *result;
    else
      values.push_back(*result);
    replace(op, values, decomposer);
    return mlir::success();
  }

private:
  static bool isTyped(mlir::Operation *op) {
    auto isTensorWithout = [](auto known) {
      return [known](mlir::Type type) {
        auto tensor = llvm::dyn_cast<torch::BaseTensorType>(type);
        return tensor && !known(tensor);
      };
    };
    auto isRankedWithDtype = [](torch::BaseTensorType type) { return type.hasRank() && type.hasDtype(); };
    auto hasDtype = [](torch::BaseTensorType type) { return type.hasDtype(); };
    return llvm::none_of(op->getOperandTypes(), isTensorWithout(isRankedWithDtype)) &&
           llvm::none_of(op->getResultTypes(), isTensorWithout(hasDtype));
  }

  static void replace(mlir::Operation *op, llvm::MutableArrayRef<mlir::Value> values, Decomposer &b) {
    for (auto [result, value] : llvm::zip_equal(op->getResults(), values))
      if (value && value.getType() != result.getType())
        value = torch::TensorStaticInfoCastOp::create(b.getRewriter(), op->getLoc(), result.getType(), value);
    b.getRewriter().replaceOp(op, values);
  }

  Function function;
};

/// Adds the patterns of these functions.
template <typename... Op, typename... Result>
void addDecompositions(mlir::RewritePatternSet &patterns, Result (*...functions)(Op, Decomposer &)) {
  (patterns.add(std::make_unique<DecompositionPattern<Op, Result>>(patterns.getContext(), functions)), ...);
}

/// An op that is another one under its own name: the same operands, the same result.
template <typename To, typename From> mlir::FailureOr<mlir::Value> decomposeAs(From op, Decomposer &b) {
  return b.createOp(To::getOperationName(), op->getResult(0).getType(), llvm::to_vector(op->getOperands()))
      ->getResult(0);
}

/// Of a tensor whose rank or dtype is known.
inline int64_t getRank(mlir::Value tensor) { return torch::getTensorType(tensor).getRank(); }
inline mlir::Type getDtype(mlir::Value tensor) { return torch::getTensorType(tensor).getDtype(); }
inline mlir::Type getResultDtype(mlir::Operation *op, unsigned result = 0) { return getDtype(op->getResult(result)); }

/// The list that `op` gives as its result number `result`, made of `parts`, each in the type that its reader
/// takes it in.
mlir::Value buildTensorList(mlir::Operation *op, llvm::SmallVector<mlir::Value> parts, Decomposer &b,
                            unsigned result = 0);

/// The places where `x` is not 0, one a row, of which there are as many as the data says.
mlir::Value findNonzero(mlir::Value x, Decomposer &b);

void populateAttentionPatterns(mlir::RewritePatternSet &patterns);
void populateContractionPatterns(mlir::RewritePatternSet &patterns);
void populateContractionEinsumPatterns(mlir::RewritePatternSet &patterns);
void populateContractionGroupedPatterns(mlir::RewritePatternSet &patterns);
void populateContractionRecurrentPatterns(mlir::RewritePatternSet &patterns);
/// Of operators outside of the table.
void populateOperatorPatterns(mlir::RewritePatternSet &patterns);
void populateConvolutionPatterns(mlir::RewritePatternSet &patterns);
/// Of weights whose shape only a call knows; all others are Lower's.
void populateConvolutionDynamicPatterns(mlir::RewritePatternSet &patterns);
void populateConvolutionBackwardPatterns(mlir::RewritePatternSet &patterns);
void populateCreationPatterns(mlir::RewritePatternSet &patterns);
void populateElementwisePatterns(mlir::RewritePatternSet &patterns);
void populateElementwiseBackwardPatterns(mlir::RewritePatternSet &patterns);
void populateIndexingPatterns(mlir::RewritePatternSet &patterns);
void populateIndexingEmbeddingPatterns(mlir::RewritePatternSet &patterns);
void populateIndexingGridPatterns(mlir::RewritePatternSet &patterns);
void populateIndexingHistogramPatterns(mlir::RewritePatternSet &patterns);
/// Forms of ops that Lower takes in other forms.
void populateIndexingMaskPatterns(mlir::RewritePatternSet &patterns);
void populateIndexingResizePatterns(mlir::RewritePatternSet &patterns);
void populateIndexingScatterPatterns(mlir::RewritePatternSet &patterns);
void populateIndexingStridedPatterns(mlir::RewritePatternSet &patterns);
void populateLinearAlgebraPatterns(mlir::RewritePatternSet &patterns);
void populateLinearAlgebraSpectraPatterns(mlir::RewritePatternSet &patterns);
void populateNormalizationPatterns(mlir::RewritePatternSet &patterns);
void populateNormalizationBackwardPatterns(mlir::RewritePatternSet &patterns);
void populatePoolingPatterns(mlir::RewritePatternSet &patterns);
void populatePoolingBackwardPatterns(mlir::RewritePatternSet &patterns);
void populateQuantizationPatterns(mlir::RewritePatternSet &patterns);
void populateRandomPatterns(mlir::RewritePatternSet &patterns);
void populateReductionPatterns(mlir::RewritePatternSet &patterns);
void populateReductionNormPatterns(mlir::RewritePatternSet &patterns);
void populateReductionLossPatterns(mlir::RewritePatternSet &patterns);
void populateReductionLossBackwardPatterns(mlir::RewritePatternSet &patterns);
void populateReductionSegmentPatterns(mlir::RewritePatternSet &patterns);
void populateScalarPatterns(mlir::RewritePatternSet &patterns);
void populateSortPatterns(mlir::RewritePatternSet &patterns);
void populateSortUniquePatterns(mlir::RewritePatternSet &patterns);
void populateSpectralPatterns(mlir::RewritePatternSet &patterns);
void populateSpectralShortTimePatterns(mlir::RewritePatternSet &patterns);
void populateShapePatterns(mlir::RewritePatternSet &patterns);
void populateShapePadPatterns(mlir::RewritePatternSet &patterns);
void populateShapeJoinPatterns(mlir::RewritePatternSet &patterns);

} // namespace torchc

#endif // TORCHC_LIB_DECOMPOSE_PATTERNS_H
