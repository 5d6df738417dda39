//===- DispatchOps.td - kernels, and how the host program calls them ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_DISPATCH_IR_DISPATCHOPS
#define TORCHC_DIALECT_DISPATCH_IR_DISPATCHOPS

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Dispatch_Dialect : Dialect {
  let name = "dispatch";
  let cppNamespace = "::torchc::dispatch";
  let summary = "Kernels, and how the host program calls them";
  let description = [{
    The Dispatch stage divides a program in two: host functions, which decide
    on shapes and order, and kernels, which do all the arithmetic on tensors.
  }];
}

class Dispatch_Op<string mnemonic, list<Trait> traits = []> : Op<Dispatch_Dialect, mnemonic, traits>;

def Dispatch_KernelOp : Dispatch_Op<"kernel", [FunctionOpInterface, IsolatedFromAbove, Symbol]> {
  let summary = "A function of tensors that runs as one parallel grid of work groups";
  let description = [{
    Arguments are tensors, then sizes of type `index`; results are tensors.
    `dims` has one array for each tensor argument and then one for each result:
    for every dynamic dim, in order, the ordinal of the size argument that
    gives its extent. Equal extents share a size. All tensors are contiguous
    and row-major. A result may lie in the memory of an argument of `in_place` whose element
    type it has: that is read only where, and before, elements at the same place are written.
    Otherwise results never share memory with arguments.

    ```mlir
    dispatch.kernel @relu(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32>
        attributes {dims = [array<i64: 0>, array<i64: 0>]} {
      ...
      dispatch.return %y : tensor<?x8xf32>
    }
    ```

    Codegen moves the body to the `dispatch.executable`s, one for each CPU
    variant, and leaves a declaration with `in_place`, and `scratch`, the bytes of working
    memory that one work group needs, at most.
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<FunctionType>:$function_type,
    OptionalAttr<DictArrayAttr>:$arg_attrs,
    OptionalAttr<DictArrayAttr>:$res_attrs,
    ArrayAttr:$dims,
    OptionalAttr<DenseI64ArrayAttr>:$in_place,
    OptionalAttr<I64Attr>:$scratch);
  let regions = (region AnyRegion:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return isExternal() ? nullptr : &getBody(); }
    bool isDeclaration() { return isExternal(); }
    /// How many of the arguments are tensors; the rest are sizes.
    unsigned getNumTensors();
    /// The ordinals of the size arguments that give the dynamic dims of the
    /// i-th tensor, arguments first, then results.
    ::llvm::ArrayRef<int64_t> getSizeOrdinals(unsigned i);
  }];
}

def Dispatch_ReturnOp : Dispatch_Op<"return", [Pure, Terminator, ParentOneOf<["KernelOp", "GroupOp", "BatchOp", "AttentionOp"]>, ReturnLike]> {
  let summary = "The results of a kernel, a group or a batch, or a score of attention";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
}

def Dispatch_CallOp : Dispatch_Op<"call", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel";
  let description = [{
    `%y = dispatch.call @relu(%x)[%n] : (tensor<?x8xf32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$inputs, Variadic<Index>:$sizes);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "$kernel `(` $inputs `)` (`[` $sizes^ `]`)? attr-dict `:` functional-type($inputs, $outputs)";
}

def Dispatch_GroupOp : Dispatch_Op<"group", [SingleBlock, RecursiveMemoryEffects, RecursivelySpeculatable, NoRegionArguments]> {
  let summary = "Ops of a host function that become one kernel";
  let description = [{
    Exists only between FormDispatches and OutlineKernels. The body may use any
    value from above. `sizes` has the extent of every dynamic dim of the
    results, in order.

    ```mlir
    %y = dispatch.group[%n] -> tensor<?x8xf32> {
      ...
      dispatch.return %z : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`[` $sizes^ `]`)? attr-dict `->` type($outputs) $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The extent of a dynamic dim of a result.
    ::mlir::Value getExtent(::mlir::OpResult result, int64_t dim);
  }];
}

