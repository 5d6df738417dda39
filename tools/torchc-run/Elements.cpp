//===- Elements.cpp - numbers of every element type as text ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elements.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace torchc::runtime {

namespace {

/// A binary float of at most 16 bits. `hasInfinity` is false for f8E4M3FN, whose
/// largest exponent holds numbers, and NaN only where all bits are set.
struct SmallFloat {
  int exponentBits, mantissaBits;
  bool hasInfinity;

  int bias() const { return (1 << (exponentBits - 1)) - 1; }
  unsigned exponentMask() const { return (1u << exponentBits) - 1; }
  unsigned mantissaMask() const { return (1u << mantissaBits) - 1; }
  unsigned infinity() const { return exponentMask() << mantissaBits; }
  unsigned nan() const { return hasInfinity ? infinity() | 1u << (mantissaBits - 1) : infinity() | mantissaMask(); }

  double decode(unsigned bits) const {
    const double sign = bits >> (exponentBits + mantissaBits) & 1 ? -1 : 1;
    const unsigned exponent = bits >> mantissaBits & exponentMask(), mantissa = bits & mantissaMask();
    if (exponent == exponentMask() && (hasInfinity || mantissa == mantissaMask()))
      return hasInfinity && mantissa == 0 ? sign * INFINITY : NAN;
    const double fraction = exponent == 0 ? mantissa : mantissa + double(1 << mantissaBits);
    return sign * std::ldexp(fraction, int(exponent == 0 ? 1 : exponent) - bias() - mantissaBits);
  }

  unsigned encode(double value) const {
    const unsigned sign = std::signbit(value) ? 1u << (exponentBits + mantissaBits) : 0;
    if (std::isnan(value))
      return nan();
    value = std::fabs(value);
    if (std::isinf(value))
      return sign | (hasInfinity ? infinity() : nan());
    // Multiples of the unit in the last place, rounded to even; the carry of a
    // mantissa runs over into the exponent.
    const int exponent = value == 0 ? 1 - bias() : std::max(std::ilogb(value), 1 - bias());
    const auto units = unsigned(std::nearbyint(std::ldexp(value, mantissaBits - exponent)));
    const unsigned bits = (unsigned(exponent + bias() - 1) << mantissaBits) + units;
    if (bits >= (hasInfinity ? infinity() : nan()))
      return sign | (hasInfinity ? infinity() : nan());
    return sign | bits;
  }
};

std::optional<SmallFloat> getSmallFloat(ElementType type) {
  switch (type) {
  case ElementType::F16: return SmallFloat{5, 10, true};
  case ElementType::BF16: return SmallFloat{8, 7, true};
  case ElementType::F8E5M2: return SmallFloat{5, 2, true};
  case ElementType::F8E4M3FN: return SmallFloat{4, 3, false};
  default: return std::nullopt;
  }
}

template <typename T> T load(const Tensor &tensor, uint64_t index, uint64_t part = 0, uint64_t parts = 1) {
  T value;
  std::memcpy(&value, tensor.getData() + (index * parts + part) * sizeof(T), sizeof(T));
  return value;
}

/// Calls `use` with a value of the C++ type of an integer element type.
template <typename Use> auto withIntegerType(ElementType type, Use use) {
  switch (type) {
  case ElementType::I8: return use(int8_t());
  case ElementType::I16: return use(int16_t());
  case ElementType::I32: return use(int32_t());
  case ElementType::I64: return use(int64_t());
  case ElementType::U16: return use(uint16_t());
  case ElementType::U32: return use(uint32_t());
  case ElementType::U64: return use(uint64_t());
  default: return use(uint8_t());
  }
}

template <typename T> std::string toText(T value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <typename T> bool fromText(std::string_view &text, T &value) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(size_t(result.ptr - text.data()));
  return result.ec == std::errc();
}

template <typename T> bool parseFloat(std::string_view text, T &value) { return fromText(text, value) && text.empty(); }

template <typename T> bool parseComplex(std::string_view text, uint8_t *to) {
  T parts[2] = {0, 0};
  if (!fromText(text, parts[0]))
    return false;
  if (text == "j")
    std::swap(parts[0], parts[1]);
  else if (!text.empty() && (!fromText(text, parts[1]) || text != "j"))
    return false;
  std::memcpy(to, parts, sizeof parts);
  return true;
}

} // namespace

bool isFloatType(ElementType type) {
  return getSmallFloat(type) || type == ElementType::F32 || type == ElementType::F64;
}

bool isComplexType(ElementType type) { return type == ElementType::ComplexF32 || type == ElementType::ComplexF64; }

std::optional<ElementType> parseElementType(std::string_view name) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  if (name == SPELLING)                                                                                                \
    return ElementType::NAME;
#include "ElementTypes.def"
  return std::nullopt;
}

std::complex<double> getElement(const Tensor &tensor, uint64_t index) {
  const ElementType type = tensor.getElementType();
  if (const auto small = getSmallFloat(type))
    return small->decode(getElementSize(type) == 2 ? load<uint16_t>(tensor, index) : load<uint8_t>(tensor, index));
  switch (type) {
  case ElementType::F32: return load<float>(tensor, index);
  case ElementType::F64: return load<double>(tensor, index);
  case ElementType::ComplexF32: return {load<float>(tensor, index, 0, 2), load<float>(tensor, index, 1, 2)};
  case ElementType::ComplexF64: return {load<double>(tensor, index, 0, 2), load<double>(tensor, index, 1, 2)};
  default: return withIntegerType(type, [&]<typename T>(T) { return double(load<T>(tensor, index)); });
  }
}

std::string formatElement(const Tensor &tensor, uint64_t index) {
  const ElementType type = tensor.getElementType();
  switch (type) {
  case ElementType::I1: return load<uint8_t>(tensor, index) ? "true" : "false";
  case ElementType::F64: return toText(load<double>(tensor, index));
  case ElementType::ComplexF32:
  case ElementType::ComplexF64: {
    const std::complex<double> value = getElement(tensor, index);
    auto part = [&](double x) { return type == ElementType::ComplexF32 ? toText(float(x)) : toText(x); };
    return part(value.real()) + (std::signbit(value.imag()) ? "" : "+") + part(value.imag()) + "j";
  }
  default: break;
  }
  if (isFloatType(type))
    return toText(float(getElement(tensor, index).real()));
  return withIntegerType(type, [&]<typename T>(T) { return toText(load<T>(tensor, index)); });
}

bool parseElement(std::string_view text, ElementType type, uint8_t *to) {
  if (const auto small = getSmallFloat(type)) {
    double value;
    if (!parseFloat(text, value))
      return false;
    const unsigned bits = small->encode(value);
    std::memcpy(to, &bits, getElementSize(type));
    return true;
  }
  switch (type) {
  case ElementType::I1:
    *to = text == "true" || text == "True" || text == "1";
    return *to || text == "false" || text == "False" || text == "0";
  case ElementType::F32:
  case ElementType::F64: {
    double wide;
    float narrow;
    if (type == ElementType::F64 ? !parseFloat(text, wide) : !parseFloat(text, narrow))
      return false;
    std::memcpy(to, type == ElementType::F64 ? static_cast<void *>(&wide) : &narrow, getElementSize(type));
    return true;
  }
  case ElementType::ComplexF32: return parseComplex<float>(text, to);
  case ElementType::ComplexF64: return parseComplex<double>(text, to);
  default:
    return withIntegerType(type, [&]<typename T>(T value) {
      if (!fromText(text, value) || !text.empty())
        return false;
      std::memcpy(to, &value, sizeof value);
      return true;
    });
  }
}

} // namespace torchc::runtime
