//===- ThreadPoolTest.cpp - work groups on several threads ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "threads/ThreadPool.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace torchc::runtime {
namespace {

struct Counts {
  explicit Counts(size_t size) : items(size) {}
  std::vector<std::atomic<unsigned>> items;
  std::atomic<unsigned> badWorkers{0};
  unsigned workers = 0;

  static void run(void *context, uint64_t begin, uint64_t end, unsigned worker) {
    auto &counts = *static_cast<Counts *>(context);
    if (worker >= counts.workers)
      ++counts.badWorkers;
    for (uint64_t i = begin; i < end; ++i)
      ++counts.items[i];
  }
};

TEST(ThreadPool, RunsEachItemOnce) {
  for (unsigned workers : {1u, 2u, 3u, 8u}) {
    ThreadPool pool;
    ASSERT_TRUE(pool.start(workers).isOk());
    EXPECT_EQ(pool.getWorkerCount(), workers);
    for (size_t size : {0, 1, 2, 7, 100, 5000}) {
      for (unsigned repeat = 1; repeat <= 20; ++repeat) {
        Counts counts(size);
        counts.workers = workers;
        pool.run({Counts::run, &counts, size});
        for (const auto &item : counts.items)
          ASSERT_EQ(item, 1u);
        ASSERT_EQ(counts.badWorkers, 0u);
      }
    }
  }
}

TEST(ThreadPool, WakesSleepersAgain) {
  ThreadPool pool;
  ASSERT_TRUE(pool.start(3).isOk());
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2)); // All asleep.
    Counts counts(50);
    counts.workers = 3;
    pool.run({Counts::run, &counts, 50});
    for (const auto &item : counts.items)
      ASSERT_EQ(item, 1u);
  }
}

TEST(ThreadPool, ManyCallers) {
  ThreadPool pool;
  ASSERT_TRUE(pool.start(3).isOk());
  std::vector<std::thread> callers;
  std::atomic<unsigned> wrong{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        Counts counts(20);
        counts.workers = 3;
        pool.run({Counts::run, &counts, 20});
        for (const auto &item : counts.items)
          wrong += item != 1;
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0u);
}

} // namespace
} // namespace torchc::runtime
