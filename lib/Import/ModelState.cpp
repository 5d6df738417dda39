//===- ModelState.cpp - parameters, buffers and constants as globals ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelState.h"
#include "ProgramTypes.h"

#include "llvm/Support/MathExtras.h"

#include <map>

using namespace mlir;
using namespace torchc;

/// Where a tensor's elements lie, and how.
static auto getLayoutKey(const StoredTensor &tensor) {
  std::vector<int64_t> layout = {static_cast<int64_t>(tensor.meta.dtype), tensor.meta.storageOffset.value};
  for (const SymInt &size : tensor.meta.sizes)
    layout.push_back(size.value);
  for (const SymInt &stride : tensor.meta.strides)
    layout.push_back(stride.value);
  return std::pair(tensor.data, layout);
}

ModelState::ModelState(const CapturedProgram &program, ModuleOp module) : module(module), builder(module.getContext()) {
  std::map<decltype(getLayoutKey({})), size_t> indexOfLayout;
  for (const StoredTensor &tensor : program.tensors) {
    auto [found, isNew] = indexOfLayout.try_emplace(getLayoutKey(tensor), entries.size());
    // Empty tensors and tensors without bytes have nothing to share.
    if (isNew || !tensor.data) {
      found->second = entries.size();
      entries.push_back({&tensor, false, {}});
    }
    indices[tensor.name] = found->second;
  }
  for (const CapturedFunction &function : program.functions)
    symbols.insert(function.name);
}

void ModelState::setMutable(StringRef tensor) {
  auto found = indices.find(tensor);
  if (found != indices.end())
    entries[found->second].isMutable = true;
}

std::string ModelState::makeSymbol(StringRef tensor) {
  std::string symbol = tensor.str();
  for (unsigned suffix = 1; !symbols.insert(symbol).second; ++suffix)
    symbol = (tensor + "_" + Twine(suffix)).str();
  return symbol;
}

/// The number of elements; the reader has seen to it that it fits.
static int64_t getElementCount(const TensorMeta &meta) {
  int64_t count = 1;
  for (const SymInt &size : meta.sizes)
    count *= size.value;
  return count;
}

/// Copies the elements of a strided tensor into row-major order.
static std::vector<uint8_t> copyContiguous(const StoredTensor &tensor) {
  const TensorMeta &meta = tensor.meta;
  int64_t count = getElementCount(meta), elementSize = getElementSize(meta.dtype);
  std::vector<uint8_t> bytes(count * elementSize);
  SmallVector<int64_t> position(meta.sizes.size(), 0);
  int64_t offset = meta.storageOffset.value;
  for (int64_t index = 0; index < count; ++index) {
    std::memcpy(&bytes[index * elementSize], tensor.data + offset * elementSize, elementSize);
    // The next position: the last dim first.
    for (size_t dim = meta.sizes.size(); dim-- > 0;) {
      offset += meta.strides[dim].value;
      if (++position[dim] < meta.sizes[dim].value)
        break;
      offset -= meta.strides[dim].value * meta.sizes[dim].value;
      position[dim] = 0;
    }
  }
  return bytes;
}

FailureOr<ml_program::GlobalOp> ModelState::createGlobal(Location loc, Entry &entry) {
  const StoredTensor &tensor = *entry.tensor;
  Type type = convertTensorType(tensor.meta, /*isMutable=*/false, builder.getContext());
  if (!type) {
    failure = ExitCode::UnsupportedOp;
    return emitError(loc) << "tensor '" << tensor.name << "' has unsupported element type "
                          << getElementTypeName(tensor.meta.dtype);
  }
  if (entry.isMutable)
    for (const Entry &other : entries)
      if (&other != &entry && tensor.data && other.tensor->data == tensor.data) {
        failure = ExitCode::UnsupportedOp;
        return emitError(loc) << "tensor '" << tensor.name << "' is written and shares memory with '"
                              << other.tensor->name << "', which has another shape: this is not supported";
      }

  std::string symbol = makeSymbol(tensor.name);
  if (lastGlobal)
    builder.setInsertionPointAfter(lastGlobal);
  else
    builder.setInsertionPointToStart(module.getBody());
  entry.global = ml_program::GlobalOp::create(builder, loc, symbol, type, entry.isMutable,
                                              ml_program::ExternAttr::get(builder.getContext(), type),
                                              builder.getStringAttr("private"));
  lastGlobal = entry.global;
  auto &weights = builder.getContext()->getLoadedDialect<torch::TorchDialect>()->getWeights();
  auto tensorType = cast<torch::BaseTensorType>(Type(type));
  RankedTensorType builtinType = tensorType.toBuiltinTensor();
  bool isUnsigned = tensorType.getDtype().isUnsignedInteger();
  if (isContiguous(tensor.meta)) {
    int64_t elementSize = getElementSize(tensor.meta.dtype);
    ArrayRef<uint8_t> bytes(tensor.data + tensor.meta.storageOffset.value * elementSize,
                            getElementCount(tensor.meta) * elementSize);
    weights.set(symbol, {builtinType, bytes, tensor.owner, isUnsigned});
  } else {
    weights.setCopy(symbol, builtinType, copyContiguous(tensor), isUnsigned);
  }
  return entry.global;
}

FailureOr<ml_program::GlobalOp> ModelState::getGlobal(Location loc, StringRef tensor) {
  auto found = indices.find(tensor);
  if (found == indices.end())
    return emitError(loc) << "the file has no tensor '" << tensor << "'";
  Entry &entry = entries[found->second];
  if (entry.global)
    return entry.global;
  return createGlobal(loc, entry);
}
