//===- VerifyTablesTest.cpp - the rules for tables, one by one ------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Program.h"

#include <gtest/gtest.h>

namespace torchc::runtime::test {
namespace {

std::string verify(const std::vector<uint8_t> &file) {
  const AlignedBytes bytes(file);
  LoadOptions options;
  options.loadKernels = false;
  return Program::borrowBytes(bytes.get(), nullptr, nullptr, options).getStatus().getMessage();
}

/// The verifier's word on a module of the assembler's text.
std::string verify(const std::string &text) {
  ModuleParts parts;
  assemble(text, parts);
  return verify(writeModule(parts));
}

TEST(VerifyTables, AcceptsWhatIsRight) {
  EXPECT_EQ(verify(R"(
    constant "c" type=f32 dims=[2] data="0000803f0000803f"
    parameter "p" "w" type=f32 dims=[3 0]
    global "g" kind=ref constant=0
    global "n" kind=i64 mutable=1 value=3
    external "e" parameters=[i64] results=[ref]
    function "f" parameters=[ref] results=[ref] ref=1
      Ret [r0]
    export "f" function=0
      symbol "s" min=0 max=0
      input "x" type=f32 dims=[s0]
      output "y" type=f32 dims=[?])"),
            "ok");
}

TEST(VerifyTables, Constants) {
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[2] offset=0)"), "constant 'c' leaves its section");
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[2] data="00000000")"), "constant 'c' leaves its section");
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[] data="00000000" offset=64)"), "constant 'c' leaves its section");
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[] data="00000000" offset=0xffffffffffffffc0)"),
            "constant 'c' leaves its section");
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[] data="00000000" offset=4)"), "constant 'c' is not aligned");
  EXPECT_EQ(verify(R"(constant "c" type=200 dims=[] data="00")"), "'c': unknown element type 200");
  EXPECT_EQ(verify(R"(constant "c" type=u8 dims=[-4] data="00")"), "'c': a dimension is negative: -4");
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[0x4000000000000000] data="00")"),
            "'c': a tensor has more than 2^62 bytes");
  EXPECT_EQ(verify(R"(constant "c" type=f32 dims=[0x100000000 0x100000000] data="00")"),
            "'c': a tensor has more than 2^62 bytes");
  EXPECT_EQ(verify(R"(constant "c" type=u8 dims=[1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1] data="00")"),
            "'c': a tensor has at most 16 dimensions, not 17");
}

TEST(VerifyTables, Parameters) {
  EXPECT_EQ(verify(R"(parameter "p" "w" type=12 dims=[])"), "'w': unknown element type 12");
  EXPECT_EQ(verify(R"(parameter "p" "w" type=f32 dims=[-1])"), "'w': a dimension is negative: -1");
}

TEST(VerifyTables, Globals) {
  EXPECT_EQ(verify(R"(global "g" kind=2)"), "global 'g' is of an unknown kind");
  EXPECT_EQ(verify(R"(global "g" kind=ref constant=0)"), "global 'g' starts as a constant that is not there");
  EXPECT_EQ(verify(R"(global "g" kind=ref constant=-2)"), "global 'g' starts as a constant that is not there");
  EXPECT_EQ(verify("constant \"c\" type=u8 dims=[0] data=\"\"\nglobal \"g\" kind=i64 constant=0"),
            "global 'g' starts as a constant that is not there");
  EXPECT_EQ(verify(R"(global "g" kind=ref)"), "global 'g' can never have a value");
}

TEST(VerifyTables, Kinds) {
  EXPECT_EQ(verify(R"(external "e" parameters=[2])"), "function 'e' has a value of an unknown kind");
  EXPECT_EQ(verify(R"(external "e" results=[255])"), "function 'e' has a value of an unknown kind");
  EXPECT_EQ(verify("function \"f\" results=[2]\nRet [i0]"), "function 'f' has a value of an unknown kind");
  ModuleBuilder builder;
  builder.addExternal("e", "", "");
  builder.module.externals[0]->parameters.resize(65536);
  EXPECT_EQ(verify(builder.build()), "function 'e' has more than 65535 parameters or results");
}

