//===- Lazy.cpp - PyTorch's lazy tensors, computed by torchc ----------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lazy tensors record operators until `mark_step`. PyTorch's own backend for them
// makes a TorchScript graph of what was recorded and interprets it; this one does
// all as that does, but hands the graph to Python, which compiles it.
//
//===----------------------------------------------------------------------===//

#include <nanobind/nanobind.h>

#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/lazy/backend/backend_interface.h>
#include <torch/csrc/lazy/ts_backend/ts_backend_impl.h>
#include <torch/csrc/lazy/ts_backend/ts_lowering_context.h>
#include <torch/headeronly/version.h>

#include <sstream>
#include <string_view>

namespace nb = nanobind;
using namespace torch::lazy;

namespace {

/// A graph, and what computes it: a function of a list of tensors and numbers that
/// returns a list of tensors, or None where PyTorch has to.
class PythonComputation : public TSComputation {
public:
  PythonComputation(const std::shared_ptr<torch::jit::Graph> &graph, nb::object function)
      : TSComputation(graph), function(std::move(function)) {}

  ~PythonComputation() override {
    if (!Py_IsInitialized()) { // The cache of graphs outlives Python.
      (void)function.release();
      return;
    }
    nb::gil_scoped_acquire lock;
    function.reset();
  }

  nb::object function;
};

/// Whether an operator gives views of what it takes.
bool isView(c10::Symbol op) {
  for (const std::shared_ptr<torch::jit::Operator> &overload : torch::jit::getAllOperatorsFor(op))
    for (const c10::Argument &result : overload->schema().returns())
      if (result.alias_info() && !result.alias_info()->isWrite())
        return true;
  return false;
}

/// Makes copies of views ("aten::select_copy") views and dense copies of them: two operators of models.
void splitViewCopies(torch::jit::Graph &graph) {
  constexpr std::string_view suffix = "_copy";
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    torch::jit::Node *node = *it++;
    std::string_view name = node->kind().toQualString();
    if (!name.starts_with("aten::") || !name.ends_with(suffix) || node->outputs().size() != 1 ||
        !node->output()->type()->isSubtypeOf(*c10::TensorType::get()))
      continue;
    auto op = c10::Symbol::fromQualString(std::string(name.substr(0, name.size() - suffix.size())));
    if (!isView(op))
      continue;
    torch::jit::Value *view = node->replaceWithNewSymbol(op)->output();
    node->destroy();
    torch::jit::WithInsertPoint point(view->node()->next());
    torch::jit::Value *copy = graph.insert(c10::aten::contiguous, {view});
    view->replaceAllUsesAfterNodeWith(copy->node(), copy);
  }
}

/// The graph as the method `forward` of a TorchScript module, with one result.
std::string saveGraph(torch::jit::Graph &graph) {
  std::shared_ptr<torch::jit::Graph> copy = graph.copy();
  torch::jit::Module module("__torch__.LazyGraph");
  splitViewCopies(*copy);
  copy->insertInput(0, "self")->setType(module.type());
  std::vector<torch::jit::Value *> results = copy->outputs().vec();
  torch::jit::Node *tuple = copy->insertNode(copy->createTuple(results));
  while (!copy->outputs().empty())
    copy->eraseOutput(0);
  copy->registerOutput(tuple->output());
  torch::jit::Function *forward = module._ivalue()->compilation_unit()->create_function(
      c10::QualifiedName(*module.type()->name(), "forward"), copy);
  module.type()->addMethod(forward);
  std::ostringstream stream;
  module.save(stream);
  return stream.str();
}

/// The name of an operator of the graph that draws from PyTorch's generator, or "".
std::string findRandomOperator(const torch::jit::Block &block) {
  for (const torch::jit::Node *node : block.nodes()) {
    if (node->isNondeterministic())
      return node->kind().toQualString();
    for (const torch::jit::Block *inner : node->blocks())
      if (std::string name = findRandomOperator(*inner); !name.empty())
        return name;
  }
  return "";
}

nb::object wrap(TSData &data) {
  if (!data.scalar)
    return nb::steal(THPVariable_Wrap(data.data()));
  if (data.scalar->isBoolean())
    return nb::bool_(data.scalar->toBool());
  if (data.scalar->isIntegral(/*includeBool=*/false))
    return nb::int_(data.scalar->toLong());
  return nb::float_(data.scalar->toDouble());
}

/// PyTorch's own backend, but for how graphs are computed.
class Backend : public BackendImplInterface {
public:
  Backend(BackendImplInterface &inner, nb::object compile) : inner(inner), compile(std::move(compile)) {}

  std::vector<ComputationPtr> Compile(std::vector<ComputationPtr> instances) const override {
    std::vector<ComputationPtr> compiled;
    for (const ComputationPtr &instance : inner.Compile(std::move(instances))) {
      std::shared_ptr<torch::jit::Graph> graph = static_cast<TSComputation &>(*instance).graph();
      std::string random = findRandomOperator(*graph->block());
      std::string archive = random.empty() ? saveGraph(*graph) : "";
      nb::gil_scoped_acquire lock;
      nb::object function = call([&] { return compile(nb::bytes(archive.data(), archive.size()), random.c_str()); });
      compiled.push_back(std::make_shared<PythonComputation>(graph, std::move(function)));
      compiled.back()->in_mark_step = instance->in_mark_step;
    }
    return compiled;
  }

