//===- ContractionRecurrent.cpp - decompositions of recurrent networks ---===//
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

//===----------------------------------------------------------------------===//
// One step: the state from the input and the state, each through its matrix
//===----------------------------------------------------------------------===//

namespace {
/// What is carried from step to step: h, or h and c.
using State = SmallVector<Value>;
using Step = State (*)(Value ofInput, Value ofState, const State &state, Decomposer &b);
} // namespace

/// Gates i, f, g, o: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c)
static State stepLstm(Value ofInput, Value ofState, const State &state, Decomposer &b) {
  Value gates = b.addTensors(ofInput, ofState);
  auto sigmoid = [&](int64_t gate) { return b.create<AtenSigmoidOp>(takePart(gates, gate, 4, b)); };
  Value added = b.mulTensors(sigmoid(0), b.create<AtenTanhOp>(takePart(gates, 2, 4, b)));
  Value cell = b.addTensors(b.mulTensors(sigmoid(1), state[1]), added);
  return {b.mulTensors(sigmoid(3), b.create<AtenTanhOp>(cell)), cell};
}

/// Gates r, z, n: n = tanh(n of the input + sigmoid(r) n of the state), h = n + sigmoid(z) (h - n)
static State stepGru(Value ofInput, Value ofState, const State &state, Decomposer &b) {
  auto sigmoid = [&](int64_t gate) {
    return b.create<AtenSigmoidOp>(b.addTensors(takePart(ofInput, gate, 3, b), takePart(ofState, gate, 3, b)));
  };
  Value kept = b.mulTensors(sigmoid(0), takePart(ofState, 2, 3, b));
  Value fresh = b.create<AtenTanhOp>(b.addTensors(takePart(ofInput, 2, 3, b), kept));
  return {b.addTensors(fresh, b.mulTensors(sigmoid(1), b.subTensors(state[0], fresh)))};
}

