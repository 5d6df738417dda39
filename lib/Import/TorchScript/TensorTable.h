//===- TensorTable.h - real tensors of a model, by storage ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_TENSORTABLE_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_TENSORTABLE_H

#include "torchc/Import/CapturedProgram.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <map>

namespace torchc::torchscript {

/// The parameters, buffers and constants that a model uses. Tensors over the
/// same bytes with the same type, sizes and strides are one entry, so tied
/// weights stay tied.
class TensorTable {
public:
  struct Entry {
    std::string name; ///< Fully qualified, such as "layer1.0.weight".
    InputSpec::Kind kind;
    at::Tensor tensor;
    /// The model writes it: its value must not be computed with here.
    bool isState = false;
  };

  /// Takes the tensors that the attributes of `module` hold.
  explicit TensorTable(const torch::jit::Module &module);

  /// The index of the entry of `tensor`, which becomes a constant if it is new.
  size_t getIndex(const at::Tensor &tensor);

  Entry &operator[](size_t index) { return entries[index]; }
  const Entry &operator[](size_t index) const { return entries[index]; }
  size_t size() const { return entries.size(); }

  /// Forgets the constants that a trace has added.
  void dropConstants();

  /// Another entry over the same storage, if there is one.
  const Entry *findAlias(size_t index) const;

  /// The entry as the program carries it; it keeps the storage alive.
  StoredTensor makeStoredTensor(size_t index) const;

private:
  struct Key {
    const void *storage;
    int8_t dtype;
    int64_t offset;
    std::vector<int64_t> sizes, strides;
    auto operator<=>(const Key &) const = default;
  };
  static Key makeKey(const at::Tensor &tensor);
  void add(std::string name, InputSpec::Kind kind, const at::Tensor &tensor);
  void addAttribute(const std::string &name, InputSpec::Kind kind, const c10::IValue &value);

  std::vector<Entry> entries;
  std::map<Key, size_t> indices;
  size_t attributeCount = 0;
};

/// Sizes, strides and element type of `tensor`.
TensorMeta makeTensorMeta(const at::Tensor &tensor);

/// Element type as torchc's; throws for those torchc does not know.
ScalarType convertScalarType(c10::ScalarType type);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_TENSORTABLE_H
