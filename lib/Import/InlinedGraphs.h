//===- InlinedGraphs.h - operators that only run a graph ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_INLINEDGRAPHS_H
#define TORCHC_LIB_IMPORT_INLINEDGRAPHS_H

#include "torchc/Import/CapturedProgram.h"

#include "mlir/Support/LLVM.h"

namespace torchc {

/// A node that does what its graph does, no more.
struct InlinedGraph {
  const CapturedGraph *graph;
  llvm::ArrayRef<std::pair<std::string, Argument>> operands;
};

/// The graph of a node that switches gradients on or off, or autocast off.
/// Autocast that is on changes what the graph computes: such a node has none.
std::optional<InlinedGraph> getInlinedGraph(const CapturedNode &node);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_INLINEDGRAPHS_H
