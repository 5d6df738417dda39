//===- Passes.td - passes of the Package stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PACKAGE_PASSES
#define TORCHC_PACKAGE_PASSES

include "mlir/Pass/PassBase.td"

def ConvertHostToVM : Pass<"torchc-convert-host-to-vm", "::mlir::ModuleOp"> {
  let summary = "Turns host functions into vm functions";
  let description = [{
    Before: functions of tensors and integers that call kernels
    (`dispatch.call`), decide on shapes (arith, tensor) and order (cf), and keep
    state (ml_program). Kernels know their work groups.

    After: `vm.func`s, public ones with a `torchc.signature`. Every tensor
    that is computed has a `vm.slab_reserve` of its own: correct, and left to
    PlaceOutputs and PlanMemory to improve. Constants in memory are globals.

    Refuses arithmetic on floating-point numbers and on the elements of
    tensors: that is a kernel's work.
  }];
  let dependentDialects = ["::torchc::vm::VMDialect", "::mlir::ml_program::MLProgramDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def PlaceOutputs : Pass<"torchc-place-outputs", "::torchc::vm::FuncOp"> {
  let summary = "Lets public functions compute their results in the caller's buffers";
  let description = [{
    After: storage whose whole contents a public function returns is a
    `vm.output_alloc`. Storage that a loop may carry, and all storage of functions
    with several returns, stays as it is: returning it copies.
  }];
}

def PlanMemory : Pass<"torchc-plan-memory", "::torchc::vm::FuncOp"> {
  let summary = "Puts the tensors of a function in one slab, by their lifetimes";
  let description = [{
    After: the `vm.slab_reserve`s whose sizes are known when the function is
    entered, from constants, dims of parameters and numbers that are parameters, are
    views of one slab, 64-byte aligned; tensors that are never in use at the same time
    may share bytes. The plan is one for all sizes, chosen for those that the ranges of
    `torchc.symbols` make likely. Where all sizes are static, the function's `slab_bytes` and
    `live_bytes` say what the slab has and what no plan can go below. Others (sizes that
    kernels compute, tensors that a loop carries) keep storage of their own and are
    dropped behind their last use.
  }];
}

def AllocateRegisters : Pass<"torchc-allocate-registers", "::torchc::vm::FuncOp"> {
  let summary = "Gives every value of a function a register of its bank";
  let description = [{
    After: the function has `registers` and `register_counts`. Values whose
    lives overlap have different registers; parameters have the first ones of
    their banks, in order. Refuses functions that need more than 65,536 registers
    of a bank.
  }];
}

#endif // TORCHC_PACKAGE_PASSES
