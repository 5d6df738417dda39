//===- ControlFlow.cpp - cond, while_loop, scan and map ------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that take graphs become `torch.prim.If` and `torch.prim.Loop`. What
// enters and leaves a region is a value, in functions on mutable tensors too: a
// region mutates copies, which are its own. Floats enter and leave as tensors of
// rank 0, because outside of kernels the machine has no arithmetic on floats.
//
//===----------------------------------------------------------------------===//

#include "GraphImporter.h"
#include "ProgramTypes.h"
#include "WrittenInputs.h"

#include "torchc/Dialect/Torch/IR/AtenBuilder.h"

using namespace mlir;
using namespace torchc;

//===----------------------------------------------------------------------===//
// Values at the edges of regions
//===----------------------------------------------------------------------===//

/// The present value of a mutable tensor; other values as they are.
Value GraphImporter::toValue(Location loc, Value value) {
  auto type = dyn_cast<torch::NonValueTensorType>(value.getType());
  if (!type)
    return value;
  return torch::CopyToValueTensorOp::create(builder, loc, cast<torch::BaseTensorType>(Type(type)).getValueType(),
                                            value);
}

/// `value` under another type of the same thing: a tensor that knows more or less
/// of its shape, a float as a tensor of rank 0, or back.
Value GraphImporter::toType(Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (isa<torch::ValueTensorType>(type) && isa<torch::FloatType>(value.getType())) {
    Value none = createNone(loc), dtype = createInt(loc, static_cast<int64_t>(ScalarType::Double));
    return torch::AtenScalarTensorOp::create(builder, loc, type, ValueRange{value, dtype, none, none, none});
  }
  if (isa<torch::ValueTensorType>(value.getType()) && isa<torch::FloatType>(type))
    return torch::AtenItemOp::create(builder, loc, type, value);
  if (isa<torch::ValueTensorType>(value.getType()) && isa<torch::ValueTensorType>(type))
    return torch::TensorStaticInfoCastOp::create(builder, loc, type, value);
  return value;
}

Value GraphImporter::toCondition(Location loc, Value value) {
  if (!isa<torch::BaseTensorType>(value.getType()))
    return value;
  return torch::AtenItemOp::create(builder, loc, builder.getType<torch::BoolType>(), toValue(loc, value));
}

/// The type under which a value leaves a region; null where there is none.
static Type getResultType(const ValueType &type, MLIRContext *context) {
  if (type.kind == ValueType::Kind::Float)
    return torch::ValueTensorType::get(context, ArrayRef<int64_t>{}, Float64Type::get(context));
  return convertType(type, /*isMutable=*/false, context);
}

//===----------------------------------------------------------------------===//
// Arguments, regions and results
//===----------------------------------------------------------------------===//

FailureOr<const CapturedGraph *> GraphImporter::getGraph(Location loc, const CapturedNode &node, size_t position) {
  using GraphPointer = std::shared_ptr<CapturedGraph>;
  const auto *graph =
      position < node.arguments.size() ? std::get_if<GraphPointer>(&node.arguments[position].second.value) : nullptr;
  if (!graph || !*graph)
    return fail(loc, node.target + " takes a graph as argument " + Twine(position));
  // What it writes would have to leave the region.
  WrittenInputs written = findWrittenInputs(**graph, builder.getContext());
  if (!written.names.empty())
    return fail(loc,
                node.target + ": writing in place to a tensor from outside of the region, '" +
                    written.names.begin()->getKey().str() + "', is not supported",
                ExitCode::UnsupportedOp);
  return graph->get();
}

/// The values of a list of operands.
FailureOr<GraphImporter::Values> GraphImporter::importOperands(Location loc, const CapturedNode &node, size_t position,
                                                               const Scope &scope) {
  const auto *list =
      position < node.arguments.size() ? std::get_if<Argument::List>(&node.arguments[position].second.value) : nullptr;
  if (!list)
    return fail(loc, node.target + " takes a list as argument " + Twine(position));
  Values operands;
  for (const Argument &element : *list) {
    FailureOr<Value> value = importArgument(loc, element, scope);
    if (failed(value))
      return failure();
    operands.push_back(toValue(loc, *value));
  }
  return operands;
}

