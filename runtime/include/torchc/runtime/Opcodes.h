//===- Opcodes.h - instructions and their encoding --------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opcodes.def as C++: the enumeration, each opcode's operands with their kinds and
// places in the instruction word, and a hash of the whole table. All of it is
// computed at compile time from the table's strings. The compiler's writer and
// the runtime share this header.
//
//   Instruction add{};
//   add.opcode = uint16_t(Opcode::AddI64);
//   const OpcodeInfo &info = *getOpcodeInfo(Opcode::AddI64);
//   for (const Operand &operand : info)            // dst, a, b
//     setField(add, operand.field, registerOf(operand.name));
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_OPCODES_H
#define TORCHC_RUNTIME_OPCODES_H

#include <cstdint>
#include <cstring>
#include <string_view>

namespace torchc::runtime {

enum class Opcode : uint16_t {
#define OP(NAME, CODE, OPERANDS, MEANING) NAME = CODE,
#include "Opcodes.def"
};

/// One instruction: 16 bytes. `d` and `e` together hold a 64-bit immediate, d its
/// low half. Fields that the opcode does not use are zero.
struct Instruction {
  uint16_t opcode;
  uint16_t a, b, c;
  uint32_t d, e;

  uint64_t getImmediate() const { return uint64_t(e) << 32 | d; }
};
static_assert(sizeof(Instruction) == 16);

enum class Field : uint8_t { A, B, C, D, E, DE };

/// What an operand is; see the head of Opcodes.def.
enum class OperandKind : uint8_t {
  I64,
  Ref,
  I64s,
  Refs,
  Values,
  Imm64,
  Index,
  Type,
  Target,
  Message,
  Function,
  External,
  Kernel,
  Constant,
  Parameter,
  GlobalI64,
  GlobalRef,
};

struct Operand {
  std::string_view name;
  OperandKind kind = OperandKind::I64;
  Field field = Field::A;
  bool isResult = false; ///< Left of the arrow: written, not read.
};

struct OpcodeInfo {
  Opcode opcode{};
  std::string_view name;
  std::string_view meaning;
  bool isTerminator = false;
  uint8_t operandCount = 0;
  Operand operands[5];

