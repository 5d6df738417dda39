//===- ElfImageTest.cpp - the loader of kernel libraries ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/ElfImage.h"

#include "ModuleBuilder.h"
#include "executable/CpuFeatures.h"

#include <elf.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace torchc::runtime::test {
namespace {

std::vector<uint8_t> readFile(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status load(const std::vector<uint8_t> &bytes, size_t kernels = 4) {
  const AlignedBytes aligned(bytes);
  return ElfImage::load(aligned.get(), kernels).takeStatus();
}

TEST(ElfImage, RunsAKernel) {
  const AlignedBytes bytes(readFile(TORCHC_TEST_KERNELS));
  auto image = ElfImage::load(bytes.get(), 4);
  ASSERT_TRUE(image.isOk()) << image.getStatus().getMessage();
  ASSERT_EQ(image->getKernels().size(), 4u);
  int32_t out[6] = {};
  void *bindings[] = {out};
  const uint64_t lengths[] = {sizeof out};
  const torchc_args args = {bindings, lengths, nullptr, {3, 2, 1}, 1, 0};
  const torchc_env env = {sizeof env, 0, 1};
  EXPECT_EQ(image->getKernels()[1].run(&env, &args, 2, 1, 0, nullptr), 0);
  EXPECT_EQ(out[5], 6);
  const int64_t constants[] = {10, 1, 1, 5, 42};
  const torchc_args failing = {nullptr, nullptr, constants, {10, 1, 1}, 0, 5};
  int64_t extents[3];
  image->getKernels()[2].grid(constants, extents);
  EXPECT_EQ(extents[0], 10);
  EXPECT_EQ(image->getKernels()[2].run(&env, &failing, 4, 0, 0, nullptr), 0);
  EXPECT_EQ(image->getKernels()[2].run(&env, &failing, 5, 0, 0, nullptr), 42);
}

TEST(ElfImage, RefusesWhatKernelsMayNotHave) {
  EXPECT_STREQ(load(readFile(TORCHC_TEST_KERNELS), 3).getMessage(),
               "kernel library: its kernel table does not fit the module");
  EXPECT_STREQ(load(readFile(TORCHC_TEST_BAD_KERNELS)).getMessage(), "kernel library: undefined symbol 'expf'");
  EXPECT_STREQ(load({1, 2, 3}).getMessage(), "kernel library: not a 64-bit ELF shared object");
  auto bytes = readFile(TORCHC_TEST_KERNELS);
  reinterpret_cast<Elf64_Ehdr *>(bytes.data())->e_machine = EM_PPC64;
  EXPECT_STREQ(load(bytes).getMessage(), "kernel library: its machine is not this one");
}

TEST(ElfImage, SurvivesTruncationsAndEdits) {
  const auto original = readFile(TORCHC_TEST_KERNELS);
  for (size_t size = 0; size < original.size(); size += 37)
    (void)load({original.begin(), original.begin() + ptrdiff_t(size)});
  auto bytes = original;
  unsigned refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (uint8_t value : {0x00, 0x7F, 0xFF}) {
      const uint8_t old = std::exchange(bytes[i], value);
      refused += !load(bytes).isOk();
      bytes[i] = old;
    }
  EXPECT_GT(refused, 100u);
  EXPECT_TRUE(load(bytes).isOk());
}

TEST(CpuFeatures, KnowsThisCpu) {
  EXPECT_FALSE(hasCpuFeature("telepathy"));
#if defined(__x86_64__)
  EXPECT_TRUE(hasCpuFeature("sse2"));
#define EXPECT_FEATURE(name) EXPECT_EQ(hasCpuFeature(name), bool(__builtin_cpu_supports(name))) << name
  EXPECT_FEATURE("cmov");
  EXPECT_FEATURE("sse4.2");
  EXPECT_FEATURE("popcnt");
  EXPECT_FEATURE("avx2");
  EXPECT_FEATURE("bmi2");
  EXPECT_FEATURE("fma");
  EXPECT_FEATURE("avx512f");
  EXPECT_FEATURE("avx512vl");
  EXPECT_FEATURE("avx512vbmi2");
  EXPECT_FEATURE("vpclmulqdq");
  EXPECT_FEATURE("sse4a");
#undef EXPECT_FEATURE
  for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
    EXPECT_FALSE(getLevelFeatures(level).empty()) << level;
  EXPECT_NE(getLevelFeatures("x86-64-v3").find("avx2"), std::string_view::npos);
  EXPECT_TRUE(getLevelFeatures("znver3").empty());
#endif
}

} // namespace
} // namespace torchc::runtime::test
