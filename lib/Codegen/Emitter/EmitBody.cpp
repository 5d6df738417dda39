//===- EmitBody.cpp - scalar bodies, op by op, for all lanes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace torchc;

static bool isHalf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16();
}

/// Rounding to and from half types; all other arithmetic on them is done in f32.
static bool keepsHalf(Operation *op) { return isa<arith::SelectOp, arith::BitcastOp, vector::BroadcastOp>(op); }

/// Which of two zeros is the larger one would take most of the instructions of a maximum, and PyTorch does not say.
static void ignoreSignOfZero(Operation *op) {
  if (!isa<arith::MaximumFOp, arith::MinimumFOp>(op))
    return;
  auto maximum = cast<arith::ArithFastMathInterface>(op);
  const arith::FastMathFlags flags = maximum.getFastMathFlagsAttr().getValue() | arith::FastMathFlags::nsz;
  op->setAttr(maximum.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), flags));
}

/// The product that `op` adds to the sum of a convolution.
static arith::MulFOp findProduct(Operation &op) {
  if (!isa<arith::AddFOp>(op) || !isa<linalg::ConvolutionOpInterface>(op.getParentOp()) ||
      isHalf(op.getResult(0).getType()))
    return {};
  for (Value operand : op.getOperands())
    if (auto product = operand.getDefiningOp<arith::MulFOp>(); product && product->hasOneUse())
      return product;
  return {};
}

Value ValueEmitter::cloneOp(Operation *op, ArrayRef<Value> operands) {
  Location loc = op->getLoc();
  Type resultType = op->getResult(0).getType();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (resultType.isIndex())
      return emitConstant(cast<IntegerAttr>(constant.getValue()).getInt());
    return arith::ConstantOp::create(b, loc, constant.getValue());
  }
  bool isVector = llvm::any_of(operands, [](Value v) { return isa<VectorType>(v.getType()); });
  SmallVector<Value> values(operands);
  if (isVector)
    for (Value &value : values)
      value = toVector(value);
  auto typed = [&](Type element) -> Type {
    if (element.isIndex())
      element = b.getI64Type();
    return isVector ? getVectorType(element) : element;
  };

  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    Type type = typed(resultType);
    unsigned from = getElementTypeOrSelf(values[0].getType()).getIntOrFloatBitWidth();
    unsigned to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    if (from == to)
      return values[0];
    if (from > to)
      return arith::TruncIOp::create(b, loc, type, values[0]);
    if (isa<arith::IndexCastUIOp>(op))
      return arith::ExtUIOp::create(b, loc, type, values[0]);
    return arith::ExtSIOp::create(b, loc, type, values[0]);
  }
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp,
          arith::CeilDivUIOp>(op)) {
    // Lanes that are masked off or have failed an assertion divide too, and CPUs trap.
    APInt divisor;
    if (!matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) || divisor.isZero() || divisor.isAllOnes()) {
      Type type = values[1].getType();
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
      Value one = arith::ConstantOp::create(b, b.getOneAttr(type));
      Value unsafe = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values[1], zero);
      if (!isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(op)) {
        // The least integer divided by -1 overflows.
        unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
        Attribute leastAttr = b.getIntegerAttr(getElementTypeOrSelf(type), APInt::getSignedMinValue(bits));
        if (auto vector = dyn_cast<VectorType>(type))
          leastAttr = DenseElementsAttr::get(vector, leastAttr);
        Value least = arith::ConstantOp::create(b, cast<TypedAttr>(leastAttr));
        Value minusOne = arith::SubIOp::create(b, zero, one);
        Value overflows =
            arith::AndIOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values[0], least),
                                  arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values[1], minusOne));
        unsafe = arith::OrIOp::create(b, unsafe, overflows);
        // x % -1 is 0 and x / 1 of the least integer is itself: a divisor of 1 gives both.
      }
      values[1] = arith::SelectOp::create(b, unsafe, one, values[1]);
    }
  }

  bool widen = !keepsHalf(op) && (isHalf(resultType) || llvm::any_of(op->getOperandTypes(), isHalf));
  Type f32 = b.getF32Type();
  if (widen && !isa<arith::ExtFOp>(op))
    for (Value &value : values)
      if (isHalf(value.getType()))
        value = arith::ExtFOp::create(b, loc, isVector ? Type(getVectorType(f32)) : f32, value);
  if (isa<arith::TruncFOp>(op) && isHalf(op->getOperand(0).getType())) {
    // Between the two half types, by way of f32.
    return arith::TruncFOp::create(b, loc, typed(resultType), values[0]);
  }
  if (isa<arith::ExtFOp>(op) && isHalf(op->getOperand(0).getType()) && resultType.isF64()) {
    Value wide = arith::ExtFOp::create(b, loc, typed(f32), values[0]);
    return arith::ExtFOp::create(b, loc, typed(resultType), wide);
  }
  bool narrow = widen && isHalf(resultType) && !isa<arith::TruncFOp>(op);

  OperationState state(loc, op->getName());
  state.addOperands(values);
  state.addTypes(typed(narrow ? f32 : resultType));
  state.propertiesAttr = op->getPropertiesAsAttribute();
  Value value = b.create(state)->getResult(0);
  ignoreSignOfZero(value.getDefiningOp());
  return narrow ? arith::TruncFOp::create(b, loc, typed(resultType), value).getResult() : value;
}

