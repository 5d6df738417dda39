//===- UserLocation.cpp - the user's source line behind a location ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/UserLocation.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace torchc;

/// Appends the frames of `loc`, innermost first.
static void collectFrames(Location loc, SmallVectorImpl<FileLineColLoc> &frames) {
  llvm::TypeSwitch<LocationAttr>(loc)
      .Case<FileLineColLoc>([&](FileLineColLoc frame) { frames.push_back(frame); })
      .Case<NameLoc>([&](NameLoc name) { collectFrames(name.getChildLoc(), frames); })
      .Case<CallSiteLoc>([&](CallSiteLoc call) {
        collectFrames(call.getCallee(), frames);
        collectFrames(call.getCaller(), frames);
      })
      .Case<FusedLoc>([&](FusedLoc fused) {
        for (Location part : fused.getLocations())
          collectFrames(part, frames);
      });
}

static bool isInsideTorch(FileLineColLoc frame) {
  return frame.getFilename().getValue().contains("site-packages/torch/");
}

Location torchc::getUserLocation(Location loc) {
  SmallVector<FileLineColLoc> frames;
  collectFrames(loc, frames);
  for (FileLineColLoc frame : frames)
    if (!isInsideTorch(frame))
      return frame;
  return frames.empty() ? loc : Location(frames.front());
}