/// Builds `graph` where the builder is. Gives the values of its outputs.
FailureOr<GraphImporter::Values> GraphImporter::importRegion(Location loc, const CapturedGraph &graph,
                                                             ValueRange inputs) {
  if (inputs.size() != graph.inputs.size())
    return fail(loc, "a region takes " + Twine(graph.inputs.size()) + " inputs and is given " + Twine(inputs.size()));
  Scope scope;
  for (auto [input, operand] : llvm::zip_equal(graph.inputs, inputs)) {
    Type type = convertType(input.type, /*isMutable=*/false, builder.getContext());
    if (!type)
      return fail(loc, "unsupported element type " + getElementTypeName(input.type.tensor.dtype),
                  ExitCode::UnsupportedOp);
    Value value = toType(loc, operand, type);
    if (auto tensor = dyn_cast<torch::ValueTensorType>(type); tensor && isMutable)
      value = torch::CopyToNonValueTensorOp::create(builder, loc,
                                                    cast<torch::BaseTensorType>(Type(tensor)).getNonValueType(), value);
    if (failed(define(loc, input, value, scope)))
      return failure();
  }
  if (failed(importNodes(graph, scope)))
    return failure();
  Values outputs;
  for (const Argument &output : graph.outputs) {
    FailureOr<Value> value = importArgument(loc, output, scope);
    if (failed(value))
      return failure();
    outputs.push_back(toValue(loc, *value));
  }
  return outputs;
}

