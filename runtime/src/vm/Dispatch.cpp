//===- Dispatch.cpp - runs kernels ----------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

#include <algorithm>
#include <ctime>

namespace torchc::runtime {

static uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000'000 + uint64_t(time.tv_nsec);
}

/// One dispatch, shared by the workers.
class Launch {
public:
  Launch(torchc_kernel_fn kernel, const torchc_args &args, unsigned workers, uint8_t *scratch, uint64_t scratchStride,
         const std::atomic<bool> &isCancelled)
      : kernel(kernel), args(args), workers(workers), scratch(scratch), scratchStride(scratchStride),
        isCancelled(isCancelled) {}

  /// As `run`, and reports it.
  void runAndReport(const Profiler &profiler, const DispatchEvent &dispatch, uint64_t begin, uint64_t end,
                    unsigned worker) {
    BatchEvent event = {dispatch.kernel, dispatch.instruction, worker, now(), 0, begin, end - begin};
    run(begin, end, worker);
    event.end = now();
    profiler.onBatch(profiler.context, event);
  }

  /// Runs the work groups [begin, end), x fastest; stops at the first that fails, and
  /// when the call is cancelled.
  void run(uint64_t begin, uint64_t end, unsigned worker) {
    const torchc_env env = {sizeof(torchc_env), worker, workers};
    void *memory = scratch ? scratch + worker * scratchStride : nullptr;
    const uint64_t countX = args.workgroup_count[0], countY = args.workgroup_count[1];
    auto x = uint32_t(begin % countX), y = uint32_t(begin / countX % countY), z = uint32_t(begin / countX / countY);
    for (uint64_t item = begin; item < end; ++item) {
      if (isCancelled.load(std::memory_order_relaxed)) {
        isIncomplete.store(true, std::memory_order_relaxed);
        return;
      }
      if (const int32_t code = kernel(&env, &args, x, y, z, memory); code != 0) {
        fail(item, code);
        return;
      }
      if (++x == countX) {
        x = 0;
        if (++y == countY) {
          y = 0;
          ++z;
        }
      }
    }
  }

  /// The code of the first work group that failed, whatever the order in which they
  /// ran; 0 if none did.
  int32_t getCode() const { return failedCode; }

  /// Whether work groups were left out: the call has been cancelled, even if it is no
  /// longer by now.
  bool wasCancelled() const { return isIncomplete.load(std::memory_order_relaxed); }

private:
  void fail(uint64_t item, int32_t code) {
    while (lock.test_and_set(std::memory_order_acquire)) {
    }
    if (item < failedItem) {
      failedItem = item;
      failedCode = code;
    }
    lock.clear(std::memory_order_release);
  }

  const torchc_kernel_fn kernel;
  const torchc_args &args;
  const unsigned workers;
  uint8_t *const scratch;
  const uint64_t scratchStride;
  const std::atomic<bool> &isCancelled;
  std::atomic<bool> isIncomplete{false};
  std::atomic_flag lock;
  uint64_t failedItem = UINT64_MAX;
  int32_t failedCode = 0;
};

static Status describeFailure(const schema::Module &module, const schema::Kernel &kernel, int32_t code) {
  const char *name = kernel.name()->c_str();
  const int64_t message = int64_t(code) - TORCHC_KERNEL_MESSAGE;
  if (message >= 0 && message < int64_t(module.messages()->size()))
    return Status::error(StatusCode::Failed, "kernel '%s': %s", name,
                         module.messages()->Get(unsigned(message))->c_str());
  switch (code) {
  case TORCHC_KERNEL_INDEX_OUT_OF_RANGE:
    return Status::error(StatusCode::Failed, "kernel '%s': index out of range", name);
  case TORCHC_KERNEL_DIVISION_BY_ZERO:
    return Status::error(StatusCode::Failed, "kernel '%s': integer division by zero", name);
  case TORCHC_KERNEL_INVALID_VALUE: return Status::error(StatusCode::Failed, "kernel '%s': invalid value", name);
  default: return Status::error(StatusCode::Failed, "kernel '%s': error %d", name, code);
  }
}

