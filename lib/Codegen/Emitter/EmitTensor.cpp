//===- EmitTensor.cpp - a tensor's element: bindings and ops that move data ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ValueEmitter.h"

using namespace mlir;
using namespace torchc;

/// Elements of padding that a work group keeps in scratch memory.
static constexpr int64_t kLargestFilledRow = 4096;

/// The memory of a tensor, also seen through reshapes: contiguous memory has the
/// same elements in any shape.
const Buffer *ValueEmitter::findBuffer(Value tensor) {
  auto known = buffers.find(tensor);
  if (known != buffers.end())
    return &known->second;
  Operation *op = tensor.getDefiningOp();
  Value source;
  if (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ReshapeOp>(op))
    source = op->getOperand(0);
  const Buffer *buffer = source ? findBuffer(source) : nullptr;
  if (!buffer || !buffer->readOnly)
    return nullptr;
  Buffer view = getBuffer(buffer->pointer, buffer->element, getExtents(tensor), /*readOnly=*/true);
  // Extents that are values live in this scope only, so such views are not kept.
  scratchView = view;
  return &scratchView;
}

Value ValueEmitter::emit(Value tensor, ArrayRef<Index> at) {
  bool uniform = llvm::all_of(at, [](const Index &index) { return index.isUniform(); });
  Key key = makeKey(tensor.getAsOpaquePointer(), at, uniform);
  if (Value known = lookup(key))
    return known;
  Value value;
  if (const Buffer *buffer = findBuffer(tensor))
    value = isOverwritten(tensor, *buffer) ? fail(kernel, "a tensor is read after it was overwritten")
                                           : load(Buffer(*buffer), at);
  else if (auto result = dyn_cast<OpResult>(tensor))
    value = emitUncached(result, at);
  else
    value = fail(kernel, "a tensor that is neither a binding nor computed");
  if (auto target = recorded.find(tensor); target != recorded.end())
    store(value, target->second, at);
  remember(std::move(key), value);
  return value;
}

Value ValueEmitter::emitUncached(OpResult tensor, ArrayRef<Index> at) {
  Operation *op = tensor.getOwner();
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (auto pack = dyn_cast<linalg::PackOp>(op))
    return emitPack(pack, at);
  if (auto unpack = dyn_cast<linalg::UnPackOp>(op))
    return emitUnpack(unpack, at);
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return emitScalar(fill.getInputs()[0]);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (linalgOp.getNumReductionLoops() == 0)
      return emitParallel(linalgOp, tensor.getResultNumber(), at);
    return emitReduction(linalgOp, tensor.getResultNumber(), at);
  }
  if (isa<tensor::EmptyOp>(op)) {
    Type type = element.isIndex() ? b.getI64Type() : element;
    return arith::ConstantOp::create(b, b.getZeroAttr(type));
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return emitConstantTensor(constant, at);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return emit(cast.getSource(), at);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return emitReshape(op, at);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return emitExtractSlice(slice, at);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return emitPad(pad, at);
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return emitConcat(concat, at);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return emitInsertSlice(insert, at);
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return emitScalar(splat.getInput());
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    Value here;
    for (auto [index, position] : llvm::zip_equal(at, insert.getIndices())) {
      Value same = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, toLanes(index),
                                         index.isUniform() ? emitScalar(position) : toVector(emitScalar(position)));
      here = !here ? same : arith::AndIOp::create(b, toVector(here), toVector(same)).getResult();
    }
    if (!here)
      return emitScalar(insert.getScalar());
    return emitWhere(
        here, element, [&] { return emitScalar(insert.getScalar()); }, [&] { return emit(insert.getDest(), at); });
  }
  if (auto generate = dyn_cast<tensor::GenerateOp>(op)) {
    DenseMap<Value, Value> values;
    for (auto [argument, index] : llvm::zip_equal(generate.getBody().getArguments(), at))
      values[argument] = toLanes(index);
    return emitBlock(generate.getBody().front(), values, at)[0];
  }
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op)) {
    Index linear;
    auto shape = cast<RankedTensorType>(elements.getType()).getShape();
    for (auto [index, extent] : llvm::zip_equal(at, shape))
      linear = add(mul(linear, extent), index);
    Value value = emitScalar(elements.getElements().back());
    for (int64_t i = elements.getElements().size() - 2; i >= 0; --i) {
      Value position = toLanes(linear);
      Value number = linear.isUniform() ? emitConstant(i) : toVector(emitConstant(i));
      Value same = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, position, number);
      Value candidate = emitScalar(elements.getElements()[i]);
      if (!linear.isUniform()) {
        candidate = toVector(candidate);
        value = toVector(value);
      }
      value = arith::SelectOp::create(b, same, candidate, value);
    }
    return value;
  }
  return fail(op, "no code for " + op->getName().getStringRef());
}

