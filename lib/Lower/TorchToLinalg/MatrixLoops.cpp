//===- MatrixLoops.cpp - writes algorithms on the elements of matrices ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixLoops.h"

#include "Reshape.h"
#include "Sizes.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace torchc;

SmallVector<Value> MatrixLoops::run(Lowering &b, OpFoldResult count, ValueRange inits,
                                    function_ref<void(MatrixLoops &)> body) {
  auto batch = dispatch::BatchOp::create(b, inits.getTypes(), toIndex(b, count), inits);
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&batch.getBody());
  Value member = block->addArgument(b.getIndexType(), b.getLoc());
  MatrixLoops loops(b, b.getLoc(), member);
  for (Value init : inits)
    loops.declare(block->addArgument(init.getType(), b.getLoc()));
  body(loops);
  dispatch::ReturnOp::create(loops, ArrayRef(loops.state).take_front(inits.size()));
  return SmallVector<Value>(batch.getResults());
}

MatrixLoops::Variable MatrixLoops::declare(Value init) {
  state.push_back(init);
  return state.size() - 1;
}

Place MatrixLoops::at(OpFoldResult index) { return {*this, toIndex(*this, index)}; }

void MatrixLoops::forEach(Place lower, Place upper, function_ref<void(Place)> body) {
  auto loop = scf::ForOp::create(*this, lower.get(), upper.get(), at(1).get(), state);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  size_t outer = state.size();
  state.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  body({*this, loop.getInductionVar()});
  scf::YieldOp::create(*this, ArrayRef(state).take_front(outer));
  state.assign(loop.getResults().begin(), loop.getResults().end());
}

void MatrixLoops::ifThen(Truth condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, TypeRange(ValueRange(state)), condition.value, /*addThenBlock=*/true,
                                  /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(*this);
  SmallVector<Value> before = state;
  setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(*this, before);
  setInsertionPointToStart(branch.thenBlock());
  body();
  scf::YieldOp::create(*this, ArrayRef(state).take_front(before.size()));
  state.assign(branch.getResults().begin(), branch.getResults().end());
}

Real MatrixLoops::sum(Place lower, Place upper, function_ref<Real(Place)> term) {
  auto loop = scf::ForOp::create(*this, lower.get(), upper.get(), at(1).get(), real(0).get());
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  Real total = Real(*this, loop.getRegionIterArg(0)) + term({*this, loop.getInductionVar()});
  scf::YieldOp::create(*this, total.get());
  return {*this, loop.getResult(0)};
}

SmallVector<Value> MatrixLoops::getIndices(ArrayRef<Place> indices) {
  SmallVector<Value> values{member};
  for (const Place &index : indices)
    values.push_back(index.get());
  return values;
}

Value MatrixLoops::load(Variable tensor, ArrayRef<Place> indices) { return loadFrom(state[tensor], indices); }
Value MatrixLoops::loadFrom(Value tensor, ArrayRef<Place> indices) {
  return tensor::ExtractOp::create(*this, tensor, getIndices(indices));
}
void MatrixLoops::store(Value value, Variable tensor, ArrayRef<Place> indices) {
  state[tensor] = tensor::InsertOp::create(*this, value, state[tensor], getIndices(indices));
}

//===----------------------------------------------------------------------===//
// Between tensors and matrices
//===----------------------------------------------------------------------===//

FailureOr<Matrices> torchc::getMatrices(Lowering &b, Value torchTensor, bool transposed) {
  Value tensor = b.get(torchTensor);
  SmallVector<OpFoldResult> sizes = getDims(b, tensor);
  return getMatrices(b, torchTensor, ArrayRef(sizes).drop_back(std::min<size_t>(2, sizes.size())), transposed);
}

FailureOr<Matrices> torchc::getMatrices(Lowering &b, Value torchTensor, ArrayRef<OpFoldResult> batch, bool transposed) {
  Value tensor = b.get(torchTensor);
  Type dtype = Lowering::getDtype(torchTensor);
  SmallVector<OpFoldResult> own = getDims(b, tensor), sizes(batch);
  if (!isFloat(dtype) || own.size() < 2)
    return b.refuse("matrices of complex numbers or integers");
  sizes.append(own.end() - 2, own.end());
  int64_t rank = sizes.size();
  AffineMap map = getBroadcastMap(cast<RankedTensorType>(tensor.getType()), sizes);
  if (transposed) {
    SmallVector<AffineExpr> swapped;
    for (int64_t i = 0; i < rank; ++i)
      swapped.push_back(b.getAffineDimExpr(i == rank - 1 ? rank - 2 : i == rank - 2 ? rank - 1 : i));
    map = map.replaceDimsAndSymbols(swapped, {}, rank, 0);
    std::swap(sizes[rank - 1], sizes[rank - 2]);
  }
  Value wide = createMapped(b, MappedOperand{tensor, map}, sizes, b.getF64Type(),
                            [&](ImplicitLocOpBuilder &body, ValueRange element) {
                              return convertElement(body, element[0], dtype, body.getF64Type());
                            });
  Matrices matrices;
  matrices.batch.assign(batch.begin(), batch.end());
  matrices.count = multiplySizes(b, batch);
  matrices.rows = sizes[rank - 2];
  matrices.columns = sizes[rank - 1];
  matrices.tensor = reshape(b, wide, {matrices.count, matrices.rows, matrices.columns});
  return matrices;
}

Value torchc::restoreBatch(Lowering &b, Value tensor, ArrayRef<OpFoldResult> batch, Value torchResult) {
  SmallVector<OpFoldResult> sizes(batch), own = getDims(b, tensor);
  sizes.append(own.begin() + 1, own.end());
  Type dtype = Lowering::getDtype(torchResult), from = getElementTypeOrSelf(tensor.getType());
  if (from.isInteger(32))
    from = IntegerType::get(b.getContext(), 32, IntegerType::Signed);
  return convertTensor(b, reshape(b, tensor, sizes), from, dtype);
}

Value torchc::createMatrices(Lowering &b, OpFoldResult count, OpFoldResult rows, OpFoldResult columns,
                             function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> function) {
  return createFromIndices(b, {count, rows, columns}, b.getF64Type(), function);
}
