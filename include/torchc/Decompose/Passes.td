//===- Passes.td - passes of the Decompose stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DECOMPOSE_PASSES
#define TORCHC_DECOMPOSE_PASSES

include "mlir/Pass/PassBase.td"

def DecomposeOps : Pass<"torchc-decompose-ops"> {
  let summary = "Rewrites aten ops into the core that Lower takes";
  let description = [{
    Before: torch ops in value semantics, ranks and dtypes known. After: no op
    whose route in the op table is `decompose` is left but those whose operands
    ask for something unsupported (a training mode, say); `CheckSupport` names
    these. One pattern an op, `DecomposeAtenXxx`, in the file of its family.
  }];
  let dependentDialects = ["torch::TorchDialect"];
}

def ExpandComplex : Pass<"torchc-expand-complex", "::mlir::ModuleOp"> {
  let summary = "Turns ops on complex tensors into ops on their real and imaginary parts";
  let description = [{
    Before: the core that Lower takes. After: complex tensors are only what comes from and goes to
    callers, globals and control flow, between `aten.view_as_real` and `aten.view_as_complex`, which cost
    nothing; their memory has the parts side by side, as PyTorch's has. Ops that have no such
    expansion are marked as unsupported, for `CheckSupport` to name.
  }];
  let dependentDialects = ["torch::TorchDialect"];
}

def CheckSupport : Pass<"torchc-check-support", "::mlir::ModuleOp"> {
  let summary = "Names all ops that torchc does not support";
  let description = [{
    After it, only ops that the op table routes to Lower, constants and
    containers are left. Each distinct op besides is one error,
    `unsupported op aten.foo.default (x3)`, at the innermost user frame of its
    first use; all are reported in one run. The module is then marked as
    unsupported (see Support/UnsupportedOps.h) and the pass fails.

    Operators of `custom-ops` (`mylib.foo` or `mylib::foo`, of any overload) are left to
    the host program: they get `torchc.custom_op`.
  }];
  let options = [ListOption<"customOps", "custom-ops", "std::string", "Operators that the host program computes">];
}

#endif // TORCHC_DECOMPOSE_PASSES
