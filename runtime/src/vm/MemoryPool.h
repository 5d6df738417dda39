//===- MemoryPool.h - memory that a session uses again ----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_VM_MEMORYPOOL_H
#define TORCHC_RUNTIME_VM_MEMORYPOOL_H

#include "base/Array.h"
#include "torchc/runtime/Tensor.h"

namespace torchc::runtime {

/// Slabs, outputs and globals. The pool holds one reference to each of its blocks; a
/// block with no other reference is free. So a block may outlive the pool, be dropped
/// on any thread, and needs no call to give it back.
class MemoryPool {
public:
  /// Bytes of all blocks together; 0: no limit.
  void setLimit(uint64_t bytes) { limit = bytes; }

  /// What a block is for: kept apart in the statistics only.
  enum class Use : uint8_t { Slab, Output, Global };

  /// u8[bytes], 64-byte aligned. A free block is used if it is not far too large.
  /// Errors: ResourceExhausted.
  Result<Tensor> acquire(uint64_t bytes, Use use);

  /// Called after each call of the session: gives blocks back to the system that
  /// no call has used for a while.
  void trim();

  uint64_t getHeldBytes() const { return held; }
  uint64_t getPeakBytes() const { return peak; }
  /// The most bytes of slabs that were in use at once.
  uint64_t getPeakSlabBytes() const { return peakSlab; }

private:
  struct Block {
    Tensor tensor;
    uint64_t lastUse = 0;
    uint64_t wanted = 0; ///< What was last asked of it, rounded up; no more than it has.
    Use use = Use::Slab;
    bool isFree() const { return tensor.getStorage()->references.load(std::memory_order_acquire) == 1; }
  };
  void release(size_t block);
  void countSlabs();

  Array<Block> blocks;
  uint64_t limit = 0;
  uint64_t held = 0;
  uint64_t peak = 0;
  uint64_t peakSlab = 0;
  uint64_t calls = 0;
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_VM_MEMORYPOOL_H
