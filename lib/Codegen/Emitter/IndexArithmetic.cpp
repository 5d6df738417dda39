//===- IndexArithmetic.cpp - coordinates and their arithmetic ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

Value ValueEmitter::emitConstant(int64_t value) {
  Key key{"constant", reinterpret_cast<const void *>(value)};
  if (Value known = lookup(key))
    return known;
  Value constant = arith::ConstantIntOp::create(b, value, 64);
  remember(std::move(key), constant);
  return constant;
}

Value ValueEmitter::binary(const char *tag, Value left, Value right, function_ref<Value(Value, Value)> make) {
  Key key{tag, left.getAsOpaquePointer(), right.getAsOpaquePointer()};
  if (Value known = lookup(key))
    return known;
  Value value = make(left, right);
  remember(std::move(key), value);
  return value;
}

Value ValueEmitter::toValue(Index index) {
  assert(index.isUniform() && "a coordinate of one point");
  if (!index.base)
    return emitConstant(index.offset);
  if (index.offset == 0)
    return index.base;
  return binary("add", index.base, emitConstant(index.offset),
                [&](Value x, Value y) { return arith::AddIOp::create(b, x, y); });
}

Value ValueEmitter::toVector(Value value) {
  if (width == 1 || isa<VectorType>(value.getType()))
    return value;
  Key key{"broadcast", value.getAsOpaquePointer(), reinterpret_cast<const void *>(uintptr_t(width))};
  if (Value known = lookup(key))
    return known;
  Value vector = vector::BroadcastOp::create(b, getVectorType(value.getType()), value);
  remember(std::move(key), vector);
  return vector;
}

Value ValueEmitter::toLanes(Index index) {
  if (index.isUniform())
    return toValue(index);
  if (index.lanes) {
    if (index.offset == 0)
      return index.lanes;
    return binary("add", index.lanes, toVector(emitConstant(index.offset)),
                  [&](Value x, Value y) { return arith::AddIOp::create(b, x, y); });
  }
  SmallVector<int64_t> steps;
  for (unsigned i = 0; i != width; ++i)
    steps.push_back(i * index.lane);
  Value step = arith::ConstantOp::create(b, DenseElementsAttr::get(getVectorType(b.getI64Type()), ArrayRef(steps)));
  Value start = toVector(toValue(Index(index.base, index.offset)));
  return arith::AddIOp::create(b, start, step);
}

Index ValueEmitter::fromValue(Value value) {
  if (isa<VectorType>(value.getType())) {
    Index index;
    index.lanes = value;
    return index;
  }
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return Index(constant.getSExtValue());
  return Index(value);
}

Index ValueEmitter::asIndex(OpFoldResult value) {
  if (auto attribute = dyn_cast<Attribute>(value))
    return Index(cast<IntegerAttr>(attribute).getInt());
  return fromValue(emitScalar(cast<Value>(value)));
}

Index ValueEmitter::add(Index left, Index right) {
  auto addValues = [&](Value x, Value y) -> Value {
    if (!x || !y)
      return x ? x : y;
    return binary("add", x, y, [&](Value p, Value q) { return arith::AddIOp::create(b, p, q); });
  };
  Index sum(nullptr, left.offset + right.offset);
  left.offset = right.offset = 0;
  if (left.lanes || right.lanes) {
    sum.lanes = left.isConstant()    ? right.lanes
                : right.isConstant() ? left.lanes
                                     : addValues(toVector(toLanes(left)), toVector(toLanes(right)));
    return sum;
  }
  sum.base = addValues(left.base, right.base);
  sum.lane = left.lane + right.lane;
  return sum;
}

Index ValueEmitter::sub(Index left, Index right) {
  if (right.base && left.base == right.base && !left.lanes && !right.lanes)
    return Index(nullptr, left.offset - right.offset, left.lane - right.lane);
  return add(left, mul(right, -1));
}

