//===- DecomposeOps.cpp - rewrites aten ops into the core that Lower takes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Decompose/Passes.h"

#include "Patterns.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_DECOMPOSEOPS
#include "torchc/Decompose/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {
struct DecomposeOps : public torchc::impl::DecomposeOpsBase<DecomposeOps> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    populateAttentionPatterns(owned);
    populateContractionPatterns(owned);
    populateContractionEinsumPatterns(owned);
    populateContractionGroupedPatterns(owned);
    populateContractionRecurrentPatterns(owned);
    populateConvolutionPatterns(owned);
    populateConvolutionBackwardPatterns(owned);
    populateCreationPatterns(owned);
    populateElementwisePatterns(owned);
    populateElementwiseBackwardPatterns(owned);
    populateIndexingPatterns(owned);
    populateIndexingEmbeddingPatterns(owned);
    populateIndexingGridPatterns(owned);
    populateIndexingHistogramPatterns(owned);
    populateIndexingResizePatterns(owned);
    populateIndexingScatterPatterns(owned);
    populateIndexingStridedPatterns(owned);
    populateLinearAlgebraPatterns(owned);
    populateLinearAlgebraSpectraPatterns(owned);
    populateNormalizationPatterns(owned);
    populateNormalizationBackwardPatterns(owned);
    populatePoolingPatterns(owned);
    populatePoolingBackwardPatterns(owned);
    populateQuantizationPatterns(owned);
    populateRandomPatterns(owned);
    populateReductionPatterns(owned);
    populateReductionLossPatterns(owned);
    populateReductionLossBackwardPatterns(owned);
    populateReductionNormPatterns(owned);
    populateReductionSegmentPatterns(owned);
    populateScalarPatterns(owned);
    populateShapePatterns(owned);
    populateShapePadPatterns(owned);
    populateShapeJoinPatterns(owned);
    populateSortPatterns(owned);
    populateSortUniquePatterns(owned);
    populateSpectralPatterns(owned);
    populateSpectralShortTimePatterns(owned);
    // The op table says what is decomposed. A pattern for another op would
    // take away what Lower, or a user of the table, counts on.
    for (const auto &pattern : owned.getNativePatterns()) {
      OperationName root = *pattern->getRootKind();
      if (torch::getRoute(root) != torch::Route::Decompose)
        return emitError(UnknownLoc::get(context)) << "the op table does not route " << root << " to Decompose";
    }
    // Other forms of these ops are Lower's, other operators the user's.
    populateConvolutionDynamicPatterns(owned);
    populateIndexingMaskPatterns(owned);
    populateOperatorPatterns(owned);
    patterns = std::move(owned);
    return success();
  }

  void runOnOperation() override {
    // What is left is CheckSupport's to name.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    if (failed(applyPatternsGreedily(getOperation(), patterns, config)))
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
