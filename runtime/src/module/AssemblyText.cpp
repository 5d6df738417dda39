//===- AssemblyText.cpp - lines of assembly to words ----------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/AssemblyText.h"

#include "module/Assembler.h"

#include <charconv>

namespace torchc::runtime {

namespace {

class LineReader {
public:
  explicit LineReader(std::string_view line) : rest(line) {}

  std::vector<AssemblyItem> readAll(char end) {
    std::vector<AssemblyItem> items;
    while (skipSpace() && rest[0] != end)
      items.push_back(readItem());
    return items;
  }

  bool takeIf(char character) {
    if (rest.empty() || rest[0] != character)
      return false;
    rest.remove_prefix(1);
    return true;
  }

private:
  /// False at the end of the line.
  bool skipSpace() {
    while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r'))
      rest.remove_prefix(1);
    return !rest.empty() && rest[0] != ';';
  }

  AssemblyItem readItem() {
    AssemblyItem item;
    item.text = readWord();
    if (takeIf('=')) {
      item.key = std::exchange(item.text, "");
      item.text = readWord();
    }
    if (!item.text.empty())
      return item;
    if (takeIf('[')) {
      item.kind = AssemblyItem::Kind::List;
      item.elements = readAll(']');
      if (!takeIf(']'))
        throw AssemblyError("a list without its ]");
      return item;
    }
    item.kind = takeIf('@') ? AssemblyItem::Kind::Reference : AssemblyItem::Kind::String;
    if (!takeIf('"'))
      throw AssemblyError("expected a word, a \"string\" or a [list]");
    item.text = readString();
    return item;
  }

  std::string readWord() {
    size_t length = 0;
    while (length < rest.size() && !strchr(" \t\r;=[]\"@", rest[length]))
      ++length;
    std::string word(rest.substr(0, length));
    rest.remove_prefix(length);
    return word;
  }

  std::string readString() {
    std::string text;
    while (!takeIf('"')) {
      if (rest.empty())
        throw AssemblyError("a string without its \"");
      if (rest[0] != '\\') {
        text += rest[0];
        rest.remove_prefix(1);
        continue;
      }
      uint8_t value = 0;
      const auto digits = rest.substr(std::min<size_t>(1, rest.size()), 2);
      const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      if (result.ec != std::errc() || result.ptr != digits.data() + 2)
        throw AssemblyError("an escape in a string is \\ and two hexadecimal digits");
      text += char(value);
      rest.remove_prefix(3);
    }
    return text;
  }

  std::string_view rest;
};

} // namespace

std::vector<AssemblyItem> splitAssemblyLine(std::string_view line) {
  LineReader reader(line);
  auto items = reader.readAll(']');
  if (reader.takeIf(']'))
    throw AssemblyError("a ] without its [");
  return items;
}

std::optional<uint64_t> parseAssemblyNumber(std::string_view text) {
  const bool isNegative = text.starts_with('-');
  text.remove_prefix(isNegative);
  const bool isHex = text.starts_with("0x");
  text.remove_prefix(isHex ? 2 : 0);
  uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, isHex ? 16 : 10);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size())
    return std::nullopt;
  return isNegative ? -value : value;
}

} // namespace torchc::runtime
