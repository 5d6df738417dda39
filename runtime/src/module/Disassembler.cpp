//===- Disassembler.cpp - a module as text --------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/Disassembler.h"

#include "torchc/runtime/Format.h"

#include <cstdio>

namespace torchc::runtime {

namespace {

class Disassembler {
public:
  Disassembler(const ModuleFile &file, void (*write)(void *, std::string_view), void *context)
      : file(file), module(*file.header), write(write), context(context) {}

  void run() {
    for (function = 0; function < module.functions()->size(); ++function)
      printFunction(*module.functions()->Get(function));
  }

private:
  __attribute__((format(printf, 2, 3))) void print(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
      write(context, {text, std::min(size_t(length), sizeof text - 1)});
  }

  void printFunction(const schema::Function &entry) {
    print("function %u '%s' (", function, entry.name()->c_str());
    printKinds(*entry.parameters());
    print(") -> (");
    printKinds(*entry.results());
    print(")  i64[%u] ref[%u]\n", entry.i64_registers(), entry.ref_registers());
    for (uint32_t i = 0; i < entry.instruction_count(); ++i)
      printInstruction(entry, i);
  }

  void printKinds(const flatbuffers::Vector<schema::RegisterKind> &kinds) {
    for (unsigned i = 0; i < kinds.size(); ++i)
      print("%s%s", i ? " " : "", kinds.Get(i) == schema::RegisterKind::I64 ? "i64" : "ref");
  }

  void printInstruction(const schema::Function &entry, uint32_t position) {
    const Instruction &instruction = file.code[entry.first_instruction() + position];
    const OpcodeInfo &info = *getOpcodeInfo(instruction.opcode);
    print("  %4u  %s", position, info.name.data());
    for (bool results : {true, false}) {
      for (const Operand &operand : info)
        if (operand.isResult == results)
          printOperand(instruction, operand);
      if (results && info.begin() != info.end() && info.begin()->isResult)
        print(" <-");
    }
    print("\n");
  }

  void printOperand(const Instruction &instruction, const Operand &operand) {
    const uint64_t value = getField(instruction, operand.field);
    print(" %.*s=", int(operand.name.size()), operand.name.data());
    switch (operand.kind) {
    case OperandKind::I64: print("i%llu", (unsigned long long)value); break;
    case OperandKind::Ref: print("r%llu", (unsigned long long)value); break;
    case OperandKind::I64s: printList(value, "i"); break;
    case OperandKind::Refs: printList(value, "r"); break;
    case OperandKind::Values: printList(value, ""); break;
    case OperandKind::Imm64: print("%lld", (long long)value); break;
    case OperandKind::Type: print("%s", getElementName(ElementType(value))); break;
    case OperandKind::Message: print("\"%s\"", module.messages()->Get(unsigned(value))->c_str()); break;
    case OperandKind::Kernel: print("@%s", module.kernels()->Get(unsigned(value))->name()->c_str()); break;
    case OperandKind::Function: print("@%s", module.functions()->Get(unsigned(value))->name()->c_str()); break;
    case OperandKind::External: print("@%s", module.externals()->Get(unsigned(value))->name()->c_str()); break;
    case OperandKind::Constant: print("@%s", module.constants()->Get(unsigned(value))->name()->c_str()); break;
    case OperandKind::Parameter: print("@%s", module.parameters()->Get(unsigned(value))->key()->c_str()); break;
    case OperandKind::GlobalI64:
    case OperandKind::GlobalRef: print("@%s", module.globals()->Get(unsigned(value))->name()->c_str()); break;
    case OperandKind::Index:
    case OperandKind::Target: print("%llu", (unsigned long long)value); break;
    }
  }

  void printList(uint64_t offset, const char *bank) {
    print("[");
    const char *separator = "";
    for (uint16_t index : file.getList(uint32_t(offset))) {
      print("%s%s%u", separator, bank, index);
      separator = " ";
    }
    print("]");
  }

  const ModuleFile &file;
  const schema::Module &module;
  void (*write)(void *, std::string_view);
  void *context;
  unsigned function = 0;
};

} // namespace

void disassemble(const ModuleFile &module, void (*write)(void *context, std::string_view text),
                 void *context) {
  Disassembler(module, write, context).run();
}

} // namespace torchc::runtime
