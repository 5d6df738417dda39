//===- Npy.cpp - numpy's .npy files ---------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Npy.h"

#include "base/Mapping.h"

#include <cstdio>
#include <string_view>

namespace torchc::runtime {

bool isNumpyType(ElementType type) {
  return type != ElementType::BF16 && type != ElementType::F8E5M2 && type != ElementType::F8E4M3FN;
}

namespace {

struct Header {
  std::string_view descr;
  bool isColumnMajor = false;
  int64_t dims[kMaxRank];
  unsigned rank = 0;
};

/// The header is a Python dict literal of three entries:
/// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
public:
  HeaderParser(std::string_view text, Header &header) : text(text), header(header) {}

  /// nullptr, or what is wrong.
  const char *parse() {
    if (!take('{'))
      return "its header is no dict";
    unsigned seen = 0;
    while (!take('}')) {
      std::string_view key;
      if (!takeString(key) || !take(':'))
        return "its header is malformed";
      unsigned entry = 0;
      if (key == "descr") {
        entry = 1;
        if (!takeString(header.descr))
          return "it holds structures, not numbers";
      } else if (key == "fortran_order") {
        entry = 2;
        if (!takeBool(header.isColumnMajor))
          return "its fortran_order is neither True nor False";
      } else if (key == "shape") {
        entry = 4;
        if (const char *problem = takeShape())
          return problem;
      }
      if (entry == 0 || (seen & entry))
        return "its header has an entry too many";
      seen |= entry;
      if (!take(',') && (skipSpace(), text.empty() || text[0] != '}'))
        return "its header is malformed";
    }
    skipSpace();
    return seen != 7 ? "its header lacks an entry" : text.empty() ? nullptr : "text follows its header";
  }

private:
  void skipSpace() {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\n'))
      text.remove_prefix(1);
  }
  bool take(char character) {
    skipSpace();
    if (text.empty() || text[0] != character)
      return false;
    text.remove_prefix(1);
    return true;
  }
  bool takeString(std::string_view &value) {
    skipSpace();
    if (text.empty() || (text[0] != '\'' && text[0] != '"'))
      return false;
    const size_t end = text.find(text[0], 1);
    if (end == std::string_view::npos)
      return false;
    value = {text.data() + 1, end - 1};
    text.remove_prefix(end + 1);
    return true;
  }
  bool takeBool(bool &value) {
    skipSpace();
    value = takeWord("True");
    return value || takeWord("False");
  }
  /// starts_with would link the C++ library: it may throw.
  bool takeWord(std::string_view word) {
    if (text.size() < word.size() || std::memcmp(text.data(), word.data(), word.size()) != 0)
      return false;
    text.remove_prefix(word.size());
    return true;
  }
  const char *takeShape() {
    if (!take('('))
      return "its shape is no tuple";
    while (!take(')')) {
      skipSpace();
      uint64_t dim = 0;
      size_t digits = 0;
      for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
        if (__builtin_mul_overflow(dim, 10, &dim) || __builtin_add_overflow(dim, uint64_t(text[digits] - '0'), &dim) ||
            dim > INT64_MAX)
          return "a dimension of its shape is too large";
      if (digits == 0)
        return "its shape is malformed";
      if (header.rank == kMaxRank)
        return "it has more than 16 dimensions";
      header.dims[header.rank++] = int64_t(dim);
      text.remove_prefix(digits);
      if (text.starts_with('L')) // Python 2 wrote longs.
        text.remove_prefix(1);
      if (!take(',') && (skipSpace(), text.empty() || text[0] != ')'))
        return "its shape is malformed";
    }
    return nullptr;
  }

  std::string_view text;
  Header &header;
};

constexpr std::string_view getNumpyName(ElementType type) {
  switch (type) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  case ElementType::NAME: return NPY;
#include "ElementTypes.def"
  }
  return "";
}

bool findType(std::string_view descr, ElementType &type) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  if (descr == NPY && isNumpyType(ElementType::NAME)) {                                                                \
    type = ElementType::NAME;                                                                                          \
    return true;                                                                                                       \
  }
