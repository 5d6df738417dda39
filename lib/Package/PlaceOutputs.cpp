//===- PlaceOutputs.cpp - results straight into the caller's buffers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "HostToVM.h"

#include "torchc/Package/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

namespace torchc {
#define GEN_PASS_DEF_PLACEOUTPUTS
#include "torchc/Package/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// Whether a view has all bytes of the tensor that `owner` views, and no fewer.
static bool isWhole(vm::ViewOp view, vm::ViewOp owner) {
  auto getSize = [](vm::ViewOp op) {
    std::pair<int64_t, SmallVector<Value>> size(runtime::getElementSize(*getElementType(op.getElement())), {});
    for (Value dim : op.getDims())
      if (std::optional<int64_t> extent = getConstantI64(dim))
        size.first *= *extent;
      else
        size.second.push_back(dim);
    return size;
  };
  auto [bytes, extents] = getSize(view);
  auto [allBytes, allExtents] = getSize(owner);
  return bytes == allBytes && extents.size() == allExtents.size() &&
         std::is_permutation(extents.begin(), extents.end(), allExtents.begin());
}

/// The view that made the tensor of which `value` is the whole, if its storage is its own.
static vm::ViewOp getOwner(Value value) {
  SmallVector<vm::ViewOp> views;
  while (Operation *op = value.getDefiningOp()) {
    if (auto reshape = dyn_cast<vm::ReshapeOp>(op)) {
      value = reshape.getSource();
      continue;
    }
    auto view = dyn_cast<vm::ViewOp>(op);
    // Complex numbers are made as pairs of real ones: the output would need both shapes.
    if (!view || getConstantI64(view.getOffset()) != 0 || isa<ComplexType>(view.getElement()))
      return nullptr;
    if (view.getSource().getDefiningOp<vm::SlabReserveOp>()) {
      auto hasAll = [&](vm::ViewOp other) { return isWhole(other, view); };
      return view.getSource().hasOneUse() && llvm::all_of(views, hasAll) ? view : nullptr;
    }
    views.push_back(view);
    value = view.getSource();
  }
  return nullptr;
}

/// Whether another run of the code that makes the tensor could meet it: it is
/// passed to a block, so that a loop may carry it.
static bool isCarried(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (isa<vm::BrOp, vm::SelectRefOp, vm::MovRefOp>(user))
      return true;
    return isa<vm::ViewOp, vm::ReshapeOp>(user) && isCarried(user->getResult(0));
  });
}

/// The element type that a tensor has.
static Type getElement(Value value) {
  while (auto reshape = value.getDefiningOp<vm::ReshapeOp>())
    value = reshape.getSource();
  return value.getDefiningOp<vm::ViewOp>().getElement();
}

namespace {
struct PlaceOutputs : torchc::impl::PlaceOutputsBase<PlaceOutputs> {
  void runOnOperation() override {
    vm::FuncOp function = getOperation();
    SmallVector<vm::RetOp> returns(function.getOps<vm::RetOp>());
    // Two returns could want the same output for two tensors at once.
    if (!function.isPublic() || returns.size() != 1)
      return;
    for (auto [i, result] : llvm::enumerate(returns.front().getResults())) {
      vm::ViewOp owner = getOwner(result);
      if (!owner || isCarried(owner))
        continue;
      Type declared = getElement(result);
      OpBuilder builder(owner);
      auto ref = builder.getType<vm::RefType>();
      Value output = vm::OutputAllocOp::create(builder, owner.getLoc(), ref, i, declared, owner.getDims());
      if (declared != owner.getElement())
        output = vm::ViewOp::create(builder, owner.getLoc(), ref, output, owner.getOffset(), owner.getElement(),
                                    owner.getDims());
      auto storage = owner.getSource().getDefiningOp<vm::SlabReserveOp>();
      owner.replaceAllUsesWith(output);
      owner.erase();
      storage.erase();
    }
  }
};
} // namespace
