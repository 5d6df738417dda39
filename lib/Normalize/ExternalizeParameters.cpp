//===- ExternalizeParameters.cpp - leaves parameters to the run ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Normalize/Passes.h"

#include "torchc/Support/HostProvided.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace torchc {
#define GEN_PASS_DEF_EXTERNALIZEPARAMETERS
#include "torchc/Normalize/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {
struct ExternalizeParameters : public torchc::impl::ExternalizeParametersBase<ExternalizeParameters> {
  using ExternalizeParametersBase::ExternalizeParametersBase;
  void runOnOperation() override {
    auto name = StringAttr::get(&getContext(), scope);
    for (auto global : getOperation().getOps<ml_program::GlobalOp>())
      if (!global.getIsMutable() && isa_and_present<ml_program::ExternAttr>(global.getValueAttr()) &&
          !global->hasAttr(kCodeConstantAttr))
        global->setAttr(kParameterAttr, name);
  }
};
} // namespace
