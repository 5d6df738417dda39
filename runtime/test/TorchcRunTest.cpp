//===- TorchcRunTest.cpp - the tool, used as a user would -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Device.h"
#include "torchc/runtime/Format.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace torchc::runtime::test {
namespace {

using Json = nlohmann::json;

std::vector<uint8_t> readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeBytes(const std::string &path, const std::vector<uint8_t> &bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
}

class TorchcRun : public ::testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("torchc-run-test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    // forward(x: sx4xf32, bias: int) -> x + 100 + 0 * bias; identities of each type.
    ModuleBuilder builder;
    builder.addKernel("add_constant", 1, 1, 4);
    builder.addKernel("number_groups", 0, 1, 3);
    builder.addKernel("fail_from", 0, 0, 5);
    builder.addKernel("sum_row", 1, 1, 3, 256);
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
      builder.addExport(std::string("id_") + type, identity, {std::string("x:") + type + "[3]"},
                        {std::string("y:") + type + "[3]"});
    schema::DebugInfoT debug; // Instruction 6 of forward dispatches.
    debug.texts = {"aten.add.Tensor", "model.py:27", "aten.<script>.default", "model.py:28"};
    debug.sources = {{0, 1}, {2, 3}};
    debug.dispatches = {{6, 0, 2}};
    builder.setDebugInfo(debug);
    builder.module.functions[forward]->slab_bytes = 1'200'000;
    builder.module.functions[forward]->live_bytes = 1'100'000;
    const unsigned swap = builder.addFunction("swap", "ref ref", "ref ref", 0, 2, "Ret [r1 r0]");
    builder.addExport("swap", swap, {"a:bf16[2]", "b:f32[-1]"}, {"c:f32[-1]", "d:bf16[2]"});
    builder.addSymbol("n", 0, 1 << 20);
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

  /// The JSON of a run that succeeded; null otherwise.
  static Json parse(const std::string &text) {
    const size_t end = text.rfind("exit 0");
    const Json parsed = Json::parse(text.substr(0, end), nullptr, /*allow_exceptions=*/false);
    EXPECT_TRUE(end != std::string::npos && !parsed.is_discarded()) << text;
    return parsed;
  }

  std::string readText(const char *name) {
    const auto bytes = readBytes(folder / name);
    return {bytes.begin(), bytes.end()};
  }

  std::filesystem::path folder, model;
};

TEST_F(TorchcRun, RunsAndPrints) {
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1,2,3,4.5 --input=5"), "1x4xf32=6,7,8,9.5\nexit 0");
  EXPECT_EQ(run("model.vmfb --input=2x4xf32=1 --input=-2 --driver=local-task --threads=3"),
            "2x4xf32=-1,-1,-1,-1,-1,-1,-1,-1\nexit 0");
  EXPECT_EQ(run("--function=forward - --input=1x4xf32=1 --input=1 < model.vmfb"), "1x4xf32=2,2,2,2\nexit 0");
}

TEST_F(TorchcRun, EveryKindOfNumberReadsBack) {
  EXPECT_EQ(run("model.vmfb --function=id_bf16 --input=3xbf16=1.5,nan,-3e38"), "3xbf16=1.5,nan,-3.0040553e+38\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f16 --input=3xf16=65504,65520,6e-8"),
            "3xf16=65504,inf,5.9604645e-08\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f8E4M3FN --input=3xf8E4M3FN=448,-0.001953125,480"),
            "3xf8E4M3FN=448,-0.001953125,nan\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_i1 --input=3xi1=true,0,True"), "3xi1=true,false,true\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_u64 --input=3xu64=18446744073709551615,0,1"),
            "3xu64=18446744073709551615,0,1\nexit 0");
  EXPECT_EQ(run("model.vmfb --function='id_complex<f32>' '--input=3xcomplex<f32>=1+2j,-3,4.5-1j'"),
            "3xcomplex<f32>=1+2j,-3+0j,4.5-1j\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=3xf64=0.1,-inf,1e308"), "3xf64=0.1,-inf,1e+308\nexit 0");
}

