//===- WarmCallTest.cpp - a warm call allocates nothing -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An executable of its own: it replaces malloc by one that counts.
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Session.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace {
std::atomic<uint64_t> allocations{0};
} // namespace

// glibc's own names of its allocator, so that it works before dlsym does.
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **memory, size_t alignment, size_t size) {
  ++allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : 12;
}
}

namespace torchc::runtime::test {
namespace {

class WarmCall : public ::testing::Test {
protected:
  void SetUp() override {
    ModuleBuilder builder;
    builder.addKernel("add_constant", 1, 1, 4);
    builder.addKernel("number_groups", 0, 1, 3);
    builder.addKernel("fail_from", 0, 0, 5);
    builder.addKernel("sum_row", 1, 1, 3, 256);
    std::ifstream file(TORCHC_TEST_KERNELS, std::ios::binary);
    builder.addLibrary("generic", {}, {std::istreambuf_iterator<char>(file), {}});
    builder.addGlobal("state", schema::RegisterKind::Ref, true);
    // A call, a slab and its view, a global, a branch, two kernels, an output and a
    // result that must be copied.
    builder.addFunction("double", "i64", "i64", 2, 0, "AddI64 i1 <- i0 i0\nRet [i1]");
    const unsigned f = builder.addFunction("f", "ref", "ref ref", 6, 5, R"(
      ConstI64 i0 <- 128
      Call [i1] <- 0 [i0]
      ConstI64 i2 <- 0
      TensorDim i3 <- r0 0
      SlabReserve r1 <- i1
      View r1 <- r1 i2 f32 [i3]
      ConstI64 i4 <- 4
      ConstI64 i5 <- 1
      Dispatch 0 [r0 r1] [i4 i5 i5 i5]
      GlobalSetRef 0 r1
      GlobalGetRef r2 <- 0
      CondBr i5 done done
    done:
      Block [i3 i4 i5] [r1 r2]
      OutputAlloc r3 <- 0 f32 [i3]
      Dispatch 0 [r2 r3] [i4 i5 i5 i5]
      Ret [r3 r1])");
    builder.addExport("f", f, {"x:f32[-1]"}, {"y:f32[-1]", "z:f32[-1]"});
    builder.addSymbol("n", 1, 64);
    bytes = builder.build();
  }

  std::vector<uint8_t> bytes;
};

TEST_F(WarmCall, AllocatesNothing) {
  auto loaded = Program::copyBytes(bytes, {});
  ASSERT_TRUE(loaded.isOk()) << loaded.getStatus().getMessage();
  const Program program = loaded.take();
  for (unsigned threads : {1u, 3u}) {
    Session session =
        Session::create(program, threads == 1 ? Device::localSync() : Device::localTask(threads).take(), {}).take();
    const int64_t length = 64;
    Tensor inputs[] = {Tensor::allocate(ElementType::F32, {&length, 1}).take()};
    std::memset(inputs[0].getMutableData(), 0, 256);
    Tensor outputs[2];
    for (int i = 0; i < 3; ++i) {
      outputs[0].reset(); // New outputs, from the session's pool.
      outputs[1].reset();
      ASSERT_STREQ(session.call(0, inputs, outputs).getMessage(), "ok");
    }
    const uint64_t before = allocations;
    for (int i = 0; i < 100; ++i) {
      outputs[0].reset();
      outputs[1].reset();
      if (!session.call(0, inputs, outputs).isOk() || outputs[0].getData() == outputs[1].getData())
        FAIL();
    }
    EXPECT_EQ(allocations - before, 0u) << threads << " threads, new outputs";
    const uint64_t beforeInPlace = allocations;
    for (int i = 0; i < 100; ++i)
      if (!session.call(0, inputs, outputs).isOk())
        FAIL();
    EXPECT_EQ(allocations - beforeInPlace, 0u) << threads << " threads, given outputs";
    float y;
    std::memcpy(&y, outputs[0].getData(), sizeof y);
    EXPECT_EQ(y, 2);
  }
}

TEST_F(WarmCall, BuffersAllocateNothing) {
  Session session = Session::create(Program::copyBytes(bytes, {}).take(), Device::localSync(), {}).take();
  float x[64] = {}, y[64], z[64];
  uint64_t before = 0;
  for (int i = 0; i < 100; ++i) {
    const int64_t length = i % 2 == 0 ? 64 : 5;
    const Buffer inputs[] = {{x, &length}}, outputs[] = {{y, &length}, {z, &length}};
    ASSERT_STREQ(session.callBuffers(0, inputs, outputs).getMessage(), "ok");
    before = i == 3 ? allocations.load() : before;
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_EQ(y[63], 2);
  EXPECT_EQ(z[4], 1);
}

/// The counter counts: a first call does allocate.
TEST_F(WarmCall, FirstCallAllocates) {
  Session session = Session::create(Program::copyBytes(bytes, {}).take(), Device::localSync(), {}).take();
  const int64_t length = 64;
  Tensor inputs[] = {Tensor::allocate(ElementType::F32, {&length, 1}).take()}, outputs[2];
  const uint64_t before = allocations;
  ASSERT_TRUE(session.call(0, inputs, outputs).isOk());
  EXPECT_GE(allocations - before, 3u);
}

} // namespace
} // namespace torchc::runtime::test
