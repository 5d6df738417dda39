//===- SourceFrames.h - where in the user's Python a node comes from ------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_SOURCEFRAMES_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_SOURCEFRAMES_H

#include "torchc/Import/CapturedProgram.h"

#include <torch/csrc/jit/ir/ir.h>

namespace torchc::torchscript {

/// The frames of `node` from the debug records of the file, innermost last:
/// one for a scripted model, the Python stack for a traced one as far as the
/// file keeps it; none if the file was saved without debug records.
std::vector<SourceFrame> getSourceFrames(const torch::jit::Node *node, const std::string &function);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_SOURCEFRAMES_H