Value ValueEmitter::emitConstantTensor(arith::ConstantOp op, ArrayRef<Index> at) {
  auto elements = cast<DenseElementsAttr>(op.getValue());
  if (elements.isSplat()) {
    auto value = elements.getSplatValue<TypedAttr>();
    if (value.getType().isIndex())
      return emitConstant(cast<IntegerAttr>(value).getInt());
    return arith::ConstantOp::create(b, value);
  }
  // A table beside the code.
  Type element = elements.getElementType();
  if (element.isInteger(1)) {
    SmallVector<int8_t> bytes;
    for (bool value : elements.getValues<bool>())
      bytes.push_back(value);
    elements =
        DenseElementsAttr::get(RankedTensorType::get(elements.getType().getShape(), b.getI8Type()), ArrayRef(bytes));
  } else if (element.isIndex()) {
    SmallVector<int64_t> values;
    for (const APInt &value : elements.getValues<APInt>())
      values.push_back(value.getSExtValue());
    elements =
        DenseElementsAttr::get(RankedTensorType::get(elements.getType().getShape(), b.getI64Type()), ArrayRef(values));
  }
  int64_t count = elements.getNumElements();
  elements = elements.reshape(RankedTensorType::get({count}, elements.getElementType()));
  std::string name = (kernel.getSymName() + "$table" + Twine(tables++)).str();
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(elements.getElementType(), count), /*isConstant=*/true,
                           LLVM::Linkage::Internal, name, elements, /*alignment=*/64);
  }
  Value address = LLVM::AddressOfOp::create(b, scratch.getType(), name);
  Indices extents;
  for (int64_t extent : cast<RankedTensorType>(op.getType()).getShape())
    extents.push_back(extent);
  return load(getBuffer(address, element, extents, /*readOnly=*/true), at);
}

Value ValueEmitter::emitReshape(Operation *op, ArrayRef<Index> at) {
  bool expands = isa<tensor::ExpandShapeOp>(op);
  Value source = op->getOperand(0);
  auto groups = expands ? cast<tensor::ExpandShapeOp>(op).getReassociationIndices()
                        : cast<tensor::CollapseShapeOp>(op).getReassociationIndices();
  int64_t sourceRank = cast<RankedTensorType>(source.getType()).getRank();
  Indices mapped(sourceRank, Index(0));
  for (auto [one, group] : llvm::enumerate(groups)) {
    if (expands) {
      Index linear;
      for (int64_t dim : group)
        linear = add(mul(linear, getExtent(op->getResult(0), dim)), at[dim]);
      mapped[one] = linear;
      continue;
    }
    // All but one extent may be 1.
    SmallVector<int64_t> dims;
    Indices extents;
    for (int64_t dim : group)
      if (Index extent = getExtent(source, dim); !extent.isConstant() || extent.offset != 1) {
        dims.push_back(dim);
        extents.push_back(extent);
      }
    for (auto [dim, index] : llvm::zip_equal(dims, delinearize(at[one], extents)))
      mapped[dim] = index;
  }
  return emit(source, mapped);
}

Value ValueEmitter::emitExtractSlice(tensor::ExtractSliceOp op, ArrayRef<Index> at) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  Indices mapped;
  unsigned kept = 0;
  for (auto [dim, offset, stride] : llvm::enumerate(op.getMixedOffsets(), op.getMixedStrides())) {
    Index index = dropped[dim] ? Index(0) : at[kept++];
    mapped.push_back(add(mul(index, asIndex(stride)), asIndex(offset)));
  }
  return emit(op.getSource(), mapped);
}

Value ValueEmitter::emitWhere(Value inside, Type element, function_ref<Value()> thenBody,
                              function_ref<Value()> elseBody) {
  if (!inside)
    return thenBody();
  if (!isa<VectorType>(inside.getType()))
    return emitIfValue(inside, thenBody, elseBody);
  Value outer = mask;
  mask = outer ? arith::AndIOp::create(b, outer, inside).getResult() : inside;
  Value then = toVector(thenBody());
  Value all = arith::ConstantOp::create(b, DenseElementsAttr::get(getVectorType(b.getI1Type()), true));
  Value outside = arith::XOrIOp::create(b, inside, all);
  mask = outer ? arith::AndIOp::create(b, outer, outside).getResult() : outside;
  Value otherwise = toVector(elseBody());
  mask = outer;
  return arith::SelectOp::create(b, inside, then, otherwise);
}

