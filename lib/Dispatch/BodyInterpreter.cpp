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
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

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

#define FLOAT_OP(Op, expression)                                                                                       \
  .Case([](Op) -> Function { return [](Cell a, Cell b, Cell c) { return Cell::ofFloat(expression); }; })
#define INT_OP(Op, expression)                                                                                         \
  .Case([](Op) -> Function { return [](Cell a, Cell b, Cell c) { return Cell::ofInt(expression); }; })

/// The function of an op's operands; null for an op that has none here.
static Function getFunction(Operation &op) {
  // Wrapping sums: overflow of signed integers is not defined in C++.
  return llvm::TypeSwitch<Operation *, Function>(&op) FLOAT_OP(arith::AddFOp, a.f + b.f)
      FLOAT_OP(arith::SubFOp, a.f - b.f) FLOAT_OP(arith::MulFOp, a.f * b.f) FLOAT_OP(arith::DivFOp, a.f / b.f) FLOAT_OP(
             arith::NegFOp, -a.f) FLOAT_OP(arith::MaximumFOp, getMaximum(a.f, b.f)) FLOAT_OP(arith::MinimumFOp,
                                                                                             getMinimum(a.f, b.f))
          FLOAT_OP(arith::MaxNumFOp, std::fmax(a.f, b.f)) FLOAT_OP(arith::MinNumFOp, std::fmin(a.f, b.f)) FLOAT_OP(
              arith::ExtFOp, a.f) FLOAT_OP(arith::TruncFOp, a.f) FLOAT_OP(arith::SIToFPOp, static_cast<double>(a.i))
              FLOAT_OP(arith::UIToFPOp, static_cast<double>(static_cast<uint64_t>(a.i))) FLOAT_OP(
                  math::AbsFOp, std::fabs(a.f)) FLOAT_OP(math::CeilOp, std::ceil(a.f)) FLOAT_OP(math::FloorOp,
                                                                                                std::floor(a.f))
                  FLOAT_OP(math::TruncOp, std::trunc(a.f)) FLOAT_OP(math::RoundEvenOp, std::nearbyint(a.f)) FLOAT_OP(
                      math::SqrtOp, std::sqrt(a.f)) FLOAT_OP(math::RsqrtOp, 1 / std::sqrt(a.f))
                      FLOAT_OP(math::ExpOp, std::exp(a.f)) FLOAT_OP(math::Exp2Op, std::exp2(a.f)) FLOAT_OP(
                          math::ExpM1Op, std::expm1(a.f)) FLOAT_OP(math::LogOp, std::log(a.f))
                          FLOAT_OP(math::Log2Op, std::log2(a.f)) FLOAT_OP(math::Log1pOp, std::log1p(a.f)) FLOAT_OP(
                              math::SinOp,
                              std::sin(a.f)) FLOAT_OP(math::CosOp, std::cos(a.f))
                              FLOAT_OP(math::TanhOp, std::tanh(a.f)) FLOAT_OP(math::ErfOp, std::erf(a.f)) FLOAT_OP(
                                  math::PowFOp, std::pow(a.f, b.f)) FLOAT_OP(math::FmaOp, std::fma(a.f, b.f, c.f))
                                  FLOAT_OP(math::CopySignOp, std::copysign(a.f, b.f))
                                      INT_OP(arith::AddIOp, static_cast<int64_t>(uint64_t(a.i) + uint64_t(b.i))) INT_OP(
                                          arith::SubIOp,
                                          static_cast<int64_t>(uint64_t(a.i) - uint64_t(b.i)))
                                          INT_OP(arith::MulIOp, static_cast<int64_t>(uint64_t(a.i) * uint64_t(b.i)))
                                              INT_OP(arith::DivSIOp,
                                                     b.i == -1 ? static_cast<int64_t>(0 - uint64_t(a.i)) : a.i / b.i)
                                                  INT_OP(arith::RemSIOp, b.i == -1 ? 0 : a.i % b.i) INT_OP(
                                                      arith::DivUIOp,
                                                      static_cast<int64_t>(uint64_t(a.i) / uint64_t(b.i)))
                                                      INT_OP(arith::RemUIOp,
                                                             static_cast<int64_t>(uint64_t(a.i) % uint64_t(b.i)))
                                                          INT_OP(arith::AndIOp, a.i & b.i) INT_OP(
                                                              arith::OrIOp, a.i | b.i) INT_OP(arith::XOrIOp, a.i ^ b.i)
                                                              INT_OP(arith::MaxSIOp, std::max(a.i, b.i))
                                                                  INT_OP(arith::MinSIOp,
                                                                         std::min(a.i, b.i)) INT_OP(arith::ExtSIOp, a.i)
                                                                      INT_OP(arith::ExtUIOp,
                                                                             a.i) INT_OP(arith::TruncIOp, a.i)
                                                                          INT_OP(arith::IndexCastOp, a.i)
                                                                              .Case([](arith::SelectOp) -> Function {
                                                                                return [](Cell a, Cell b, Cell c) {
                                                                                  return a.i ? b : c;
                                                                                };
                                                                              })
                                                                              .Case([](arith::CmpFOp op) {
                                                                                return getComparison(op.getPredicate());
                                                                              })
                                                                              .Case([](arith::CmpIOp op) {
                                                                                return getComparison(op.getPredicate());
                                                                              })
                                                                              .Default([](Operation *) -> Function {
                                                                                return nullptr;
                                                                              });
}

#undef FLOAT_OP
#undef INT_OP

/// Whether integer operands are meant without sign.
static bool readsUnsigned(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compare.getPredicate() >= arith::CmpIPredicate::ult;
  return isa<arith::ExtUIOp, arith::UIToFPOp, arith::DivUIOp, arith::RemUIOp>(op);
}

static bool readsSigned(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compare.getPredicate() >= arith::CmpIPredicate::slt && !readsUnsigned(op);
  return isa<arith::ExtSIOp, arith::SIToFPOp, arith::DivSIOp, arith::RemSIOp, arith::MaxSIOp, arith::MinSIOp,
             arith::IndexCastOp>(op);
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
    if (isa<linalg::YieldOp, linalg::IndexOp, tensor::ExtractOp>(op))
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
