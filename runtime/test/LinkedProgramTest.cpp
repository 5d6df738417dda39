//===- LinkedProgramTest.cpp - programs that are part of the executable ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/linked.h"
#include "torchc/runtime/Format.h"
#include "torchc/runtime/Session.h"

#include <gtest/gtest.h>

/// Of kernels.c, linked into this test.
extern "C" const torchc_kernel_table torchc_kernels;

namespace torchc::runtime::test {
namespace {

/// f(x: nxf32) -> x + 100
std::vector<uint8_t> makeProgram(const std::vector<uint8_t> &object = {}) {
  ModuleBuilder builder;
  builder.addKernel("add_constant", 1, 1, 4);
  builder.addKernel("number_groups", 0, 1, 3);
  builder.addKernel("fail_from", 0, 0, 5);
  builder.addKernel("sum_row", 1, 1, 3, 256);
  builder.addLibrary("of the future", {"telepathy"}, object);
  builder.addLibrary("generic", {}, object);
  const unsigned f = builder.addFunction("f", "ref", "ref", 4, 2, R"(
    TensorDim i0 <- r0 0
    ConstI64 i1 <- 4
    ConstI64 i2 <- 1
    ConstI64 i3 <- 100
    OutputAlloc r1 <- 0 f32 [i0]
    Dispatch 0 [r0 r1] [i1 i2 i2 i3]
    Ret [r1])");
  builder.addExport("f", f, {"x:f32[-1]"}, {"y:f32[-1]"});
  builder.addSymbol("n", 1, 64);
  return builder.build();
}

std::string describe(torchc_status *status) {
  std::string text = torchc_status_get_message(status);
  torchc_status_free(status);
  return text;
}

TEST(LinkedProgram, RunsOnTheCallersMemory) {
  const AlignedBytes bytes(makeProgram());
  // The first variant does not suit this CPU: its table is never read.
  const torchc_kernel_table *tables[] = {nullptr, &torchc_kernels};
  const torchc_linked_program linked = {bytes.get().data(), bytes.get().size(), tables, 2};
  torchc_program *program;
  ASSERT_EQ(describe(torchc_program_link(&linked, &program)), "ok");
  torchc_session *session;
  ASSERT_EQ(describe(torchc_session_create(program, nullptr, nullptr, &session)), "ok");
  torchc_program_free(program);
  for (int64_t n : {3, 64, 1}) {
    std::vector<float> x(size_t(n), 1), y(size_t(n), 0);
    const torchc_buffer input = {x.data(), &n}, output = {y.data(), &n};
    ASSERT_EQ(describe(torchc_session_call_buffers(session, 0, &input, &output)), "ok");
    EXPECT_EQ(y, std::vector<float>(size_t(n), 101));
  }
  int64_t n = 65;
  std::vector<float> x(65), y(65);
  const torchc_buffer input = {x.data(), &n}, output = {y.data(), &n};
  EXPECT_EQ(describe(torchc_session_call_buffers(session, 0, &input, &output)),
            "f: input 0 'x' has 65 for dimension 0 (n), must be 1 to 64");
  n = 3;
  const torchc_buffer none = {nullptr, &n}, odd = {reinterpret_cast<char *>(y.data()) + 1, &n};
  EXPECT_EQ(describe(torchc_session_call_buffers(session, 0, &none, &output)),
            "the buffer is not aligned to its 4-byte elements");
  EXPECT_EQ(describe(torchc_session_call_buffers(session, 0, &input, &odd)),
            "the buffer is not aligned to its 4-byte elements");
  EXPECT_EQ(describe(torchc_session_call_buffers(session, 0, &input, &input)), "f: output 0 overlaps an input");
  EXPECT_EQ(describe(torchc_session_call_buffers(session, 1, &input, &output)), "there is no function number 1");
  EXPECT_EQ(describe(torchc_session_call_buffers(session, 0, &input, &output)), "ok");
  torchc_session_free(session);
}

TEST(LinkedProgram, MakesASessionInOneStep) {
  const AlignedBytes bytes(makeProgram());
  const torchc_kernel_table *tables[] = {nullptr, &torchc_kernels};
  const torchc_linked_program linked = {bytes.get().data(), bytes.get().size(), tables, 2};
  torchc_session *session;
  ASSERT_EQ(describe(torchc_linked_create_session(&linked, &session)), "ok");
  const int64_t n = 3;
  std::vector<float> x(3, 1), y(3, 0);
  const torchc_buffer input = {x.data(), &n}, output = {y.data(), &n};
  ASSERT_EQ(describe(torchc_session_call_buffers(session, 0, &input, &output)), "ok");
  EXPECT_EQ(y, std::vector<float>(3, 101));
  torchc_session_free(session);
}

TEST(LinkedProgram, SaysWhatASessionInOneStepLacks) {
  ModuleBuilder builder;
  builder.addParameter("model", "weight", ElementType::I64, {2});
  const unsigned f = builder.addFunction("f", "", "ref", 0, 1, "Parameter r0 <- 0\nRet [r0]");
  builder.addExport("f", f, {}, {"w:i64[2]"});
  const AlignedBytes bytes(builder.build());
  const torchc_linked_program linked = {bytes.get().data(), bytes.get().size(), nullptr, 0};
  torchc_session *session;
  EXPECT_EQ(describe(torchc_linked_create_session(&linked, &session)),
            "the program needs custom ops or parameters: create its session with options");
}

TEST(LinkedProgram, RefusesAnotherVersion) {
  std::vector<uint8_t> module = makeProgram();
  FilePrologue &prologue = *reinterpret_cast<FilePrologue *>(module.data());
  prologue.formatMajor += 1;
  const AlignedBytes bytes(module);
  const torchc_linked_program linked = {bytes.get().data(), bytes.get().size(), nullptr, 0};
  torchc_program *program;
  EXPECT_NE(describe(torchc_program_link(&linked, &program)).find("this runtime reads"), std::string::npos);
}

TEST(LinkedProgram, RefusesOtherKernels) {
  const AlignedBytes bytes(makeProgram());
  alignas(8) const uint32_t olderTable[] = {1, 4}, smallerTable[] = {TORCHC_KERNEL_ABI_VERSION, 3};
  const auto *older = reinterpret_cast<const torchc_kernel_table *>(olderTable);
  const auto *smaller = reinterpret_cast<const torchc_kernel_table *>(smallerTable);
  const auto link = [&](std::vector<const torchc_kernel_table *> tables) {
    const torchc_linked_program linked = {bytes.get().data(), bytes.get().size(), tables.data(), tables.size()};
    torchc_program *program;
    return describe(torchc_program_link(&linked, &program));
  };
  EXPECT_EQ(link({&torchc_kernels}), "1 linked libraries for 2");
  EXPECT_EQ(link({&torchc_kernels, older}), "the given kernels: ABI version 1, this runtime has 2");
  EXPECT_EQ(link({&torchc_kernels, smaller}), "3 kernels are given, the module has 4");
}

} // namespace
} // namespace torchc::runtime::test
