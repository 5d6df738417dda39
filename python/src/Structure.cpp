//===- Structure.cpp - nested values of Python ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Structure.h"

namespace nb = nanobind;
using namespace torchc;

Structure::Structure(nb::handle description) {
  if (description.is_none())
    return;
  auto node = nb::cast<nb::tuple>(description);
  PyObject *type = node[0].ptr();
  if (type == reinterpret_cast<PyObject *>(&PyTuple_Type))
    kind = Kind::Tuple;
  else if (type == reinterpret_cast<PyObject *>(&PyList_Type))
    kind = Kind::List;
  else if (type == reinterpret_cast<PyObject *>(&PyDict_Type))
    kind = Kind::Dict;
  else
    throw nb::type_error("a structure of tuples, lists and dicts");
  if (kind == Kind::Dict)
    for (nb::handle key : nb::cast<nb::sequence>(node[1]))
      keys.push_back(nb::borrow(key));
  leafCount = 0;
  for (nb::handle child : nb::cast<nb::sequence>(node[2]))
    leafCount += children.emplace_back(child).leafCount;
}

bool Structure::flatten(PyObject *value, std::vector<PyObject *> &leaves) const {
  if (kind == Kind::Leaf) {
    leaves.push_back(value);
    return true;
  }
  if (kind == Kind::Dict) {
    if (!PyDict_CheckExact(value) || static_cast<size_t>(PyDict_Size(value)) != children.size())
      return false;
    for (size_t i = 0; i < children.size(); ++i) {
      PyObject *element = PyDict_GetItemWithError(value, keys[i].ptr());
      if (!element && PyErr_Occurred())
        throw nb::python_error();
      if (!element || !children[i].flatten(element, leaves))
        return false;
    }
    return true;
  }
  const bool isKind = kind == Kind::Tuple ? PyTuple_CheckExact(value) : PyList_CheckExact(value);
  if (!isKind || static_cast<size_t>(PySequence_Fast_GET_SIZE(value)) != children.size())
    return false;
  for (size_t i = 0; i < children.size(); ++i)
    if (!children[i].flatten(PySequence_Fast_GET_ITEM(value, i), leaves))
      return false;
  return true;
}

nb::object Structure::unflatten(std::span<const nb::object> leaves) const {
  if (kind == Kind::Leaf)
    return leaves.front();
  const auto size = static_cast<Py_ssize_t>(children.size());
  nb::object result = nb::steal(kind == Kind::Dict    ? PyDict_New()
                                : kind == Kind::Tuple ? PyTuple_New(size)
                                                      : PyList_New(size));
  if (!result.is_valid())
    throw nb::python_error();
  for (Py_ssize_t i = 0; i < size; ++i) {
    const Structure &child = children[i];
    nb::object element = child.unflatten(leaves.first(child.leafCount));
    leaves = leaves.subspan(child.leafCount);
    if (kind == Kind::Tuple)
      PyTuple_SET_ITEM(result.ptr(), i, element.release().ptr());
    else if (kind == Kind::List)
      PyList_SET_ITEM(result.ptr(), i, element.release().ptr());
    else if (PyDict_SetItem(result.ptr(), keys[i].ptr(), element.ptr()) != 0)
      throw nb::python_error();
  }
  return result;
}
