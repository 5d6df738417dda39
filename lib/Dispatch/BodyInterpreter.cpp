//===- BodyInterpreter.cpp - runs the scalar body of an op, many points at a time ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Floats of f32 and narrower are computed as doubles and then rounded: sums,
// products, quotients and roots of them round correctly that way, as a double has
// more than twice their digits.
//
//===----------------------------------------------------------------------===//

#include "BodyInterpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace mlir;
using namespace torchc;

using Function = Cell (*)(Cell, Cell, Cell);

std::optional<Cell> torchc::getConstantCell(Attribute scalar) {
  if (auto number = dyn_cast<FloatAttr>(scalar))
    return getElementBytes(number.getType()) ? std::optional(Cell::ofFloat(number.getValueAsDouble())) : std::nullopt;
  auto number = dyn_cast<IntegerAttr>(scalar);
  if (!number || !getElementBytes(number.getType()))
    return std::nullopt;
  bool isBool = number.getType().isInteger(1);
  return Cell::ofInt(isBool ? number.getValue().getZExtValue() : number.getValue().getSExtValue());
}

std::optional<Cell> torchc::getConstantCell(Value scalar) {
  Attribute attribute;
  return matchPattern(scalar, m_Constant(&attribute)) ? getConstantCell(attribute) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// What each op computes
//===----------------------------------------------------------------------===//

static Function getComparison(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse: return [](Cell, Cell, Cell) { return Cell::ofInt(0); };
  case P::OEQ: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f == b.f); };
  case P::OGT: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f > b.f); };
  case P::OGE: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f >= b.f); };
  case P::OLT: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f < b.f); };
  case P::OLE: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f <= b.f); };
  case P::ONE: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f < b.f || a.f > b.f); };
  case P::ORD: return [](Cell a, Cell b, Cell) { return Cell::ofInt(!std::isnan(a.f) && !std::isnan(b.f)); };
  case P::UEQ: return [](Cell a, Cell b, Cell) { return Cell::ofInt(!(a.f < b.f || a.f > b.f)); };
  case P::UGT: return [](Cell a, Cell b, Cell) { return Cell::ofInt(!(a.f <= b.f)); };
  case P::UGE: return [](Cell a, Cell b, Cell) { return Cell::ofInt(!(a.f < b.f)); };
  case P::ULT: return [](Cell a, Cell b, Cell) { return Cell::ofInt(!(a.f >= b.f)); };
  case P::ULE: return [](Cell a, Cell b, Cell) { return Cell::ofInt(!(a.f > b.f)); };
  case P::UNE: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.f != b.f); };
  case P::UNO: return [](Cell a, Cell b, Cell) { return Cell::ofInt(std::isnan(a.f) || std::isnan(b.f)); };
  case P::AlwaysTrue: return [](Cell, Cell, Cell) { return Cell::ofInt(1); };
  }
  return nullptr;
}

static Function getComparison(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i == b.i); };
  case P::ne: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i != b.i); };
  case P::slt: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i < b.i); };
  case P::sle: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i <= b.i); };
  case P::sgt: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i > b.i); };
  case P::sge: return [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i >= b.i); };
  case P::ult: return [](Cell a, Cell b, Cell) { return Cell::ofInt(uint64_t(a.i) < uint64_t(b.i)); };
  case P::ule: return [](Cell a, Cell b, Cell) { return Cell::ofInt(uint64_t(a.i) <= uint64_t(b.i)); };
  case P::ugt: return [](Cell a, Cell b, Cell) { return Cell::ofInt(uint64_t(a.i) > uint64_t(b.i)); };
  case P::uge: return [](Cell a, Cell b, Cell) { return Cell::ofInt(uint64_t(a.i) >= uint64_t(b.i)); };
  }
  return nullptr;
}

static double getMaximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b); }
static double getMinimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b); }

/// Shifts by more bits than there are have no defined result; here it is as if bit by bit.
static int64_t shiftLeft(uint64_t value, uint64_t count) { return count < 64 ? value << count : 0; }
template <typename T> static int64_t shiftRight(T value, uint64_t count) {
  return value >> std::min<uint64_t>(count, 63);
}

