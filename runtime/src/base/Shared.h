//===- Shared.h - objects that count their references -----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_BASE_SHARED_H
#define TORCHC_RUNTIME_BASE_SHARED_H

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace torchc::runtime {

/// Base of the objects behind the public handles. Made by `create`, which gives
/// nullptr without memory; freed by the last `drop`.
template <typename Derived> class Shared {
public:
  template <typename... Args> static Derived *create(Args &&...args) {
    void *memory = std::malloc(sizeof(Derived));
    return memory ? new (memory) Derived(std::forward<Args>(args)...) : nullptr;
  }

  void retain() { references.fetch_add(1, std::memory_order_relaxed); }
  void drop() {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      auto *self = static_cast<Derived *>(this);
      self->~Derived();
      std::free(self);
    }
  }

protected:
  Shared() = default;
  ~Shared() = default;

private:
  std::atomic<uint32_t> references{1};
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_BASE_SHARED_H
