//===- MemoryPool.cpp - memory that a session uses again ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/MemoryPool.h"

#include <algorithm>

namespace torchc::runtime {

/// Calls after which an unused block goes back to the system.
static constexpr uint64_t kIdleCalls = 8;

/// A small request must not pin a large block: the user may keep an output for long.
static bool isTooLarge(uint64_t block, uint64_t wanted) { return block / 2 > wanted + 4096; }

void MemoryPool::release(size_t block) {
  held -= blocks[block].tensor.getByteLength();
  blocks.removeUnordered(block);
}

void MemoryPool::countSlabs() {
  uint64_t inUse = 0;
  for (const Block &block : blocks)
    if (block.use == Use::Slab && !block.isFree())
      inUse += block.wanted;
  peakSlab = std::max(peakSlab, inUse);
}

Result<Tensor> MemoryPool::acquire(uint64_t bytes, Use use) {
  if (bytes > uint64_t(1) << 62)
    return Status::error(StatusCode::ResourceExhausted, "out of memory: a buffer of more than 2^62 bytes");
  const int64_t dims[] = {int64_t((std::max<uint64_t>(bytes, 1) + 63) / 64 * 64)};
  const auto wanted = uint64_t(dims[0]);
  Block *best = nullptr;
  for (Block &block : blocks) {
    const uint64_t size = block.tensor.getByteLength();
    if (size >= wanted && !isTooLarge(size, wanted) && (!best || size < best->tensor.getByteLength()) && block.isFree())
      best = &block;
  }
  const int64_t exact[] = {int64_t(bytes)};
  if (best) {
    best->lastUse = calls;
    best->wanted = wanted;
    best->use = use;
    Result<Tensor> tensor = best->tensor.view(0, ElementType::U8, exact);
    if (use == Use::Slab)
      countSlabs();
    return tensor;
  }
  for (size_t i = blocks.size(); limit != 0 && held + wanted > limit && i-- > 0;)
    if (blocks[i].isFree())
      release(i);
  if (limit != 0 && (wanted > limit || held > limit - wanted))
    return Status::error(StatusCode::ResourceExhausted, "the memory limit of %llu bytes is reached",
                         (unsigned long long)limit);
  TORCHC_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(ElementType::U8, dims));
  if (!blocks.push({tensor, calls, wanted, use}))
    return Status::outOfMemory();
  held += wanted;
  peak = std::max(peak, held);
  if (use == Use::Slab)
    countSlabs();
  return tensor.view(0, ElementType::U8, exact);
}

void MemoryPool::trim() {
  ++calls;
  for (size_t i = blocks.size(); i-- > 0;)
    if (blocks[i].isFree() && calls - blocks[i].lastUse > kIdleCalls)
      release(i);
}

} // namespace torchc::runtime
