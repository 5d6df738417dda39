//===- TorchBase.td - the torch dialect and its types ------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DIALECT_TORCH_IR_TORCHBASE
#define TORCHC_DIALECT_TORCH_IR_TORCHBASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Torch_Dialect : Dialect {
  let name = "torch";
  let cppNamespace = "::torchc::torch";
  let summary = "PyTorch's operators, values and types";
  let description = [{
    Ops carry the names of PyTorch's operator registry: `torch.aten.add.Tensor`
    is `aten::add.Tensor`. Tensors have two types: `!torch.tensor` may be
    mutated and aliased, as PyTorch's own; `!torch.vtensor` is a value. After
    the Normalize stage only the latter is left. The text form of types,
    constants and aten ops is that of torch-mlir.
  }];
  let useDefaultTypePrinterParser = 1;
  let usePropertiesForAttributes = 0;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["mlir::ml_program::MLProgramDialect"];
  let extraClassDeclaration = [{
    /// The side store of the bytes behind `ml_program.global`s whose initial
    /// value is `#ml_program.extern`.
    ::torchc::WeightStore &getWeights() { return *weights; }

  private:
    std::shared_ptr<::torchc::WeightStore> weights;
  public:
    void initializeWeights();
    void registerTypes();
  }];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Torch_Type<string name, string typeMnemonic> : TypeDef<Torch_Dialect, name> {
  let mnemonic = typeMnemonic;
}

class Torch_Tensor<string name, string typeMnemonic, string kind> : Torch_Type<name, typeMnemonic> {
  let summary = kind # " tensor of torch";
  let description = [{
    `<[2,?],f32>`: known rank, `?` a dim that is not static; `<*,f32>`: unknown
    rank; `<[2],unk>`: unknown element type; no `<...>`: nothing is known.
    Integer element types carry their sign (`si64`, `ui8`); `i1` is bool.
  }];
  let parameters = (ins "bool":$hasSizes, ArrayRefParameter<"int64_t">:$knownSizes, "::mlir::Type":$optionalDtype);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether the rank is known.
    bool hasRank() const { return getHasSizes(); }
    /// The sizes; `mlir::ShapedType::kDynamic` for a dim that is not static.
    ::llvm::ArrayRef<int64_t> getSizes() const { assert(hasRank()); return getKnownSizes(); }
    int64_t getRank() const { return getSizes().size(); }
    bool hasDtype() const { return static_cast<bool>(getOptionalDtype()); }
    ::mlir::Type getDtype() const { assert(hasDtype()); return getOptionalDtype(); }
  }];
  let builders = [
    TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$sizes, "::mlir::Type":$dtype), [{
      return $_get($_ctxt, true, sizes, dtype);
    }]>,
  ];
}
def Torch_ValueTensorType : Torch_Tensor<"ValueTensor", "vtensor", "Immutable">;
def Torch_NonValueTensorType : Torch_Tensor<"NonValueTensor", "tensor", "Mutable, aliased">;

def Torch_IntType : Torch_Type<"Int", "int"> { let summary = "Python's int, 64 bits"; }
def Torch_FloatType : Torch_Type<"Float", "float"> { let summary = "Python's float, f64"; }
def Torch_BoolType : Torch_Type<"Bool", "bool"> { let summary = "Python's bool"; }
def Torch_StringType : Torch_Type<"String", "str"> { let summary = "Python's str"; }
def Torch_NoneType : Torch_Type<"None", "none"> { let summary = "Python's None"; }
def Torch_NumberType : Torch_Type<"Number", "number"> { let summary = "torch's Scalar: int, float, bool or complex"; }
def Torch_DeviceType : Torch_Type<"Device", "Device"> { let summary = "torch.device"; }
def Torch_GeneratorType : Torch_Type<"Generator", "Generator"> { let summary = "torch.Generator"; }
def Torch_AnyType : Torch_Type<"Any", "any"> { let summary = "Any value of torch"; }

class Torch_ContainerType<string name, string typeMnemonic> : Torch_Type<name, typeMnemonic> {
  let parameters = (ins "::mlir::Type":$containedType);
  let hasCustomAssemblyFormat = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::mlir::Type":$containedType), [{
      return $_get(containedType.getContext(), containedType);
    }]>,
  ];
}
def Torch_ListType : Torch_ContainerType<"List", "list"> { let summary = "List of one type"; }
def Torch_OptionalType : Torch_ContainerType<"Optional", "optional"> { let summary = "A value or None"; }
def Torch_TupleType : Torch_Type<"Tuple", "tuple"> {
  let summary = "Tuple";
  let parameters = (ins ArrayRefParameter<"::mlir::Type">:$containedTypes);
  let hasCustomAssemblyFormat = 1;
}

// Constraints. An operand of a Scalar, an optional or an Any takes the types
// that may stand there without a conversion.
class Torch_Is<string type> : CPred<"::llvm::isa<::torchc::torch::" # type # ">($_self)">;
def AnyTorchTensor : Type<Or<[Torch_Is<"ValueTensorType">, Torch_Is<"NonValueTensorType">]>, "torch tensor">;
def AnyTorchScalar : Type<Or<[Torch_Is<"IntType">, Torch_Is<"FloatType">, Torch_Is<"BoolType">, Torch_Is<"NumberType">]>, "torch scalar">;
def AnyTorch : Type<CPred<"::llvm::isa<::torchc::torch::TorchDialect>($_self.getDialect())">, "torch type">;
class TorchListOf<Type element> : Type<
    And<[Torch_Is<"ListType">,
         SubstLeaves<"$_self", "::llvm::cast<::torchc::torch::ListType>($_self).getContainedType()", element.predicate>]>,
    "list of " # element.summary>;
class TorchOptional<Type contained> : Type<
    Or<[contained.predicate, Torch_Is<"NoneType">,
        And<[Torch_Is<"OptionalType">,
             SubstLeaves<"$_self", "::llvm::cast<::torchc::torch::OptionalType>($_self).getContainedType()", contained.predicate>]>]>,
    "optional " # contained.summary>;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class Torch_Op<string mnemonic, list<Trait> traits = []> : Op<Torch_Dialect, mnemonic, traits>;

/// An operator of PyTorch's registry: operands and results as in its schema. All
/// share one builder, parser and printer: there are many, and the code that ODS
/// writes for each of them takes minutes to compile.
class Torch_AtenOp<string mnemonic, list<Trait> traits = []> : Torch_Op<mnemonic, traits> {
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$operands), [{
    $_state.addTypes(results);
    $_state.addOperands(operands);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDefinition = [{
    ::mlir::ParseResult $cppClass::parse(::mlir::OpAsmParser &parser, ::mlir::OperationState &result) {
      return parseAtenOp(parser, result);
    }
    void $cppClass::print(::mlir::OpAsmPrinter &printer) { printAtenOp(printer, *this); }
  }];
}

/// The operator writes to its first operand and returns it.
def Torch_InPlace : NativeOpTrait<"IsInPlace"> { let cppNamespace = "::torchc::torch"; }
/// The results are views of the first operand.
def Torch_View : NativeOpTrait<"IsView"> { let cppNamespace = "::torchc::torch"; }

#endif // TORCHC_DIALECT_TORCH_IR_TORCHBASE