TEST_F(TorchcRun, FilesAndExpectations) {
  EXPECT_EQ(run("model.vmfb --input=2x4xf32=1,2,3,4,5,6,7,8 --input=0 --output=@y.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=1"), "2x4xf32=2,3,4,5,6,7,8,9\nexit 0");
  EXPECT_EQ(run("model.vmfb --input=- --input=1 --output=- < y.npy > z.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=1 --expect=@z.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=0 --expect=2x4xf32=1,2,3,4,5,6.5,7,9"),
            "torchc-run: error: output 0 'y' 2 of 8 elements differ; first at [1,1]: 6, expected 6.5; largest "
            "difference 1 at [1,3]\nexit 7");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=0 --expect=2x4xf32=1,2,3,4,5,6.5,7,9 --atol=1"), "exit 0");
  EXPECT_EQ(run("model.vmfb --input=@y.npy --input=0 --expect=8xf32=1"),
            "torchc-run: error: output 0 'y' is 2x4xf32, expected 8xf32\nexit 7");
  EXPECT_EQ(run("model.vmfb --function=id_bf16 --input=3xbf16=1,2,3 --output=@bits.npy"), "exit 0");
  EXPECT_EQ(run("model.vmfb --function=id_bf16 --input=3xbf16=@bits.npy"), "3xbf16=1,2,3\nexit 0");
  writeBytes(folder / "raw.bin", {1, 2, 255});
  EXPECT_EQ(run("model.vmfb --function=id_i8 --input=3xi8=@raw.bin"), "3xi8=1,2,-1\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f16 --input=3xf16=@raw.bin"),
            "torchc-run: error: raw.bin: its size is not that of 3xf16\nexit 4");
}

TEST_F(TorchcRun, Archives) {
  EXPECT_EQ(run("model.vmfb --function=swap --input=2xbf16=1.5,-2 --input=3xf32=1,2,3 --output=@y.npz"), "exit 0");
  // By name: the outputs are c and d, the inputs a and b.
  EXPECT_EQ(run("model.vmfb --function=swap --input=2xbf16=1.5,-2 --input=3xf32=1,2,3 --expect=@y.npz"), "exit 0");
  EXPECT_EQ(run("model.vmfb --function=swap --input=2xbf16=1.5,-2 --input=3xf32=1,2,4 --expect=@y.npz"),
            "torchc-run: error: output 0 'c' 1 of 3 elements differ; first at [2]: 4, expected 3; largest difference 1 "
            "at [2]\nexit 7");
  EXPECT_EQ(run("model.vmfb --function=swap --input=@y.npz"),
            "torchc-run: error: y.npz holds c, d; wanted a, b\nexit 2");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=3xf64=1,2,3 --output=y.npz"), "exit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=3xf64=1,2,3 --expect=- < y.npz"), "exit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=@missing.npz"),
            "torchc-run: error: missing.npz: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=3xf64=1 --output=/nonexistent/y.npz"),
            "torchc-run: error: /nonexistent/y.npz: No such file or directory\nexit 5");
  // Every truncation and a flipped bit anywhere in an array is one line and exit 4.
  const auto bytes = readBytes(folder / "y.npz");
  constexpr size_t kEnd = 98; // The records behind the directory say the same thing twice.
  for (size_t size = 0; size + kEnd < bytes.size(); size += 23) {
    writeBytes(folder / "cut.npz", {bytes.begin(), bytes.begin() + ptrdiff_t(size)});
    const std::string text = run("model.vmfb --function=id_f64 --input=3xf64=1 --expect=@cut.npz");
    EXPECT_EQ(text.find("torchc-run: error: cut.npz: not a usable .npz file: "), 0u) << text;
    EXPECT_EQ(text.find("\nexit 4"), text.find('\n')) << text;
  }
  auto damaged = bytes;
  damaged[bytes.size() / 2] ^= 4;
  writeBytes(folder / "damaged.npz", damaged);
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=3xf64=1 --expect=@damaged.npz"),
            "torchc-run: error: damaged.npz: not a usable .npz file: 'y.npy' is damaged\nexit 4");
}

