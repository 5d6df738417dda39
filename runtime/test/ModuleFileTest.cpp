//===- ModuleFileTest.cpp - damaged and hostile files ---------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "torchc/runtime/Program.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace torchc::runtime::test {
namespace {

ModuleBuilder makeSmallModule() {
  ModuleBuilder builder;
  const float values[] = {1, 2, 3, 4};
  builder.addConstant(ElementType::F32, {4}, values);
  builder.addMessage("bad");
  const unsigned f = builder.addFunction("f", "ref", "ref", 1, 2, R"(
    TensorDim i0 <- r0 0
    Constant r1 <- 0
    Ret [r1]
  )");
  builder.addExport("forward", f, {"x:f32[-1]"}, {"y:f32[4]"});
  builder.addSymbol("s", 0, 100);
  builder.addKernel("k", 1, 1, 0);
  builder.addLibrary("x86-64", {}, std::vector<uint8_t>(100, 7));
  schema::DebugInfoT debug;
  debug.texts = {"model.py:27"};
  debug.locations = {{0, 0}};
  builder.setDebugInfo(debug);
  return builder;
}

Status load(const std::vector<uint8_t> &bytes, bool verifyConstants = false) {
  const AlignedBytes aligned(bytes);
  LoadOptions options;
  options.loadKernels = false;
  options.verifyConstants = verifyConstants;
  return Program::borrowBytes(aligned.get(), nullptr, nullptr, options).takeStatus();
}

TEST(ModuleFile, LoadsAndDescribesItself) {
  const AlignedBytes bytes(makeSmallModule().build());
  LoadOptions options;
  options.loadKernels = false;
  auto program = Program::borrowBytes(bytes.get(), nullptr, nullptr, options);
  ASSERT_TRUE(program.isOk()) << program.getStatus().getMessage();
  ASSERT_EQ(program->getFunctionCount(), 1u);
  EXPECT_STREQ(program->getFunction(0).name, "forward");
  EXPECT_EQ(program->getInput(0, 0).dims[0], -1);
  EXPECT_EQ(program->getSymbol(0, 0).max, 100);
  EXPECT_EQ(program->getSizes().constants, 16u);
  EXPECT_EQ(program->getSizes().kernels, 100u);
  auto missing = program->findFunction("backward");
  ASSERT_FALSE(missing.isOk());
  EXPECT_STREQ(missing.getStatus().getMessage(), "no function 'backward'; there are: forward");
}

TEST(ModuleFile, RefusesEveryTruncation) {
  const auto bytes = makeSmallModule().build();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(load({bytes.begin(), bytes.begin() + ptrdiff_t(size)}).getCode(), StatusCode::InvalidModule) << size;
}

TEST(ModuleFile, RefusesEveryOneByteEdit) {
  auto bytes = makeSmallModule().build();
  for (size_t i = 0; i < bytes.size(); ++i)
    for (uint8_t change : {1, 0x80, 0xFF}) {
      bytes[i] ^= change;
      EXPECT_FALSE(load(bytes).isOk()) << i;
      bytes[i] ^= change;
    }
}

/// Whoever computes the checksums anew gets as far as the other checks, no further.
TEST(ModuleFile, SurvivesEveryOneByteEditWithFixedChecksums) {
  const auto original = makeSmallModule().build();
  FilePrologue prologue;
  std::memcpy(&prologue, original.data(), sizeof prologue);
  AlignedBytes bytes(original);
  LoadOptions options;
  options.loadKernels = false;
  unsigned refused = 0;
  for (size_t i = 0; i < sizeof prologue + prologue.headerSize; ++i)
    for (unsigned value = 0; value < 256; ++value) {
      std::copy(original.begin(), original.end(), bytes.getMutable().begin());
      bytes.getMutable()[i] = uint8_t(value);
      fixChecksums(bytes.getMutable());
      refused += !Program::borrowBytes(bytes.get(), nullptr, nullptr, options).isOk();
    }
  EXPECT_GT(refused, 1000u);
}

TEST(ModuleFile, RefusesOtherVersions) {
  auto bytes = makeSmallModule().build();
  auto edit = [&](auto change) {
    auto copy = bytes;
    FilePrologue prologue;
    std::memcpy(&prologue, copy.data(), sizeof prologue);
    change(prologue);
    std::memcpy(copy.data(), &prologue, sizeof prologue);
    fixChecksums(copy);
    return load(copy).getCode();
  };
  EXPECT_EQ(edit([](FilePrologue &) {}), StatusCode::Ok);
  EXPECT_EQ(edit([](FilePrologue &p) { p.formatMajor = 2; }), StatusCode::Incompatible);
  EXPECT_EQ(edit([](FilePrologue &p) { p.formatMinor += 1; }), StatusCode::Incompatible);
  EXPECT_EQ(edit([](FilePrologue &p) { p.opcodeTableHash ^= 1; }), StatusCode::Incompatible);
  EXPECT_EQ(edit([](FilePrologue &p) { p.reserved0 = 1; }), StatusCode::InvalidModule);
  EXPECT_EQ(edit([](FilePrologue &p) { p.headerSize = UINT64_MAX; }), StatusCode::InvalidModule);
}

TEST(ModuleFile, RefusesMisplacedSections) {
  const auto builder = makeSmallModule();
  auto code = [&](auto change) {
    return load(builder.build([&](schema::ModuleT &module) { change(module); })).getCode();
  };
  auto move = [](std::unique_ptr<schema::Section> &section, uint64_t offset, uint64_t size) {
    *section = schema::Section(offset, size, section->checksum());
  };
  EXPECT_EQ(code([&](auto &m) { move(m.bytecode, m.bytecode->offset() + 64, m.bytecode->size()); }),
            StatusCode::InvalidModule);
  EXPECT_EQ(code([&](auto &m) { move(m.bytecode, UINT64_MAX - 63, 64); }), StatusCode::InvalidModule);
  EXPECT_EQ(code([&](auto &m) { move(m.constant_data, m.constant_data->offset(), UINT64_MAX); }),
            StatusCode::InvalidModule);
  EXPECT_EQ(code([&](auto &m) { move(m.constant_data, m.constant_data->offset(), 8); }), StatusCode::InvalidModule);
  EXPECT_EQ(code([&](auto &m) { move(m.operand_lists, 0, 0); }), StatusCode::InvalidModule);
}

TEST(ModuleFile, SaysWhatIsWrongWithASection) {
  ModuleBuilder builder;
  builder.addFunction("f", "", "", 0, 0, "Ret []"); // One list, {0}: 2 bytes.
  builder.addConstant<uint8_t>(ElementType::U8, {1}, {7});
  auto message = [&](auto change) -> std::string {
    return load(builder.build([&](schema::ModuleT &module) { change(module); })).getMessage();
  };
  EXPECT_EQ(message([](auto &) {}), "ok");
  EXPECT_EQ(message([](auto &m) { *m.debug_info = schema::Section(64, 0, 0); }),
            "the empty section 'debug info' has an offset or a checksum");
  EXPECT_EQ(message([](auto &m) { *m.debug_info = schema::Section(0, 0, 1); }),
            "the empty section 'debug info' has an offset or a checksum");
  EXPECT_EQ(
      message([](auto &m) { *m.operand_lists = schema::Section(m.operand_lists->offset(), 1, checksum64("", 1)); }),
      "the bytecode ends within an instruction");
  EXPECT_EQ(message([](auto &m) { *m.bytecode = schema::Section(m.bytecode->offset(), 16, 1); }),
            "damaged file: the checksum of the section 'bytecode' differs");
  EXPECT_EQ(message([](auto &m) { *m.constant_data = schema::Section(0, 0, 0); }), "bytes follow the last section");
  auto bytes = builder.build();
  bytes[bytes.size() - 2] = 1; // Between the lists and the constants.
  EXPECT_STREQ(load(bytes).getMessage(), "the padding before the section 'constants' is not zero");
}

TEST(ModuleFile, VerifiesLargeConstantsOnRequestOnly) {
  ModuleBuilder builder = makeSmallModule();
  builder.addConstant(ElementType::U8, {5 << 20}, std::vector<uint8_t>(5 << 20, 1));
  auto bytes = builder.build();
  EXPECT_TRUE(load(bytes, true).isOk());
  bytes.back() ^= 1;
  EXPECT_TRUE(load(bytes).isOk());
  EXPECT_EQ(load(bytes, true).getCode(), StatusCode::InvalidModule);
}

/// Bytes of this process that are in memory.
uint64_t getResidentBytes() {
  uint64_t size, resident;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

TEST(ModuleFile, LargeConstantsStayOnDiskUntilTheyAreRead) {
  constexpr uint64_t kBytes = 64 << 20, kLittle = 1 << 20;
  const std::string path =
      (std::filesystem::temp_directory_path() / ("torchc-sparse." + std::to_string(getpid()))).string();
  writeSparseModule(path, kBytes);
  const uint64_t before = getResidentBytes();
  auto program = Program::load(path.c_str(), {});
  ASSERT_TRUE(program.isOk()) << program.getStatus().getMessage();
  const uint64_t loaded = getResidentBytes();
  EXPECT_LT(loaded, before + kLittle);
  ASSERT_TRUE(program->verifyConstants().getCode() ==
              StatusCode::InvalidModule); // Reads them; the checksum is not theirs.
  EXPECT_GT(getResidentBytes(), loaded + kBytes / 2);
  std::filesystem::remove(path);
}

TEST(ModuleFile, ReportsMissingFilesAndFolders) {
  EXPECT_EQ(Program::load("/nonexistent.vmfb", {}).getStatus().getCode(), StatusCode::Io);
  EXPECT_EQ(Program::load("/", {}).getStatus().getCode(), StatusCode::Io);
  EXPECT_EQ(Program::load("/dev/null", {}).getStatus().getCode(), StatusCode::Io);
}

} // namespace
} // namespace torchc::runtime::test
