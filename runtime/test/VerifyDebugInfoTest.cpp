//===- VerifyDebugInfoTest.cpp - debug info is data, too ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Program.h"

#include <gtest/gtest.h>

namespace torchc::runtime::test {
namespace {

/// Instruction 3 dispatches a kernel.
ModuleBuilder makeModule() {
  ModuleBuilder builder;
  builder.addKernel("k", 1, 1, 3);
  const unsigned f = builder.addFunction("f", "ref", "ref", 1, 2, R"(
    ConstI64 i0 <- 1
    OutputAlloc r1 <- 0 f32 [i0]
    MovI64 i0 <- i0
    Dispatch 0 [r0 r1] [i0 i0 i0]
    Ret [r1])");
  builder.addExport("f", f, {"x:f32[1]"}, {"y:f32[1]"});
  builder.addLibrary("generic", {}, std::vector<uint8_t>(100, 7));
  return builder;
}

schema::DebugInfoT makeDebugInfo() {
  schema::DebugInfoT debug;
  debug.texts = {"model.py:1", "model.py:27", "aten.relu.default", "aten.linear.default"};
  debug.locations = {{0, 0}, {3, 1}};
  debug.sources = {{2, 1}, {3, 1}, {2, 0}};
  debug.dispatches = {{3, 1, 2}};
  return debug;
}

Result<Program> load(const std::vector<uint8_t> &bytes) {
  LoadOptions options;
  options.loadKernels = false;
  return Program::copyBytes(bytes, options);
}

std::string loadWith(const std::function<void(schema::DebugInfoT &)> &edit) {
  ModuleBuilder builder = makeModule();
  schema::DebugInfoT debug = makeDebugInfo();
  edit(debug);
  builder.setDebugInfo(debug);
  return load(builder.build()).getStatus().getMessage();
}

TEST(VerifyDebugInfo, GivesTheSourcesOfADispatch) {
  ModuleBuilder builder = makeModule();
  builder.setDebugInfo(makeDebugInfo());
  const Program program = load(builder.build()).take();
  ASSERT_EQ(program.getSourceCount(3), 2u);
  EXPECT_EQ(program.getSourceCount(2), 0u);
  EXPECT_EQ(program.getSourceCount(UINT32_MAX), 0u);
  EXPECT_STREQ(program.getSource(3, 0).op, "aten.linear.default");
  EXPECT_STREQ(program.getSource(3, 0).location, "model.py:27");
  EXPECT_STREQ(program.getSource(3, 1).op, "aten.relu.default");
  EXPECT_STREQ(program.getSource(3, 1).location, "model.py:1");
  std::vector<DispatchInfo> dispatches;
  program.visitDispatches(
      [](void *to, const DispatchInfo &info) { static_cast<std::vector<DispatchInfo> *>(to)->push_back(info); },
      &dispatches);
  ASSERT_EQ(dispatches.size(), 1u);
  EXPECT_EQ(dispatches[0].instruction, 3u);
  EXPECT_STREQ(program.getKernel(dispatches[0].kernel).name, "k");
}

TEST(VerifyDebugInfo, MayBeAbsent) {
  const Program program = load(makeModule().build()).take();
  EXPECT_EQ(program.getSourceCount(3), 0u);
  EXPECT_EQ(loadWith([](auto &debug) { debug = {}; }), "ok");
}

TEST(VerifyDebugInfo, RefusesWhatIsOutOfRange) {
  const std::string prefix = "the debug info is not valid: ";
  EXPECT_EQ(loadWith([](auto &) {}), "ok");
  EXPECT_EQ(loadWith([](auto &d) { d.locations[1] = {0, 1}; }),
            prefix + "its locations are not in the order of the code");
  EXPECT_EQ(loadWith([](auto &d) { d.locations[1] = {5, 1}; }),
            prefix + "its locations are not in the order of the code");
  EXPECT_EQ(loadWith([](auto &d) { d.locations[1] = {3, 4}; }), prefix + "a location names a text that is not there");
  EXPECT_EQ(loadWith([](auto &d) { d.sources[0] = {4, 0}; }), prefix + "a source names a text that is not there");
  EXPECT_EQ(loadWith([](auto &d) { d.sources[0] = {0, UINT32_MAX}; }),
            prefix + "a source names a text that is not there");
  EXPECT_EQ(loadWith([](auto &d) { d.dispatches[0] = {2, 0, 1}; }),
            prefix + "it has sources for an instruction that dispatches nothing");
  EXPECT_EQ(loadWith([](auto &d) { d.dispatches[0] = {5, 0, 1}; }),
            prefix + "it has sources for an instruction that dispatches nothing");
  EXPECT_EQ(loadWith([](auto &d) { d.dispatches.push_back({3, 0, 1}); }),
            prefix + "its dispatches are not in the order of the code");
  for (const schema::DispatchSources wrong :
       {schema::DispatchSources{3, 1, 3}, {3, 3, 1}, {3, 0, 0}, {3, 1, UINT32_MAX}})
    EXPECT_EQ(loadWith([&](auto &d) { d.dispatches[0] = wrong; }),
              prefix + "a dispatch names sources that are not there");
}

TEST(VerifyDebugInfo, RefusesOtherBytes) {
  for (size_t size : {1, 7, 20, 100}) {
    ModuleBuilder builder = makeModule();
    builder.debugInfo = std::vector<uint8_t>(size, 3);
    EXPECT_STREQ(load(builder.build()).getStatus().getMessage(),
                 "the debug info is not valid: it is no flatbuffer of its kind");
  }
}

/// Whoever computes the checksums anew meets the verifier; what it lets pass can be read.
TEST(VerifyDebugInfo, SurvivesEveryOneByteEdit) {
  ModuleBuilder builder = makeModule();
  builder.setDebugInfo(makeDebugInfo());
  const std::vector<uint8_t> original = builder.debugInfo;
  unsigned refused = 0;
  for (size_t i = 0; i < original.size(); ++i)
    for (unsigned value = 0; value < 256; value += 5) {
      builder.debugInfo = original;
      builder.debugInfo[i] = uint8_t(value);
      auto program = load(builder.build());
      refused += !program.isOk();
      for (unsigned source = 0; program.isOk() && source < program->getSourceCount(3); ++source)
        EXPECT_LT(std::string(program->getSource(3, source).op).size(), original.size());
    }
  EXPECT_GT(refused, 1000u);
}

} // namespace
} // namespace torchc::runtime::test