TEST_F(TorchcRun, RawFilesTakeTheDeclaredType) {
  writeBytes(folder / "raw.bin", {1, 2, 255});
  EXPECT_EQ(run("model.vmfb --function=id_i8 --input=@raw.bin"), "3xi8=1,2,-1\nexit 0");
  EXPECT_EQ(run("model.vmfb --function=id_f64 --input=@raw.bin"),
            "torchc-run: error: raw.bin: its size is not that of 3xf64\nexit 4");
  EXPECT_EQ(run("model.vmfb --input=@raw.bin --input=1"),
            "torchc-run: error: '@raw.bin' for 'x', which is ?x4xf32: name the shape, as in 2x3xf32=@raw.bin\nexit 2");
}

TEST_F(TorchcRun, ExitCodes) {
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1"), "torchc-run: error: 1 --input for 2\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1,2 --input=1"),
            "torchc-run: error: '1x4xf32=1,2': 2 elements for 4\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=x --input=1"), "torchc-run: error: '1x4xf32=x': 'x' is no f32\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x4xq9=1 --input=1"),
            "torchc-run: error: '1x4xq9' is no type such as 2x3xf32\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=5 --input=1"), "torchc-run: error: '5' for 'x', which is ?x4xf32\nexit 2");
  EXPECT_EQ(run("model.vmfb --input=1x5xf32=1 --input=1"),
            "torchc-run: error: forward: input 0 'x' is 1x5xf32, must be ?x4xf32\nexit 1");
  EXPECT_EQ(run("model.vmfb --function=nope").find("torchc-run: error: no function 'nope'; there are: forward"), 0u);
  EXPECT_NE(run("model.vmfb --frobnicate").find("exit 2"), std::string::npos);
  EXPECT_NE(run("").find("exit 2"), std::string::npos);
  EXPECT_EQ(run("missing.vmfb"), "torchc-run: error: missing.vmfb: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=@missing.npy --input=1"),
            "torchc-run: error: missing.npy: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=@model.vmfb --input=1"),
            "torchc-run: error: model.vmfb: not a usable .npy file: it does not begin as one\nexit 4");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1 --input=1 --output=@/nonexistent/y.npy"),
            "torchc-run: error: /nonexistent/y.npy: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1 --input=1 --output=@/dev/full"),
            "torchc-run: error: /dev/full: No space left on device\nexit 5");
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
  EXPECT_EQ(list.find("module test\nfunctions\n  forward(x: sx4xf32, bias: int) -> (y: sx4xf32)\n    where 1 <= s <= "
                      "64\n    slab 1200.0 kB (largest live set 1100.0 kB)\n"),
            0u)
      << list;
  EXPECT_NE(list.find("producer   torchc 0.1.0, LLVM 22, for test\nexit 0"), std::string::npos) << list;
  const std::string json = run("model.vmfb --list --json");
  const Json parsed = parse(json);
  EXPECT_EQ(parsed["functions"][0]["inputs"][1], Json({{"name", "bias"}, {"kind", "int"}, {"type", "i64"}}));
  EXPECT_EQ(parsed["kernels"][0]["name"], "add_constant");
  EXPECT_EQ(parsed["kernels"][0]["dispatches"][0][1],
            Json({{"op", "aten.<script>.default"}, {"location", "model.py:28"}}));
  EXPECT_EQ(parsed["kernels"][1]["dispatches"].size(), 0u);
  EXPECT_EQ(run("model.vmfb --no-native"), "exit 0");
  const std::string version = run("--version");
  const std::string format = std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor);
  EXPECT_NE(version.find(".vmfb format " + format + ", kernel ABI 2\nexit 0"), std::string::npos) << version;
  const std::string help = run("--help");
  EXPECT_LE(std::count(help.begin(), help.end(), '\n'), 60);
}

