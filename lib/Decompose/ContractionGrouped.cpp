//===- ContractionGrouped.cpp - products of groups of rows ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// out[ends[g - 1] : ends[g]] = x[ends[g - 1] : ends[g]] w[g], for the experts of a
/// mixture: x is S x K, sorted by group, w is G x K x N. Rows behind the last group
/// are 0. Each group is a product of its own, whose number of rows the data decides.
static FailureOr<Value> multiplyGroups(Value x, Value weights, Value ends, Decomposer &b) {
  auto type = getTensorType(x), weightType = getTensorType(weights), endsType = getTensorType(ends);
  if (type.getRank() != 2 || weightType.getRank() != 3 || endsType.getRank() != 1 ||
      ShapedType::isDynamic(weightType.getSizes()[0]) || type.getDtype() != weightType.getDtype())
    return b.unsupported("other than groups of rows, of a known number and one dtype");
  Value end = b.integer(0);
  SmallVector<Value> parts;
  for (int64_t group = 0; group < weightType.getSizes()[0]; ++group) {
    Value start = end;
    end = b.createAs<AtenItemOp>(b.getBuilder().getType<IntType>(), b.select(ends, 0, group));
    parts.push_back(b.create<AtenMmOp>(b.slice(x, 0, start, end), b.select(weights, 0, group)));
  }
  SmallVector<Value> sizes{b.sub(b.size(x, 0), end), b.size(weights, 2)};
  parts.push_back(b.full(sizes, b.floating(0), type.getDtype()));
  return b.cat(parts, 0);
}

static FailureOr<Value> DecomposeAten_GroupedMm(Aten_GroupedMmOp op, Decomposer &b) {
  if (isNone(op.getOffs()) || !isNone(op.getBias()))
    return b.unsupported("without offsets, or with a bias");
  FailureOr<Value> product = multiplyGroups(op.getSelf(), op.getMat2(), op.getOffs(), b);
  if (failed(product))
    return failure();
  return b.convert(*product, getTensorType(op.getResult()).getDtype());
}

/// What `transformers` exports for mixtures of experts, outside of torch's operators.
static FailureOr<Value> DecomposeOperator(OperatorOp op, Decomposer &b) {
  if (op.getName() != "transformers.grouped_mm_fallback" || op.getNumOperands() != 3 || op.getNumResults() != 1)
    return failure();
  return multiplyGroups(op.getOperand(0), op.getOperand(1), op.getOperand(2), b);
}

void torchc::populateContractionGroupedPatterns(RewritePatternSet &patterns) {
  addDecompositions(patterns, DecomposeAten_GroupedMm);
}
void torchc::populateOperatorPatterns(RewritePatternSet &patterns) { addDecompositions(patterns, DecomposeOperator); }
