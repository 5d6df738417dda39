//===- Safetensors.cpp - files of named tensors ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The format: https://github.com/huggingface/safetensors#format
//
//===----------------------------------------------------------------------===//

#include "io/Safetensors.h"

#include "base/Mapping.h"
#include "base/Shared.h"
#include "io/AtomicFile.h"

#include <algorithm>
#include <cstdio>

namespace torchc::runtime {

/// The length of the header stands before it.
static constexpr uint64_t kPrefixSize = 8;
/// The format's own limit.
static constexpr uint64_t kMaxHeaderSize = 100'000'000;

namespace {

struct TypeName {
  ElementType type;
  const char *name;
};

constexpr TypeName kTypeNames[] = {{ElementType::U8, "U8"},
                                   {ElementType::I8, "I8"},
                                   {ElementType::I16, "I16"},
                                   {ElementType::I32, "I32"},
                                   {ElementType::I64, "I64"},
                                   {ElementType::F16, "F16"},
                                   {ElementType::F32, "F32"},
                                   {ElementType::F64, "F64"},
                                   {ElementType::ComplexF32, "C64"},
                                   {ElementType::I1, "BOOL"},
                                   {ElementType::BF16, "BF16"},
                                   {ElementType::F8E5M2, "F8_E5M2"},
                                   {ElementType::F8E4M3FN, "F8_E4M3"},
                                   {ElementType::U16, "U16"},
                                   {ElementType::U32, "U32"},
                                   {ElementType::U64, "U64"}};

/// A file that lives as long as a tensor of it.
struct SharedMapping : Shared<SharedMapping> {
  Mapping mapping;
};

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// A tensor as the header describes it.
struct Entry {
  Text name;
  ElementType type = ElementType::U8;
  unsigned rank = 0;
  int64_t dims[kMaxRank] = {};
  uint64_t begin = 0, end = 0;
};

/// Reads the header's JSON: one object of objects, so nothing is nested deeper than
/// this code is. Every function returns an error or has moved past what it read.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  Status parse(Array<Entry> &entries) {
    TORCHC_RETURN_IF_ERROR(parseObject([&](Text name) { return parseMember(std::move(name), entries); }));
    skipSpace();
    return next == text.size() ? Status() : fail("something follows the header's object");
  }

private:
  Status fail(const char *what) const {
    return Status::error(StatusCode::InvalidArgument, "%s, at byte %zu of the header", what, next);
  }

  void skipSpace() {
    while (next < text.size() && (text[next] == ' ' || text[next] == '\n' || text[next] == '\r' || text[next] == '\t'))
      ++next;
  }
  bool take(char character) {
    skipSpace();
    if (next == text.size() || text[next] != character)
      return false;
    ++next;
    return true;
  }

  /// `{"name": value, ...}`; `parseValue` takes the name and reads the value.
  template <typename ParseValue> Status parseObject(ParseValue parseValue) {
    if (!take('{'))
      return fail("no object where one must be");
    if (take('}'))
      return {};
    do {
      Text name;
      TORCHC_RETURN_IF_ERROR(parseString(name));
      if (!take(':'))
        return fail("no ':' behind a name");
      TORCHC_RETURN_IF_ERROR(parseValue(std::move(name)));
    } while (take(','));
    return take('}') ? Status() : fail("an object does not end");
  }

  Status parseMember(Text name, Array<Entry> &entries) {
    if (name.get() == "__metadata__")
      return parseObject([&](Text) {
        Text ignored;
        return parseString(ignored);
      });
    Entry entry;
    unsigned seen = 0;
    TORCHC_RETURN_IF_ERROR(parseObject([&](Text key) {
      const unsigned bit = key.get() == "dtype" ? 1 : key.get() == "shape" ? 2 : key.get() == "data_offsets" ? 4 : 0;
      if (bit == 0 || (seen & bit) != 0)
        return fail("a tensor has something else than one dtype, shape and data_offsets");
      seen |= bit;
      return bit == 1 ? parseType(entry) : bit == 2 ? parseShape(entry) : parseOffsets(entry);
    }));
    if (seen != 7)
      return fail("a tensor lacks its dtype, shape or data_offsets");
    entry.name = std::move(name);
    return entries.push(std::move(entry)) ? Status() : Status::outOfMemory();
  }

