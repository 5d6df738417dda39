//===- ParametersTest.cpp - weights outside of programs -------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SessionFixture.h"
#include "io/Safetensors.h"

#include <filesystem>

namespace torchc::runtime::test {
namespace {

class ParametersTest : public SessionTest {
protected:
  void SetUp() override {
    builder.addParameter("model", "weight", ElementType::I32, {2});
    builder.addExport("f", builder.addFunction("f", "", "ref", 0, 1, "Parameter r0 <- 0\nRet [r0]"), {}, {"y:i32[2]"});
  }

  std::string create(const Parameters *parameters) {
    SessionOptions options;
    options.parameters = parameters;
    auto program = Program::copyBytes(builder.build(), {});
    auto created = Session::create(*program, Device::localSync(), options);
    if (created.isOk())
      session = std::make_unique<Session>(created.take());
    return created.getStatus().getMessage();
  }
};

TEST_F(ParametersTest, AreHeldAgainstTheProgram) {
  EXPECT_EQ(create(nullptr), "the program needs parameter 'model::weight'; no parameters are given for this scope");
  const Tensor right = makeTensor<int32_t>(ElementType::I32, {2}, {3, 4});
  {
    Parameters parameters = Parameters::create().take();
    EXPECT_TRUE(parameters.add("other", "weight", right).isOk());
    EXPECT_EQ(create(&parameters),
              "the program needs parameter 'model::weight'; no parameters are given for this scope");
    EXPECT_TRUE(parameters.add("model", "weights", right).isOk());
    EXPECT_EQ(create(&parameters), "the program needs parameter 'model::weight'; the scope has no such key");
    EXPECT_TRUE(parameters.add("model", "weight", makeTensor<int32_t>(ElementType::I32, {1, 2}, {3, 4})).isOk());
    EXPECT_EQ(create(&parameters), "parameter 'model::weight' is 1x2xi32, the program needs 2xi32");
    EXPECT_STREQ(parameters.add("model", "weight", right).getMessage(), "parameter 'model::weight' is there twice");
  }
  Parameters parameters = Parameters::create().take();
  EXPECT_TRUE(parameters.add("model", "weight", makeTensor<float>(ElementType::F32, {2}, {3, 4})).isOk());
  EXPECT_EQ(create(&parameters), "parameter 'model::weight' is 2xf32, the program needs 2xi32");
}

TEST_F(ParametersTest, AreMappedAndShared) {
  const std::string path = ::testing::TempDir() + "parameters.safetensors";
  Array<NamedTensor> tensors;
  for (const char *name : {"weight", "bias", "a \"name\""}) {
    NamedTensor tensor{Text(), makeTensor<int32_t>(ElementType::I32, {2}, {int32_t(tensors.size()), 7})};
    ASSERT_TRUE(tensor.name.append(name) && tensors.push(std::move(tensor)));
  }
  ASSERT_STREQ(writeSafetensors(path.c_str(), {tensors.data(), tensors.size()}).getMessage(), "ok");
  std::unique_ptr<Session> first, second;
  const Tensor *mapped;
  {
    Parameters parameters = Parameters::create().take();
    ASSERT_STREQ(parameters.addFile("model", path.c_str()).getMessage(), "ok");
    mapped = parameters.find("model", "weight");
    ASSERT_NE(mapped, nullptr);
    EXPECT_EQ(mapped->getAccess(), Access::ReadOnly);
    EXPECT_EQ(getValues<int32_t>(*parameters.find("model", "a \"name\"")), (std::vector<int32_t>{2, 7}));
    const uint32_t before = mapped->getStorage()->references;
    ASSERT_EQ(create(&parameters), "ok");
    first = std::move(session);
    ASSERT_EQ(create(&parameters), "ok");
    second = std::move(session);
    EXPECT_EQ(mapped->getStorage()->references, before + 2); // No copies.
  }
  std::filesystem::remove(path); // The sessions keep what they use.
  for (Session *user : {first.get(), second.get()}) {
    Tensor output[1];
    ASSERT_STREQ(user->call(0u, {}, output).getMessage(), "ok");
    EXPECT_EQ(getValues<int32_t>(output[0]), (std::vector<int32_t>{0, 7}));
  }
}

} // namespace
} // namespace torchc::runtime::test