TEST_F(TorchcRun, ParametersAndState) {
  ModuleBuilder builder;
  builder.addParameter("model", "weight", ElementType::I64, {});
  builder.addGlobal("total", schema::RegisterKind::I64, true);
  const unsigned add = builder.addFunction("add", "", "ref", 3, 1, R"(
    Parameter r0 <- 0
    ConstI64 i0 <- 0
    LoadI64 i0 <- r0 i0
    GlobalGetI64 i1 <- 0
    AddI64 i1 <- i1 i0
    GlobalSetI64 0 i1
    OutputAlloc r0 <- 0 i64 []
    ConstI64 i2 <- 0
    StoreI64 r0 i2 i1
    Ret [r0])");
  builder.addExport("add", add, {}, {"total:i64[]"});
  writeBytes(folder / "add.vmfb", builder.build());
  const std::string header = R"({"weight":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}      )";
  writeBytes(folder / "w.safetensors", {uint8_t(header.size()), 0, 0, 0, 0, 0, 0, 0});
  std::ofstream(folder / "w.safetensors", std::ios::binary | std::ios::app)
      << header << std::string("\7\0\0\0\0\0\0\0", 8);
  const std::string list = run("add.vmfb --list");
  EXPECT_NE(list.find("parameters model::weight: i64\nstate      total: i64\n"), std::string::npos) << list;
  EXPECT_EQ(
      run("add.vmfb"),
      "torchc-run: error: the program needs parameter 'model::weight'; no parameters are given for this scope\nexit 1");
  const std::string call = "add.vmfb --parameters=model=w.safetensors ";
  EXPECT_EQ(run(call + "--save-state=s"), "i64=7\nexit 0");
  EXPECT_EQ(run(call + "--load-state=s --save-state=s"), "i64=14\nexit 0");
  EXPECT_EQ(run(call + "--load-state=s"), "i64=21\nexit 0");
  EXPECT_EQ(run(call + "--load-state=w.safetensors"),
            "torchc-run: error: w.safetensors: the program has no state 'weight'\nexit 4");
  EXPECT_EQ(run(call + "--load-state=absent"), "torchc-run: error: absent: No such file or directory\nexit 5");
  EXPECT_EQ(run(call + "--save-state=/dev/full"), "torchc-run: error: /dev/full: No space left on device\nexit 5");
  EXPECT_EQ(run("add.vmfb --parameters=model=add.vmfb"),
            "torchc-run: error: add.vmfb: not a safetensors file: no header of its length\nexit 4");
  EXPECT_EQ(
      run("add.vmfb --parameters=w.safetensors"),
      "torchc-run: error: the program needs parameter 'model::weight'; no parameters are given for this scope\nexit 1");
}

TEST_F(TorchcRun, Benchmark) {
  const std::string call = "model.vmfb --input=1x4xf32=1 --input=1 ";
  const std::string text = run(call + "--benchmark --min-time=0.02");
  EXPECT_NE(text.find(" calls: min "), std::string::npos) << text;
  EXPECT_EQ(text.find("1x4xf32="), std::string::npos) << text;
  const Json exact = parse(run(call + "--benchmark --warmup=0 --repetitions=7 --json"))["benchmark"];
  EXPECT_EQ(exact["calls"], 7);
  EXPECT_LE(exact["min_ms"], exact["median_ms"]);
  EXPECT_LE(exact["median_ms"], exact["p90_ms"]);
  EXPECT_LE(exact["p90_ms"], exact["p99_ms"]);
  EXPECT_LE(exact["min_ms"], exact["mean_ms"]);
  EXPECT_GE(parse(run(call + "--benchmark --min-time=0.001 --json"))["benchmark"]["calls"], 10);
  EXPECT_NE(run(call + "--benchmark --repetitions=0").find("exit 2"), std::string::npos);
}

TEST_F(TorchcRun, Stats) {
  const Json stats = parse(run("model.vmfb --input=2x4xf32=1 --input=1 --stats --json"))["stats"];
  EXPECT_EQ(stats["dispatches"], 1);
  EXPECT_EQ(stats["output_bytes"], 32);
  EXPECT_EQ(stats["peak_bytes"], 64);
  EXPECT_EQ(stats["slab_bytes"], 0);
  EXPECT_EQ(stats["live_bytes"], 1'100'000);
  EXPECT_GT(stats["load_ms"], 0);
  const std::string text = run("model.vmfb --input=2x4xf32=1 --input=1 --stats --benchmark --repetitions=1");
  EXPECT_NE(text.find("dispatches  1 a call\n"), std::string::npos) << text;
  EXPECT_NE(text.find("outputs     32 B\n"), std::string::npos) << text;
}

