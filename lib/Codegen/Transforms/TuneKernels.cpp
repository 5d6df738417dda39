//===- TuneKernels.cpp - parameters of strategies, from a file ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/Passes.h"
#include "torchc/Codegen/Strategy.h"

#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

namespace torchc {
#define GEN_PASS_DEF_TUNEKERNELS
#include "torchc/Codegen/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {
class TuneKernels : public torchc::impl::TuneKernelsBase<TuneKernels> {
public:
  using TuneKernelsBase::TuneKernelsBase;
  void runOnOperation() override {
    if (failed(tune()))
      signalPassFailure();
  }

private:
  InFlightDiagnostic error() { return getOperation().emitError() << file << ": "; }
  LogicalResult tune();
  LogicalResult tune(StringRef pattern, const llvm::json::Value &parameters);
};
} // namespace

LogicalResult TuneKernels::tune() {
  auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/true);
  if (!buffer)
    return error() << buffer.getError().message();
  llvm::Expected<llvm::json::Value> document = llvm::json::parse((*buffer)->getBuffer());
  if (!document)
    return error() << llvm::toString(document.takeError());
  const llvm::json::Object *entries = document->getAsObject();
  if (!entries)
    return error() << "expected an object of kernels";
  for (const auto &[pattern, parameters] : *entries)
    if (failed(tune(pattern, parameters)))
      return failure();
  return success();
}

LogicalResult TuneKernels::tune(StringRef pattern, const llvm::json::Value &parameters) {
  llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(pattern);
  if (!glob)
    return error() << llvm::toString(glob.takeError());
  const llvm::json::Object *entries = parameters.getAsObject();
  if (!entries)
    return error() << "expected an object of parameters for '" << pattern << "'";
  Builder b(&getContext());
  NamedAttrList attributes;
  for (const auto &[name, value] : *entries) {
    std::optional<int64_t> number = value.getAsInteger();
    if (!number || *number < 1)
      return error() << "expected a positive number for '" << StringRef(name) << "' of '" << pattern << "'";
    attributes.set(StringRef(name), b.getI64IntegerAttr(*number));
  }
  bool isFound = false;
  for (auto kernel : getOperation().getOps<dispatch::KernelOp>()) {
    if (!glob->match(kernel.getSymName()))
      continue;
    isFound = true;
    if (kernel->hasAttr(kParametersAttrName))
      return error() << "two patterns fit the kernel @" << kernel.getSymName();
    kernel->setAttr(kParametersAttrName, attributes.getDictionary(&getContext()));
  }
  return isFound ? success() : error() << "no kernel is called '" << pattern << "' (see --emit=dispatch)";
}
