//===- Tensor.h - a tensor and the storage it shares ------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_TENSOR_H
#define TORCHC_RUNTIME_TENSOR_H

#include "torchc/runtime/Format.h"
#include "torchc/runtime/Result.h"

#include <atomic>
#include <span>

namespace torchc::runtime {

/// Called once with `context` when nothing refers to borrowed memory any more.
using ReleaseFunction = void (*)(void *context);

/// Memory with a count of its references. Only tensors deal with it.
struct Storage {
  std::atomic<uint32_t> references{1};
  ReleaseFunction release = nullptr;
  void *context = nullptr;
  uint8_t *data = nullptr;
  uint64_t size = 0;

  void retain() { references.fetch_add(1, std::memory_order_relaxed); }
  void drop();
};

enum class Access : uint8_t { ReadOnly, ReadWrite };

/// A contiguous, row-major tensor that shares its storage with its copies; or
/// nothing. Copying is cheap, never copies elements and is thread-safe; the
/// elements themselves are the caller's to synchronise.
class Tensor {
public:
  Tensor() = default;
  Tensor(const Tensor &other) { assign(other); }
  Tensor(Tensor &&other) noexcept { steal(other); }
  Tensor &operator=(const Tensor &other);
  Tensor &operator=(Tensor &&other) noexcept;
  ~Tensor() {
    if (storage)
      storage->drop();
  }

  /// New memory, 64-byte aligned, undefined contents.
  /// Errors: InvalidArgument (type, rank > 16, dims), ResourceExhausted.
  static Result<Tensor> allocate(ElementType type, std::span<const int64_t> dims);

  /// The caller's memory of `size` bytes, exactly what type and dims need, aligned
  /// to the element. It must outlive the tensor and its copies; `release` says when
  /// that is (may be nullptr; not called on error).
  static Result<Tensor> borrow(void *data, uint64_t size, ElementType type, std::span<const int64_t> dims,
                               Access access, ReleaseFunction release, void *context);

  /// `borrow` anew, without an allocation where nothing else refers to what this tensor
  /// has borrowed before.
  Status borrowAgain(void *data, ElementType type, std::span<const int64_t> dims, Access access);

  bool isNull() const { return storage == nullptr; }
  ElementType getElementType() const { return type; }
  std::span<const int64_t> getDims() const { return {dims, rank}; }
  uint64_t getElementCount() const { return byteLength / getElementSize(type); }
  uint64_t getByteLength() const { return byteLength; }
  const uint8_t *getData() const { return data; }
  /// nullptr for a read-only tensor.
  uint8_t *getMutableData() { return access == Access::ReadWrite ? data : nullptr; }
  Access getAccess() const { return access; }

  /// The same elements, not to be written through this tensor.
  Tensor asReadOnly() const;

  /// A part of this tensor's bytes under a new type and shape.
  Result<Tensor> view(uint64_t byteOffset, ElementType type, std::span<const int64_t> dims) const;

  /// Whether the two tensors have a byte in common.
  bool overlaps(const Tensor &other) const;

  /// What both tensors keep alive, for comparison only.
  const Storage *getStorage() const { return storage; }

  void reset();

private:
  void assign(const Tensor &other);
  void steal(Tensor &other);
  void setShape(ElementType type, std::span<const int64_t> dims, uint64_t bytes);

  Storage *storage = nullptr;
  uint8_t *data = nullptr;
  uint64_t byteLength = 0;
  ElementType type = ElementType::U8;
  Access access = Access::ReadWrite;
  uint8_t rank = 0;
  int64_t dims[kMaxRank]; ///< The first `rank` of them.
};

/// Bytes of a tensor. Errors: InvalidArgument for an unknown type, a rank over 16, a
/// negative dim, or a product beyond 2^62.
Result<uint64_t> computeByteLength(ElementType type, std::span<const int64_t> dims);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_TENSOR_H
