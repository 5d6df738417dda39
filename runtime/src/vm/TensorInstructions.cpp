//===- TensorInstructions.cpp - views, elements, copies and checks --------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

namespace torchc::runtime {

static Status failed(const char *what) { return Status::error(StatusCode::Failed, "%s", what); }

std::span<const int64_t> Machine::readDims(uint32_t list, const Frame &frame) {
  const auto registers = program->module.getList(list);
  for (size_t i = 0; i < registers.size(); ++i)
    dims[i] = frame.i64s[registers[i]];
  return {dims, registers.size()};
}

/// An integer element, extended to 64 bits; false for other types.
static bool loadElement(const Tensor &tensor, uint64_t index, int64_t &value) {
  auto load = [&]<typename T>(T) {
    T element;
    std::memcpy(&element, tensor.getData() + index * sizeof(T), sizeof(T));
    value = int64_t(element);
    return true;
  };
  switch (tensor.getElementType()) {
  case ElementType::I1:
  case ElementType::U8: return load(uint8_t());
  case ElementType::I8: return load(int8_t());
  case ElementType::U16: return load(uint16_t());
  case ElementType::I16: return load(int16_t());
  case ElementType::U32: return load(uint32_t());
  case ElementType::I32: return load(int32_t());
  case ElementType::U64:
  case ElementType::I64: return load(int64_t());
  default: return false;
  }
}

static bool isIntegerType(ElementType type) {
  switch (type) {
  case ElementType::I1:
  case ElementType::U8:
  case ElementType::I8:
  case ElementType::U16:
  case ElementType::I16:
  case ElementType::U32:
  case ElementType::I32:
  case ElementType::U64:
  case ElementType::I64: return true;
  default: return false;
  }
}

/// Every element of `size` bytes = the low bytes of `bits`.
static void fillElements(uint8_t *data, uint64_t bytes, uint64_t size, int64_t bits) {
  uint8_t pattern[64];
  for (uint64_t i = 0; i < sizeof pattern; i += size)
    std::memcpy(pattern + i, &bits, size);
  for (; bytes >= sizeof pattern; bytes -= sizeof pattern, data += sizeof pattern)
    std::memcpy(data, pattern, sizeof pattern);
  if (bytes != 0) // An empty tensor may have no address.
    std::memcpy(data, pattern, bytes);
}

Status Machine::executeTensor(const Instruction &in, Frame &frame) {
  int64_t *i64s = frame.i64s;
  Tensor *refs = frame.refs;
  switch (Opcode(in.opcode)) {
  case Opcode::SlabReserve: {
    if (i64s[in.b] < 0)
      return failed("a slab of negative size");
    refs[in.a].reset(); // It may be the storage to use again.
    TORCHC_ASSIGN_OR_RETURN(refs[in.a], memory.acquire(uint64_t(i64s[in.b]), MemoryPool::Use::Slab));
    return {};
  }
  case Opcode::OutputAlloc: {
    const auto shape = readDims(in.d, frame);
    TORCHC_ASSIGN_OR_RETURN(refs[in.a], allocateOutput(in.b, ElementType(in.c), shape));
    return {};
  }
  case Opcode::View: {
    if (i64s[in.c] < 0)
      return failed("a view at a negative offset");
    const auto shape = readDims(in.e, frame);
    TORCHC_ASSIGN_OR_RETURN(refs[in.a], refs[in.b].view(uint64_t(i64s[in.c]), ElementType(in.d), shape));
    return {};
  }
  case Opcode::Reshape: {
    const Tensor &source = refs[in.b];
    const auto shape = readDims(in.d, frame);
    TORCHC_ASSIGN_OR_RETURN(Tensor reshaped, source.view(0, source.getElementType(), shape));
    if (reshaped.getByteLength() != source.getByteLength())
      return Status::error(StatusCode::Failed, "a reshape of %llu elements to %llu",
                           (unsigned long long)source.getElementCount(),
                           (unsigned long long)reshaped.getElementCount());
    refs[in.a] = std::move(reshaped);
    return {};
  }
  case Opcode::TensorDim:
    if (in.c >= refs[in.b].getDims().size())
      return failed("a dimension beyond the tensor's rank");
    i64s[in.a] = refs[in.b].getDims()[in.c];
    return {};
  case Opcode::LoadI64: {
    const Tensor &source = refs[in.b];
    const auto index = uint64_t(i64s[in.c]);
    if (index >= source.getElementCount())
      return failed("a load outside of its tensor");
    if (!loadElement(source, index, i64s[in.a]))
      return failed("a load of an element that is no integer");
    return {};
  }
  case Opcode::StoreI64: {
    Tensor &target = refs[in.a];
    const auto index = uint64_t(i64s[in.b]);
    if (target.getAccess() != Access::ReadWrite)
      return failed("a store to a read-only tensor");
    if (index >= target.getElementCount())
      return failed("a store outside of its tensor");
    if (!isIntegerType(target.getElementType()))
      return failed("a store of an element that is no integer");
    const int64_t value = target.getElementType() == ElementType::I1 ? i64s[in.c] != 0 : i64s[in.c];
    const uint64_t size = getElementSize(target.getElementType());
    std::memcpy(target.getMutableData() + index * size, &value, size);
    return {};
  }
  case Opcode::Fill: {
    Tensor &target = refs[in.a];
    const uint64_t size = getElementSize(target.getElementType());
    if (target.getAccess() != Access::ReadWrite || size > sizeof(int64_t))
      return failed("a fill of a read-only tensor or of elements over 8 bytes");
    fillElements(target.getMutableData(), target.getByteLength(), size, i64s[in.b]);
    return {};
  }
  case Opcode::Copy: {
    Tensor &target = refs[in.a];
    const Tensor &source = refs[in.b];
    if (target.getAccess() != Access::ReadWrite || target.getByteLength() != source.getByteLength())
      return failed("a copy to a read-only tensor or of another length");
    if (source.getByteLength() != 0) // An empty tensor may have no address.
      std::memmove(target.getMutableData(), source.getData(), source.getByteLength());
    return {};
  }
  default: return Status::error(StatusCode::InvalidModule, "opcode 0x%02x is not implemented", in.opcode);
  }
}

Status Machine::failWithMessage(uint32_t message) const {
  return failed(program->module.header->messages()->Get(message)->c_str());
}

Status Machine::executeCheck(const Instruction &in, const Frame &frame) {
  const char *text = program->module.header->messages()->Get(in.d)->c_str();
  const Tensor *refs = frame.refs;
  switch (Opcode(in.opcode)) {
  case Opcode::CheckTrue: return frame.i64s[in.a] != 0 ? Status() : failWithMessage(in.d);
  case Opcode::CheckRange: {
    const int64_t value = frame.i64s[in.a], min = frame.i64s[in.b], max = frame.i64s[in.c];
    if (min <= value && value <= max)
      return {};
    return Status::error(StatusCode::Failed, "%s: %lld is not in %lld to %lld", text, (long long)value, (long long)min,
                         (long long)max);
  }
  case Opcode::CheckType: {
    const Tensor &tensor = refs[in.a];
    if (tensor.getElementType() == ElementType(in.b) && tensor.getDims().size() == in.c)
      return {};
    return Status::error(StatusCode::Failed, "%s: %s of rank %zu, not %s of rank %u", text,
                         getElementName(tensor.getElementType()), tensor.getDims().size(),
                         getElementName(ElementType(in.b)), in.c);
  }
  default: { // CheckDim
    const auto shape = refs[in.a].getDims();
    const int64_t expected = frame.i64s[in.c];
    if (in.b < shape.size() && shape[in.b] == expected)
      return {};
    return Status::error(StatusCode::Failed, "%s: dimension %u is %lld, not %lld", text, in.b,
                         in.b < shape.size() ? (long long)shape[in.b] : -1, (long long)expected);
  }
  }
}

} // namespace torchc::runtime
