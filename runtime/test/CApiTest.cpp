//===- CApiTest.cpp - the C API from C ------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"

#include <gtest/gtest.h>

extern "C" int test_c_api(const void *bytes, size_t size);

namespace torchc::runtime::test {
namespace {

TEST(CApi, LoadsCallsAndFrees) {
  ModuleBuilder builder;
  builder.addExport("f", builder.addFunction("f", "ref", "ref", 0, 1, "Ret [r0]"), {"x:i64[2]"}, {"y:i64[2]"});
  const auto bytes = builder.build();
  EXPECT_EQ(test_c_api(bytes.data(), bytes.size()), 0);
}

} // namespace
} // namespace torchc::runtime::test
