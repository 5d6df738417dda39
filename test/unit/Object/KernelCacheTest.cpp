//===- KernelCacheTest.cpp - objects kept between compilations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/KernelCache.h"

#include "torchc/Support/TargetMachine.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Support/SourceMgr.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace torchc;
namespace fs = std::filesystem;

namespace {
class KernelCacheTest : public testing::Test {
protected:
  KernelCacheTest() : folder(testing::TempDir() + "kernel-cache-" + std::to_string(getpid())) {
    fs::remove_all(folder);
  }
  ~KernelCacheTest() override { fs::remove_all(folder); }

  /// What the cache gives for a function that returns `value`, which is made as the bytes of `made`.
  std::string find(int value, const std::string &made, const char *cpu = "x86-64-v3") {
    llvm::LLVMContext context;
    llvm::SMDiagnostic error;
    auto module =
        llvm::parseAssemblyString("define i32 @f() { ret i32 " + std::to_string(value) + " }", error, context);
    auto machine = createTargetMachine({"x86_64-unknown-linux-gnu", cpu, ""},
                                       [&] { return mlir::emitError(mlir::UnknownLoc::get(&mlirContext)); });
    auto object = KernelCache(folder).findOrMake(*module, **machine, [&]() -> llvm::Expected<ObjectBytes> {
      ++makings;
      return ObjectBytes(made.begin(), made.end());
    });
    return std::string(object->begin(), object->end());
  }

  std::string folder;
  int makings = 0;
  mlir::MLIRContext mlirContext;
};
} // namespace

TEST_F(KernelCacheTest, MakesEachObjectOnce) {
  EXPECT_EQ(find(1, "one"), "one");
  EXPECT_EQ(find(1, "not one"), "one");
  EXPECT_EQ(makings, 1);
}

TEST_F(KernelCacheTest, TellsCodeAndTargetsApart) {
  EXPECT_EQ(find(1, "one"), "one");
  EXPECT_EQ(find(2, "two"), "two");
  EXPECT_EQ(find(1, "one, elsewhere", "x86-64-v4"), "one, elsewhere");
  EXPECT_EQ(find(1, "not one"), "one");
}

TEST_F(KernelCacheTest, MakesWhatIsDamagedAgain) {
  for (const char *damage : {"", "short", "as long as any hash would be, and an object"}) {
    find(1, "one");
    for (const fs::directory_entry &entry : fs::directory_iterator(folder))
      std::ofstream(entry.path()) << damage;
    EXPECT_EQ(find(1, "another"), "another");
    EXPECT_EQ(find(1, "not this"), "another");
    fs::remove_all(folder);
  }
}

TEST_F(KernelCacheTest, DoesWithoutAFolder) {
  std::ofstream(folder) << "no folder";
  EXPECT_EQ(find(1, "one"), "one");
  EXPECT_EQ(find(1, "two"), "two");
  fs::remove(folder);
  folder = "";
  EXPECT_EQ(find(1, "three"), "three");
}

TEST_F(KernelCacheTest, PassesErrorsOnAndKeepsNothing) {
  llvm::LLVMContext context;
  llvm::Module module("empty", context);
  auto machine = createTargetMachine({"x86_64-unknown-linux-gnu", "x86-64-v3", ""},
                                     [&] { return mlir::emitError(mlir::UnknownLoc::get(&mlirContext)); });
  auto object = KernelCache(folder).findOrMake(
      module, **machine, []() -> llvm::Expected<ObjectBytes> { return llvm::createStringError("no code for it"); });
  EXPECT_EQ(llvm::toString(object.takeError()), "no code for it");
  EXPECT_FALSE(fs::exists(folder));
}
