//===- Loops.cpp - loops, lanes and scopes ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

ValueEmitter::Key ValueEmitter::makeKey(const void *tag, ArrayRef<Index> at, bool uniform) {
  Key key{tag, predicate.getAsOpaquePointer()};
  if (!uniform) {
    key.push_back(reinterpret_cast<const void *>(uintptr_t(width)));
    key.push_back(mask.getAsOpaquePointer());
  }
  for (const Index &index : at) {
    key.push_back(index.base.getAsOpaquePointer());
    key.push_back(reinterpret_cast<const void *>(index.offset));
    key.push_back(reinterpret_cast<const void *>(index.lane));
    key.push_back(index.lanes.getAsOpaquePointer());
  }
  return key;
}

Value ValueEmitter::lookup(const Key &key) {
  for (auto &scope : llvm::reverse(memo))
    if (auto known = scope.find(key); known != scope.end())
      return known->second;
  return {};
}

void ValueEmitter::hold(Value tensor, ArrayRef<Index> at, Value value) {
  remember(makeKey(tensor.getAsOpaquePointer(), at, llvm::all_of(at, [](const Index &i) { return i.isUniform(); })),
           value);
}

ValueEmitter::LanesScope::LanesScope(ValueEmitter &emitter, unsigned width, Value mask)
    : emitter(emitter), width(emitter.width), mask(emitter.mask) {
  emitter.width = width;
  emitter.mask = mask;
}

ValueEmitter::LanesScope::~LanesScope() {
  emitter.width = width;
  emitter.mask = mask;
}

static Attribute getUnrollAnnotation(OpBuilder &b, int32_t copies) {
  BoolAttr isDisabled = copies == 1 ? b.getBoolAttr(true) : BoolAttr();
  IntegerAttr count = copies == 1 ? IntegerAttr() : b.getI32IntegerAttr(copies);
  auto unroll = LLVM::LoopUnrollAttr::get(b.getContext(), isDisabled, count, {}, {}, {}, {}, {});
  return LLVM::LoopAnnotationAttr::get(b.getContext(), {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {});
}

SmallVector<Value> ValueEmitter::emitLoop(Index lower, Index upper, int64_t step, ValueRange inits, LoopBody body) {
  Index extent = sub(upper, lower);
  if (extent.isConstant() && extent.offset <= 0)
    return SmallVector<Value>(inits);
  if (extent.isConstant() && extent.offset <= step) {
    Scope scope(*this);
    return body(lower, inits);
  }
  auto loop = scf::ForOp::create(b, toValue(lower), toValue(upper), emitConstant(step), inits);
  if (unrollCopies != 0)
    loop->setDiscardableAttr(kLoopAnnotationAttrName, getUnrollAnnotation(b, unrollCopies));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Scope scope(*this);
  SmallVector<Value> values = body(Index(loop.getInductionVar()), loop.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(b, values);
  return SmallVector<Value>(loop.getResults());
}

void ValueEmitter::emitLoop(Index lower, Index upper, int64_t step, function_ref<void(Index)> body) {
  emitLoop(lower, upper, step, ValueRange(), [&](Index index, ValueRange) {
    body(index);
    return SmallVector<Value>();
  });
}

unsigned ValueEmitter::chooseWidth(Index extent, unsigned maxWidth) {
  if (!extent.isConstant() || extent.offset >= maxWidth)
    return maxWidth;
  return llvm::bit_floor(static_cast<uint64_t>(std::max<int64_t>(extent.offset, 1)));
}

/// first + lane < extent for each lane.
Value ValueEmitter::emitLanesBelow(Index first, Index extent, unsigned lanes) {
  auto stepType = VectorType::get(lanes, b.getI32Type());
  SmallVector<int32_t> steps(lanes);
  std::iota(steps.begin(), steps.end(), 0);
  Value step = arith::ConstantOp::create(b, DenseElementsAttr::get(stepType, ArrayRef(steps)));
  Value rest = arith::TruncIOp::create(b, b.getI32Type(), toValue(sub(extent, first)));
  Value limit = vector::BroadcastOp::create(b, stepType, rest);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, step, limit);
}

void ValueEmitter::emitPanel(Index first, Index extent, unsigned lanes, function_ref<void()> body) {
  auto emitFull = [&] {
    LanesScope full(*this, lanes);
    body();
  };
  auto emitPartial = [&] {
    LanesScope partial(*this, lanes, emitLanesBelow(first, extent, lanes));
    body();
  };
  if (extent.isConstant() && extent.offset % lanes == 0)
    return emitFull();
  Index past = add(first, lanes);
  if (extent.isConstant() && past.isConstant())
    return past.offset <= extent.offset ? emitFull() : emitPartial();
  if (extent.isConstant() && extent.offset < lanes)
    return emitPartial();
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, toValue(past), toValue(extent));
  emitIf(fits, emitFull, emitPartial);
}

