//===- Text.cpp - numbers and tables for people ---------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Text.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace torchc::runtime {

std::string format(const char *pattern, ...) {
  va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  std::string text(size_t(std::vsnprintf(nullptr, 0, pattern, arguments)), 0);
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  va_end(arguments);
  return text;
}

std::string formatSize(uint64_t bytes) {
  if (bytes < 10'000)
    return format("%llu B", (unsigned long long)bytes);
  if (bytes < 10'000'000)
    return format("%.1f kB", double(bytes) / 1e3);
  return bytes < 10'000'000'000 ? format("%.1f MB", double(bytes) / 1e6) : format("%.1f GB", double(bytes) / 1e9);
}

std::string formatTable(const std::vector<std::vector<std::string>> &rows, const std::vector<bool> &isNumber) {
  std::vector<size_t> widths(isNumber.size());
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto &row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += (i ? "  " : "") + (isNumber[i] ? space + row[i] : row[i] + space);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string formatType(ElementType type, std::span<const int64_t> dims, const Program *program, unsigned function) {
  std::string text;
  for (int64_t dim : dims) {
    if (dim >= 0)
      text += std::to_string(dim);
    else if (program && dim != INT64_MIN)
      text += program->getSymbol(function, unsigned(-1 - dim)).name;
    else
      text += '?';
    text += 'x';
  }
  return text + getElementName(type);
}

} // namespace torchc::runtime
