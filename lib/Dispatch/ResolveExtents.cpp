//===- ResolveExtents.cpp - compute every extent from the function's arguments ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extents.h"

#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace torchc {
#define GEN_PASS_DEF_RESOLVEEXTENTS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// Makes dims of arguments that the signature gives one symbol one value.
static void shareSymbols(func::FuncOp function) {
  auto signature = function->getAttrOfType<DictionaryAttr>("torchc.signature");
  auto inputs = signature ? signature.getAs<ArrayAttr>("inputs") : ArrayAttr();
  if (!inputs || inputs.size() != function.getNumArguments())
    return;
  llvm::StringMap<std::pair<BlockArgument, int64_t>> first;
  llvm::DenseMap<std::pair<Value, int64_t>, std::pair<Value, int64_t>> same;
  for (auto [argument, input] : llvm::zip_equal(function.getArguments(), inputs)) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    auto dims = cast<DictionaryAttr>(input).getAs<ArrayAttr>("dims");
    if (!type || !dims || static_cast<int64_t>(dims.size()) != type.getRank())
      continue;
    for (auto [i, dim] : llvm::enumerate(dims))
      if (auto symbol = dyn_cast<StringAttr>(dim); symbol && symbol.getValue() != "?") {
        auto [entry, isNew] = first.try_emplace(symbol.getValue(), argument, i);
        if (!isNew)
          same[{argument, i}] = {entry->second.first, entry->second.second};
      }
  }
  function.walk([&](tensor::DimOp op) {
    auto dim = op.getConstantIndex();
    auto found = dim ? same.find({op.getSource(), *dim}) : same.end();
    if (found == same.end())
      return;
    OpBuilder builder(op);
    op.replaceAllUsesWith(getExtent(builder, found->second.first, found->second.second));
    op.erase();
  });
}

/// After `assert(a == b)` b is a.
static void shareAssertedExtents(func::FuncOp function) {
  DominanceInfo dominance(function);
  function.walk([&](cf::AssertOp op) {
    auto compare = op.getArg().getDefiningOp<arith::CmpIOp>();
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
      return;
    Value lhs = compare.getLhs(), rhs = compare.getRhs();
    // Constants are the better extents, arguments' are the better values.
    if (matchPattern(rhs, m_Constant()))
      std::swap(lhs, rhs);
    rhs.replaceUsesWithIf(lhs, [&](OpOperand &use) {
      return use.getOwner() != op && dominance.properlyDominates(op.getOperation(), use.getOwner());
    });
  });
}

/// Equal sums and products of extents are one value whoever wrote them.
static void dropOverflowFlags(func::FuncOp function) {
  function.walk([](arith::ArithIntegerOverflowFlagsInterface op) {
    if (op->getResult(0).getType().isIndex())
      op->setAttr(op.getIntegerOverflowAttrName(),
                  arith::IntegerOverflowFlagsAttr::get(op->getContext(), arith::IntegerOverflowFlags::none));
  });
}

namespace {
struct ResolveExtents : torchc::impl::ResolveExtentsBase<ResolveExtents> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    RewritePatternSet patterns(&getContext());
    populateResolveExtentPatterns(patterns);
    if (failed(applyPatternsGreedily(function, std::move(patterns))))
      return signalPassFailure();
    dropOverflowFlags(function);
    shareSymbols(function);
    shareAssertedExtents(function);
  }
};
} // namespace
