//===- TensorTable.cpp - real tensors of a model, by storage --------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorTable.h"
#include "CaptureError.h"

using namespace torchc;
using namespace torchc::torchscript;

ScalarType torchscript::convertScalarType(c10::ScalarType type) {
  auto converted = static_cast<ScalarType>(type);
  switch (converted) {
  case ScalarType::Byte:
  case ScalarType::Char:
  case ScalarType::Short:
  case ScalarType::Int:
  case ScalarType::Long:
  case ScalarType::Half:
  case ScalarType::Float:
  case ScalarType::Double:
  case ScalarType::ComplexHalf:
  case ScalarType::ComplexFloat:
  case ScalarType::ComplexDouble:
  case ScalarType::Bool:
  case ScalarType::QInt8:
  case ScalarType::QUInt8:
  case ScalarType::QInt32:
  case ScalarType::BFloat16:
  case ScalarType::Float8_e5m2:
  case ScalarType::Float8_e4m3fn:
  case ScalarType::UInt16:
  case ScalarType::UInt32:
  case ScalarType::UInt64: return converted;
  }
  throw unsupported(std::string("unsupported element type ") + c10::toString(type));
}

TensorMeta torchscript::makeTensorMeta(const at::Tensor &tensor) {
  TensorMeta meta;
  meta.dtype = convertScalarType(tensor.scalar_type());
  for (int64_t size : tensor.sizes())
    meta.sizes.push_back({size, ""});
  for (int64_t stride : tensor.strides())
    meta.strides.push_back({stride, ""});
  meta.storageOffset = {tensor.storage_offset(), ""};
  return meta;
}

TensorTable::TensorTable(const torch::jit::Module &module) {
  std::map<std::string, InputSpec::Kind> kinds;
  for (const auto &named : module.named_parameters())
    kinds[named.name] = InputSpec::Kind::Parameter;
  for (const auto &named : module.named_buffers())
    kinds[named.name] = InputSpec::Kind::Buffer;
  for (const auto &named : module.named_attributes()) {
    auto it = kinds.find(named.name);
    // A tensor attribute that is not registered can be assigned all the same.
    addAttribute(named.name, it == kinds.end() ? InputSpec::Kind::Buffer : it->second, named.value);
  }
  attributeCount = entries.size();
}

void TensorTable::addAttribute(const std::string &name, InputSpec::Kind kind, const c10::IValue &value) {
  auto member = [&](const std::string &key) { return name + "." + key; };
  if (value.isTensor()) {
    if (value.toTensor().defined())
      add(name, kind, value.toTensor());
  } else if (value.isList() || value.isTuple()) {
    size_t index = 0;
    for (const c10::IValue &element :
         value.isList() ? value.toListRef() : c10::ArrayRef<c10::IValue>(value.toTupleRef().elements()))
      addAttribute(member(std::to_string(index++)), kind, element);
  } else if (value.isGenericDict()) {
    for (const auto &item : value.toGenericDict()) {
      std::ostringstream key;
      if (item.key().isString())
        key << item.key().toStringRef();
      else
        key << item.key();
      addAttribute(member(key.str()), kind, item.value());
    }
  }
}

TensorTable::Key TensorTable::makeKey(const at::Tensor &tensor) {
  return {tensor.storage().unsafeGetStorageImpl(), static_cast<int8_t>(tensor.scalar_type()), tensor.storage_offset(),
          tensor.sizes().vec(), tensor.strides().vec()};
}

void TensorTable::add(std::string name, InputSpec::Kind kind, const at::Tensor &tensor) {
  if (tensor.layout() != c10::Layout::Strided)
    throw unsupported("the tensor '" + name + "' is not strided but " +
                      (std::ostringstream() << tensor.layout()).str());
  if (tensor.is_quantized())
    throw unsupported("the tensor '" + name + "' is quantized");
  if (!tensor.device().is_cpu())
    throw unsupported("the tensor '" + name + "' is on device " + tensor.device().str());
  if (tensor.is_conj() || tensor.is_neg())
    throw unsupported("the tensor '" + name + "' is a lazy conjugate");
  convertScalarType(tensor.scalar_type());
  if (indices.emplace(makeKey(tensor), entries.size()).second)
    entries.push_back({std::move(name), kind, tensor});
}

size_t TensorTable::getIndex(const at::Tensor &tensor) {
  if (tensor.layout() == c10::Layout::Strided)
    if (auto it = indices.find(makeKey(tensor)); it != indices.end())
      return it->second;
  add("constant_" + std::to_string(entries.size() - attributeCount), InputSpec::Kind::Constant, tensor);
  return entries.size() - 1;
}

void TensorTable::dropConstants() {
  for (size_t i = attributeCount; i < entries.size(); ++i)
    indices.erase(makeKey(entries[i].tensor));
  entries.resize(attributeCount);
}

const TensorTable::Entry *TensorTable::findAlias(size_t index) const {
  for (size_t i = 0; i < entries.size(); ++i)
    if (i != index && entries[i].tensor.is_alias_of(entries[index].tensor))
      return &entries[i];
  return nullptr;
}

StoredTensor TensorTable::makeStoredTensor(size_t index) const {
  const Entry &entry = entries[index];
  StoredTensor stored;
  stored.name = entry.name;
  stored.meta = makeTensorMeta(entry.tensor);
  auto *storage = new c10::Storage(entry.tensor.storage());
  stored.owner =
      std::shared_ptr<const void>(storage, [](const void *p) { delete static_cast<const c10::Storage *>(p); });
  stored.data = static_cast<const uint8_t *>(storage->data());
  stored.storageBytes = storage->nbytes();
  return stored;
}