  std::vector<BackendDataPtr> ExecuteComputation(ComputationPtr computation, c10::ArrayRef<BackendDataPtr> arguments,
                                                 const BackendDevice &device) const override {
    std::vector<at::Tensor> tensors;
    if (!execute(static_cast<PythonComputation &>(*computation), arguments, tensors))
      return inner.ExecuteComputation(computation, arguments, device);
    std::vector<BackendDataPtr> results;
    for (at::Tensor &tensor : tensors) {
      Shape shape(tensor.scalar_type(), tensor.sizes());
      results.push_back(std::make_shared<TSData>(std::move(tensor), shape, device));
    }
    return results;
  }

  void InitializeAtenBindings() const override { inner.InitializeAtenBindings(); }
  void PrepareToExit() const override { inner.PrepareToExit(); }
  void SetRngSeed(size_t seed) const override { inner.SetRngSeed(seed); }
  const IrBuilder *GetIrBuilder() const override { return inner.GetIrBuilder(); }
  BackendDataPtr MakeComputationDataFromTensor(const at::Tensor &tensor, const Shape &shape,
                                               const BackendDevice &device) const override {
    return inner.MakeComputationDataFromTensor(tensor, shape, device);
  }
  BackendDataPtr MakeComputationDataFromScalar(const at::Scalar &scalar, const BackendDevice &device) const override {
    return inner.MakeComputationDataFromScalar(scalar, device);
  }
  BackendDataPtr CreateDataPlaceholder(const BackendDevice &device, const Shape &shape) const override {
    return inner.CreateDataPlaceholder(device, shape);
  }
  BackendDataPtr GetComputationDataFromNode(const Node *node) const override {
    return inner.GetComputationDataFromNode(node);
  }
  at::Tensor MakeTensorFromComputationData(const BackendDataPtr data,
                                           std::optional<at::ScalarType> type) const override {
    return inner.MakeTensorFromComputationData(data, type);
  }
  std::unique_ptr<LoweringContext> CreateLoweringContext(const std::string &name, BackendDevice device,
                                                         c10::ArrayRef<const Node *> postOrder,
                                                         Util::EmissionMap emitted) const override {
    return inner.CreateLoweringContext(name, std::move(device), postOrder, std::move(emitted));
  }
  std::unique_ptr<LoweringContext> CreateLoweringContext(const std::string &name, BackendDevice device) const override {
    return inner.CreateLoweringContext(name, std::move(device));
  }
  std::vector<std::string> GetCompilationDevices(const std::string &device,
                                                 c10::ArrayRef<std::string> devices) const override {
    return inner.GetCompilationDevices(device, devices);
  }
  std::shared_ptr<BackendDeviceType> GetDefaultDeviceType() const override { return inner.GetDefaultDeviceType(); }
  void SetDefaultDeviceType(int8_t type) override { inner.SetDefaultDeviceType(type); }
  int64_t GetDefaultDeviceOrdinal() const override { return inner.GetDefaultDeviceOrdinal(); }
  void SetDefaultDeviceOrdinal(int64_t ordinal) override { inner.SetDefaultDeviceOrdinal(ordinal); }
  at::DeviceType EagerFallbackDeviceType() const override { return inner.EagerFallbackDeviceType(); }
  std::vector<BackendDevice> GetBackendDevices() const override { return inner.GetBackendDevices(); }
  std::string CreateMetricReport() const override { return inner.CreateMetricReport(); }
  BackendDevice GetBackendDevice(c10::Device device) const override { return inner.GetBackendDevice(device); }
  std::string GetComputationBackendText(const ComputationPtr computation) const override {
    return inner.GetComputationBackendText(computation);
  }

private:
  /// What Python raises, as an exception that passes through libtorch's threads.
  template <typename Function> static nb::object call(Function function) {
    try {
      return function();
    } catch (nb::python_error &error) {
      throw std::runtime_error(error.what());
    }
  }

  static bool execute(PythonComputation &computation, c10::ArrayRef<BackendDataPtr> arguments,
                      std::vector<at::Tensor> &results) {
    nb::gil_scoped_acquire lock;
    nb::list given;
    for (const BackendDataPtr &argument : arguments)
      given.append(wrap(static_cast<TSData &>(*argument)));
    nb::object computed = call([&] { return computation.function(given); });
    if (computed.is_none())
      return false;
    for (nb::handle value : computed)
      results.push_back(THPVariable_Unpack(value.ptr()));
    return true;
  }

  BackendImplInterface &inner;
  nb::object compile;
};

} // namespace

NB_MODULE(_lazy, m) {
  // Backends and graphs live as long as the process.
  nb::set_leak_warnings(false);
  // What is passed to libtorch has another layout in another release.
  constexpr int releaseShift = 48;
  if (aoti_torch_abi_version() >> releaseShift != TORCH_ABI_VERSION >> releaseShift)
    throw nb::import_error("torchc.lazy needs PyTorch " TORCH_VERSION ", with which it was built");
  m.doc() = "PyTorch's lazy tensors, computed by torchc.";
  m.def(
      "register_backend",
      [](nb::object compile) {
        InitTorchScriptBackend();
        static Backend *backend = nullptr;
        backend = new Backend(*GetTSBackendImpl(), std::move(compile));
        BackendRegistrar registrar(backend);
      },
      nb::arg("compile"));
}
