//===- VerifyBytecode.cpp - checks a module's instructions ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleFile.h"
#include "torchc/runtime/Tensor.h"

#include <algorithm>

namespace torchc::runtime {

namespace {

/// Instructions may share lists, and a branch goes through those of its target, so that
/// the lists' lengths do not bound the work. This many registers a byte of code do.
constexpr uint64_t kListWorkPerByte = 256;

/// The registers of one bank that hold a value at the current instruction. A
/// register is set if its stamp is that of the current block, so that a new
/// block starts from nothing in no time.
class LiveSet {
public:
  [[nodiscard]] bool prepare(uint32_t mostRegisters) { return stamps.resize(mostRegisters); }
  void startBlock(uint32_t registers) {
    count = registers;
    ++stamp;
  }
  bool isRegister(uint64_t index) const { return index < count; }
  bool isSet(uint64_t index) const { return stamps[index] == stamp; }
  void set(uint64_t index) { stamps[index] = stamp; }
  void unset(uint64_t index) { stamps[index] = 0; }

private:
  Array<uint64_t> stamps;
  uint64_t count = 0;
  uint64_t stamp = 0;
};

class BytecodeVerifier {
public:
  explicit BytecodeVerifier(const ModuleFile &file)
      : file(file), module(*file.header),
        listWork((file.code.size_bytes() + file.lists.size_bytes()) * kListWorkPerByte) {}

  Status run() {
    uint16_t mostI64s = 0, mostRefs = 0;
    for (const schema::Function *entry : *module.functions()) {
      mostI64s = std::max(mostI64s, entry->i64_registers());
      mostRefs = std::max(mostRefs, entry->ref_registers());
    }
    if (!i64s.prepare(mostI64s) || !refs.prepare(mostRefs))
      return Status::outOfMemory();
    uint64_t next = 0;
    for (ordinal = 0; ordinal < module.functions()->size(); ++ordinal) {
      function = module.functions()->Get(ordinal);
      start = function->first_instruction();
      if (start != next || function->instruction_count() == 0 ||
          function->instruction_count() > file.code.size() - start)
        return Status::error(StatusCode::InvalidModule, "function '%s' is not at its place in the bytecode",
                             function->name()->c_str());
      next = start + function->instruction_count();
      TORCHC_RETURN_IF_ERROR(verifyFunction());
    }
    if (next != file.code.size())
      return Status::error(StatusCode::InvalidModule, "instructions belong to no function");
    return {};
  }

private:
  __attribute__((format(printf, 2, 3))) Status invalid(const char *format, ...) const {
    va_list arguments;
    va_start(arguments, format);
    const Status reason = Status::errorV(StatusCode::InvalidModule, format, arguments);
    va_end(arguments);
    return Status::error(StatusCode::InvalidModule, "function '%s', instruction %u: %s", function->name()->c_str(),
                         position, reason.getMessage());
  }

  Status verifyFunction() {
    position = 0;
    TORCHC_RETURN_IF_ERROR(startEntryBlock());
    bool afterTerminator = false;
    for (; position < function->instruction_count(); ++position) {
      const Instruction &instruction = file.code[start + position];
      const OpcodeInfo *info = getOpcodeInfo(instruction.opcode);
      if (!info)
        return invalid("unknown opcode 0x%02x", instruction.opcode);
      if (position != 0 && (info->opcode == Opcode::Block) != afterTerminator)
        return invalid("%s", afterTerminator ? "a block starts without a Block instruction"
                                             : "a block is entered by falling into it");
      if (position == 0 && info->opcode == Opcode::Block)
        return invalid("the entry block has a Block instruction");
      TORCHC_RETURN_IF_ERROR(verifyInstruction(instruction, *info));
      afterTerminator = info->isTerminator;
    }
    --position;
    if (!afterTerminator)
      return invalid("the function does not end with a terminator");
    return {};
  }

  Status startEntryBlock() {
    i64s.startBlock(function->i64_registers());
    refs.startBlock(function->ref_registers());
    uint64_t next[2] = {0, 0};
    for (unsigned i = 0; i < function->parameters()->size(); ++i) {
      const bool isI64 = function->parameters()->Get(i) == schema::RegisterKind::I64;
      LiveSet &bank = isI64 ? i64s : refs;
      uint64_t &index = next[isI64];
      if (!bank.isRegister(index))
        return invalid("the parameters need more registers than there are");
      bank.set(index++);
    }
    return {};
  }

