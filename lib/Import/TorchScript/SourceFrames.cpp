//===- SourceFrames.cpp - where in the user's Python a node comes from ----===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SourceFrames.h"

#include <algorithm>
#include <sstream>

using namespace torchc;

/// Reads a Python stack as the tracer writes it, innermost first:
///   /home/me/model.py(27): forward
///   /usr/lib/python3/.../module.py(1520): _call_impl
static std::vector<SourceFrame> parseTracedStack(const std::string &text) {
  std::vector<SourceFrame> frames;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t close = line.rfind("): ");
    size_t open = close == std::string::npos ? close : line.rfind('(', close);
    if (open == std::string::npos || open == 0 || open + 1 == close)
      continue;
    std::string number = line.substr(open + 1, close - open - 1);
    if (!std::all_of(number.begin(), number.end(), ::isdigit) || number.size() > 9)
      continue;
    frames.push_back({line.substr(0, open), std::stoll(number), line.substr(close + 3)});
  }
  std::reverse(frames.begin(), frames.end());
  return frames;
}

std::vector<SourceFrame> torchscript::getSourceFrames(const torch::jit::Node *node, const std::string &function) {
  torch::jit::SourceRange range = node->sourceRange();
  if (!range.source())
    return {};
  if (auto original = range.source()->findSourceRangeThatGenerated(range))
    range = *original;
  if (auto position = range.file_line_col()) {
    auto &[file, line, column] = *position;
    // Neither the serialised module's own text nor libtorch's functions in
    // TorchScript are what the user wrote.
    if (file.empty() || file.starts_with("code/") || file == "<string>")
      return {};
    return {{file, static_cast<int64_t>(line), function}};
  }
  return parseTracedStack(range.text().str());
}