/// Gives `results` the names of the node's outputs.
LogicalResult GraphImporter::defineResults(Location loc, const CapturedNode &node, ValueRange results, Scope &scope) {
  if (results.size() != node.outputs.size())
    return fail(loc, node.target + " has another number of results than its graphs");
  for (auto [output, result] : llvm::zip_equal(node.outputs, results)) {
    Value value = toType(loc, result, convertType(output.type, /*isMutable=*/false, builder.getContext()));
    if (auto tensor = dyn_cast<torch::ValueTensorType>(value.getType()); tensor && isMutable)
      value = torch::CopyToNonValueTensorOp::create(builder, loc,
                                                    cast<torch::BaseTensorType>(Type(tensor)).getNonValueType(), value);
    if (failed(define(loc, output, value, scope)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The operators
//===----------------------------------------------------------------------===//

/// cond(pred, true_graph, false_graph, operands)
LogicalResult GraphImporter::importCond(Location loc, const CapturedNode &node, Scope &scope) {
  auto onTrue = getGraph(loc, node, 1), onFalse = getGraph(loc, node, 2);
  auto operands = importOperands(loc, node, 3, scope);
  if (failed(onTrue) || failed(onFalse) || failed(operands))
    return failure();
  FailureOr<Value> predicate = importArgument(loc, node.arguments.front().second, scope);
  if (failed(predicate))
    return failure();

  SmallVector<Type> types;
  for (const CapturedValue &output : node.outputs)
    if (!types.emplace_back(getResultType(output.type, builder.getContext())))
      return fail(loc, "unsupported element type " + getElementTypeName(output.type.tensor.dtype),
                  ExitCode::UnsupportedOp);
  auto branch = torch::PrimIfOp::create(builder, loc, types, toCondition(loc, *predicate));
  for (auto [region, graph] : {std::pair(&branch.getThenRegion(), *onTrue), {&branch.getElseRegion(), *onFalse}}) {
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(region);
    auto results = importRegion(loc, *graph, *operands);
    if (failed(results))
      return failure();
    if (results->size() != types.size())
      return fail(loc, node.target + " has another number of results than its graphs");
    for (auto [result, type] : llvm::zip_equal(*results, types))
      result = toType(loc, result, type);
    torch::PrimIfYieldOp::create(builder, loc, *results);
  }
  return defineResults(loc, node, branch.getResults(), scope);
}

/// while_loop(cond_graph, body_graph, carried_inputs, additional_inputs)
LogicalResult GraphImporter::importWhileLoop(Location loc, const CapturedNode &node, Scope &scope) {
  auto condition = getGraph(loc, node, 0), body = getGraph(loc, node, 1);
  auto carried = importOperands(loc, node, 2, scope), captured = importOperands(loc, node, 3, scope);
  if (failed(condition) || failed(body) || failed(carried) || failed(captured))
    return failure();
  if ((*body)->inputs.size() != carried->size() + captured->size() || (*body)->outputs.size() != carried->size())
    return fail(loc, node.target + " has a body of another number of inputs or outputs");

  SmallVector<Type> types;
  for (auto [i, value] : llvm::enumerate(*carried)) {
    const ValueType &type = (*body)->inputs[i].type;
    if (!types.emplace_back(getResultType(type, builder.getContext())))
      return fail(loc, "unsupported element type " + getElementTypeName(type.tensor.dtype), ExitCode::UnsupportedOp);
    value = toType(loc, value, types.back());
  }
  auto withCaptured = [&](ValueRange values) {
    Values inputs = llvm::to_vector(values);
    llvm::append_range(inputs, *captured);
    return inputs;
  };
  auto evaluateCondition = [&](ValueRange values) -> FailureOr<Value> {
    auto results = importRegion(loc, **condition, withCaptured(values));
    if (failed(results))
      return failure();
    if (results->size() != 1)
      return fail(loc, node.target + " has a condition of more than one result");
    return toCondition(loc, results->front());
  };

  FailureOr<Value> first = evaluateCondition(*carried);
  if (failed(first))
    return failure();
  Value unbounded = createInt(loc, std::numeric_limits<int64_t>::max());
  auto loop = torch::PrimLoopOp::create(builder, loc, types, unbounded, *first, *carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    SmallVector<Type> arguments{builder.getType<torch::IntType>()};
    llvm::append_range(arguments, types);
    Block *block = builder.createBlock(&loop.getRegion(), {}, arguments, SmallVector<Location>(arguments.size(), loc));
    auto results = importRegion(loc, **body, withCaptured(block->getArguments().drop_front()));
    if (failed(results))
      return failure();
    for (auto [result, type] : llvm::zip_equal(*results, types))
      result = toType(loc, result, type);
    FailureOr<Value> next = evaluateCondition(*results);
    if (failed(next))
      return failure();
    torch::PrimLoopConditionOp::create(builder, loc, *next, *results);
  }
  return defineResults(loc, node, loop.getResults(), scope);
}

/// scan(combine_graph, init, xs, additional_inputs): the graph takes what is
/// carried and one slice of each of xs, and gives what is carried on and one slice
/// of each result. map_impl(graph, xs, operands) carries nothing.
///
/// The first slice is computed ahead of the loop, which shows the shapes of the
/// results; torch demands that there is one.
LogicalResult GraphImporter::importScan(Location loc, const CapturedNode &node, Scope &scope) {
  bool isMap = node.target == "higher_order.map_impl";
  auto graph = getGraph(loc, node, 0);
  auto init = isMap ? FailureOr<Values>(Values()) : importOperands(loc, node, 1, scope);
  auto xs = importOperands(loc, node, isMap ? 1 : 2, scope), captured = importOperands(loc, node, isMap ? 2 : 3, scope);
  if (failed(graph) || failed(init) || failed(xs) || failed(captured))
    return failure();
  size_t carriedCount = init->size();
  auto isTensor = [](Value value) { return isa<torch::ValueTensorType>(value.getType()); };
  if (xs->empty() || !llvm::all_of(*xs, isTensor) || (*graph)->outputs.size() < carriedCount)
    return fail(loc, node.target + " takes tensors to run over, and carries on what it is given");

  torch::AtenBuilder b(builder, loc);
  // What is carried, then the slices of the results.
  auto runStep = [&](ValueRange carried, Value index) {
    Values inputs = llvm::to_vector(carried);
    for (Value x : *xs)
      inputs.push_back(b.create<torch::AtenSelectIntOp>(x, b.integer(0), index));
    llvm::append_range(inputs, *captured);
    return importRegion(loc, **graph, inputs);
  };
  FailureOr<Values> first = runStep(*init, b.integer(0));
  if (failed(first))
    return failure();
  Value count = b.size(xs->front(), 0);
  Values carried;
  SmallVector<Type> types;
  for (auto [i, value] : llvm::enumerate(*first)) {
    if (!isTensor(value))
      return fail(loc, node.target + " computes what is no tensor", ExitCode::UnsupportedOp);
    if (i < carriedCount) {
      const ValueType &stated = (*graph)->inputs[i].type;
      carried.push_back(toType(loc, value, getResultType(stated, builder.getContext())));
    } else {
      SmallVector<Value> sizes{count};
      llvm::append_range(sizes, b.sizes(value));
      carried.push_back(b.expand(b.unsqueeze(value, 0), sizes));
    }
    types.push_back(carried.back().getType());
  }

  auto loop = torch::PrimLoopOp::create(builder, loc, types, b.sub(count, b.integer(1)), b.boolean(true), carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    SmallVector<Type> arguments{builder.getType<torch::IntType>()};
    llvm::append_range(arguments, types);
    Block *block = builder.createBlock(&loop.getRegion(), {}, arguments, SmallVector<Location>(arguments.size(), loc));
    Value index = b.add(block->getArgument(0), b.integer(1));
    ValueRange state = block->getArguments().drop_front();
    FailureOr<Values> results = runStep(state.take_front(carriedCount), index);
    if (failed(results))
      return failure();
    for (size_t i = 0; i < results->size(); ++i) {
      if (i >= carriedCount)
        (*results)[i] = b.create<torch::AtenSelectScatterOp>(state[i], (*results)[i], b.integer(0), index);
      (*results)[i] = toType(loc, (*results)[i], types[i]);
    }
    torch::PrimLoopConditionOp::create(builder, loc, b.boolean(true), *results);
  }
  return defineResults(loc, node, loop.getResults(), scope);
}