Value ValueEmitter::emitScalar(Value scalar) {
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    if (argument.getOwner() == &kernel.getBody().front())
      return sizes[argument.getArgNumber() - kernel.getNumTensors()];
    return fail(argument.getOwner()->getParentOp(), "a scalar of an enclosing op is used in a place unknown to it");
  }
  Key key{"scalar", scalar.getAsOpaquePointer(), predicate.getAsOpaquePointer()};
  if (Value known = lookup(key))
    return known;
  Operation *op = scalar.getDefiningOp();
  LanesScope lanes(*this, 1);
  Value value;
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> position = dim.getConstantIndex();
    value = position ? toValue(getExtent(dim.getSource(), *position)) : fail(op, "a dim with a variable number");
  } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Indices at;
    for (Value index : extract.getIndices())
      at.push_back(fromValue(emitScalar(index)));
    value = emit(extract.getTensor(), at);
  } else if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    Indices operands;
    for (Value operand : apply.getMapOperands())
      operands.push_back(fromValue(emitScalar(operand)));
    AffineMap map = apply.getAffineMap();
    SmallVector<AffineExpr> symbols;
    for (unsigned i = 0; i != map.getNumSymbols(); ++i)
      symbols.push_back(b.getAffineDimExpr(map.getNumDims() + i));
    value = toValue(evaluate(map.getResult(0).replaceSymbols(symbols), operands));
  } else if (op->getNumRegions() != 0 || op->getNumResults() != 1) {
    value = fail(op, "no code for " + op->getName().getStringRef());
  } else {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(emitScalar(operand));
    value = cloneOp(op, operands);
  }
  remember(std::move(key), value);
  return value;
}

