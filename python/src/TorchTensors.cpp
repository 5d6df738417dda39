//===- TorchTensors.cpp - torch tensors without libtorch ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TorchTensors.h"

#include "DlpackTypes.h"

#include <algorithm>
#include <memory>
#include <span>

namespace nb = nanobind;
using namespace torchc;
using namespace torchc::runtime;

//===----------------------------------------------------------------------===//
// DLPack 1.3
//===----------------------------------------------------------------------===//

namespace {
struct Version {
  uint32_t major, minor;
};
using DLTensor = nb::dlpack::dltensor;

struct ManagedTensor {
  Version version;
  void *context;
  void (*deleter)(ManagedTensor *self);
  uint64_t flags;
  DLTensor tensor;
};
} // namespace

struct TorchTensors::ExchangeTable {
  Version version;
  const ExchangeTable *previous;
  void *allocate;
  void *fromObject;
  int (*toObject)(ManagedTensor *tensor, void **object);
  int (*viewObject)(void *object, DLTensor *tensor);
  void *getStream;
};

//===----------------------------------------------------------------------===//
// TorchTensors
//===----------------------------------------------------------------------===//

TorchTensors &TorchTensors::get() {
  static TorchTensors instance;
  return instance;
}

void TorchTensors::use(nb::object tensorType, nb::object parameterType, nb::object fromDlpackFunction) {
  tensor = tensorType;
  parameter = parameterType;
  fromDlpack = fromDlpackFunction;
  nb::object capsule = nb::getattr(tensorType, "__dlpack_c_exchange_api__", nb::none());
  if (capsule.is_none())
    return;
  auto *found = static_cast<const ExchangeTable *>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!found)
    throw nb::python_error();
  while (found && found->version.major != 1)
    found = found->previous;
  if (!found || !found->viewObject)
    return;
  table = found;
  isNegated = tensorType.attr("is_neg");
  isConjugated = tensorType.attr("is_conj");
}

void TorchTensors::reset() {
  table = nullptr;
  for (nb::object *object : {&tensor, &parameter, &isNegated, &isConjugated, &fromDlpack})
    object->reset();
}

static bool isContiguous(const DLTensor &view) {
  const std::span<const int64_t> shape(view.shape, static_cast<size_t>(view.ndim));
  if (!view.strides || std::ranges::find(shape, 0) != shape.end())
    return true;
  int64_t stride = 1;
  for (int i = view.ndim; i-- != 0;) {
    if (view.shape[i] != 1 && view.strides[i] != stride)
      return false;
    stride *= view.shape[i];
  }
  return true;
}

/// Whether a method of torch.Tensor that takes no argument gives true.
static bool ask(const nb::object &method, PyObject *value) {
  nb::object answer = nb::steal(PyObject_CallOneArg(method.ptr(), value));
  if (!answer.is_valid())
    throw nb::python_error();
  return answer.ptr() == Py_True;
}

bool TorchTensors::borrow(PyObject *value, Tensor &result) const {
  DLTensor view;
  if (table->viewObject(value, &view) != 0) { // Sparse, or a wrapper of another tensor.
    PyErr_Clear();
    return false;
  }
  if (view.device.device_type != nb::device::cpu::value || !isContiguous(view) || ask(isNegated, value))
    return false;
  if (view.dtype.code == static_cast<uint8_t>(DlpackCode::Complex) && ask(isConjugated, value))
    return false;
  Py_INCREF(value);
  auto release = [](void *context) {
    nb::gil_scoped_acquire lock;
    Py_DECREF(static_cast<PyObject *>(context));
  };
  ElementType type = torchc::fromDlpack(view.dtype);
  uint64_t bytes = getElementSize(type);
  for (int i = 0; i < view.ndim; ++i)
    bytes *= static_cast<uint64_t>(view.shape[i]);
  Result<Tensor> borrowed =
      Tensor::borrow(static_cast<uint8_t *>(view.data) + view.byte_offset, bytes, type,
                     {view.shape, static_cast<size_t>(view.ndim)}, Access::ReadOnly, release, value);
  if (!borrowed.isOk()) { // Not aligned to its element, or of too many dimensions.
    Py_DECREF(value);
    return false;
  }
  result = borrowed.take();
  return true;
}

nb::object TorchTensors::give(Tensor given) const {
  struct Owner {
    ManagedTensor managed;
    Tensor tensor;
    int64_t strides[kMaxRank];
  };
  auto owner = std::make_unique<Owner>();
  owner->tensor = std::move(given);
  Tensor &held = owner->tensor;
  int64_t stride = 1;
  for (size_t i = held.getDims().size(); i-- != 0;) {
    owner->strides[i] = stride;
    stride *= held.getDims()[i];
  }
  ManagedTensor &managed = owner->managed;
  managed.version = {1, 0};
  managed.context = owner.get();
  managed.deleter = [](ManagedTensor *self) { delete static_cast<Owner *>(self->context); };
  managed.flags = 0;
  managed.tensor.data = const_cast<uint8_t *>(held.getData());
  managed.tensor.device = {nb::device::cpu::value, 0};
  managed.tensor.ndim = static_cast<int32_t>(held.getDims().size());
  managed.tensor.dtype = toDlpack(held.getElementType());
  managed.tensor.shape = const_cast<int64_t *>(held.getDims().data());
  managed.tensor.strides = owner->strides;
  managed.tensor.byte_offset = 0;
  void *object = nullptr;
  if (table->toObject(&managed, &object) != 0)
    throw nb::python_error();
  owner.release();
  return nb::steal(static_cast<PyObject *>(object));
}
