//===- SafetensorsTest.cpp - files of named tensors -----------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "io/Safetensors.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace torchc::runtime::test {
namespace {

class SafetensorsTest : public ::testing::Test {
protected:
  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string read(const std::string &header, const std::string &data = "", uint64_t size = UINT64_MAX) {
    size = size == UINT64_MAX ? header.size() : size;
    std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<char *>(&size), 8) << header << data;
    auto result = mapSafetensors(path.c_str());
    if (result.isOk())
      tensors = result.take();
    std::string message = result.getStatus().getMessage();
    return message.starts_with(path + ": ") ? message.substr(path.size() + 2) : message;
  }

  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "safetensors";
  const std::string path = folder / "x.safetensors";
  Array<NamedTensor> tensors;
};

TEST_F(SafetensorsTest, Reads) {
  const std::string data("\1\0\0\0\2\0\0\0\5", 9);
  EXPECT_EQ(
      read(
          R"( {"__metadata__":{"format":"pt"}, "b\u0301\n\ud83d\ude00" : {"shape":[], "data_offsets":[8,9], "dtype":"BOOL"},
                 "a":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]}}  )" +
              std::string(3, ' '),
          data),
      "tensor 'a': the buffer is not aligned to its 4-byte elements");
  std::string header =
      R"({"b\u0301\n\ud83d\ude00":{"shape":[],"data_offsets":[8,9],"dtype":"U8"},"a":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]},"e":{"dtype":"F64","shape":[0,3],"data_offsets":[9,9]}})";
  header.append(16 - header.size() % 8, ' ');
  ASSERT_EQ(read(header, data), "ok");
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name.get(), "a");
  EXPECT_EQ(tensors[0].tensor.getDims().size(), 2u);
  EXPECT_EQ(reinterpret_cast<const int32_t *>(tensors[0].tensor.getData())[1], 2);
  EXPECT_EQ(tensors[1].name.get(), "b\u0301\n\U0001F600");
  EXPECT_EQ(*tensors[1].tensor.getData(), 5);
  EXPECT_EQ(tensors[2].tensor.getByteLength(), 0u);
  EXPECT_EQ(read("{}"), "ok");
}

TEST_F(SafetensorsTest, RefusesWhatIsNone) {
  EXPECT_EQ(read("{}", "", 3), "not a safetensors file: no header of its length");
  EXPECT_EQ(read("{}", "", UINT64_MAX - 1), "not a safetensors file: no header of its length");
  EXPECT_EQ(read("{}", "x"), "bytes follow the last tensor");
  const std::pair<const char *, const char *> cases[] = {
      {"", "no object where one must be, at byte 0 of the header"},
      {"[]", "no object where one must be, at byte 0 of the header"},
      {"{} x", "something follows the header's object, at byte 3 of the header"},
      {"{", "no string where one must be, at byte 1 of the header"},
      {R"({"a)", "a string does not end, at byte 3 of the header"},
      {R"({"a":{}})", "a tensor lacks its dtype, shape or data_offsets, at byte 7 of the header"},
      {R"({"a":{"dtype":"F31","shape":[],"data_offsets":[0,0]}})", "the dtype 'F31' is unknown"},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,0]}})",
       "a tensor has something else than one dtype, shape and data_offsets, at byte 27 of the header"},
      {R"({"a":{"more":1}})",
       "a tensor has something else than one dtype, shape and data_offsets, at byte 13 of the header"},
      {R"({"a":{"shape":[-1]}})", "no plain number where one must be, at byte 15 of the header"},
      {R"({"a":{"shape":[01]}})", "no plain number where one must be, at byte 17 of the header"},
      {R"({"a":{"shape":[1.5]}})", "a list does not end, at byte 16 of the header"},
      {R"({"a":{"shape":[99999999999999999999]}})", "a number is too large, at byte 34 of the header"},
      {R"({"a":{"shape":[9999999999999999999]}})",
       "a tensor has too many dimensions or one that is too large, at byte 34 of the header"},
      {R"({"a":{"shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}})",
       "a tensor has too many dimensions or one that is too large, at byte 48 of the header"},
      {R"({"a":{"data_offsets":[0,1,2]}})", "a tensor has more than two data_offsets, at byte 27 of the header"},
      {R"({"a":{"data_offsets":[0]}})", "a tensor has fewer than two data_offsets, at byte 24 of the header"},
      {R"({"a\x":{}})", "a string has an unknown escape, at byte 5 of the header"},
      {R"({"\u00":{}})", "a string has an incomplete escape, at byte 6 of the header"},
      {R"({"\u0000":{}})", "a string has a character that is none, at byte 8 of the header"},
      {R"({"\ud800":{}})", "a string has a character that is none, at byte 8 of the header"},
      {R"({"\ud800\u0041":{}})", "a string has half of a surrogate pair, at byte 14 of the header"},
      {"{\"a\nb\":{}}", "a string holds a control character, at byte 4 of the header"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}})",
       "tensor 'a' has another number of bytes than its dtype and shape say"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", "tensor 'a' overlaps another or leaves a gap"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "tensor 'a' leaves the file"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})",
       "tensor 'a' a tensor has more than 2^62 bytes"}};
  for (const auto &[header, message] : cases)
    EXPECT_EQ(read(header), message) << header;
  const char *tensor = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(read(std::string("{") + tensor + "," + tensor + "}", "x"), "tensor 'a' overlaps another or leaves a gap");
  EXPECT_EQ(
      read(
          R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
      "tensor 'a' is there twice");
  EXPECT_EQ(mapSafetensors((folder / "absent").c_str()).getStatus().getCode(), StatusCode::Io);
}

