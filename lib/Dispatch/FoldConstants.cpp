//===- FoldConstants.cpp - compute what depends on constants only ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
#include "RepeatRows.h"
#include "Roots.h"

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

#include <cstring>

namespace torchc {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// Up to this size what is computed of constants in the IR is in the IR too.
static constexpr int64_t kInlineBytes = 1024;

namespace {

class Folder {
public:
  Folder(ModuleOp module, WeightStore &weights, int64_t tableBytes)
      : module(module), weights(weights), evaluator(module, weights, tableBytes) {}
  void run();

private:
  bool isFoldable(Operation *op);
  bool isRoot(Operation *op);
  bool isRepeatedInteger(Operation *op);
  bool evaluateRoots();
  FailureOr<ConstantTensor> evaluate(OpResult tensor);
  Value materialize(OpResult tensor, ConstantTensor elements, SymbolTable &symbols);
  void eraseUnusedGlobals();

  ModuleOp module;
  WeightStore &weights;
  ConstantEvaluator evaluator;
  llvm::SmallPtrSet<Operation *, 4> refused; ///< Their results would take too much memory, or computing them fails.
  llvm::MapVector<OpResult, FailureOr<ConstantTensor>> folded;
};

/// The constants that a tensor is computed of.
struct Sources {
  ml_program::GlobalOp global; ///< The first that is no part of the IR.
  llvm::SmallPtrSet<Operation *, 16> visited;

  void collect(Operation *op, ConstantEvaluator &evaluator) {
    if (!op || !visited.insert(op).second)
      return;
    if (ml_program::GlobalOp source = evaluator.getGlobal(op);
        source && isa<ml_program::ExternAttr>(source.getValueAttr()))
      global = global ? global : source;
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        collect(operand.getDefiningOp(), evaluator);
    });
  }
};

} // namespace

/// An op whose results are constants, and who is not one itself.
bool Folder::isFoldable(Operation *op) {
  return op->getNumResults() != 0 && !isa<arith::ConstantOp>(op) && !evaluator.getGlobal(op) &&
         getRole(op) != OpRole::Init && !isa<tensor::SplatOp>(op) &&
         llvm::all_of(op->getResults(), [&](Value result) { return evaluator.isComputable(result); }) &&
         !refused.contains(op);
}

/// Whether anybody reads the results who is not folded too.
bool Folder::isRoot(Operation *op) {
  return isFoldable(op) && llvm::any_of(op->getUsers(), [&](Operation *user) {
           while (auto parent = dyn_cast<linalg::LinalgOp>(user->getParentOp()))
             user = parent;
           return !isFoldable(user);
         });
}

/// A weight that is one integer everywhere: zero points, above all, which vanish then.
bool Folder::isRepeatedInteger(Operation *op) {
  if (!evaluator.getGlobal(op) || !getElementTypeOrSelf(op->getResult(0).getType()).isInteger() ||
      op->getResult(0).use_empty())
    return false;
  FailureOr<ConstantTensor> elements = evaluator.evaluate(op->getResult(0));
  if (failed(elements))
    return false;
  if (elements->isSplat())
    return true;
  const int64_t size = elements->getNumBytes(), elementSize = getElementBytes(elements->type.getElementType());
  return size != 0 && std::memcmp(elements->data, elements->data + elementSize, size - elementSize) == 0;
}

static DenseElementsAttr getElementsAttr(const ConstantTensor &elements, int64_t count) {
  auto type = elements.type;
  if (count != type.getNumElements())
    type = type.clone(ArrayRef<int64_t>{count});
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> values(elements.data, elements.data + count);
    return DenseElementsAttr::get(type, ArrayRef(values));
  }
  ArrayRef<char> bytes(reinterpret_cast<const char *>(elements.data), count * getElementBytes(type.getElementType()));
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

/// A constant of the elements, which may be narrower than `tensor`.
Value Folder::materialize(OpResult tensor, ConstantTensor elements, SymbolTable &symbols) {
  OpBuilder builder(tensor.getOwner());
  Location loc = tensor.getLoc();
  elements = elements.makeContiguous();
  RankedTensorType type = elements.type;
  int64_t size = elements.getNumBytes(), elementSize = getElementBytes(type.getElementType());
  Sources sources;
  sources.collect(tensor.getOwner(), evaluator);

  bool isSplat = size != 0 && std::memcmp(elements.data, elements.data + elementSize, size - elementSize) == 0;
  if (isSplat || (!sources.global && size <= kInlineBytes)) {
    DenseElementsAttr value = getElementsAttr(elements, isSplat ? 1 : type.getNumElements());
    if (isSplat)
      value = DenseElementsAttr::get(type, value.getValues<Attribute>()[0]);
    return arith::ConstantOp::create(builder, loc, type, value);
  }
  OpBuilder top(module.getBodyRegion());
  StringRef name = sources.global ? sources.global.getSymName() : "constant";
  if (sources.global)
    top.setInsertionPointAfter(sources.global);
  auto global = ml_program::GlobalOp::create(top, loc, name, type, /*is_mutable=*/false,
                                             ml_program::ExternAttr::get(module.getContext(), type),
                                             top.getStringAttr("private"));
  symbols.insert(global); // Under another name if that one is taken.
  weights.set(global.getSymName(), {type, ArrayRef<uint8_t>(elements.data, size), elements.owner});
  return ml_program::GlobalLoadConstOp::create(builder, loc, type, SymbolRefAttr::get(global));
}

