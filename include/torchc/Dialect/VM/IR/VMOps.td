//===- VMOps.td - the runtime's instructions as IR ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_VM_IR_VMOPS
#define TORCHC_DIALECT_VM_IR_VMOPS

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def VM_Dialect : Dialect {
  let name = "vm";
  let cppNamespace = "::torchc::vm";
  let summary = "The runtime's instructions";
  let description = [{
    One op for each opcode of runtime/schema/Opcodes.def, which says what they
    mean; the ops are generated from it. Values are of the two banks of
    registers: `i64` and `!vm.ref`. Symbols name what the file has tables of:
    `vm.func`s, `dispatch.kernel`s, and `ml_program.global`s, which are
    constants unless they are mutable.

    Element types are builtin types; a signless integer is signed, `ui8` is u8.
  }];
  let useDefaultTypePrinterParser = 1;
}

def VM_RefType : TypeDef<VM_Dialect, "Ref">, BuildableType<"$_builder.getType<::torchc::vm::RefType>()"> {
  let mnemonic = "ref";
  let summary = "A reference: nothing, or a tensor";
}

def VM_Value : AnyTypeOf<[I64, VM_RefType]>;

def VM_InstructionInterface : OpInterface<"InstructionOpInterface"> {
  let cppNamespace = "::torchc::vm";
  let description = "An instruction of the runtime's opcode table.";
  let methods = [StaticInterfaceMethod<"The opcode.", "::torchc::runtime::Opcode", "getOpcode">];
}

class VM_Op<string mnemonic, list<Trait> traits = []> : Op<VM_Dialect, mnemonic, traits>;

class VM_Instruction<string mnemonic, string opcode, list<Trait> traits>
    : VM_Op<mnemonic, traits # [DeclareOpInterfaceMethods<VM_InstructionInterface, ["getOpcode"]>]> {
  let extraClassDefinition = [{
    ::torchc::runtime::Opcode $cppClass::getOpcode() { return ::torchc::runtime::Opcode::}] # opcode # [{; }
  }];
}

include "torchc/Dialect/VM/IR/VMInstructions.td"

def VM_FuncOp : VM_Op<"func", [FunctionOpInterface, IsolatedFromAbove, Symbol]> {
  let summary = "A function of the host program";
  let description = [{
    A public function can be called from outside; all its parameters and
    results are references then. `registers` holds, once they are allocated,
    one array for each block: of its arguments' registers, then of its
    instructions' results, in order; and `register_counts` the sizes of the
    i64 and the ref bank. PlanMemory adds `slab_bytes`, the memory that it planned,
    and `live_bytes`, the most of it that is in use at once, where sizes are static.

    ```mlir
    vm.func @forward(%x: !vm.ref) -> !vm.ref {
      vm.ret %x : !vm.ref
    }
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<FunctionType>:$function_type,
    OptionalAttr<StrAttr>:$sym_visibility,
    OptionalAttr<DictArrayAttr>:$arg_attrs,
    OptionalAttr<DictArrayAttr>:$res_attrs,
    OptionalAttr<ArrayAttr>:$registers,
    OptionalAttr<DenseI64ArrayAttr>:$register_counts,
    OptionalAttr<I64Attr>:$slab_bytes,
    OptionalAttr<I64Attr>:$live_bytes);
  let regions = (region MinSizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
  }];
}

def VM_ExternalOp : VM_Op<"external", [Symbol]> {
  let summary = "A function that the host program registers";
  let description = [{
    `vm.call_external` calls it. `host_attributes` is JSON for the host's function.

    ```mlir
    vm.external @"mylib::foo" "mylib::foo" {host_attributes = "{}"} : (!vm.ref, i64) -> !vm.ref
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    StrAttr:$host_name,
    TypeAttrOf<FunctionType>:$function_type,
    StrAttr:$host_attributes);
  let assemblyFormat = "$sym_name $host_name attr-dict `:` $function_type";
}

#endif // TORCHC_DIALECT_VM_IR_VMOPS