Index ValueEmitter::mul(Index left, Index right) {
  if (left.isConstant())
    std::swap(left, right);
  auto multiply = [&](Value x, Value y) -> Value {
    return binary("mul", x, y, [&](Value p, Value q) { return arith::MulIOp::create(b, p, q); });
  };
  if (right.isConstant()) {
    int64_t factor = right.offset;
    if (factor == 1)
      return left;
    if (factor == 0)
      return Index(0);
    Index product(nullptr, left.offset * factor, left.lane * factor);
    if (left.lanes)
      product.lanes = multiply(left.lanes, toVector(emitConstant(factor)));
    else if (left.base)
      product.base = multiply(left.base, emitConstant(factor));
    return product;
  }
  if (left.isUniform() && right.isUniform()) {
    // (base + offset) * right: neighbouring offsets share the product of the base.
    Value factor = toValue(right);
    Index product(multiply(left.base, factor));
    return left.offset == 0 ? product : add(product, Index(multiply(factor, emitConstant(left.offset))));
  }
  return fromValue(multiply(toVector(toLanes(left)), toVector(toLanes(right))));
}

Index ValueEmitter::div(Index left, Index right) {
  if (right.isConstant() && right.offset == 1)
    return left;
  if (left.isConstant() && right.isConstant())
    return Index(left.offset / right.offset);
  return fromValue(binary("div", toLanes(left), left.isUniform() ? toLanes(right) : toVector(toLanes(right)),
                          [&](Value x, Value y) { return arith::DivUIOp::create(b, x, y); }));
}

Index ValueEmitter::mod(Index left, Index right) {
  if (right.isConstant() && right.offset == 1)
    return Index(0);
  if (left.isConstant() && right.isConstant())
    return Index(left.offset % right.offset);
  return fromValue(binary("mod", toLanes(left), left.isUniform() ? toLanes(right) : toVector(toLanes(right)),
                          [&](Value x, Value y) { return arith::RemUIOp::create(b, x, y); }));
}

Index ValueEmitter::min(Index left, Index right) {
  if (left.base == right.base)
    return left.offset < right.offset ? left : right;
  return fromValue(
      binary("min", toValue(left), toValue(right), [&](Value x, Value y) { return arith::MinSIOp::create(b, x, y); }));
}

Index ValueEmitter::max(Index left, Index right) {
  if (left.base == right.base)
    return left.offset > right.offset ? left : right;
  return fromValue(
      binary("max", toValue(left), toValue(right), [&](Value x, Value y) { return arith::MaxSIOp::create(b, x, y); }));
}

Indices ValueEmitter::delinearize(Index linear, ArrayRef<Index> extents) {
  Indices point(extents.size(), Index(0));
  for (size_t i = extents.size(); i-- != 0;) {
    point[i] = i == 0 ? linear : mod(linear, extents[i]);
    linear = i == 0 ? linear : div(linear, extents[i]);
  }
  return point;
}

Index ValueEmitter::evaluate(AffineExpr expr, ArrayRef<Index> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return Index(sizes[symbol.getPosition()]);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Index(constant.getValue());
  auto operation = cast<AffineBinaryOpExpr>(expr);
  Index left = evaluate(operation.getLHS(), dims), right = evaluate(operation.getRHS(), dims);
  switch (operation.getKind()) {
  case AffineExprKind::Add: return add(left, right);
  case AffineExprKind::Mul: return mul(left, right);
  case AffineExprKind::FloorDiv: return div(left, right);
  case AffineExprKind::CeilDiv: return ceilDiv(left, right);
  case AffineExprKind::Mod: return mod(left, right);
  default: llvm_unreachable("no binary expression");
  }
}

Value ValueEmitter::emitInBounds(Index index, Index extent, bool checkLower) {
  if (index.isConstant() && extent.isConstant() && index.offset >= 0 && index.offset < extent.offset)
    return {};
  Value position = toLanes(index);
  Value limit = index.isUniform() ? toLanes(extent) : toVector(toLanes(extent));
  // A negative coordinate is a huge unsigned one.
  auto comparison = checkLower ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt;
  return binary(checkLower ? "ult" : "slt", position, limit,
                [&](Value x, Value y) { return arith::CmpIOp::create(b, comparison, x, y); });
}