/// What --threads=2 starts: at most one thread a CPU.
static unsigned countWorkers() { return Device::localTask(2).take().getWorkerCount(); }

TEST_F(TorchcRun, Profile) {
  const std::string call = "model.vmfb --input=64x4xf32=1 --input=1 --driver=local-task --threads=2 --repetitions=5 ";
  const std::string text = run(call + "--profile");
  EXPECT_EQ(text.find("5 calls, "), 0u) << text;
  EXPECT_NE(text.find("add_constant  aten.add.Tensor model.py:27 +1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("aten.add.Tensor model.py:27  aten.<script>.default model.py:28\n"), std::string::npos) << text;
  EXPECT_NE(text.find("worker " + std::to_string(countWorkers() - 1) + " busy "), std::string::npos) << text;
  const Json profile = parse(run(call + "--profile=report.html --json"))["profile"];
  ASSERT_EQ(profile["kernels"].size(), 1u);
  const Json &kernel = profile["kernels"][0];
  EXPECT_EQ(kernel["kernel"], "add_constant");
  EXPECT_EQ(kernel["dispatches"], 1);
  EXPECT_EQ(kernel["workgroups"], 64);
  EXPECT_EQ(kernel["bytes"], 2048);
  EXPECT_EQ(kernel["sources"].size(), 2u);
  EXPECT_GT(kernel["ms"], 0);
  EXPECT_LE(kernel["ms"], profile["ms_per_call"]);
  EXPECT_EQ(profile["ops"][0]["op"], "aten.add.Tensor");
  EXPECT_EQ(profile["ops"][0]["location"], "model.py:27");
  EXPECT_EQ(profile["workers"].size(), countWorkers());
  // The page holds the same profile, loads nothing, and no name ends its script.
  const std::string page = readText("report.html");
  const std::string begin = "<script type=\"application/json\" id=\"profile\">";
  const size_t start = page.find(begin) + begin.size();
  const Json inPage = Json::parse(page.substr(start, page.find("</script>", start) - start));
  EXPECT_EQ(inPage["kernels"], profile["kernels"]);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(page.find("<script>.default"), std::string::npos);
}

TEST_F(TorchcRun, Trace) {
  EXPECT_EQ(
      run("model.vmfb --input=64x4xf32=1 --input=1 --driver=local-task --threads=2 --trace=t.json --repetitions=3"),
      "exit 0");
  const Json events = Json::parse(readText("t.json"))["traceEvents"];
  unsigned calls = 0, dispatches = 0, workgroups = 0, lanes = 0;
  double end = 0;
  for (const Json &event : events) {
    if (event["ph"] == "M") {
      lanes += event["name"] == "thread_name";
      continue;
    }
    EXPECT_EQ(event["ph"], "X");
    EXPECT_GE(event["ts"], 0);
    if (event["cat"] == "call") {
      ++calls;
      EXPECT_GE(event["ts"], end);
      end = event["ts"].get<double>() + event["dur"].get<double>();
    } else if (event["cat"] == "dispatch") {
      ++dispatches;
      EXPECT_EQ(event["name"], "add_constant");
      EXPECT_EQ(event["args"]["sources"][0], "aten.add.Tensor model.py:27");
    } else {
      EXPECT_GE(event["tid"], 1);
      EXPECT_LE(event["tid"], 2);
      workgroups += event["args"]["workgroups"].get<unsigned>();
    }
  }
  EXPECT_EQ(calls, 3u);
  EXPECT_EQ(dispatches, 3u);
  EXPECT_EQ(workgroups, 3 * 64u);
  EXPECT_EQ(lanes, 1 + countWorkers());
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1 --input=1 --trace=/nonexistent/t.json"),
            "torchc-run: error: /nonexistent/t.json: No such file or directory\nexit 5");
  EXPECT_EQ(run("model.vmfb --input=1x4xf32=1 --input=1 --profile=/dev/full --repetitions=1"),
            "torchc-run: error: /dev/full: No space left on device\nexit 5");
}

} // namespace
} // namespace torchc::runtime::test
