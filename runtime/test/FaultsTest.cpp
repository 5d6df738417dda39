//===- FaultsTest.cpp - what fails around the runtime ---------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An executable of its own: it is linked with --wrap, so that allocations, mappings and
// threads of the runtime can be counted and made to fail, under sanitizers, too.
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Parameters.h"
#include "torchc/runtime/Session.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <pthread.h>
#include <set>
#include <sys/mman.h>
#include <unistd.h>

namespace {

std::atomic<uint64_t> requests{0};   ///< For memory, mappings and threads.
std::atomic<uint64_t> failing{0};    ///< The request that fails; 0: none.
std::atomic<int64_t> outstanding{0}; ///< What was given and not yet given back.

/// Counts a request; false if it is the one to fail.
bool grant() { return ++requests != failing; }

template <typename T> T *count(T *memory) {
  outstanding += memory != nullptr;
  return memory;
}

} // namespace

extern "C" {
void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t size);
int __real_mprotect(void *address, size_t size, int protection);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

void *__wrap_malloc(size_t size) { return grant() ? count(__real_malloc(size)) : nullptr; }
// Compilers make one call of malloc and memset.
void *__wrap_calloc(size_t number, size_t size) { return grant() ? count(__real_calloc(number, size)) : nullptr; }
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return grant() ? count(__real_aligned_alloc(alignment, size)) : nullptr;
}
void __wrap_free(void *memory) {
  outstanding -= memory != nullptr;
  __real_free(memory);
}
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
  if (!grant()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void *memory = __real_mmap(address, size, protection, flags, file, offset);
  outstanding += memory != MAP_FAILED;
  return memory;
}
int __wrap_munmap(void *address, size_t size) {
  --outstanding;
  return __real_munmap(address, size);
}
int __wrap_mprotect(void *address, size_t size, int protection) {
  return grant() ? __real_mprotect(address, size, protection) : -1;
}
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  return grant() ? __real_pthread_create(thread, attributes, run, argument) : EAGAIN;
}
}

namespace torchc::runtime::test {
namespace {

/// A function with a slab, a kernel, a global, a constant, a parameter and a custom op:
/// y = x + 100 + calls so far + w[0], by way of each of them.
std::vector<uint8_t> makeModule() {
  ModuleBuilder builder;
  assemble(R"(
    module "m"
    message "no"
    constant "one" type=i64 dims=[] data="0100000000000000"
    parameter "model" "w" type=i64 dims=[1]
    global "calls" kind=i64 mutable=1
    global "state" kind=ref mutable=1 constant=0
    external "identity" parameters=[ref] results=[ref] attributes=""
    function "count" results=[i64] i64=2
      GlobalGetI64 i0 <- 0
      ConstI64 i1 <- 1
      AddI64 i0 <- i0 i1
      GlobalSetI64 0 i0
      Ret [i0]
    export "forward" function=1
      symbol "n" max=1000
      input "x" type=f32 dims=[s0]
      output "y" type=f32 dims=[s0]
      output "state" type=i64 dims=[]
  )",
           builder);
  builder.addKernel("add_constant", 1, 1, 4);
  builder.addKernel("number_groups", 0, 1, 3);
  builder.addKernel("fail_from", 0, 0, 5);
  builder.addKernel("sum_row", 1, 1, 3, 256);
  std::ifstream kernels(TORCHC_TEST_KERNELS, std::ios::binary);
  builder.addLibrary("generic", {}, {std::istreambuf_iterator<char>(kernels), {}});
  builder.addFunction("f", "ref", "ref ref", 6, 5, R"(
    Call [i0] <- @"count" []
    Parameter r1 <- 0
    ConstI64 i1 <- 0
    LoadI64 i2 <- r1 i1
    AddI64 i0 <- i0 i2
    ConstI64 i2 <- 4000
    SlabReserve r1 <- i2
    TensorDim i2 <- r0 0
    View r1 <- r1 i1 f32 [i2]
    ConstI64 i3 <- 1
    ConstI64 i4 <- 100
    Dispatch 0 [r0 r1] [i2 i3 i3 i4]
    CallExternal [r2] <- 0 [r1]
    OutputAlloc r3 <- 0 f32 [i2]
    Dispatch 0 [r2 r3] [i2 i3 i3 i0]
    GlobalGetRef r4 <- @"state"
    StoreI64 r4 i1 i0
    GlobalSetRef @"state" r4
    Ret [r3 r4])");
  return builder.build();
}

Status returnArgument(void *, const char *, std::span<const ExternalValue> arguments,
                      std::span<ExternalValue> results) {
  results[0].tensor = arguments[0].tensor;
  return {};
}

/// Everything from the file to the second call's results; `*step` says how far it came.
Status loadAndCall(const char *path, const char **step) {
  *step = "parameters";
  TORCHC_ASSIGN_OR_RETURN(Parameters parameters, Parameters::create());
  const int64_t one[] = {1};
  TORCHC_ASSIGN_OR_RETURN(Tensor w, Tensor::allocate(ElementType::I64, one));
  *reinterpret_cast<int64_t *>(w.getMutableData()) = 7;
  TORCHC_RETURN_IF_ERROR(parameters.add("model", "w", w));
  *step = "load";
  TORCHC_ASSIGN_OR_RETURN(Program program, Program::load(path, {}));
  *step = "device";
  TORCHC_ASSIGN_OR_RETURN(Device device, Device::localTask(3));
  *step = "session";
  const ExternalBinding externals[] = {{"identity", "(Tensor) -> (Tensor)", returnArgument, nullptr}};
  SessionOptions options;
  options.externals = externals;
  options.parameters = &parameters;
  TORCHC_ASSIGN_OR_RETURN(Session session, Session::create(program, device, options));
  *step = "input";
  const int64_t dims[] = {100};
  TORCHC_ASSIGN_OR_RETURN(Tensor x, Tensor::allocate(ElementType::F32, dims));
  std::memset(x.getMutableData(), 0, x.getByteLength());
  *step = "call";
  Tensor outputs[2];
  Status status = session.call("forward", {&x, 1}, outputs);
  if (!status.isOk()) {
    EXPECT_TRUE(outputs[0].isNull() && outputs[1].isNull());
    // The session is as good as before.
    failing = 0;
    EXPECT_TRUE(session.call("forward", {&x, 1}, outputs).isOk());
    const float result = *reinterpret_cast<const float *>(outputs[0].getData());
    EXPECT_TRUE(result == 108 || result == 109) << result;
    return status;
  }
  EXPECT_EQ(*reinterpret_cast<const float *>(outputs[0].getData()), 108);
  EXPECT_EQ(*reinterpret_cast<const int64_t *>(outputs[1].getData()), 8);
  *step = "end";
  return {};
}

class Faults : public ::testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("torchc-faults-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    path = folder / "model.vmfb";
    bytes = makeModule();
    write(bytes);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(std::span<const uint8_t> contents) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(contents.data()), std::streamsize(contents.size()));
  }

  std::filesystem::path folder, path;
  std::vector<uint8_t> bytes;
};

