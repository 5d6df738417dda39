//===- OutlineKernels.cpp - turn groups into kernels and calls of them ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extents.h"
#include "KernelName.h"
#include "Roots.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/RegionUtils.h"

namespace torchc {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {

/// The kernels of a module, each body only once.
class KernelTable {
public:
  explicit KernelTable(ModuleOp module) : symbols(module) {}

  /// The kernel in the table with this body; `kernel` itself, now with a name
  /// and in the module, if there was none.
  dispatch::KernelOp insert(dispatch::KernelOp kernel, func::FuncOp caller);

private:
  SymbolTable symbols;
  DenseMap<Attribute, SmallVector<dispatch::KernelOp>> byType;
  DenseMap<Operation *, unsigned> numKernels; // By the function that calls them first.
};

/// A kernel that is not yet in the module, and the only call of it.
struct CalledKernel {
  dispatch::KernelOp kernel;
  dispatch::CallOp call;
};

/// Turns one group into a kernel and a call. Sizes may repeat.
class Outliner {
public:
  /// The call names its kernel `name` until the kernel table gives it a better one.
  Outliner(dispatch::GroupOp group, StringRef name) : group(group), name(name), host(group) {}
  FailureOr<CalledKernel> run();

private:
  LogicalResult cloneScalars();
  /// Copies into the body what computes `scalar` from tensors and sizes.
  LogicalResult cloneScalar(Value scalar, OpBuilder &builder, IRMapping &mapping);
  void cloneConstants();
  void collectArguments();
  DenseI64ArrayAttr addSizes(ValueRange extents);

  dispatch::GroupOp group;
  StringRef name;
  OpBuilder host;
  SetVector<Value> tensors;
  SetVector<Value> sizes;
};

} // namespace

//===----------------------------------------------------------------------===//
// KernelTable
//===----------------------------------------------------------------------===//

dispatch::KernelOp KernelTable::insert(dispatch::KernelOp kernel, func::FuncOp caller) {
  Attribute key = ArrayAttr::get(kernel.getContext(), {kernel.getFunctionTypeAttr(), kernel.getDims()});
  for (dispatch::KernelOp known : byType[key])
    if (OperationEquivalence::isRegionEquivalentTo(&known.getBody(), &kernel.getBody(),
                                                   OperationEquivalence::IgnoreLocations)) {
      known->setLoc(FusedLoc::get(kernel.getContext(), {known.getLoc(), kernel.getLoc()}));
      kernel->erase();
      return known;
    }
  kernel.setSymName((caller.getSymName() + "_dispatch_" + Twine(numKernels[caller]++) + "_" +
                     describeKernel(kernel.getBody().front()))
                        .str());
  symbols.insert(kernel);
  byType[key].push_back(kernel);
  return kernel;
}

//===----------------------------------------------------------------------===//
// Outliner
//===----------------------------------------------------------------------===//

static SetVector<Value> getCaptured(dispatch::GroupOp group) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(group.getBody(), captured);
  return captured;
}

LogicalResult Outliner::cloneScalar(Value scalar, OpBuilder &builder, IRMapping &mapping) {
  if (mapping.contains(scalar) || isa<RankedTensorType>(scalar.getType()) || scalar.getType().isIndex())
    return success();
  Operation *op = scalar.getDefiningOp();
  bool isClonable = op && isPure(op) && op->getNumRegions() == 0;
  if (isClonable) {
    for (Value operand : op->getOperands())
      if (failed(cloneScalar(operand, builder, mapping)))
        return failure();
    builder.clone(*op, mapping);
    return success();
  }
  // What only control flow knows comes as a size, which holds any integer.
  if (!scalar.getType().isSignlessInteger())
    return emitError(scalar.getLoc()) << "a kernel uses a scalar of type " << scalar.getType()
                                      << " that only control flow gives; make it a tensor";
  Value size = arith::IndexCastOp::create(host, scalar.getLoc(), host.getIndexType(), scalar);
  mapping.map(scalar, arith::IndexCastOp::create(builder, scalar.getLoc(), scalar.getType(), size));
  return success();
}

LogicalResult Outliner::cloneScalars() {
  OpBuilder builder(group.getContext());
  builder.setInsertionPointToStart(&group.getBody().front());
  IRMapping mapping;
  for (Value value : getCaptured(group)) {
    if (failed(cloneScalar(value, builder, mapping)))
      return failure();
    if (Value copy = mapping.lookupOrNull(value))
      value.replaceUsesWithIf(copy, [&](OpOperand &use) {
        return group.getBody().isAncestor(use.getOwner()->getParentRegion()) && use.getOwner() != copy.getDefiningOp();
      });
  }
  return success();
}

void Outliner::cloneConstants() {
  OpBuilder builder(group.getContext());
  builder.setInsertionPointToStart(&group.getBody().front());
  for (Value value : getCaptured(group)) {
    Operation *op = value.getDefiningOp();
    if (!op || !op->hasTrait<OpTrait::ConstantLike>())
      continue;
    Value copy = builder.clone(*op)->getResult(0);
    value.replaceUsesWithIf(
        copy, [&](OpOperand &use) { return group.getBody().isAncestor(use.getOwner()->getParentRegion()); });
  }
}

DenseI64ArrayAttr Outliner::addSizes(ValueRange extents) {
  sizes.insert(extents.begin(), extents.end());
  return host.getDenseI64ArrayAttr(llvm::map_to_vector(
      extents, [&](Value size) -> int64_t { return std::distance(sizes.begin(), llvm::find(sizes, size)); }));
}

