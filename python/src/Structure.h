//===- Structure.h - nested values of Python ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a function takes and gives its values: leaves in tuples, lists and dicts.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PYTHON_SRC_STRUCTURE_H
#define TORCHC_PYTHON_SRC_STRUCTURE_H

#include <nanobind/nanobind.h>

#include <span>
#include <vector>

namespace torchc {

/// The type of a nested value. All methods need the GIL.
class Structure {
public:
  /// Of `torchc.pytree.Spec.describe`: None is a leaf, another one (type, keys, children), where only a dict has
  /// keys. Raises TypeError for other types.
  explicit Structure(nanobind::handle description);

  size_t getLeafCount() const { return leafCount; }

  /// Appends the leaves of `value`, which owns them. False where it is another structure, or one of subclasses.
  bool flatten(PyObject *value, std::vector<PyObject *> &leaves) const;

  /// The nested value of as many leaves as there are.
  nanobind::object unflatten(std::span<const nanobind::object> leaves) const;

private:
  enum class Kind { Leaf, Tuple, List, Dict };

  Kind kind = Kind::Leaf;
  size_t leafCount = 1;
  std::vector<nanobind::object> keys; ///< Of a dict; one for each child.
  std::vector<Structure> children;
};

} // namespace torchc

#endif // TORCHC_PYTHON_SRC_STRUCTURE_H
