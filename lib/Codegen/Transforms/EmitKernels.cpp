//===- EmitKernels.cpp - writes the loops of every kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionRoot.h"
#include "torchc/Codegen/MathExpansion.h"
#include "torchc/Codegen/Passes.h"
#include "torchc/Codegen/Strategy.h"

namespace torchc {
#define GEN_PASS_DEF_EMITKERNELS
#include "torchc/Codegen/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {
class EmitKernels : public torchc::impl::EmitKernelsBase<EmitKernels> {
public:
  using EmitKernelsBase::EmitKernelsBase;
  void runOnOperation() override;
};
} // namespace

/// Writes the kernel's function for one target into `module`.
/// Whether `op` computes each element of its result, if at all from the value of `operand`, from the
/// element at the same place in memory.
static bool readsInPlace(Operation *op, OpOperand &operand) {
  if (isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return true;
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return operand.get() == insert.getDest() && operand.get() != insert.getSource();
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.getNumDpsInits() == 1 && operand.getOwner() == op &&
         linalgOp.getMatchingIndexingMap(&operand) == linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
}

/// Whether nothing but elements at the same place of the result follows from those of `argument`.
static bool isReadInPlace(BlockArgument argument) {
  llvm::SetVector<Value> followers;
  followers.insert(argument);
  for (unsigned i = 0; i != followers.size(); ++i)
    for (OpOperand &use : followers[i].getUses()) {
      Operation *op = use.getOwner();
      if (isa<dispatch::ReturnOp, tensor::DimOp>(op))
        continue;
      if (!readsInPlace(op, use))
        return false;
      followers.insert(op->getResult(0));
    }
  return true;
}

/// Whether the results are stored together, element by element: a product's of one size.
static bool storesTogether(dispatch::KernelOp kernel) {
  ArrayRef<Type> types = kernel.getResultTypes();
  return types.size() == 1 ||
         (ContractionRoot::find(kernel) && llvm::all_of(llvm::seq<unsigned>(0, types.size()), [&](unsigned i) {
            return cast<RankedTensorType>(types[i]).getShape() == cast<RankedTensorType>(types[0]).getShape() &&
                   kernel.getSizeOrdinals(kernel.getNumTensors() + i) == kernel.getSizeOrdinals(kernel.getNumTensors());
          }));
}

/// The arguments that a result may be written over. Each strategy visits an element of the result
/// once, and stores it when all that it follows from is loaded. A reduction of one operand (softmax's) may keep
/// values in the memory of the result meanwhile, and a batch op works there.
static SmallVector<int64_t> findInPlace(dispatch::KernelOp kernel) {
  SmallVector<int64_t> found;
  if (!storesTogether(kernel))
    return found;
  for (Operation &op : kernel.getBody().front()) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (isa<dispatch::BatchOp>(op) ||
        (linalgOp && linalgOp.getNumReductionLoops() != 0 && linalgOp.getNumDpsInputs() < 2))
      return found;
  }
  for (BlockArgument argument : kernel.getBody().getArguments().take_front(kernel.getNumTensors())) {
    auto hasItsType = [&](Type result) {
      return getElementTypeOrSelf(result) == getElementTypeOrSelf(argument.getType());
    };
    if (llvm::any_of(kernel.getResultTypes(), hasItsType) && isReadInPlace(argument))
      found.push_back(argument.getArgNumber());
  }
  return found;
}

/// Refuses parameters that `strategy` does not have.
static LogicalResult checkParameters(dispatch::KernelOp kernel, const Strategy &strategy) {
  auto parameters = kernel->getAttrOfType<DictionaryAttr>(kParametersAttrName);
  for (NamedAttribute given : parameters ? parameters.getValue() : ArrayRef<NamedAttribute>()) {
    auto isGiven = [&](const Parameter &parameter) { return parameter.name == given.getName(); };
    auto known = llvm::find_if(strategy.parameters, isGiven);
    if (known != strategy.parameters.end() && cast<IntegerAttr>(given.getValue()).getInt() <= known->most)
      continue;
    InFlightDiagnostic error = kernel.emitError()
                               << "kernel @" << kernel.getSymName() << ": " << given.getName().strref() << " = "
                               << cast<IntegerAttr>(given.getValue()).getInt() << ", but kernels of the kind '"
                               << strategy.name << "' have ";
    if (strategy.parameters.empty())
      error << "no parameters";
    llvm::interleaveComma(strategy.parameters, error, [&](const Parameter &parameter) {
      error << parameter.name << " from 1 to " << parameter.most;
    });
    return error;
  }
  return success();
}

