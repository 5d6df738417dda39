//===- Array.h - an owning array whose growth may fail ----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_BASE_ARRAY_H
#define TORCHC_RUNTIME_BASE_ARRAY_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace torchc::runtime {

/// What std::vector is, for code that must survive a failed allocation and link
/// without the C++ library. T moves without failing.
template <typename T> class Array {
public:
  Array() = default;
  Array(Array &&other) noexcept
      : items(std::exchange(other.items, nullptr)), count(std::exchange(other.count, 0)),
        capacity(std::exchange(other.capacity, 0)) {}
  Array &operator=(Array &&other) noexcept {
    std::swap(items, other.items);
    std::swap(count, other.count);
    std::swap(capacity, other.capacity);
    return *this;
  }
  ~Array() {
    clear();
    std::free(items);
  }

  size_t size() const { return count; }
  bool empty() const { return count == 0; }
  T *data() { return items; }
  const T *data() const { return items; }
  T *begin() { return items; }
  T *end() { return items + count; }
  const T *begin() const { return items; }
  const T *end() const { return items + count; }
  T &operator[](size_t i) { return items[i]; }
  const T &operator[](size_t i) const { return items[i]; }

  /// Makes the array `size` items long, new ones default-initialised to zero.
  /// False if there is no memory; the array is unchanged then.
  [[nodiscard]] bool resize(size_t size) {
    if (!reserve(size))
      return false;
    while (count < size)
      new (&items[count++]) T();
    while (count > size)
      items[--count].~T();
    return true;
  }

  [[nodiscard]] bool push(T item) {
    if (count == capacity && !reserve(capacity < 8 ? 8 : capacity * 2))
      return false;
    new (&items[count++]) T(std::move(item));
    return true;
  }

  /// Removes item i; the last one takes its place.
  void removeUnordered(size_t i) {
    std::swap(items[i], items[count - 1]);
    items[--count].~T();
  }

  void clear() {
    while (count > 0)
      items[--count].~T();
  }

private:
  bool reserve(size_t wanted) {
    if (wanted <= capacity)
      return true;
    if (wanted > PTRDIFF_MAX / sizeof(T))
      return false;
    auto *memory = static_cast<T *>(std::malloc(wanted * sizeof(T)));
    if (!memory)
      return false;
    for (size_t i = 0; i < count; ++i) {
      new (&memory[i]) T(std::move(items[i]));
      items[i].~T();
    }
    std::free(items);
    items = memory;
    capacity = wanted;
    return true;
  }

  T *items = nullptr;
  size_t count = 0;
  size_t capacity = 0;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_BASE_ARRAY_H
