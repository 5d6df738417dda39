//===- Signature.h - a method's arguments and results as flat lists -------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_SIGNATURE_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_SIGNATURE_H

#include "Recorder.h"
#include "torchc/Import/TorchScript.h"

namespace torchc::torchscript {

/// The inputs of a method, built from one shape for each tensor or number in
/// them. Sizes must be known.
struct BoundArguments {
  torch::jit::Stack values; ///< One for each argument of the schema.
  std::string treeSpec;     ///< As `torch.utils._pytree.treespec_dumps` has it.
};

/// The name of each flat input, in order: "x", "state_0". Throws where the
/// number of shapes does not fit the signature or an argument's type has no
/// flat form.
std::vector<std::string> getInputNames(const c10::FunctionSchema &schema, const std::vector<InputShape> &shapes);

/// Makes the arguments after self. `shapes` has passed `getInputNames`.
BoundArguments bindArguments(Recorder &recorder, const c10::FunctionSchema &schema,
                             const std::vector<InputShape> &shapes);

/// The tensors, numbers and Nones in a result; appends its pytree spec.
void flattenResult(const c10::IValue &result, torch::jit::Stack &leaves, std::string &treeSpec);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_SIGNATURE_H
