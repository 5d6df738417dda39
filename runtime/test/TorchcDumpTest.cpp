//===- TorchcDumpTest.cpp - torchc-as and torchc-dump as a user runs them -===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Format.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace torchc::runtime::test {
namespace {

constexpr const char *kText = R"(module "m"
constant "w" type=u8 dims=[74] data="0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
function "f" parameters=[ref] results=[ref] ref=1
  Ret [r0]
export "forward" function=0
  input "x" type=f32 dims=[]
  output "y" type=f32 dims=[]
)";

class TorchcDump : public ::testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("torchc-dump-test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    write("m.vms", kText);
    ASSERT_EQ(run(TORCHC_AS " m.vms -o m.vmfb"), "exit 0");
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const char *name, const std::string &text) { std::ofstream(folder / name, std::ios::binary) << text; }
  std::string read(const char *name) {
    std::ifstream file(folder / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// What a command says on stdout and stderr, then "exit n".
  std::string run(const std::string &command) {
    FILE *pipe = popen(("cd '" + folder.string() + "' && " + command + " 2>&1").c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer;
    for (size_t count; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      text.append(buffer.data(), count);
    return text + "exit " + std::to_string(WEXITSTATUS(pclose(pipe)));
  }

  std::filesystem::path folder;
};

TEST_F(TorchcDump, PrintsSectionsAndText) {
  const std::string text = run(TORCHC_DUMP " m.vmfb");
  EXPECT_EQ(text.find("; .vmfb, "), 0u) << text;
  EXPECT_NE(text.find("; bytecode"), std::string::npos) << text;
  EXPECT_NE(text.find("constant \"w\" type=u8 dims=[74] data=...\n"), std::string::npos) << text;
  EXPECT_NE(text.find("     0  Ret results=[r0]\n"), std::string::npos) << text;
  EXPECT_EQ(run(TORCHC_DUMP " m.vmfb --sections").find("module"), std::string::npos);
}

TEST_F(TorchcDump, TextGoesBackToTheSameFile) {
  EXPECT_EQ(run(TORCHC_DUMP " - --data < m.vmfb | " TORCHC_AS " -o again.vmfb"), "exit 0");
  EXPECT_TRUE(read("again.vmfb") == read("m.vmfb"));
}

TEST_F(TorchcDump, Json) {
  const std::string text = run(TORCHC_DUMP " m.vmfb --json");
  const auto parsed = nlohmann::json::parse(text.substr(0, text.rfind("exit 0")), nullptr, false);
  ASSERT_FALSE(parsed.is_discarded()) << text;
  EXPECT_EQ(parsed["functions"][0]["name"], "forward");
  EXPECT_EQ(parsed["sections"][0]["name"], "header");
  EXPECT_EQ(parsed["sections"][0]["offset"], 64);
  EXPECT_EQ(parsed["sections"].back()["name"], "constants");
  EXPECT_EQ(parsed["sections"].back()["bytes"], 74);
}

TEST_F(TorchcDump, NativeCode) {
  write("k.vms", "module \"m\"\nlibrary \"x86_64\" \"generic\" object=\"\"");
  EXPECT_EQ(run(TORCHC_AS " k.vms -o k.vmfb"), "exit 0");
  EXPECT_NE(run("PATH=/nonexistent '" TORCHC_DUMP "' k.vmfb --native")
                .find("--native needs llvm-objdump, which is not installed\nexit 1"),
            std::string::npos);
}

TEST_F(TorchcDump, FailsByTheCode) {
  EXPECT_EQ(run(TORCHC_DUMP " nothing.vmfb"), "torchc-dump: error: nothing.vmfb: No such file or directory\nexit 5");
  EXPECT_EQ(run(TORCHC_DUMP " m.vms"), "torchc-dump: error: m.vms: not a .vmfb file\nexit 4");
  EXPECT_NE(run(TORCHC_DUMP).find("exit 2"), std::string::npos);
  write("bad.vms", "function \"f\"\n  Jump i0\n");
  EXPECT_EQ(run(TORCHC_AS " bad.vms -o bad.vmfb"),
            "torchc-as: error: bad.vms: line 2: there is no opcode Jump\nexit 4");
  write("bad.vms", "function \"f\" i64=1\n  MovI64 i0 <- i0\n");
  EXPECT_EQ(run(TORCHC_AS " bad.vms -o bad.vmfb"),
            "torchc-as: error: function 'f', instruction 0: register i64[0] may be unset here\nexit 4");
  EXPECT_EQ(run(TORCHC_AS " bad.vms --no-verify -o bad.vmfb"), "exit 0");
  EXPECT_EQ(run(TORCHC_DUMP " bad.vmfb"),
            "torchc-dump: error: bad.vmfb: function 'f', instruction 0: register i64[0] may be unset here\nexit 4");
  EXPECT_NE(run(TORCHC_AS " m.vms").find("exit 2"), std::string::npos);
  EXPECT_EQ(run(TORCHC_AS " m.vms -o /nonexistent/m.vmfb")
                .find("torchc-as: error: /nonexistent/m.vmfb: No such file or directory\nexit 5"),
            0u);
  EXPECT_EQ(run("{ " TORCHC_DUMP " m.vmfb > /dev/full; }"),
            "torchc-dump: error: stdout: No space left on device\nexit 5");
}

TEST_F(TorchcDump, HelpFitsAScreen) {
  for (const char *tool : {TORCHC_AS, TORCHC_DUMP}) {
    const std::string help = run(std::string(tool) + " --help");
    EXPECT_LE(std::count(help.begin(), help.end(), '\n'), 60);
    EXPECT_NE(help.find("exit 0"), std::string::npos);
    const std::string format = std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor);
    EXPECT_NE(run(std::string(tool) + " --version").find(".vmfb format " + format + "\nexit 0"), std::string::npos);
  }
}

} // namespace
} // namespace torchc::runtime::test