/// The function of an op's operands; null for an op that has none here.
static Function getFunction(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return getComparison(compare.getPredicate());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return getComparison(compare.getPredicate());
  // Wrapping sums: overflow of signed integers is not defined in C++.
  static const llvm::StringMap<Function> functions = {
      {arith::AddFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(a.f + b.f); }},
      {arith::SubFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(a.f - b.f); }},
      {arith::MulFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(a.f * b.f); }},
      {arith::DivFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(a.f / b.f); }},
      {arith::NegFOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(-a.f); }},
      {arith::MaximumFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(getMaximum(a.f, b.f)); }},
      {arith::MinimumFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(getMinimum(a.f, b.f)); }},
      {arith::MaxNumFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(std::fmax(a.f, b.f)); }},
      {arith::MinNumFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(std::fmin(a.f, b.f)); }},
      {arith::ExtFOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(a.f); }},
      {arith::TruncFOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(a.f); }},
      {arith::SIToFPOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(static_cast<double>(a.i)); }},
      {arith::UIToFPOp::getOperationName(),
       [](Cell a, Cell, Cell) { return Cell::ofFloat(static_cast<double>(static_cast<uint64_t>(a.i))); }},
      {math::AbsFOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::fabs(a.f)); }},
      {math::CeilOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::ceil(a.f)); }},
      {math::FloorOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::floor(a.f)); }},
      {math::TruncOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::trunc(a.f)); }},
      {math::RoundEvenOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::nearbyint(a.f)); }},
      {math::SqrtOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::sqrt(a.f)); }},
      {math::RsqrtOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(1 / std::sqrt(a.f)); }},
      {math::ExpOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::exp(a.f)); }},
      {math::Exp2Op::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::exp2(a.f)); }},
      {math::ExpM1Op::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::expm1(a.f)); }},
      {math::LogOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::log(a.f)); }},
      {math::Log2Op::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::log2(a.f)); }},
      {math::Log1pOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::log1p(a.f)); }},
      {math::SinOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::sin(a.f)); }},
      {math::CosOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::cos(a.f)); }},
      {math::TanhOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::tanh(a.f)); }},
      {math::ErfOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofFloat(std::erf(a.f)); }},
      {math::PowFOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofFloat(std::pow(a.f, b.f)); }},
      {math::FmaOp::getOperationName(), [](Cell a, Cell b, Cell c) { return Cell::ofFloat(std::fma(a.f, b.f, c.f)); }},
      {math::CopySignOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofFloat(std::copysign(a.f, b.f)); }},
      {arith::AddIOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofInt(static_cast<int64_t>(uint64_t(a.i) + uint64_t(b.i))); }},
      {arith::SubIOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofInt(static_cast<int64_t>(uint64_t(a.i) - uint64_t(b.i))); }},
      {arith::MulIOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofInt(static_cast<int64_t>(uint64_t(a.i) * uint64_t(b.i))); }},
      {arith::DivSIOp::getOperationName(),
       [](Cell a, Cell b, Cell) {
         return Cell::ofInt(b.i == -1 ? static_cast<int64_t>(0 - uint64_t(a.i)) : a.i / b.i);
       }},
      {arith::RemSIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(b.i == -1 ? 0 : a.i % b.i); }},
      {arith::DivUIOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofInt(static_cast<int64_t>(uint64_t(a.i) / uint64_t(b.i))); }},
      {arith::RemUIOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofInt(static_cast<int64_t>(uint64_t(a.i) % uint64_t(b.i))); }},
      {arith::AndIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i & b.i); }},
      {arith::OrIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i | b.i); }},
      {arith::XOrIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(a.i ^ b.i); }},
      {arith::ShLIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(shiftLeft(a.i, b.i)); }},
      {arith::ShRSIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(shiftRight(a.i, b.i)); }},
      {arith::ShRUIOp::getOperationName(),
       [](Cell a, Cell b, Cell) { return Cell::ofInt(shiftRight(uint64_t(a.i), b.i)); }},
      {arith::MaxSIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(std::max(a.i, b.i)); }},
      {arith::MinSIOp::getOperationName(), [](Cell a, Cell b, Cell) { return Cell::ofInt(std::min(a.i, b.i)); }},
      {arith::ExtSIOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofInt(a.i); }},
      {arith::ExtUIOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofInt(a.i); }},
      {arith::TruncIOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofInt(a.i); }},
      {arith::IndexCastOp::getOperationName(), [](Cell a, Cell, Cell) { return Cell::ofInt(a.i); }},
      {arith::SelectOp::getOperationName(), [](Cell a, Cell b, Cell c) { return a.i ? b : c; }},
  };
  return functions.lookup(op.getName().getStringRef());
}

/// Whether integer operands are meant without sign.
static bool readsUnsigned(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compare.getPredicate() >= arith::CmpIPredicate::ult;
  return isa<arith::ExtUIOp, arith::UIToFPOp, arith::DivUIOp, arith::RemUIOp, arith::ShRUIOp>(op);
}

static bool readsSigned(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compare.getPredicate() >= arith::CmpIPredicate::slt && !readsUnsigned(op);
  return isa<arith::ExtSIOp, arith::SIToFPOp, arith::DivSIOp, arith::RemSIOp, arith::MaxSIOp, arith::MinSIOp,
             arith::IndexCastOp, arith::ShRSIOp>(op);
}