SmallVector<Value> ValueEmitter::emitBlock(Block &block, DenseMap<Value, Value> &values, ArrayRef<Index> loops) {
  // An assertion that does not hold keeps the rest of its body from memory.
  Value outerMask = mask, outerPredicate = predicate;
  llvm::scope_exit restore([&] {
    mask = outerMask;
    predicate = outerPredicate;
  });
  auto get = [&](Value value) {
    auto known = values.find(value);
    return known != values.end() ? known->second : emitScalar(value);
  };
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return llvm::map_to_vector(op.getOperands(), [&](Value operand) {
        return isa<RankedTensorType>(operand.getType()) ? Value() : get(operand);
      });
    Value value;
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      value = toLanes(loops[index.getDim()]);
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      Indices at;
      for (Value position : extract.getIndices()) {
        // A loop's own index: neighbouring lanes are neighbours in memory, too.
        auto index = position.getDefiningOp<linalg::IndexOp>();
        at.push_back(index ? loops[index.getDim()] : fromValue(get(position)));
      }
      value = emit(extract.getTensor(), at);
    } else if (auto check = dyn_cast<cf::AssertOp>(op)) {
      emitAssert(check, get(check.getArg()));
      continue;
    } else if (isa<tensor::DimOp, affine::AffineApplyOp>(op)) {
      value = emitScalar(op.getResult(0));
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      emitForOp(loop, values, loops);
      continue;
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      emitIfOp(branch, values, loops);
      continue;
    } else if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
      emitInsert(insert, values);
      continue;
    } else if (op.getNumResults() != 1 || !isa_and_present<arith::ArithDialect, math::MathDialect>(op.getDialect())) {
      value = fail(&op, "no code for " + op.getName().getStringRef() + " in the body of an op");
    } else if (arith::MulFOp product = findProduct(op)) {
      Value sum = op.getOperand(op.getOperand(0) == product ? 1 : 0);
      // Fused where the CPU has the instruction. The product alone is not used then.
      SmallVector<Value> terms = {get(product.getLhs()), get(product.getRhs()), get(sum)};
      if (llvm::any_of(terms, [](Value term) { return isa<VectorType>(term.getType()); }))
        for (Value &term : terms)
          term = toVector(term);
      value = LLVM::FMulAddOp::create(b, terms[0], terms[1], terms[2]);
    } else {
      value = cloneOp(&op, llvm::map_to_vector(op.getOperands(), get));
    }
    if (op.getNumResults() == 1)
      values[op.getResult(0)] = value;
  }
  llvm_unreachable("a block without terminator");
}

/// The code of an assertion's message: its place among those of the program.
static int32_t getMessageCode(Operation *kernel, StringRef message) {
  auto root = kernel->getParentOfType<ModuleOp>();
  SmallVector<StringRef> messages;
  if (auto known = root->getAttrOfType<ArrayAttr>("dispatch.messages"))
    messages = llvm::to_vector(known.getAsValueRange<StringAttr>());
  auto place = llvm::find(messages, message);
  int32_t code = 0x10000 + std::distance(messages.begin(), place);
  if (place == messages.end()) {
    messages.push_back(message);
    root->setAttr("dispatch.messages", Builder(kernel->getContext()).getStrArrayAttr(messages));
  }
  return code;
}

Value ValueEmitter::emitAssert(Operation *op, Value condition) {
  if (!errorCell) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    errorCell = LLVM::AllocaOp::create(b, scratch.getType(), b.getI32Type(), arith::ConstantIntOp::create(b, 1, 64));
    LLVM::StoreOp::create(b, arith::ConstantIntOp::create(b, 0, 32), errorCell);
  }
  bool isVector = isa<VectorType>(condition.getType());
  Value one = arith::ConstantOp::create(b, b.getOneAttr(condition.getType()));
  Value fails = arith::XOrIOp::create(b, condition, one);
  Value guardedBy = isVector ? emitCompleteMask() : predicate;
  if (guardedBy)
    fails = arith::AndIOp::create(b, fails, guardedBy);
  if (isVector)
    fails = vector::ReductionOp::create(b, vector::CombiningKind::OR, fails);
  int32_t code = getMessageCode(kernel, cast<cf::AssertOp>(op).getMsg());
  emitIf(fails, [&] { LLVM::StoreOp::create(b, arith::ConstantIntOp::create(b, code, 32), errorCell); });
  if (isVector)
    mask = mask ? arith::AndIOp::create(b, mask, condition).getResult() : condition;
  else
    predicate = predicate ? arith::AndIOp::create(b, predicate, condition).getResult() : condition;
  return condition;
}

bool ValueEmitter::canVectorize(dispatch::KernelOp kernel) {
  return !kernel
              .walk([](Operation *op) {
                return isa<scf::IfOp, scf::ForOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted();
}
