//===- Disassembler.cpp - a module as text --------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/Disassembler.h"

#include "torchc/runtime/Tensor.h"

#include <algorithm>
#include <cstdio>

namespace torchc::runtime {

namespace {

class Disassembler {
public:
  Disassembler(const ModuleFile &file, uint64_t maxDataBytes, void (*write)(void *, std::string_view), void *context)
      : file(file), module(*file.header), maxDataBytes(maxDataBytes), write(write), context(context) {}

  void run() {
    printModule();
    for (const auto *message : *module.messages())
      print("message "), printString(message), print("\n");
    printTensors();
    printCallables();
    for (ordinal = 0; ordinal < module.functions()->size(); ++ordinal)
      printFunction(*module.functions()->Get(ordinal));
    for (const schema::Export *entry : *module.exports())
      printExport(*entry);
  }

private:
  /// Short texts only; names go through printString.
  __attribute__((format(printf, 2, 3))) void print(const char *format, ...) {
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
      write(context, {text, std::min(size_t(length), sizeof text - 1)});
  }

  /// In quotes; whatever a terminal might take for a command is escaped.
  void printString(const flatbuffers::String *text) {
    print("\"");
    std::string_view rest = text ? text->string_view() : std::string_view();
    while (!rest.empty()) {
      size_t plain = 0;
      while (plain < rest.size() && rest[plain] >= ' ' && rest[plain] <= '~' && rest[plain] != '"' &&
             rest[plain] != '\\')
        ++plain;
      write(context, {rest.data(), plain}); // substr would link the C++ library: it may throw.
      rest.remove_prefix(plain);
      if (!rest.empty()) {
        print("\\%02x", uint8_t(rest[0]));
        rest.remove_prefix(1);
      }
    }
    print("\"");
  }

  void printString(const char *key, const flatbuffers::String *text) {
    print(" %s=", key);
    printString(text);
  }

  void printStrings(const char *key, const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> &texts) {
    print(" %s=[", key);
    for (unsigned i = 0; i < texts.size(); ++i)
      print(i ? " " : ""), printString(texts.Get(i));
    print("]");
  }

  void printNumber(const char *key, uint64_t value) { print(" %s=%llu", key, (unsigned long long)value); }
  void printSigned(const char *key, int64_t value) { print(" %s=%lld", key, (long long)value); }

  void printData(const char *key, std::span<const uint8_t> bytes) {
    print(" %s=", key);
    if (bytes.size() > maxDataBytes)
      return print("...");
    print("\"");
    for (uint8_t byte : bytes)
      print("%02x", byte);
    print("\"");
  }

  void printTensor(uint8_t type, const flatbuffers::Vector<int64_t> &dims) {
    print(" type=%s dims=[", getElementName(ElementType(type)));
    for (unsigned i = 0; i < dims.size(); ++i) {
      print(i ? " " : "");
      if (dims.Get(i) == INT64_MIN)
        print("?");
      else
        print(dims.Get(i) < 0 ? "s%lld" : "%lld", (long long)(dims.Get(i) < 0 ? -1 - dims.Get(i) : dims.Get(i)));
    }
    print("]");
  }

  static const char *getKindName(schema::RegisterKind kind) {
    return kind == schema::RegisterKind::I64 ? "i64" : "ref";
  }

  void printKinds(const char *key, const flatbuffers::Vector<schema::RegisterKind> &kinds) {
    print(" %s=[", key);
    for (unsigned i = 0; i < kinds.size(); ++i)
      print("%s%s", i ? " " : "", getKindName(kinds.Get(i)));
    print("]");
  }

  void printModule() {
    const schema::Producer &producer = *module.producer();
    print("module ");
    printString(module.name());
    printString("compiler", producer.compiler_version());
    printString("llvm", producer.llvm_version());
    printString("target", producer.target());
    printString("source", producer.source_hash());
    printStrings("flags", *producer.flags());
    print("\n");
  }

