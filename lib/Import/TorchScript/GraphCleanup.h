//===- GraphCleanup.h - what a recorded graph needs before it leaves ------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_GRAPHCLEANUP_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_GRAPHCLEANUP_H

#include "torchc/Import/CapturedProgram.h"

namespace torchc::torchscript {

/// Removes nodes whose results nobody reads, in nested graphs too. Nodes
/// without results (assertions) stay.
void removeDeadNodes(CapturedGraph &graph);

/// The names that `graph` reads but does not define, in order of first use.
std::vector<std::string> getFreeNames(const CapturedGraph &graph);

/// Makes what nested graphs read from outside their inputs, and operands of
/// their node: `operands` of "higher_order.cond", `additional_inputs` of
/// "higher_order.while_loop".
void closeRegions(CapturedGraph &graph);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_GRAPHCLEANUP_H
