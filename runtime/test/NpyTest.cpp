//===- NpyTest.cpp - numpy's .npy files -----------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Npy.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace torchc::runtime {
namespace {

std::vector<uint8_t> makeFile(std::string header, size_t dataBytes) {
  std::vector<uint8_t> bytes = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, uint8_t(header.size()), uint8_t(header.size() >> 8)};
  bytes.insert(bytes.end(), header.begin(), header.end());
  for (size_t i = 0; i < dataBytes; ++i)
    bytes.push_back(uint8_t(i));
  return bytes;
}

std::string getError(const std::string &header, size_t dataBytes, std::optional<ElementType> type = std::nullopt) {
  return parseNpy(makeFile(header, dataBytes), "x", type).getStatus().getMessage();
}

TEST(Npy, RoundTrip) {
  const std::pair<ElementType, ElementType> types[] = {{ElementType::F32, ElementType::F32},
                                                       {ElementType::I1, ElementType::I1},
                                                       {ElementType::BF16, ElementType::U16},
                                                       {ElementType::F8E5M2, ElementType::U8},
                                                       {ElementType::ComplexF64, ElementType::ComplexF64},
                                                       {ElementType::U64, ElementType::U64}};
  for (auto [written, read] : types)
    for (const std::vector<int64_t> &dims :
         {std::vector<int64_t>{}, {3}, {2, 0}, {2, 3}, std::vector<int64_t>(16, 1)}) {
      Tensor tensor = Tensor::allocate(written, dims).take();
      std::memset(tensor.getMutableData(), 1, tensor.getByteLength());
      char header[512];
      const size_t size = formatNpyHeader(tensor, header);
      EXPECT_EQ(size % 64, 0u);
      std::vector<uint8_t> file(header, header + size);
      file.insert(file.end(), tensor.getData(), tensor.getData() + tensor.getByteLength());
      auto result = parseNpy(file, "x");
      ASSERT_TRUE(result.isOk()) << result.getStatus().getMessage();
      EXPECT_EQ(result->getElementType(), read);
      EXPECT_TRUE(std::ranges::equal(result->getDims(), dims));
      EXPECT_EQ(std::memcmp(result->getData(), tensor.getData(), tensor.getByteLength()), 0);
      auto typed = parseNpy(file, "x", written);
      ASSERT_TRUE(typed.isOk());
      EXPECT_EQ(typed->getElementType(), written);
    }
}

TEST(Npy, TransposesColumnMajor) {
  auto result = parseNpy(makeFile("{'shape': (2, 3), 'descr': '|u1', 'fortran_order': True}", 6), "x");
  ASSERT_TRUE(result.isOk()) << result.getStatus().getMessage();
  const std::vector<uint8_t> expected = {0, 2, 4, 1, 3, 5};
  EXPECT_TRUE(std::ranges::equal(std::span(result->getData(), 6), expected));
}

TEST(Npy, NormalisesBools) {
  auto result = parseNpy(makeFile("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", 3), "x");
  ASSERT_TRUE(result.isOk());
  EXPECT_EQ(result->getData()[2], 1);
}

TEST(Npy, SaysWhatIsWrong) {
  EXPECT_EQ(getError("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8), "ok");
  EXPECT_EQ(getError("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9),
            "x: not a usable .npy file: the size of its data does not fit its shape");
  EXPECT_EQ(getError("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 4), }", 8),
            "x: not a usable .npy file: the size of its data does not fit its shape");
  EXPECT_EQ(getError("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8),
            "x: not a usable .npy file: a dimension of its shape is too large");
  EXPECT_EQ(getError("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8),
            "x: its elements are '>f4', which torchc does not read");
  EXPECT_EQ(getError("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8, ElementType::F64),
            "x: its elements are '<f4', which do not fit f64");
  EXPECT_EQ(getError("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8),
            "x: not a usable .npy file: it holds structures, not numbers");
  EXPECT_EQ(getError("{'descr': '<f4', 'shape': (2,), }", 8), "x: not a usable .npy file: its header lacks an entry");
  EXPECT_EQ(getError("{'descr': '<f4', 'descr': '<f4'}", 8),
            "x: not a usable .npy file: its header has an entry too many");
  EXPECT_EQ(getError("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8),
            "x: not a usable .npy file: its shape is malformed");
  EXPECT_EQ(getError("{'descr': '<f4", 8), "x: not a usable .npy file: it holds structures, not numbers");
  EXPECT_EQ(getError("", 8), "x: not a usable .npy file: its header is no dict");
}

TEST(Npy, SurvivesTruncationsAndEdits) {
  auto bytes = makeFile("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parseNpy(std::vector<uint8_t>(bytes.begin(), bytes.begin() + ptrdiff_t(size)), "x").isOk()) << size;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (unsigned value = 0; value < 256; ++value) {
      auto copy = bytes;
      copy[i] = uint8_t(value);
      (void)parseNpy(copy, "x").isOk();
    }
  EXPECT_EQ(readNpy("/nonexistent.npy").getStatus().getCode(), StatusCode::Io);
}

} // namespace
} // namespace torchc::runtime
