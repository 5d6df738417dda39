//===- Compare.cpp - holds outputs against what is expected ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compare.h"

#include "Elements.h"
#include "Values.h"

#include <cmath>
#include <cstring>

namespace torchc::runtime {

/// https://docs.pytorch.org/docs/stable/testing.html
static std::pair<double, double> getDefaultTolerance(ElementType type) {
  switch (type) {
  case ElementType::F16: return {1e-3, 1e-5};
  case ElementType::BF16: return {1.6e-2, 1e-5};
  case ElementType::F32:
  case ElementType::ComplexF32: return {1.3e-6, 1e-5};
  case ElementType::F64:
  case ElementType::ComplexF64: return {1e-7, 1e-7};
  default: return {0, 0};
  }
}

static std::string formatIndex(uint64_t item, std::span<const int64_t> dims) {
  std::string text;
  for (size_t d = dims.size(); d-- > 0;) {
    text = std::to_string(item % uint64_t(dims[d])) + (text.empty() ? "" : ",") + text;
    item /= uint64_t(dims[d]);
  }
  return "[" + text + "]";
}

static std::string formatNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string compareTensors(const Tensor &actual, const Tensor &expected, const Tolerance &tolerance) {
  const ElementType type = actual.getElementType();
  const auto dims = actual.getDims();
  if (type != expected.getElementType() ||
      !std::equal(dims.begin(), dims.end(), expected.getDims().begin(), expected.getDims().end()))
    return "is " + formatType(type, dims) + ", expected " + formatType(expected.getElementType(), expected.getDims());
  const bool isApproximate = isFloatType(type) || isComplexType(type);
  const auto [relative, absolute] = getDefaultTolerance(type);
  const double rtol = tolerance.relative.value_or(relative), atol = tolerance.absolute.value_or(absolute);
  const uint64_t size = getElementSize(type);
  uint64_t wrong = 0, first = 0, worst = 0;
  double largest = -1;
  for (uint64_t i = 0; i < actual.getElementCount(); ++i) {
    if (std::memcmp(actual.getData() + i * size, expected.getData() + i * size, size) == 0)
      continue;
    const std::complex<double> a = getElement(actual, i), e = getElement(expected, i);
    double difference = std::abs(a - e);
    const bool areNan = std::isnan(a.real()) && std::isnan(e.real());
    const bool isClose = a == e || areNan || difference <= atol + rtol * std::abs(e);
    if (isApproximate && isClose && !(std::isinf(difference) && a != e))
      continue;
    if (std::isnan(difference))
      difference = INFINITY;
    if (wrong++ == 0)
      first = i;
    if (difference > largest) {
      largest = difference;
      worst = i;
    }
  }
  if (wrong == 0)
    return {};
  return std::to_string(wrong) + " of " + std::to_string(actual.getElementCount()) + " elements differ; first at " +
         formatIndex(first, dims) + ": " + formatElement(actual, first) + ", expected " +
         formatElement(expected, first) + "; largest difference " + formatNumber(largest) + " at " +
         formatIndex(worst, dims);
}

} // namespace torchc::runtime
