//===- ModelTracer.h - traces a loaded model at given sizes ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_MODELTRACER_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_MODELTRACER_H

#include "Interpreter.h"
#include "Signature.h"
#include "SymbolFit.h"

namespace torchc::torchscript {

/// Traces one method of a model, as often as asked.
class ModelTracer {
public:
  /// Throws if `module` has no method `function`.
  ModelTracer(torch::jit::Module module, const std::string &function);

  const c10::FunctionSchema &getSchema() const { return method.getSchema(); }

  /// A program for one choice of sizes; its nested graphs are still open
  /// (GraphCleanup.h). Throws `CaptureError`.
  Sample trace(const std::vector<InputShape> &shapes);

private:
  struct Trace;
  void finish(Trace &trace, const c10::IValue &result);
  void addMutations(Trace &trace);
  void addAttributeMutations(Trace &trace);
  void addMutation(Trace &trace, size_t entry, const at::Tensor &inner);
  void addResult(Trace &trace, const c10::IValue &result);
  CapturedProgram makeProgram(Trace &trace);

  torch::jit::Module module;
  torch::jit::Function &method;
  TensorTable tensors;
};

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_MODELTRACER_H
