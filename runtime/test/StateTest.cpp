//===- StateTest.cpp - values that last from call to call -----------------===//
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

/// step(x: i32[2]) adds 1 to `count` and keeps x in `last` and, once, in `late`.
class StateTest : public SessionTest {
protected:
  void SetUp() override {
    std::filesystem::create_directories(folder);
    builder.addConstant<int32_t>(ElementType::I32, {2}, {1, 2});
    builder.addGlobal("count", schema::RegisterKind::I64, true, -1, 10);
    builder.addGlobal("last", schema::RegisterKind::Ref, true, 0);
    builder.addGlobal("late", schema::RegisterKind::Ref, true);
    builder.addGlobal("fixed", schema::RegisterKind::Ref, false, 0);
    const unsigned step = builder.addFunction("step", "ref", "ref", 2, 2, R"(
      GlobalGetI64 i0 <- 0
      ConstI64 i1 <- 1
      AddI64 i0 <- i0 i1
      GlobalSetI64 0 i0
      GlobalGetRef r1 <- 1
      GlobalSetRef 1 r0
      GlobalSetRef 2 r0
      Ret [r0])");
    builder.addExport("step", step, {"x:i32[2]"}, {"y:i32[2]"});
    create();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void step(int32_t a, int32_t b) {
    outputs.assign(1, Tensor());
    ASSERT_EQ(call("step", {makeTensor<int32_t>(ElementType::I32, {2}, {a, b})}), "ok");
  }
  int64_t getCount() { return getValues<int64_t>(session->getState("count").take())[0]; }
  std::vector<int32_t> getLast() { return getValues<int32_t>(session->getState("last").take()); }

  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "state";
  const std::string path = folder / "state.safetensors";
};

TEST_F(StateTest, IsListedReadAndReset) {
  const auto program = Program::copyBytes(builder.build(), {}).take();
  ASSERT_EQ(program.getStateCount(), 3u);
  EXPECT_STREQ(program.getState(0).name, "count");
  EXPECT_EQ(program.getState(0).type, ElementType::I64);
  EXPECT_EQ(program.getState(1).dims[0], 2);
  EXPECT_FALSE(program.getState(2).hasValue);

  EXPECT_STREQ(session->getState("late").getStatus().getMessage(), "the state 'late' has no value yet");
  EXPECT_STREQ(session->getState("fixed").getStatus().getMessage(), "the program has no state 'fixed'");
  step(5, 6);
  EXPECT_EQ(getCount(), 11);
  const Tensor before = session->getState("last").take();
  step(7, 8);
  EXPECT_EQ(getCount(), 12);
  EXPECT_EQ(getLast(), (std::vector<int32_t>{7, 8}));
  EXPECT_EQ(getValues<int32_t>(before), (std::vector<int32_t>{5, 6})); // A copy.
  ASSERT_TRUE(session->reset().isOk());
  EXPECT_EQ(getCount(), 10);
  EXPECT_EQ(getLast(), (std::vector<int32_t>{1, 2}));
  EXPECT_FALSE(session->getState("late").isOk());
}

TEST_F(StateTest, IsSet) {
  ASSERT_TRUE(session->setState("count", makeTensor<int64_t>(ElementType::I64, {}, {99})).isOk());
  step(5, 6);
  EXPECT_EQ(getCount(), 100);
  ASSERT_TRUE(session->setState("last", makeTensor<int32_t>(ElementType::I32, {2}, {3, 4})).isOk());
  EXPECT_EQ(getLast(), (std::vector<int32_t>{3, 4}));
  EXPECT_STREQ(session->setState("last", makeTensor<int32_t>(ElementType::I32, {1, 2}, {3, 4})).getMessage(),
               "the state 'last' is 2xi32, not 1x2xi32");
  EXPECT_STREQ(session->setState("last", Tensor()).getMessage(), "no tensor is given for the state 'last'");
  EXPECT_STREQ(session->setState("count", makeTensor<int32_t>(ElementType::I32, {}, {9})).getMessage(),
               "the state 'count' is i64, not i32");
}

TEST_F(StateTest, IsSavedAndLoaded) {
  ASSERT_STREQ(session->saveState(path.c_str()).getMessage(), "ok"); // Without `late`.
  step(5, 6);
  const std::string later = folder / "later.safetensors";
  ASSERT_STREQ(session->saveState(later.c_str()).getMessage(), "ok");
  step(7, 8);
  ASSERT_STREQ(session->loadState(later.c_str()).getMessage(), "ok");
  EXPECT_EQ(getCount(), 11);
  EXPECT_EQ(getLast(), (std::vector<int32_t>{5, 6}));
  EXPECT_EQ(session->loadState(path.c_str()).getMessage(), path + ": there is no state 'late'");
  create();
  EXPECT_EQ(session->loadState(later.c_str()).getMessage(),
            later + ": the state 'late' has no value yet to hold the new one against");
  EXPECT_EQ(getCount(), 10);
  ASSERT_STREQ(session->loadState(path.c_str()).getMessage(), "ok");
}

TEST_F(StateTest, OnlyWhatFitsIsLoaded) {
  auto load = [&](std::vector<std::pair<std::string, Tensor>> values) {
    Array<NamedTensor> tensors;
    for (auto &[name, tensor] : values) {
      NamedTensor named{Text(), tensor};
      EXPECT_TRUE(named.name.append(name) && tensors.push(std::move(named)));
    }
    EXPECT_TRUE(writeSafetensors(path.c_str(), {tensors.data(), tensors.size()}).isOk());
    const std::string message = session->loadState(path.c_str()).getMessage();
    EXPECT_EQ(getCount(), 10); // All or nothing.
    return message == "ok" ? message : message.substr(path.size() + 2);
  };
  const Tensor count = makeTensor<int64_t>(ElementType::I64, {}, {5}),
               last = makeTensor<int32_t>(ElementType::I32, {2}, {8, 9});
  EXPECT_EQ(load({{"count", count}}), "there is no state 'last'");
  EXPECT_EQ(load({{"count", count}, {"last", last}, {"more", last}}), "the program has no state 'more'");
  EXPECT_EQ(load({{"count", count}, {"last", count}}), "the state 'last' is 2xi32, not i64");
  EXPECT_EQ(load({{"count", last}, {"last", last}}), "the state 'count' is i64, not 2xi32");
  std::filesystem::resize_file(path, 40);
  EXPECT_EQ(session->loadState(path.c_str()).getCode(), StatusCode::InvalidArgument);
  EXPECT_EQ(session->loadState((folder / "absent").c_str()).getCode(), StatusCode::Io);
  EXPECT_EQ(session->saveState((folder / "absent" / "x").c_str()).getCode(), StatusCode::Io);
}

} // namespace
} // namespace torchc::runtime::test