void Folder::eraseUnusedGlobals() {
  llvm::DenseSet<StringAttr> used;
  if (auto uses = SymbolTable::getSymbolUses(&module.getBodyRegion()))
    for (SymbolTable::SymbolUse use : *uses)
      used.insert(use.getSymbolRef().getLeafReference());
  for (auto global : llvm::make_early_inc_range(module.getOps<ml_program::GlobalOp>())) {
    if (used.contains(global.getSymNameAttr()) || !global.isPrivate() || global.getIsMutable())
      continue;
    weights.erase(global.getSymName());
    global.erase();
  }
}

/// The integers in eight bits, if they all fit.
static FailureOr<ConstantTensor> narrow(const ConstantTensor &elements) {
  ConstantTensor dense = elements.makeContiguous();
  const int64_t count = dense.type.getNumElements();
  std::vector<Cell> cells(count, Cell::ofInt(0));
  dense.read(0, 1, cells);
  if (!llvm::all_of(cells, [](const Cell &cell) { return llvm::isInt<8>(cell.i); }))
    return failure();
  RankedTensorType type = dense.type.clone(IntegerType::get(dense.type.getContext(), 8));
  auto [target, data] = ConstantTensor::allocate(type);
  ConstantTensor::write(type.getElementType(), data, 0, 1, cells);
  return target;
}

/// Lets the users of `wide` read `narrow`, of which they widen what they read; who cannot gets a widened tensor.
static void readNarrow(OpResult wide, Value narrow) {
  auto type = cast<RankedTensorType>(wide.getType());
  for (OpOperand &use : llvm::make_early_inc_range(wide.getUses())) {
    auto user = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!user || !user.isDpsInput(&use) || user.getNumReductionLoops() != 0)
      continue;
    BlockArgument element = user.getMatchingBlockArgument(&use);
    OpBuilder body = OpBuilder::atBlockBegin(user.getBody());
    element.setType(getElementTypeOrSelf(narrow.getType()));
    auto widened = arith::ExtSIOp::create(body, wide.getLoc(), type.getElementType(), element);
    element.replaceAllUsesExcept(widened, widened);
    use.set(narrow);
  }
  if (wide.use_empty())
    return;
  OpBuilder builder(wide.getOwner());
  Location loc = wide.getLoc();
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto widened = linalg::GenericOp::create(builder, loc, type, narrow, empty, {identity, identity}, iterators,
                                           [&](OpBuilder &body, Location loc, ValueRange arguments) {
                                             Value element =
                                                 arith::ExtSIOp::create(body, loc, type.getElementType(), arguments[0]);
                                             linalg::YieldOp::create(body, loc, element);
                                           });
  wide.replaceAllUsesWith(widened.getResult(0));
}

FailureOr<ConstantTensor> Folder::evaluate(OpResult tensor) {
  FailureOr<ConstantTensor> elements = evaluator.evaluate(tensor);
  if (succeeded(elements) && !evaluator.isConstant(tensor))
    elements = narrow(*elements);
  if (failed(elements))
    refused.insert(tensor.getOwner());
  return elements;
}

/// True if some are refused: others are the last ones to be folded then.
bool Folder::evaluateRoots() {
  const size_t refusedBefore = refused.size();
  module.walk([&](Operation *op) {
    if (!isRoot(op) && !isRepeatedInteger(op))
      return;
    for (OpResult result : op->getResults())
      if (!result.use_empty() && !folded.contains(result))
        folded.insert({result, evaluate(result)});
  });
  return refused.size() != refusedBefore;
}

void Folder::run() {
  repeatRowsInsteadOfGathers(module, evaluator);
  while (evaluateRoots())
    ;
  SymbolTable symbols(module);
  SmallVector<Operation *> dead;
  for (auto &[result, elements] : folded) {
    if (failed(elements))
      continue;
    Value constant = materialize(result, std::move(*elements), symbols);
    if (constant.getType() == result.getType())
      result.replaceAllUsesWith(constant);
    else
      readNarrow(result, constant);
    dead.push_back(result.getOwner());
  }
  // What only computed them.
  llvm::SetVector<Operation *> unused(dead.begin(), dead.end());
  while (!unused.empty()) {
    Operation *op = unused.pop_back_val();
    // What they assert holds, as computing them has shown.
    if (!isOpTriviallyDead(op) && !(op->use_empty() && isFoldable(op)))
      continue;
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (Operation *producer = operand.getDefiningOp(); producer && !op->isAncestor(producer))
          unused.insert(producer);
    });
    unused.remove(op);
    op->erase();
  }
  eraseUnusedGlobals();
}

namespace {
struct FoldConstants : torchc::impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;
  void runOnOperation() override {
    Folder(getOperation(), getContext().getLoadedDialect<torch::TorchDialect>()->getWeights(), tableBytes).run();
  }
};
} // namespace
