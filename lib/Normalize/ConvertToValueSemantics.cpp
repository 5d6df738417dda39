//===- ConvertToValueSemantics.cpp - rewrites mutable, aliased tensors into values ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Normalize/Passes.h"

#include "Aliases.h"
#include "torchc/Dialect/Torch/IR/PartBounds.h"
#include "torchc/Dialect/Torch/IR/ShapeInference.h"
#include "torchc/Dialect/Torch/IR/TorchName.h"
#include "torchc/Support/UnsupportedOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace torchc {
#define GEN_PASS_DEF_CONVERTTOVALUESEMANTICS
#include "torchc/Normalize/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// The type with each `!torch.tensor` in it a `!torch.vtensor`.
static Type convertType(Type type) {
  if (auto tensor = dyn_cast<NonValueTensorType>(type))
    return cast<BaseTensorType>(Type(tensor)).getValueType();
  if (auto list = dyn_cast<ListType>(type))
    return ListType::get(convertType(list.getContainedType()));
  if (auto optional = dyn_cast<OptionalType>(type))
    return OptionalType::get(convertType(optional.getContainedType()));
  return type;
}

static bool isMutable(Type type) { return convertType(type) != type; }

static bool touchesMutable(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isMutable) || llvm::any_of(op->getResultTypes(), isMutable);
}

namespace {
/// Converts one function, op by op in their order.
class FunctionConverter {
public:
  FunctionConverter(func::FuncOp function) : function(function), builder(function.getContext()) {}

  LogicalResult convert();
  /// The globals that the function writes, stored at its end.
  const SmallVector<FlatSymbolRefAttr> &getWrittenGlobals() const { return writtenGlobals; }

private:
  LogicalResult convertOp(Operation *op);
  LogicalResult convertInPlace(Operation *op, AtenBuilder &b);
  /// A batch or instance norm in training that writes its running statistics.
  LogicalResult convertTrainingNorm(Operation *op, AtenBuilder &b);
  /// The results of `op`, which takes them from place `first` on of the list `whole` (all of it or some):
  /// of a list of views each is a view by itself, a slice or a select.
  LogicalResult defineParts(Operation *op, Value whole, int64_t first, bool areAll, AtenBuilder &b);
  /// Ops of values: operands are read, results are new memory.
  LogicalResult convertOnValues(Operation *op, AtenBuilder &b);
  void storeGlobals(Operation *terminator);
  /// `value`, read where it is a mutable tensor or holds one; null after an error.
  Value read(Value value, Operation *reader, AtenBuilder &b);

  InFlightDiagnostic refuse(Operation *op) { return emitUnsupportedOp(getTorchName(op), op->getLoc()) << ": "; }

  func::FuncOp function;
  OpBuilder builder;
  Aliases aliases;
  llvm::DenseMap<Attribute, Value> globalTensors;
  /// The tensors that an op which gives a list takes.
  llvm::DenseMap<Value, SmallVector<Value>> sourcesOfLists;
  SmallVector<FlatSymbolRefAttr> writtenGlobals;
  SmallVector<Operation *> erased;
};
} // namespace

Value FunctionConverter::read(Value value, Operation *reader, AtenBuilder &b) {
  if (aliases.contains(value))
    return aliases.read(value, reader, b);
  if (!isMutable(value.getType()))
    return value;
  Operation *op = value.getDefiningOp();
  if (auto derefine = dyn_cast_or_null<DerefineOp>(op)) {
    Value operand = read(derefine.getOperand(), reader, b);
    if (!operand)
      return {};
    return DerefineOp::create(b.getBuilder(), op->getLoc(), convertType(value.getType()), operand);
  }
  if (auto list = dyn_cast_or_null<PrimListConstructOp>(op)) {
    SmallVector<Value> elements;
    for (Value element : list.getElements())
      if (!elements.emplace_back(read(element, reader, b)))
        return {};
    return PrimListConstructOp::create(b.getBuilder(), op->getLoc(), convertType(value.getType()), elements);
  }
  // A list of views is taken where it is read.
  if (op && op->hasTrait<IsView>() && isa<ListType>(value.getType())) {
    ViewStep step{op->getName().getStringRef(), llvm::to_vector(op->getOperands().drop_front()), {}};
    Value viewed = read(op->getOperand(0), reader, b);
    if (!viewed)
      return {};
    SmallVector<Value> operands{viewed};
    llvm::append_range(operands, step.arguments);
    return b.createOp(step.op, convertType(value.getType()), operands)->getResult(0);
  }
  refuse(reader) << "mutable tensors inside of " << value.getType() << " cannot be followed";
  return {};
}

