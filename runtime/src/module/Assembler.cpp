//===- Assembler.cpp - text to a module -----------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/Assembler.h"

#include "module/AssemblyText.h"
#include "torchc/runtime/Format.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>

namespace torchc::runtime {

namespace {

using Item = AssemblyItem;
using Kind = AssemblyItem::Kind;

[[noreturn]] void fail(const std::string &message) { throw AssemblyError(message); }

uint64_t toNumber(const Item &item) {
  const auto value = item.kind == Kind::Word ? parseAssemblyNumber(item.text) : std::nullopt;
  return value ? *value : (fail("'" + item.text + "' is no number"), 0);
}

uint64_t toType(const Item &item) {
#define ELEMENT_TYPE(NAME, NUMBER, BYTES, SPELLING, NPY)                                                               \
  if (item.text == SPELLING)                                                                                           \
    return NUMBER;
#include "ElementTypes.def"
  const auto number = parseAssemblyNumber(item.text);
  return number ? *number : (fail("'" + item.text + "' is no element type"), 0);
}

uint64_t toRegister(const Item &item, char bank) {
  const bool hasBank = !item.text.empty() && (bank ? item.text[0] == bank : item.text[0] == 'i' || item.text[0] == 'r');
  const auto number = hasBank ? parseAssemblyNumber(item.text.substr(1)) : std::nullopt;
  return number && *number <= UINT16_MAX ? *number : (fail("'" + item.text + "' is no register of this operand"), 0);
}

std::vector<uint8_t> toBytes(const Item &item) {
  if (item.kind == Kind::Word)
    fail("the text leaves out this data");
  std::vector<uint8_t> bytes;
  if (item.text.size() % 2 != 0)
    fail("data is two hexadecimal digits a byte");
  for (size_t i = 0; i < item.text.size(); i += 2) {
    const auto byte = parseAssemblyNumber("0x" + item.text.substr(i, 2));
    bytes.push_back(byte ? uint8_t(*byte) : (fail("data is hexadecimal"), 0));
  }
  return bytes;
}

schema::RegisterKind toRegisterKind(const Item &item) {
  if (item.text == "i64" || item.text == "ref")
    return item.text == "i64" ? schema::RegisterKind::I64 : schema::RegisterKind::Ref;
  return schema::RegisterKind(toNumber(item));
}

/// -1 - k for s<k>, INT64_MIN for ?.
int64_t toDim(const Item &item) {
  if (item.text == "?")
    return INT64_MIN;
  if (item.text.starts_with('s'))
    if (const auto symbol = parseAssemblyNumber(item.text.substr(1)))
      return -1 - int64_t(*symbol);
  return int64_t(toNumber(item));
}

/// A statement that is no instruction: strings in their order, the rest by key.
class Statement {
public:
  explicit Statement(std::span<const Item> items) {
    for (const Item &item : items)
      if (!item.key.empty() && !keyed.emplace(item.key, item).second)
        fail("'" + item.key + "=' twice");
      else if (item.key.empty())
        names.push_back(item);
  }

  /// The next "string".
  std::string takeName() {
    if (nextName == names.size() || names[nextName].kind != Kind::String)
      fail("a \"name\" is missing");
    return names[nextName++].text;
  }

  /// Calls `use` with the item of that key if there is one.
  template <typename Use> void takeItem(const char *key, Use use) {
    if (const auto found = keyed.extract(key))
      use(found.mapped());
  }
  void take(const char *key, std::string &to) {
    takeItem(key, [&](const Item &item) { to = item.text; });
  }
  template <typename T>
    requires std::is_integral_v<T>
  void take(const char *key, T &to) {
    takeItem(key, [&](const Item &item) { to = T(toNumber(item)); });
  }
  template <typename T, typename Convert> void takeList(const char *key, std::vector<T> &to, Convert convert) {
    takeItem(key, [&](const Item &item) {
      for (const Item &element : item.elements)
        to.push_back(T(convert(element)));
    });
  }
  void takeStrings(const char *key, std::vector<std::string> &to) {
    takeList(key, to, [](const Item &item) { return item.text; });
  }
  void takeTensor(uint8_t &type, std::vector<int64_t> &dims) {
    takeItem("type", [&](const Item &item) { type = uint8_t(toType(item)); });
    takeList("dims", dims, toDim);
  }

