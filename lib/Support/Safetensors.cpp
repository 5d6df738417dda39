//===- Safetensors.cpp - files of weights ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/Safetensors.h"
#include "torchc/Support/AtomicFile.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <nlohmann/json.hpp>

using namespace mlir;
using namespace torchc;
using nlohmann::json;

/// The length of the header stands before it.
static constexpr uint64_t kPrefixSize = 8;
/// The format's own limit, which keeps a damaged length from being believed.
static constexpr uint64_t kMaxHeaderSize = 100'000'000;
/// The bytes begin at a multiple of this, so that mapped weights are aligned.
static constexpr uint64_t kAlignment = 64;

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

/// The format's name of a signless element type; empty where it has none.
static StringRef getTypeName(Type type, bool isUnsigned) {
  if (type.isInteger(1))
    return "BOOL";
  if (type.isInteger(8))
    return isUnsigned ? "U8" : "I8";
  if (type.isInteger(16))
    return isUnsigned ? "U16" : "I16";
  if (type.isInteger(32))
    return isUnsigned ? "U32" : "I32";
  if (type.isInteger(64))
    return isUnsigned ? "U64" : "I64";
  if (type.isF16())
    return "F16";
  if (type.isBF16())
    return "BF16";
  if (type.isF32())
    return "F32";
  if (type.isF64())
    return "F64";
  if (isa<Float8E5M2Type>(type))
    return "F8_E5M2";
  if (isa<Float8E4M3FNType>(type))
    return "F8_E4M3";
  if (auto complex = dyn_cast<ComplexType>(type); complex && complex.getElementType().isF32())
    return "C64";
  return "";
}

static Type parseTypeName(StringRef name, MLIRContext *context) {
  Builder builder(context);
  if (name == "BOOL")
    return builder.getI1Type();
  if (name == "I8" || name == "U8")
    return builder.getIntegerType(8);
  if (name == "I16" || name == "U16")
    return builder.getIntegerType(16);
  if (name == "I32" || name == "U32")
    return builder.getIntegerType(32);
  if (name == "I64" || name == "U64")
    return builder.getIntegerType(64);
  if (name == "F16")
    return builder.getF16Type();
  if (name == "BF16")
    return builder.getBF16Type();
  if (name == "F32")
    return builder.getF32Type();
  if (name == "F64")
    return builder.getF64Type();
  if (name == "F8_E5M2")
    return Float8E5M2Type::get(context);
  if (name == "F8_E4M3")
    return Float8E4M3FNType::get(context);
  if (name == "C64")
    return ComplexType::get(builder.getF32Type());
  return {};
}

