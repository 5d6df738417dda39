//===- Parameters.h - weights that lie outside of a program -----*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_PARAMETERS_H
#define TORCHC_RUNTIME_PARAMETERS_H

#include "torchc/runtime/Tensor.h"

#include <string_view>

namespace torchc::runtime {

struct ParametersImpl;

/// Tensors by scope and key, for the parameters that programs ask for. Any number of
/// sessions may use them at the same time, and share their memory; adding is for one
/// thread, before that. Sessions keep the tensors that they use.
class Parameters {
public:
  /// None. Errors: ResourceExhausted.
  static Result<Parameters> create();

  Parameters(Parameters &&other) noexcept : impl(std::exchange(other.impl, nullptr)) {}
  Parameters &operator=(Parameters &&other) noexcept {
    std::swap(impl, other.impl);
    return *this;
  }
  ~Parameters();

  /// Every tensor of a safetensors file, which is mapped and must not change while it
  /// is in use. Nothing is added on error.
  /// Errors: Io; InvalidArgument for what is not such a file or for a name that the
  /// scope already has; ResourceExhausted.
  Status addFile(std::string_view scope, const char *path);

  /// A tensor; its elements stay where they are. Errors: as above.
  Status add(std::string_view scope, std::string_view key, const Tensor &tensor);

  /// nullptr if there is none.
  const Tensor *find(std::string_view scope, std::string_view key) const;
  bool hasScope(std::string_view scope) const;

private:
  explicit Parameters(ParametersImpl *impl) : impl(impl) {}
  ParametersImpl *impl;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_PARAMETERS_H
