//===- ContractionRecurrent.cpp - decompositions of cells of recurrent networks ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Part `index` of so many equal ones of the last dim.
static Value takePart(Value x, int64_t index, int64_t count, Decomposer &b) {
  Value width = b.floordiv(b.size(x, -1), b.integer(count));
  return b.slice(x, getRank(x) - 1, b.mul(width, b.integer(index)), b.mul(width, b.integer(index + 1)));
}

/// The input, and the state, each through its matrix.
template <typename Op> static std::pair<Value, Value> project(Op op, Value state, Decomposer &b) {
  return {b.create<AtenLinearOp>(op.getInput(), op.getWIh(), op.getBIh()),
          b.create<AtenLinearOp>(state, op.getWHh(), op.getBHh())};
}

/// Gates i, f, g, o: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c)
static Decomposed DecomposeAtenLstmCell(AtenLstmCellOp op, Decomposer &b) {
  auto state = getListElements(op.getHx());
  if (!state || state->size() != 2 || !getTensorType((*state)[0]).hasDtype() || !getTensorType((*state)[1]).hasDtype())
    return b.unsupported("a state that is not a list of two tensors");
  auto [ofInput, ofState] = project(op, (*state)[0], b);
  Value gates = b.addTensors(ofInput, ofState);
  auto sigmoid = [&](int64_t gate) { return b.create<AtenSigmoidOp>(takePart(gates, gate, 4, b)); };
  Value added = b.mulTensors(sigmoid(0), b.create<AtenTanhOp>(takePart(gates, 2, 4, b)));
  Value cell = b.addTensors(b.mulTensors(sigmoid(1), (*state)[1]), added);
  return SmallVector<Value>{b.mulTensors(sigmoid(3), b.create<AtenTanhOp>(cell)), cell};
}

/// Gates r, z, n: n = tanh(n of the input + sigmoid(r) n of the state), h = n + sigmoid(z) (h - n)
static FailureOr<Value> DecomposeAtenGruCell(AtenGruCellOp op, Decomposer &b) {
  auto [ofInput, ofState] = project(op, op.getHx(), b);
  auto sigmoid = [&, ofInput = ofInput, ofState = ofState](int64_t gate) {
    return b.create<AtenSigmoidOp>(b.addTensors(takePart(ofInput, gate, 3, b), takePart(ofState, gate, 3, b)));
  };
  Value kept = b.mulTensors(sigmoid(0), takePart(ofState, 2, 3, b));
  Value fresh = b.create<AtenTanhOp>(b.addTensors(takePart(ofInput, 2, 3, b), kept));
  return b.addTensors(fresh, b.mulTensors(sigmoid(1), b.subTensors(op.getHx(), fresh)));
}

template <typename Activation, typename Op> static FailureOr<Value> decomposeCell(Op op, Decomposer &b) {
  auto [ofInput, ofState] = project(op, op.getHx(), b);
  return b.create<Activation>(b.addTensors(ofInput, ofState));
}

void torchc::populateContractionRecurrentPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenLstmCell, DecomposeAtenGruCell, decomposeCell<AtenTanhOp, AtenRnnTanhCellOp>,
                    decomposeCell<AtenReluOp, AtenRnnReluCellOp>);
}