  Status parseType(Entry &entry) {
    Text name;
    TORCHC_RETURN_IF_ERROR(parseString(name));
    for (const TypeName &known : kTypeNames) {
      if (name.get() != known.name)
        continue;
      entry.type = known.type;
      return {};
    }
    return Status::error(StatusCode::InvalidArgument, "the dtype '%s' is unknown", name.c_str());
  }

  Status parseShape(Entry &entry) {
    return parseNumbers([&](uint64_t dim) {
      if (entry.rank == kMaxRank || dim > uint64_t(INT64_MAX))
        return fail("a tensor has too many dimensions or one that is too large");
      entry.dims[entry.rank++] = int64_t(dim);
      return Status();
    });
  }

  Status parseOffsets(Entry &entry) {
    unsigned count = 0;
    TORCHC_RETURN_IF_ERROR(parseNumbers([&](uint64_t offset) {
      if (count == 2)
        return fail("a tensor has more than two data_offsets");
      (count++ == 0 ? entry.begin : entry.end) = offset;
      return Status();
    }));
    return count == 2 ? Status() : fail("a tensor has fewer than two data_offsets");
  }

  template <typename Visit> Status parseNumbers(Visit visit) {
    if (!take('['))
      return fail("no list where one must be");
    if (take(']'))
      return {};
    do {
      uint64_t number = 0;
      TORCHC_RETURN_IF_ERROR(parseNumber(number));
      TORCHC_RETURN_IF_ERROR(visit(number));
    } while (take(','));
    return take(']') ? Status() : fail("a list does not end");
  }

  Status parseNumber(uint64_t &number) {
    skipSpace();
    const size_t start = next;
    for (; next < text.size() && text[next] >= '0' && text[next] <= '9'; ++next)
      if (__builtin_mul_overflow(number, uint64_t(10), &number) ||
          __builtin_add_overflow(number, uint64_t(text[next] - '0'), &number))
        return fail("a number is too large");
    if (next == start || (text[start] == '0' && next - start > 1))
      return fail("no plain number where one must be");
    return {};
  }

  Status parseString(Text &string) {
    if (!take('"'))
      return fail("no string where one must be");
    while (next < text.size() && text[next] != '"') {
      const char character = text[next++];
      if (static_cast<unsigned char>(character) < ' ')
        return fail("a string holds a control character");
      if (character == '\\')
        TORCHC_RETURN_IF_ERROR(parseEscape(string));
      else if (!string.append(character))
        return Status::outOfMemory();
    }
    return take('"') ? Status() : fail("a string does not end");
  }

  Status parseEscape(Text &string) {
    constexpr std::string_view escapes = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (next == text.size())
      return fail("a string does not end");
    const char character = text[next++];
    if (character == 'u')
      return parseCodePoint(string);
    const size_t which = escapes.find(character);
    if (which == std::string_view::npos)
      return fail("a string has an unknown escape");
    return string.append(meanings[which]) ? Status() : Status::outOfMemory();
  }

  bool takeHex(uint32_t &unit) {
    unit = 0;
    for (unsigned i = 0; i < 4; ++i, ++next) {
      if (next == text.size())
        return false;
      const char digit = text[next];
      if (digit >= '0' && digit <= '9')
        unit = unit * 16 + uint32_t(digit - '0');
      else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
        unit = unit * 16 + uint32_t((digit | 32) - 'a') + 10;
      else
        return false;
    }
    return true;
  }