  /// Reads are checked before writes take effect: `add r0, r0, r1`.
  Status verifyInstruction(const Instruction &instruction, const OpcodeInfo &info) {
    if (info.opcode == Opcode::Block) {
      i64s.startBlock(function->i64_registers());
      refs.startBlock(function->ref_registers());
    }
    uint64_t used = 0;
    for (bool results : {false, true})
      for (const Operand &operand : info) {
        if (operand.isResult != results)
          continue;
        used |= uint64_t(1) << unsigned(operand.field);
        TORCHC_RETURN_IF_ERROR(verifyOperand(instruction, info, operand));
      }
    if (used & uint64_t(1) << unsigned(Field::DE))
      used |= 1 << unsigned(Field::D) | 1 << unsigned(Field::E);
    for (unsigned field = 0; field <= unsigned(Field::E); ++field)
      if (!(used >> field & 1) && getField(instruction, Field(field)) != 0)
        return invalid("an unused field is not zero");
    if (info.opcode == Opcode::Drop)
      refs.unset(instruction.a);
    return {};
  }

  Status verifyOperand(const Instruction &instruction, const OpcodeInfo &info, const Operand &operand) {
    const uint64_t value = getField(instruction, operand.field);
    switch (operand.kind) {
    case OperandKind::I64: return verifyRegister(i64s, "i64", value, operand.isResult);
    case OperandKind::Ref: return verifyRegister(refs, "ref", value, operand.isResult);
    case OperandKind::I64s:
    case OperandKind::Refs:
    case OperandKind::Values: return verifyList(instruction, info, operand, value);
    case OperandKind::Imm64:
    case OperandKind::Index: return {};
    case OperandKind::Type:
      if (value > UINT8_MAX || getElementSize(ElementType(value)) == 0)
        return invalid("unknown element type %llu", (unsigned long long)value);
      return {};
    case OperandKind::Target: return verifyTarget(value);
    case OperandKind::Message: return verifyOrdinal("message", value, module.messages()->size());
    case OperandKind::Function:
      if (value >= ordinal)
        return invalid("a call of a function that does not stand before its caller");
      return {};
    case OperandKind::External: return verifyOrdinal("external", value, module.externals()->size());
    case OperandKind::Kernel: return verifyOrdinal("kernel", value, module.kernels()->size());
    case OperandKind::Constant: return verifyOrdinal("constant", value, module.constants()->size());
    case OperandKind::Parameter: return verifyOrdinal("parameter", value, module.parameters()->size());
    case OperandKind::GlobalI64: return verifyGlobal(info, value, schema::RegisterKind::I64);
    case OperandKind::GlobalRef: return verifyGlobal(info, value, schema::RegisterKind::Ref);
    }
    return invalid("unknown operand kind");
  }

  Status verifyRegister(LiveSet &bank, const char *name, uint64_t index, bool isResult) {
    if (!bank.isRegister(index))
      return invalid("there is no register %s[%llu]", name, (unsigned long long)index);
    if (isResult)
      bank.set(index);
    else if (!bank.isSet(index))
      return invalid("register %s[%llu] may be unset here", name, (unsigned long long)index);
    return {};
  }

  Status verifyOrdinal(const char *what, uint64_t value, uint64_t count) {
    if (value >= count)
      return invalid("there is no %s %llu", what, (unsigned long long)value);
    return {};
  }

  Status verifyGlobal(const OpcodeInfo &info, uint64_t value, schema::RegisterKind kind) {
    TORCHC_RETURN_IF_ERROR(verifyOrdinal("global", value, module.globals()->size()));
    const schema::Global &global = *module.globals()->Get(unsigned(value));
    if (global.kind() != kind)
      return invalid("global '%s' is of the other kind", global.name()->c_str());
    const bool isWrite = info.opcode == Opcode::GlobalSetI64 || info.opcode == Opcode::GlobalSetRef;
    if (isWrite && !global.mutable_())
      return invalid("global '%s' is not mutable", global.name()->c_str());
    return {};
  }

