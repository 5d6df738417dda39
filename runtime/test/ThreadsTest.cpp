//===- ThreadsTest.cpp - sessions, devices and threads --------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TORCHC_TEST_CALLS sets the calls of each thread; 10,000 with the tsan preset is the
// full size.
//
//===----------------------------------------------------------------------===//

#include "SessionFixture.h"

#include <cstdlib>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace torchc::runtime::test {
namespace {

constexpr unsigned kThreads = 16;

unsigned getCallCount() {
  const char *given = std::getenv("TORCHC_TEST_CALLS");
  return given ? unsigned(std::atoi(given)) : 100;
}

/// Runs `work` with 0 to kThreads - 1, each in a thread; the sum of what it gives.
template <typename Work> unsigned runThreads(Work work) {
  std::atomic<unsigned> sum{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] { sum += work(i); });
  for (std::thread &thread : threads)
    thread.join();
  return sum;
}

class ThreadsTest : public KernelTest {
protected:
  void SetUp() override {
    KernelTest::SetUp();
    // f(x) = (x + 1) + 1, counted in a global; g(from) fails from a work group on.
    builder.addGlobal("count", schema::RegisterKind::I64, true);
    const unsigned f = builder.addFunction("f", "ref", "ref ref", 5, 4, R"(
      GlobalGetI64 i0 <- 0
      ConstI64 i1 <- 1
      AddI64 i0 <- i0 i1
      GlobalSetI64 0 i0
      OutputAlloc r1 <- 1 i64 []
      ConstI64 i2 <- 0
      StoreI64 r1 i2 i0
      ConstI64 i3 <- 1000
      ConstI64 i4 <- 4000
      SlabReserve r2 <- i4
      View r2 <- r2 i2 f32 [i3]
      ConstI64 i4 <- 63
      Dispatch 0 [r0 r2] [i4 i1 i1 i1]
      OutputAlloc r3 <- 0 f32 [i3]
      Dispatch 0 [r2 r3] [i4 i1 i1 i1]
      Ret [r3 r1])");
    builder.addExport("f", f, {"x:f32[1000]"}, {"y:f32[1000]", "count:i64[]"});
    const unsigned g = builder.addFunction("g", "ref", "", 4, 1, R"(
      ConstI64 i0 <- 0
      LoadI64 i1 <- r0 i0
      ConstI64 i2 <- 100
      ConstI64 i3 <- 1
      Dispatch 2 [] [i2 i3 i3 i1 i3]
      Ret [])");
    builder.addExport("g", g, {"from:i64[]"}, {});
  }

  Program load() const { return Program::copyBytes(builder.build(), {}).take(); }

  /// Calls f in a session of its own, and now and then g; how many calls were right.
  static unsigned callOften(const Program &program, const Device &device, unsigned thread) {
    auto session = Session::create(program, device, {});
    if (!session.isOk())
      return 0;
    std::vector<float> values(1000);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(i) * 0.1f + float(thread);
    const Tensor x = makeTensor(ElementType::F32, {1000}, values);
    for (float &value : values)
      value = (value + 1) + 1;
    unsigned right = 0;
    for (unsigned i = 0; i < getCallCount(); ++i) {
      Tensor y[2];
      right += session->call("f", {&x, 1}, y).isOk() && getValues<float>(y[0]) == values &&
               getValues<int64_t>(y[1]) == std::vector<int64_t>{int64_t(i) + 1};
      if (i % 16 != 0)
        continue;
      const Tensor from = makeTensor<int64_t>(ElementType::I64, {}, {int64_t(thread)});
      right -=
          std::string(session->call("g", {&from, 1}, {}).getMessage()) != "g: kernel 'fail_from': index out of range";
    }
    return right;
  }
};

TEST(DeviceTest, HasNoMoreThreadsThanCpus) {
  const unsigned most = Device::localTask(0).take().getWorkerCount();
  EXPECT_EQ(Device::localTask(most + 1).take().getWorkerCount(), most);
  EXPECT_EQ(Device::localTask(1).take().getWorkerCount(), 1u);
}

TEST_F(ThreadsTest, ManySessionsOfOneProgram) {
  const Program program = load();
  const Device device = Device::localTask(8).take();
  EXPECT_EQ(runThreads([&](unsigned i) { return callOften(program, i % 4 == 0 ? Device::localSync() : device, i); }),
            kThreads * getCallCount());
}

TEST_F(ThreadsTest, ADeviceOfSeveralPrograms) {
  const Program programs[] = {load(), load(), load()};
  const Device device = Device::localTask(3).take();
  EXPECT_EQ(runThreads([&](unsigned i) { return callOften(programs[i % 3], device, i); }), kThreads * getCallCount());
}

