//===- RunTest.cpp - packaged programs, run ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace torchc;
using runtime::ElementType;
using runtime::Tensor;

static Tensor floats(std::vector<float> values) {
  return makeTensor(ElementType::F32, {static_cast<int64_t>(values.size())}, values);
}

static std::string withKernels(const char *host) { return std::string(kVectorKernelDeclarations) + host; }

TEST(Run, StraightLine) {
  ProgramBuilder builder;
  Runner runner(builder.write(withKernels(R"(
func.func @forward(%x: tensor<6xf32>) -> tensor<6xf32> {
  %n = arith.constant 6 : index
  %ten = arith.constant dense<[10.0, 20.0, 30.0, 40.0, 50.0, 60.0]> : tensor<6xf32>
  %d = tensor.cast %x : tensor<6xf32> to tensor<?xf32>
  %t = tensor.cast %ten : tensor<6xf32> to tensor<?xf32>
  %y = dispatch.call @double(%d)[%n] : (tensor<?xf32>) -> tensor<?xf32>
  %z = dispatch.call @add(%y, %t)[%n] : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %r = tensor.cast %z : tensor<?xf32> to tensor<6xf32>
  return %r : tensor<6xf32>
}
)"),
                              kVectorKernels));
  std::vector<Tensor> outputs(1);
  auto status = runner.call("forward", {floats({1, 2, 3, 4, 5, 6})}, outputs);
  ASSERT_TRUE(status.isOk()) << status.getMessage();
  EXPECT_EQ(getValues<float>(outputs[0]), (std::vector<float>{12, 24, 36, 48, 60, 72}));
}

TEST(Run, DynamicDimsAndWrongShapes) {
  ProgramBuilder builder;
  Runner runner(builder.write(withKernels(R"(
func.func @forward(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> attributes {torchc.signature = {
    inputs = [{name = "x", dtype = "f32", dims = ["s0"]}, {name = "y", dtype = "f32", dims = ["s0"]}],
    outputs = [{name = "z", dtype = "f32", dims = ["s0"]}]}} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %a = dispatch.call @add(%x, %y)[%n] : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %b = dispatch.call @double(%a)[%n] : (tensor<?xf32>) -> tensor<?xf32>
  %c = dispatch.call @double(%b)[%n] : (tensor<?xf32>) -> tensor<?xf32>
  %d = dispatch.call @add(%c, %a)[%n] : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %d : tensor<?xf32>
}
)"),
                              kVectorKernels, "torchc.symbols = {s0 = [2, 100]}"));
  for (int64_t n : {2, 5, 100}) {
    std::vector<float> x(n), y(n), expected(n);
    for (int64_t i = 0; i < n; ++i) {
      x[i] = i, y[i] = 0.5f;
      expected[i] = 5 * (i + 0.5f);
    }
    std::vector<Tensor> outputs(1);
    auto status = runner.call("forward", {floats(x), floats(y)}, outputs);
    ASSERT_TRUE(status.isOk()) << status.getMessage();
    EXPECT_EQ(getValues<float>(outputs[0]), expected);
  }
  std::vector<Tensor> outputs(1);
  EXPECT_EQ(runner.call("forward", {floats({1, 2, 3}), floats({1, 2})}, outputs).getCode(),
            runtime::StatusCode::InvalidArgument);
  EXPECT_EQ(runner.call("forward", {floats({1}), floats({1})}, outputs).getCode(),
            runtime::StatusCode::InvalidArgument);
}

