//===- EncodeBytecode.cpp - vm functions to instructions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The opcode table says which operands an instruction has; operands, results and
// attributes of an op stand in the table's order and under its names, so that one
// loop encodes every op.
//
//===----------------------------------------------------------------------===//

#include "EncodeBytecode.h"

#include "ElementTypes.h"

#include "torchc/Support/UserLocation.h"

#include "mlir/Analysis/Liveness.h"
#include "llvm/ADT/MapVector.h"

#include <map>

using namespace mlir;
using namespace torchc;
using runtime::Instruction;
using runtime::Opcode;
using runtime::OperandKind;

static Instruction make(Opcode opcode) {
  Instruction instruction{};
  instruction.opcode = static_cast<uint16_t>(opcode);
  return instruction;
}

static bool isRef(Value value) { return isa<vm::RefType>(value.getType()); }

namespace {

/// Sets of strings and of lists, in the order of first use.
class Pool {
public:
  /// Begins with what is among the texts already.
  explicit Pool(std::vector<std::string> &texts) : texts(texts) {
    for (const auto &[ordinal, text] : llvm::enumerate(texts))
      ordinals.try_emplace(text, ordinal);
  }
  uint32_t add(StringRef text) {
    auto [entry, isNew] = ordinals.try_emplace(text, texts.size());
    if (isNew)
      texts.push_back(text.str());
    return entry->second;
  }

private:
  std::vector<std::string> &texts;
  llvm::StringMap<uint32_t> ordinals;
};

class Encoder {
public:
  Encoder(ModuleTables &tables, Bytecode &bytecode, bool withSources)
      : tables(tables), bytecode(bytecode), withSources(withSources), messages(tables.header.messages),
        texts(bytecode.debugInfo.texts) {}

  LogicalResult encode(vm::FuncOp function, runtime::schema::FunctionT &entry);

private:
  LogicalResult encode(Operation &op);
  LogicalResult encodeOperand(Operation &op, const runtime::Operand &operand, Instruction &instruction);
  void encodeBlockHead(Block &block, const Liveness &liveness);
  void encodeMoves(ValueRange from, ValueRange to, bool references);
  uint32_t addList(ArrayRef<uint16_t> list);
  void addLocation(Location location);
  void addSources(vm::DispatchOp dispatch);

  ModuleTables &tables;
  Bytecode &bytecode;
  const bool withSources;
  Pool messages, texts;
  std::map<std::vector<uint16_t>, uint32_t> lists;

  // Of the function at hand:
  llvm::DenseMap<Value, uint16_t> registers;
  llvm::DenseMap<Block *, uint32_t> blocks;
  struct Patch {
    size_t instruction;
    runtime::Field field;
    Block *target;
  };
  std::vector<Patch> patches;
  uint16_t allocatedCounts[2]; ///< Registers of the i64 bank, of the ref bank.
  uint16_t usedCounts[2];      ///< The same, with those that rings of moves take.

  // Of the op at hand:
  unsigned nextOperand = 0, nextResult = 0, nextSegment = 0, nextSuccessor = 0;
};

} // namespace

uint32_t Encoder::addList(ArrayRef<uint16_t> list) {
  std::vector<uint16_t> words{static_cast<uint16_t>(list.size())};
  words.insert(words.end(), list.begin(), list.end());
  auto [entry, isNew] = lists.try_emplace(words, bytecode.operandLists.size());
  if (isNew)
    llvm::append_range(bytecode.operandLists, words);
  return entry->second;
}

/// The user's line from this instruction on.
void Encoder::addLocation(Location location) {
  auto frame = dyn_cast<FileLineColLoc>(getUserLocation(location));
  std::string text = frame ? (frame.getFilename().getValue() + ":" + Twine(frame.getLine())).str() : "";
  auto &locations = bytecode.debugInfo.locations;
  if (text.empty() && locations.empty())
    return;
  uint32_t ordinal = texts.add(text);
  if (locations.empty() || locations.back().text() != ordinal)
    locations.emplace_back(bytecode.instructions.size(), ordinal);
}

