//===- SessionFixture.h - a module, its session, calls ----------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_TEST_SESSIONFIXTURE_H
#define TORCHC_RUNTIME_TEST_SESSIONFIXTURE_H

#include "ModuleBuilder.h"
#include "torchc/runtime/Session.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace torchc::runtime::test {

inline std::vector<uint8_t> readKernels() {
  std::ifstream file(TORCHC_TEST_KERNELS, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T> Tensor makeTensor(ElementType type, std::vector<int64_t> dims, std::vector<T> values) {
  Tensor tensor = Tensor::allocate(type, dims).take();
  EXPECT_EQ(tensor.getByteLength(), values.size() * sizeof(T));
  if (!values.empty())
    std::memcpy(tensor.getMutableData(), values.data(), tensor.getByteLength());
  return tensor;
}

template <typename T> std::vector<T> getValues(const Tensor &tensor) {
  const auto *data = reinterpret_cast<const T *>(tensor.getData());
  return {data, data + tensor.getByteLength() / sizeof(T)};
}

class SessionTest : public ::testing::Test {
protected:
  void create(const SessionOptions &options = {}, const Device &device = Device::localSync()) {
    auto program = Program::copyBytes(builder.build(), {});
    ASSERT_TRUE(program.isOk()) << program.getStatus().getMessage();
    auto created = Session::create(*program, device, options);
    ASSERT_TRUE(created.isOk()) << created.getStatus().getMessage();
    session = std::make_unique<Session>(created.take());
  }

  std::string call(const char *function, std::vector<Tensor> inputs, size_t outputCount = 1) {
    outputs.resize(outputCount);
    return session->call(function, inputs, outputs).getMessage();
  }

  /// The value that a function (i64[1] in input 0, [2] in input 1) -> i64[] computes in i2.
  int64_t compute(const std::string &code, int64_t a, int64_t b, std::string *message = nullptr) {
    builder = ModuleBuilder();
    builder.addMessage("refused");
    const unsigned f = builder.addFunction("f", "ref ref", "ref", 5, 3, R"(
      ConstI64 i3 <- 0
      LoadI64 i0 <- r0 i3
      LoadI64 i1 <- r1 i3
      )" + code + R"(
      OutputAlloc r2 <- 0 i64 []
      StoreI64 r2 i3 i2
      Ret [r2])");
    builder.addExport("f", f, {"a:i64[]", "b:i64[]"}, {"c:i64[]"});
    create();
    outputs.assign(1, Tensor());
    const std::string status =
        call("f", {makeTensor<int64_t>(ElementType::I64, {}, {a}), makeTensor<int64_t>(ElementType::I64, {}, {b})});
    if (message) {
      *message = status;
      return 0;
    }
    EXPECT_EQ(status, "ok");
    return status == "ok" ? getValues<int64_t>(outputs[0])[0] : 0;
  }

  std::string fail(const std::string &code, int64_t a, int64_t b) {
    std::string message;
    compute(code, a, b, &message);
    return message;
  }

  ModuleBuilder builder;
  std::unique_ptr<Session> session;
  std::vector<Tensor> outputs;
};

class KernelTest : public SessionTest {
protected:
  void SetUp() override {
    builder.addKernel("add_constant", 1, 1, 4);
    builder.addKernel("number_groups", 0, 1, 3);
    builder.addKernel("fail_from", 0, 0, 5);
    builder.addKernel("sum_row", 1, 1, 3, 256);
    builder.addLibrary("a better cpu", {"no-such-feature"}, {1, 2, 3});
    builder.addLibrary("generic", {}, readKernels());
    builder.addMessage("a kernel's own words");
  }
};

} // namespace torchc::runtime::test

#endif // TORCHC_RUNTIME_TEST_SESSIONFIXTURE_H