#include "ElementTypes.def"
  return false;
}

/// Copies a column-major array to row-major order.
void transpose(const uint8_t *from, uint8_t *to, std::span<const int64_t> dims, uint64_t size, uint64_t count) {
  int64_t index[kMaxRank] = {};
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t offset = 0;
    for (size_t d = dims.size(); d-- > 0;)
      offset = offset * uint64_t(dims[d]) + uint64_t(index[d]);
    std::memcpy(to + i * size, from + offset * size, size);
    for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];)
      index[d] = 0;
  }
}

} // namespace

Result<Tensor> parseNpy(std::span<const uint8_t> bytes, const char *name, std::optional<ElementType> wanted) {
  auto fail = [&](const char *problem) {
    return Status::error(StatusCode::InvalidArgument, "%s: not a usable .npy file: %s", name, problem);
  };
  if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
    return fail("it does not begin as one");
  const unsigned version = bytes[6];
  if (version < 1 || version > 3)
    return fail("its version is not 1, 2 or 3");
  const size_t start = version == 1 ? 10 : 12;
  uint32_t length = 0;
  if (bytes.size() < start)
    return fail("its header is cut short");
  std::memcpy(&length, bytes.data() + 8, start - 8);
  if (length > bytes.size() - start)
    return fail("its header is cut short");
  Header header;
  HeaderParser parser({reinterpret_cast<const char *>(bytes.data()) + start, length}, header);
  if (const char *problem = parser.parse())
    return fail(problem);
  ElementType type;
  if (wanted && header.descr == getNumpyName(*wanted))
    type = *wanted;
  else if (!findType(header.descr, type) || wanted)
    return Status::error(StatusCode::InvalidArgument, "%s: its elements are '%.*s'%s%s", name, int(header.descr.size()),
                         header.descr.data(), wanted ? ", which do not fit " : ", which torchc does not read",
                         wanted ? getElementName(*wanted) : "");
  const std::span<const int64_t> dims(header.dims, header.rank);
  const auto data = bytes.subspan(start + length);
  const auto needed = computeByteLength(type, dims);
  if (!needed.isOk() || *needed != data.size())
    return fail("the size of its data does not fit its shape");
  TORCHC_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(type, dims));
  if (header.isColumnMajor)
    transpose(data.data(), tensor.getMutableData(), dims, getElementSize(type), tensor.getElementCount());
  else if (!data.empty())
    std::memcpy(tensor.getMutableData(), data.data(), data.size());
  if (type == ElementType::I1)
    for (uint8_t &byte : std::span(tensor.getMutableData(), data.size()))
      byte = byte != 0;
  return tensor;
}

Result<Tensor> readNpy(const char *path, std::optional<ElementType> type) {
  TORCHC_ASSIGN_OR_RETURN(const Mapping file, Mapping::open(path));
  return parseNpy({file.getData(), file.getSize()}, path, type);
}

size_t formatNpyHeader(const Tensor &tensor, std::span<char, 512> header) {
  const std::string_view descr = getNumpyName(tensor.getElementType());
  char *text = header.data() + 10;
  size_t length = size_t(std::snprintf(text, header.size() - 10, "{'descr': '%.*s', 'fortran_order': False, 'shape': (",
                                       int(descr.size()), descr.data()));
  for (int64_t dim : tensor.getDims())
    length += size_t(std::snprintf(text + length, header.size() - 10 - length, "%lld, ", (long long)dim));
  length += size_t(std::snprintf(text + length, header.size() - 10 - length, "), }"));
  while ((10 + length + 1) % 64 != 0)
    text[length++] = ' ';
  text[length++] = '\n';
  std::memcpy(header.data(), "\x93NUMPY\x01\x00", 8);
  const auto size = uint16_t(length);
  std::memcpy(header.data() + 8, &size, sizeof size);
  return 10 + length;
}

} // namespace torchc::runtime
