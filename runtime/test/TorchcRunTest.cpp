//===- TorchcRunTest.cpp - the tool, used as a user would -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/wait.h>
#include <unistd.h>

namespace torchc::runtime::test {
namespace {

std::vector<uint8_t> readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeBytes(const std::string &path, const std::vector<uint8_t> &bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
}

class TorchcRun : public ::testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("torchc-run-test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    // forward(x: sx4xf32, bias: int) -> x + 100 + 0 * bias; identities of each type.
    ModuleBuilder builder;
    builder.addKernel("add_constant", 1, 1, 1);
    builder.addKernel("number_groups", 0, 1, 0);
    builder.addKernel("fail_from", 0, 0, 2);
    builder.addKernel("sum_row", 1, 1, 0, 256);
    builder.addLibrary("generic", {}, readBytes(TORCHC_TEST_KERNELS));
    const unsigned forward = builder.addFunction("forward", "ref ref", "ref", 5, 3, R"(
      TensorDim i0 <- r0 0
      ConstI64 i1 <- 4
      OutputAlloc r2 <- 0 f32 [i0 i1]
      ConstI64 i2 <- 1
      ConstI64 i3 <- 0
      LoadI64 i4 <- r1 i3
      Dispatch 0 [r0 r2] [i0 i2 i2 i4]
      Ret [r2])");
    builder.addExport("forward", forward, {"x:f32[-1,4]", "bias:i64[]"}, {"y:f32[-1,4]"});
    builder.getExport(0).inputs[1]->kind = schema::ValueKind::Int;
    builder.addSymbol("s", 1, 64);
    const unsigned identity = builder.addFunction("identity", "ref", "ref", 0, 1, "Ret [r0]");
    for (const char *type : {"bf16", "f16", "f8E4M3FN", "i1", "u64", "complex<f32>", "i8", "f64"})
      builder.addExport(std::string("id_") + type, identity, {std::string("x:") + type + "[3]"}, {std::string("y:") + type + "[3]"});
    model = folder / "model.vmfb";
    writeBytes(model, builder.build());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// What the tool says on stdout and stderr, then "exit n".
  std::string run(const std::string &arguments) {
    FILE *pipe = popen(("cd '" + folder.string() + "' && '" TORCHC_RUN "' " + arguments + " 2>&1").c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer;
    for (size_t count; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      text.append(buffer.data(), count);
    return text + "exit " + std::to_string(WEXITSTATUS(pclose(pipe)));
  }

  std::filesystem::path folder, model;
};

TEST_F(TorchcRun, RunsAndPrints) {
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1,2,3,4.5 --input=5"), "1x4xf32=6,7,8,9.5\nexit 0");
  EXPECT_EQ(run("model.vmfb --input=2x4xf32=1 --input=-2 --driver=local-task --threads=3"), "2x4xf32=-1,-1,-1,-1,-1,-1,-1,-1\nexit 0");
  EXPECT_EQ(run("--function=forward - --input=1x4xf32=1 --input=1 < model.vmfb"), "1x4xf32=2,2,2,2\nexit 0");
}

TEST_F(TorchcRun, EveryKindOfNumberReadsBack) {
  EXPECT_EQ(run("model.vmfb --function=id_bf16 --input=3xbf16=1.5,nan,-3e38"), "3xbf16=1.5,nan,-3.0040553e+38\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f16 --input=3xf16=65504,65520,6e-8"), "3xf16=65504,inf,5.9604645e-08\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f8E4M3FN --input=3xf8E4M3FN=448,-0.001953125,480"), "3xf8E4M3FN=448,-0.001953125,nan\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_i1 --input=3xi1=true,0,True"), "3xi1=true,false,true\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_u64 --input=3xu64=18446744073709551615,0,1"), "3xu64=18446744073709551615,0,1\nexit 0");
  EXPECT_EQ(run("model.vmfb --function='id_complex<f32>' '--input=3xcomplex<f32>=1+2j,-3,4.5-1j'"), "3xcomplex<f32>=1+2j,-3+0j,4.5-1j\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=3xf64=0.1,-inf,1e308"), "3xf64=0.1,-inf,1e+308\nexit 0");
}

