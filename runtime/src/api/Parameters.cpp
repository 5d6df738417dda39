//===- Parameters.cpp - weights that lie outside of a program -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Parameters.h"

#include "base/Shared.h"
#include "io/Safetensors.h"

#include <algorithm>

namespace torchc::runtime {

namespace {

/// The tensors of a scope, in the order of their names.
struct Scope {
  Text name;
  Array<NamedTensor> tensors;
};

bool isBefore(const NamedTensor &tensor, std::string_view key) { return tensor.name.get() < key; }

} // namespace

struct ParametersImpl : Shared<ParametersImpl> {
  Scope *findScope(std::string_view name) {
    for (Scope &scope : scopes)
      if (scope.name.get() == name)
        return &scope;
    return nullptr;
  }

  /// All of `tensors`, or on error none.
  Status add(std::string_view name, Array<NamedTensor> tensors) {
    Scope *scope = findScope(name);
    if (!scope) {
      Scope added;
      if (!added.name.append(name) || !scopes.push(std::move(added)))
        return Status::outOfMemory();
      scope = &scopes[scopes.size() - 1];
    }
    Array<NamedTensor> &old = scope->tensors;
    for (const NamedTensor &tensor : tensors) {
      const NamedTensor *found = std::lower_bound(old.begin(), old.end(), tensor.name.get(), isBefore);
      if (found != old.end() && found->name.get() == tensor.name.get())
        return Status::error(StatusCode::InvalidArgument, "parameter '%s::%s' is there twice", scope->name.c_str(),
                             tensor.name.c_str());
    }
    const size_t count = old.size();
    if (!old.resize(count + tensors.size()))
      return Status::outOfMemory();
    for (size_t i = 0; i < tensors.size(); ++i)
      old[count + i] = std::move(tensors[i]);
    std::sort(old.begin(), old.end(),
              [](const NamedTensor &a, const NamedTensor &b) { return a.name.get() < b.name.get(); });
    return {};
  }

  Array<Scope> scopes;
};

Result<Parameters> Parameters::create() {
  Parameters parameters(ParametersImpl::create());
  if (!parameters.impl)
    return Status::outOfMemory();
  return parameters;
}

Parameters::~Parameters() {
  if (impl)
    impl->drop();
}

Status Parameters::addFile(std::string_view scope, const char *path) {
  TORCHC_ASSIGN_OR_RETURN(Array<NamedTensor> tensors, mapSafetensors(path));
  return impl->add(scope, std::move(tensors));
}

Status Parameters::add(std::string_view scope, std::string_view key, const Tensor &tensor) {
  if (tensor.isNull())
    return Status::error(StatusCode::InvalidArgument, "parameter '%.*s::%.*s' is no tensor", int(scope.size()),
                         scope.data(), int(key.size()), key.data());
  NamedTensor named{Text(), tensor.asReadOnly()};
  Array<NamedTensor> tensors;
  if (!named.name.append(key) || !tensors.push(std::move(named)))
    return Status::outOfMemory();
  return impl->add(scope, std::move(tensors));
}

const Tensor *Parameters::find(std::string_view name, std::string_view key) const {
  const Scope *scope = impl->findScope(name);
  if (!scope)
    return nullptr;
  const auto *found = std::lower_bound(scope->tensors.begin(), scope->tensors.end(), key, isBefore);
  return found != scope->tensors.end() && found->name.get() == key ? &found->tensor : nullptr;
}

bool Parameters::hasScope(std::string_view scope) const { return impl->findScope(scope) != nullptr; }

} // namespace torchc::runtime
