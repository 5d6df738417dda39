//===- Passes.td - passes of the Lower stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LOWER_PASSES
#define TORCHC_LOWER_PASSES

include "mlir/Pass/PassBase.td"

def LowerTorchToLinalg : Pass<"torchc-lower-torch-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lowers the torch dialect to linalg on tensors";
  let description = [{
    Before: torch ops with route `lower`, constants and lists, on
    `!torch.vtensor`s of known rank and dtype.

    After: functions, globals and values on builtin tensors with signless
    elements, i64, f64 and i1; no op of the torch dialect. Elementwise ops,
    reductions and matrix products are `linalg.generic`s, convolutions and
    pooling named ops in NHWC between transposes. A `cf.assert` within the body
    of a generic guards one element: where it fails, the kernel fails, and
    nothing outside of a tensor is read.

    Algorithms on matrices that write in place are `dispatch.batch`es.

    Refuses, with the op's name, its place and the reason, what has no lowering;
    one run reports all such ops.
  }];
  let dependentDialects = [
    "::torchc::dispatch::DispatchDialect", "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // TORCHC_LOWER_PASSES