LogicalResult FunctionConverter::convertOnValues(Operation *op, AtenBuilder &b) {
  SmallVector<Value> sources;
  for (Value operand : op->getOperands()) {
    auto list = operand.getDefiningOp<PrimListConstructOp>();
    llvm::copy_if(list ? ValueRange(list.getElements()) : ValueRange(operand), std::back_inserter(sources),
                  [&](Value value) { return aliases.contains(value); });
  }
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = read(operand.get(), op, b);
    if (!value)
      return failure();
    operand.set(value);
  }
  for (Value result : op->getResults()) {
    if (!isMutable(result.getType()))
      continue;
    if (isa<ListType>(result.getType())) {
      result.setType(convertType(result.getType()));
      sourcesOfLists[result] = sources;
      continue;
    }
    if (!isa<NonValueTensorType>(result.getType()))
      return refuse(op) << "a result of type " << result.getType() << " cannot be followed";
    result.setType(convertType(result.getType()));
    aliases.define(result, result);
  }
  return success();
}

/// `aten.add_.Tensor` -> `aten.add.Tensor`
static std::string getFunctionalName(Operation *op) {
  // The name that the rule gives is taken by a function that makes a tensor.
  if (isa<AtenNormal_Op>(op))
    return AtenNormalFunctionalOp::getOperationName().str();
  SmallVector<StringRef> parts;
  op->getName().getStringRef().split(parts, '.');
  parts[2] = parts[2].drop_back();
  return llvm::join(parts, ".");
}

/// Outside of training, dropout_ writes nothing.
static bool isIdleDropout(Operation *op) {
  return isa<AtenDropout_Op, AtenAlphaDropout_Op, AtenFeatureDropout_Op>(op) &&
         getConstantBool(op->getOperand(2)) == false;
}

LogicalResult FunctionConverter::convertInPlace(Operation *op, AtenBuilder &b) {
  Value tensor = op->getOperand(0);
  auto finish = [&] {
    for (Value result : op->getResults())
      aliases.defineSame(result, tensor);
    erased.push_back(op);
    return success();
  };
  if (!aliases.contains(tensor))
    return refuse(op) << "writes to a value";
  if (isa<AtenDetach_Op>(op) || isIdleDropout(op))
    return finish();
  if (StringRef view = getViewOpOfInPlace(op); !view.empty()) {
    ViewStep step{view, llvm::to_vector(op->getOperands().drop_front()),
                  cast<BaseTensorType>(op->getResult(0).getType()).getValueType()};
    for (Value &argument : step.arguments)
      if (!(argument = read(argument, op, b)))
        return failure();
    aliases.review(tensor, std::move(step));
    return finish();
  }

  OperationName name(getFunctionalName(op), op->getContext());
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    if (!operands.emplace_back(read(operand, op, b)))
      return failure();
  auto types = inferResultTypes(name, operands);
  auto own = cast<BaseTensorType>(operands[0].getType());
  if (!own.hasDtype())
    return refuse(op) << "the dtype of what it writes is not known";
  // PyTorch refuses to write what is of a higher category than the tensor's own dtype, so that no
  // digits are lost in it.
  auto inferred = succeeded(types) ? dyn_cast<ValueTensorType>(types->front()) : ValueTensorType();
  Type dtype = inferred && inferred.hasDtype() ? inferred.getDtype() : own.getDtype();
  // What is written has the tensor's own shape, and is brought to its dtype.
  auto computed = ValueTensorType::get(op->getContext(), own.hasRank(),
                                       own.hasRank() ? own.getSizes() : ArrayRef<int64_t>(), dtype);
  Value value = b.convert(b.createOp(name.getStringRef(), computed, operands)->getResult(0), own.getDtype());
  if (failed(aliases.write(tensor, value, op, b)))
    return failure();
  return finish();
}

/// Whether a norm writes its running statistics, operands 3 and 4: where operand 5 says so, or always.
static bool writesRunningStatistics(Operation *op) {
  if (isa<Aten_BatchNormWithUpdateOp>(op))
    return true;
  return isa<AtenBatchNormOp, AtenNativeBatchNormOp, Aten_NativeBatchNormLegitOp, AtenInstanceNormOp>(op) &&
         getConstantBool(op->getOperand(5)) == true && !isNone(op->getOperand(3)) && !isNone(op->getOperand(4));
}