Status Machine::dispatch(const Instruction &instruction, const Frame &frame) {
  const schema::Kernel &kernel = *program->module.header->kernels()->Get(instruction.a);
  const auto tensors = program->module.getList(instruction.d);
  const auto constants = program->module.getList(instruction.e);

  const torchc_kernel &code = program->kernels[instruction.a];

  for (size_t i = 0; i < constants.size(); ++i)
    kernelConstants[i] = frame.i64s[constants[i]];
  torchc_args args = {};
  uint64_t items = 1;
  int64_t extents[3];
  code.grid(kernelConstants.data(), extents);
  for (unsigned i = 0; i < 3; ++i) {
    const int64_t count = extents[i];
    if (count < 0 || count > int64_t(UINT32_MAX) || __builtin_mul_overflow(items, uint64_t(count), &items))
      return Status::error(StatusCode::Failed, "kernel '%s': %lld work groups", kernel.name()->c_str(),
                           (long long)count);
    args.workgroup_count[i] = uint32_t(count);
  }
  if (items == 0)
    return {};
  if (maxSteps != 0)
    TORCHC_RETURN_IF_ERROR(takeSteps(items));
  ++dispatches;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Tensor &tensor = frame.refs[tensors[i]];
    if (i >= kernel.inputs() && tensor.getAccess() != Access::ReadWrite)
      return Status::error(StatusCode::Failed, "kernel '%s' would write to a read-only tensor", kernel.name()->c_str());
    bindings[i] = const_cast<uint8_t *>(tensor.getData());
    bindingLengths[i] = tensor.getByteLength();
  }
  args.bindings = bindings.data();
  args.binding_lengths = bindingLengths.data();
  args.constants = kernelConstants.data();
  args.binding_count = uint32_t(tensors.size());
  args.constant_count = uint32_t(constants.size());

  Launch launch(code.run, args, workerCount, scratch, scratchStride, isCancelled);
  if (profileDispatch)
    (this->*profileDispatch)(launch, items, instruction, frame);
  else if (pool)
    pool->run({[](void *context, uint64_t begin, uint64_t end, unsigned worker) {
                 static_cast<Launch *>(context)->run(begin, end, worker);
               },
               &launch, items});
  else
    launch.run(0, items, 0);
  if (launch.wasCancelled())
    return cancelled();
  return launch.getCode() == 0 ? Status() : describeFailure(*program->module.header, kernel, launch.getCode());
}

void Machine::profile(Launch &launch, uint64_t items, const Instruction &instruction, const Frame &frame) {
  DispatchEvent event = {instruction.a, frame.function->first_instruction() + frame.next - 1, 0, 0, items, 0, 0};
  const schema::Kernel &kernel = *program->module.header->kernels()->Get(instruction.a);
  for (unsigned i = 0, count = program->module.getList(instruction.d).size(); i < count; ++i)
    (i < kernel.inputs() ? event.bytesRead : event.bytesWritten) += bindingLengths[i];
  struct Report {
    Launch &launch;
    const Profiler &profiler;
    const DispatchEvent &event;
  } report = {launch, profiler, event};
  auto run = [](void *context, uint64_t begin, uint64_t end, unsigned worker) {
    Report &report = *static_cast<Report *>(context);
    if (report.profiler.onBatch)
      report.launch.runAndReport(report.profiler, report.event, begin, end, worker);
    else
      report.launch.run(begin, end, worker);
  };
  event.begin = now();
  if (pool)
    pool->run({run, &report, items});
  else
    run(&report, 0, items, 0);
  event.end = now();
  if (profiler.onDispatch)
    profiler.onDispatch(profiler.context, event);
}

} // namespace torchc::runtime