  /// What follows `\u`, as UTF-8.
  Status parseCodePoint(Text &string) {
    uint32_t code, low;
    if (!takeHex(code))
      return fail("a string has an incomplete escape");
    if (code >= 0xD800 && code < 0xDC00 && next + 1 < text.size() && text[next] == '\\' && text[next + 1] == 'u') {
      next += 2;
      if (!takeHex(low) || low < 0xDC00 || low > 0xDFFF)
        return fail("a string has half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code == 0 || (code >= 0xD800 && code <= 0xDFFF))
      return fail("a string has a character that is none");
    const unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    bool hasMemory = string.append(char(leads[more] | code >> (6 * more)));
    for (unsigned i = more; i-- > 0;)
      hasMemory = hasMemory && string.append(char(0x80 | (code >> (6 * i) & 0x3F)));
    return hasMemory ? Status() : Status::outOfMemory();
  }

  const std::string_view text;
  size_t next = 0;
};

Status invalid(const Entry &entry, const char *what) {
  return Status::error(StatusCode::InvalidArgument, "tensor '%s' %s", entry.name.c_str(), what);
}

/// Tensors lie one behind the other and fill the data; none has another's name.
Status checkEntries(Array<Entry> &entries, uint64_t dataSize) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t position = 0;
  for (const Entry &entry : entries) {
    auto bytes = computeByteLength(entry.type, {entry.dims, entry.rank});
    if (!bytes.isOk())
      return invalid(entry, bytes.getStatus().getMessage());
    if (entry.begin != position || entry.end < entry.begin)
      return invalid(entry, "overlaps another or leaves a gap");
    if (entry.end - entry.begin != *bytes)
      return invalid(entry, "has another number of bytes than its dtype and shape say");
    if (entry.end > dataSize)
      return invalid(entry, "leaves the file");
    position = entry.end;
  }
  if (position != dataSize)
    return Status::error(StatusCode::InvalidArgument, "bytes follow the last tensor");
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.name.get() < b.name.get(); });
  for (size_t i = 1; i < entries.size(); ++i)
    if (entries[i].name.get() == entries[i - 1].name.get())
      return invalid(entries[i], "is there twice");
  return {};
}

Result<Tensor> makeTensor(SharedMapping &file, uint64_t dataOffset, const Entry &entry) {
  auto *data = const_cast<uint8_t *>(file.mapping.getData() + dataOffset + entry.begin);
  file.retain();
  auto tensor = Tensor::borrow(
      data, entry.end - entry.begin, entry.type, {entry.dims, entry.rank}, Access::ReadOnly,
      [](void *context) { static_cast<SharedMapping *>(context)->drop(); }, &file);
  if (!tensor.isOk()) {
    file.drop();
    return Status::error(tensor.getStatus().getCode(), "tensor '%s': %s", entry.name.c_str(),
                         tensor.getStatus().getMessage());
  }
  return tensor;
}

Status readTensors(SharedMapping &file, Array<NamedTensor> &tensors) {
  const uint64_t size = file.mapping.getSize();
  const uint8_t *data = file.mapping.getData();
  uint64_t headerSize = 0;
  if (size >= kPrefixSize)
    std::memcpy(&headerSize, data, kPrefixSize);
  if (size < kPrefixSize || headerSize > kMaxHeaderSize || headerSize > size - kPrefixSize)
    return Status::error(StatusCode::InvalidArgument, "not a safetensors file: no header of its length");
  Array<Entry> entries;
  TORCHC_RETURN_IF_ERROR(
      HeaderParser({reinterpret_cast<const char *>(data) + kPrefixSize, size_t(headerSize)}).parse(entries));
  TORCHC_RETURN_IF_ERROR(checkEntries(entries, size - kPrefixSize - headerSize));
  for (Entry &entry : entries) {
    TORCHC_ASSIGN_OR_RETURN(Tensor tensor, makeTensor(file, kPrefixSize + headerSize, entry));
    if (!tensors.push({std::move(entry.name), std::move(tensor)}))
      return Status::outOfMemory();
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

bool appendNumber(Text &text, uint64_t number) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
  return text.append(digits);
}

bool appendString(Text &text, std::string_view string) {
  bool hasMemory = text.append('"');
  for (char character : string) {
    char escaped[8];
    if (static_cast<unsigned char>(character) < ' ')
      std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned(character));
    else
      std::snprintf(escaped, sizeof escaped, character == '"' || character == '\\' ? "\\%c" : "%c", character);
    hasMemory = hasMemory && text.append(escaped);
  }
  return hasMemory && text.append('"');
}

