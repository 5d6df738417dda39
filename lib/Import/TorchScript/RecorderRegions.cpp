//===- RecorderRegions.cpp - writes across control flow while tracing -----===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A write in a branch must not be seen by the other branch, and after both it
// is a result of the region. So the content of a storage is put back when the
// branch is over, and set to the region's result in the end.
//
//===----------------------------------------------------------------------===//

#include "CaptureError.h"
#include "Recorder.h"

#include <ATen/FunctionalTensorWrapper.h>

using namespace torchc;
using namespace torchc::torchscript;
namespace functional = at::functionalization::impl;

static const void *getStorage(const at::Tensor &wrapped) {
  return wrapped.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl();
}

void Recorder::noteWrapper(const at::Tensor &wrapped) {
  storages.try_emplace(getStorage(wrapped), Storage{wrapped, regions.size() - 1});
  wrappers.emplace_back(wrapped.getIntrusivePtr());
}

void Recorder::noteResults(const torch::jit::Stack &stack, size_t count) {
  for (size_t i = stack.size() - count; i < stack.size(); ++i)
    forEachTensor(stack[i], [&](const at::Tensor &tensor) {
      if (functional::isFunctionalTensor(tensor))
        noteWrapper(tensor);
    });
}

void Recorder::noteWrites(const c10::OperatorHandle &op, const torch::jit::Stack &stack) {
  if (!op.schema().is_mutable())
    return;
  const auto &formals = op.schema().arguments();
  for (size_t i = 0; i < formals.size(); ++i) {
    if (!formals[i].alias_info() || !formals[i].alias_info()->isWrite())
      continue;
    forEachTensor(stack[stack.size() - formals.size() + i], [&](const at::Tensor &tensor) { noteWrite(tensor); });
  }
}

void Recorder::noteWrite(const at::Tensor &wrapped) {
  const void *storage = getStorage(wrapped);
  if (uncertainStorages.count(storage))
    throw unsupported("unsupported write in place: the tensor may share memory "
                      "with the result of a condition or loop on data");
  auto it = storages.find(storage);
  if (it == storages.end() || it->second.depth >= regions.size() - 1 || writes.count(storage))
    return;
  const at::Tensor &base = it->second.base;
  writes[storage] = {base, functional::from_functional_tensor(base)};
}

void Recorder::openRegion(CapturedGraph &region) {
  // What is pending now belongs to the region outside.
  std::vector<c10::weak_intrusive_ptr<c10::TensorImpl>> alive;
  for (auto &weak : wrappers)
    if (auto impl = weak.lock()) {
      functional::sync(at::Tensor(impl));
      alive.push_back(std::move(weak));
    }
  wrappers = std::move(alive);
  regions.push_back(&region);
}

void Recorder::overwrite(const at::Tensor &base, const at::Tensor &inner) {
  functional::replace_(base, inner);
  functional::commit_update(base);
  functional::sync(base);
}

bool Recorder::isFromOutside(const at::Tensor &wrapped) const {
  auto it = storages.find(getStorage(wrapped));
  return it != storages.end() && it->second.depth < regions.size();
}

void Recorder::forbidWrites(const at::Tensor &wrapped) { uncertainStorages.insert(getStorage(wrapped)); }

void Recorder::markFromOutside(const at::Tensor &wrapped) {
  storages.at(getStorage(wrapped)).depth = regions.size() - 2;
}