/// Scratch memory with `count` times the value, written once a work group.
Value ValueEmitter::getFilledRow(tensor::PadOp op, TypedAttr value, int64_t count) {
  Value &row = filledRows[op];
  if (row)
    return row;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(prologueEnd);
  // Nothing that was computed further down may be used up here.
  std::vector<std::map<Key, Value>> known(1);
  std::swap(memo, known);
  LanesScope scalar(*this, 1);
  Value outerPredicate = std::exchange(predicate, Value());
  unsigned bytes = value.getType().getIntOrFloatBitWidth() / 8;
  row = allocateScratch(count * bytes);
  prologueEnd = row.getDefiningOp();
  Buffer buffer{row, value.getType(), {Index(1)}, false};
  Value element = arith::ConstantOp::create(b, value);
  emitLanes(0, count, target.getPanelWidth(), [&](Index index) { store(element, buffer, {index}); });
  predicate = outerPredicate;
  std::swap(memo, known);
  return row;
}

/// An element of a padded binding whose trailing dims are not padded (the channels
/// of an image): its row is that of the binding, or a row of padding. The choice is
/// made between addresses, outside of the loop over the row, and there is no branch.
Value ValueEmitter::emitBorder(tensor::PadOp op, ArrayRef<Index> mapped, Value inside) {
  const Buffer *source = findBuffer(op.getSource());
  Value padding = op.getConstantPaddingValue();
  TypedAttr value;
  if (!source || !padding || !matchPattern(padding, m_Constant(&value)) || source->element.isInteger(1))
    return {};
  size_t trailing = mapped.size();
  int64_t count = 1;
  while (trailing != 0 && isConstantIntValue(op.getMixedLowPad()[trailing - 1], 0) &&
         isConstantIntValue(op.getMixedHighPad()[trailing - 1], 0)) {
    int64_t extent = op.getSourceType().getDimSize(--trailing);
    count = ShapedType::isDynamic(extent) ? kLargestFilledRow + 1 : count * extent;
  }
  if (trailing == mapped.size() || count > kLargestFilledRow ||
      llvm::any_of(mapped.take_front(trailing), [](const Index &index) { return !index.isUniform(); }))
    return {};
  Index offset;
  for (size_t dim = 0; dim != trailing; ++dim)
    offset = add(offset, mul(mapped[dim], source->strides[dim]));
  Value address = emitPointer(*source, offset);
  Value filled = getFilledRow(op, value, count);
  Key key{"border", address.getAsOpaquePointer(), inside.getAsOpaquePointer()};
  Value row = lookup(key);
  if (!row) {
    row = arith::SelectOp::create(b, inside, address, filled);
    remember(std::move(key), row);
  }
  Buffer buffer{row, source->element, Indices(ArrayRef<Index>(source->strides).drop_front(trailing)), false};
  return load(buffer, mapped.drop_front(trailing));
}

Value ValueEmitter::emitPad(tensor::PadOp op, ArrayRef<Index> at) {
  Type element = op.getSourceType().getElementType();
  Value uniformInside, lanesInside;
  Indices mapped;
  for (auto [dim, low, high] : llvm::enumerate(op.getMixedLowPad(), op.getMixedHighPad())) {
    Index before = asIndex(low), after = asIndex(high);
    bool padsBefore = !before.isConstant() || before.offset != 0, padsAfter = !after.isConstant() || after.offset != 0;
    mapped.push_back(sub(at[dim], before));
    if (!padsBefore && !padsAfter)
      continue;
    Value inBounds = emitInBounds(mapped.back(), getExtent(op.getSource(), dim), /*checkLower=*/true);
    if (!inBounds)
      continue;
    Value &inside = isa<VectorType>(inBounds.getType()) ? lanesInside : uniformInside;
    inside = !inside
                 ? inBounds
                 : binary("and", inside, inBounds, [&](Value x, Value y) { return arith::AndIOp::create(b, x, y); });
  }
  if (uniformInside && !lanesInside)
    if (Value value = emitBorder(op, mapped, uniformInside))
      return value;
  auto emitPadding = [&]() -> Value {
    DenseMap<Value, Value> values;
    for (auto [argument, index] : llvm::zip_equal(op.getRegion().getArguments(), at))
      values[argument] = toLanes(index);
    return emitBlock(op.getRegion().front(), values, at)[0];
  };
  return emitWhere(
      uniformInside, element,
      [&] { return emitWhere(lanesInside, element, [&] { return emit(op.getSource(), mapped); }, emitPadding); },
      emitPadding);
}

