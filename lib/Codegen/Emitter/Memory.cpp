//===- Memory.cpp - loads, stores and scratch memory ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

static Type getMemoryType(Type element) {
  Builder builder(element.getContext());
  if (element.isInteger(1))
    return builder.getI8Type();
  // LLVM moves bf16 by way of f32 where the CPU has no instructions for it.
  if (element.isBF16())
    return builder.getI16Type();
  return element.isIndex() ? builder.getI64Type() : element;
}

static int64_t getByteSize(Type element) { return getMemoryType(element).getIntOrFloatBitWidth() / 8; }

Buffer ValueEmitter::getBuffer(Value pointer, Type element, ArrayRef<Index> extents, bool readOnly) {
  Buffer buffer{pointer, element, Indices(extents.size()), readOnly};
  Index stride(1);
  for (size_t dim = extents.size(); dim-- != 0;) {
    buffer.strides[dim] = stride;
    if (dim != 0)
      stride = mul(stride, extents[dim]);
  }
  return buffer;
}

Buffer ValueEmitter::getResultBuffer(unsigned result, Value viewedAs) {
  return getBuffer(results[result].pointer, results[result].element, getExtents(viewedAs), /*readOnly=*/false);
}

Value ValueEmitter::allocateScratch(int64_t bytes) {
  Value pointer = LLVM::GEPOp::create(b, scratch.getType(), b.getI8Type(), scratch,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(scratchBytes)});
  scratchBytes += llvm::alignTo(bytes, 64);
  return pointer;
}

Index ValueEmitter::getOffset(const Buffer &buffer, ArrayRef<Index> at) {
  Index offset;
  for (auto [index, stride] : llvm::zip_equal(at, buffer.strides))
    offset = add(offset, mul(index, stride));
  return offset;
}

Value ValueEmitter::emitPointer(const Buffer &buffer, Index offset) {
  Type memory = getMemoryType(buffer.element);
  Value pointer = buffer.pointer;
  // Base and constant apart: neighbours share the first address.
  if (offset.base)
    pointer = binary("pointer", pointer, offset.base, [&](Value base, Value distance) {
      return LLVM::GEPOp::create(b, base.getType(), memory, base, ArrayRef<LLVM::GEPArg>{distance});
    });
  if (offset.offset != 0)
    pointer =
        LLVM::GEPOp::create(b, pointer.getType(), memory, pointer, ArrayRef<LLVM::GEPArg>{emitConstant(offset.offset)});
  return pointer;
}

/// The lanes that may be accessed: the mask, if the predicate holds.
Value ValueEmitter::emitCompleteMask() {
  if (!predicate)
    return mask;
  Value all = vector::BroadcastOp::create(b, getVectorType(b.getI1Type()), predicate);
  return mask ? arith::AndIOp::create(b, mask, all).getResult() : all;
}

