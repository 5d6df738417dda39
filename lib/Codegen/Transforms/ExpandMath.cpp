//===- ExpandMath.cpp - writes math functions as polynomials ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"
#include "torchc/Codegen/Passes.h"
#include "torchc/Support/UnsupportedOps.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"

namespace torchc {
#define GEN_PASS_DEF_EXPANDMATH
#include "torchc/Codegen/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {
class ExpandMath : public torchc::impl::ExpandMathBase<ExpandMath> {
public:
  using ExpandMathBase::ExpandMathBase;
  void runOnOperation() override;
};
} // namespace

void ExpandMath::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  populateExponentialPatterns(patterns);
  populateLogarithmPatterns(patterns);
  populateTrigonometricPatterns(patterns);
  math::populateExpansionPatterns(patterns, {"clampf", "fpowi", "round", "rsqrt"});
  populateMathPolynomialApproximationPatterns(patterns);
  arith::populateExpandBFloat16Patterns(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
    return signalPassFailure();
  // Everything else would become a call of the C library.
  UnsupportedOps unsupported;
  getOperation()->walk([&](Operation *op) {
    if (!isa_and_present<math::MathDialect>(op->getDialect()) ||
        isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::FloorOp, math::TruncOp, math::RoundEvenOp, math::CopySignOp,
            math::FmaOp, math::SqrtOp, math::CtPopOp, math::CountLeadingZerosOp, math::CountTrailingZerosOp,
            math::IsNaNOp, math::IsInfOp, math::IsFiniteOp, math::IsNormalOp>(op))
      return;
    std::string type;
    llvm::raw_string_ostream(type) << op->getResult(0).getType();
    unsupported.add(op->getName().getStringRef(), op->getLoc(), "no code for it on " + type);
  });
  if (failed(unsupported.report()))
    signalPassFailure();
}
