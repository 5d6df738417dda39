//===- LiveIntervals.cpp - where values of a function are alive ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LiveIntervals.h"

#include "mlir/Analysis/Liveness.h"

using namespace mlir;
using namespace torchc;

LiveIntervals::LiveIntervals(Region &region) {
  Liveness liveness(region.getParentOp());
  unsigned position = 0;
  auto at = [&](Value value, unsigned where) { intervals[value].include({where, where}); };
  for (Block &block : region) {
    unsigned begin = position + 1;
    for (BlockArgument argument : block.getArguments())
      at(argument, begin);
    for (Value value : liveness.getLiveIn(&block))
      at(value, begin);
    for (Operation &op : block) {
      position += 2;
      positions[&op] = position;
      for (Value operand : op.getOperands())
        at(operand, position);
      for (Value result : op.getResults())
        at(result, position + 1);
    }
    for (Value value : liveness.getLiveOut(&block))
      at(value, position + 1);
    position += 2;
  }
}