  constexpr const Operand *begin() const { return operands; }
  constexpr const Operand *end() const { return operands + operandCount; }
};

namespace detail {

constexpr OperandKind parseKind(std::string_view kind) {
  constexpr struct {
    std::string_view name;
    OperandKind kind;
  } kinds[] = {{"i64", OperandKind::I64},
               {"ref", OperandKind::Ref},
               {"i64s", OperandKind::I64s},
               {"refs", OperandKind::Refs},
               {"values", OperandKind::Values},
               {"imm64", OperandKind::Imm64},
               {"index", OperandKind::Index},
               {"type", OperandKind::Type},
               {"target", OperandKind::Target},
               {"message", OperandKind::Message},
               {"function", OperandKind::Function},
               {"external", OperandKind::External},
               {"kernel", OperandKind::Kernel},
               {"constant", OperandKind::Constant},
               {"parameter", OperandKind::Parameter},
               {"global_i64", OperandKind::GlobalI64},
               {"global_ref", OperandKind::GlobalRef}};
  for (const auto &entry : kinds)
    if (entry.name == kind)
      return entry.kind;
  __builtin_unreachable(); // An unknown kind in the table: a compile-time error.
}

/// Lists, targets and messages need 32 bits; everything else but imm64 has 16.
constexpr bool isWide(OperandKind kind) {
  return kind == OperandKind::I64s || kind == OperandKind::Refs || kind == OperandKind::Values ||
         kind == OperandKind::Target || kind == OperandKind::Message;
}

/// Reads an operand string. Narrow operands take the fields a, b, c, d, e in turn,
/// wide ones d, e; imm64 takes both.
constexpr OpcodeInfo parse(Opcode opcode, std::string_view name, std::string_view operands, std::string_view meaning,
                           bool isTerminator) {
  OpcodeInfo info{opcode, name, meaning, isTerminator, 0, {}};
  const bool hasResults = operands.find("<-") != std::string_view::npos;
  bool isResult = hasResults;
  unsigned nextNarrow = 0, nextWide = unsigned(Field::D);
  while (!operands.empty()) {
    const auto space = operands.find(' ');
    const auto word = operands.substr(0, space);
    operands = space == std::string_view::npos ? "" : operands.substr(space + 1);
    if (word == "<-") {
      isResult = false;
      continue;
    }
    const auto colon = word.find(':');
    Operand &operand = info.operands[info.operandCount++];
    operand.name = word.substr(0, colon);
    operand.kind = parseKind(word.substr(colon + 1));
    operand.isResult = isResult;
    if (operand.kind == OperandKind::Imm64) {
      operand.field = Field::DE;
    } else if (isWide(operand.kind) || nextNarrow > unsigned(Field::C)) {
      operand.field = Field(nextWide++);
    } else {
      operand.field = Field(nextNarrow++);
    }
    if (nextWide > unsigned(Field::E) + 1)
      __builtin_unreachable(); // More operands than an instruction holds.
  }
  return info;
}

} // namespace detail

inline constexpr OpcodeInfo kOpcodes[] = {
#define OP(NAME, CODE, OPERANDS, MEANING) detail::parse(Opcode::NAME, #NAME, OPERANDS, MEANING, false),
#define TERMINATOR(NAME, CODE, OPERANDS, MEANING) detail::parse(Opcode::NAME, #NAME, OPERANDS, MEANING, true),
#include "Opcodes.def"
};

namespace detail {

inline constexpr unsigned kOpcodeLimit = 0x80;

struct OpcodeIndex {
  uint8_t entries[kOpcodeLimit] = {}; ///< Place in kOpcodes + 1; 0: no such opcode.
};

constexpr OpcodeIndex makeOpcodeIndex() {
  OpcodeIndex index;
  uint8_t place = 0;
  for (const OpcodeInfo &info : kOpcodes)
    index.entries[uint16_t(info.opcode)] = ++place;
  return index;
}

inline constexpr OpcodeIndex kOpcodeIndex = makeOpcodeIndex();

constexpr uint64_t hashText(uint64_t hash, std::string_view text) {
  for (char character : text)
    hash = (hash ^ uint8_t(character)) * 0x100000001B3u; // FNV-1a
  return (hash ^ 0xFF) * 0x100000001B3u;
}

constexpr uint64_t hashTable() {
  uint64_t hash = 0xCBF29CE484222325u;
#define OP(NAME, CODE, OPERANDS, MEANING) hash = hashText(hash, #NAME " " #CODE " " OPERANDS);
#include "Opcodes.def"
  return hash;
}

} // namespace detail

/// Names, codes and operands of the table; two builds whose hashes are equal agree
/// on the encoding. Meanings are not part of it.
inline constexpr uint64_t kOpcodeTableHash = detail::hashTable();

/// The table's entry, or nullptr if there is no such opcode.
constexpr const OpcodeInfo *getOpcodeInfo(uint16_t opcode) {
  if (opcode >= detail::kOpcodeLimit || detail::kOpcodeIndex.entries[opcode] == 0)
    return nullptr;
  return &kOpcodes[detail::kOpcodeIndex.entries[opcode] - 1];
}
constexpr const OpcodeInfo *getOpcodeInfo(Opcode opcode) { return getOpcodeInfo(uint16_t(opcode)); }

constexpr uint64_t getField(const Instruction &instruction, Field field) {
  switch (field) {
  case Field::A: return instruction.a;
  case Field::B: return instruction.b;
  case Field::C: return instruction.c;
  case Field::D: return instruction.d;
  case Field::E: return instruction.e;
  case Field::DE: return uint64_t(instruction.e) << 32 | instruction.d;
  }
  return 0;
}

/// Stores `value`; returns false (and stores nothing) if it does not fit the field.
constexpr bool setField(Instruction &instruction, Field field, uint64_t value) {
  if (value > (field <= Field::C ? UINT16_MAX : field <= Field::E ? UINT32_MAX : UINT64_MAX))
    return false;
  switch (field) {
  case Field::A: instruction.a = uint16_t(value); break;
  case Field::B: instruction.b = uint16_t(value); break;
  case Field::C: instruction.c = uint16_t(value); break;
  case Field::D: instruction.d = uint32_t(value); break;
  case Field::E: instruction.e = uint32_t(value); break;
  case Field::DE:
    instruction.d = uint32_t(value);
    instruction.e = uint32_t(value >> 32);
    break;
  }
  return true;
}

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_OPCODES_H
