//===- VerifyDebugInfo.cpp - checks where code comes from -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleFile.h"

namespace torchc::runtime {

static Status invalid(const char *problem) {
  return Status::error(StatusCode::InvalidModule, "the debug info is not valid: %s", problem);
}

static Status verifyLocations(const ModuleFile &module, const schema::DebugInfo &debug) {
  const schema::Location *previous = nullptr;
  for (const schema::Location *location : *debug.locations()) {
    if (location->instruction() >= module.code.size() ||
        (previous && location->instruction() <= previous->instruction()))
      return invalid("its locations are not in the order of the code");
    if (location->text() >= debug.texts()->size())
      return invalid("a location names a text that is not there");
    previous = location;
  }
  return {};
}

static Status verifySources(const ModuleFile &module, const schema::DebugInfo &debug) {
  const uint32_t sourceCount = debug.sources() ? debug.sources()->size() : 0;
  for (uint32_t i = 0; i < sourceCount; ++i) {
    const schema::Source &source = *debug.sources()->Get(i);
    if (source.op() >= debug.texts()->size() || source.location() >= debug.texts()->size())
      return invalid("a source names a text that is not there");
  }
  const uint32_t dispatchCount = debug.dispatches() ? debug.dispatches()->size() : 0;
  for (uint32_t i = 0; i < dispatchCount; ++i) {
    const schema::DispatchSources &entry = *debug.dispatches()->Get(i);
    if (i > 0 && entry.instruction() <= debug.dispatches()->Get(i - 1)->instruction())
      return invalid("its dispatches are not in the order of the code");
    if (entry.instruction() >= module.code.size() ||
        Opcode(module.code[entry.instruction()].opcode) != Opcode::Dispatch)
      return invalid("it has sources for an instruction that dispatches nothing");
    if (entry.count() == 0 || entry.first() >= sourceCount || entry.count() > sourceCount - entry.first())
      return invalid("a dispatch names sources that are not there");
  }
  return {};
}

Status verifyDebugInfo(ModuleFile &module) {
  if (module.debugInfo.empty())
    return {};
  if (module.debugInfo.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) // The verifier asserts it.
    return invalid("it is larger than a flatbuffer can be");
  flatbuffers::Verifier verifier(module.debugInfo.data(), module.debugInfo.size());
  if (module.debugInfo.size() < 8 || !verifier.VerifyBuffer<schema::DebugInfo>(nullptr))
    return invalid("it is no flatbuffer of its kind");
  const auto *debug = flatbuffers::GetRoot<schema::DebugInfo>(module.debugInfo.data());
  TORCHC_RETURN_IF_ERROR(verifyLocations(module, *debug));
  TORCHC_RETURN_IF_ERROR(verifySources(module, *debug));
  module.debug = debug;
  return {};
}

} // namespace torchc::runtime