class VerifyExports : public ::testing::Test {
protected:
  /// The word on the exports of a module with a function (ref) -> (ref) and one () -> (i64).
  static std::string verifyExport(const std::string &text) {
    return verify(R"(
      function "f" parameters=[ref] results=[ref] ref=1
        Ret [r0]
      function "g" results=[i64] i64=1
        ConstI64 i0 <- 1
        Ret [i0]
      )" + text);
  }
  static std::string verifyInput(const std::string &text) {
    return verifyExport("export \"e\" function=0\nsymbol \"s\"\ninput \"x\" " + text +
                        "\noutput \"y\" type=f32 dims=[]");
  }
  static std::string verifyOutput(const std::string &text) {
    return verifyExport("export \"e\" function=0\nsymbol \"s\"\noutput \"y\" " + text +
                        "\ninput \"x\" type=f32 dims=[]");
  }
};

TEST_F(VerifyExports, Functions) {
  EXPECT_EQ(verifyExport("export \"e\" function=2"), "export 'e' names a function that is not there");
  EXPECT_EQ(verifyExport("export \"e\" function=0"), "export 'e': its signature and its function differ");
  EXPECT_EQ(verifyExport("export \"e\" function=0\ninput \"x\" type=f32"),
            "export 'e': its signature and its function differ");
  EXPECT_EQ(verifyExport("export \"e\" function=1\noutput \"y\" type=i64"),
            "export 'e' takes or gives a value that is no tensor");
}

TEST_F(VerifyExports, Names) {
  const std::string rest = " function=0\ninput \"x\" type=f32\noutput \"y\" type=f32\n";
  EXPECT_EQ(verifyExport("export \"a\"" + rest + "export \"b\"" + rest + "export \"\"" + rest), "ok");
  EXPECT_EQ(verifyExport("export \"a\"" + rest + "export \"b\"" + rest + "export \"a\"" + rest),
            "two exports are named 'a'");
}

TEST_F(VerifyExports, Symbols) {
  const std::string before = "export \"e\" function=0\ninput \"x\" type=f32\noutput \"y\" type=f32\nsymbol \"s\" ";
  const std::string message = "export 'e': the range of symbol 's' is empty or negative";
  EXPECT_EQ(verifyExport(before + "min=3 max=3 multiple_of=1"), "ok");
  EXPECT_EQ(verifyExport(before + "min=3 max=2"), message);
  EXPECT_EQ(verifyExport(before + "min=-1"), message);
  EXPECT_EQ(verifyExport(before + "multiple_of=0"), message);
}

TEST_F(VerifyExports, Values) {
  EXPECT_EQ(verifyInput("type=f32 dims=[s0 4]"), "ok");
  EXPECT_EQ(verifyInput("type=f32 dims=[s1]"), "'x' has a dimension without a meaning");
  EXPECT_EQ(verifyInput("type=f32 dims=[?]"), "'x' has a dimension without a meaning");
  EXPECT_EQ(verifyOutput("type=f32 dims=[?]"), "ok");
  EXPECT_EQ(verifyOutput("type=f32 dims=[s1]"), "'y' has a dimension without a meaning");
  EXPECT_EQ(verifyInput("type=12 dims=[]"), "'x' has an unknown element type");
  EXPECT_EQ(verifyInput("type=f32 dims=[1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1]"), "'x' has more than 16 dimensions");
  EXPECT_EQ(verifyInput("kind=4 type=f32 dims=[]"), "'x' is of an unknown kind");
  EXPECT_EQ(verifyInput("kind=Int type=i64 dims=[]"), "ok");
  EXPECT_EQ(verifyInput("kind=Int type=f64 dims=[]"), "the Python scalar 'x' is not a rank-0 tensor of its type");
  EXPECT_EQ(verifyInput("kind=Bool type=i1 dims=[1]"), "the Python scalar 'x' is not a rank-0 tensor of its type");
}

TEST(VerifyTables, Counts) {
  ModuleBuilder builder;
  for (unsigned i = 0; i < 65536; ++i)
    builder.addKernel("", 0, 0, 0);
  EXPECT_EQ(verify(builder.build()), "a table of the module has more than 65535 entries");
}

TEST(VerifyTables, Libraries) {
  ModuleBuilder builder;
  for (unsigned i = 0; i < 65; ++i)
    builder.addLibrary("x86-64", {}, {1});
  EXPECT_EQ(verify(builder.build()), "the header is not a valid flatbuffer with at most 64 libraries");
}

