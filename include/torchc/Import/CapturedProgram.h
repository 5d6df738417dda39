//===- CapturedProgram.h - a model as its front end captured it ----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one in-memory form between the readers of model files and the builder of
// torch dialect IR. Every front end (torch.export archives, TorchScript, live
// graphs) fills a `CapturedProgram`; `importProgram` turns it into IR. The
// structs follow the vocabulary of torch.export's serialised schema and know
// neither MLIR nor libtorch, so that a reader needs only one of the two.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_CAPTUREDPROGRAM_H
#define TORCHC_IMPORT_CAPTUREDPROGRAM_H

#include <complex>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace torchc {

/// Element types, spelled as in torch. The numbers are those of c10::ScalarType.
enum class ScalarType : int8_t {
  Byte = 0,
  Char = 1,
  Short = 2,
  Int = 3,
  Long = 4,
  Half = 5,
  Float = 6,
  Double = 7,
  ComplexHalf = 8,
  ComplexFloat = 9,
  ComplexDouble = 10,
  Bool = 11,
  QInt8 = 12,
  QUInt8 = 13,
  QInt32 = 14,
  BFloat16 = 15,
  Float8_e5m2 = 23,
  Float8_e4m3fn = 24,
  UInt16 = 27,
  UInt32 = 28,
  UInt64 = 29,
};

/// Bytes of one element; 0 for a type that torchc does not know.
int64_t getElementSize(ScalarType type);

/// A dimension or integer: a constant, or an expression over named symbols.
struct SymInt {
  int64_t value = 0;      ///< The constant; for an expression its hint.
  std::string expression; ///< Empty for a constant; else such as "2*s0 + 1".

  bool isConstant() const { return expression.empty(); }
};

/// Shape and element type of a tensor. Strides and offset in elements.
struct TensorMeta {
  ScalarType dtype = ScalarType::Float;
  std::vector<SymInt> sizes;
  std::vector<SymInt> strides;
  SymInt storageOffset;
};

/// The closed range that a dimension symbol may take.
struct SymbolRange {
  std::string symbol;
  int64_t min = 0;
  int64_t max = INT64_MAX;
};

/// One frame of the user's Python, innermost last in a list of them.
struct SourceFrame {
  std::string file;
  int64_t line = 0;
  std::string function;
};

struct CapturedGraph;

/// A reference to a value of the graph by its name.
struct ValueRef {
  std::string name;
};

/// Torch's non-tensor constants that have a meaning of their own.
struct DeviceArg {
  std::string type;
};
struct LayoutArg {
  int64_t value;
};
struct MemoryFormatArg {
  int64_t value;
};

/// An argument of a node. `std::monostate` is None.
struct Argument {
  using List = std::vector<Argument>;
  std::variant<std::monostate, ValueRef, bool, int64_t, double, std::complex<double>, std::string, ScalarType,
               LayoutArg, MemoryFormatArg, DeviceArg, List, std::shared_ptr<CapturedGraph>>
      value;
};

/// What a name of the graph stands for.
struct ValueType {
  enum class Kind { Tensor, Int, Float, Bool, None, TensorList };
  Kind kind = Kind::Tensor;
  TensorMeta tensor;                ///< Kind::Tensor.
  std::vector<TensorMeta> elements; ///< Kind::TensorList.
};

/// A value that a node, an input or an output defines. An output of a node
/// that nothing reads may have an empty name.
struct CapturedValue {
  std::string name;
  ValueType type;
  /// Kind::TensorList: names of the elements where the front end gives them;
  /// else empty, and nodes "operator.getitem" take the list apart.
  std::vector<std::string> elementNames = {};
};

/// One call of an operator.
struct CapturedNode {
  /// Operator and overload as "aten.add.Tensor", "aten.relu" (the overload
  /// "default" is left out); "operator.mul" and the like for integer
  /// arithmetic; "higher_order.cond", "higher_order.while_loop", ... for
  /// operators that take graphs.
  std::string target;
  /// Arguments by position or name. Arguments left out take the defaults of
  /// the operator's schema.
  std::vector<std::pair<std::string, Argument>> arguments;
  std::vector<CapturedValue> outputs;
  std::vector<SourceFrame> frames;
  std::string name = {}; ///< As the front end calls the node; may be empty.
};

/// A list of nodes in order of execution.
struct CapturedGraph {
  std::vector<CapturedValue> inputs;
  std::vector<CapturedNode> nodes;
  std::vector<Argument> outputs;
};

/// The bytes of a parameter, buffer or constant tensor. `data` points to the
/// start of the storage, which lives as long as `owner`.
struct StoredTensor {
  std::string name; ///< Fully qualified name, such as "layer1.0.weight".
  TensorMeta meta;
  std::shared_ptr<const void> owner;
  const uint8_t *data = nullptr;
  uint64_t storageBytes = 0;
};

/// How a graph input gets its value.
struct InputSpec {
  /// Specialized: the caller passes it, but the capture took its value for
  /// granted, and the graph does not read it.
  enum class Kind { User, Parameter, Buffer, Constant, Specialized };
  Kind kind = Kind::User;
  std::string name;    ///< The name in the graph.
  std::string target;  ///< Parameter, Buffer, Constant: name of the tensor.
  Argument value = {}; ///< Specialized: the value taken for granted.
};

/// What becomes of a graph output.
struct OutputSpec {
  enum class Kind { User, BufferMutation, ParameterMutation, UserInputMutation };
  Kind kind = Kind::User;
  /// Mutation: the tensor, or the user input, that is written. User: a name
  /// that says more than the value's own ("loss", "grad.weight"), or empty.
  std::string target;
};

/// One entry point of a model.
struct CapturedFunction {
  std::string name = "forward";
  CapturedGraph graph;
  std::vector<InputSpec> inputs;   ///< One for each input of the graph.
  std::vector<OutputSpec> outputs; ///< One for each output of the graph.
  std::string inputSpec;           ///< Pytree spec as torch writes it; may be empty.
  std::string outputSpec;
};

/// A model: entry points over shared tensors.
struct CapturedProgram {
  std::vector<CapturedFunction> functions;
  std::vector<StoredTensor> tensors;
  std::vector<SymbolRange> symbols;
};

} // namespace torchc

#endif // TORCHC_IMPORT_CAPTUREDPROGRAM_H
