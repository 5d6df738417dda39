//===- ThreadPool.cpp - work groups on several threads --------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "threads/ThreadPool.h"

#include "threads/Futex.h"

#include <algorithm>
#include <unistd.h>

namespace torchc::runtime {

/// Rounds of looking before sleeping: some 20 to 50 us, well above the time between
/// two dispatches of one call.
static constexpr unsigned kSpinRounds = 1000;

const ThreadPool::Functions ThreadPool::kFunctions = {
    [](ThreadPool &pool, const Task &task) { pool.runOnThreads(task); }, [](ThreadPool &pool) { pool.stop(); }};

Status ThreadPool::start(unsigned workers) {
  functions = &kFunctions;
  workerCount = std::max(workers, 1u);
  process = getpid();
  if (!threads.resize(workerCount - 1))
    return Status::outOfMemory();
  for (unsigned i = 0; i < threads.size(); ++i) {
    threads[i] = {{}, this, i + 1};
    if (pthread_create(&threads[i].handle, nullptr, threadMain, &threads[i]) != 0) {
      (void)threads.resize(i); // Shrinking cannot fail; the destructor joins the rest.
      return Status::error(StatusCode::ResourceExhausted, "cannot start thread %u of %u", i + 1, workerCount);
    }
  }
  return {};
}

void ThreadPool::stop() {
  if (getpid() != process)
    return; // The threads stayed in the parent.
  isStopping.store(true);
  workSignal.fetch_add(1);
  wakeAll(workSignal);
  for (Thread &thread : threads)
    pthread_join(thread.handle, nullptr);
}

void *ThreadPool::threadMain(void *argument) {
  auto *thread = static_cast<Thread *>(argument);
  thread->pool->work(thread->index);
  return nullptr;
}

void ThreadPool::work(unsigned worker) {
  while (!isStopping.load(std::memory_order_relaxed))
    if (!takeItems(worker))
      waitForWork();
}

/// Takes some items and runs them; false if there are none. Large grids are taken in
/// portions that shrink towards the end, so that all workers finish together.
bool ThreadPool::takeItems(unsigned worker) {
  uint64_t left = remaining.load(std::memory_order_acquire);
  uint64_t portion;
  do {
    if (left == 0)
      return false;
    portion = std::max<uint64_t>(1, left / (4 * uint64_t(workerCount)));
  } while (
      !remaining.compare_exchange_weak(left, left - portion, std::memory_order_acq_rel, std::memory_order_acquire));
  const uint64_t begin = current.count - left;
  current.run(current.context, begin, begin + portion, worker);
  if (unfinished.fetch_sub(portion) == portion) { // The last of the task.
    doneSignal.fetch_add(1);
    if (isCallerAsleep.load())
      wakeAll(doneSignal);
  }
  return true;
}

void ThreadPool::waitForWork() {
  const uint32_t seen = workSignal.load();
  for (unsigned round = 0; round < kSpinRounds; ++round) {
    if (remaining.load(std::memory_order_relaxed) != 0 || isStopping.load(std::memory_order_relaxed))
      return;
    pauseCpu();
  }
  sleepers.fetch_add(1);
  if (remaining.load() == 0 && !isStopping.load())
    waitWhile(workSignal, seen);
  sleepers.fetch_sub(1);
}

void ThreadPool::waitForCompletion() {
  for (unsigned round = 0; unfinished.load(std::memory_order_acquire) != 0; ++round) {
    if (round < kSpinRounds) {
      pauseCpu();
      continue;
    }
    const uint32_t seen = doneSignal.load();
    isCallerAsleep.store(true);
    if (unfinished.load() != 0)
      waitWhile(doneSignal, seen);
    isCallerAsleep.store(false);
  }
}

void ThreadPool::runOnThreads(const Task &task) {
  if (task.count == 0)
    return;
  if (task.count == 1 || workerCount == 1 || isBusy.exchange(true, std::memory_order_acquire)) {
    task.run(task.context, 0, task.count, 0);
    return;
  }
  current = task;
  unfinished.store(task.count);
  remaining.store(task.count);
  workSignal.fetch_add(1);
  if (sleepers.load() != 0)
    wakeAll(workSignal);
  while (takeItems(0)) {
  }
  waitForCompletion();
  isBusy.store(false, std::memory_order_release);
}

} // namespace torchc::runtime