/// Every cut and every changed byte gives an error or tensors inside of the file.
TEST_F(SafetensorsTest, SurvivesDamage) {
  const std::string header =
      R"({"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";
  for (size_t i = 0; i < header.size(); ++i) {
    read(header.substr(0, i), "123456789");
    for (char other : {'\0', '"', '9', '\\', '{', ']'}) {
      std::string damaged = header;
      damaged[i] = other;
      if (read(damaged, "123456789") == "ok")
        for (const NamedTensor &tensor : tensors)
          EXPECT_LE(tensor.tensor.getByteLength(), 9u);
    }
  }
}

TEST_F(SafetensorsTest, WritesWholeFilesOnly) {
  NamedTensor tensors[2];
  ASSERT_TRUE(tensors[0].name.append("b\n\\\"") && tensors[1].name.append("a"));
  tensors[0].tensor = Tensor::allocate(ElementType::U8, std::array<int64_t, 1>{3}).take();
  std::memcpy(tensors[0].tensor.getMutableData(), "xyz", 3);
  tensors[1].tensor = Tensor::allocate(ElementType::F64, {}).take();
  const double value = 2.5;
  std::memcpy(tensors[1].tensor.getMutableData(), &value, 8);
  ASSERT_STREQ(writeSafetensors(path.c_str(), tensors).getMessage(), "ok");
  auto found = mapSafetensors(path.c_str());
  ASSERT_TRUE(found.isOk()) << found.getStatus().getMessage();
  ASSERT_EQ((*found).size(), 2u);
  EXPECT_EQ((*found)[0].tensor.getElementType(), ElementType::F64);
  EXPECT_EQ(std::memcmp((*found)[0].tensor.getData(), &value, 8), 0);
  EXPECT_EQ((*found)[1].name.get(), "b\n\\\"");
  EXPECT_EQ(std::memcmp((*found)[1].tensor.getData(), "xyz", 3), 0);

  tensors[0].tensor = Tensor::allocate(ElementType::ComplexF64, {}).take();
  EXPECT_STREQ(writeSafetensors(path.c_str(), tensors).getMessage(),
               "tensor 'b?\\\"': a safetensors file cannot hold complex<f64>");
  tensors[0].tensor.reset();
  EXPECT_EQ(writeSafetensors((folder / "absent" / "x").c_str(), {tensors + 1, 1}).getCode(), StatusCode::Io);
  EXPECT_EQ(writeSafetensors("/dev/full", {tensors + 1, 1}).getCode(), StatusCode::Io);
  EXPECT_TRUE(std::filesystem::exists("/dev/full"));
  EXPECT_TRUE(mapSafetensors(path.c_str()).isOk());                             // The old file.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1); // And no other.
}

} // namespace
} // namespace torchc::runtime::test