TEST(Run, WritesToTheCallersBuffer) {
  ProgramBuilder builder;
  Runner runner(builder.write(withKernels(R"(
func.func @forward(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %y = dispatch.call @double(%x)[%n] : (tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
)"),
                              kVectorKernels));
  std::vector<Tensor> outputs{floats({0, 0, 0})};
  const uint8_t *buffer = outputs[0].getData();
  auto status = runner.call("forward", {floats({1, 2, 3})}, outputs);
  ASSERT_TRUE(status.isOk()) << status.getMessage();
  EXPECT_EQ(outputs[0].getData(), buffer);
  EXPECT_EQ(getValues<float>(outputs[0]), (std::vector<float>{2, 4, 6}));
  // The caller's buffer is all the memory that the call needs.
  EXPECT_EQ(runner.getSession().getStats().peakBytes, 0u);
}

TEST(Run, LoopCarriesATensor) {
  ProgramBuilder builder;
  Runner runner(builder.write(withKernels(R"(
// Doubles until no element is left below 100, as told by the count of a kernel.
func.func @forward(%x: tensor<?xf32>, %times: i64) -> (tensor<?xf32>, i64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %end = arith.index_cast %times : i64 to index
  %r = scf.for %i = %c0 to %end step %c1 iter_args(%t = %x) -> tensor<?xf32> {
    %d = dispatch.call @double(%t)[%n] : (tensor<?xf32>) -> tensor<?xf32>
    %s = dispatch.call @add(%d, %t)[%n] : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  %count = dispatch.call @count_positive(%r)[%n] : (tensor<?xf32>) -> tensor<i64>
  %c = tensor.extract %count[] : tensor<i64>
  %many = arith.cmpi sgt, %c, %times : i64
  %answer = scf.if %many -> i64 {
    scf.yield %c : i64
  } else {
    %minus = arith.subi %c, %times : i64
    scf.yield %minus : i64
  }
  return %r, %answer : tensor<?xf32>, i64
}
)"),
                              kVectorKernels));
  for (int64_t times : {0, 1, 4}) {
    std::vector<Tensor> outputs(2);
    auto status =
        runner.call("forward", {floats({1, -2, 3}), makeTensor<int64_t>(ElementType::I64, {}, {times})}, outputs);
    ASSERT_TRUE(status.isOk()) << status.getMessage();
    float scale = std::pow(3.0f, times);
    EXPECT_EQ(getValues<float>(outputs[0]), (std::vector<float>{scale, -2 * scale, 3 * scale}));
    EXPECT_EQ(getValues<int64_t>(outputs[1]), (std::vector<int64_t>{times < 2 ? 2 : 2 - times}));
  }
}

TEST(Run, StateLivesInTheSession) {
  ProgramBuilder builder;
  Runner runner(builder.write(withKernels(R"(
ml_program.global private mutable @sum(dense<1.0> : tensor<2xf32>) : tensor<2xf32>
func.func @accumulate(%x: tensor<2xf32>) -> tensor<2xf32> {
  %n = arith.constant 2 : index
  %old = ml_program.global_load @sum : tensor<2xf32>
  %a = tensor.cast %old : tensor<2xf32> to tensor<?xf32>
  %b = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  %c = dispatch.call @add(%a, %b)[%n] : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %new = tensor.cast %c : tensor<?xf32> to tensor<2xf32>
  ml_program.global_store @sum = %new : tensor<2xf32>
  return %old : tensor<2xf32>
}
)"),
                              kVectorKernels));
  std::vector<float> expected{1, 1};
  for (int i = 0; i < 3; ++i) {
    std::vector<Tensor> outputs(1);
    auto status = runner.call("accumulate", {floats({1, 10})}, outputs);
    ASSERT_TRUE(status.isOk()) << status.getMessage();
    EXPECT_EQ(getValues<float>(outputs[0]), expected);
    expected = {expected[0] + 1, expected[1] + 10};
  }
}

TEST(Run, FailedAssertSaysItsMessage) {
  ProgramBuilder builder;
  Runner runner(builder.write(R"(
func.func @forward(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %ok = arith.cmpi ult, %n, %c3 : index
  cf.assert %ok, "x is too long"
  return %x : tensor<?xf32>
}
)",
                              ""));
  std::vector<Tensor> outputs(1);
  EXPECT_TRUE(runner.call("forward", {floats({1, 2})}, outputs).isOk());
  outputs[0].reset();
  auto status = runner.call("forward", {floats({1, 2, 3})}, outputs);
  EXPECT_EQ(status.getCode(), runtime::StatusCode::Failed);
  EXPECT_NE(std::string(status.getMessage()).find("x is too long"), std::string::npos) << status.getMessage();
}

TEST(Write, SameModuleSameBytesAndEqualConstantsOnce) {
  const char *host = R"(
ml_program.global private @a(dense<7> : tensor<1000xi64>) : tensor<1000xi64>
ml_program.global private @b(dense<7> : tensor<500x2xi64>) : tensor<500x2xi64>
ml_program.global private @c(dense<8> : tensor<1000xi64>) : tensor<1000xi64>
ml_program.global private @unused(dense<9> : tensor<1000xi64>) : tensor<1000xi64>
ml_program.global private @bits(dense<[true, false, true]> : tensor<3xi1>) : tensor<3xi1>
func.func @forward() -> (tensor<1000xi64>, tensor<500x2xi64>, tensor<1000xi64>, tensor<3xi1>) {
  %a = ml_program.global_load_const @a : tensor<1000xi64>
  %b = ml_program.global_load_const @b : tensor<500x2xi64>
  %c = ml_program.global_load_const @c : tensor<1000xi64>
  %bits = ml_program.global_load_const @bits : tensor<3xi1>
  return %a, %b, %c, %bits : tensor<1000xi64>, tensor<500x2xi64>, tensor<1000xi64>, tensor<3xi1>
}
)";
  ProgramBuilder builder, other;
  std::string file = builder.write(host, "");
  EXPECT_EQ(file, other.write(host, ""));
  Runner runner(file);
  EXPECT_TRUE(runner.getProgram().verifyConstants().isOk());
  EXPECT_EQ(runner.getProgram().getSizes().constants, 2u * 8000 + 3);
  std::vector<Tensor> outputs(4);
  ASSERT_TRUE(runner.call("forward", {}, outputs).isOk());
  EXPECT_EQ(getValues<int64_t>(outputs[1]), std::vector<int64_t>(1000, 7));
  EXPECT_EQ(getValues<int64_t>(outputs[2]), std::vector<int64_t>(1000, 8));
  EXPECT_EQ(getValues<uint8_t>(outputs[3]), (std::vector<uint8_t>{1, 0, 1}));
}