  void printTensors() {
    uint64_t end = 0; // Of the data printed so far.
    for (const schema::Constant *entry : *module.constants()) {
      print("constant ");
      printString(entry->name());
      printTensor(entry->element_type(), *entry->dims());
      if (entry->offset() == (end + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment) {
        const std::span<const int64_t> dims(entry->dims()->data(), entry->dims()->size());
        auto bytes = computeByteLength(ElementType(entry->element_type()), dims);
        printData("data", file.constants.subspan(entry->offset(), *bytes));
        end = entry->offset() + *bytes;
      } else {
        printNumber("offset", entry->offset());
      }
      print("\n");
    }
    for (const schema::Parameter *entry : *module.parameters()) {
      print("parameter ");
      printString(entry->scope());
      print(" ");
      printString(entry->key());
      printTensor(entry->element_type(), *entry->dims());
      print("\n");
    }
    for (const schema::Global *entry : *module.globals()) {
      print("global ");
      printString(entry->name());
      print(" kind=%s mutable=%d constant=%d", getKindName(entry->kind()), entry->mutable_(),
            entry->initial_constant());
      printSigned("value", entry->initial_i64());
      print("\n");
    }
  }

  void printCallables() {
    for (const schema::External *entry : *module.externals()) {
      print("external ");
      printString(entry->name());
      printKinds("parameters", *entry->parameters());
      printKinds("results", *entry->results());
      printString("attributes", entry->attributes());
      print("\n");
    }
    for (const schema::Kernel *entry : *module.kernels()) {
      print("kernel ");
      printString(entry->name());
      print(" inputs=%u outputs=%u constants=%u", entry->inputs(), entry->outputs(), entry->constants());
      printNumber("scratch", entry->scratch_bytes());
      print("\n");
    }
    for (const schema::Library *entry : *module.libraries()) {
      print("library ");
      printString(entry->arch());
      print(" ");
      printString(entry->cpu());
      printStrings("features", *entry->features());
      printData("object", {file.base + entry->object()->offset(), entry->object()->size()});
      print("\n");
    }
  }

  void printFunction(const schema::Function &entry) {
    print("function ");
    printString(entry.name());
    printKinds("parameters", *entry.parameters());
    printKinds("results", *entry.results());
    print(" i64=%u ref=%u", entry.i64_registers(), entry.ref_registers());
    printNumber("slab", entry.slab_bytes());
    printNumber("live", entry.live_bytes());
    print(" ; %u\n", ordinal);
    for (uint32_t i = 0; i < entry.instruction_count(); ++i)
      printInstruction(entry, i);
  }

  /// Where the instruction comes from, as far as that is news. Both tables are in the
  /// order of the code.
  void printDebugInfo(uint32_t instruction) {
    const auto &texts = *file.debug->texts();
    const auto &locations = *file.debug->locations();
    if (nextLocation < locations.size() && locations.Get(nextLocation)->instruction() == instruction) {
      print("  location ");
      printString(texts.Get(locations.Get(nextLocation++)->text()));
      print("\n");
    }
    for (const schema::Source &source : file.findSources(instruction)) {
      print("  source");
      printString("op", texts.Get(source.op()));
      printString("location", texts.Get(source.location()));
      print("\n");
    }
  }

  void printInstruction(const schema::Function &entry, uint32_t position) {
    const Instruction &instruction = file.code[entry.first_instruction() + position];
    if (file.debug)
      printDebugInfo(entry.first_instruction() + position);
    const OpcodeInfo &info = *getOpcodeInfo(instruction.opcode);
    print("  %4u  %s", position, info.name.data());
    const flatbuffers::String *name = nullptr;
    for (bool results : {true, false}) {
      for (const Operand &operand : info)
        if (operand.isResult == results)
          printOperand(entry, instruction, operand, name);
      if (results && info.begin() != info.end() && info.begin()->isResult)
        print(" <-");
    }
    if (name)
      print(" ; "), printString(name);
    print("\n");
  }

  /// `name` becomes that of the entry which an ordinal stands for.
  void printOperand(const schema::Function &function, const Instruction &instruction, const Operand &operand,
                    const flatbuffers::String *&name) {
    const uint64_t value = getField(instruction, operand.field);
    const auto index = unsigned(value);
    print(" %.*s=", int(operand.name.size()), operand.name.data());
    switch (operand.kind) {
    case OperandKind::I64: return print("i%u", index);
    case OperandKind::Ref: return print("r%u", index);
    case OperandKind::I64s: return printList(index, [](unsigned) { return 'i'; });
    case OperandKind::Refs: return printList(index, [](unsigned) { return 'r'; });
    case OperandKind::Values: {
      const auto &kinds = getKinds(function, instruction, operand);
      return printList(index, [&](unsigned i) { return kinds.Get(i) == schema::RegisterKind::I64 ? 'i' : 'r'; });
    }
    case OperandKind::Imm64: return print("%lld", (long long)value);
    case OperandKind::Type: return print("%s", getElementName(ElementType(value)));
    case OperandKind::Index:
    case OperandKind::Target: return print("%u", index);
    case OperandKind::Message: name = module.messages()->Get(index); break;
    case OperandKind::Kernel: name = module.kernels()->Get(index)->name(); break;
    case OperandKind::Function: name = module.functions()->Get(index)->name(); break;
    case OperandKind::External: name = module.externals()->Get(index)->name(); break;
    case OperandKind::Constant: name = module.constants()->Get(index)->name(); break;
    case OperandKind::Parameter: name = module.parameters()->Get(index)->key(); break;
    case OperandKind::GlobalI64:
    case OperandKind::GlobalRef: name = module.globals()->Get(index)->name(); break;
    }
    print("%u", index);
  }

  const flatbuffers::Vector<schema::RegisterKind> &getKinds(const schema::Function &function,
                                                            const Instruction &instruction, const Operand &operand) {
    if (Opcode(instruction.opcode) == Opcode::Ret)
      return *function.results();
    if (Opcode(instruction.opcode) == Opcode::Call) {
      const schema::Function &callee = *module.functions()->Get(instruction.a);
      return operand.isResult ? *callee.results() : *callee.parameters();
    }
    const schema::External &callee = *module.externals()->Get(instruction.a);
    return operand.isResult ? *callee.results() : *callee.parameters();
  }

  template <typename GetBank> void printList(uint32_t offset, GetBank getBank) {
    print("[");
    const auto list = file.getList(offset);
    for (unsigned i = 0; i < list.size(); ++i)
      print("%s%c%u", i ? " " : "", getBank(i), list[i]);
    print("]");
  }

  void printExport(const schema::Export &entry) {
    print("export ");
    printString(entry.name());
    printNumber("function", entry.function());
    printString("input_spec", entry.input_spec());
    printString("output_spec", entry.output_spec());
    print("\n");
    for (const schema::Symbol *symbol : *entry.symbols()) {
      print("  symbol ");
      printString(symbol->name());
      printSigned("min", symbol->min());
      printSigned("max", symbol->max());
      printSigned("multiple_of", symbol->multiple_of());
      print("\n");
    }
    for (const schema::Value *value : *entry.inputs())
      print("  input "), printValue(*value);
    for (const schema::Value *value : *entry.outputs())
      print("  output "), printValue(*value);
  }

  void printValue(const schema::Value &value) {
    printString(value.name());
    print(" kind=%s", schema::EnumNameValueKind(value.kind()));
    printTensor(value.element_type(), *value.dims());
    print("\n");
  }

  const ModuleFile &file;
  const schema::Module &module;
  const uint64_t maxDataBytes;
  void (*write)(void *, std::string_view);
  void *context;
  unsigned ordinal = 0;      ///< Of the function.
  unsigned nextLocation = 0; ///< To be printed.
};

} // namespace

void disassemble(const ModuleFile &module, uint64_t maxDataBytes, void (*write)(void *context, std::string_view text),
                 void *context) {
  Disassembler(module, maxDataBytes, write, context).run();
}

} // namespace torchc::runtime
