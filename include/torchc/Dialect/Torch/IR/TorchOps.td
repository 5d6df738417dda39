//===- TorchOps.td - ops of the torch dialect --------------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constants, containers and conversions. The aten ops are generated from
// AtenOps.yaml and the schemas of the installed torch.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_TORCHOPS
#define TORCHC_DIALECT_TORCH_IR_TORCHOPS

include "torchc/Dialect/Torch/IR/TorchBase.td"
include "torchc/Dialect/Torch/IR/AtenOps.td"

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

class Torch_ConstantOp<string kind, Type type, Attr attribute> : Torch_Op<"constant." # kind, [ConstantLike, Pure]> {
  let summary = "A constant of torch type " # kind;
  let arguments = (ins attribute:$value);
  let results = (outs type:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}
def Torch_ConstantIntOp : Torch_ConstantOp<"int", Torch_IntType, I64Attr> {
  let assemblyFormat = "custom<ConstantInteger>($value) attr-dict";
}
def Torch_ConstantFloatOp : Torch_ConstantOp<"float", Torch_FloatType, F64Attr> {
  let assemblyFormat = "custom<ConstantFloat>($value) attr-dict";
}
def Torch_ConstantBoolOp : Torch_ConstantOp<"bool", Torch_BoolType, BoolAttr>;
def Torch_ConstantStrOp : Torch_ConstantOp<"str", Torch_StringType, StrAttr>;
def Torch_ConstantDeviceOp : Torch_ConstantOp<"device", Torch_DeviceType, StrAttr>;
def Torch_ConstantNoneOp : Torch_Op<"constant.none", [ConstantLike, Pure]> {
  let summary = "None";
  let results = (outs Torch_NoneType:$result);
  let assemblyFormat = "attr-dict";
  let hasFolder = 1;
}

def Torch_ConstantComplexOp : Torch_Op<"constant.complex", [Pure]> {
  let summary = "A complex constant: its real and its imaginary part";
  let arguments = (ins F64Attr:$real, F64Attr:$imag);
  let results = (outs Torch_NumberType:$result);
  let assemblyFormat = "custom<ConstantFloat>($real) `,` custom<ConstantFloat>($imag) attr-dict";
}

