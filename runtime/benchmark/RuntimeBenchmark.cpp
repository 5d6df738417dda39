//===- RuntimeBenchmark.cpp - what the runtime itself costs ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Goals: a call of a trivial function takes less than 1 us with local-sync and less than
// 5 us with local-task; a 500 MB module loads in less than 10 ms and takes next to no memory
// before it is read. Run it on a quiet machine: torchc-runtime-benchmark.
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Session.h"

#include <benchmark/benchmark.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace torchc::runtime;
using namespace torchc::runtime::test;

namespace {

std::vector<uint8_t> readKernels() {
  std::ifstream file(TORCHC_TEST_KERNELS, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// forward(x: f32[4096]) that dispatches `dispatches` times, `groups` work groups each;
/// without dispatches it returns its input.
Session makeSession(unsigned dispatches, unsigned groups, unsigned threads) {
  ModuleBuilder builder;
  builder.addKernel("add_constant", 1, 1, 4);
  builder.addKernel("number_groups", 0, 1, 3);
  builder.addKernel("fail_from", 0, 0, 5);
  builder.addKernel("sum_row", 1, 1, 3, 256);
  builder.addLibrary("generic", {}, readKernels());
  std::string code = "ConstI64 i0 <- 4096\nConstI64 i1 <- " + std::to_string(groups) + "\nConstI64 i2 <- 1\n";
  if (dispatches > 0)
    code += "OutputAlloc r1 <- 0 f32 [i0]\n";
  for (unsigned i = 0; i < dispatches; ++i)
    code += "Dispatch 0 [r0 r1] [i1 i2 i2 i2]\n";
  code += dispatches > 0 ? "Ret [r1]" : "Ret [r0]";
  builder.addExport("forward", builder.addFunction("forward", "ref", "ref", 3, 2, code), {"x:f32[4096]"},
                    {"y:f32[4096]"});
  const Program program = Program::copyBytes(builder.build(), {}).take();
  return Session::create(program, threads == 0 ? Device::localSync() : Device::localTask(threads).take(), {}).take();
}

Tensor makeInput() {
  const int64_t length = 4096;
  Tensor tensor = Tensor::allocate(ElementType::F32, {&length, 1}).take();
  std::memset(tensor.getMutableData(), 0, tensor.getByteLength());
  return tensor;
}

/// Arguments: threads (0 is local-sync), dispatches, work groups of each.
void callProgram(benchmark::State &state, bool isProfiled) {
  Session session = makeSession(unsigned(state.range(1)), unsigned(state.range(2)), unsigned(state.range(0)));
  uint64_t events = 0;
  if (isProfiled)
    session.setProfiler(
        {[](void *count, const DispatchEvent &) { ++*static_cast<uint64_t *>(count); }, nullptr, &events});
  const Tensor inputs[] = {makeInput()};
  Tensor outputs[1];
  for (auto _ : state)
    if (const Status status = session.call(0, inputs, outputs); !status.isOk())
      state.SkipWithError(status.getMessage());
  if (state.range(1) > 0)
    state.counters["per_dispatch"] = benchmark::Counter(
        double(state.range(1)), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// Nothing but a call: the empty function has no result to copy.
void callTrivial(benchmark::State &state) {
  ModuleBuilder builder;
  builder.addExport("f", builder.addFunction("f", "ref", "", 0, 1, "Ret []"), {"x:f32[4096]"}, {});
  const Program program = Program::copyBytes(builder.build(), {}).take();
  const auto threads = unsigned(state.range(0));
  Session session =
      Session::create(program, threads == 0 ? Device::localSync() : Device::localTask(threads).take(), {}).take();
  const Tensor inputs[] = {makeInput()};
  for (auto _ : state)
    if (const Status status = session.call(0, inputs, {}); !status.isOk())
      state.SkipWithError(status.getMessage());
}

uint64_t getResidentBytes() {
  uint64_t size, resident;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

/// Argument: MB of constants, more than are verified at every load.
void loadProgram(benchmark::State &state) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("torchc-benchmark." + std::to_string(getpid()))).string();
  writeSparseModule(path, uint64_t(state.range(0)) << 20);
  const uint64_t before = getResidentBytes();
  uint64_t resident = before;
  for (auto _ : state) {
    auto program = Program::load(path.c_str(), {});
    if (!program.isOk()) {
      state.SkipWithError(program.getStatus().getMessage());
      break;
    }
    state.PauseTiming();
    resident = std::max(resident, getResidentBytes());
    state.ResumeTiming();
  }
  state.counters["resident_kB"] = double(resident - before) / 1e3;
  std::filesystem::remove(path);
}

} // namespace

BENCHMARK(callTrivial)->ArgName("threads")->Arg(0)->Arg(2);
BENCHMARK_CAPTURE(callProgram, plain, false)
    ->ArgNames({"threads", "dispatches", "groups"})
    ->Args({0, 1, 1})
    ->Args({0, 100, 1})
    ->Args({2, 1, 1})
    ->Args({2, 1, 16})
    ->Args({2, 100, 1})
    ->Args({2, 100, 16});
BENCHMARK_CAPTURE(callProgram, profiled, true)->ArgNames({"threads", "dispatches", "groups"})->Args({0, 100, 1});
BENCHMARK(loadProgram)->ArgName("MB")->Arg(16)->Arg(500)->Unit(benchmark::kMicrosecond);

BENCHMARK_MAIN();
