//===- ConstantTensor.cpp - a tensor whose elements are known when compiling ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantTensor.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>
#include <vector>

using namespace mlir;
using namespace torchc;

/// Both dims of a transposed copy are cut to blocks, whose cache lines are used up
/// before they are evicted.
static constexpr int64_t kCopyBlock = 32;

int64_t torchc::getElementBytes(Type element) {
  if (element.isInteger(1) || element.isInteger(8))
    return 1;
  if (element.isF16() || element.isBF16() || element.isInteger(16))
    return 2;
  if (element.isF32() || element.isInteger(32))
    return 4;
  return element.isF64() || element.isInteger(64) || element.isIndex() ? 8 : 0;
}

//===----------------------------------------------------------------------===//
// Elements in memory
//===----------------------------------------------------------------------===//

namespace {

template <typename T> struct FloatInMemory {
  static constexpr int64_t size = sizeof(T);
  static Cell read(const uint8_t *data) {
    T value;
    std::memcpy(&value, data, sizeof value);
    return Cell::ofFloat(value);
  }
  static void write(uint8_t *data, Cell cell) {
    T value = static_cast<T>(cell.f);
    std::memcpy(data, &value, sizeof value);
  }
};

template <typename T> struct IntInMemory {
  static constexpr int64_t size = sizeof(T);
  static Cell read(const uint8_t *data) {
    T value;
    std::memcpy(&value, data, sizeof value);
    return Cell::ofInt(value);
  }
  static void write(uint8_t *data, Cell cell) {
    T value = static_cast<T>(cell.i);
    std::memcpy(data, &value, sizeof value);
  }
};

struct BoolInMemory {
  static constexpr int64_t size = 1;
  static Cell read(const uint8_t *data) { return Cell::ofInt(*data != 0); }
  static void write(uint8_t *data, Cell cell) { *data = cell.i & 1; }
};

struct BFloatInMemory {
  static constexpr int64_t size = 2;
  static Cell read(const uint8_t *data) {
    uint16_t half;
    std::memcpy(&half, data, sizeof half);
    return Cell::ofFloat(llvm::bit_cast<float>(static_cast<uint32_t>(half) << 16));
  }
  static void write(uint8_t *data, Cell cell) {
    float value = static_cast<float>(cell.f);
    uint32_t bits = llvm::bit_cast<uint32_t>(value);
    uint16_t half;
    if (std::isnan(value)) {
      half = bits >> 16 | 0x40;
    } else {
      // Towards zero with a sticky bit first: rounding twice would round wrongly.
      if (std::fabs(static_cast<double>(value)) > std::fabs(cell.f))
        --bits;
      bits |= static_cast<double>(value) != cell.f;
      half = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
    std::memcpy(data, &half, sizeof half);
  }
};

} // namespace

/// Calls `function` with the memory format of the element type.
template <typename Function> static void withFormat(Type element, Function function) {
  if (element.isF32())
    return function(FloatInMemory<float>());
  if (element.isF64())
    return function(FloatInMemory<double>());
  if (element.isF16())
    return function(FloatInMemory<_Float16>());
  if (element.isBF16())
    return function(BFloatInMemory());
  if (element.isInteger(1))
    return function(BoolInMemory());
  switch (getElementBytes(element)) {
  case 1: return function(IntInMemory<int8_t>());
  case 2: return function(IntInMemory<int16_t>());
  case 4: return function(IntInMemory<int32_t>());
  case 8: return function(IntInMemory<int64_t>());
  default: llvm_unreachable("not a type of constants");
  }
}

void torchc::roundCells(Type element, MutableArrayRef<Cell> cells) {
  if (element.isF64() || element.isInteger(64) || element.isIndex())
    return;
  withFormat(element, [&](auto format) {
    uint8_t memory[8];
    for (Cell &cell : cells) {
      format.write(memory, cell);
      cell = format.read(memory);
    }
  });
}

void ConstantTensor::read(int64_t offset, int64_t step, MutableArrayRef<Cell> cells) const {
  withFormat(type.getElementType(), [&](auto format) {
    const uint8_t *element = data + offset * format.size;
    for (Cell &cell : cells) {
      cell = format.read(element);
      element += step * format.size;
    }
  });
}

void ConstantTensor::write(Type elementType, uint8_t *data, int64_t offset, int64_t step, ArrayRef<Cell> cells) {
  withFormat(elementType, [&](auto format) {
    uint8_t *element = data + offset * format.size;
    for (Cell cell : cells) {
      format.write(element, cell);
      element += step * format.size;
    }
  });
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

SmallVector<int64_t> torchc::getRowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t dim = shape.size(); dim-- != 0;) {
    strides[dim] = stride;
    stride *= shape[dim];
  }
  return strides;
}

ConstantTensor ConstantTensor::get(RankedTensorType type, ArrayRef<uint8_t> bytes, std::shared_ptr<const void> owner) {
  return {type, bytes.data(), getRowMajorStrides(type.getShape()), std::move(owner)};
}