Value ValueEmitter::load(const Buffer &buffer, ArrayRef<Index> at) {
  Index offset = getOffset(buffer, at);
  Type memory = getMemoryType(buffer.element);
  int64_t size = getByteSize(buffer.element);
  auto loadFrom = [&](Type type, Value pointer) -> Value {
    return LLVM::LoadOp::create(b, type, pointer, size, buffer.isVolatile, /*isNonTemporal=*/false,
                                /*isInvariant=*/buffer.readOnly);
  };
  Value value;
  if (offset.isUniform()) {
    Value pointer = emitPointer(buffer, offset);
    if (predicate) {
      if (!dummyCell) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(&function.getBody().front());
        dummyCell =
            LLVM::AllocaOp::create(b, pointer.getType(), b.getI64Type(), arith::ConstantIntOp::create(b, 1, 64), 16);
        LLVM::StoreOp::create(b, arith::ConstantIntOp::create(b, 0, 64), dummyCell);
      }
      pointer = arith::SelectOp::create(b, predicate, pointer, dummyCell);
    }
    value = loadFrom(memory, pointer);
  } else {
    VectorType type = getVectorType(memory);
    Value lanesMask = emitCompleteMask();
    if (!offset.lanes && offset.lane == 1) {
      Value pointer = emitPointer(buffer, Index(offset.base, offset.offset));
      if (lanesMask) {
        Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
        value = LLVM::MaskedLoadOp::create(b, type, pointer, lanesMask, zero, b.getI32IntegerAttr(size),
                                           /*nontemporal=*/nullptr);
      } else {
        value = loadFrom(type, pointer);
      }
    } else if (!offset.lanes && !lanesMask) {
      SmallVector<Value> elements;
      for (unsigned i = 0; i != width; ++i)
        elements.push_back(loadFrom(memory, emitPointer(buffer, Index(offset.base, offset.offset + i * offset.lane))));
      value = vector::FromElementsOp::create(b, type, elements);
    } else {
      if (!lanesMask)
        lanesMask = arith::ConstantOp::create(b, DenseElementsAttr::get(getVectorType(b.getI1Type()), true));
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
      Value distances = toLanes(offset);
      Type pointers = VectorType::get(width, buffer.pointer.getType());
      Value addresses = LLVM::GEPOp::create(b, pointers, memory, buffer.pointer, ArrayRef<LLVM::GEPArg>{distances});
      value = LLVM::masked_gather::create(b, type, addresses, lanesMask, ValueRange(zero), b.getI32IntegerAttr(size));
    }
  }
  if (buffer.element.isBF16())
    return arith::BitcastOp::create(b, offset.isUniform() ? buffer.element : getVectorType(buffer.element), value);
  if (!buffer.element.isInteger(1))
    return value;
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(value.getType()));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, value, zero);
}

void ValueEmitter::store(Value value, const Buffer &buffer, ArrayRef<Index> at) {
  Index offset = getOffset(buffer, at);
  int64_t size = getByteSize(buffer.element);
  if (!offset.isUniform())
    value = toVector(value);
  Type memory = getMemoryType(buffer.element), type = offset.isUniform() ? memory : getVectorType(memory);
  if (buffer.element.isInteger(1))
    value = arith::ExtUIOp::create(b, type, value);
  else if (buffer.element.isBF16())
    value = arith::BitcastOp::create(b, type, value);
  if (offset.isUniform()) {
    LLVM::StoreOp::create(b, value, emitPointer(buffer, offset), size, buffer.isVolatile);
  } else if (!offset.lanes && offset.lane == 1) {
    Value pointer = emitPointer(buffer, Index(offset.base, offset.offset));
    if (mask)
      LLVM::MaskedStoreOp::create(b, value, pointer, mask, size);
    else
      LLVM::StoreOp::create(b, value, pointer, size, buffer.isVolatile);
  } else {
    Value lanesMask = mask;
    if (!lanesMask)
      lanesMask = arith::ConstantOp::create(b, DenseElementsAttr::get(getVectorType(b.getI1Type()), true));
    Type pointers = VectorType::get(width, buffer.pointer.getType());
    Value addresses = LLVM::GEPOp::create(b, pointers, memory, buffer.pointer, ArrayRef<LLVM::GEPArg>{toLanes(offset)});
    LLVM::masked_scatter::create(b, value, addresses, lanesMask, b.getI32IntegerAttr(size));
  }
}

void ValueEmitter::storeResults(ValueRange tensors, ArrayRef<Index> at, ArrayRef<unsigned> numbers) {
  SmallVector<Value> values = llvm::map_to_vector(tensors, [&](Value tensor) { return emit(tensor, at); });
  for (auto [i, tensor, value] : llvm::enumerate(tensors, values))
    store(value, getResultBuffer(numbers.empty() ? i : numbers[i], tensor), at);
}

void ValueEmitter::prefetch(Value tensor, ArrayRef<Index> at, Index bytes, unsigned cacheLevel) {
  if (const Buffer *buffer = findBuffer(tensor))
    prefetch(Buffer(*buffer), at, bytes, cacheLevel);
}

void ValueEmitter::prefetch(const Buffer &buffer, ArrayRef<Index> at, Index bytes, unsigned cacheLevel) {
  Index offset = getOffset(buffer, at);
  Value pointer = emitPointer(buffer, Index(offset.base, offset.offset));
  pointer = LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer, ArrayRef<LLVM::GEPArg>{toValue(bytes)});
  LLVM::Prefetch::create(b, pointer, /*rw=*/0, /*hint=*/4 - cacheLevel, /*cache=*/1);
}