LogicalResult FunctionConverter::convertTrainingNorm(Operation *op, AtenBuilder &b) {
  // input, weight, bias, running_mean, running_var, [training], momentum, eps
  bool hasReserve = isa<Aten_BatchNormWithUpdateOp>(op), isInstanceNorm = isa<AtenInstanceNormOp>(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands().take_front(hasReserve ? 7 : 8))
    if (!operands.emplace_back(read(operand, op, b)))
      return failure();
  Value input = operands[0];
  // Of no elements, the statistics stay as they are.
  if (isa<AtenBatchNormOp>(op) && getTensorType(input).hasRank() &&
      llvm::is_contained(getTensorType(input).getSizes(), 0)) {
    aliases.define(op->getResult(0), input);
    erased.push_back(op);
    return success();
  }
  if (!getTensorType(input).hasRank() || getTensorType(input).getRank() < 2)
    return refuse(op) << "an input whose rank is not known, or less than 2";
  Value batch = b.size(input, 0), channels = b.size(input, 1);
  if (isInstanceNorm) {
    // A batch norm whose channels are those of every element of the batch.
    SmallVector<Value> sizes = b.sizes(input);
    sizes[1] = b.mul(batch, channels);
    sizes[0] = b.integer(1);
    operands[0] = b.create<AtenReshapeOp>(input, b.list(sizes));
    for (Value &perChannel : MutableArrayRef(operands).slice(1, 4))
      if (!isNone(perChannel))
        perChannel = b.create<AtenRepeatOp>(perChannel, b.list({batch}));
  }
  StringRef name = hasReserve ? Aten_BatchNormWithUpdateFunctionalOp::getOperationName()
                              : Aten_NativeBatchNormLegitFunctionalOp::getOperationName();
  SmallVector<Value> values(b.createOp(name, {}, operands)->getResults());
  if (isInstanceNorm) {
    values[0] = b.view(values[0], b.sizes(input));
    for (Value &running : MutableArrayRef(values).take_back(2))
      running = b.mean(b.view(running, {batch, channels}), {0}, false);
  }
  for (auto [running, value] : llvm::zip_equal(op->getOperands().slice(3, 2), ArrayRef(values).take_back(2)))
    if (failed(aliases.write(running, value, op, b)))
      return failure();
  for (auto [result, value] : llvm::zip(op->getResults(), values))
    aliases.define(result, value);
  erased.push_back(op);
  return success();
}

LogicalResult FunctionConverter::defineParts(Operation *op, Value whole, int64_t first, bool areAll, AtenBuilder &b) {
  Operation *list = whole.getDefiningOp();
  ResultRange parts = op->getResults();
  if (auto construct = dyn_cast_or_null<PrimListConstructOp>(list)) {
    if (first + parts.size() > construct.getElements().size())
      return refuse(op) << "element " << first + parts.size() - 1 << " of a shorter list";
    for (auto [i, part] : llvm::enumerate(parts))
      aliases.defineSame(part, construct.getElements()[first + i]);
    return success();
  }
  Value viewed = list && list->getNumOperands() > 0 ? list->getOperand(0) : Value();
  bool areTensors = llvm::all_of(parts, [](Value part) { return isa<BaseTensorType>(part.getType()); });
  if (!viewed || !list->hasTrait<IsView>() || !aliases.contains(viewed) || !areTensors)
    return refuse(op) << "a list of mutable tensors that cannot be followed";
  Value tensor = aliases.read(viewed, op, b);
  if (!tensor)
    return failure();
  int64_t count = first + parts.size();
  auto bounds = buildPartBounds(list, tensor, TakenParts{count, areAll}, b);
  if (!bounds)
    return refuse(op) << "parts of a mutable tensor whose sizes are not known";
  if (count >= static_cast<int64_t>(bounds->places.size()))
    return refuse(op) << "element " << count - 1 << " of a shorter list";
  Value dim = b.integer(bounds->dim);
  for (auto [i, part] : llvm::enumerate(parts)) {
    ArrayRef<Value> places = ArrayRef(bounds->places).drop_front(first + i);
    auto type = cast<BaseTensorType>(part.getType()).getValueType();
    if (isa<AtenUnbindIntOp>(list))
      aliases.defineView(part, viewed, {"torch.aten.select.int", {dim, places[0]}, type});
    else
      aliases.defineView(part, viewed, {"torch.aten.slice.Tensor", {dim, places[0], places[1], b.integer(1)}, type});
  }
  return success();
}

/// Whether mutable tensors enter or leave the regions of `op`. Asked before anything
/// is converted: a converted tensor has the type of a value.
static bool sharesMutable(Operation *op) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  auto isMutableValue = [](Value value) { return isMutable(value.getType()); };
  bool areArgumentsMutable = llvm::any_of(op->getRegions(), [&](Region &region) {
    return llvm::any_of(region, [&](Block &block) { return llvm::any_of(block.getArguments(), isMutableValue); });
  });
  return touchesMutable(op) || llvm::any_of(captured, isMutableValue) || areArgumentsMutable;
}

