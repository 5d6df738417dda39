//===- KernelLibraryTest.cpp - which kernels a CPU gets -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/KernelLibrary.h"

#include "ModuleBuilder.h"
#include "torchc/runtime/Program.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace torchc::runtime::test {
namespace {

std::vector<std::string> available;
bool isAvailable(std::string_view feature) {
  return std::find(available.begin(), available.end(), feature) != available.end();
}

class ChooseLibrary : public ::testing::Test {
protected:
  void SetUp() override {
    builder.addKernel("k", 0, 0, 0);
    builder.addLibrary("best", {"one", "two"}, {1});
    builder.addLibrary("good", {"one"}, {2});
    builder.addLibrary("x86-64-v2", {}, {3});
    flatbuffers::FlatBufferBuilder packed;
    for (auto &library : builder.module.libraries)
      library->object = std::make_unique<schema::Section>(0, 0, 0);
    for (auto *section : {&builder.module.bytecode, &builder.module.operand_lists, &builder.module.constant_data,
                          &builder.module.debug_info})
      *section = std::make_unique<schema::Section>(0, 0, 0);
    packed.Finish(schema::Module::Pack(packed, &builder.module));
    bytes.assign(packed.GetBufferPointer(), packed.GetBufferPointer() + packed.GetSize());
  }

  /// The ordinal of the library, or the error.
  std::string choose(std::vector<std::string> features, std::string_view variant = {}) {
    available = std::move(features);
    auto result = chooseLibrary(*flatbuffers::GetRoot<schema::Module>(bytes.data()), variant, isAvailable);
    return result.isOk() ? std::to_string(*result) : result.getStatus().getMessage();
  }

  ModuleBuilder builder;
  std::vector<uint8_t> bytes;
};

const std::vector<std::string> kLevel2 = {"cx16", "sahf", "popcnt", "sse3", "ssse3", "sse4.1", "sse4.2"};

TEST_F(ChooseLibrary, TakesTheFirstThatTheCpuCanRun) {
  EXPECT_EQ(choose({"one", "two"}), "0");
  EXPECT_EQ(choose({"one"}), "1");
#if defined(__x86_64__)
  EXPECT_EQ(choose(kLevel2), "2");
#endif
}

TEST_F(ChooseLibrary, NamesWhatIsMissing) {
#if defined(__x86_64__)
  // A level demands its features, whatever the file lists.
  EXPECT_EQ(choose({"two", "cx16", "sahf", "popcnt", "sse3", "ssse3"}),
            "compiled for x86-64-v2; this CPU lacks sse4.1 sse4.2");
#endif
  EXPECT_EQ(choose({"one"}, "best"), "compiled for best; this CPU lacks two");
}

TEST_F(ChooseLibrary, TakesTheVariantThatIsAskedFor) {
  EXPECT_EQ(choose({"one", "two"}, "good"), "1");
  EXPECT_EQ(choose({"one", "two"}, "worst"), "no variant 'worst'; there are: best good x86-64-v2");
}

TEST(KernelLibrary, ListsWhatIsChosen) {
  ModuleBuilder builder;
  for (const char *name : {"add_constant", "number_groups", "fail_from", "sum_row"})
    builder.addKernel(name, 0, 0, 0);
  std::ifstream file(TORCHC_TEST_KERNELS, std::ios::binary);
  const std::vector<uint8_t> kernels{std::istreambuf_iterator<char>(file), {}};
  builder.addLibrary("of the future", {"telepathy"}, kernels);
  builder.addLibrary("plain", {}, kernels);
  builder.addLibrary("other", {}, kernels);
  const auto load = [&](const char *variant, bool loadKernels) {
    LoadOptions options;
    options.variant = variant;
    options.loadKernels = loadKernels;
    return Program::copyBytes(builder.build(), options);
  };
  for (bool loadKernels : {false, true}) {
    const Program program = load(nullptr, loadKernels).take();
    EXPECT_FALSE(program.getLibrary(0).isChosen);
    EXPECT_TRUE(program.getLibrary(1).isChosen);
    EXPECT_FALSE(program.getLibrary(2).isChosen);
  }
  EXPECT_TRUE(load("other", true).take().getLibrary(2).isChosen);
  const Status status = load("of the future", true).takeStatus();
  EXPECT_EQ(status.getCode(), StatusCode::Incompatible);
  EXPECT_STREQ(status.getMessage(), "compiled for of the future; this CPU lacks telepathy");
  // What cannot run can still be looked at.
  EXPECT_FALSE(load("of the future", false).take().getLibrary(0).isChosen);
}

} // namespace
} // namespace torchc::runtime::test
