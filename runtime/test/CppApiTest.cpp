//===- CppApiTest.cpp - the C++ API, and through it the C API -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

namespace torchc::runtime::test {
namespace {

std::vector<int64_t> getValues(const torchc::Tensor &tensor) {
  return {tensor.data<int64_t>(), tensor.data<int64_t>() + tensor.size<int64_t>()};
}

torchc::Program load(const ModuleBuilder &builder) {
  const auto bytes = builder.build();
  auto program = torchc::Program::copyBytes(bytes.data(), bytes.size());
  EXPECT_TRUE(program) << program.status().message();
  return std::move(*program);
}

torchc::Tensor makeTensor(std::vector<int64_t> values) {
  return *torchc::Tensor::copy<int64_t>(values, {int64_t(values.size())});
}

TEST(CppApi, Versions) {
  EXPECT_EQ(torchc_get_abi_version(), uint32_t(TORCHC_RUNTIME_ABI_VERSION));
  EXPECT_EQ(std::string(torchc_get_version()), TORCHC_VERSION);
}

TEST(CppApi, Tensors) {
  torchc::Tensor tensor = makeTensor({1, 2, 3}), copy = tensor, nothing;
  EXPECT_EQ(copy.data<int64_t>(), tensor.data<int64_t>());
  EXPECT_EQ(copy.data<float>(), nullptr);
  EXPECT_EQ(copy.dims(), std::vector<int64_t>{3});
  EXPECT_FALSE(nothing);
  copy = nothing;
  EXPECT_FALSE(copy);
  EXPECT_EQ(torchc::Tensor::copy<int64_t>({1, 2}, {3}).status().code(), TORCHC_INVALID_ARGUMENT);
  const int64_t values[] = {4, 5};
  auto borrowed = torchc::Tensor::borrow(values, 2, {2});
  EXPECT_EQ(borrowed->data<int64_t>(), values);
  EXPECT_EQ(borrowed->mutableData<int64_t>(), nullptr);
  EXPECT_FALSE(torchc::Tensor::borrow(values, 2, {3}));
}

TEST(CppApi, Describes) {
  ModuleBuilder builder;
  builder.addParameter("model", "weight", ElementType::I64, {2});
  builder.addGlobal("count", schema::RegisterKind::I64, true);
  builder.addExport("f", builder.addFunction("f", "ref", "ref", 0, 1, "Ret [r0]"), {"x:i64[-1]"}, {"y:i64[-1]"});
  builder.addSymbol("n", 2, 8, 2);
  const torchc::Program program = load(builder);
  EXPECT_EQ(program.functionCount(), 1u);
  EXPECT_STREQ(program.function(0)->name, "f");
  EXPECT_EQ(*program.findFunction("f"), 0u);
  EXPECT_STREQ(program.findFunction("g").status().message(), "no function 'g'; there are: f");
  EXPECT_EQ(program.input(0, 0)->dims[0], -1);
  EXPECT_EQ(program.output(0, 0)->element_type, TORCHC_I64);
  EXPECT_EQ(program.symbol(0, 0)->max, 8);
  EXPECT_STREQ(program.symbol(0, 1).status().message(), "there is no symbol 1");
  EXPECT_STREQ(program.parameter(0)->key, "weight");
  EXPECT_STREQ(program.parameter(1).status().message(), "there is no parameter 1");
  EXPECT_STREQ(program.state(0)->name, "count");
  EXPECT_STREQ(program.state(1).status().message(), "there is no state 1");
  EXPECT_EQ(torchc::Program::load("/absent").status().code(), TORCHC_IO);
}

/// f(x) = mylib::scale(x, 3), counted in a global.
class CustomOpTest : public ::testing::Test {
protected:
  void SetUp() override {
    builder.addGlobal("count", schema::RegisterKind::I64, true);
    builder.addExternal("mylib::scale", "ref i64", "ref i64");
    const unsigned f = builder.addFunction("f", "ref", "ref", 2, 2, R"(
      ConstI64 i0 <- 3
      CallExternal [r1 i1] <- 0 [r0 i0]
      GlobalSetI64 0 i1
      Ret [r1])");
    builder.addExport("f", f, {"x:i64[-1]"}, {"y:i64[-1]"});
    builder.addSymbol("n", 0, 8);
  }

