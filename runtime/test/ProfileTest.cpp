//===- ProfileTest.cpp - events of dispatches and batches -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime.h"
#include "torchc/runtime/Session.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <mutex>

namespace torchc::runtime::test {
namespace {

struct Events {
  std::mutex mutex;
  std::vector<DispatchEvent> dispatches;
  std::vector<BatchEvent> batches;

  Profiler getProfiler() {
    return {[](void *to, const DispatchEvent &event) { static_cast<Events *>(to)->dispatches.push_back(event); },
            [](void *to, const BatchEvent &event) {
              const std::lock_guard lock(static_cast<Events *>(to)->mutex);
              static_cast<Events *>(to)->batches.push_back(event);
            },
            this};
  }
};

class ProfileTest : public ::testing::Test {
protected:
  void SetUp() override {
    builder.addKernel("add_constant", 1, 1, 4);
    builder.addKernel("number_groups", 0, 1, 3);
    builder.addKernel("fail_from", 0, 0, 5);
    builder.addKernel("sum_row", 1, 1, 3, 256);
    std::ifstream file(TORCHC_TEST_KERNELS, std::ios::binary);
    builder.addLibrary("generic", {}, {std::istreambuf_iterator<char>(file), {}});
    // x + 1, then 1000 numbered work groups and none, then a failure from work group `from` on.
    const unsigned f = builder.addFunction("f", "ref ref", "ref ref", 6, 4, R"(
      ConstI64 i0 <- 64
      ConstI64 i1 <- 4
      ConstI64 i2 <- 1
      OutputAlloc r2 <- 0 f32 [i0]
      Dispatch 0 [r0 r2] [i1 i2 i2 i2]
      ConstI64 i3 <- 1000
      OutputAlloc r3 <- 1 i32 [i3]
      Dispatch 1 [r3] [i3 i2 i2]
      ConstI64 i4 <- 0
      Dispatch 1 [r3] [i4 i2 i2]
      LoadI64 i5 <- r1 i4
      Dispatch 2 [] [i3 i2 i2 i5 i2]
      Ret [r2 r3])");
    builder.addExport("f", f, {"x:f32[64]", "from:i64[]"}, {"y:f32[64]", "n:i32[1000]"});
  }

  std::string call(Session &session, int64_t from = 1000) {
    const int64_t length = 64;
    Tensor inputs[] = {Tensor::allocate(ElementType::F32, {&length, 1}).take(),
                       Tensor::allocate(ElementType::I64, {}).take()};
    std::memset(inputs[0].getMutableData(), 0, 256);
    std::memcpy(inputs[1].getMutableData(), &from, sizeof from);
    Tensor outputs[2];
    return session.call(0, inputs, outputs).getMessage();
  }