void Encoder::addSources(vm::DispatchOp dispatch) {
  SmallVector<OpSource> found = getOpSources(dispatch.getLoc());
  if (found.empty())
    return;
  auto &sources = bytecode.debugInfo.sources;
  bytecode.debugInfo.dispatches.emplace_back(bytecode.instructions.size(), sources.size(), found.size());
  for (const OpSource &source : found)
    sources.emplace_back(texts.add(source.op), texts.add(source.location));
}

void Encoder::encodeBlockHead(Block &block, const Liveness &liveness) {
  std::vector<uint16_t> live[2];
  for (Value value : liveness.getLiveIn(&block))
    live[isRef(value)].push_back(registers[value]);
  for (Value value : block.getArguments())
    live[isRef(value)].push_back(registers[value]);
  Instruction head = make(Opcode::Block);
  for (const runtime::Operand &operand : *runtime::getOpcodeInfo(Opcode::Block)) {
    std::vector<uint16_t> &bank = live[operand.kind == OperandKind::Refs];
    llvm::sort(bank);
    runtime::setField(head, operand.field, addList(bank));
  }
  bytecode.instructions.push_back(head);
}

/// Moves values to the registers of block arguments, all at once: a move waits
/// until nobody needs what it overwrites, and a ring of moves goes by way of one
/// more register.
void Encoder::encodeMoves(ValueRange from, ValueRange to, bool references) {
  llvm::MapVector<uint16_t, uint16_t> pending; // target to source
  const uint16_t spare = allocatedCounts[references];
  bool needsSpare = false;
  for (auto [source, target] : llvm::zip_equal(from, to))
    if (isRef(source) == references && registers[source] != registers[target])
      pending[registers[target]] = registers[source];
  auto move = [&](uint16_t target, uint16_t source) {
    Instruction instruction = make(references ? Opcode::MovRef : Opcode::MovI64);
    instruction.a = target;
    instruction.b = source;
    bytecode.instructions.push_back(instruction);
  };
  while (!pending.empty()) {
    auto ready = llvm::find_if(pending, [&](auto &entry) {
      return llvm::none_of(pending, [&](auto &other) { return other.second == entry.first; });
    });
    if (ready != pending.end()) {
      move(ready->first, ready->second);
      pending.erase(ready);
      continue;
    }
    uint16_t overwritten = pending.begin()->first;
    move(spare, overwritten);
    needsSpare = true;
    for (auto &entry : pending)
      if (entry.second == overwritten)
        entry.second = spare;
  }
  if (needsSpare)
    usedCounts[references] = spare + 1;
}

LogicalResult Encoder::encodeOperand(Operation &op, const runtime::Operand &operand, Instruction &instruction) {
  auto attribute = [&] { return op.getAttr(StringRef(operand.name)); };
  uint64_t value = 0;
  switch (operand.kind) {
  case OperandKind::I64:
  case OperandKind::Ref:
    value = operand.isResult ? registers[op.getResult(nextResult++)] : registers[op.getOperand(nextOperand++)];
    nextSegment += !operand.isResult;
    break;
  case OperandKind::I64s:
  case OperandKind::Refs:
  case OperandKind::Values: {
    std::vector<uint16_t> list;
    if (operand.isResult) {
      for (Value result : op.getResults())
        list.push_back(registers[result]);
    } else {
      // The only list of an op is its last operand.
      auto segments = op.getAttrOfType<DenseI32ArrayAttr>("operandSegmentSizes");
      unsigned count = segments ? segments[nextSegment++] : op.getNumOperands() - nextOperand;
      for (Value element : op.getOperands().slice(nextOperand, count))
        list.push_back(registers[element]);
      nextOperand += count;
    }
    if (list.size() > std::numeric_limits<uint16_t>::max())
      return op.emitError() << "has more operands than an instruction can list";
    value = addList(list);
    break;
  }
  case OperandKind::Imm64:
  case OperandKind::Index: value = cast<IntegerAttr>(attribute()).getInt(); break;
  case OperandKind::Type: {
    Type element = cast<TypeAttr>(attribute()).getValue();
    std::optional<runtime::ElementType> known = getElementType(element);
    if (!known)
      return op.emitError() << "the runtime has no tensors of " << element;
    value = static_cast<uint64_t>(*known);
    break;
  }
  case OperandKind::Target:
    patches.push_back({bytecode.instructions.size(), operand.field, op.getSuccessor(nextSuccessor++)});
    return success();
  case OperandKind::Message: value = messages.add(cast<StringAttr>(attribute()).getValue()); break;
  default: {
    StringRef name = cast<FlatSymbolRefAttr>(attribute()).getValue();
    auto found = tables.ordinals.find(name);
    if (found == tables.ordinals.end())
      return op.emitError() << "refers to the unknown symbol '" << name << "'";
    value = found->second;
    break;
  }
  }
  if (!runtime::setField(instruction, operand.field, value))
    return op.emitError() << "its operand '" << StringRef(operand.name) << "' is " << value
                          << ", which does not fit the instruction";
  return success();
}

