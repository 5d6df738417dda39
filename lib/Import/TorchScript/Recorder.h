//===- Recorder.h - the graph of one trace while it grows -----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_RECORDER_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_RECORDER_H

#include "SizeFact.h"
#include "TensorTable.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace torchc::torchscript {

/// Records the operator calls of one trace.
///
/// Model code sees functional wrappers (`at::FunctionalTensorWrapper`) around
/// meta tensors. `DispatchMode` hands every call here after functionalization
/// has turned it into calls on the meta tensors inside, which stand for the
/// values of the graph.
class Recorder {
public:
  /// `getFrames` tells the source of the node that runs.
  Recorder(TensorTable &tensors, std::function<std::vector<SourceFrame>()> getFrames)
      : tensors(tensors), getFrames(std::move(getFrames)) {
    regions.push_back(&graph);
  }

  //===--- What the interpreter uses -------------------------------------===//

  /// A tensor that the user passes in, wrapped.
  at::Tensor addInput(const std::string &name, c10::ScalarType dtype, c10::IntArrayRef sizes);
  /// A number that the user passes in.
  c10::IValue addScalarInput(const std::string &name, ValueType::Kind kind);

  /// The wrapper of a real tensor (parameter, buffer, constant).
  at::Tensor lift(const at::Tensor &real);

  /// The one element of a wrapped tensor: concrete if the tensor follows from
  /// constants, else a symbolic scalar.
  c10::IValue readScalar(const at::Tensor &wrapped);

  /// A new node in the open region; valid until the next one.
  CapturedNode &addNode(const std::string &target);

  /// A new scalar value computed by `target` (such as "operator.add").
  c10::IValue recordScalar(const std::string &target, std::vector<std::pair<std::string, Argument>> arguments,
                           ValueType::Kind kind);
  /// A node without result, such as an assertion.
  void recordEffect(const std::string &target, std::vector<std::pair<std::string, Argument>> arguments);

  /// `value` as an argument of a node. `type` is that of the schema and tells
  /// an element type from a number; may be null.
  Argument toArgument(const c10::IValue &value, const c10::Type *type = nullptr);

  /// The meta tensor inside a wrapper, pending writes applied.
  at::Tensor unwrap(const at::Tensor &wrapped);
  at::Tensor wrap(const at::Tensor &inner);
  const std::string &getName(const at::Tensor &inner) const;
  /// A tensor like `inner` that is a new value of the graph.
  at::Tensor makeValueLike(const at::Tensor &inner, const std::string &base);
  std::string makeName(const std::string &base);

  void addFact(SizeFact::Kind kind, std::vector<int64_t> operands, int64_t result);

  //===--- Regions of control flow ---------------------------------------===//

  /// Starts to record into `region`; writes to tensors from outside are noted.
  void openRegion(CapturedGraph &region);
  void closeRegion() { regions.pop_back(); }
  bool inRegion() const { return regions.size() > 1; }
  CapturedGraph &getRegion() { return *regions.back(); }

  /// A storage from outside that the open region has written.
  struct Write {
    at::Tensor base;   ///< Wrapper of the whole storage.
    at::Tensor before; ///< Its meta tensor before the region.
  };
  /// The writes since `openRegion`, by storage.
  using Writes = std::map<const void *, Write>;
  Writes takeWrites() { return std::exchange(writes, {}); }
  void restoreWrites(Writes outer) { writes = std::move(outer); }
  /// Notes that the storage behind `wrapped` is about to change.
  void noteWrite(const at::Tensor &wrapped);
  /// Whether a result of the region just closed is a tensor from outside of it,
  /// or a view of one.
  bool isFromOutside(const at::Tensor &wrapped) const;
  /// Makes writes to a tensor count as writes to one from outside.
  void markFromOutside(const at::Tensor &wrapped);
  /// Refuses writes to the storage from now on: what else they would change is
  /// known only at run time.
  void forbidWrites(const at::Tensor &wrapped);
  /// Makes `inner` the content of the storage behind `base`.
  void overwrite(const at::Tensor &base, const at::Tensor &inner);

  //===--- What the dispatch mode uses -----------------------------------===//

  /// Runs `op` on meta tensors and records it. Leaves the results on `stack`.
  void callInner(const c10::OperatorHandle &op, torch::jit::Stack &stack);
  /// Notes the tensors that the call is about to write.
  void noteWrites(const c10::OperatorHandle &op, const torch::jit::Stack &stack);
  /// Notes wrappers among the results of a call.
  void noteResults(const torch::jit::Stack &stack, size_t count);

  //===--- At the end ----------------------------------------------------===//

  CapturedGraph graph;
  std::vector<SizeFact> facts;
  /// Entries of the tensor table that the trace has touched, in order.
  struct LiftedTensor {
    size_t entry;
    at::Tensor wrapped;
    at::Tensor inner; ///< As it came in.
  };
  const std::vector<LiftedTensor> &getLifted() const { return lifted; }
  const std::vector<std::pair<std::string, LiftedTensor>> &getInputs() const { return inputs; }
  /// Entries whose value was computed with.
  const std::unordered_set<size_t> &getEvaluatedEntries() const { return evaluatedEntries; }

private:
  /// How to compute a value that follows from constants alone.
  struct Recipe {
    std::optional<c10::OperatorHandle> op; ///< None for an entry of the table.
    torch::jit::Stack arguments;
    size_t entry = 0;
    std::vector<at::Tensor> results; ///< Once computed.
  };
  struct Value {
    at::Tensor tensor; ///< Keeps the address, which is the key, in use.
    std::string name;
    std::shared_ptr<Recipe> recipe; ///< Null if it depends on an input.
    size_t result = 0;              ///< Which result of the recipe.
  };

  const Value *find(const at::Tensor &inner) const;
  void define(const at::Tensor &inner, std::string name, std::shared_ptr<Recipe> recipe, size_t result);
  void recordCall(const c10::OperatorHandle &op, const torch::jit::Stack &arguments, torch::jit::Stack &results);
  void noteWrapper(const at::Tensor &wrapped);

  // ConstantEvaluation.cpp
  at::Tensor evaluate(const Value &value);
  c10::IValue evaluateArgument(const c10::IValue &value);
  void addFactsOfCall(const c10::OperatorHandle &op, const torch::jit::Stack &arguments,
                      const torch::jit::Stack &results);

  TensorTable &tensors;
  std::function<std::vector<SourceFrame>()> getFrames;

  std::unordered_map<const c10::TensorImpl *, Value> values;
  std::unordered_map<std::string, size_t> nameCounts;
  std::vector<CapturedGraph *> regions;

  std::vector<LiftedTensor> lifted;
  std::unordered_map<size_t, size_t> liftedOfEntry;
  std::vector<std::pair<std::string, LiftedTensor>> inputs;
  std::unordered_set<size_t> evaluatedEntries;

  /// Where a storage was first seen: its base wrapper and the region depth.
  struct Storage {
    at::Tensor base;
    size_t depth;
  };
  std::unordered_map<const void *, Storage> storages;
  std::vector<c10::weak_intrusive_ptr<c10::TensorImpl>> wrappers;
  Writes writes;
  std::unordered_set<const void *> uncertainStorages;
};

/// Schema name and overload as torchc writes them: "aten.add.Tensor".
std::string getTarget(const c10::OperatorName &name);

/// Calls `visit` with every tensor in `value`, lists and all.
void forEachTensor(const c10::IValue &value, const std::function<void(const at::Tensor &)> &visit);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_RECORDER_H
