//===- Interpreter.h - runs TorchScript code while it is recorded ---------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_INTERPRETER_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_INTERPRETER_H

#include "Recorder.h"

#include <torch/csrc/jit/ir/ir.h>

namespace torchc::torchscript {

/// Walks the graphs of a model's methods. Numbers, lists, objects and so on are
/// concrete IValues; tensors are wrappers that the recorder gave; numbers read
/// from tensors are symbolic scalars (ScalarNode.h).
///
/// The model's objects are never written: their attributes are copied when
/// first read.
class Interpreter {
public:
  explicit Interpreter(Recorder &recorder) : recorder(recorder) {}

  /// Calls a method or function; `arguments` starts with self for a method.
  c10::IValue call(torch::jit::Function &function, torch::jit::Stack arguments);

  /// Where the trace is: outermost call first.
  std::vector<SourceFrame> getFrames() const;

  /// An attribute of one of the model's objects.
  using Slot = std::pair<const c10::ivalue::Object *, size_t>;
  /// The attributes that were read or assigned, as they are now.
  const std::map<Slot, c10::IValue> &getAttributes() const { return attributes; }
  /// The trace's own copy of what an attribute of the model holds.
  c10::IValue copyAttribute(const c10::IValue &value);

private:
  using Node = torch::jit::Node;
  using Block = torch::jit::Block;

  struct Frame {
    std::unordered_map<const torch::jit::Value *, c10::IValue> values;
    const Node *node = nullptr;
    std::string function;
  };

  // Interpreter.cpp
  void runBlock(const Block *block, torch::jit::Stack inputs);
  torch::jit::Stack getResults(const Block *block);
  void runNode(const Node *node);
  void runPrimitive(const Node *node);
  void runOperator(const Node *node);
  std::string getUserLine() const;
  [[noreturn]] void rethrowLocated(const std::string &op);
  const c10::IValue &get(const torch::jit::Value *value) const;
  torch::jit::Stack getInputs(const Node *node) const;
  void set(const torch::jit::Value *value, c10::IValue result);

  // Objects.cpp
  c10::IValue lift(const c10::IValue &value);
  void getAttribute(const Node *node);
  void setAttribute(const Node *node);
  void createObject(const Node *node);
  void construct(const Node *node);
  std::map<Slot, c10::IValue> &getAttributesOf(const c10::ivalue::Object *object);
  void noteContainer(const c10::IValue &container);
  void checkWritable(const c10::IValue &container, const std::string &op) const;

  // ScalarOps.cpp
  bool runScalarRead(const Node *node, const torch::jit::Stack &inputs);
  bool runSymbolicScalar(const Node *node, const torch::jit::Stack &inputs);
  c10::IValue makeTensor(const torch::jit::Stack &inputs, const Node *node);
  void noteSizeFacts(const Node *node, const torch::jit::Stack &inputs, const torch::jit::Stack &results);

  // ControlFlow.cpp
  struct Branch;
  void runIf(const Node *node);
  void runSymbolicIf(const Node *node, const c10::IValue &condition);
  void runLoop(const Node *node);
  void runSymbolicLoop(const Node *node, int64_t iteration, const c10::IValue &tripCount, const c10::IValue &condition,
                       torch::jit::Stack carried);
  Branch traceBranch(const Block *block);
  void assertCondition(const c10::IValue &condition, bool expected, const std::string &message);

  Recorder &recorder;
  std::vector<Frame> frames;
  std::map<Slot, c10::IValue> attributes;
  /// Attributes of objects that the trace has made, which it keeps alive.
  std::map<Slot, c10::IValue> localAttributes;
  std::vector<c10::IValue> localObjects;
  std::unordered_set<const void *> localPointers;
  /// Containers made inside each open region; only they may be written there.
  std::vector<std::unordered_set<const void *>> regionContainers;
};

/// The model runs into `raise`.
struct ModelRaised {
  std::string message;
  std::string where; ///< "model.py:27: ", or empty.
};

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_INTERPRETER_H
