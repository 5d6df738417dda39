//===- OpcodesTest.cpp - the opcode table and the checksum ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Opcodes.h"

#include "torchc/runtime/Format.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace torchc::runtime {
namespace {

TEST(Opcodes, CodesAreUniqueAndFindable) {
  std::set<uint16_t> seen;
  for (const OpcodeInfo &info : kOpcodes) {
    EXPECT_TRUE(seen.insert(uint16_t(info.opcode)).second) << info.name;
    EXPECT_EQ(getOpcodeInfo(info.opcode), &info);
  }
  EXPECT_EQ(getOpcodeInfo(uint16_t(0)), nullptr);
  EXPECT_EQ(getOpcodeInfo(uint16_t(0x7F)), nullptr);
  EXPECT_EQ(getOpcodeInfo(uint16_t(0xFFFF)), nullptr);
}

TEST(Opcodes, OperandsHaveFieldsOfTheirOwn) {
  for (const OpcodeInfo &info : kOpcodes) {
    std::set<Field> fields;
    bool sawOperand = false;
    for (const Operand &operand : info) {
      EXPECT_TRUE(fields.insert(operand.field).second) << info.name;
      EXPECT_FALSE(operand.isResult && sawOperand) << info.name;
      sawOperand |= !operand.isResult;
      if (detail::isWide(operand.kind)) {
        EXPECT_GE(operand.field, Field::D) << info.name;
      }
    }
    if (fields.count(Field::DE)) {
      EXPECT_FALSE(fields.count(Field::D) || fields.count(Field::E)) << info.name;
    }
  }
}

TEST(Opcodes, ParsesOperandStrings) {
  const OpcodeInfo &select = *getOpcodeInfo(Opcode::SelectI64);
  ASSERT_EQ(select.operandCount, 4);
  EXPECT_EQ(select.operands[0].name, "dst");
  EXPECT_TRUE(select.operands[0].isResult);
  EXPECT_EQ(select.operands[3].name, "b");
  EXPECT_FALSE(select.operands[3].isResult);
  EXPECT_EQ(select.operands[3].field, Field::D); // The fourth register.
  const OpcodeInfo &call = *getOpcodeInfo(Opcode::Call);
  EXPECT_EQ(call.operands[0].kind, OperandKind::Values);
  EXPECT_EQ(call.operands[1].kind, OperandKind::Function);
  EXPECT_EQ(call.operands[1].field, Field::A);
  EXPECT_TRUE(getOpcodeInfo(Opcode::Ret)->isTerminator);
  EXPECT_FALSE(call.isTerminator);
}

TEST(Opcodes, FieldsHoldWhatFits) {
  Instruction instruction{};
  EXPECT_TRUE(setField(instruction, Field::A, 0xFFFF));
  EXPECT_FALSE(setField(instruction, Field::A, 0x10000));
  EXPECT_FALSE(setField(instruction, Field::D, 0x100000000));
  EXPECT_TRUE(setField(instruction, Field::DE, uint64_t(-5)));
  EXPECT_EQ(int64_t(getField(instruction, Field::DE)), -5);
  EXPECT_EQ(int64_t(instruction.getImmediate()), -5);
  EXPECT_EQ(getField(instruction, Field::A), 0xFFFFu);
}

TEST(Checksum, IsStable) {
  // Files depend on these values.
  EXPECT_EQ(checksum64("hello", 5), 0x8DCF717DA9146C0Fu);
  EXPECT_NE(checksum64("", 0), checksum64("\0", 1));
}

TEST(Checksum, SeesEveryBit) {
  for (size_t size : {1, 8, 31, 32, 33, 100}) {
    std::vector<uint8_t> bytes(size, 0x5A);
    const uint64_t original = checksum64(bytes.data(), size);
    for (size_t bit = 0; bit < size * 8; ++bit) {
      bytes[bit / 8] ^= uint8_t(1 << bit % 8);
      EXPECT_NE(checksum64(bytes.data(), size), original) << size << " " << bit;
      bytes[bit / 8] ^= uint8_t(1 << bit % 8);
    }
  }
}

} // namespace
} // namespace torchc::runtime
