//===- ImportProgram.cpp - captured programs as modules of the torch dialect ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphImporter.h"
#include "ModelState.h"
#include "ProgramTypes.h"
#include "WrittenInputs.h"

#include "torchc/Import/Import.h"
#include "torchc/Support/HostProvided.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace torchc;

//===----------------------------------------------------------------------===//
// The signature attribute
//===----------------------------------------------------------------------===//

/// Whether an expression is a symbol alone.
static bool isSymbol(StringRef expression) {
  return !expression.empty() && !llvm::isDigit(expression.front()) &&
         llvm::all_of(expression, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// A dim: its size, the name of its symbol, or "?" where it is neither.
static Attribute describeDim(Builder &builder, const SymInt &size) {
  if (size.isConstant())
    return builder.getI64IntegerAttr(size.value);
  return builder.getStringAttr(isSymbol(size.expression) ? size.expression : "?");
}

/// `{name = "x", dtype = "f32", dims = ["s0", 4]}`
static NamedAttrList describeValue(Builder &builder, StringRef name, const ValueType &type) {
  NamedAttrList entry;
  entry.append("name", builder.getStringAttr(name));
  SmallVector<Attribute> dims;
  StringRef dtype = type.kind == ValueType::Kind::Int     ? "i64"
                    : type.kind == ValueType::Kind::Float ? "f64"
                    : type.kind == ValueType::Kind::Bool  ? "i1"
                                                          : getElementTypeName(type.tensor.dtype);
  if (type.kind == ValueType::Kind::Tensor)
    for (const SymInt &size : type.tensor.sizes)
      dims.push_back(describeDim(builder, size));
  else
    entry.append("scalar", builder.getUnitAttr());
  entry.append("dtype", builder.getStringAttr(dtype));
  entry.append("dims", builder.getArrayAttr(dims));
  return entry;
}

static bool isScalar(ValueType::Kind kind) {
  return kind == ValueType::Kind::Int || kind == ValueType::Kind::Float || kind == ValueType::Kind::Bool;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {

/// Builds the function of one entry point.
class FunctionImporter {
public:
  FunctionImporter(const CapturedFunction &function, const WrittenInputs &written, ModelState &state, ModuleOp module)
      : function(function), written(written), state(state), module(module), builder(module.getContext()),
        importer(builder, written.hasInPlaceOps) {}

  LogicalResult import();
  ExitCode getFailure() const { return failureCode; }

private:
  LogicalResult fail(const Twine &message, ExitCode code) {
    failureCode = code;
    return emitError(module.getLoc()) << message;
  }

  LogicalResult importInputs();
  LogicalResult importUserInput(const CapturedValue &input, int64_t leaf);
  void importSpecialized(const InputSpec &spec, int64_t leaf);
  LogicalResult importTensor(const InputSpec &spec, const CapturedValue &input);
  LogicalResult importOutputs();
  LogicalResult importUserOutput(const OutputSpec &spec, const Argument &output, int64_t leaf);
  LogicalResult storeTensor(StringRef tensor, Value value);
  LogicalResult storeWrittenInputs();
  void addOutput(StringRef name, const ValueType &type, Value value, std::optional<int64_t> leaf, StringRef mutates);
  void setSignature();

  /// An entry of the signature; `leaf` is its position among the flattened
  /// inputs or outputs, those counted that the function does not have.
  Attribute finish(NamedAttrList entry, std::optional<int64_t> leaf);

  const CapturedFunction &function;
  const WrittenInputs &written;
  ModelState &state;
  ModuleOp module;
  OpBuilder builder;
  GraphImporter importer;
  func::FuncOp func;
  Scope scope;
  /// Loads of globals, by symbol: tied tensors are one value.
  llvm::StringMap<Value> loads;
  SmallVector<Attribute> inputEntries, outputEntries;
  SmallVector<Value> results;
  ExitCode failureCode = ExitCode::BadFile;
};

} // namespace

Attribute FunctionImporter::finish(NamedAttrList entry, std::optional<int64_t> leaf) {
  if (leaf)
    entry.append("leaf", builder.getI64IntegerAttr(*leaf));
  return entry.getDictionary(builder.getContext());
}

LogicalResult FunctionImporter::importUserInput(const CapturedValue &input, int64_t leaf) {
  if (input.type.kind != ValueType::Kind::Tensor && !isScalar(input.type.kind))
    return fail("input '" + input.name + "' is neither a tensor nor a number", ExitCode::UnsupportedOp);
  Type type = convertType(input.type, written.hasInPlaceOps, builder.getContext());
  if (!type)
    return fail("input '" + input.name + "' has an unsupported element type", ExitCode::UnsupportedOp);
  Location loc = NameLoc::get(builder.getStringAttr(input.name));
  if (!scope.values.try_emplace(input.name, func.getBody().addArgument(type, loc)).second)
    return fail("two inputs have the name '" + input.name + "'", ExitCode::BadFile);
  scope.types[input.name] = input.type;
  inputEntries.push_back(finish(describeValue(builder, input.name, input.type), leaf));
  return success();
}

/// Loads a parameter, buffer or constant at the start of the function.
LogicalResult FunctionImporter::importTensor(const InputSpec &spec, const CapturedValue &input) {
  Location loc = NameLoc::get(builder.getStringAttr(spec.target));
  auto global = state.getGlobal(loc, spec.target);
  if (failed(global)) {
    failureCode = state.getFailure();
    return failure();
  }
  if (spec.kind == InputSpec::Kind::Constant)
    (*global)->setAttr(kCodeConstantAttr, builder.getUnitAttr());
  Value &value = loads[global->getSymName()];
  if (!value) {
    auto symbol = FlatSymbolRefAttr::get(global->getSymNameAttr());
    auto type = cast<torch::ValueTensorType>(global->getType());
    value = global->getIsMutable() ? ml_program::GlobalLoadOp::create(builder, loc, type, symbol).getResult()
                                   : ml_program::GlobalLoadConstOp::create(builder, loc, type, symbol).getResult();
    if (written.hasInPlaceOps)
      value = torch::CopyToNonValueTensorOp::create(builder, loc,
                                                    cast<torch::BaseTensorType>(Type(type)).getNonValueType(), value);
  }
  if (!scope.values.try_emplace(input.name, value).second)
    return fail("two inputs have the name '" + input.name + "'", ExitCode::BadFile);
  scope.types[input.name] = input.type;
  return success();
}

/// Collects the names that a graph reads, those of graphs inside of it too.
static void collectUses(const Argument &argument, llvm::StringSet<> &names);
static void collectUses(const CapturedGraph &graph, llvm::StringSet<> &names) {
  for (const CapturedNode &node : graph.nodes)
    for (const auto &[name, argument] : node.arguments)
      collectUses(argument, names);
  for (const Argument &output : graph.outputs)
    collectUses(output, names);
}
static void collectUses(const Argument &argument, llvm::StringSet<> &names) {
  if (const auto *reference = std::get_if<ValueRef>(&argument.value))
    names.insert(reference->name);
  else if (const auto *list = std::get_if<Argument::List>(&argument.value))
    for (const Argument &element : *list)
      collectUses(element, names);
  else if (const auto *graph = std::get_if<std::shared_ptr<CapturedGraph>>(&argument.value))
    if (*graph)
      collectUses(**graph, names);
}

/// A number that the export took for granted is an input all the same: the
/// runtime holds what the caller passes against it. None and strings are no inputs.
void FunctionImporter::importSpecialized(const InputSpec &spec, int64_t leaf) {
  ValueType type;
  Attribute fixed;
  if (const auto *integer = std::get_if<int64_t>(&spec.value.value)) {
    type.kind = ValueType::Kind::Int;
    fixed = builder.getI64IntegerAttr(*integer);
  } else if (const auto *number = std::get_if<double>(&spec.value.value)) {
    type.kind = ValueType::Kind::Float;
    fixed = builder.getF64FloatAttr(*number);
  } else if (const auto *boolean = std::get_if<bool>(&spec.value.value)) {
    type.kind = ValueType::Kind::Bool;
    fixed = builder.getBoolAttr(*boolean);
  } else {
    return;
  }
  std::string name = spec.name.empty() ? "input" + std::to_string(leaf) : spec.name;
  Location loc = NameLoc::get(builder.getStringAttr(name));
  func.getBody().addArgument(convertType(type, written.hasInPlaceOps, builder.getContext()), loc);
  NamedAttrList entry = describeValue(builder, name, type);
  entry.append("fixed", fixed);
  inputEntries.push_back(finish(std::move(entry), leaf));
}

LogicalResult FunctionImporter::importInputs() {
  llvm::StringSet<> used;
  collectUses(function.graph, used);
  int64_t leaf = 0;
  for (auto [spec, input] : llvm::zip_equal(function.inputs, function.graph.inputs)) {
    switch (spec.kind) {
    case InputSpec::Kind::User:
      if (failed(importUserInput(input, leaf++)))
        return failure();
      break;
    case InputSpec::Kind::Specialized: importSpecialized(spec, leaf++); break;
    case InputSpec::Kind::Parameter:
    case InputSpec::Kind::Buffer:
    case InputSpec::Kind::Constant:
      if (used.contains(input.name) && failed(importTensor(spec, input)))
        return failure();
      break;
    }
  }
  return success();
}

void FunctionImporter::addOutput(StringRef name, const ValueType &type, Value value, std::optional<int64_t> leaf,
                                 StringRef mutates) {
  NamedAttrList entry = describeValue(builder, name, type);
  if (!mutates.empty())
    entry.append("mutates", builder.getStringAttr(mutates));
  outputEntries.push_back(finish(std::move(entry), leaf));
  results.push_back(value);
}

/// None is no result; the leaf numbers of the others tell where it was.
LogicalResult FunctionImporter::importUserOutput(const OutputSpec &spec, const Argument &output, int64_t leaf) {
  Location loc = module.getLoc();
  const auto *reference = std::get_if<ValueRef>(&output.value);
  if (!reference) {
    if (std::holds_alternative<std::monostate>(output.value))
      return success();
    ValueType type;
    if (std::holds_alternative<bool>(output.value))
      type.kind = ValueType::Kind::Bool;
    else if (std::holds_alternative<int64_t>(output.value))
      type.kind = ValueType::Kind::Int;
    else if (std::holds_alternative<double>(output.value))
      type.kind = ValueType::Kind::Float;
    else
      return fail("output " + Twine(leaf) + " is neither a tensor nor a number", ExitCode::UnsupportedOp);
    FailureOr<Value> value = importer.importArgument(loc, output, scope);
    addOutput("output" + std::to_string(leaf), type, *value, leaf, "");
    return success();
  }
  FailureOr<Value> value = importer.importArgument(loc, output, scope);
  if (failed(value))
    return failure();
  const ValueType &type = scope.types[reference->name];
  if (type.kind == ValueType::Kind::None)
    return success();
  if (type.kind == ValueType::Kind::TensorList)
    return fail("output '" + reference->name + "' is a list of tensors", ExitCode::UnsupportedOp);
  addOutput(spec.target.empty() ? reference->name : spec.target, type, *value, leaf, "");
  return success();
}

LogicalResult FunctionImporter::storeTensor(StringRef tensor, Value value) {
  Location loc = NameLoc::get(builder.getStringAttr(tensor));
  auto global = state.getGlobal(loc, tensor);
  if (failed(global)) {
    failureCode = state.getFailure();
    return failure();
  }
  if (auto type = dyn_cast<torch::NonValueTensorType>(value.getType()))
    value =
        torch::CopyToValueTensorOp::create(builder, loc, cast<torch::BaseTensorType>(Type(type)).getValueType(), value);
  if (value.getType() != global->getType())
    return fail("what is written to '" + tensor + "' has another type than the tensor", ExitCode::BadFile);
  ml_program::GlobalStoreOp::create(builder, loc, FlatSymbolRefAttr::get(global->getSymNameAttr()), value);
  return success();
}

/// State that in-place operators wrote goes back to its global; an input that
/// they wrote becomes one more output.
LogicalResult FunctionImporter::storeWrittenInputs() {
  for (auto [spec, input] : llvm::zip_equal(function.inputs, function.graph.inputs)) {
    if (!written.names.contains(input.name))
      continue;
    Value value = scope.values.lookup(input.name);
    if (spec.kind == InputSpec::Kind::User)
      addOutput(input.name, input.type, value, std::nullopt, input.name);
    else if (failed(storeTensor(spec.target, value)))
      return failure();
  }
  return success();
}

LogicalResult FunctionImporter::importOutputs() {
  int64_t leaf = 0;
  for (auto [spec, output] : llvm::zip_equal(function.outputs, function.graph.outputs)) {
    if (spec.kind == OutputSpec::Kind::User) {
      if (failed(importUserOutput(spec, output, leaf++)))
        return failure();
      continue;
    }
    FailureOr<Value> value = importer.importArgument(module.getLoc(), output, scope);
    if (failed(value))
      return failure();
    if (spec.kind == OutputSpec::Kind::UserInputMutation) {
      const auto *reference = std::get_if<ValueRef>(&output.value);
      if (!reference)
        return fail("what is written to input '" + spec.target + "' is not a tensor", ExitCode::BadFile);
      addOutput(reference->name, scope.types[reference->name], *value, std::nullopt, spec.target);
    } else if (failed(storeTensor(spec.target, *value))) {
      return failure();
    }
  }
  return storeWrittenInputs();
}

void FunctionImporter::setSignature() {
  NamedAttrList signature;
  signature.append("inputs", builder.getArrayAttr(inputEntries));
  signature.append("outputs", builder.getArrayAttr(outputEntries));
  signature.append("input_spec", builder.getStringAttr(function.inputSpec));
  signature.append("output_spec", builder.getStringAttr(function.outputSpec));
  func->setAttr("torchc.signature", signature.getDictionary(builder.getContext()));
}

LogicalResult FunctionImporter::import() {
  builder.setInsertionPointToEnd(module.getBody());
  func = func::FuncOp::create(builder, module.getLoc(), function.name, builder.getFunctionType({}, {}));
  Block *body = func.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  if (failed(importInputs()))
    return failure();
  if (failed(importer.importNodes(function.graph, scope)) || failed(importOutputs())) {
    if (importer.getFailure() != ExitCode::Success)
      failureCode = importer.getFailure();
    return failure();
  }
  func::ReturnOp::create(builder, module.getLoc(), results);
  func.setType(builder.getFunctionType(body->getArgumentTypes(), ValueRange(results).getTypes()));
  setSignature();
  return success();
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// Tells the state which tensors the function writes.
static void markMutable(const CapturedFunction &function, const WrittenInputs &written, ModelState &state) {
  for (const InputSpec &spec : function.inputs)
    if (written.names.contains(spec.name) && !spec.target.empty())
      state.setMutable(spec.target);
  for (const OutputSpec &spec : function.outputs)
    if (spec.kind == OutputSpec::Kind::BufferMutation || spec.kind == OutputSpec::Kind::ParameterMutation)
      state.setMutable(spec.target);
}

static void setSymbols(const CapturedProgram &program, ModuleOp module) {
  Builder builder(module.getContext());
  NamedAttrList symbols;
  for (const SymbolRange &range : program.symbols)
    symbols.set(range.symbol, builder.getI64ArrayAttr({range.min, range.max}));
  module->setAttr("torchc.symbols", symbols.getDictionary(module.getContext()));
}

ImportResult torchc::importProgram(const CapturedProgram &program, MLIRContext &context) {
  context.loadDialect<torch::TorchDialect, func::FuncDialect, ml_program::MLProgramDialect>();
  Location loc = UnknownLoc::get(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  setSymbols(program, *module);

  ModelState state(program, *module);
  std::vector<WrittenInputs> written;
  for (const CapturedFunction &function : program.functions) {
    if (function.inputs.size() != function.graph.inputs.size() ||
        function.outputs.size() != function.graph.outputs.size()) {
      emitError(loc) << "function '" << function.name << "' and its graph differ in number of inputs or outputs";
      return {{}, ExitCode::BadFile};
    }
    written.push_back(findWrittenInputs(function.graph, &context));
    markMutable(function, written.back(), state);
  }
  for (auto [function, writes] : llvm::zip_equal(program.functions, written)) {
    FunctionImporter importer(function, writes, state, *module);
    if (failed(importer.import()))
      return {{}, importer.getFailure()};
  }
  if (failed(verify(*module)))
    return {{}, ExitCode::BadFile};
  return {std::move(module), ExitCode::Success};
}
