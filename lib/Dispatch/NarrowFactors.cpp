//===- NarrowFactors.cpp - products of eight bits read eight bits ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Some CPUs multiply eight bits by eight bits four times as fast as they multiply what these
// were widened to. So where both factors of a product were widened from eight bits, the product
// does that itself, and what comes from another kernel is a fourth as long.
//
//===----------------------------------------------------------------------===//

#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace torchc {
#define GEN_PASS_DEF_NARROWFACTORS
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// The cast from eight bits that comes last in what computes a factor, element by element.
static Operation *findWidening(Value factor) {
  auto producer = factor.getDefiningOp<linalg::GenericOp>();
  if (!producer || producer.getNumReductionLoops() != 0 || producer.getNumDpsInits() != 1 || !factor.hasOneUse())
    return nullptr;
  Operation *cast = producer.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  bool widens = isa_and_present<arith::ExtSIOp, arith::ExtUIOp, arith::SIToFPOp, arith::UIToFPOp>(cast);
  return widens && cast->getOperand(0).getType().isInteger(8) ? cast : nullptr;
}

/// The factor before `widening`.
static Value narrow(Value factor, Operation *widening, OpBuilder &builder) {
  auto producer = factor.getDefiningOp<linalg::GenericOp>();
  builder.setInsertionPoint(producer);
  Type element = widening->getOperand(0).getType();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, producer.getLoc(), producer.getDpsInits()[0]);
  Value empty = tensor::EmptyOp::create(builder, producer.getLoc(), sizes, element);
  auto narrowed = linalg::GenericOp::create(
      builder, producer.getLoc(), empty.getType(), producer.getDpsInputs(), empty, producer.getIndexingMapsArray(),
      producer.getIteratorTypesArray(), [&](OpBuilder &body, Location loc, ValueRange arguments) {
        IRMapping mapping;
        for (auto [from, to] : llvm::zip(producer.getRegionInputArgs(), arguments))
          mapping.map(from, to);
        for (Operation &op : producer.getBody()->without_terminator())
          if (&op != widening)
            body.clone(op, mapping);
        linalg::YieldOp::create(body, loc, mapping.lookupOrDefault(widening->getOperand(0)));
      });
  return narrowed.getResult(0);
}

static void narrowFactors(linalg::GenericOp product) {
  SmallVector<Operation *, 2> widenings =
      llvm::map_to_vector<2>(product.getDpsInputs(), [](Value factor) { return findWidening(factor); });
  if (product.getNumDpsInputs() != 2 || !llvm::all_of(widenings, [](Operation *op) { return op; }) ||
      !linalg::isaContractionOpInterface(product))
    return;
  OpBuilder builder(product);
  Block &body = *product.getBody();
  SmallVector<Operation *> producers;
  for (auto [i, widening] : llvm::enumerate(widenings)) {
    OpOperand &operand = product->getOpOperand(i);
    producers.push_back(operand.get().getDefiningOp());
    operand.set(narrow(operand.get(), widening, builder));
    BlockArgument argument = body.getArgument(i);
    builder.setInsertionPointToStart(&body);
    Operation *inside = builder.clone(*widening);
    argument.replaceAllUsesWith(inside->getResult(0));
    argument.setType(widening->getOperand(0).getType());
    inside->setOperand(0, argument);
  }
  for (Operation *producer : producers)
    producer->erase();
}

namespace {
struct NarrowFactors : torchc::impl::NarrowFactorsBase<NarrowFactors> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> products;
    getOperation().walk([&](linalg::GenericOp op) { products.push_back(op); });
    for (linalg::GenericOp product : products)
      if (product.getNumReductionLoops() != 0)
        narrowFactors(product);
  }
};
} // namespace