LogicalResult FunctionConverter::convertOp(Operation *op) {
  // A tensor that was visited has the type of a value already.
  auto touches = [&](Operation *op) {
    return touchesMutable(op) || llvm::any_of(op->getOperands(), [&](Value value) { return aliases.contains(value); });
  };
  bool isTouched = touches(op);
  if (op->getNumRegions() > 0) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Operation &inner : llvm::make_early_inc_range(block))
          if (failed(convertOp(&inner)))
            return failure();
    return success();
  }
  if (!isTouched)
    return success();
  builder.setInsertionPoint(op);
  AtenBuilder b(builder, op->getLoc());

  if (auto copy = dyn_cast<CopyToNonValueTensorOp>(op)) {
    // The mutable copy of a loaded global is that global, and one for all loads.
    Operation *load = copy.getOperand().getDefiningOp();
    auto global = isa_and_nonnull<ml_program::GlobalLoadOp, ml_program::GlobalLoadConstOp>(load)
                      ? load->getAttrOfType<FlatSymbolRefAttr>("global")
                      : FlatSymbolRefAttr();
    if (Value known = global ? globalTensors.lookup(global) : Value()) {
      aliases.defineSame(copy.getResult(), known);
    } else {
      aliases.define(copy.getResult(), copy.getOperand()).storage->global = global;
      if (global)
        globalTensors[global] = copy.getResult();
    }
    erased.push_back(op);
    return success();
  }
  if (auto copy = dyn_cast<CopyToValueTensorOp>(op)) {
    Value value = aliases.read(copy.getOperand(), op, b);
    if (!value)
      return failure();
    copy.getResult().replaceAllUsesWith(value);
    erased.push_back(op);
    return success();
  }
  if (auto overwrite = dyn_cast<OverwriteTensorContentsOp>(op)) {
    erased.push_back(op);
    return aliases.write(overwrite.getOverwritten(), overwrite.getValue(), op, b);
  }
  if (auto literal = dyn_cast<NonValueTensorLiteralOp>(op)) {
    auto type = cast<ValueTensorType>(convertType(literal.getType()));
    Value value = ValueTensorLiteralOp::create(builder, op->getLoc(), type, literal.getValue());
    value.getDefiningOp()->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    aliases.define(literal.getResult(), value);
    erased.push_back(op);
    return success();
  }
  if (auto unpack = dyn_cast<PrimListUnpackOp>(op)) {
    if (auto sources = sourcesOfLists.find(unpack.getOperand()); sources != sourcesOfLists.end()) {
      // The schema of meshgrid, for one, does not say that its results are views.
      for (Value part : unpack.getResults()) {
        part.setType(convertType(part.getType()));
        aliases.defineSuspect(part, part, sources->second);
      }
      return success();
    }
    erased.push_back(op);
    return defineParts(op, unpack.getOperand(), 0, /*areAll=*/true, b);
  }
  if (auto item = dyn_cast<Aten__Getitem__TOp>(op)) {
    erased.push_back(op);
    auto index = getConstantInt(item.getIdx());
    if (!index || *index < 0)
      return refuse(op) << "an element of a list of mutable tensors that is not a constant one";
    return defineParts(op, item.getList(), *index, /*areAll=*/false, b);
  }
  // Read where their readers are.
  if (isa<PrimListConstructOp, DerefineOp>(op) ||
      (op->hasTrait<IsView>() && isa<ListType>(op->getResult(0).getType()))) {
    erased.push_back(op);
    return success();
  }
  if (writesRunningStatistics(op))
    return convertTrainingNorm(op, b);
  if (op->hasTrait<IsInPlace>())
    return convertInPlace(op, b);
  if (op->getNumResults() != 1 || !isa<NonValueTensorType>(op->getResult(0).getType()) || op->getNumOperands() == 0 ||
      !aliases.contains(op->getOperand(0)))
    return convertOnValues(op, b);

  Value result = op->getResult(0);
  switch (getAliasing(op)) {
  case Aliasing::None: return convertOnValues(op, b);
  case Aliasing::Same:
    aliases.defineSame(result, op->getOperand(0));
    erased.push_back(op);
    return success();
  case Aliasing::Alias:
    aliases.defineAlias(result, op->getOperand(0));
    erased.push_back(op);
    return success();
  case Aliasing::View: {
    ViewStep step = getViewStep(op);
    // A tensor that only lends its shape is read now: its contents do not matter later.
    for (Value &argument : step.arguments)
      if (!(argument = read(argument, op, b)))
        return failure();
    aliases.defineView(result, op->getOperand(0), std::move(step));
    erased.push_back(op);
    return success();
  }
  case Aliasing::Unknown: {
    Value viewed = op->getOperand(0);
    if (failed(convertOnValues(op, b)))
      return failure();
    aliases.defineSuspect(result, result, viewed);
    return success();
  }
  }
  llvm_unreachable("not an aliasing");
}

