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
#include "torchc/Support/HostProvided.h"
#include "torchc/Support/UnsupportedOps.h"

namespace torchc {
#define GEN_PASS_DEF_CHECKSUPPORT
#include "torchc/Decompose/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Whether the op is one of `customOps`, "mylib.foo" or "mylib::foo".
static bool isCustomOp(OperatorOp op, ArrayRef<std::string> customOps) {
  auto [space, rest] = op.getName().split('.');
  StringRef name = rest.split('.').first;
  return llvm::any_of(customOps, [&](StringRef custom) {
    auto [customSpace, customName] = custom.split(custom.contains("::") ? "::" : ".");
    return customSpace == space && customName == name;
  });
}

/// Why Lower cannot take the op, empty if it does not know it; nullopt if it can.
static std::optional<std::string> getObjection(Operation *op) {
  if (!isa<TorchDialect>(op->getDialect()))
    return std::nullopt;
  if (isa<OperatorOp>(op) && !op->hasAttr(kCustomOpAttr))
    return "";
  if (auto reason = op->getAttrOfType<StringAttr>(kUnsupportedAttr))
    return reason.getValue().str();
  StringRef name = op->getName().stripDialect();
  Route route = getRoute(op->getName());
  if ((name.starts_with("aten.") || route != Route::None) && route != Route::Lower)
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
  using CheckSupportBase::CheckSupportBase;
  void runOnOperation() override {
    UnsupportedOps unsupported;
    getOperation().walk([&](Operation *op) {
      if (auto unknown = dyn_cast<OperatorOp>(op); unknown && isCustomOp(unknown, *customOps))
        op->setAttr(kCustomOpAttr, UnitAttr::get(&getContext()));
      if (auto objection = getObjection(op))
        unsupported.add(getTorchName(op), op->getLoc(), *objection);
    });
    if (failed(unsupported.report()))
      signalPassFailure();
  }
};
} // namespace
