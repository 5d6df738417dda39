//===- State.cpp - the values that a session keeps between calls ----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "api/SessionImpl.h"
#include "io/Safetensors.h"

namespace torchc::runtime {

namespace {

const schema::Global &getGlobal(const SessionImpl &session, unsigned ordinal) {
  return *session.getModule().globals()->Get(ordinal);
}

Result<unsigned> findState(const SessionImpl &session, std::string_view name) {
  const auto &globals = *session.getModule().globals();
  for (unsigned i = 0; i < globals.size(); ++i)
    if (globals.Get(i)->mutable_() && globals.Get(i)->name()->string_view() == name)
      return i;
  return Status::error(StatusCode::InvalidArgument, "the program has no state '%.*s'", int(name.size()), name.data());
}

Status save(SessionImpl &session, const char *path) {
  Array<NamedTensor> tensors;
  for (unsigned i = 0; i < session.getModule().globals()->size(); ++i) {
    if (!getGlobal(session, i).mutable_())
      continue;
    NamedTensor named;
    TORCHC_ASSIGN_OR_RETURN(named.tensor, session.machine.viewGlobal(i));
    if (named.tensor.isNull())
      continue; // Has no value yet, and none in the file.
    if (!named.name.append(getGlobal(session, i).name()->string_view()) || !tensors.push(std::move(named)))
      return Status::outOfMemory();
  }
  return writeSafetensors(path, {tensors.data(), tensors.size()});
}

Status load(SessionImpl &session, const char *path) {
  TORCHC_ASSIGN_OR_RETURN(const Array<NamedTensor> tensors, mapSafetensors(path));
  auto fail = [&](const char *what, std::string_view name) {
    return Status::error(StatusCode::InvalidArgument, "%s: %s '%.*s'", path, what, int(name.size()), name.data());
  };
  // First everything is checked, so that an error leaves the state as it was.
  Array<unsigned> ordinals;
  for (const NamedTensor &named : tensors) {
    auto ordinal = findState(session, named.name.get());
    if (!ordinal.isOk())
      return fail("the program has no state", named.name.get());
    if (const Status status = session.machine.checkGlobal(*ordinal, named.tensor); !status.isOk())
      return Status::error(status.getCode(), "%s: %s", path, status.getMessage());
    if (!ordinals.push(*ordinal))
      return Status::outOfMemory();
  }
  for (unsigned i = 0; i < session.getModule().globals()->size(); ++i) {
    TORCHC_ASSIGN_OR_RETURN(const Tensor value, session.machine.viewGlobal(i));
    bool isGiven = false;
    for (unsigned ordinal : ordinals)
      isGiven |= ordinal == i;
    if (getGlobal(session, i).mutable_() && !value.isNull() && !isGiven)
      return fail("there is no state", getGlobal(session, i).name()->string_view());
  }
  for (size_t i = 0; i < tensors.size(); ++i)
    TORCHC_RETURN_IF_ERROR(session.machine.assignGlobal(ordinals[i], tensors[i].tensor));
  return {};
}

} // namespace

Status Session::reset() {
  return impl->exclusively([&] { return impl->machine.resetGlobals(); });
}

Result<Tensor> Session::getState(std::string_view name) {
  Tensor copy;
  TORCHC_RETURN_IF_ERROR(impl->exclusively([&]() -> Status {
    TORCHC_ASSIGN_OR_RETURN(const unsigned ordinal, findState(*impl, name));
    TORCHC_ASSIGN_OR_RETURN(const Tensor value, impl->machine.viewGlobal(ordinal));
    if (value.isNull())
      return Status::error(StatusCode::InvalidArgument, "the state '%.*s' has no value yet", int(name.size()),
                           name.data());
    TORCHC_ASSIGN_OR_RETURN(copy, Tensor::allocate(value.getElementType(), value.getDims()));
    if (value.getByteLength() != 0)
      std::memcpy(copy.getMutableData(), value.getData(), value.getByteLength());
    return {};
  }));
  return copy;
}

Status Session::setState(std::string_view name, const Tensor &value) {
  return impl->exclusively([&]() -> Status {
    TORCHC_ASSIGN_OR_RETURN(const unsigned ordinal, findState(*impl, name));
    TORCHC_RETURN_IF_ERROR(impl->machine.checkGlobal(ordinal, value));
    return impl->machine.assignGlobal(ordinal, value);
  });
}

Status Session::saveState(const char *path) {
  return impl->exclusively([&] { return save(*impl, path); });
}

Status Session::loadState(const char *path) {
  return impl->exclusively([&] { return load(*impl, path); });
}

} // namespace torchc::runtime
