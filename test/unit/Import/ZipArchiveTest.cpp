//===- ZipArchiveTest.cpp - tests of the reader of ZIP archives ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/ZipArchive.h"
#include "ArchiveWriter.h"

#include <gtest/gtest.h>

using namespace torchc;

static std::string openError(const std::string &bytes) {
  auto archive = ZipArchive::open(llvm::arrayRefFromStringRef(bytes));
  return archive ? "" : llvm::toString(archive.takeError());
}

static void expectError(const std::vector<ArchiveMember> &members, const char *message) {
  std::string error = openError(writeArchive(members));
  EXPECT_NE(error.find(message), std::string::npos) << "got: " << error;
}

TEST(ZipArchive, FindsStoredMembersInPlace) {
  std::string bytes = writeArchive({{"m/a", "alpha"}, {"m/b/c", ""}});
  auto archive = ZipArchive::open(llvm::arrayRefFromStringRef(bytes));
  ASSERT_TRUE(static_cast<bool>(archive));
  EXPECT_EQ(archive->getNames().size(), 2u);
  auto text = archive->getText("m/a");
  ASSERT_TRUE(static_cast<bool>(text));
  EXPECT_EQ(*text, "alpha");
  EXPECT_EQ(text->data(), bytes.data() + bytes.find("alpha"));
  auto missing = archive->get("m/z");
  EXPECT_EQ(llvm::toString(missing.takeError()), "bad ZIP archive: it has no member 'm/z'");
}

TEST(ZipArchive, EveryTruncationIsAnError) {
  std::string bytes = writeArchive({{"m/a", "alpha"}, {"m/b", "beta"}});
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(openError(bytes.substr(0, size)), "") << size;
}

TEST(ZipArchive, RefusesBadMembers) {
  expectError({{"m/a", "x"}, {"m/a", "y"}}, "stands in it twice");
  expectError({{"m/../a", "x"}}, "leads out of it");
  expectError({{"../a", "x"}}, "leads out of it");
  expectError({{"/a", "x"}}, "leads out of it");
  expectError({{"a\\b", "x"}}, "leads out of it");
  expectError({{"", "x"}}, "leads out of it");
  expectError({{"m/a", "x", 0, 1}}, "encrypted");
  expectError({{"m/a", "x", 0, 0, 4, 0}}, "contradicts");
  expectError({{"m/a", "x", 0, 0, 0, 4}}, "contradicts");
  expectError({{"m/a", "x", 0, 0, 4, 4}}, "reaches beyond");
  expectError({{"m/a", "x", 0, 0, 0xfffffff0, 0xfffffff0}}, "reaches beyond");
  expectError({{"m/a", "x", 0, 0, 20, 20}, {"m/b", "y"}}, "overlap");
  expectError({{"m/a", "x", 0, 0, 0, 0, 0, "m/b"}}, "contradicts");
}

TEST(ZipArchive, RefusesToOpenCompressedAndDamagedMembers) {
  std::string bytes = writeArchive({{"m/a", "x", 8}, {"m/b", "y", 0, 0, 0, 0, 1}});
  auto archive = ZipArchive::open(llvm::arrayRefFromStringRef(bytes));
  ASSERT_TRUE(static_cast<bool>(archive));
  EXPECT_EQ(llvm::toString(archive->get("m/a").takeError()), "bad ZIP archive: member 'm/a' is compressed");
  EXPECT_NE(llvm::toString(archive->getText("m/b").takeError()).find("checksum"), std::string::npos);
}