/// A file whose header shares what a writer would repeat, so that a small file
/// describes a large amount of work.
class SharedTables : public ::testing::Test {
protected:
  using Strings = std::vector<flatbuffers::Offset<flatbuffers::String>>;

  template <typename T> std::vector<flatbuffers::Offset<T>> repeat(flatbuffers::Offset<T> entry, size_t count) {
    return std::vector<flatbuffers::Offset<T>>(count, entry);
  }

  std::string verifyModule() {
    const Strings none;
    const schema::Section absent(0, 0, 0);
    const auto producer = schema::CreateProducerDirect(builder, "", "", "", &none, "");
    builder.Finish(schema::CreateModuleDirect(builder, "", producer, &functions, &exports, &externals, &kernels,
                                              &libraries, &constants, &parameters, &globals, &none, &absent, &absent,
                                              &absent, &absent),
                   schema::ModuleIdentifier());
    std::vector<uint8_t> file = ModuleBuilder().build();
    FilePrologue prologue;
    std::memcpy(&prologue, file.data(), sizeof prologue);
    prologue.headerSize = builder.GetSize();
    prologue.fileSize = sizeof prologue + prologue.headerSize;
    file.resize(prologue.fileSize);
    std::memcpy(file.data(), &prologue, sizeof prologue);
    std::memcpy(file.data() + sizeof prologue, builder.GetBufferPointer(), prologue.headerSize);
    fixChecksums(file);
    return verify(file);
  }

  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<schema::Function>> functions;
  std::vector<flatbuffers::Offset<schema::Export>> exports;
  std::vector<flatbuffers::Offset<schema::External>> externals;
  std::vector<flatbuffers::Offset<schema::Kernel>> kernels;
  std::vector<flatbuffers::Offset<schema::Library>> libraries;
  std::vector<flatbuffers::Offset<schema::Constant>> constants;
  std::vector<flatbuffers::Offset<schema::Parameter>> parameters;
  std::vector<flatbuffers::Offset<schema::Global>> globals;
};

TEST_F(SharedTables, FeaturesOfLibraries) {
  const Strings features(60000, builder.CreateString("avx2"));
  const schema::Section object(0, 0, 0);
  libraries = repeat(schema::CreateLibraryDirect(builder, "x86_64", "generic", &features, &object), 60000);
  EXPECT_EQ(verifyModule(), "the header is not a valid flatbuffer with at most 64 libraries");
}

TEST_F(SharedTables, Tables) {
  const std::vector<int64_t> dims;
  const auto inputs = repeat(schema::CreateValueDirect(builder, "", schema::ValueKind::Tensor, 6, &dims), 60000);
  const std::vector<flatbuffers::Offset<schema::Symbol>> symbols;
  exports = repeat(schema::CreateExportDirect(builder, "", 0, &inputs, &inputs, &symbols, "", ""), 60000);
  EXPECT_EQ(verifyModule(), "the header is not a valid flatbuffer with at most 64 libraries");
}

TEST_F(SharedTables, Parameters) {
  const std::vector<schema::RegisterKind> kinds(60000);
  const auto shared = builder.CreateVector(kinds);
  const auto name = builder.CreateString("e");
  for (unsigned i = 0; i < 60000; ++i)
    externals.push_back(schema::CreateExternal(builder, name, shared, shared, 0));
  EXPECT_EQ(verifyModule(), "tables of the header overlap");
}

TEST_F(SharedTables, ExportNames) {
  const std::vector<schema::RegisterKind> none;
  functions = {schema::CreateFunctionDirect(builder, "f", 0, 0, 0, 0, &none, &none)};
  const auto name = builder.CreateString(std::string(100000, 'n'));
  const auto text = builder.CreateString("");
  const auto values = builder.CreateVector(std::vector<flatbuffers::Offset<schema::Value>>());
  const auto symbols = builder.CreateVector(std::vector<flatbuffers::Offset<schema::Symbol>>());
  for (unsigned i = 0; i < 60000; ++i)
    exports.push_back(schema::CreateExport(builder, name, 0, values, values, symbols, text, text));
  EXPECT_EQ(verifyModule(), "tables of the header overlap");
}

} // namespace
} // namespace torchc::runtime::test