SmallVector<Value> ValueEmitter::emitLanes(Index lower, Index upper, unsigned maxWidth, ValueRange inits,
                                           LoopBody body) {
  Index extent = sub(upper, lower);
  unsigned lanes = chooseWidth(extent, maxWidth);
  if (lanes == 1) {
    LanesScope scalar(*this, 1);
    return emitLoop(lower, upper, 1, inits, body);
  }
  auto withLanes = [&](Index index) {
    index.lane = 1;
    return index;
  };
  Index mainEnd = add(lower, mul(div(extent, lanes), lanes));
  SmallVector<Value> values;
  {
    LanesScope full(*this, lanes);
    values = emitLoop(lower, mainEnd, lanes, inits,
                      [&](Index index, ValueRange carried) { return body(withLanes(index), carried); });
  }
  if (extent.isConstant() && extent.offset % lanes == 0)
    return values;
  // At most one turn, of the lanes that are left.
  return emitLoop(mainEnd, upper, lanes, values, [&](Index index, ValueRange carried) {
    LanesScope partial(*this, lanes, emitLanesBelow(index, upper, lanes));
    return body(withLanes(index), carried);
  });
}

void ValueEmitter::emitLanes(Index lower, Index upper, unsigned maxWidth, function_ref<void(Index)> body) {
  emitLanes(lower, upper, maxWidth, ValueRange(), [&](Index index, ValueRange) {
    body(index);
    return SmallVector<Value>();
  });
}

Value ValueEmitter::combineLanes(Value vector, function_ref<Value(Value, Value)> combine) {
  unsigned lanes = cast<VectorType>(vector.getType()).getNumElements();
  while (lanes > 1) {
    lanes /= 2;
    SmallVector<int64_t> low, high;
    for (unsigned i = 0; i != lanes; ++i) {
      low.push_back(i);
      high.push_back(lanes + i);
    }
    Value left = vector::ShuffleOp::create(b, vector, vector, low);
    Value right = vector::ShuffleOp::create(b, vector, vector, high);
    LanesScope half(*this, lanes);
    vector = combine(left, right);
  }
  return vector::ExtractOp::create(b, vector, 0);
}

SmallVector<Value> ValueEmitter::transpose(ArrayRef<Value> rows) {
  // CPUs exchange elements within 128 bits, or 128 bits as a whole, in one instruction; across both takes more.
  const int64_t size = rows.size(), bits = getElementTypeOrSelf(rows.front().getType()).getIntOrFloatBitWidth();
  const int64_t block = std::min<int64_t>(size, 128 / bits);
  SmallVector<Value> current(rows);
  auto exchange = [&](int64_t distance, ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
    for (int64_t i = 0; i != size; ++i) {
      if (i & distance)
        continue;
      Value first = current[i], second = current[i + distance];
      current[i] = vector::ShuffleOp::create(b, first, second, low);
      current[i + distance] = vector::ShuffleOp::create(b, first, second, high);
    }
  };
  // Of each block of both rows, the first and the second halves, alternating by `unit` elements.
  for (int64_t unit = 1; unit != block; unit *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i != size; ++i) {
      const int64_t place = i % block, source = i - place + place / (2 * unit) * unit + place % unit;
      low.push_back(source + (place / unit % 2) * size);
      high.push_back(low.back() + block / 2);
    }
    exchange(unit, low, high);
  }
  // The even blocks of both rows, and the odd ones.
  for (int64_t distance = block; distance != size; distance *= 2) {
    SmallVector<int64_t> even, odd;
    for (int64_t i = 0; i != size; ++i) {
      even.push_back(i / block * 2 * block + i % block);
      odd.push_back(even.back() + block);
    }
    exchange(distance, even, odd);
  }
  // Within a block, columns are now in the order of their reversed bits.
  SmallVector<Value> columns;
  for (int64_t i = 0; i != size; ++i) {
    int64_t place = 0;
    for (int64_t bit = 1; bit != block; bit *= 2)
      place = 2 * place + (i & bit ? 1 : 0);
    columns.push_back(current[i / block * block + place]);
  }
  return columns;
}

Value ValueEmitter::emitIfValue(Value condition, function_ref<Value()> thenBody, function_ref<Value()> elseBody) {
  // The type is known once both sides are written: a scalar where one side gives
  // a vector is repeated.
  Block blocks[2];
  Value values[2];
  for (int side : {0, 1}) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&blocks[side]);
    Scope scope(*this);
    values[side] = side == 0 ? thenBody() : elseBody();
  }
  bool isVector = isa<VectorType>(values[0].getType()) || isa<VectorType>(values[1].getType());
  for (int side : {0, 1}) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&blocks[side]);
    Scope scope(*this);
    values[side] = isVector ? toVector(values[side]) : values[side];
  }
  auto ifOp = scf::IfOp::create(b, TypeRange(values[0].getType()), condition, /*addThenBlock=*/true,
                                /*addElseBlock=*/true);
  for (int side : {0, 1}) {
    Block *block = side == 0 ? ifOp.thenBlock() : ifOp.elseBlock();
    block->getOperations().splice(block->end(), blocks[side].getOperations());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(block);
    scf::YieldOp::create(b, values[side]);
  }
  return ifOp.getResult(0);
}

void ValueEmitter::emitIf(Value condition, function_ref<void()> thenBody, function_ref<void()> elseBody) {
  auto ifOp = scf::IfOp::create(b, condition, /*withElseRegion=*/static_cast<bool>(elseBody));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  {
    Scope scope(*this);
    thenBody();
  }
  if (!elseBody)
    return;
  b.setInsertionPointToStart(ifOp.elseBlock());
  Scope scope(*this);
  elseBody();
}
