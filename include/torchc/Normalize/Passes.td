//===- Passes.td - passes of the Normalize stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_NORMALIZE_PASSES
#define TORCHC_NORMALIZE_PASSES

include "mlir/Pass/PassBase.td"

def RefineTypes : Pass<"torchc-refine-types"> {
  let summary = "Fills in ranks, sizes and dtypes that the program leaves open";
  let description = [{
    Each tensor result whose type knows less than the operands determine (see
    ShapeInference.h) gets what they do; what a type states stays as it is.
    Function types follow what their returns know.
  }];
  let dependentDialects = ["torch::TorchDialect"];
}

def ConvertToValueSemantics : Pass<"torchc-convert-to-value-semantics", "::mlir::ModuleOp"> {
  let summary = "Rewrites mutable, aliased tensors into values";
  let description = [{
    Before: `!torch.tensor`s that ops write to and view. After: every tensor is
    a `!torch.vtensor`; an op that wrote through a view has become its
    functional op, a scatter into the storage that is viewed, and views taken
    anew where aliases of that storage are read later. A global that is written
    is mutable and stored before the function returns.

    Refused, each by an error at the op: a write to an input of the function; a
    read of a tensor that may or may not share memory with one written since
    (`reshape` of what may not be contiguous, say); a write through a view that
    has no inverse; control flow over mutable tensors.
  }];
  let dependentDialects = ["torch::TorchDialect"];
}

def ExternalizeParameters : Pass<"torchc-externalize-parameters", "::mlir::ModuleOp"> {
  let summary = "Leaves the values of parameters and buffers to the run";
  let description = [{
    After: the constant globals that hold parameters and buffers of the model have
    `torchc.parameter` with the scope; their names are the keys. Later stages know
    their types, not their values. What the model writes is state and stays; so do
    tensors that the model's code holds.
  }];
  let options = [Option<"scope", "scope", "std::string", /*default=*/"", "The scope of the parameters">];
  let dependentDialects = ["::mlir::ml_program::MLProgramDialect"];
}

#endif // TORCHC_NORMALIZE_PASSES