static LogicalResult emitKernel(dispatch::KernelOp kernel, ModuleOp module, const TargetInfo &target,
                                int64_t &scratchBytes) {
  const Strategy &strategy = chooseStrategy(kernel, target);
  if (failed(checkParameters(kernel, strategy)))
    return failure();
  ValueEmitter emitter(kernel, module, target);
  Grid grid = strategy.emit(emitter);
  if (failed(emitter.finish()))
    return failure();
  if (target.permutesFloats)
    emitter.getFunction()->setAttr(kPermutesFloatsAttrName, UnitAttr::get(kernel.getContext()));
  unsigned numSizes = kernel.getArgumentTypes().size() - kernel.getNumTensors();
  AffineMap map = AffineMap::get(0, numSizes, {grid.x, grid.y, grid.z}, kernel.getContext());
  emitter.getFunction()->setAttr(dispatch::kWorkgroupsAttrName, AffineMapAttr::get(map));
  scratchBytes = std::max<int64_t>(scratchBytes, emitter.getScratchBytes());
  return success();
}

/// Whether the kernels of two CPUs are the same, before LLVM chooses instructions for them.
static bool isEquivalent(ModuleOp module, ModuleOp other) {
  return OperationEquivalence::isEquivalentTo(module, other, OperationEquivalence::IgnoreLocations);
}

/// Leaves a declaration.
static void removeBody(dispatch::KernelOp kernel, int64_t scratchBytes) {
  kernel.setScratchAttr(Builder(kernel.getContext()).getI64IntegerAttr(scratchBytes));
  kernel->removeAttr(kParametersAttrName);
  kernel.getBody().getBlocks().clear();
  // Only definitions may be public symbols.
  SymbolTable::setSymbolVisibility(kernel, SymbolTable::Visibility::Private);
}

void EmitKernels::runOnOperation() {
  SmallVector<dispatch::KernelOp> kernels;
  for (auto kernel : getOperation().getOps<dispatch::KernelOp>())
    if (!kernel.isDeclaration())
      kernels.push_back(kernel);
  for (dispatch::KernelOp kernel : kernels)
    if (SmallVector<int64_t> arguments = findInPlace(kernel); !arguments.empty())
      kernel.setInPlace(arguments);
  if (kernels.empty())
    return;
  auto emitError = [&] { return getOperation().emitError(); };
  FailureOr<std::vector<CpuVariant>> variants = resolveTargets(triple, cpu, features, emitError);
  if (failed(variants))
    return signalPassFailure();

  Location loc = getOperation().getLoc();
  SymbolTable symbols(getOperation());
  SmallVector<int64_t> scratchBytes(kernels.size(), 0);
  SmallVector<ModuleOp> modules;
  for (const CpuVariant &variant : *variants) {
    FailureOr<TargetInfo> target = TargetInfo::get(variant, emitError);
    if (failed(target))
      return signalPassFailure();
    target->prefersSize = optimizeForSize;
    OpBuilder b(&getContext());
    auto executable =
        dispatch::ExecutableOp::create(b, loc, variant.cpu, variant.triple, variant.cpu, variant.features, nullptr);
    symbols.insert(executable, getOperation().getBody()->end());
    b.setInsertionPointToStart(&executable.getBody().emplaceBlock());
    auto module = ModuleOp::create(b, loc);
    bool hasFailed = false;
    for (auto [kernel, bytes] : llvm::zip_equal(kernels, scratchBytes))
      hasFailed |= failed(emitKernel(kernel, module, *target, bytes));
    if (hasFailed)
      return signalPassFailure();
    if (variant.isOptional && llvm::any_of(modules, [&](ModuleOp other) { return isEquivalent(module, other); }))
      executable.erase();
    else
      modules.push_back(module);
  }
  for (auto [kernel, bytes] : llvm::zip_equal(kernels, scratchBytes))
    removeBody(kernel, bytes);
}