void Outliner::collectArguments() {
  // The extents of arguments are sizes: the body need not ask the tensors.
  SmallVector<tensor::DimOp> dims;
  group.getBody().walk([&](tensor::DimOp op) { dims.push_back(op); });
  for (tensor::DimOp op : dims)
    if (auto dim = op.getConstantIndex(); dim && !group.getBody().isAncestor(op.getSource().getParentRegion())) {
      op.replaceAllUsesWith(getExtent(host, op.getSource(), *dim));
      op.erase();
    }
  cloneConstants();
  for (Value value : getCaptured(group))
    if (isa<RankedTensorType>(value.getType()))
      tensors.insert(value);
}

/// Where everything that a body computes comes from, the root first: fused ops keep
/// their locations in the bodies of their loops.
static Location getSources(dispatch::GroupOp group) {
  Block &body = group.getBody().front();
  SmallVector<Location> locations;
  if (Operation *root = getRoot(body))
    locations.push_back(root->getLoc());
  for (Operation &op : body.without_terminator())
    if (getRole(&op) != OpRole::Init)
      op.walk<WalkOrder::PreOrder>([&](Operation *nested) { locations.push_back(nested->getLoc()); });
  return FusedLoc::get(group.getContext(), locations);
}

FailureOr<CalledKernel> Outliner::run() {
  if (failed(cloneScalars()))
    return failure();
  collectArguments();

  SmallVector<Attribute> dims;
  for (Value tensor : tensors)
    dims.push_back(addSizes(getDynamicExtents(host, tensor)));
  ValueRange extents = group.getSizes();
  for (Type type : group.getResultTypes()) {
    size_t count = cast<RankedTensorType>(type).getNumDynamicDims();
    dims.push_back(addSizes(extents.take_front(count)));
    extents = extents.drop_front(count);
  }
  for (Value value : getCaptured(group))
    if (!isa<RankedTensorType>(value.getType()))
      sizes.insert(value);

  SmallVector<Value> arguments(tensors.begin(), tensors.end());
  llvm::append_range(arguments, sizes);
  Location location = getSources(group);
  auto kernel = dispatch::KernelOp::create(
      host, location, name, host.getFunctionType(ValueRange(arguments).getTypes(), group.getResultTypes()),
      /*arg_attrs=*/ArrayAttr(), /*res_attrs=*/ArrayAttr(), host.getArrayAttr(dims), /*in_place=*/DenseI64ArrayAttr(),
      /*scratch=*/IntegerAttr());
  kernel->remove();
  kernel.getBody().takeBody(group.getBody());
  Block &body = kernel.getBody().front();
  for (Value argument : arguments)
    replaceAllUsesInRegionWith(argument, body.addArgument(argument.getType(), argument.getLoc()), kernel.getBody());

  auto call = dispatch::CallOp::create(host, location, group.getResultTypes(), name, tensors.getArrayRef(),
                                       sizes.getArrayRef());
  group.replaceAllUsesWith(call);
  group.erase();
  return CalledKernel{kernel, call};
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Passes each size once.
static void shareSizes(CalledKernel &called) {
  auto &[kernel, call] = called;
  Block &body = kernel.getBody().front();
  unsigned numTensors = kernel.getNumTensors();
  llvm::MapVector<Value, int64_t> ordinals;
  SmallVector<int64_t> newOrdinal;
  llvm::BitVector repeated(body.getNumArguments());
  for (auto [i, size] : llvm::enumerate(call.getSizes())) {
    auto [entry, isNew] = ordinals.try_emplace(size, ordinals.size());
    newOrdinal.push_back(entry->second);
    if (isNew)
      continue;
    int64_t first = llvm::find(call.getSizes(), size) - call.getSizes().begin();
    body.getArgument(numTensors + i).replaceAllUsesWith(body.getArgument(numTensors + first));
    repeated.set(numTensors + i);
  }
  body.eraseArguments(repeated);
  SmallVector<Attribute> dims;
  for (Attribute old : kernel.getDims())
    dims.push_back(DenseI64ArrayAttr::get(kernel.getContext(),
                                          llvm::map_to_vector(cast<DenseI64ArrayAttr>(old).asArrayRef(),
                                                              [&](int64_t ordinal) { return newOrdinal[ordinal]; })));
  kernel.setDimsAttr(ArrayAttr::get(kernel.getContext(), dims));
  kernel.setFunctionType(FunctionType::get(kernel.getContext(), body.getArgumentTypes(), kernel.getResultTypes()));
  SmallVector<Value> sizes = llvm::map_to_vector(ordinals, [](auto &entry) { return entry.first; });
  call.getSizesMutable().assign(sizes);
}

namespace {
struct OutlineKernels : torchc::impl::OutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    SmallVector<dispatch::GroupOp> groups;
    getOperation().walk([&](dispatch::GroupOp group) { groups.push_back(group); });
    // Consumers first: the extents of a producer's results are known of its group.
    SmallVector<CalledKernel> kernels;
    for (dispatch::GroupOp group : llvm::reverse(groups)) {
      if (group->use_empty()) {
        group.erase();
        continue;
      }
      FailureOr<CalledKernel> called = Outliner(group, std::to_string(kernels.size())).run();
      if (failed(called)) {
        for (CalledKernel &done : kernels)
          done.kernel->erase();
        return signalPassFailure();
      }
      kernels.push_back(*called);
    }
    // Equal extents become one value, and so one size.
    IRRewriter rewriter(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      DominanceInfo dominance(function);
      eliminateCommonSubExpressions(rewriter, dominance, function);
    }
    KernelTable table(getOperation());
    for (CalledKernel &called : llvm::reverse(kernels)) {
      shareSizes(called);
      auto caller = called.call->getParentOfType<func::FuncOp>();
      called.call.setKernel(table.insert(called.kernel, caller).getSymName());
    }
  }
};
} // namespace