def Dispatch_BatchOp : Dispatch_Op<"batch", [SingleBlock, RecursiveMemoryEffects]> {
  let summary = "An algorithm on the elements of one member of a batch, for all members";
  let description = [{
    Runs the body for every index below `count`, in any order. The body's arguments are
    the index and, for each init, the tensor that becomes a result: `tensor.insert` writes
    it, `tensor.extract` reads it back, both at that index of the first dim, in loops and
    branches of the scf dialect. Each tensor is used up by the op that writes it, so that
    it can be one piece of memory. Factorizations of matrices are such algorithms: each step
    needs what the ones before have written.

    ```mlir
    %sums = dispatch.batch %n(%init) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    ^bb0(%i: index, %x: tensor<?x8xf32>):
      %y = scf.for %j = %c1 to %c8 step %c1 iter_args(%z = %x) -> tensor<?x8xf32> {
        ...
        %w = tensor.insert %sum into %z[%i, %j] : tensor<?x8xf32>
        scf.yield %w : tensor<?x8xf32>
      }
      dispatch.return %y : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins Index:$count, Variadic<AnyRankedTensor>:$inits);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$count `(` $inits `)` attr-dict `:` functional-type($inits, $outputs) $body";
  let hasRegionVerifier = 1;
}

def Dispatch_AttentionOp : Dispatch_Op<"attention", [Pure, SingleBlock, DestinationStyleOpInterface,
                                                   AllTypesMatch<["init", "result"]>]> {
  let summary = "Softmax of scores, times values";
  let description = [{
    For each row of queries, with the dims b.. of a batch:

    ```
    score[b.., l, s]  = f(sum over k of query[b.., l, k] * key[b.., s, k], ...)
    result[b.., l, n] = sum over s of exp(score - max score) * value[b.., s, n], by the sum over s of exp(score - max score)
    ```

    f is the body: it gets a product and an element of each input behind the first three, such as a mask. The loops are
    b.., l, n, s, k, in this order; `indexing_maps` say where each input is read. The result has the dims b.., l, n.

    A row whose scores are all -inf is nan, or zeros with `zero_masked_rows`. Where there are no keys it is zeros.

    ```mlir
    %y = dispatch.attention(%query, %key, %value, %mask) outs(%empty) {indexing_maps = [...]}
        : (tensor<8x?x64xf32>, tensor<8x?x64xf32>, tensor<8x?x64xf32>, tensor<?x?xf32>) -> tensor<8x?x64xf32> {
    ^bb0(%product: f32, %element: f32):
      %score = arith.addf %product, %element : f32
      dispatch.return %score : f32
    }
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs, AnyRankedTensor:$init, AffineMapArrayAttr:$indexing_maps,
    UnitAttr:$zero_masked_rows);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region SizedRegion<1>:$score);
  let assemblyFormat = [{
    `(` $inputs `)` `outs` `(` $init `)` attr-dict `:` `(` type($inputs) `)` `->` type($result) $score
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    ::mlir::AffineMap getIndexingMap(unsigned input);
    unsigned getNumBatchDims();
    /// The loops behind the batch dims.
    unsigned getRowLoop() { return getNumBatchDims(); }
    unsigned getColumnLoop() { return getNumBatchDims() + 1; }
    unsigned getKeyLoop() { return getNumBatchDims() + 2; }
    unsigned getInnerLoop() { return getNumBatchDims() + 3; }
    unsigned getNumLoops() { return getNumBatchDims() + 4; }
    /// Where an input has the dim of a loop.
    unsigned getDim(unsigned input, unsigned loop);
  }];
}

def Dispatch_ReinterpretOp : Dispatch_Op<"reinterpret", [Pure]> {
  let summary = "Complex numbers as pairs of real ones, or the other way round";
  let description = [{
    The same memory: `dispatch.reinterpret %x : tensor<?xcomplex<f32>> to tensor<?x2xf32>`. Kernels compute on real
    numbers; complex ones are what callers and files have.
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
}

def Dispatch_ExecutableOp : Dispatch_Op<"executable", [IsolatedFromAbove, Symbol, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "The kernels of a program for one CPU variant";
  let description = [{
    Holds one nested module whose functions carry the kernels' names: LLVM
    dialect after Codegen. Each has `dispatch.workgroups`, a map from the kernel's
    sizes to the extents x, y, z of its grid, which depends on the variant's tiles. The Object stage replaces the module by `object`,
    the bytes of a relocatable ELF object. `cpu` and `features` are as LLVM spells them;
    `triple` names the machine.
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    StrAttr:$triple,
    StrAttr:$cpu,
    StrAttr:$features,
    OptionalAttr<ElementsAttr>:$object);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    /// The nested module; null once the object stands for it.
    ::mlir::ModuleOp getModule();
  }];
}

#endif // TORCHC_DIALECT_DISPATCH_IR_DISPATCHOPS
