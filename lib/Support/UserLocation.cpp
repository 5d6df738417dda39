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

std::string torchc::getTorchName(StringRef name) {
  bool hasOverload = name.count('.') > 1;
  return hasOverload || !name.starts_with("aten.") ? name.str() : (name + ".default").str();
}

Location torchc::getOpLocation(StringRef op, Location loc) {
  MLIRContext *context = loc.getContext();
  return FusedLoc::get(context, {loc}, StringAttr::get(context, op));
}

/// "model.py:27", or nothing.
static std::string describe(Location loc) {
  auto frame = dyn_cast<FileLineColLoc>(getUserLocation(loc));
  return frame ? (frame.getFilename().getValue() + ":" + Twine(frame.getLine())).str() : "";
}

static void collectSources(Location loc, SmallVectorImpl<OpSource> &sources) {
  auto add = [&](OpSource source) {
    if (!llvm::is_contained(sources, source))
      sources.push_back(std::move(source));
  };
  auto fused = dyn_cast<FusedLoc>(loc);
  auto op = fused ? dyn_cast_or_null<StringAttr>(fused.getMetadata()) : nullptr;
  if (op)
    add({op.getValue(), describe(loc)});
  else if (fused)
    for (Location part : fused.getLocations())
      collectSources(part, sources);
  else if (std::string place = describe(loc); !place.empty())
    add({"", std::move(place)});
}

SmallVector<OpSource> torchc::getOpSources(Location loc) {
  SmallVector<OpSource> sources;
  collectSources(loc, sources);
  return sources;
}