  /// The list at `offset`, whose registers are about to be looked at.
  Status findList(std::string_view name, uint64_t offset, std::span<const uint16_t> &list) {
    if (offset >= file.lists.size() || file.lists[offset] > file.lists.size() - offset - 1)
      return invalid("the list '%.*s' leaves its section", int(name.size()), name.data());
    list = file.getList(uint32_t(offset));
    if (list.size() > listWork)
      return invalid("too many registers in lists for the size of the code");
    listWork -= list.size();
    return {};
  }

  Status verifyList(const Instruction &instruction, const OpcodeInfo &info, const Operand &operand, uint64_t offset) {
    std::span<const uint16_t> list;
    TORCHC_RETURN_IF_ERROR(findList(operand.name, offset, list));
    if (operand.name == "dims" && list.size() > kMaxRank)
      return invalid("more than %u dims", kMaxRank);
    if (info.opcode == Opcode::Dispatch) {
      if (instruction.a >= module.kernels()->size())
        return invalid("there is no kernel %u", instruction.a);
      const schema::Kernel &kernel = *module.kernels()->Get(instruction.a);
      const size_t expected =
          operand.kind == OperandKind::Refs ? size_t(kernel.inputs()) + kernel.outputs() : size_t(kernel.constants());
      if (list.size() != expected)
        return invalid("%.*s of kernel '%s': %zu registers, not %zu", int(operand.name.size()), operand.name.data(),
                       kernel.name()->c_str(), expected, list.size());
    }
    const flatbuffers::Vector<schema::RegisterKind> *kinds = nullptr;
    if (operand.kind == OperandKind::Values) {
      TORCHC_RETURN_IF_ERROR(findKinds(instruction, info, operand, kinds));
      if (list.size() != kinds->size())
        return invalid("%zu values where %u are expected", list.size(), kinds->size());
    }
    for (size_t i = 0; i < list.size(); ++i) {
      const bool isI64 =
          kinds ? kinds->Get(unsigned(i)) == schema::RegisterKind::I64 : operand.kind == OperandKind::I64s;
      TORCHC_RETURN_IF_ERROR(verifyRegister(isI64 ? i64s : refs, isI64 ? "i64" : "ref", list[i], operand.isResult));
    }
    return {};
  }

  /// The kinds of a list of values: the callee's, or for Ret this function's.
  Status findKinds(const Instruction &instruction, const OpcodeInfo &info, const Operand &operand,
                   const flatbuffers::Vector<schema::RegisterKind> *&kinds) {
    if (info.opcode == Opcode::Ret) {
      kinds = function->results();
    } else if (info.opcode == Opcode::Call) {
      if (instruction.a >= ordinal)
        return invalid("a call of a function that does not stand before its caller");
      const schema::Function &callee = *module.functions()->Get(instruction.a);
      kinds = operand.isResult ? callee.results() : callee.parameters();
    } else {
      TORCHC_RETURN_IF_ERROR(verifyOrdinal("external", instruction.a, module.externals()->size()));
      const schema::External &callee = *module.externals()->Get(instruction.a);
      kinds = operand.isResult ? callee.results() : callee.parameters();
    }
    return {};
  }

  /// What a block's list of live registers promises must hold at each branch to it.
  Status verifyTarget(uint64_t target) {
    if (target >= function->instruction_count())
      return invalid("a branch leaves the function");
    const Instruction &block = file.code[start + target];
    if (block.opcode != uint16_t(Opcode::Block))
      return invalid("a branch to an instruction that is no Block");
    std::span<const uint16_t> list;
    for (auto [bank, name, listName, offset] :
         {std::tuple(&i64s, "i64", "live_i64", block.d), std::tuple(&refs, "ref", "live_ref", block.e)}) {
      TORCHC_RETURN_IF_ERROR(findList(listName, offset, list));
      for (uint16_t index : list)
        TORCHC_RETURN_IF_ERROR(verifyRegister(*bank, name, index, /*isResult=*/false));
    }
    return {};
  }

  const ModuleFile &file;
  const schema::Module &module;
  const schema::Function *function = nullptr;
  uint32_t ordinal = 0;
  uint64_t start = 0;    ///< Of the function in the bytecode.
  uint32_t position = 0; ///< In the function.
  LiveSet i64s, refs;
  uint64_t listWork; ///< Registers in lists that may still be looked at.
};

} // namespace

Status verifyBytecode(const ModuleFile &module) { return BytecodeVerifier(module).run(); }

} // namespace torchc::runtime
