//===- Tensor.cpp - a tensor and the storage it shares --------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Tensor.h"

#include <cstdlib>

namespace torchc::runtime {

void Storage::drop() {
  if (references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  if (release)
    release(context);
  this->~Storage();
  std::free(this);
}

/// A storage header of 64 bytes with the data behind it, both 64-byte aligned.
static constexpr uint64_t kHeaderBytes = 64;
static_assert(sizeof(Storage) <= kHeaderBytes);

static Storage *allocateStorage(uint64_t bytes) {
  if (bytes > uint64_t(INT64_MAX) - 2 * kHeaderBytes)
    return nullptr;
  const uint64_t total = (kHeaderBytes + bytes + 63) / 64 * 64;
  void *memory = std::aligned_alloc(64, total);
  if (!memory)
    return nullptr;
  auto *storage = new (memory) Storage;
  storage->data = static_cast<uint8_t *>(memory) + kHeaderBytes;
  storage->size = bytes;
  return storage;
}

Result<uint64_t> computeByteLength(ElementType type, std::span<const int64_t> dims) {
  uint64_t bytes = getElementSize(type);
  if (bytes == 0)
    return Status::error(StatusCode::InvalidArgument, "unknown element type %u", unsigned(type));
  if (dims.size() > kMaxRank)
    return Status::error(StatusCode::InvalidArgument, "a tensor has at most %u dimensions, not %zu", kMaxRank,
                         dims.size());
  bool isEmpty = false;
  for (int64_t dim : dims) {
    if (dim < 0)
      return Status::error(StatusCode::InvalidArgument, "a dimension is negative: %lld", (long long)dim);
    if (dim == 0)
      isEmpty = true;
    else if (__builtin_mul_overflow(bytes, uint64_t(dim), &bytes) || bytes > uint64_t(1) << 62)
      return Status::error(StatusCode::InvalidArgument, "a tensor has more than 2^62 bytes");
  }
  return isEmpty ? 0 : bytes;
}

Tensor &Tensor::operator=(const Tensor &other) {
  if (this != &other) {
    reset();
    assign(other);
  }
  return *this;
}

Tensor &Tensor::operator=(Tensor &&other) noexcept {
  if (this != &other) {
    reset();
    steal(other);
  }
  return *this;
}

void Tensor::reset() {
  if (storage)
    std::exchange(storage, nullptr)->drop();
  data = nullptr;
  byteLength = 0;
  rank = 0;
}

Tensor Tensor::asReadOnly() const {
  Tensor copy(*this);
  copy.access = Access::ReadOnly;
  return copy;
}

bool Tensor::overlaps(const Tensor &other) const {
  return byteLength != 0 && other.byteLength != 0 && data < other.data + other.byteLength &&
         other.data < data + byteLength;
}

void Tensor::assign(const Tensor &other) {
  if (other.isNull())
    return;
  storage = other.storage;
  storage->retain();
  data = other.data;
  access = other.access;
  setShape(other.type, other.getDims(), other.byteLength);
}

void Tensor::steal(Tensor &other) {
  storage = std::exchange(other.storage, nullptr);
  data = other.data;
  access = other.access;
  setShape(other.type, other.getDims(), other.byteLength);
  other.reset();
}

void Tensor::setShape(ElementType newType, std::span<const int64_t> newDims, uint64_t bytes) {
  type = newType;
  byteLength = bytes;
  rank = uint8_t(newDims.size());
  for (unsigned i = 0; i < rank; ++i)
    dims[i] = newDims[i];
}

Result<Tensor> Tensor::allocate(ElementType type, std::span<const int64_t> dims) {
  TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, computeByteLength(type, dims));
  Tensor tensor;
  tensor.storage = allocateStorage(bytes);
  if (!tensor.storage)
    return Status::error(StatusCode::ResourceExhausted, "out of memory: %llu bytes for a tensor",
                         (unsigned long long)bytes);
  tensor.data = tensor.storage->data;
  tensor.setShape(type, dims, bytes);
  return tensor;
}

static Status checkAlignment(const void *data, uint64_t size, ElementType type) {
  const uint64_t element = getElementSize(type);
  const uint64_t alignment = element > 8 ? 8 : element;
  if (size != 0 && (!data || reinterpret_cast<uintptr_t>(data) % alignment != 0))
    return Status::error(StatusCode::InvalidArgument, "the buffer is not aligned to its %llu-byte elements",
                         (unsigned long long)alignment);
  return {};
}

Status Tensor::borrowAgain(void *newData, ElementType newType, std::span<const int64_t> newDims, Access newAccess) {
  TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, computeByteLength(newType, newDims));
  if (!storage || storage->references.load(std::memory_order_acquire) != 1 || storage->release) {
    TORCHC_ASSIGN_OR_RETURN(*this, borrow(newData, bytes, newType, newDims, newAccess, nullptr, nullptr));
    return {};
  }
  TORCHC_RETURN_IF_ERROR(checkAlignment(newData, bytes, newType));
  data = storage->data = static_cast<uint8_t *>(newData);
  storage->size = bytes;
  access = newAccess;
  setShape(newType, newDims, bytes);
  return {};
}

Result<Tensor> Tensor::borrow(void *data, uint64_t size, ElementType type, std::span<const int64_t> dims, Access access,
                              ReleaseFunction release, void *context) {
  TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, computeByteLength(type, dims));
  if (bytes != size)
    return Status::error(StatusCode::InvalidArgument, "the buffer has %llu bytes, its shape needs %llu",
                         (unsigned long long)size, (unsigned long long)bytes);
  TORCHC_RETURN_IF_ERROR(checkAlignment(data, size, type));
  void *memory = std::malloc(sizeof(Storage));
  if (!memory)
    return Status::outOfMemory();
  Tensor tensor;
  tensor.storage = new (memory) Storage;
  tensor.storage->release = release;
  tensor.storage->context = context;
  tensor.storage->data = static_cast<uint8_t *>(data);
  tensor.storage->size = size;
  tensor.data = tensor.storage->data;
  tensor.access = access;
  tensor.setShape(type, dims, bytes);
  return tensor;
}

Result<Tensor> Tensor::view(uint64_t byteOffset, ElementType newType, std::span<const int64_t> newDims) const {
  TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, computeByteLength(newType, newDims));
  if (byteOffset > byteLength || bytes > byteLength - byteOffset)
    return Status::error(StatusCode::InvalidArgument,
                         "a view of %llu bytes at offset %llu leaves its buffer of %llu bytes",
                         (unsigned long long)bytes, (unsigned long long)byteOffset, (unsigned long long)byteLength);
  const uint64_t element = getElementSize(newType);
  if (reinterpret_cast<uintptr_t>(data + byteOffset) % (element > 8 ? 8 : element) != 0)
    return Status::error(StatusCode::InvalidArgument, "a view at offset %llu is not aligned to its elements",
                         (unsigned long long)byteOffset);
  Tensor tensor;
  tensor.storage = storage;
  storage->retain();
  tensor.data = data + byteOffset;
  tensor.access = access;
  tensor.setShape(newType, newDims, bytes);
  return tensor;
}

} // namespace torchc::runtime