std::pair<ConstantTensor, uint8_t *> ConstantTensor::allocate(RankedTensorType type) {
  auto owner = std::make_shared<std::vector<uint8_t>>(type.getNumElements() * getElementBytes(type.getElementType()));
  uint8_t *data = owner->data();
  return {{type, data, getRowMajorStrides(type.getShape()), std::move(owner)}, data};
}

ConstantTensor ConstantTensor::getSplat(RankedTensorType type, Cell value) {
  auto [element, data] = allocate(RankedTensorType::get({}, type.getElementType()));
  write(type.getElementType(), data, 0, 0, value);
  return {type, data, SmallVector<int64_t>(type.getRank(), 0), std::move(element.owner)};
}

bool ConstantTensor::isContiguous() const {
  return llvm::all_of(llvm::zip_equal(type.getShape(), strides, getRowMajorStrides(type.getShape())), [](auto dim) {
    auto [extent, stride, rowMajor] = dim;
    return extent == 1 || stride == rowMajor;
  });
}

bool ConstantTensor::isSplat() const {
  return llvm::all_of(llvm::zip_equal(type.getShape(), strides), [](auto dim) {
    auto [extent, stride] = dim;
    return extent == 1 || stride == 0;
  });
}

ConstantTensor ConstantTensor::makeContiguous() const {
  if (isContiguous())
    return *this;
  auto [copy, target] = allocate(type);
  copyStrided(target, copy.strides, data, strides, type.getShape(), getElementBytes(type.getElementType()));
  return copy;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

namespace {
struct CopiedDim {
  int64_t extent, target, source; ///< Strides in bytes.
};
} // namespace

template <typename T> static void copyBlock(uint8_t *target, const uint8_t *source, CopiedDim outer, CopiedDim inner) {
  for (int64_t i = 0; i != outer.extent; ++i)
    for (int64_t j = 0; j != inner.extent; ++j)
      std::memcpy(target + i * outer.target + j * inner.target, source + i * outer.source + j * inner.source,
                  sizeof(T));
}

static void copyPlane(uint8_t *target, const uint8_t *source, CopiedDim outer, CopiedDim inner, int64_t elementBytes) {
  if (inner.target == elementBytes && inner.source == elementBytes) {
    for (int64_t i = 0; i != outer.extent; ++i)
      std::memcpy(target + i * outer.target, source + i * outer.source, inner.extent * elementBytes);
    return;
  }
  for (int64_t i = 0; i < outer.extent; i += kCopyBlock)
    for (int64_t j = 0; j < inner.extent; j += kCopyBlock) {
      CopiedDim rows = outer, columns = inner;
      rows.extent = std::min(kCopyBlock, outer.extent - i);
      columns.extent = std::min(kCopyBlock, inner.extent - j);
      uint8_t *to = target + i * outer.target + j * inner.target;
      const uint8_t *from = source + i * outer.source + j * inner.source;
      switch (elementBytes) {
      case 1: copyBlock<uint8_t>(to, from, rows, columns); break;
      case 2: copyBlock<uint16_t>(to, from, rows, columns); break;
      case 4: copyBlock<uint32_t>(to, from, rows, columns); break;
      default: copyBlock<uint64_t>(to, from, rows, columns);
      }
    }
}

static void copyDims(uint8_t *target, const uint8_t *source, ArrayRef<CopiedDim> dims, int64_t elementBytes) {
  if (dims.size() == 2)
    return copyPlane(target, source, dims[0], dims[1], elementBytes);
  for (int64_t i = 0; i != dims[0].extent; ++i)
    copyDims(target + i * dims[0].target, source + i * dims[0].source, dims.drop_front(), elementBytes);
}

void torchc::copyStrided(uint8_t *target, ArrayRef<int64_t> targetStrides, const uint8_t *source,
                         ArrayRef<int64_t> sourceStrides, ArrayRef<int64_t> shape, int64_t elementBytes) {
  SmallVector<CopiedDim> dims;
  for (auto [extent, to, from] : llvm::zip_equal(shape, targetStrides, sourceStrides)) {
    if (extent == 0)
      return;
    if (extent != 1)
      dims.push_back({extent, to * elementBytes, from * elementBytes});
  }
  // The two innermost loops: the dims that are contiguous in one of the two.
  llvm::sort(dims, [](const CopiedDim &a, const CopiedDim &b) { return a.target > b.target; });
  SmallVector<CopiedDim> joined;
  for (CopiedDim dim : dims) {
    if (!joined.empty() && joined.back().target == dim.target * dim.extent &&
        joined.back().source == dim.source * dim.extent) {
      joined.back() = {joined.back().extent * dim.extent, dim.target, dim.source};
      continue;
    }
    joined.push_back(dim);
  }
  while (joined.size() < 2)
    joined.insert(joined.begin(), {1, 0, 0});
  auto last = std::prev(joined.end());
  auto closest = std::min_element(joined.begin(), last, [](const CopiedDim &a, const CopiedDim &b) {
    return std::make_pair(a.extent == 1, std::abs(a.source)) < std::make_pair(b.extent == 1, std::abs(b.source));
  });
  std::rotate(closest, closest + 1, last);
  copyDims(target, source, joined, elementBytes);
}