class Torch_LiteralOp<string mnemonic, Type type> : Torch_Op<mnemonic, [ConstantLike, Pure]> {
  let summary = "A small constant tensor";
  let description = [{
    `torch.vtensor.literal(dense<[1, 2]> : tensor<2xsi64>) : !torch.vtensor<[2],si64>`.
    Weights are `ml_program.global`s, not literals.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs type:$result);
  let assemblyFormat = "`(` $value `)` attr-dict `:` qualified(type($result))";
  let hasFolder = 1;
}
def Torch_ValueTensorLiteralOp : Torch_LiteralOp<"vtensor.literal", Torch_ValueTensorType>;
def Torch_NonValueTensorLiteralOp : Torch_LiteralOp<"tensor.literal", Torch_NonValueTensorType> {
  // A mutable tensor is a new one each time.
  let hasFolder = 0;
}

//===----------------------------------------------------------------------===//
// Containers
//===----------------------------------------------------------------------===//

def Torch_PrimListConstructOp : Torch_Op<"prim.ListConstruct", [Pure]> {
  let summary = "A list of the operands";
  let arguments = (ins Variadic<AnyTorch>:$elements);
  let results = (outs Torch_ListType:$result);
  let assemblyFormat = "$elements attr-dict `:` functional-type($elements, $result)";
}
def Torch_PrimListUnpackOp : Torch_Op<"prim.ListUnpack", [Pure]> {
  let summary = "The elements of a list whose length is known";
  let arguments = (ins Torch_ListType:$operand);
  let results = (outs Variadic<AnyTorch>:$elements);
  let assemblyFormat = "$operand attr-dict `:` qualified(type($operand)) `->` type($elements)";
  let hasCanonicalizer = 1;
}
def Torch_PrimTupleConstructOp : Torch_Op<"prim.TupleConstruct", [Pure]> {
  let summary = "A tuple of the operands";
  let arguments = (ins Variadic<AnyTorch>:$elements);
  let results = (outs Torch_TupleType:$result);
  let assemblyFormat = "$elements attr-dict `:` functional-type($elements, $result)";
}
def Torch_PrimTupleUnpackOp : Torch_Op<"prim.TupleUnpack", [Pure]> {
  let summary = "The elements of a tuple";
  let arguments = (ins Torch_TupleType:$operand);
  let results = (outs Variadic<AnyTorch>:$elements);
  let assemblyFormat = "$operand attr-dict `:` qualified(type($operand)) `->` type($elements)";
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

def Torch_PrimIfOp : Torch_Op<"prim.If", [NoRegionArguments, RecursiveMemoryEffects]> {
  let summary = "One of two regions";
  let description = [{
    `%0 = torch.prim.If %condition -> (types) { ... torch.prim.If.yield ... } else { ... }`
    is what the first region yields where the condition holds, else what the second does. What
    they yield may know more of its shape than the result types do.
  }];
  let arguments = (ins Torch_BoolType:$condition);
  let results = (outs Variadic<AnyTorch>:$results);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let assemblyFormat = "$condition `->` custom<ParenthesizedTypes>(type($results)) $thenRegion `else` $elseRegion attr-dict";
  let hasVerifier = 1;
}
def Torch_PrimIfYieldOp : Torch_Op<"prim.If.yield", [Terminator, Pure, HasParent<"PrimIfOp">]> {
  let summary = "Ends a region of torch.prim.If with its results";
  let arguments = (ins Variadic<AnyTorch>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` type($results))?";
}
def Torch_PrimLoopOp : Torch_Op<"prim.Loop", [RecursiveMemoryEffects]> {
  let summary = "A loop that carries values";
  let description = [{
    Runs its region while the condition holds, `maxTripCount` times at most. The region's
    arguments are the number of the iteration, from 0, and the carried values; it ends with
    the condition to go on and the values of the next iteration. The carried values and the
    results have the types of the region's arguments.
  }];
  let arguments = (ins Torch_IntType:$maxTripCount, Torch_BoolType:$initialCondition, Variadic<AnyTorch>:$iterArgsInit);
  let results = (outs Variadic<AnyTorch>:$results);
  let regions = (region SizedRegion<1>:$region);
  let assemblyFormat = [{
    $maxTripCount `,` $initialCondition `,` `init` `(` $iterArgsInit `)` $region
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}
def Torch_PrimLoopConditionOp : Torch_Op<"prim.Loop.condition", [Terminator, Pure, HasParent<"PrimLoopOp">]> {
  let summary = "Ends the region of torch.prim.Loop";
  let arguments = (ins Torch_BoolType:$shouldContinue, Variadic<AnyTorch>:$iterArgs);
  let assemblyFormat = "$shouldContinue `,` `iter` `(` ($iterArgs^ `:` type($iterArgs))? `)` attr-dict";
}

//===----------------------------------------------------------------------===//
// Operators outside of the table, and conversions
//===----------------------------------------------------------------------===//

def Torch_OperatorOp : Torch_Op<"operator"> {
  let summary = "An operator that the op table does not know";
  let description = [{
    `torch.operator "aten.foo"(%0) : (!torch.vtensor) -> !torch.vtensor`. It is
    kept so that one report can name all unsupported operators of a model.
  }];
  let arguments = (ins StrAttr:$name, Variadic<AnyTorch>:$operands);
  let results = (outs Variadic<AnyTorch>:$outputs);
  let assemblyFormat = "$name `(` $operands `)` attr-dict `:` functional-type($operands, $outputs)";
}
def Torch_CopyToValueTensorOp : Torch_Op<"copy.to_vtensor", [Pure]> {
  let summary = "The present value of a mutable tensor";
  let arguments = (ins Torch_NonValueTensorType:$operand);
  let results = (outs Torch_ValueTensorType:$result);
  let assemblyFormat = "$operand attr-dict `:` custom<TwinTensorTypes>(type($operand), type($result))";
}
def Torch_CopyToNonValueTensorOp : Torch_Op<"copy.to_tensor"> {
  let summary = "A new mutable tensor with the operand's value";
  let arguments = (ins Torch_ValueTensorType:$operand);
  let results = (outs Torch_NonValueTensorType:$result);
  let assemblyFormat = "$operand attr-dict `:` custom<TwinTensorTypes>(type($operand), type($result))";
}
def Torch_OverwriteTensorContentsOp : Torch_Op<"overwrite.tensor.contents"> {
  let summary = "Sets the value of a mutable tensor";
  let arguments = (ins Torch_ValueTensorType:$value, Torch_NonValueTensorType:$overwritten);
  let assemblyFormat = "$value `overwrites` $overwritten attr-dict `:` type($value) `,` type($overwritten)";
}
def Torch_DerefineOp : Torch_Op<"derefine", [Pure]> {
  let summary = "A value under a less precise type";
  let arguments = (ins AnyTorch:$operand);
  let results = (outs AnyTorch:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `to` type($result)";
  let hasFolder = 1;
}
def Torch_TensorStaticInfoCastOp : Torch_Op<"tensor_static_info_cast", [Pure]> {
  let summary = "A tensor under a type that knows more or less of its shape";
  let arguments = (ins AnyTorchTensor:$operand);
  let results = (outs AnyTorchTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `to` type($result)";
  let hasFolder = 1;
}

#endif // TORCHC_DIALECT_TORCH_IR_TORCHOPS
