//===- TorchTensors.h - torch tensors without libtorch --------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// torch.Tensor has a table of C functions for DLPack, `__dlpack_c_exchange_api__`
// (DLPack 1.3, DLPackExchangeAPI): a tensor goes either way in well under a
// microsecond, and no header of torch is needed.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PYTHON_SRC_TORCHTENSORS_H
#define TORCHC_PYTHON_SRC_TORCHTENSORS_H

#include "torchc/runtime/Tensor.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace torchc {

/// The torch of this process, if it was imported. All methods need the GIL.
class TorchTensors {
public:
  static TorchTensors &get();

  /// Takes torch.Tensor, torch.nn.Parameter and torch.from_dlpack.
  void use(nanobind::object tensorType, nanobind::object parameterType, nanobind::object fromDlpack);
  void reset();
  /// Older torches have no table: their tensors go the way of other arrays.
  bool hasTable() const { return table != nullptr; }

  /// Whether `value` is just of one of the two types: a subclass may be anything.
  bool isTensor(PyObject *value) const {
    return hasTable() &&
           (Py_TYPE(value) == (PyTypeObject *)tensor.ptr() || Py_TYPE(value) == (PyTypeObject *)parameter.ptr());
  }

  /// Whether it is a torch tensor of any kind.
  bool isInstance(PyObject *value) const { return tensor.is_valid() && PyObject_IsInstance(value, tensor.ptr()) == 1; }

  /// A tensor on the memory of a dense, contiguous CPU tensor, which it keeps alive. False
  /// for another one.
  bool borrow(PyObject *value, runtime::Tensor &result) const;

  /// A torch tensor on the memory of `tensor`, which it keeps alive. Raises TypeError for
  /// element types that torch lacks.
  nanobind::object give(runtime::Tensor tensor) const;
  /// The same of an array, by Python's DLPack.
  nanobind::object convert(nanobind::object array) const { return fromDlpack(array); }

private:
  struct ExchangeTable;
  const ExchangeTable *table = nullptr;
  nanobind::object tensor, parameter, isNegated, isConjugated, fromDlpack;
};

} // namespace torchc

#endif // TORCHC_PYTHON_SRC_TORCHTENSORS_H
