//===- ElementLoops.cpp - loops and branches over elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A tensor that loops and branches carry along is memory that `tensor.insert` writes in place. That
// is sound as long as nobody reads a tensor after another took its place, which `versions` watches over.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

Value ValueEmitter::getValue(Value value, const Values &values) {
  auto known = values.find(value);
  return known != values.end() ? known->second : emitScalar(value);
}

void ValueEmitter::failAllResults(Operation *op, const Twine &why, Values &values) {
  Value failure = fail(op, why);
  for (Value result : op->getResults())
    values[result] = failure;
}

void ValueEmitter::setVersion(Value tensor, const Buffer &buffer) {
  versions[buffer.pointer] = tensor;
  holdIn(tensor, buffer);
}

bool ValueEmitter::isOverwritten(Value tensor, const Buffer &buffer) {
  auto version = versions.find(buffer.pointer);
  return version != versions.end() && version->second != tensor;
}

void ValueEmitter::emitInsert(tensor::InsertOp op, const Values &values) {
  auto buffer = buffers.find(op.getDest());
  if (buffer == buffers.end() || !versions.contains(buffer->second.pointer) ||
      isOverwritten(op.getDest(), buffer->second)) {
    fail(op, "an element is written to a tensor that is not the only one in its memory");
    return;
  }
  Indices at;
  for (Value index : op.getIndices())
    at.push_back(fromValue(getValue(index, values)));
  Buffer written = buffer->second;
  store(getValue(op.getScalar(), values), written, at);
  setVersion(op.getResult(), written);
}

/// The scalars among `types`, as the emitter has them.
static SmallVector<Type> getScalarTypes(TypeRange types, OpBuilder &b) {
  SmallVector<Type> scalars;
  for (Type type : types)
    if (!isa<RankedTensorType>(type))
      scalars.push_back(type.isIndex() ? b.getI64Type() : type);
  return scalars;
}

static bool hasOtherTypes(TypeRange types) {
  return llvm::any_of(types, [](Type type) { return !type.isIntOrIndexOrFloat() && !isa<RankedTensorType>(type); });
}

void ValueEmitter::emitForOp(scf::ForOp op, Values &values, ArrayRef<Index> loops) {
  if (width != 1 || hasOtherTypes(op.getResultTypes()))
    return failAllResults(op, "no code for scf.for of vectors in the body of an op", values);
  SmallVector<Value> inits;
  SmallVector<Buffer> carried; // Of the tensors.
  for (Value init : op.getInitArgs()) {
    if (!isa<RankedTensorType>(init.getType())) {
      inits.push_back(getValue(init, values));
      continue;
    }
    auto buffer = buffers.find(init);
    if (buffer == buffers.end() || isOverwritten(init, buffer->second))
      return failAllResults(op, "a loop carries a tensor that is not in memory", values);
    carried.push_back(buffer->second);
  }
  auto before = versions;
  auto loop = scf::ForOp::create(b, getValue(op.getLowerBound(), values), getValue(op.getUpperBound(), values),
                                 getValue(op.getStep(), values), inits);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Scope scope(*this);
    values[op.getInductionVar()] = loop.getInductionVar();
    unsigned scalar = 0, tensor = 0;
    for (Value argument : op.getRegionIterArgs())
      if (isa<RankedTensorType>(argument.getType()))
        setVersion(argument, carried[tensor++]);
      else
        values[argument] = loop.getRegionIterArg(scalar++);
    SmallVector<Value> yielded = emitBlock(*op.getBody(), values, loops);
    llvm::erase(yielded, Value());
    if (!inits.empty())
      scf::YieldOp::create(b, yielded);
  }
  unsigned scalar = 0, tensor = 0;
  for (auto [result, yielded] : llvm::zip_equal(op.getResults(), op.getYieldedValues())) {
    if (!isa<RankedTensorType>(result.getType())) {
      values[result] = loop.getResult(scalar++);
      continue;
    }
    const Buffer &buffer = carried[tensor++];
    auto held = buffers.find(yielded);
    if (held == buffers.end() || held->second.pointer != buffer.pointer || isOverwritten(yielded, buffer))
      return failAllResults(op, "a loop gives a tensor other than the one it carries", values);
    setVersion(result, buffer);
    before[buffer.pointer] = result;
  }
  for (auto [pointer, version] : versions)
    if (before.lookup(pointer) != version)
      return failAllResults(op, "a loop writes a tensor that it does not carry", values);
}

void ValueEmitter::emitIfOp(scf::IfOp op, Values &values, ArrayRef<Index> loops) {
  if (width != 1 || hasOtherTypes(op.getResultTypes()))
    return failAllResults(op, "no code for scf.if of vectors in the body of an op", values);
  Value condition = getValue(op.getCondition(), values);
  SmallVector<Type> types = getScalarTypes(op.getResultTypes(), b);
  auto branch = scf::IfOp::create(b, types, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  const auto before = versions;
  SmallVector<Buffer> given[2];
  for (int side : {0, 1}) {
    Block *from = side == 0 ? op.thenBlock() : op.elseBlock();
    versions = before;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(side == 0 ? branch.thenBlock() : branch.elseBlock());
    Scope scope(*this);
    SmallVector<Value> yielded;
    auto expected = before;
    if (from) {
      yielded = emitBlock(*from, values, loops);
      for (Value tensor : from->getTerminator()->getOperands()) {
        if (!isa<RankedTensorType>(tensor.getType()))
          continue;
        auto buffer = buffers.find(tensor);
        if (buffer == buffers.end() || isOverwritten(tensor, buffer->second))
          return failAllResults(op, "a branch gives a tensor that is not in memory", values);
        given[side].push_back(buffer->second);
        expected[buffer->second.pointer] = tensor;
      }
    }
    for (auto [pointer, version] : versions)
      if (expected.lookup(pointer) != version)
        return failAllResults(op, "a branch writes a tensor that it does not give", values);
    llvm::erase(yielded, Value());
    scf::YieldOp::create(b, yielded);
  }
  versions = before;
  unsigned scalar = 0, tensor = 0;
  for (Value result : op.getResults()) {
    if (!isa<RankedTensorType>(result.getType())) {
      values[result] = branch.getResult(scalar++);
      continue;
    }
    if (given[0][tensor].pointer != given[1][tensor].pointer)
      return failAllResults(op, "branches give tensors in different memory", values);
    setVersion(result, given[0][tensor++]);
  }
}

void ValueEmitter::emitBatch(dispatch::BatchOp op, Index member, ArrayRef<Buffer> memory) {
  Block &body = op.getBody().front();
  Scope scope(*this);
  Values values;
  values[body.getArgument(0)] = toValue(member);
  for (auto [argument, buffer] : llvm::zip_equal(body.getArguments().drop_front(), memory))
    setVersion(argument, buffer);
  emitBlock(body, values, {});
  for (auto [tensor, buffer] : llvm::zip_equal(body.getTerminator()->getOperands(), memory)) {
    auto held = buffers.find(tensor);
    if (held == buffers.end() || held->second.pointer != buffer.pointer || isOverwritten(tensor, buffer))
      fail(op, "gives a tensor other than the one that was written");
  }
  versions.clear();
}