TEST_F(TorchcRun, FilesAndExpectations) {
  EXPECT_EQ(run("model.vmfb --input=2x4xf32=1,2,3,4,5,6,7,8 --input=0 --output=@y.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=1"), "2x4xf32=2,3,4,5,6,7,8,9\nexit 0");
  EXPECT_EQ(run("model.vmfb --input=- --input=1 --output=- < y.npy > z.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=1 --expect=@z.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=0 --expect=2x4xf32=1,2,3,4,5,6.5,7,9"),
            "torchc-run: error: output 0 'y' 2 of 8 elements differ; first at [1,1]: 6, expected 6.5; largest difference 1 at [1,3]\nexit 7");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=0 --expect=2x4xf32=1,2,3,4,5,6.5,7,9 --atol=1"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=0 --expect=8xf32=1"), "torchc-run: error: output 0 'y' is 2x4xf32, expected 8xf32\nexit 7");
  EXPECT_EQ(run("model.vmfb --function=id_bf16 --input=3xbf16=1,2,3 --output=@bits.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --function=id_bf16 --input=3xbf16=@bits.npy"), "3xbf16=1,2,3\nexit 0");
  writeBytes(folder / "raw.bin", {1, 2, 255});
  EXPECT_EQ(run("model.vmfb --function=id_i8 --input=3xi8=@raw.bin"), "3xi8=1,2,-1\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f16 --input=3xf16=@raw.bin"), "torchc-run: error: raw.bin: its size is not that of 3xf16\nexit 4");
}

TEST_F(TorchcRun, ExitCodes) {
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1"), "torchc-run: error: 1 --input for 2\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1,2 --input=1"), "torchc-run: error: '1x4xf32=1,2': 2 elements for 4\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=x --input=1"), "torchc-run: error: '1x4xf32=x': 'x' is no f32\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x4xq9=1 --input=1"), "torchc-run: error: '1x4xq9' is no type such as 2x3xf32\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=5 --input=1"), "torchc-run: error: '5' for 'x', which is ?x4xf32\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x5xf32=1 --input=1"), "torchc-run: error: forward: input 0 'x' is 1x5xf32, must be ?x4xf32\nexit 1");
  EXPECT_EQ(run("model.vmfb --function=nope").find("torchc-run: error: no function 'nope'; there are: forward"), 0u);
  EXPECT_NE(run("model.vmfb --frobnicate").find("exit 2"), std::string::npos);
  EXPECT_NE(run("").find("exit 2"), std::string::npos);
  EXPECT_EQ(run("missing.vmfb"), "torchc-run: error: missing.vmfb: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=@missing.npy --input=1"), "torchc-run: error: missing.npy: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=@model.vmfb --input=1"), "torchc-run: error: model.vmfb: not a usable .npy file: it does not begin as one\nexit 4");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1 --input=1 --output=@/nonexistent/y.npy"), "torchc-run: error: /nonexistent/y.npy: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1 --input=1 --output=@/dev/full"), "torchc-run: error: /dev/full: No space left on device\nexit 5");
}

TEST_F(TorchcRun, BrokenFilesAreOneLineAndExit4) {
  const auto bytes = readBytes(model);
  for (size_t size = 0; size < bytes.size(); size += bytes.size() / 10) {
    writeBytes(folder / "cut.vmfb", {bytes.begin(), bytes.begin() + ptrdiff_t(size)});
    const std::string text = run("cut.vmfb --input=1x4xf32=1 --input=1");
    EXPECT_EQ(text.find("torchc-run: error: cut.vmfb: "), 0u) << text;
    EXPECT_EQ(text.find("\nexit 4"), text.find('\n')) << text;
  }
}

TEST_F(TorchcRun, Reports) {
  const std::string list = run("model.vmfb --list");
  EXPECT_EQ(list.find("module test\nfunctions\n  forward(x: sx4xf32, bias: int) -> (y: sx4xf32)\n    where 1 <= s <= 64\n"), 0u) << list;
  EXPECT_NE(list.find("producer   torchc 0.1.0, LLVM 22, for test\nexit 0"), std::string::npos) << list;
  const std::string json = run("model.vmfb --list --json");
  EXPECT_NE(json.find("{\"name\": \"bias\", \"kind\": \"int\", \"type\": \"i64\"}"), std::string::npos) << json;
  EXPECT_NE(run("model.vmfb --disassemble").find("Dispatch callee=@add_constant bindings=[r0 r2] scalars=[i0 i2 i2 i4]"), std::string::npos);
  const std::string timing = run("model.vmfb --input=1x4xf32=1 --input=1 --benchmark --benchmark-seconds=0.05 --stats");
  EXPECT_NE(timing.find(" runs: median "), std::string::npos) << timing;
  EXPECT_NE(timing.find("peak bytes 64 "), std::string::npos) << timing;
  EXPECT_NE(run("--version").find("format 1.0\nexit 0"), std::string::npos);
  const std::string help = run("--help");
  EXPECT_LE(std::count(help.begin(), help.end(), '\n'), 60);
}

} // namespace
} // namespace torchc::runtime::test
