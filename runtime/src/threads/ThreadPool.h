//===- ThreadPool.h - work groups on several threads ------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_THREADS_THREADPOOL_H
#define TORCHC_RUNTIME_THREADS_THREADPOOL_H

#include "base/Array.h"
#include "torchc/runtime/Result.h"

#include <atomic>
#include <cstdint>
#include <pthread.h>

namespace torchc::runtime {

/// Items 0 to count - 1 of a piece of work. `run` takes the items [begin, end) and is
/// called by several workers at once, each with its own worker index.
struct Task {
  void (*run)(void *context, uint64_t begin, uint64_t end, unsigned worker) = nullptr;
  void *context = nullptr;
  uint64_t count = 0;
};

/// A fixed set of threads. The thread that calls `run` is worker 0 and works too; it
/// returns when the last item is finished, not when every worker has looked.
/// Workers spin for a while after a task, then sleep. In a child process that forks off
/// there are no threads, and the caller runs all items.
///
/// All of a task's state is one counter of items not yet taken. Taking items is a
/// compare-and-swap on it; whoever succeeds holds the task open until it counts
/// these items as finished, so a worker that comes late never sees a stale task.
class ThreadPool {
public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool() {
    if (functions)
      functions->stop(*this);
  }

  /// Starts `workers - 1` threads. Once only. Errors: ResourceExhausted.
  Status start(unsigned workers);

  unsigned getWorkerCount() const { return unsigned(threads.size()) + 1; }

  /// Runs the task. If another thread's task holds the workers, the caller does all
  /// of it itself. Thread-safe; not to be called from within a task. After `start`.
  void run(const Task &task) { functions->run(*this, task); }

private:
  /// What threads need, known by address from `start` on: a program that starts none
  /// links none of it.
  struct Functions {
    void (*run)(ThreadPool &pool, const Task &task);
    void (*stop)(ThreadPool &pool);
  };
  static const Functions kFunctions;

  struct Thread {
    pthread_t handle;
    ThreadPool *pool;
    unsigned index;
  };

  static void *threadMain(void *thread);
  void runOnThreads(const Task &task);
  void stop();
  void work(unsigned worker);
  bool takeItems(unsigned worker);
  void waitForWork();
  void waitForCompletion();

  const Functions *functions = nullptr;
  Array<Thread> threads;
  unsigned workerCount = 1; ///< Set before the threads start.
  pid_t process = 0;        ///< The one that has the threads.

  std::atomic<bool> isBusy{false};
  Task current; ///< Written while remaining = 0, read by holders of items only.

  alignas(64) std::atomic<uint64_t> remaining{0};
  alignas(64) std::atomic<uint64_t> unfinished{0};
  alignas(64) std::atomic<uint32_t> workSignal{0}; ///< Counts tasks; sleepers wait on it.
  std::atomic<uint32_t> sleepers{0};
  alignas(64) std::atomic<uint32_t> doneSignal{0};
  std::atomic<bool> isCallerAsleep{false};
  std::atomic<bool> isStopping{false};
};

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_THREADS_THREADPOOL_H