bool BodyInterpreter::canCompile(Block &body, function_ref<bool(Value)> isConstant) {
  auto isKnown = [](Type type) { return getElementBytes(type) != 0; };
  auto isOutside = [&](Value value) { return value.getParentBlock() != &body; };
  for (Operation &op : body) {
    for (Value operand : op.getOperands()) {
      if (auto extract = dyn_cast<tensor::ExtractOp>(op); extract && operand == extract.getTensor()) {
        if (!isOutside(operand) || !isConstant(operand))
          return false;
      } else if (!isKnown(operand.getType()) || (isOutside(operand) && !getConstantCell(operand))) {
        return false;
      }
    }
    if (isa<linalg::YieldOp, linalg::IndexOp, tensor::ExtractOp, cf::AssertOp>(op))
      continue;
    if (isa<arith::ConstantOp>(op)) {
      if (!getConstantCell(op.getResult(0)))
        return false;
      continue;
    }
    // A true i1 is -1 to who reads its sign.
    bool hasBools = llvm::any_of(op.getOperandTypes(), [](Type type) { return type.isInteger(1); });
    if (!getFunction(op) || !isKnown(op.getResult(0).getType()) || (hasBools && readsSigned(op)))
      return false;
  }
  return true;
}

BodyInterpreter::BodyInterpreter(Block &body, function_ref<ConstantTensor(Value)> getTensor) {
  for (BlockArgument argument : body.getArguments())
    getRegister(argument);
  for (Operation &op : body.without_terminator()) {
    if (isa<arith::ConstantOp>(op)) {
      getRegister(op.getResult(0));
      continue;
    }
    if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
      Instruction &instruction = instructions.emplace_back();
      instruction.operands.push_back(getRegister(assertion.getArg()));
      instruction.asserts = true;
      continue;
    }
    Instruction instruction{getFunction(op), {}, 0, op.getResult(0).getType()};
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      instruction.loop = index.getDim();
    ValueRange operands = op.getOperands();
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      instruction.tensor = tensors.size();
      tensors.push_back(getTensor(extract.getTensor()));
      operands = extract.getIndices();
    }
    for (Value operand : operands)
      instruction.operands.push_back(getRegister(operand));
    if (readsUnsigned(op))
      instruction.unsignedBits =
          op.getOperand(0).getType().isIndex() ? 64 : op.getOperand(0).getType().getIntOrFloatBitWidth();
    instruction.divides = isa<arith::DivSIOp, arith::RemSIOp, arith::DivUIOp, arith::RemUIOp>(op);
    instruction.result = getRegister(op.getResult(0));
    instructions.push_back(std::move(instruction));
  }
  for (Value value : body.getTerminator()->getOperands())
    yielded.push_back(getRegister(value));
}

unsigned BodyInterpreter::getRegister(Value value) {
  auto [entry, isNew] = numbers.try_emplace(value, registers.size());
  if (isNew)
    registers.emplace_back(kPoints, getConstantCell(value).value_or(Cell::ofInt(0)));
  return entry->second;
}

LogicalResult BodyInterpreter::execute(const Instruction &instruction, int64_t count, ArrayRef<int64_t> loops,
                                       int64_t lanesLoop) {
  if (instruction.asserts)
    return success(llvm::all_of(ArrayRef<Cell>(registers[instruction.operands[0]]).take_front(count),
                                [](const Cell &cell) { return cell.i != 0; }));
  MutableArrayRef<Cell> result = MutableArrayRef<Cell>(registers[instruction.result]).take_front(count);
  if (instruction.loop >= 0) {
    for (auto [point, cell] : llvm::enumerate(result))
      cell.i = loops[instruction.loop] + (instruction.loop == lanesLoop ? static_cast<int64_t>(point) : 0);
    return success();
  }
  if (instruction.tensor >= 0) {
    const ConstantTensor &tensor = tensors[instruction.tensor];
    for (auto [point, cell] : llvm::enumerate(result)) {
      int64_t offset = 0;
      for (auto [number, extent, stride] :
           llvm::zip_equal(instruction.operands, tensor.type.getShape(), tensor.strides)) {
        int64_t index = registers[number][point].i;
        if (index < 0 || index >= extent)
          return failure();
        offset += index * stride;
      }
      tensor.read(offset, 0, cell);
    }
    return success();
  }
  auto getOperand = [&](unsigned number) -> const Cell * {
    // Every function takes three.
    return registers[instruction.operands[std::min<size_t>(number, instruction.operands.size() - 1)]].data();
  };
  const Cell *a = getOperand(0), *b = getOperand(1), *c = getOperand(2);
  if (instruction.divides)
    for (int64_t point = 0; point != count; ++point)
      if (b[point].i == 0)
        return failure();
  if (instruction.unsignedBits != 0 && instruction.unsignedBits != 64) {
    int64_t mask = (int64_t(1) << instruction.unsignedBits) - 1;
    for (int64_t point = 0; point != count; ++point)
      result[point] = instruction.function(Cell::ofInt(a[point].i & mask), Cell::ofInt(b[point].i & mask), c[point]);
  } else {
    for (int64_t point = 0; point != count; ++point)
      result[point] = instruction.function(a[point], b[point], c[point]);
  }
  roundCells(instruction.type, result);
  return success();
}

LogicalResult BodyInterpreter::run(int64_t count, ArrayRef<int64_t> loops, int64_t lanesLoop) {
  for (const Instruction &instruction : instructions)
    if (failed(execute(instruction, count, loops, lanesLoop)))
      return failure();
  return success();
}
