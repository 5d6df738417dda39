//===- RefineTypes.cpp - fills in ranks, sizes and dtypes that are left open ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Normalize/Passes.h"

#include "torchc/Dialect/Torch/IR/ShapeInference.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace torchc {
#define GEN_PASS_DEF_REFINETYPES
#include "torchc/Normalize/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc::torch;

/// `stated` with what it leaves open taken from `inferred`; of the kind of `stated`.
static Type refine(BaseTensorType stated, BaseTensorType inferred) {
  Type dtype = stated.hasDtype() ? stated.getDtype() : inferred.getOptionalDtype();
  SmallVector<int64_t> sizes;
  bool hasRank = stated.hasRank() || inferred.hasRank();
  if (hasRank)
    llvm::append_range(sizes, stated.hasRank() ? stated.getSizes() : inferred.getSizes());
  if (stated.hasRank() && inferred.hasRank() && stated.getRank() == inferred.getRank())
    for (auto [size, known] : llvm::zip(sizes, inferred.getSizes()))
      if (ShapedType::isDynamic(size))
        size = known;
  auto refined = ValueTensorType::get(stated.getContext(), hasRank, sizes, dtype);
  if (isa<NonValueTensorType>(stated))
    return cast<BaseTensorType>(Type(refined)).getNonValueType();
  return refined;
}

static void refineResults(Operation *op) {
  if (llvm::none_of(op->getResultTypes(), llvm::IsaPred<BaseTensorType>))
    return;
  SmallVector<Type> inferred;
  // A copy between the two kinds of tensors keeps all but the kind.
  if (isa<CopyToValueTensorOp, CopyToNonValueTensorOp>(op))
    inferred.push_back(op->getOperand(0).getType());
  else if (auto types = inferResultTypes(op->getName(), op->getOperands()); succeeded(types))
    inferred = *types;
  for (auto [result, type] : llvm::zip(op->getResults(), inferred)) {
    auto stated = dyn_cast<BaseTensorType>(result.getType());
    if (stated && isa<BaseTensorType>(type))
      result.setType(refine(stated, cast<BaseTensorType>(type)));
  }
}

namespace {
struct RefineTypes : public torchc::impl::RefineTypesBase<RefineTypes> {
  void runOnOperation() override {
    getOperation()->walk<WalkOrder::PreOrder>([](Operation *op) {
      refineResults(op);
      auto ret = dyn_cast<func::ReturnOp>(op);
      if (!ret || !ret->getParentRegion()->hasOneBlock())
        return;
      auto function = cast<func::FuncOp>(ret->getParentOp());
      function.setType(FunctionType::get(op->getContext(), function.getArgumentTypes(), ret.getOperandTypes()));
    });
  }
};
} // namespace
