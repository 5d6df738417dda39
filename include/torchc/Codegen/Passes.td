//===- Passes.td - passes of the Codegen stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_PASSES
#define TORCHC_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def TuneKernels : Pass<"torchc-tune-kernels", "::mlir::ModuleOp"> {
  let summary = "Set parameters of strategies by the names of kernels";
  let description = [{
    Reads a JSON object of kernels, with `*` for any part of a name, each an object of positive numbers:

    ```json
    {"*_contraction_1x128x768x3072_*": {"tile_rows": 8, "block_rows": 96}}
    ```

    After: the kernels have them as `dispatch.parameters`, for EmitKernels, which knows the names. They change
    the speed of a kernel, and nothing else.
  }];
  let options = [Option<"file", "file", "std::string", [{""}], "The JSON file">];
}

def EmitKernels : Pass<"torchc-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "Write the loops of every kernel";
  let description = [{
    Before: `dispatch.kernel`s with bodies. After: a `dispatch.executable` for each CPU
    variant with a function in the kernel ABI for each of them, as scf loops with
    arith, math and vector ops and LLVM's memory accesses; the kernels are
    declarations with `in_place` and `scratch`. The messages of assertions
    are in the module's `dispatch.messages`: assertion n ends a kernel with
    TORCHC_KERNEL_MESSAGE + n.

    Refuses bodies with ops that it has no code for, and names them.
  }];
  let options = [
    Option<"triple", "triple", "std::string", [{""}], "Target triple; empty: this machine's">,
    Option<"cpu", "cpu", "std::string", [{"portable"}],
           "CPUs to make variants for, a comma list: names as LLVM spells them, host, portable">,
    Option<"features", "features", "std::string", [{""}], "CPU features added to the CPU's own">,
    Option<"optimizeForSize", "optimize-for-size", "bool", "false", "Small code rather than the last percents of speed">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::mlir::ub::UBDialect", "::mlir::LLVM::LLVMDialect"
  ];
}

def ExpandMath : InterfacePass<"torchc-expand-math", "::mlir::FunctionOpInterface"> {
  let summary = "Write math functions as polynomials";
  let description = [{
    After: no math op that would call a library, and no arithmetic op that LLVM has no
    instructions for. Refuses functions without polynomial, and names them.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"
  ];
}

def LowerKernelsToLLVM : InterfacePass<"torchc-lower-kernels-to-llvm", "::mlir::FunctionOpInterface"> {
  let summary = "Lower the loops of a kernel to the LLVM dialect";
  let description = [{ After: LLVM dialect only. }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::cf::ControlFlowDialect"];
}

#endif // TORCHC_CODEGEN_PASSES