  /// After the last `take`: what is left is an error.
  void finish() const {
    if (nextName != names.size())
      fail("unexpected '" + names[nextName].text + "'");
    if (!keyed.empty())
      fail("unexpected '" + keyed.begin()->first + "='");
  }

private:
  std::vector<Item> names;
  std::map<std::string, Item, std::less<>> keyed;
  size_t nextName = 0;
};

class Assembler {
public:
  explicit Assembler(ModuleParts &parts) : parts(parts), header(parts.module) {
    if (!header.producer)
      header.producer = std::make_unique<schema::ProducerT>();
  }

  void run(std::string_view text) {
    unsigned number = 1;
    try {
      for (; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (auto items = splitAssemblyLine(line); !items.empty())
          addLine(std::move(items), number);
      }
      finishFunction(number);
    } catch (const AssemblyError &error) {
      fail("line " + std::to_string(number) + ": " + error.what());
    }
    if (!debug.texts.empty()) {
      flatbuffers::FlatBufferBuilder builder;
      builder.Finish(schema::DebugInfo::Pack(builder, &debug));
      parts.debugInfo.assign(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
    }
  }

private:
  struct Line {
    std::vector<Item> items;
    unsigned number;
  };

  void addLine(std::vector<Item> items, unsigned &number) {
    static const std::map<std::string, void (Assembler::*)(Statement &), std::less<>> statements = {
        {"module", &Assembler::addModule},     {"message", &Assembler::addMessage},
        {"constant", &Assembler::addConstant}, {"parameter", &Assembler::addParameter},
        {"global", &Assembler::addGlobal},     {"external", &Assembler::addExternal},
        {"kernel", &Assembler::addKernel},     {"library", &Assembler::addLibrary},
        {"function", &Assembler::addFunction}, {"export", &Assembler::addExport},
        {"symbol", &Assembler::addSymbol},     {"input", &Assembler::addInput},
        {"output", &Assembler::addOutput}};
    const auto found = statements.find(items[0].text);
    if (found == statements.end() || !items[0].key.empty()) {
      if (!inFunction)
        fail("'" + items[0].text + "' is no statement here");
      lines.push_back({std::move(items), number});
      return;
    }
    finishFunction(number);
    Statement statement(std::span<const Item>(items).subspan(1));
    (this->*found->second)(statement);
    statement.finish();
  }

  void addModule(Statement &in) {
    header.name = in.takeName();
    in.take("compiler", header.producer->compiler_version);
    in.take("llvm", header.producer->llvm_version);
    in.take("target", header.producer->target);
    in.take("source", header.producer->source_hash);
    in.takeStrings("flags", header.producer->flags);
  }

  void addMessage(Statement &in) { header.messages.push_back(in.takeName()); }

  /// With data= it stands behind the data before it, else where offset= says.
  void addConstant(Statement &in) {
    schema::ConstantT entry;
    entry.name = in.takeName();
    in.takeTensor(entry.element_type, entry.dims);
    in.takeItem("data", [&](const Item &item) {
      const auto bytes = toBytes(item);
      parts.constants.resize((parts.constants.size() + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment);
      entry.offset = parts.constants.size();
      parts.constants.insert(parts.constants.end(), bytes.begin(), bytes.end());
    });
    in.take("offset", entry.offset);
    add(header.constants, std::move(entry));
  }

  void addParameter(Statement &in) {
    schema::ParameterT entry;
    entry.scope = in.takeName();
    entry.key = in.takeName();
    in.takeTensor(entry.element_type, entry.dims);
    add(header.parameters, std::move(entry));
  }

  void addGlobal(Statement &in) {
    schema::GlobalT entry;
    entry.name = in.takeName();
    in.takeItem("kind", [&](const Item &item) { entry.kind = toRegisterKind(item); });
    in.takeItem("mutable", [&](const Item &item) { entry.mutable_ = toNumber(item) != 0; });
    in.take("constant", entry.initial_constant);
    in.take("value", entry.initial_i64);
    add(header.globals, std::move(entry));
  }

  void addExternal(Statement &in) {
    schema::ExternalT entry;
    entry.name = in.takeName();
    in.takeList("parameters", entry.parameters, toRegisterKind);
    in.takeList("results", entry.results, toRegisterKind);
    in.take("attributes", entry.attributes);
    add(header.externals, std::move(entry));
  }

  void addKernel(Statement &in) {
    schema::KernelT entry;
    entry.name = in.takeName();
    in.take("inputs", entry.inputs);
    in.take("outputs", entry.outputs);
    in.take("constants", entry.constants);
    in.take("scratch", entry.scratch_bytes);
    add(header.kernels, std::move(entry));
  }

  void addLibrary(Statement &in) {
    schema::LibraryT entry;
    entry.arch = in.takeName();
    entry.cpu = in.takeName();
    in.takeStrings("features", entry.features);
    parts.objects.emplace_back();
    in.takeItem("object", [&](const Item &item) { parts.objects.back() = toBytes(item); });
    header.libraries.push_back(std::make_unique<schema::LibraryT>(std::move(entry)));
  }

  void addFunction(Statement &in) {
    schema::FunctionT entry;
    entry.name = in.takeName();
    in.takeList("parameters", entry.parameters, toRegisterKind);
    in.takeList("results", entry.results, toRegisterKind);
    in.take("i64", entry.i64_registers);
    in.take("ref", entry.ref_registers);
    in.take("slab", entry.slab_bytes);
    in.take("live", entry.live_bytes);
    entry.first_instruction = uint32_t(parts.code.size());
    add(header.functions, std::move(entry));
    inFunction = true;
  }

  void addExport(Statement &in) {
    schema::ExportT entry;
    entry.name = in.takeName();
    in.take("function", entry.function);
    in.take("input_spec", entry.input_spec);
    in.take("output_spec", entry.output_spec);
    add(header.exports, std::move(entry));
  }

  schema::ExportT &getExport() {
    if (header.exports.empty())
      fail("this belongs behind an export");
    return *header.exports.back();
  }

  void addSymbol(Statement &in) {
    schema::SymbolT entry;
    entry.name = in.takeName();
    in.take("min", entry.min);
    in.take("max", entry.max);
    in.take("multiple_of", entry.multiple_of);
    add(getExport().symbols, std::move(entry));
  }

  void addInput(Statement &in) { addValue(in, getExport().inputs); }
  void addOutput(Statement &in) { addValue(in, getExport().outputs); }

  void addValue(Statement &in, std::vector<std::unique_ptr<schema::ValueT>> &to) {
    schema::ValueT entry;
    entry.name = in.takeName();
    in.takeItem("kind", [&](const Item &item) {
      for (auto kind : schema::EnumValuesValueKind())
        if (item.text == schema::EnumNameValueKind(kind)) {
          entry.kind = kind;
          return;
        }
      entry.kind = schema::ValueKind(toNumber(item));
    });
    in.takeTensor(entry.element_type, entry.dims);
    add(to, std::move(entry));
  }

  template <typename T> static void add(std::vector<std::unique_ptr<T>> &table, T entry) {
    table.push_back(std::make_unique<T>(std::move(entry)));
  }

  /// Encodes the lines that were held back until all labels are known.
  void finishFunction(unsigned &number) {
    if (!inFunction)
      return;
    inFunction = false;
    labels.clear();
    uint32_t position = 0;
    for (const Line &line : lines) {
      const std::string &word = line.items[0].text;
      if (line.items.size() == 1 && word.ends_with(':'))
        labels[word.substr(0, word.size() - 1)] = position;
      else
        position += word != "location" && word != "source";
    }
    const unsigned last = std::exchange(number, 0);
    for (Line &line : std::exchange(lines, {})) {
      number = line.number;
      if (line.items.size() == 1 && line.items[0].text.ends_with(':'))
        continue;
      addInstruction(line.items);
    }
    number = last;
    header.functions.back()->instruction_count = position;
  }

  void addInstruction(std::span<const Item> items) {
    if (items[0].text == "location" || items[0].text == "source") {
      Statement statement(items.subspan(1));
      if (items[0].text == "location")
        debug.locations.emplace_back(uint32_t(parts.code.size()), addText(statement.takeName()));
      else
        addSource(statement);
      return statement.finish();
    }
    const uint64_t position = parts.code.size() - header.functions.back()->first_instruction;
    if (const auto stated = parseAssemblyNumber(items[0].text)) {
      if (*stated != position)
        fail("this is instruction " + std::to_string(position));
      items = items.subspan(1);
    }
    if (items.empty())
      fail("an instruction is missing");
    parts.code.push_back(items[0].text == "raw" ? encodeRaw(items.subspan(1)) : encode(items));
  }

  /// What the next instruction computes.
  void addSource(Statement &in) {
    std::string op, location;
    in.take("op", op);
    in.take("location", location);
    const auto place = uint32_t(parts.code.size());
    if (debug.dispatches.empty() || debug.dispatches.back().instruction() != place)
      debug.dispatches.emplace_back(place, uint32_t(debug.sources.size()), 0);
    debug.sources.emplace_back(addText(op), addText(location));
    const schema::DispatchSources &entry = debug.dispatches.back();
    debug.dispatches.back() = {place, entry.first(), entry.count() + 1};
  }

  uint32_t addText(const std::string &text) {
    auto found = std::find(debug.texts.begin(), debug.texts.end(), text);
    if (found == debug.texts.end())
      found = debug.texts.insert(found, text);
    return uint32_t(found - debug.texts.begin());
  }

  static Instruction encodeRaw(std::span<const Item> items) {
    Instruction instruction{};
    if (items.empty() || items.size() > 6)
      fail("raw takes an opcode and up to 5 fields");
    instruction.opcode = uint16_t(toNumber(items[0]));
    for (size_t i = 1; i < items.size(); ++i)
      if (!setField(instruction, Field(i - 1), toNumber(items[i])))
        fail("'" + items[i].text + "' does not fit its field");
    return instruction;
  }

  Instruction encode(std::span<const Item> items) {
    const OpcodeInfo *info = nullptr;
    for (const OpcodeInfo &candidate : kOpcodes)
      if (candidate.name == items[0].text)
        info = &candidate;
    if (!info)
      fail("there is no opcode " + items[0].text);
    Instruction instruction{};
    instruction.opcode = uint16_t(info->opcode);
    size_t next = 1;
    auto skipArrow = [&] { next += next < items.size() && items[next].key.empty() && items[next].text == "<-"; };
    for (const Operand &operand : *info) {
      skipArrow();
      if (next == items.size())
        fail("operand '" + std::string(operand.name) + "' is missing");
      const Item &item = items[next++];
      if (!item.key.empty() && item.key != operand.name)
        fail("operand '" + item.key + "' where '" + std::string(operand.name) + "' is expected");
      if (!setField(instruction, operand.field, evaluate(operand, item)))
        fail("operand '" + std::string(operand.name) + "' does not fit its field");
    }
    skipArrow();
    if (next != items.size())
      fail("unexpected '" + items[next].text + "'");
    return instruction;
  }

  uint64_t evaluate(const Operand &operand, const Item &item) {
    switch (operand.kind) {
    case OperandKind::I64: return toRegister(item, 'i');
    case OperandKind::Ref: return toRegister(item, 'r');
    case OperandKind::I64s: return addList(item, 'i');
    case OperandKind::Refs: return addList(item, 'r');
    case OperandKind::Values: return addList(item, 0);
    case OperandKind::Type: return toType(item);
    case OperandKind::Target:
      if (const auto label = labels.find(item.text); label != labels.end())
        return label->second;
      return toNumber(item);
    case OperandKind::Imm64:
    case OperandKind::Index: return toNumber(item);
    default: return item.kind == Kind::Reference ? resolve(operand.kind, item.text) : toNumber(item);
    }
  }

  /// The ordinal of the first entry of that name.
  uint64_t resolve(OperandKind kind, const std::string &name) const {
    auto find = [&](const auto &table, auto getName) -> uint64_t {
      for (size_t i = 0; i < table.size(); ++i)
        if (getName(table[i]) == name)
          return i;
      fail("there is no \"" + name + "\"");
    };
    auto getName = [](const auto &entry) { return entry->name; };
    switch (kind) {
    case OperandKind::Message: return find(header.messages, [](const std::string &text) { return text; });
    case OperandKind::Function: return find(header.functions, getName);
    case OperandKind::External: return find(header.externals, getName);
    case OperandKind::Kernel: return find(header.kernels, getName);
    case OperandKind::Constant: return find(header.constants, getName);
    case OperandKind::Parameter: return find(header.parameters, [](const auto &entry) { return entry->key; });
    default: return find(header.globals, getName);
    }
  }

  /// Equal lists share their place in the section.
  uint64_t addList(const Item &item, char bank) {
    if (item.kind != Kind::List || item.elements.size() > UINT16_MAX)
      fail("expected a [list of registers], at most 65535");
    std::vector<uint16_t> list = {uint16_t(item.elements.size())};
    for (const Item &element : item.elements)
      list.push_back(uint16_t(toRegister(element, bank)));
    const auto [entry, isNew] = lists.try_emplace(list, parts.lists.size());
    if (isNew)
      parts.lists.insert(parts.lists.end(), list.begin(), list.end());
    return entry->second;
  }

  ModuleParts &parts;
  schema::ModuleT &header;
  schema::DebugInfoT debug;
  bool inFunction = false;
  std::vector<Line> lines; ///< Of the function, until its end.
  std::map<std::string, uint32_t, std::less<>> labels;
  std::map<std::vector<uint16_t>, size_t> lists;
};

} // namespace

void assemble(std::string_view text, ModuleParts &parts) { Assembler(parts).run(text); }

} // namespace torchc::runtime
