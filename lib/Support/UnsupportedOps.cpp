//===- UnsupportedOps.cpp - names all ops that a stage cannot take ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/UnsupportedOps.h"
#include "torchc/Support/UserLocation.h"

using namespace mlir;
using namespace torchc;

/// What marks a diagnostic as one of an unsupported op.
static constexpr llvm::StringLiteral kMark = "unsupported-op";

void UnsupportedOps::add(StringRef name, Location location, const Twine &reason) {
  std::string text = reason.str();
  auto [place, isNew] = places.try_emplace((name + "\n" + text).str(), uses.size());
  if (isNew)
    uses.push_back({name.str(), std::move(text), location, 0});
  ++uses[place->second].count;
}

InFlightDiagnostic torchc::emitUnsupportedOp(StringRef name, Location location, unsigned count) {
  InFlightDiagnostic error = emitError(getUserLocation(location));
  error.getUnderlyingDiagnostic()->getMetadata().push_back(DiagnosticArgument(StringRef(kMark)));
  error << "unsupported op " << name << " (x" << count << ")";
  return error;
}

LogicalResult UnsupportedOps::report() const {
  for (const Use &use : uses) {
    InFlightDiagnostic error = emitUnsupportedOp(use.name, use.first, use.count);
    if (!use.reason.empty())
      error << ": " << use.reason;
  }
  return success(uses.empty());
}

bool torchc::isUnsupportedOp(Diagnostic &diagnostic) {
  return llvm::any_of(diagnostic.getMetadata(), [](const DiagnosticArgument &argument) {
    return argument.getKind() == DiagnosticArgument::DiagnosticArgumentKind::String && argument.getAsString() == kMark;
  });
}
