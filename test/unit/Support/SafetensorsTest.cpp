//===- SafetensorsTest.cpp - tests of files of weights ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/Safetensors.h"
#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Import/Import.h"
#include "torchc/Pipeline/Pipeline.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/Support/IRFile.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace torchc;

namespace {

/// A folder for one test, and a context with all dialects.
class SafetensorsTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("torchc-safetensors", folder));
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(StringRef name) { return (folder + "/" + name).str(); }
  void write(StringRef name, StringRef bytes) {
    ASSERT_FALSE(
        static_cast<bool>(writeFileAtomically(path(name), [&](llvm::raw_ostream &stream) { stream << bytes; })));
  }
  /// Writes a file with this header and `dataSize` zeros, and reads it.
  std::string readError(const std::string &header, size_t dataSize) {
    char prefix[8];
    llvm::support::endian::write64le(prefix, header.size());
    write("bad.safetensors", std::string(prefix, 8) + header + std::string(dataSize, '\0'));
    auto weights = readSafetensors(path("bad.safetensors"), &context);
    return weights ? "" : llvm::toString(weights.takeError());
  }
  void expectError(const std::string &header, size_t dataSize, const char *message) {
    std::string error = readError(header, dataSize);
    EXPECT_NE(error.find(message), std::string::npos) << "got: " << error;
  }

  llvm::SmallString<128> folder;
  MLIRContext context{MLIRContext::Threading::DISABLED};
};

} // namespace

TEST_F(SafetensorsTest, ReadsWhatItWrites) {
  Builder builder(&context);
  std::vector<uint8_t> floats = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}, bools = {1, 0, 1};
  std::vector<NamedWeight> weights = {
      {"b \"quoted\"", {RankedTensorType::get({3}, builder.getI1Type()), bools, nullptr}},
      {"w", {RankedTensorType::get({2, 1}, builder.getF32Type()), floats, nullptr}},
      {"empty", {RankedTensorType::get({0}, builder.getI64Type()), {}, nullptr}},
      {"bytes", {RankedTensorType::get({3}, builder.getI8Type()), bools, nullptr, /*isUnsigned=*/true}},
  };
  ASSERT_FALSE(static_cast<bool>(writeSafetensors(path("w.safetensors"), weights)));
  auto read = readSafetensors(path("w.safetensors"), &context);
  ASSERT_TRUE(static_cast<bool>(read));
  ASSERT_EQ(read->size(), 4u);
  for (const NamedWeight &written : weights) {
    auto found = llvm::find_if(*read, [&](const NamedWeight &entry) { return entry.name == written.name; });
    ASSERT_NE(found, read->end());
    EXPECT_EQ(found->weight.type, written.weight.type);
    EXPECT_EQ(found->weight.bytes, written.weight.bytes);
    EXPECT_EQ(found->weight.isUnsigned, written.weight.isUnsigned);
  }
}

TEST_F(SafetensorsTest, RefusesBadFiles) {
  EXPECT_EQ(readError(R"({"__metadata__": {"by": "x"}})", 0), "");
  expectError("{", 0, "not a JSON object");
  expectError(R"({"w": {"dtype": "F32", "shape": [2]}})", 8, "lacks");
  expectError(R"({"w": {"dtype": "F31", "shape": [2], "data_offsets": [0, 8]}})", 8, "unknown dtype");
  expectError(R"({"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}})", 8, "no list of sizes");
  expectError(R"({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 12]}})", 12, "another number of bytes");
  expectError(R"({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", 4, "outside of the file");
  expectError(R"({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", 9, "longer than its tensors");
  expectError(R"({"w": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 8]}})", 8, "too large");
  expectError(R"({"v": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},)"
              R"( "w": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}})",
              3, "overlaps");
  write("short.safetensors", "abc");
  EXPECT_NE(llvm::toString(readSafetensors(path("short.safetensors"), &context).takeError()).find("truncated"),
            std::string::npos);
  write("long.safetensors", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  EXPECT_NE(
      llvm::toString(readSafetensors(path("long.safetensors"), &context).takeError()).find("longer than the file"),
      std::string::npos);
}

TEST_F(SafetensorsTest, ModulesTakeTheirWeightsAlong) {
  constexpr StringLiteral text = R"(
    ml_program.global private @w(#ml_program.extern<!torch.vtensor<[2],f32>>) : !torch.vtensor<[2],f32>)";
  auto &store = context.getLoadedDialect<torch::TorchDialect>()->getWeights();
  for (bool bytecode : {false, true}) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    std::vector<uint8_t> floats = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40};
    store.setCopy("w", RankedTensorType::get({2}, Float32Type::get(&context)), floats);
    ASSERT_EQ(writeIRFile(*module, store, path("m.mlir"), {bytecode, {}}), ExitCode::Success);
    EXPECT_FALSE((*module)->hasAttr(kWeightsFileAttr));
    store.erase("w");
    ImportResult read = importModelFile(path("m.mlir"), {}, context);
    ASSERT_TRUE(read);
    ASSERT_TRUE(store.lookup("w").has_value());
    EXPECT_EQ(store.lookup("w")->bytes, ArrayRef<uint8_t>(floats));
    store.erase("w");
  }
}

TEST_F(SafetensorsTest, ModulesWithoutTheirWeightsAreErrors) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  write("m.mlir", "module attributes {torchc.weights = \"none.safetensors\"} {}");
  EXPECT_EQ(importModelFile(path("m.mlir"), {}, context).code, ExitCode::InputOutput);
  write("m.mlir", "module attributes {torchc.weights = \"../m.safetensors\"} {}");
  EXPECT_EQ(importModelFile(path("m.mlir"), {}, context).code, ExitCode::BadFile);
  ASSERT_FALSE(static_cast<bool>(writeSafetensors(path("m.safetensors"), {})));
  write("m.mlir", "module attributes {torchc.weights = \"m.safetensors\"} {\n"
                  "ml_program.global private @w(#ml_program.extern<tensor<2xf32>>) : tensor<2xf32>\n}");
  EXPECT_EQ(importModelFile(path("m.mlir"), {}, context).code, ExitCode::BadFile);
  EXPECT_NE(message.find("has no weight in"), std::string::npos) << message;
}