  torchc::Result<torchc::Session> create(torchc::CustomOp op) {
    torchc::SessionOptions options;
    options.ops.push_back(std::move(op));
    return torchc::Session::create(load(builder), torchc::Device::localSync(), options);
  }

  /// A factor for a tensor, and how many were given.
  torchc::CustomOp makeScale() {
    return {"mylib::scale", "(Tensor, int) -> (Tensor, int)",
            [](const char *, const std::vector<torchc::Value> &arguments, std::vector<torchc::Value> &results) {
              std::vector<int64_t> values = getValues(arguments[0].tensor);
              if (values.empty())
                return torchc::Status::error(TORCHC_RESOURCE_EXHAUSTED, "nothing to scale");
              for (int64_t &value : values)
                value *= arguments[1].integer;
              results = {makeTensor(values), int64_t(values.size())};
              return torchc::Status();
            }};
  }

  ModuleBuilder builder;
};

TEST_F(CustomOpTest, IsCalled) {
  auto session = create(makeScale());
  ASSERT_TRUE(session) << session.status().message();
  auto outputs = session->call("f", {makeTensor({1, -2})});
  ASSERT_TRUE(outputs) << outputs.status().message();
  EXPECT_EQ(getValues((*outputs)[0]), (std::vector<int64_t>{3, -6}));
  EXPECT_EQ(getValues(*session->state("count")), std::vector<int64_t>{2});
  auto refused = session->call("f", {makeTensor({})});
  EXPECT_STREQ(refused.status().message(), "f: mylib::scale: nothing to scale");
  EXPECT_EQ(refused.status().code(), TORCHC_RESOURCE_EXHAUSTED);
  EXPECT_TRUE(session->call("f", {makeTensor({1})}));
}

TEST_F(CustomOpTest, MustBeThereAndFit) {
  EXPECT_STREQ(create({"mylib::other", "", {}}).status().message(),
               "the program calls 'mylib::scale(Tensor, int) -> (Tensor, int)', which is not registered");
  torchc::CustomOp op = makeScale();
  op.signature = "(Tensor) -> (Tensor)";
  EXPECT_STREQ(create(op).status().message(), "the program calls 'mylib::scale(Tensor, int) -> (Tensor, int)', "
                                              "registered is 'mylib::scale(Tensor) -> (Tensor)'");
  op.signature = "(Tensor,int)->(Tensor,int)";
  EXPECT_TRUE(create(op));
  op.function = [](const char *, const std::vector<torchc::Value> &, std::vector<torchc::Value> &) {
    return torchc::Status();
  };
  EXPECT_STREQ(create(op)->call("f", {makeTensor({1})}).status().message(), "f: mylib::scale did not set result 0");
}

TEST(CppApi, Variants) {
  ModuleBuilder builder;
  for (const char *name : {"add_constant", "number_groups", "fail_from", "sum_row"})
    builder.addKernel(name, 0, 0, 0);
  std::ifstream file(TORCHC_TEST_KERNELS, std::ios::binary);
  const std::vector<uint8_t> kernels{std::istreambuf_iterator<char>(file), {}};
  for (const char *cpu : {"best", "plain"})
    builder.addLibrary(cpu, {}, kernels);
  const std::vector<uint8_t> bytes = builder.build();
  const auto load = [&](const char *variant) {
    torchc::LoadOptions options;
    options.variant = variant;
    return torchc::Program::copyBytes(bytes.data(), bytes.size(), options);
  };
  for (const char *variant : {"best", "plain"}) {
    auto program = load(variant);
    ASSERT_TRUE(program);
    ASSERT_EQ(program->variantCount(), 2u);
    EXPECT_EQ(program->variant(0)->is_chosen, variant == std::string("best"));
    EXPECT_EQ(program->variant(1)->is_chosen, variant == std::string("plain"));
    EXPECT_EQ(program->variant(1)->size, kernels.size());
  }
  EXPECT_TRUE(load(nullptr)->variant(0)->is_chosen);
  EXPECT_STREQ(load(nullptr)->variant(1)->cpu, "plain");
  EXPECT_EQ(load("worst").status().code(), TORCHC_INVALID_ARGUMENT);
  EXPECT_STREQ(load("worst").status().message(), "no variant 'worst'; there are: best plain");
  EXPECT_STREQ(load(nullptr)->variant(2).status().message(), "there is no variant 2");
}

TEST(CppApi, StateParametersAndOutputs) {
  const std::string path = ::testing::TempDir() + "cpp_api.safetensors";
  ModuleBuilder builder;
  builder.addParameter("model", "weight", ElementType::I64, {2});
  builder.addConstant<int64_t>(ElementType::I64, {2}, {1, 2});
  builder.addGlobal("last", schema::RegisterKind::Ref, true, 0);
  const unsigned f = builder.addFunction("f", "ref", "ref ref", 0, 3, R"(
    GlobalSetRef 0 r0
    Parameter r1 <- 0
    Ret [r1 r0])");
  builder.addExport("f", f, {"x:i64[2]"}, {"w:i64[2]", "y:i64[2]"});
  const torchc::Program program = load(builder);
  EXPECT_STREQ(torchc::Session::create(program).status().message(),
               "the program needs parameter 'model::weight'; no parameters are given for this scope");
  torchc::SessionOptions options;
  auto parameters = torchc::Parameters::create();
  ASSERT_TRUE(parameters->add("model", "weight", makeTensor({8, 9})));
  options.parameters = &*parameters;
  auto session = torchc::Session::create(program, *torchc::Device::localTask(2), options);
  ASSERT_TRUE(session) << session.status().message();

  std::vector<torchc::Tensor> outputs{torchc::Tensor(), makeTensor({0, 0})};
  const int64_t *inPlace = outputs[1].data<int64_t>();
  ASSERT_TRUE(session->call(0, {makeTensor({5, 6})}, outputs));
  EXPECT_EQ(getValues(outputs[0]), (std::vector<int64_t>{8, 9}));
  EXPECT_EQ(outputs[1].data<int64_t>(), inPlace);
  EXPECT_EQ(getValues(outputs[1]), (std::vector<int64_t>{5, 6}));

  ASSERT_TRUE(session->saveState(path));
  ASSERT_TRUE(session->reset());
  EXPECT_EQ(getValues(*session->state("last")), (std::vector<int64_t>{1, 2}));
  ASSERT_TRUE(session->loadState(path));
  EXPECT_EQ(getValues(*session->state("last")), (std::vector<int64_t>{5, 6}));
  ASSERT_TRUE(session->setState("last", makeTensor({3, 4})));
  EXPECT_EQ(getValues(*session->state("last")), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(session->state("first").status().code(), TORCHC_INVALID_ARGUMENT);
  EXPECT_EQ(session->loadState("/absent").code(), TORCHC_IO);
  // The file of the state is one of parameters, too.
  EXPECT_TRUE(parameters->addFile("other", path));
  std::filesystem::remove(path);

  session->setCancelled(true);
  EXPECT_EQ(session->call("f", {makeTensor({5, 6})}).status().code(), TORCHC_CANCELLED);
  session->setCancelled(false);
  EXPECT_TRUE(session->call("f", {makeTensor({5, 6})}));
  EXPECT_EQ(session->stats().calls, 3u);
}

} // namespace
} // namespace torchc::runtime::test