  ModuleBuilder builder;
};

TEST_F(ProfileTest, ReportsDispatchesAndBatches) {
  const Program program = Program::copyBytes(builder.build(), {}).take();
  for (unsigned threads : {1u, 3u}) {
    Session session =
        Session::create(program, threads == 1 ? Device::localSync() : Device::localTask(threads).take(), {}).take();
    Events events;
    session.setProfiler(events.getProfiler());
    ASSERT_EQ(call(session), "ok");
    ASSERT_EQ(events.dispatches.size(), 3u);
    const DispatchEvent &first = events.dispatches[0], &second = events.dispatches[1], &third = events.dispatches[2];
    EXPECT_EQ(first.kernel, 0u);
    EXPECT_EQ(first.instruction, 4u);
    EXPECT_EQ(first.workgroups, 4u);
    EXPECT_EQ(first.bytesRead, 256u);
    EXPECT_EQ(first.bytesWritten, 256u);
    EXPECT_EQ(second.instruction, 7u);
    EXPECT_EQ(second.bytesRead, 0u);
    EXPECT_EQ(second.bytesWritten, 4000u);
    EXPECT_EQ(third.kernel, 2u);
    EXPECT_LE(first.begin, first.end);
    EXPECT_LE(first.end, second.begin);
    // The batches of a dispatch are its work groups, each once, within its time.
    for (const DispatchEvent &dispatch : events.dispatches) {
      std::map<uint64_t, uint64_t> ranges;
      for (const BatchEvent &batch : events.batches) {
        EXPECT_LT(batch.worker, threads);
        if (batch.instruction != dispatch.instruction)
          continue;
        EXPECT_EQ(batch.kernel, dispatch.kernel);
        EXPECT_LE(dispatch.begin, batch.begin);
        EXPECT_LE(batch.begin, batch.end);
        EXPECT_LE(batch.end, dispatch.end);
        EXPECT_TRUE(ranges.emplace(batch.firstWorkgroup, batch.workgroupCount).second);
      }
      uint64_t next = 0;
      for (const auto &[begin, count] : ranges) {
        EXPECT_EQ(begin, next);
        next += count;
      }
      EXPECT_EQ(next, dispatch.workgroups);
    }
    EXPECT_EQ(session.getStats().dispatches, 3u);
    EXPECT_EQ(session.getStats().outputBytes, 4256u);
  }
}

TEST_F(ProfileTest, EndsAndReportsFailures) {
  Session session = Session::create(Program::copyBytes(builder.build(), {}).take(), Device::localSync(), {}).take();
  Events events;
  Profiler onlyDispatches = events.getProfiler();
  onlyDispatches.onBatch = nullptr;
  session.setProfiler(onlyDispatches);
  EXPECT_EQ(call(session, 7), "f: kernel 'fail_from': index out of range");
  EXPECT_EQ(events.dispatches.size(), 3u);
  EXPECT_TRUE(events.batches.empty());
  session.setProfiler({});
  EXPECT_EQ(call(session), "ok");
  EXPECT_EQ(events.dispatches.size(), 3u);
}

TEST_F(ProfileTest, CountsSlabsAndPlans) {
  ModuleBuilder slabs;
  // 1000 bytes, then 2000 bytes while the first are in use, then 500 alone.
  const unsigned f = slabs.addFunction("f", "", "", 3, 2, R"(
    ConstI64 i0 <- 1000
    ConstI64 i1 <- 2000
    ConstI64 i2 <- 500
    SlabReserve r0 <- i0
    SlabReserve r1 <- i1
    Drop r0 <-
    Drop r1 <-
    SlabReserve r0 <- i2
    Ret [])");
  slabs.addExport("f", f, {}, {});
  slabs.module.functions[f]->slab_bytes = 3072;
  slabs.module.functions[f]->live_bytes = 3000;
  const Program program = Program::copyBytes(slabs.build(), {}).take();
  EXPECT_EQ(program.getFunction(0).slabBytes, 3072u);
  EXPECT_EQ(program.getFunction(0).liveBytes, 3000u);
  Session session = Session::create(program, Device::localSync(), {}).take();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(session.call(0, {}, {}).isOk());
  EXPECT_EQ(session.getStats().slabBytes, 1024u + 2048u);
}

TEST_F(ProfileTest, SpeaksC) {
  const std::vector<uint8_t> bytes = builder.build();
  torchc_program *program = nullptr;
  torchc_device *device = nullptr;
  torchc_session *session = nullptr;
  ASSERT_EQ(torchc_program_copy_bytes(bytes.data(), bytes.size(), nullptr, &program), nullptr);
  ASSERT_EQ(torchc_device_create_local_task(2, &device), nullptr);
  ASSERT_EQ(torchc_session_create(program, device, nullptr, &session), nullptr);
  ASSERT_EQ(torchc_program_get_kernel_count(program), 4u);
  torchc_kernel_info kernel = {};
  kernel.struct_size = sizeof kernel;
  ASSERT_EQ(torchc_program_get_kernel(program, 3, &kernel), nullptr);
  EXPECT_STREQ(kernel.name, "sum_row");
  EXPECT_EQ(kernel.scratch_bytes, 256u);
  torchc_source_info source = {};
  source.struct_size = sizeof source;
  EXPECT_EQ(torchc_program_get_source_count(program, 4), 0u);
  torchc_status *status = torchc_program_get_source(program, 4, 0, &source);
  EXPECT_STREQ(torchc_status_get_message(status), "there is no source 0");
  torchc_status_free(status);

  struct Counts {
    std::atomic<unsigned> dispatches{0}, workgroups{0};
  } counts;
  torchc_profiler profiler = {};
  profiler.struct_size = sizeof profiler;
  profiler.context = &counts;
  profiler.on_dispatch = [](void *to, const torchc_dispatch_event *event) {
    EXPECT_EQ(event->struct_size, sizeof *event);
    static_cast<Counts *>(to)->dispatches += event->kernel < 4;
  };
  profiler.on_batch = [](void *to, const torchc_batch_event *event) {
    static_cast<Counts *>(to)->workgroups += unsigned(event->workgroup_count);
  };
  torchc_session_set_profiler(session, &profiler);
  const int64_t dims[] = {64};
  torchc_tensor *inputs[2] = {}, *outputs[2] = {};
  ASSERT_EQ(torchc_tensor_allocate(6, dims, 1, &inputs[0]), nullptr);
  ASSERT_EQ(torchc_tensor_allocate(4, dims, 0, &inputs[1]), nullptr);
  const int64_t from = 1000;
  std::memcpy(torchc_tensor_get_mutable_data(inputs[1]), &from, sizeof from);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(torchc_session_call(session, 0, inputs, 2, outputs, 2), nullptr);
    torchc_session_set_profiler(session, nullptr);
  }
  EXPECT_EQ(counts.dispatches, 3u);
  EXPECT_EQ(counts.workgroups, 2004u);
  torchc_session_stats stats = {};
  stats.struct_size = sizeof stats;
  torchc_session_get_stats(session, &stats);
  EXPECT_EQ(stats.dispatches, 6u);
  EXPECT_EQ(stats.output_bytes, 4256u);
  for (torchc_tensor *tensor : {inputs[0], inputs[1], outputs[0], outputs[1]})
    torchc_tensor_free(tensor);
  torchc_session_free(session);
  torchc_device_free(device);
  torchc_program_free(program);
}

} // namespace
} // namespace torchc::runtime::test
