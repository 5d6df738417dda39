//===- TorchScriptTest.cpp - the reader of TorchScript files --------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/TorchScript.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace torchc;

namespace {

class TorchScript : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = std::filesystem::temp_directory_path() / ("torchc-torchscript-test-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    std::string command = std::string(TORCHC_PYTHON) + " " + TORCHC_MODEL_SCRIPT + " " + folder.string();
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder); }

  static CaptureResult capture(const std::string &model, std::vector<InputShape> inputs) {
    TorchScriptOptions options;
    options.inputs = std::move(inputs);
    return captureTorchScript(folder / model, options);
  }

  static void expectFailure(const CaptureResult &result, CaptureFailure failure, const std::string &text) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.failure, failure);
    ASSERT_EQ(result.errors.size(), 1u);
    EXPECT_NE(result.errors[0].find(text), std::string::npos) << result.errors[0];
    EXPECT_EQ(result.errors[0].find('\n'), std::string::npos);
  }

  static std::filesystem::path folder;
};

std::filesystem::path TorchScript::folder;

const InputShape matrix{ScalarType::Float, {2, 3}};
const InputShape batch{ScalarType::Float, {InputShape::dynamic, 3}};

} // namespace

TEST_F(TorchScript, Linear) {
  CaptureResult result = capture("affine.pt", {matrix});
  ASSERT_TRUE(result) << result.errors[0];
  const CapturedFunction &function = result.program->functions[0];
  EXPECT_EQ(function.name, "forward");
  ASSERT_EQ(function.graph.nodes.size(), 1u);
  EXPECT_EQ(function.graph.nodes[0].target, "aten.linear");
  ASSERT_EQ(function.inputs.size(), 3u);
  EXPECT_EQ(function.inputs[0].kind, InputSpec::Kind::Parameter);
  EXPECT_EQ(function.inputs[0].target, "linear.weight");
  EXPECT_EQ(function.inputs[2].kind, InputSpec::Kind::User);
  const StoredTensor &weight = result.program->tensors[0];
  EXPECT_EQ(weight.name, "linear.weight");
  EXPECT_EQ(weight.storageBytes, 4u * 3 * sizeof(float));
  EXPECT_TRUE(weight.owner);
}

TEST_F(TorchScript, TensorsOutliveTheModel) {
  std::vector<float> before, after;
  CapturedProgram program;
  {
    CaptureResult result = capture("affine.pt", {matrix});
    ASSERT_TRUE(result);
    auto *data = reinterpret_cast<const float *>(result.program->tensors[0].data);
    before.assign(data, data + 12);
    program = *result.program;
  }
  ASSERT_TRUE(capture("tied.pt", {matrix}));
  auto *data = reinterpret_cast<const float *>(program.tensors[0].data);
  after.assign(data, data + 12);
  EXPECT_EQ(before, after);
}

TEST_F(TorchScript, TiedWeightsAreOneTensor) {
  CaptureResult result = capture("tied.pt", {matrix});
  ASSERT_TRUE(result);
  EXPECT_EQ(result.program->tensors.size(), 1u);
}

TEST_F(TorchScript, DynamicBatch) {
  CaptureResult result = capture("affine.pt", {batch});
  ASSERT_TRUE(result) << result.errors[0];
  ASSERT_EQ(result.program->symbols.size(), 1u);
  EXPECT_EQ(result.program->symbols[0].symbol, "s0");
  EXPECT_EQ(result.program->symbols[0].min, 0);
  const CapturedGraph &graph = result.program->functions[0].graph;
  EXPECT_EQ(graph.nodes[0].outputs[0].type.tensor.sizes[0].expression, "s0");
}

TEST_F(TorchScript, BufferMutation) {
  CaptureResult result = capture("counter.pt", {matrix});
  ASSERT_TRUE(result) << result.errors[0];
  const CapturedFunction &function = result.program->functions[0];
  ASSERT_EQ(function.outputs.size(), 2u);
  EXPECT_EQ(function.outputs[0].kind, OutputSpec::Kind::BufferMutation);
  EXPECT_EQ(function.outputs[0].target, "count");
  EXPECT_EQ(function.outputs[1].kind, OutputSpec::Kind::User);
}

TEST_F(TorchScript, MissingFile) {
  expectFailure(capture("missing.pt", {matrix}), CaptureFailure::InputOutput, "cannot read");
}

TEST_F(TorchScript, GarbageFile) {
  std::ofstream(folder / "garbage.pt") << "this is no archive";
  expectFailure(capture("garbage.pt", {matrix}), CaptureFailure::BadFile, "not a TorchScript file");
}

TEST_F(TorchScript, EmptyFile) {
  std::ofstream(folder / "empty.pt");
  expectFailure(capture("empty.pt", {matrix}), CaptureFailure::BadFile, "not a TorchScript file");
}

TEST_F(TorchScript, TruncatedFile) {
  std::filesystem::copy_file(folder / "affine.pt", folder / "short.pt");
  std::filesystem::resize_file(folder / "short.pt", std::filesystem::file_size(folder / "short.pt") / 2);
  expectFailure(capture("short.pt", {matrix}), CaptureFailure::BadFile, "damaged");
}

TEST_F(TorchScript, WrongNumberOfInputs) {
  expectFailure(capture("affine.pt", {}), CaptureFailure::Usage, "'x'");
  expectFailure(capture("affine.pt", {matrix, matrix}), CaptureFailure::Usage, "takes 1 input");
}

TEST_F(TorchScript, ShapeThatDoesNotFit) {
  InputShape wide{ScalarType::Float, {2, 5}};
  expectFailure(capture("affine.pt", {wide}), CaptureFailure::Diagnosed, "make_models.py:");
}

TEST_F(TorchScript, UnknownFunction) {
  TorchScriptOptions options;
  options.inputs = {matrix};
  options.function = "backward";
  expectFailure(captureTorchScript(folder / "affine.pt", options), CaptureFailure::Usage, "no method 'backward'");
}
