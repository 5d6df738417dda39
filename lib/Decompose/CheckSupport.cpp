//===- CheckSupport.cpp - names all ops that torchc does not support ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Decompose/Passes.h"

#include "Patterns.h"
#include "torchc/Dialect/Torch/IR/TorchName.h"
#include "torchc/Support/UnsupportedOps.h"

namespace torchc {
#define GEN_PASS_DEF_CHECKSUPPORT
#include "torchc/Decompose/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Why Lower cannot take the op, empty if it does not know it; nullopt if it can.
static std::optional<std::string> getObjection(Operation *op) {
  if (!isa<TorchDialect>(op->getDialect()))
    return std::nullopt;
  if (isa<OperatorOp>(op))
    return "";
  if (auto reason = op->getAttrOfType<StringAttr>(kUnsupportedAttr))
    return reason.getValue().str();
  if (StringRef(op->getName().stripDialect()).starts_with("aten.") && getRoute(op->getName()) != Route::Lower)
    return "";
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<BaseTensorType>(type);
    if (tensor && !tensor.hasRank())
      return "the rank of its result is not known";
    if (tensor && !tensor.hasDtype())
      return "the dtype of its result is not known";
  }
  return std::nullopt;
}

namespace {
struct CheckSupport : public torchc::impl::CheckSupportBase<CheckSupport> {
  void runOnOperation() override {
    UnsupportedOps unsupported;
    getOperation().walk([&](Operation *op) {
      if (auto objection = getObjection(op))
        unsupported.add(getTorchName(op), op->getLoc(), *objection);
    });
    if (failed(unsupported.report()))
      signalPassFailure();
  }
};
} // namespace
