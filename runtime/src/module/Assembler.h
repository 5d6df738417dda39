//===- Assembler.h - text to a module ---------------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The text is what Program::disassemble writes, a statement a line:
//
//   module "m"
//   message "too long"
//   constant "w" type=f32 dims=[2] data="0000803f00000040"
//   kernel "k" inputs=1 outputs=1
//   function "f" parameters=[ref] results=[ref] i64=2 ref=2
//     location "model.py:27"               ; of the instructions from here on
//     0  TensorDim dst=i0 <- source=r0 dim=0
//     source op="aten.relu" location="..." ; of the dispatch that follows
//        CheckRange i0 i0 i0 @"too long"   ; names of operands may be left out
//   loop:                                  ; a label; targets may also be positions
//   export "forward" function=0
//     symbol "n" min=1 max=100
//     input "x" type=f32 dims=[s0]
//     output "y" type=f32 dims=[?]
//
// Instructions are those of Opcodes.def, with ordinals, or with @"name" of what stands
// above. `raw 0x7e a b c d e` is an instruction by its fields. The assembler
// verifies nothing, so that tests can write what the verifier refuses.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_MODULE_ASSEMBLER_H
#define TORCHC_RUNTIME_MODULE_ASSEMBLER_H

#include "module/ModuleWriter.h"

#include <stdexcept>
#include <string_view>

namespace torchc::runtime {

/// "line 3: no opcode Foo".
struct AssemblyError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Adds what the text says to `parts`. Throws AssemblyError.
void assemble(std::string_view text, ModuleParts &parts);

} // namespace torchc::runtime

#endif // TORCHC_RUNTIME_MODULE_ASSEMBLER_H