/// Bytes of one element in memory.
static uint64_t getElementBytes(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * getElementBytes(complex.getElementType());
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error torchc::writeSafetensors(StringRef path, ArrayRef<NamedWeight> weights) {
  // Wide elements first: then each tensor is aligned for its element type.
  SmallVector<const NamedWeight *> order = llvm::to_vector(llvm::make_pointer_range(weights));
  llvm::sort(order, [](const NamedWeight *a, const NamedWeight *b) {
    uint64_t bytesOfA = getElementBytes(a->weight.type.getElementType());
    uint64_t bytesOfB = getElementBytes(b->weight.type.getElementType());
    return bytesOfA != bytesOfB ? bytesOfA > bytesOfB : a < b;
  });

  json header = json::object();
  uint64_t offset = 0;
  for (const NamedWeight *entry : order) {
    StringRef type = getTypeName(entry->weight.type.getElementType(), entry->weight.isUnsigned);
    if (type.empty())
      return llvm::createStringError("safetensors files cannot hold the element type of '" + entry->name + "'");
    uint64_t end = offset + entry->weight.bytes.size();
    header[entry->name] = {{"dtype", type.str()},
                           {"shape", std::vector<int64_t>(entry->weight.type.getShape().vec())},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append(llvm::offsetToAlignment(kPrefixSize + text.size(), llvm::Align(kAlignment)), ' ');

  return writeFileAtomically(path, [&](llvm::raw_ostream &stream) {
    char prefix[kPrefixSize];
    llvm::support::endian::write64le(prefix, text.size());
    stream.write(prefix, kPrefixSize);
    stream << text;
    for (const NamedWeight *entry : order)
      stream.write(reinterpret_cast<const char *>(entry->weight.bytes.data()), entry->weight.bytes.size());
  });
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

/// A tensor of the header before its bytes are looked at.
struct Entry {
  std::string name;
  RankedTensorType type;
  bool isUnsigned;
  uint64_t begin, end;
};

} // namespace

static std::optional<uint64_t> getUnsigned(const json &value) {
  const auto *number = value.get_ptr<const json::number_unsigned_t *>();
  return number ? std::optional<uint64_t>(*number) : std::nullopt;
}

/// Reads `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`.
static llvm::Expected<Entry> readEntry(const std::string &name, const json &value, uint64_t dataSize,
                                       MLIRContext *context) {
  auto fail = [&](const llvm::Twine &message) { return llvm::createStringError("tensor '" + name + "' " + message); };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
    return fail("lacks dtype, shape or data_offsets");
  const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
  Type elementType = dtype.is_string() ? parseTypeName(dtype.get_ref<const std::string &>(), context) : Type();
  if (!elementType)
    return fail("has an unknown dtype");
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    return fail("has no shape or no two data_offsets");

  SmallVector<int64_t> sizes;
  int64_t bytes = getElementBytes(elementType);
  for (const json &element : shape) {
    std::optional<uint64_t> size = getUnsigned(element);
    if (!size || *size > INT64_MAX || llvm::MulOverflow(bytes, static_cast<int64_t>(*size), bytes))
      return fail("has a shape that is no list of sizes, or too large");
    sizes.push_back(*size);
  }
  std::optional<uint64_t> begin = getUnsigned(offsets[0]), end = getUnsigned(offsets[1]);
  if (!begin || !end || *begin > *end || *end > dataSize)
    return fail("lies outside of the file");
  if (*end - *begin != static_cast<uint64_t>(bytes))
    return fail("has another number of bytes than its dtype and shape say");
  bool isUnsigned = dtype.get_ref<const std::string &>().front() == 'U';
  return Entry{name, RankedTensorType::get(sizes, elementType), isUnsigned, *begin, *end};
}

static llvm::Expected<std::vector<NamedWeight>> readBuffer(std::shared_ptr<const llvm::MemoryBuffer> buffer,
                                                           MLIRContext *context) {
  auto fail = [](const llvm::Twine &message) { return llvm::createStringError(message); };
  ArrayRef<uint8_t> bytes = llvm::arrayRefFromStringRef(buffer->getBuffer());
  if (bytes.size() < kPrefixSize)
    return fail("the file is truncated");
  uint64_t headerSize = llvm::support::endian::read64le(bytes.data());
  if (headerSize > kMaxHeaderSize || headerSize > bytes.size() - kPrefixSize)
    return fail("the header is longer than the file");
  ArrayRef<uint8_t> text = bytes.slice(kPrefixSize, headerSize), data = bytes.drop_front(kPrefixSize + headerSize);
  json header = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object())
    return fail("the header is not a JSON object");

  std::vector<Entry> entries;
  for (auto member = header.begin(); member != header.end(); ++member) {
    if (member.key() == "__metadata__")
      continue;
    llvm::Expected<Entry> entry = readEntry(member.key(), *member, data.size(), context);
    if (!entry)
      return entry.takeError();
    entries.push_back(std::move(*entry));
  }
  llvm::sort(entries, [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::vector<NamedWeight> weights;
  uint64_t position = 0;
  for (Entry &entry : entries) {
    if (entry.begin != position)
      return fail("tensor '" + entry.name + "' overlaps another or leaves a gap");
    position = entry.end;
    weights.push_back({std::move(entry.name),
                       {entry.type, data.slice(entry.begin, entry.end - entry.begin), buffer, entry.isUnsigned}});
  }
  if (position != data.size())
    return fail("the file is longer than its tensors");
  return weights;
}

llvm::Expected<std::vector<NamedWeight>> torchc::readSafetensors(StringRef path, MLIRContext *context) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createFileError(path, buffer.getError());
  auto weights = readBuffer(std::move(*buffer), context);
  if (!weights)
    return llvm::createStringError("bad safetensors file " + path + ": " + llvm::toString(weights.takeError()));
  return weights;
}