TEST_F(Faults, EachAllocationMayFail) {
  const std::string file = path;
  const char *step = "";
  unsigned refusals = 0;
  std::set<std::string> steps;
  for (uint64_t k = 1;; ++k) {
    const int64_t before = outstanding;
    requests = 0;
    failing = k;
    StatusCode code;
    {
      const Status status = loadAndCall(file.c_str(), &step);
      failing = 0;
      code = status.getCode();
      EXPECT_TRUE(code == StatusCode::Ok || code == StatusCode::ResourceExhausted || code == StatusCode::Io ||
                  code == StatusCode::Incompatible)
          << k << " " << step << ": " << status.getMessage();
    }
    ASSERT_EQ(outstanding, before) << "request " << k << " fails in step " << step;
    if (code == StatusCode::Ok)
      break;
    steps.insert(step);
    ++refusals;
  }
  EXPECT_GT(refusals, 40u);
  EXPECT_EQ(steps, (std::set<std::string>{"parameters", "load", "device", "session", "input", "call"}));
}

TEST_F(Faults, FilesOfEveryLength) {
  LoadOptions inspect;
  inspect.loadKernels = false;
  for (size_t size = 0; size < bytes.size(); size += size < 3000 || size > bytes.size() - 300 ? 1 : 61) {
    std::filesystem::resize_file(path, 0);
    write(std::span(bytes).first(size));
    ASSERT_EQ(Program::load(path.c_str(), inspect).getStatus().getCode(), StatusCode::InvalidModule) << size;
  }
}

/// torchc-compile replaces its output this way.
TEST_F(Faults, AFileIsReplacedWhileItIsMapped) {
  const char *step = "";
  LoadOptions inspect;
  inspect.loadKernels = false;
  const Program program = Program::load(path.c_str(), inspect).take();
  const auto other = folder / "other.vmfb";
  std::ofstream(other) << "another file";
  std::filesystem::rename(other, path);
  EXPECT_TRUE(program.verifyConstants().isOk());
  EXPECT_STREQ(program.getFunction(0).name, "forward");
  EXPECT_EQ(loadAndCall(path.c_str(), &step).getCode(), StatusCode::InvalidModule);
}

} // namespace
} // namespace torchc::runtime::test
