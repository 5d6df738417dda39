//===- LiveIntervals.h - where values of a function are alive ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_LIVEINTERVALS_H
#define TORCHC_LIB_PACKAGE_LIVEINTERVALS_H

#include "mlir/IR/Region.h"
#include "llvm/ADT/DenseMap.h"

namespace torchc {

/// Positions in the order of the text, both ends included.
struct Interval {
  unsigned begin = ~0u;
  unsigned end = 0;

  bool overlaps(Interval other) const { return begin <= other.end && other.begin <= end; }
  void include(Interval other) {
    begin = std::min(begin, other.begin);
    end = std::max(end, other.end);
  }
};

/// For each value of a region the smallest interval that holds every place where
/// the value is alive. An operation reads its operands at an even position and
/// writes its results at the odd one behind it, so that a result may take the
/// place of an operand that dies there.
class LiveIntervals {
public:
  explicit LiveIntervals(mlir::Region &region);

  Interval get(mlir::Value value) const { return intervals.lookup(value); }
  /// Where `op` reads its operands.
  unsigned getPosition(mlir::Operation *op) const { return positions.lookup(op); }

private:
  llvm::DenseMap<mlir::Value, Interval> intervals;
  llvm::DenseMap<mlir::Operation *, unsigned> positions;
};

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_LIVEINTERVALS_H
