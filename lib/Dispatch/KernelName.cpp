//===- KernelName.cpp - short, readable, stable names of kernels ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelName.h"

#include "Roots.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace torchc;

static constexpr size_t kMaxScalarOps = 4;

static void appendExtents(std::string &name, ArrayRef<int64_t> extents) {
  for (auto [i, extent] : llvm::enumerate(extents)) {
    name += i == 0 ? "_" : "x";
    name += ShapedType::isDynamic(extent) ? "D" : std::to_string(extent);
  }
}

/// `addf` and `addi` are both `add`.
static StringRef getScalarName(Operation *op) {
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp, arith::MaxUIOp>(op))
    return "max";
  if (isa<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp, arith::MinUIOp>(op))
    return "min";
  StringRef name = op->getName().stripDialect();
  if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::AddIOp, arith::SubIOp, arith::MulIOp,
          arith::CmpFOp, arith::CmpIOp, math::AbsFOp, math::AbsIOp>(op))
    return name.drop_back();
  return name;
}

std::string torchc::describeKernel(Block &body) {
  // The root decides the name.
  Operation *root = getRoot(body);
  if (!root)
    return "constant";

  std::string name;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(root)) {
    OpRole role = getRole(root);
    if (!isa<linalg::GenericOp>(root))
      name = root->getName().stripDialect().str();
    else if (linalg::isaContractionOpInterface(linalgOp))
      name = "contraction";
    else
      name = role == OpRole::Anchor ? "convolution" : role == OpRole::Reduction ? "rows" : "elementwise";
    appendExtents(name, linalgOp.getStaticLoopRanges());
  } else {
    name = root->getName().stripDialect().str();
    if (root->getNumResults())
      if (auto type = dyn_cast<RankedTensorType>(root->getResult(0).getType()))
        appendExtents(name, type.getShape());
  }

  llvm::SetVector<StringRef> scalars;
  for (Operation &op : body.without_terminator())
    if (isa<linalg::GenericOp>(op) && getRole(&op) != OpRole::Anchor)
      for (Operation &nested : op.getRegion(0).front().without_terminator())
        if (isa<arith::ArithDialect, math::MathDialect>(nested.getDialect()) && !isa<arith::ConstantOp>(nested))
          scalars.insert(getScalarName(&nested));
  for (StringRef scalar : ArrayRef(scalars.getArrayRef()).take_front(kMaxScalarOps))
    name += "_" + scalar.str();
  return name;
}