template <typename Activation>
static State stepSimple(Value ofInput, Value ofState, const State & /*state*/, Decomposer &b) {
  return {b.create<Activation>(b.addTensors(ofInput, ofState))};
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

template <typename Op> static State runCell(Op op, const State &state, Step step, Decomposer &b) {
  return step(b.create<AtenLinearOp>(op.getInput(), op.getWIh(), op.getBIh()),
              b.create<AtenLinearOp>(state[0], op.getWHh(), op.getBHh()), state, b);
}

/// The tensors of a list, whose dtypes are known.
static FailureOr<SmallVector<Value>> getTyped(Value list, Decomposer &b) {
  auto tensors = getListElements(list);
  if (!tensors || llvm::any_of(*tensors, [](Value tensor) {
        return !getTensorType(tensor).hasRank() || !getTensorType(tensor).hasDtype();
      }))
    return b.unsupported("a list of tensors whose number or types are not known");
  return *tensors;
}

/// h and c.
template <typename Op> static FailureOr<SmallVector<Value>> getLstmState(Op op, Decomposer &b) {
  FailureOr<SmallVector<Value>> state = getTyped(op.getHx(), b);
  if (succeeded(state) && state->size() != 2)
    return b.unsupported("a state that is not a list of two tensors");
  return state;
}
static Decomposed DecomposeAtenLstmCell(AtenLstmCellOp op, Decomposer &b) {
  FailureOr<SmallVector<Value>> state = getLstmState(op, b);
  return succeeded(state) ? Decomposed(runCell(op, *state, stepLstm, b)) : Decomposed(failure());
}
template <Step step, typename Op> static FailureOr<Value> decomposeCell(Op op, Decomposer &b) {
  return runCell(op, {op.getHx()}, step, b)[0];
}

//===----------------------------------------------------------------------===//
// Layers over time
//===----------------------------------------------------------------------===//

namespace {

/// Runs cells over time, in a loop: a sequence may be long.
class Recurrence {
public:
  /// The weights of a cell; biases and the projection of h may be null.
  struct Weights {
    Value ofInput, ofState, inputBias, stateBias, projection;
  };
  Recurrence(Step step, Decomposer &b) : step(step), b(b) {}

  /// h at each time [time, batch, width], of an input of the same layout; `state` becomes the last one.
  Value run(Value input, State &state, const Weights &weights, bool backwards);

private:
  Step step;
  Decomposer &b;
};

} // namespace

Value Recurrence::run(Value input, State &state, const Weights &weights, bool backwards) {
  OpBuilder &builder = b.getBuilder();
  Location loc = b.getLoc();
  // All times at once: one product of matrices.
  Value ofInputs = b.create<AtenLinearOp>(input, weights.ofInput, weights.inputBias);
  Value count = b.size(input, 0);
  SmallVector<Value> sizes = b.sizes(state[0]);
  sizes.insert(sizes.begin(), count);
  SmallVector<Value> carried(state.begin(), state.end());
  carried.push_back(b.full(sizes, b.integer(0), getDtype(state[0])));
  SmallVector<Type> types = llvm::to_vector(ValueRange(carried).getTypes());
  auto loop = PrimLoopOp::create(builder, loc, types, count, b.boolean(true), carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    SmallVector<Type> arguments{builder.getType<torch::IntType>()};
    llvm::append_range(arguments, types);
    Block *block = builder.createBlock(&loop.getRegion(), {}, arguments, SmallVector<Location>(arguments.size(), loc));
    Value time = block->getArgument(0);
    if (backwards)
      time = b.sub(b.sub(count, b.integer(1)), time);
    State before(block->getArguments().slice(1, state.size()));
    Value ofInput = b.create<AtenSelectIntOp>(ofInputs, b.integer(0), time);
    Value ofState = b.create<AtenLinearOp>(before[0], weights.ofState, weights.stateBias);
    State after = step(ofInput, ofState, before, b);
    if (weights.projection)
      after[0] = b.create<AtenLinearOp>(after[0], weights.projection, b.none());
    SmallVector<Value> yielded(after.begin(), after.end());
    yielded.push_back(b.create<AtenSelectScatterOp>(block->getArguments().back(), after[0], b.integer(0), time));
    for (auto [value, type] : llvm::zip_equal(yielded, types))
      if (value.getType() != type)
        value = TensorStaticInfoCastOp::create(builder, loc, type, value);
    PrimLoopConditionOp::create(builder, loc, b.boolean(true), yielded);
  }
  state.assign(loop.getResults().begin(), std::prev(loop.getResults().end()));
  return loop.getResults().back();
}

/// Layers one over the other, each in one or both directions of time. `hx`: what the state starts with, each
/// [layers times directions, batch, width]. Gives the sequence, then the last states in the same layout.
template <typename Op> static Decomposed decomposeLayers(Op op, ArrayRef<Value> hx, Step step, Decomposer &b) {
  auto hasBiases = getConstantBool(op.getHasBiases()), train = getConstantBool(op.getTrain()),
       isBidirectional = getConstantBool(op.getBidirectional()), isBatchFirst = getConstantBool(op.getBatchFirst());
  auto layers = getConstantInt(op.getNumLayers());
  auto dropout = getConstantNumber(op.getDropout());
  FailureOr<SmallVector<Value>> params = getTyped(op.getParams(), b);
  if (failed(params))
    return failure();
  if (!hasBiases || !train || !isBidirectional || !isBatchFirst || !layers || *layers < 1 || !dropout)
    return b.unsupported("an option that is not constant");
  int64_t directions = *isBidirectional ? 2 : 1, cells = *layers * directions, plain = *hasBiases ? 4 : 2;
  int64_t stride = static_cast<int64_t>(params->size()) / cells;
  if (static_cast<int64_t>(params->size()) != cells * stride || (stride != plain && stride != plain + 1))
    return b.unsupported("another number of weights than layers take");
  if (getRank(op.getInput()) != 3 || llvm::any_of(hx, [](Value state) { return getRank(state) != 3; }))
    return b.unsupported("a sequence or a state that is not of rank 3");

  Recurrence recurrence(step, b);
  Value x = *isBatchFirst ? b.transpose(op.getInput(), 0, 1) : op.getInput(), none = b.none();
  SmallVector<SmallVector<Value>> last(hx.size());
  for (int64_t layer = 0; layer < *layers; ++layer) {
    SmallVector<Value> sequences;
    for (int64_t direction = 0; direction < directions; ++direction) {
      int64_t cell = layer * directions + direction;
      ArrayRef<Value> own = ArrayRef<Value>(*params).slice(cell * stride, stride);
      Recurrence::Weights weights{own[0], own[1], *hasBiases ? own[2] : none, *hasBiases ? own[3] : none,
                                  stride > plain ? own.back() : Value()};
      State state = llvm::map_to_vector<2>(hx, [&](Value all) { return b.select(all, 0, cell); });
      sequences.push_back(recurrence.run(x, state, weights, direction == 1));
      for (auto [states, one] : llvm::zip_equal(last, state))
        states.push_back(b.unsqueeze(one, 0));
    }
    x = directions == 2 ? b.cat(sequences, 2) : sequences[0];
    if (*train && *dropout > 0 && layer + 1 < *layers)
      x = b.create<AtenDropoutOp>(x, op.getDropout(), b.boolean(true));
  }
  SmallVector<Value> results{*isBatchFirst ? b.transpose(x, 0, 1) : x};
  for (ArrayRef<Value> states : last)
    results.push_back(b.cat(states, 0));
  return results;
}

static Decomposed DecomposeAtenLstmInput(AtenLstmInputOp op, Decomposer &b) {
  FailureOr<SmallVector<Value>> state = getLstmState(op, b);
  return succeeded(state) ? decomposeLayers(op, *state, stepLstm, b) : Decomposed(failure());
}
template <Step step, typename Op> static Decomposed decomposeRecurrent(Op op, Decomposer &b) {
  return decomposeLayers(op, {op.getHx()}, step, b);
}

void torchc::populateContractionRecurrentPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAtenLstmCell, decomposeCell<stepGru, AtenGruCellOp>,
                    decomposeCell<stepSimple<AtenTanhOp>, AtenRnnTanhCellOp>,
                    decomposeCell<stepSimple<AtenReluOp>, AtenRnnReluCellOp>);
  addDecompositions(patterns, DecomposeAtenLstmInput, decomposeRecurrent<stepGru, AtenGruInputOp>,
                    decomposeRecurrent<stepSimple<AtenTanhOp>, AtenRnnTanhInputOp>,
                    decomposeRecurrent<stepSimple<AtenReluOp>, AtenRnnReluInputOp>);
}