void FunctionConverter::storeGlobals(Operation *terminator) {
  builder.setInsertionPoint(terminator);
  for (Storage &storage : aliases.getStorages()) {
    if (!storage.global || storage.version == 0)
      continue;
    ml_program::GlobalStoreOp::create(builder, terminator->getLoc(), storage.global, storage.contents);
    writtenGlobals.push_back(storage.global);
  }
}

/// Whether an output of the function is the new value of an input that it writes.
static bool returnsNewValue(func::FuncOp function, unsigned input) {
  auto signature = function->getAttrOfType<DictionaryAttr>("torchc.signature");
  auto inputs = signature ? signature.getAs<ArrayAttr>("inputs") : ArrayAttr();
  auto outputs = signature ? signature.getAs<ArrayAttr>("outputs") : ArrayAttr();
  if (!inputs || !outputs || input >= inputs.size())
    return false;
  auto get = [](Attribute value, StringRef key) {
    auto entry = dyn_cast<DictionaryAttr>(value);
    return entry ? entry.get(key) : Attribute();
  };
  Attribute name = get(inputs[input], "name");
  return name && llvm::any_of(outputs, [&](Attribute output) { return get(output, "mutates") == name; });
}

LogicalResult FunctionConverter::convert() {
  auto hasMutable =
      function.walk([](Operation *op) { return touchesMutable(op) ? WalkResult::interrupt() : WalkResult::advance(); });
  if (function.isExternal() || (!hasMutable.wasInterrupted() && llvm::none_of(function.getArgumentTypes(), isMutable)))
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitError("control flow over mutable tensors");
  Operation *sharing = nullptr;
  function.walk([&](Operation *op) {
    if (op != function.getOperation() && op->getNumRegions() > 0 && sharesMutable(op))
      sharing = op;
  });
  if (sharing)
    return refuse(sharing) << "control flow over mutable tensors";
  Block &block = function.getBody().front();
  for (BlockArgument argument : block.getArguments()) {
    if (!isMutable(argument.getType()))
      continue;
    if (!isa<NonValueTensorType>(argument.getType()))
      return emitError(argument.getLoc()) << "an input of type " << argument.getType();
    argument.setType(convertType(argument.getType()));
    Storage &storage = *aliases.define(argument, argument).storage;
    if (!returnsNewValue(function, argument.getArgNumber()))
      storage.input = argument;
  }
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator()))
    if (failed(convertOp(&op)))
      return failure();
  Operation *terminator = block.getTerminator();
  builder.setInsertionPoint(terminator);
  AtenBuilder b(builder, terminator->getLoc());
  if (failed(convertOnValues(terminator, b)))
    return failure();
  storeGlobals(terminator);
  for (Operation *op : llvm::reverse(erased))
    op->erase();
  function.setType(FunctionType::get(function.getContext(), block.getArgumentTypes(), terminator->getOperandTypes()));
  return success();
}

/// A written global is mutable, and so are its loads everywhere.
static void makeMutable(ModuleOp module, FlatSymbolRefAttr symbol) {
  auto global = SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(module, symbol);
  if (!global || global.getIsMutable())
    return;
  global.setIsMutable(true);
  SmallVector<ml_program::GlobalLoadConstOp> loads;
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    if (load.getGlobal() == symbol)
      loads.push_back(load);
  });
  for (ml_program::GlobalLoadConstOp load : loads) {
    OpBuilder builder(load);
    Value value = ml_program::GlobalLoadOp::create(builder, load.getLoc(), load.getType(), symbol);
    load.replaceAllUsesWith(value);
    load.erase();
  }
}

namespace {
struct ConvertToValueSemantics : public torchc::impl::ConvertToValueSemanticsBase<ConvertToValueSemantics> {
  void runOnOperation() override {
    SmallVector<FlatSymbolRefAttr> written;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      FunctionConverter converter(function);
      if (failed(converter.convert()))
        return signalPassFailure();
      llvm::append_range(written, converter.getWrittenGlobals());
    }
    for (FlatSymbolRefAttr symbol : written)
      makeMutable(getOperation(), symbol);
  }
};
} // namespace
