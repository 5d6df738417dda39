//===- GraphImporter.cpp - nodes of a captured graph as torch ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphImporter.h"
#include "InlinedGraphs.h"
#include "ProgramTypes.h"
#include "SourceLocations.h"
#include "Strides.h"

#include "torchc/Dialect/Torch/IR/Aliasing.h"

using namespace mlir;
using namespace torchc;

LogicalResult GraphImporter::fail(Location loc, const Twine &message, ExitCode code) {
  if (failureCode == ExitCode::Success)
    failureCode = code;
  return emitError(loc) << message;
}

LogicalResult GraphImporter::importNodes(const CapturedGraph &graph, Scope &scope) {
  for (const CapturedNode &node : graph.nodes)
    if (failed(importNode(node, scope)))
      return failure();
  return success();
}

/// Binds what a node defines to `value`.
LogicalResult GraphImporter::define(Location loc, const CapturedValue &output, Value value, Scope &scope) {
  auto bind = [&](StringRef name, Value bound, const ValueType &type) -> LogicalResult {
    if (name.empty())
      return success();
    if (!scope.values.try_emplace(name, bound).second)
      return fail(loc, "the name '" + name + "' is defined twice");
    scope.types[name] = type;
    return success();
  };
  if (failed(bind(output.name, value, output.type)))
    return failure();
  if (output.type.kind != ValueType::Kind::TensorList)
    return success();

  SmallVector<Type> types;
  for (const TensorMeta &element : output.type.elements) {
    types.push_back(convertTensorType(element, isMutable, builder.getContext()));
    if (!types.back())
      return fail(loc, "unsupported element type", ExitCode::UnsupportedOp);
  }
  auto unpack = torch::PrimListUnpackOp::create(builder, loc, types, value);
  scope.lists[output.name] = llvm::to_vector(ValueRange(unpack.getElements()));
  for (auto [name, element, meta] : llvm::zip(output.elementNames, unpack.getElements(), output.type.elements))
    if (failed(bind(name, element, {ValueType::Kind::Tensor, meta, {}})))
      return failure();
  return success();
}

LogicalResult GraphImporter::createOp(Location loc, const CapturedNode &node, StringRef opName, ValueRange operands,
                                      Scope &scope) {
  OperationState state(loc, opName);
  bool isRegistered = RegisteredOperationName::lookup(opName, builder.getContext()).has_value();
  if (!isRegistered) {
    state.name = OperationName(torch::OperatorOp::getOperationName(), builder.getContext());
    state.addAttribute("name", builder.getStringAttr(node.target));
  }
  state.addOperands(operands);
  for (const CapturedValue &output : node.outputs) {
    Type type = convertType(output.type, isMutable, builder.getContext());
    if (!type)
      return fail(loc, "unsupported element type " + getElementTypeName(output.type.tensor.dtype),
                  ExitCode::UnsupportedOp);
    state.addTypes(type);
  }
  Operation *op = builder.create(state);
  // What a write to the result is a write to, and strides are not part of types.
  const auto *self = node.arguments.empty() ? nullptr : std::get_if<ValueRef>(&node.arguments.front().second.value);
  if (auto type = self ? scope.types.find(self->name) : scope.types.end(); isMutable && type != scope.types.end())
    if (auto isView = givesView(node, type->second.tensor))
      op->setAttr(torch::kIsViewAttr, builder.getBoolAttr(*isView));
  for (auto [output, value] : llvm::zip(node.outputs, op->getResults()))
    if (failed(define(loc, output, value, scope)))
      return failure();
  return success();
}

/// `operator.getitem(list, position)`: the list came apart where it was made.
LogicalResult GraphImporter::importGetItem(Location loc, const CapturedNode &node, Scope &scope) {
  const auto *list = node.arguments.size() == 2 ? std::get_if<ValueRef>(&node.arguments[0].second.value) : nullptr;
  const auto *position = list ? std::get_if<int64_t>(&node.arguments[1].second.value) : nullptr;
  auto found = list ? scope.lists.find(list->name) : scope.lists.end();
  if (!position || found == scope.lists.end() || node.outputs.size() != 1)
    return fail(loc, "operator.getitem takes a list of tensors and a constant position");
  if (*position < 0 || *position >= static_cast<int64_t>(found->second.size()))
    return fail(loc, "operator.getitem is out of range");
  return define(loc, node.outputs.front(), found->second[*position], scope);
}

LogicalResult GraphImporter::importInlinedGraph(const CapturedNode &node, const CapturedGraph &graph,
                                                ArrayRef<std::pair<std::string, Argument>> operands, Scope &scope) {
  Location loc = getLocation(node, builder.getContext());
  if (operands.size() != graph.inputs.size() || node.outputs.size() != graph.outputs.size())
    return fail(loc, node.target + " has another number of operands or results than its graph");
  Scope inner;
  for (auto [input, operand] : llvm::zip_equal(graph.inputs, operands)) {
    FailureOr<Value> value = importArgument(loc, operand.second, scope);
    if (failed(value) || failed(define(loc, input, *value, inner)))
      return failure();
  }
  if (failed(importNodes(graph, inner)))
    return failure();
  for (auto [output, result] : llvm::zip_equal(node.outputs, graph.outputs)) {
    FailureOr<Value> value = importArgument(loc, result, inner);
    if (failed(value) || failed(define(loc, output, *value, scope)))
      return failure();
  }
  return success();
}

/// Tensors of the dialect have no strides: what counts in the memory of a tensor counts in row-major order.
LogicalResult GraphImporter::checkStrided(Location loc, const CapturedNode &node, const Scope &scope) {
  if (!StringRef(node.target).starts_with("aten.as_strided") || node.arguments.empty())
    return success();
  const auto *self = std::get_if<ValueRef>(&node.arguments.front().second.value);
  auto type = self ? scope.types.find(self->name) : scope.types.end();
  if (type != scope.types.end() && type->second.kind == ValueType::Kind::Tensor && isContiguous(type->second.tensor) &&
      type->second.tensor.storageOffset.value == 0)
    return success();
  return fail(loc, "unsupported op " + node.target + ": of a tensor that is not row-major", ExitCode::UnsupportedOp);
}

LogicalResult GraphImporter::importNode(const CapturedNode &node, Scope &scope) {
  Location loc = getLocation(node, builder.getContext());
  if (failed(checkStrided(loc, node, scope)))
    return failure();
  if (auto inlined = getInlinedGraph(node))
    return importInlinedGraph(node, *inlined->graph, inlined->operands, scope);
  if (node.target == "operator.getitem")
    return importGetItem(loc, node, scope);
  if (node.target == "higher_order.cond")
    return importCond(loc, node, scope);
  if (node.target == "higher_order.while_loop")
    return importWhileLoop(loc, node, scope);
  if (node.target == "higher_order.scan" || node.target == "higher_order.map_impl")
    return importScan(loc, node, scope);

  std::string opName = "torch." + node.target;
  auto schema = lookupSchema(opName);
  FailureOr<Values> operands =
      schema ? importSchemaOperands(loc, node, *schema, scope) : importPlainOperands(loc, node, scope);
  if (failed(operands))
    return failure();
  if (!schema && node.outputs.size() == 1)
    if (Value number = createScalarOp(loc, node.target, *operands))
      return define(loc, node.outputs.front(), number, scope);
  return createOp(loc, node, opName, *operands, scope);
}