/// An op that calls another session on the same device.
TEST_F(ThreadsTest, NestedCalls) {
  const Program inner = load();
  ModuleBuilder outerBuilder;
  outerBuilder.addExternal("inner", "ref", "ref");
  const unsigned f = outerBuilder.addFunction("f", "ref", "ref", 0, 1,
                                              "CallExternal [r0] <- 0 [r0]\nCallExternal [r0] <- 0 [r0]\nRet [r0]");
  outerBuilder.addExport("f", f, {"x:f32[1000]"}, {"y:f32[1000]"});
  const Program outer = Program::copyBytes(outerBuilder.build(), {}).take();
  const Device device = Device::localTask(3).take();
  auto call = [&](unsigned thread) -> unsigned {
    Session session = Session::create(inner, device, {}).take();
    const ExternalBinding op = {
        "inner", "(Tensor) -> (Tensor)",
        [](void *context, const char *, std::span<const ExternalValue> arguments, std::span<ExternalValue> results) {
          Tensor y[2];
          Status status = static_cast<Session *>(context)->call("f", {&arguments[0].tensor, 1}, y);
          results[0].tensor = y[0];
          return status;
        },
        &session};
    SessionOptions options;
    options.externals = {&op, 1};
    Session own = Session::create(outer, device, options).take();
    const Tensor x = makeTensor(ElementType::F32, {1000}, std::vector<float>(1000, float(thread)));
    unsigned right = 0;
    for (unsigned i = 0; i < getCallCount(); ++i) {
      Tensor y[1];
      right +=
          own.call("f", {&x, 1}, y).isOk() && getValues<float>(y[0]) == std::vector<float>(1000, float(thread) + 4);
    }
    return right;
  };
  EXPECT_EQ(runThreads(call), kThreads * getCallCount());
}

TEST_F(ThreadsTest, ASessionIsForOneCallAtATime) {
  ModuleBuilder own;
  own.addExternal("again", "", "");
  own.addExport("f", own.addFunction("f", "", "", 0, 0, "CallExternal [] <- 0 []\nRet []"), {}, {});
  builder = std::move(own);
  const ExternalBinding op = {
      "again", "() -> ()",
      [](void *context, const char *, std::span<const ExternalValue>, std::span<ExternalValue>) {
        return static_cast<std::unique_ptr<Session> *>(context)->get()->call(0u, {}, {});
      },
      &session};
  SessionOptions options;
  options.externals = {&op, 1};
  create(options);
  EXPECT_EQ(call("f", {}, 0), "f: again: the session is in another call; use one session a thread");
}

TEST_F(ThreadsTest, ACallIsCancelled) {
  ModuleBuilder own;
  own.addExport("loop", own.addFunction("loop", "", "", 0, 0, "Br loop\nloop:\nBlock [] [] <-\nBr loop"), {}, {});
  own.addExport("f", own.addFunction("f", "", "", 0, 0, "Ret []"), {}, {});
  builder = std::move(own);
  create();
  for (int i = 0; i < 20; ++i) {
    std::thread other([&] { session->setCancelled(true); });
    EXPECT_EQ(call("loop", {}, 0), "loop: the call is cancelled");
    other.join();
    EXPECT_EQ(session->call(1u, {}, {}).getCode(), StatusCode::Cancelled);
    session->setCancelled(false);
    EXPECT_EQ(call("f", {}, 0), "ok");
  }
}

/// 2^32 work groups of a kernel take minutes, unless the call is cancelled.
TEST_F(ThreadsTest, AKernelIsCancelled) {
  const unsigned f = builder.addFunction("long", "", "", 2, 0, R"(
    ConstI64 i0 <- 4294967295
    ConstI64 i1 <- 1000
    Dispatch 2 [] [i0 i1 i1 i0 i1]
    Ret [])");
  builder.addExport("long", f, {}, {});
  for (unsigned threads : {1u, 4u}) {
    create({}, Device::localTask(threads).take());
    std::thread other([&] { session->setCancelled(true); });
    EXPECT_EQ(call("long", {}, 0), "long: the call is cancelled");
    other.join();
  }
}

#if defined(__has_feature)
#define TORCHC_TSAN __has_feature(thread_sanitizer)
#else
#define TORCHC_TSAN 0
#endif
#if !TORCHC_TSAN
TEST_F(ThreadsTest, AChildProcessHasNoThreadsAndNeedsNone) {
  const Program program = load();
  auto device = std::make_unique<Device>(Device::localTask(4).take());
  EXPECT_EQ(callOften(program, *device, 1), getCallCount());
  const pid_t child = fork();
  if (child == 0) {
    const bool isRight = callOften(program, *device, 1) == getCallCount();
    device.reset();
    _exit(isRight ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
#endif

} // namespace
} // namespace torchc::runtime::test
