//===- LikelyCalls.cpp - sizes that a function is likely to be called with ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LikelyCalls.h"

#include "HostToVM.h"
#include "Signature.h"

#include <array>
#include <cmath>
#include <map>

using namespace mlir;
using namespace torchc;

namespace {

/// A number that the caller chooses.
struct Variable {
  int64_t least = 1, most = kMost;

  static constexpr int64_t kMost = 1024; ///< Where nothing else bounds it.
};

/// The numbers that values depend on, and the values for given ones.
class Calls {
public:
  explicit Calls(vm::FuncOp function) : function(function) {}

  void addVariablesOf(Value value);
  std::vector<std::vector<int64_t>> choose() const;
  /// `known` holds what has been evaluated for this call.
  int64_t evaluate(Value value, ArrayRef<int64_t> call, llvm::DenseMap<Value, int64_t> &known) const;

private:
  void addVariable(Value value);

  vm::FuncOp function;
  std::vector<Variable> variables;
  std::map<std::string, unsigned> symbols;
  llvm::DenseMap<Value, unsigned> numbers; ///< Of variables, by what reads them.
  llvm::DenseSet<Value> seen;
};

} // namespace

/// The symbol that is a dim of a parameter; empty if it has none.
static StringRef getSymbol(vm::TensorDimOp op) {
  auto parameter = dyn_cast<BlockArgument>(op.getSource());
  auto function = op->getParentOfType<vm::FuncOp>();
  auto signature = function->getAttrOfType<DictionaryAttr>(kSignatureAttr);
  if (!parameter || parameter.getOwner() != &function.getBody().front() || !signature)
    return "";
  auto dims =
      cast<DictionaryAttr>(signature.getAs<ArrayAttr>("inputs")[parameter.getArgNumber()]).getAs<ArrayAttr>("dims");
  auto symbol = op.getDim() < dims.size() ? dyn_cast<StringAttr>(dims[op.getDim()]) : StringAttr();
  return symbol ? symbol.getValue() : "";
}

void Calls::addVariable(Value value) {
  auto dim = value.getDefiningOp<vm::TensorDimOp>();
  StringRef symbol = dim ? getSymbol(dim) : "";
  bool isShared = !symbol.empty() && symbol != "?";
  unsigned number = variables.size();
  if (isShared)
    number = symbols.try_emplace(symbol.str(), number).first->second;
  numbers[value] = number;
  if (number < variables.size())
    return;
  Variable &variable = variables.emplace_back();
  auto ranges = function->getParentOp()->getAttrOfType<DictionaryAttr>(kSymbolsAttr);
  auto range = ranges && isShared ? ranges.getAs<ArrayAttr>(symbol) : ArrayAttr();
  if (!range || range.size() != 2)
    return;
  if (auto least = dyn_cast<IntegerAttr>(range[0]), most = dyn_cast<IntegerAttr>(range[1]); least && most) {
    variable.least = std::max<int64_t>(least.getInt(), 1);
    variable.most = std::max(variable.least, std::min(most.getInt(), Variable::kMost));
  }
}

/// What an instruction computes; nothing where it does not compute with integers alone.
static std::optional<int64_t> compute(Operation *op, llvm::function_ref<int64_t(unsigned)> operand) {
  using runtime::Opcode;
  auto instruction = dyn_cast_or_null<vm::InstructionOpInterface>(op);
  if (!instruction)
    return std::nullopt;
  auto wrap = [](uint64_t value) { return static_cast<int64_t>(value); };
  auto a = [&] { return static_cast<uint64_t>(operand(0)); };
  auto b = [&] { return static_cast<uint64_t>(operand(1)); };
  switch (instruction.getOpcode()) {
  case Opcode::ConstI64: return cast<vm::ConstI64Op>(op).getValue();
  case Opcode::AddI64: return wrap(a() + b());
  case Opcode::SubI64: return wrap(a() - b());
  case Opcode::MulI64: return wrap(a() * b());
  case Opcode::FloorDivI64: return operand(1) > 0 ? llvm::divideFloorSigned(operand(0), operand(1)) : 0;
  case Opcode::FloorModI64: return operand(1) > 0 ? llvm::mod(operand(0), operand(1)) : 0;
  case Opcode::MinI64: return std::min(operand(0), operand(1));
  case Opcode::MaxI64: return std::max(operand(0), operand(1));
  case Opcode::EqI64: return a() == b();
  case Opcode::NeI64: return a() != b();
  case Opcode::LtI64: return operand(0) < operand(1);
  case Opcode::LeI64: return operand(0) <= operand(1);
  case Opcode::SelectI64: return operand(0) != 0 ? operand(1) : operand(2);
  default: return std::nullopt;
  }
}

void Calls::addVariablesOf(Value value) {
  if (!seen.insert(value).second)
    return;
  if (!compute(value.getDefiningOp(), [](unsigned) { return 1; }))
    return addVariable(value);
  for (Value operand : value.getDefiningOp()->getOperands())
    addVariablesOf(operand);
}

int64_t Calls::evaluate(Value value, ArrayRef<int64_t> call, llvm::DenseMap<Value, int64_t> &known) const {
  if (auto number = numbers.find(value); number != numbers.end())
    return call[number->second];
  if (auto found = known.find(value); found != known.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  int64_t result = *compute(op, [&](unsigned i) { return evaluate(op->getOperand(i), call, known); });
  known[value] = result;
  return result;
}

std::vector<std::vector<int64_t>> Calls::choose() const {
  constexpr unsigned kSteps = 8, kMiddle = kSteps / 2, kFew = 4;
  // Of each variable, from its least to its most, by equal factors.
  std::vector<std::array<int64_t, kSteps + 1>> steps(variables.size());
  for (auto [variable, values] : llvm::zip_equal(variables, steps)) {
    values.front() = variable.least;
    values.back() = variable.most;
    for (unsigned stride = kMiddle; stride > 0; stride /= 2)
      for (unsigned i = stride; i < kSteps; i += 2 * stride)
        values[i] = static_cast<int64_t>(std::sqrt(double(values[i - stride]) * double(values[i + stride])));
  }
  // All of them grow together; then each by itself, as far as there are few.
  std::vector<std::vector<int64_t>> calls;
  auto add = [&](unsigned step) -> std::vector<int64_t> & {
    std::vector<int64_t> &call = calls.emplace_back();
    for (const auto &values : steps)
      call.push_back(values[step]);
    return call;
  };
  for (unsigned step = 0; step < (variables.empty() ? 1 : kSteps + 1); ++step)
    add(step);
  if (variables.size() > 1)
    for (unsigned i = 0; i < std::min<size_t>(variables.size(), kFew); ++i) {
      add(kMiddle)[i] = variables[i].least;
      add(kMiddle)[i] = variables[i].most;
    }
  return calls;
}

std::vector<std::vector<int64_t>> torchc::getLikelyCalls(vm::FuncOp function, ArrayRef<Value> values) {
  Calls calls(function);
  for (Value value : values)
    calls.addVariablesOf(value);
  std::vector<std::vector<int64_t>> rows;
  for (const std::vector<int64_t> &call : calls.choose()) {
    std::vector<int64_t> &row = rows.emplace_back();
    llvm::DenseMap<Value, int64_t> known;
    for (Value value : values)
      row.push_back(calls.evaluate(value, call, known));
  }
  return rows;
}
