//===- SoakTest.cpp - memory stays flat ------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// build_tools/soak.sh runs it for 10^6 calls and 10^5 loads; by itself it does less.
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Session.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

namespace torchc::runtime::test {
namespace {

uint64_t getCount(const char *variable, uint64_t otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

uint64_t getResidentBytes() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

/// Reports by how much memory grew after the first calls, and expects at most 1 MB.
void expectFlat(const char *what, uint64_t count, uint64_t before) {
  const uint64_t after = getResidentBytes(), growth = after > before ? after - before : 0;
  std::printf("%llu %s: %.3f MB more than after the first hundredth, %.1f MB in all\n", (unsigned long long)count, what,
              double(growth) / 1e6, double(after) / 1e6);
  EXPECT_LE(growth, 1'000'000u);
}

/// A state, a slab, an output and a kernel.
std::vector<uint8_t> makeModule() {
  ModuleBuilder builder;
  builder.addKernel("add_constant", 1, 1, 4);
  builder.addKernel("number_groups", 0, 1, 3);
  builder.addKernel("fail_from", 0, 0, 5);
  builder.addKernel("sum_row", 1, 1, 3, 256);
  std::ifstream kernels(TORCHC_TEST_KERNELS, std::ios::binary);
  builder.addLibrary("generic", {}, {std::istreambuf_iterator<char>(kernels), {}});
  builder.addGlobal("state", schema::RegisterKind::Ref, true);
  const unsigned f = builder.addFunction("f", "ref", "ref", 4, 3, R"(
    TensorDim i0 <- r0 0
    ConstI64 i1 <- 4
    MulI64 i2 <- i0 i1
    SlabReserve r1 <- i2
    ConstI64 i1 <- 0
    View r1 <- r1 i1 f32 [i0]
    ConstI64 i3 <- 1
    Dispatch 0 [r0 r1] [i0 i3 i3 i3]
    GlobalSetRef 0 r1
    OutputAlloc r2 <- 0 f32 [i0]
    Dispatch 0 [r1 r2] [i0 i3 i3 i3]
    Ret [r2])");
  builder.addExport("f", f, {"x:f32[-1]"}, {"y:f32[-1]"});
  builder.addSymbol("n", 1, 4096);
  return builder.build();
}

TEST(Soak, Calls) {
  const uint64_t calls = getCount("TORCHC_SOAK_CALLS", 100'000);
  const Program program = Program::copyBytes(makeModule(), {}).take();
  Session session = Session::create(program, Device::localSync(), {}).take();
  uint64_t before = 0;
  for (uint64_t i = 0; i < calls; ++i) {
    if (i == calls / 100)
      before = getResidentBytes();
    const int64_t dims[] = {1 + int64_t(i * 7919 % 4096)};
    const Tensor x = Tensor::allocate(ElementType::F32, dims).take();
    Tensor y[1];
    ASSERT_TRUE(session.call(0u, {&x, 1}, y).isOk());
  }
  expectFlat("calls", calls, before);
}

TEST(Soak, Loads) {
  const uint64_t loads = getCount("TORCHC_SOAK_LOADS", 2'000);
  const auto bytes = makeModule();
  uint64_t before = 0;
  for (uint64_t i = 0; i < loads; ++i) {
    if (i == loads / 100)
      before = getResidentBytes();
    const Program program = Program::copyBytes(bytes, {}).take();
    Session session = Session::create(program, Device::localSync(), {}).take();
    const int64_t dims[] = {100};
    const Tensor x = Tensor::allocate(ElementType::F32, dims).take();
    Tensor y[1];
    ASSERT_TRUE(session.call(0u, {&x, 1}, y).isOk());
  }
  expectFlat("loads", loads, before);
}

} // namespace
} // namespace torchc::runtime::test
