//===- RegressionTest.cpp - faults that were found, one test each ---------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SessionFixture.h"

namespace torchc::runtime::test {
namespace {

using Regression = SessionTest;

/// A buffer of no bytes may have no address; that did not make it read-only.
TEST_F(Regression, EmptyOutputsWithoutAnAddress) {
  const unsigned f = builder.addFunction("f", "ref", "ref", 1, 2, R"(
    ConstI64 i0 <- 0
    OutputAlloc r1 <- 0 i32 [i0]
    Fill r1 i0
    Copy r1 r0
    Ret [r1])");
  builder.addExport("f", f, {"x:i32[0]"}, {"y:i32[0]"});
  create();
  const int64_t dims[] = {0};
  auto empty = [&] {
    return Tensor::borrow(nullptr, 0, ElementType::I32, dims, Access::ReadWrite, nullptr, nullptr).take();
  };
  outputs = {empty()};
  EXPECT_EQ(call("f", {empty()}), "ok");
}

/// A custom op may keep a read-only view of a global and return it in a later call; the
/// global was read-only from then on, and writing to it wrote to address 0.
TEST_F(Regression, GlobalsThatACustomOpKept) {
  builder.addConstant<int32_t>(ElementType::I32, {2}, {1, 2});
  builder.addGlobal("state", schema::RegisterKind::Ref, true, 0);
  builder.addExternal("keep", "ref", "");
  builder.addExternal("give", "", "ref");
  const unsigned f = builder.addFunction("f", "ref", "ref", 0, 2, R"(
    GlobalGetRef r1 <- @"state"
    CallExternal [] <- @"keep" [r1]
    CallExternal [r1] <- @"give" []
    GlobalSetRef @"state" r1
    GlobalSetRef @"state" r0
    GlobalGetRef r1 <- @"state"
    Ret [r1])");
  builder.addExport("f", f, {"x:i32[2]"}, {"y:i32[2]"});
  Tensor kept;
  const ExternalBinding externals[] = {
      {"keep", nullptr,
       [](void *context, const char *, std::span<const ExternalValue> arguments, std::span<ExternalValue>) {
         *static_cast<Tensor *>(context) = arguments[0].tensor;
         return Status();
       },
       &kept},
      {"give", nullptr,
       [](void *context, const char *, std::span<const ExternalValue>, std::span<ExternalValue> results) {
         results[0].tensor = *static_cast<Tensor *>(context);
         return Status();
       },
       &kept}};
  SessionOptions options;
  options.externals = externals;
  create(options);
  ASSERT_EQ(call("f", {makeTensor<int32_t>(ElementType::I32, {2}, {5, 6})}), "ok");
  EXPECT_EQ(getValues<int32_t>(outputs[0]), (std::vector<int32_t>{5, 6}));
}

/// Scratch memory was beyond every limit: a kernel's table entry could ask for 2^40 bytes.
TEST_F(Regression, ScratchMemoryIsLimited) {
  builder.addKernel("greedy", 0, 0, 0, uint64_t(1) << 30);
  builder.addLibrary("generic", {}, {1});
  auto *table = static_cast<torchc_kernel_table *>(std::calloc(1, 64));
  table->abi_version = TORCHC_KERNEL_ABI_VERSION;
  table->count = 1;
  LoadOptions own;
  own.kernels = table;
  {
    auto program = Program::copyBytes(builder.build(), own);
    ASSERT_TRUE(program.isOk()) << program.getStatus().getMessage();
    SessionOptions options;
    options.maxMemoryBytes = 1 << 20;
    EXPECT_STREQ(Session::create(*program, Device::localSync(), options).getStatus().getMessage(),
                 "the memory limit of 1048576 bytes is less than the kernels' scratch memory");
    table->count = 2;
    EXPECT_STREQ(Program::copyBytes(builder.build(), own).getStatus().getMessage(),
                 "2 kernels are given, the module has 1");
    table->abi_version = 99;
    EXPECT_EQ(Program::copyBytes(builder.build(), own).getStatus().getCode(), StatusCode::Incompatible);
  }
  std::free(table);
}

} // namespace
} // namespace torchc::runtime::test