Status appendEntry(Text &header, const NamedTensor &named, uint64_t offset) {
  const Tensor &tensor = named.tensor;
  const char *type = nullptr;
  for (const TypeName &known : kTypeNames)
    if (known.type == tensor.getElementType())
      type = known.name;
  if (!type)
    return Status::error(StatusCode::InvalidArgument, "tensor '%s': a safetensors file cannot hold %s",
                         named.name.c_str(), getElementName(tensor.getElementType()));
  bool hasMemory = appendString(header, named.name.get()) && header.append(":{\"dtype\":") &&
                   appendString(header, type) && header.append(",\"shape\":[");
  for (size_t i = 0; i < tensor.getDims().size(); ++i)
    hasMemory = hasMemory && (i == 0 || header.append(',')) && appendNumber(header, uint64_t(tensor.getDims()[i]));
  hasMemory = hasMemory && header.append("],\"data_offsets\":[") && appendNumber(header, offset) &&
              header.append(',') && appendNumber(header, offset + tensor.getByteLength()) && header.append("]}");
  return hasMemory ? Status() : Status::outOfMemory();
}

} // namespace

Result<Array<NamedTensor>> mapSafetensors(const char *path) {
  TORCHC_ASSIGN_OR_RETURN(Mapping mapping, Mapping::open(path));
  SharedMapping *file = SharedMapping::create();
  if (!file)
    return Status::outOfMemory();
  file->mapping = std::move(mapping);
  Array<NamedTensor> tensors;
  const Status status = readTensors(*file, tensors);
  file->drop();
  if (!status.isOk())
    return Status::error(status.getCode(), "%s: %s", path, status.getMessage());
  return tensors;
}

Status writeSafetensors(const char *path, std::span<const NamedTensor> tensors) {
  // Wide elements first: then each tensor is aligned for its element type.
  Array<const NamedTensor *> order;
  for (const NamedTensor &tensor : tensors)
    if (!order.push(&tensor))
      return Status::outOfMemory();
  std::sort(order.begin(), order.end(), [](const NamedTensor *a, const NamedTensor *b) {
    const uint64_t sizeOfA = getElementSize(a->tensor.getElementType()),
                   sizeOfB = getElementSize(b->tensor.getElementType());
    return sizeOfA != sizeOfB ? sizeOfA > sizeOfB : a->name.get() < b->name.get();
  });
  Text header;
  bool hasMemory = header.append('{');
  uint64_t offset = 0;
  for (const NamedTensor *tensor : order) {
    hasMemory = hasMemory && (tensor == order[0] || header.append(','));
    TORCHC_RETURN_IF_ERROR(appendEntry(header, *tensor, offset));
    offset += tensor->tensor.getByteLength();
  }
  hasMemory = hasMemory && header.append('}');
  // The data begins at a multiple of 64 of the file.
  while (hasMemory && (kPrefixSize + header.get().size()) % kSectionAlignment != 0)
    hasMemory = header.append(' ');
  if (!hasMemory)
    return Status::outOfMemory();
  AtomicFile file;
  TORCHC_RETURN_IF_ERROR(file.open(path));
  const uint64_t headerSize = header.get().size();
  TORCHC_RETURN_IF_ERROR(file.write(&headerSize, sizeof headerSize));
  TORCHC_RETURN_IF_ERROR(file.write(header.c_str(), headerSize));
  for (const NamedTensor *tensor : order)
    TORCHC_RETURN_IF_ERROR(file.write(tensor->tensor.getData(), tensor->tensor.getByteLength()));
  return file.commit();
}

} // namespace torchc::runtime