Value ValueEmitter::emitConcat(tensor::ConcatOp op, ArrayRef<Index> at) {
  unsigned dim = op.getDim();
  Type element = op.getResultType().getElementType();
  // Starts of the inputs, from the last to the first: in the tail of one is the next.
  SmallVector<Index> starts{Index(0)};
  for (Value input : op.getInputs().drop_back())
    starts.push_back(add(starts.back(), getExtent(input, dim)));
  std::function<Value(size_t)> emitFrom = [&](size_t i) -> Value {
    auto emitInput = [&] {
      Indices mapped(at);
      mapped[dim] = sub(at[dim], starts[i]);
      return emit(op.getInputs()[i], mapped);
    };
    if (i + 1 == op.getInputs().size())
      return emitInput();
    Value inside = emitInBounds(at[dim], starts[i + 1], /*checkLower=*/false);
    return emitWhere(inside, element, emitInput, [&] { return emitFrom(i + 1); });
  };
  return emitFrom(0);
}

Value ValueEmitter::emitInsertSlice(tensor::InsertSliceOp op, ArrayRef<Index> at) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  Type element = op.getDestType().getElementType();
  Value uniformInside, lanesInside;
  auto require = [&](Value condition) {
    if (!condition)
      return;
    Value &inside = isa<VectorType>(condition.getType()) ? lanesInside : uniformInside;
    inside = inside ? arith::AndIOp::create(b, inside, condition).getResult() : condition;
  };
  Indices mapped;
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides())) {
    Index step = asIndex(stride), distance = sub(at[dim], asIndex(offset)), index = distance, extent = asIndex(size);
    if (!step.isConstant() || step.offset != 1) {
      // distance = index * stride, and not negative, which the unsigned bound tells.
      index = div(distance, step);
      Value rest = toLanes(mod(distance, step));
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(rest.getType()));
      require(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rest, zero));
      require(emitInBounds(distance, mul(extent, step), /*checkLower=*/true));
    } else if (Index whole = getExtent(op.getDest(), dim);
               !(extent.base == whole.base && extent.offset == whole.offset)) {
      require(emitInBounds(index, extent, /*checkLower=*/true));
    }
    if (!dropped[dim])
      mapped.push_back(index);
  }
  auto emitDest = [&] { return emit(op.getDest(), at); };
  return emitWhere(
      uniformInside, element,
      [&] { return emitWhere(lanesInside, element, [&] { return emit(op.getSource(), mapped); }, emitDest); },
      emitDest);
}

/// source[..., outer, ..., inner] of an unpack is result[outer * tile + inner].
Value ValueEmitter::emitUnpack(linalg::UnPackOp op, ArrayRef<Index> at) {
  Indices outer(at), inner;
  for (auto [dim, tile] : llvm::zip_equal(op.getInnerDimsPos(), op.getMixedTiles())) {
    Index size = asIndex(tile);
    inner.push_back(mod(at[dim], size));
    outer[dim] = div(at[dim], size);
  }
  if (!op.getOuterDimsPerm().empty()) {
    Indices permuted;
    for (int64_t dim : op.getOuterDimsPerm())
      permuted.push_back(outer[dim]);
    outer = permuted;
  }
  outer.append(inner);
  return emit(op.getSource(), outer);
}

Value ValueEmitter::emitPack(linalg::PackOp op, ArrayRef<Index> at) {
  int64_t rank = op.getSourceType().getRank();
  Indices mapped(at.take_front(rank));
  if (!op.getOuterDimsPerm().empty())
    for (auto [i, dim] : llvm::enumerate(op.getOuterDimsPerm()))
      mapped[dim] = at[i];
  for (auto [i, dim, tile] : llvm::enumerate(op.getInnerDimsPos(), op.getMixedTiles()))
    mapped[dim] = add(mul(mapped[dim], asIndex(tile)), at[rank + i]);
  Type element = op.getSourceType().getElementType();
  if (!op.getPaddingValue())
    return emit(op.getSource(), mapped);
  Value uniformInside, lanesInside;
  for (int64_t dim : op.getInnerDimsPos()) {
    Value inBounds = emitInBounds(mapped[dim], getExtent(op.getSource(), dim), /*checkLower=*/false);
    if (!inBounds)
      continue;
    Value &inside = isa<VectorType>(inBounds.getType()) ? lanesInside : uniformInside;
    inside = inside ? arith::AndIOp::create(b, inside, inBounds).getResult() : inBounds;
  }
  auto emitPadding = [&] { return emitScalar(op.getPaddingValue()); };
  return emitWhere(
      uniformInside, element,
      [&] { return emitWhere(lanesInside, element, [&] { return emit(op.getSource(), mapped); }, emitPadding); },
      emitPadding);
}
