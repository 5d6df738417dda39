//===- Passes.td - passes of the Object stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_OBJECT_PASSES
#define TORCHC_OBJECT_PASSES

include "mlir/Pass/PassBase.td"

def CompileExecutables : Pass<"torchc-compile-executables", "::mlir::ModuleOp"> {
  let summary = "Turns the kernels of each executable into machine code";
  let description = [{
    Before: each `dispatch.executable` holds a module in the LLVM dialect that
    defines a function for every `dispatch.kernel` of the program, with the
    signature of runtime/include/torchc/runtime/KernelABI.h. Its constants may
    be shared between kernels; nothing in it is mutable.

    After: `object` holds a relocatable ELF object for the executable's triple, CPU
    and features in place of the module. It defines `torchc_kernels`, the table
    of the kernels and their grids in the order of the `dispatch.kernel`s, and
    needs nothing. The same module gives the same bytes, for any number of threads.

    Refuses kernels that need a function that is not in the module, and names
    both; memcpy, memmove, memset, memcmp and the conversions of f16 are provided.
  }];
  let options = [
    Option<"optLevel", "opt-level", "unsigned", "3", "LLVM's: 0 or 3">,
    Option<"cache", "cache", "std::string", [{""}], "Folder that keeps the machine code of kernels; empty: none">,
  ];
}

#endif // TORCHC_OBJECT_PASSES