LogicalResult Encoder::encode(Operation &op) {
  auto interface = dyn_cast<vm::InstructionOpInterface>(op);
  if (!interface)
    return op.emitError() << "is no instruction of the runtime";
  addLocation(op.getLoc());
  if (auto branch = dyn_cast<vm::BrOp>(op))
    for (bool references : {false, true})
      encodeMoves(branch.getArguments(), branch.getToBlock()->getArguments(), references);
  if (auto dispatch = dyn_cast<vm::DispatchOp>(op); dispatch && withSources)
    addSources(dispatch);
  Instruction instruction = make(interface.getOpcode());
  nextOperand = nextResult = nextSegment = nextSuccessor = 0;
  for (const runtime::Operand &operand : *runtime::getOpcodeInfo(interface.getOpcode()))
    if (failed(encodeOperand(op, operand, instruction)))
      return failure();
  bytecode.instructions.push_back(instruction);
  return success();
}

LogicalResult Encoder::encode(vm::FuncOp function, runtime::schema::FunctionT &entry) {
  std::optional<ArrayAttr> allocated = function.getRegisters();
  std::optional<ArrayRef<int64_t>> counts = function.getRegisterCounts();
  if (!allocated || !counts || counts->size() != 2 || allocated->size() != function.getBody().getBlocks().size())
    return function.emitError() << "has no registers: AllocateRegisters gives them";
  for (unsigned bank : {0, 1})
    allocatedCounts[bank] = usedCounts[bank] = (*counts)[bank];
  registers.clear();
  blocks.clear();
  patches.clear();
  for (auto [block, attribute] : llvm::zip_equal(function.getBody(), *allocated)) {
    ArrayRef<int32_t> numbers = cast<DenseI32ArrayAttr>(attribute);
    auto assign = [&](Value value) {
      registers[value] = numbers.front();
      numbers = numbers.drop_front();
    };
    llvm::for_each(block.getArguments(), assign);
    for (Operation &op : block)
      llvm::for_each(op.getResults(), assign);
  }

  Liveness liveness(function);
  entry.first_instruction = bytecode.instructions.size();
  for (Block &block : function.getBody()) {
    if (!block.isEntryBlock()) {
      blocks[&block] = bytecode.instructions.size() - entry.first_instruction;
      encodeBlockHead(block, liveness);
    }
    for (Operation &op : block)
      if (failed(encode(op)))
        return failure();
  }
  for (const Patch &patch : patches)
    runtime::setField(bytecode.instructions[patch.instruction], patch.field, blocks[patch.target]);
  entry.instruction_count = bytecode.instructions.size() - entry.first_instruction;
  entry.i64_registers = usedCounts[0];
  entry.ref_registers = usedCounts[1];
  return success();
}

LogicalResult torchc::encodeBytecode(ModuleTables &tables, Bytecode &bytecode, bool withSources) {
  Encoder encoder(tables, bytecode, withSources);
  for (auto [function, entry] : llvm::zip_equal(tables.functions, tables.header.functions))
    if (failed(encoder.encode(function, *entry)))
      return failure();
  return success();
}
