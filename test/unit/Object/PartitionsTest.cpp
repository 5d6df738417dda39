//===- PartitionsTest.cpp - executables that are compiled in parts ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"

#include <gtest/gtest.h>

using namespace torchc;
using runtime::ElementType;
using runtime::Tensor;

/// A kernel of some 1500 operations that adds i + 0.25 to one number; all share the
/// constant 0.25.
static std::string makeKernel(int i) {
  std::string text = "llvm.func @k" + std::to_string(i) + R"((%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32,
    %z: i32, %scratch: !llvm.ptr) -> i32 attributes {dispatch.workgroups = affine_map<() -> (1, 1, 1)>} {
  %ok = llvm.mlir.constant(0 : i32) : i32
  %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %in = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
  %pout = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %out = llvm.load %pout : !llvm.ptr -> !llvm.ptr
  %shared = llvm.mlir.addressof @quarter : !llvm.ptr
  %quarter = llvm.load %shared : !llvm.ptr -> f32
  %v0 = llvm.load %in : !llvm.ptr -> f32
  %n0 = llvm.fadd %v0, %quarter : f32
  %i = llvm.mlir.constant()" +
                     std::to_string(i) + R"(.0 : f32) : f32
  %s0 = llvm.fadd %n0, %i : f32
)";
  // Negations, two and two, change nothing.
  for (int step = 0; step < 1500; ++step)
    text += "  %s" + std::to_string(step + 1) + " = llvm.fneg %s" + std::to_string(step) + " : f32\n";
  return text + "  llvm.store %s1500, %out : f32, !llvm.ptr\n  llvm.return %ok : i32\n}\n";
}

TEST(Partitions, GiveTheSameBytesOnAnyNumberOfThreads) {
  constexpr int kKernels = 8;
  std::string host, calls, kernels = "llvm.mlir.global private constant @quarter(0.25 : f32) : f32\n";
  for (int i = 0; i < kKernels; ++i) {
    std::string n = std::to_string(i);
    host += "dispatch.kernel private @k" + n +
            "(tensor<f32>) -> tensor<f32> attributes {dims = [array<i64>, "
            "array<i64>], scratch = 0 : i64}\n";
    calls +=
        "  %y" + std::to_string(i + 1) + " = dispatch.call @k" + n + "(%y" + n + ") : (tensor<f32>) -> tensor<f32>\n";
    kernels += makeKernel(i);
  }
  host += "func.func @forward(%y0: tensor<f32>) -> tensor<f32> {\n" + calls + "  return %y" + std::to_string(kKernels) +
          " : tensor<f32>\n}\n";

  ProgramBuilder parallel, serial;
  serial.getContext().disableMultithreading();
  std::string file = parallel.write(host, kernels);
  EXPECT_EQ(file, serial.write(host, kernels));
  Runner runner(file);
  std::vector<Tensor> outputs(1);
  auto status = runner.call("forward", {makeTensor<float>(ElementType::F32, {}, {1.0f})}, outputs);
  ASSERT_TRUE(status.isOk()) << status.getMessage();
  EXPECT_EQ(getValues<float>(outputs[0])[0], 1.0f + kKernels * 0.25f + 28.0f);
}
