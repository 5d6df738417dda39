//===- SourceLocations.cpp - frames of the user's Python as MLIR locations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SourceLocations.h"

#include "torchc/Support/UserLocation.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace torchc;

Location torchc::getLocation(const CapturedNode &node, MLIRContext *context) {
  Location location = UnknownLoc::get(context);
  bool isOutermost = true;
  for (const SourceFrame &frame : node.frames) {
    Location line = FileLineColLoc::get(context, frame.file, static_cast<unsigned>(frame.line), 0);
    location = isOutermost ? line : Location(CallSiteLoc::get(line, location));
    isOutermost = false;
  }
  if (!node.name.empty())
    location = NameLoc::get(StringAttr::get(context, node.name), location);
  return getOpLocation(getTorchName(node.target), location);
}
