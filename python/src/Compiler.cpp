//===- Compiler.cpp - the compiler in Python ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/ExportedProgram.h"
#include "torchc/Object/KernelCache.h"
#include "torchc/Pipeline/Compilation.h"

#include "DlpackTypes.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <future>

// Those of the tools.
int torchcCompileMain(int argc, char **argv);
int torchcOptMain(int argc, char **argv);

namespace nb = nanobind;
using namespace torchc;

namespace {

using Messages = std::vector<std::pair<std::string, std::string>>;
using WeightArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

/// How often a long step looks for Ctrl-C and reports its progress.
constexpr std::chrono::milliseconds kPollInterval(50);

/// A model on its way through the stages. Each step gives an exit code; what it says
/// is among the messages, which the package turns into exceptions.
class PythonCompilation {
public:
  PythonCompilation(const std::string &targetCpu, const std::vector<std::string> &inputShapes, bool trustModel,
                    const std::string &dumpStages, const std::optional<std::pair<std::string, std::string>> &parameters,
                    const std::vector<std::string> &customOps, unsigned optLevel)
      : compilation(makeOptions(targetCpu, inputShapes, trustModel, dumpStages, parameters, customOps, optLevel)) {}

  int readFile(const std::string &path, nb::object progress) {
    return run(progress, [&] { return compilation.read(path); });
  }

  int readBytes(nb::bytes content, const std::string &name, nb::object progress) {
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(content.c_str(), content.size()), name);
    return run(progress, [&] { return compilation.read(std::move(buffer), name); });
  }

  /// Entry points, each a name and the text of its graph, over named arrays.
  int readGraphs(const std::vector<std::pair<std::string, std::string>> &graphs,
                 const std::vector<std::pair<std::string, WeightArray>> &tensors, nb::object progress) {
    std::vector<ExportedGraph> entryPoints;
    for (const auto &[name, text] : graphs)
      entryPoints.push_back({name, text});
    std::vector<StoredTensor> stored;
    for (const auto &[name, array] : tensors)
      stored.push_back(storeArray(name, array));
    return run(progress, [&] {
      return compilation.read(readExportedGraphs(entryPoints, std::move(stored)), "the captured graph");
    });
  }

  int runTo(const std::string &stage, nb::object progress) {
    std::optional<Emission> emission = parseEmission(stage);
    if (!emission)
      throw nb::value_error(("'" + stage + "' is not a stage").c_str());
    compilation.chooseForm(*emission);
    return run(progress, [&] { return compilation.runTo(emission->stage); });
  }

  int write(const std::string &path, bool bytecode) {
    return run(nb::none(), [&] { return compilation.write(path, bytecode); });
  }

  int writeStaticLibrary(const std::string &path) {
    return run(nb::none(), [&] { return compilation.writeStaticLibrary(path); });
  }

  /// The .vmfb, or bytecode with its weights, after the exit code.
  std::pair<int, nb::bytes> toBytes() {
    llvm::SmallVector<char> bytes;
    int code = run(nb::none(), [&] {
      llvm::raw_svector_ostream stream(bytes);
      return compilation.write(stream, /*bytecode=*/true);
    });
    return {code, nb::bytes(bytes.data(), bytes.size())};
  }

  std::pair<int, std::string> toText(uint64_t maxWeightBytes) {
    std::string text;
    int code = run(nb::none(), [&] {
      llvm::raw_string_ostream stream(text);
      return compilation.write(stream, /*bytecode=*/false, maxWeightBytes);
    });
    return {code, text};
  }

  std::string getStage() const { return getStageName(compilation.getStage()).str(); }
  Messages takeMessages() { return std::exchange(messages, {}); }

private:
  CompileOptions makeOptions(const std::string &targetCpu, const std::vector<std::string> &inputShapes, bool trustModel,
                             const std::string &dumpStages,
                             const std::optional<std::pair<std::string, std::string>> &parameters,
                             const std::vector<std::string> &customOps, unsigned optLevel) {
    CompileOptions options;
    options.inputs = inputShapes;
    options.pipeline.target.cpu = targetCpu;
    options.trustModel = trustModel;
    options.dumpStages = dumpStages;
    options.pipeline.customOps = customOps;
    options.pipeline.optLevel = optLevel;
    options.pipeline.kernelCache = findKernelCacheFolder();
    if (parameters) {
      options.pipeline.parameterScope = parameters->first;
      options.parameterFile = parameters->second;
    }
    options.onStage = [this](Stage next) { stage = static_cast<int>(next); };
    options.onMessage = [this](const Message &message) {
      std::lock_guard<std::mutex> lock(mutex);
      bool isError = message.severity == mlir::DiagnosticSeverity::Error;
      messages.emplace_back(isError ? "error" : "warning", message.str());
    };
    options.isCancelled = &isCancelled;
    return options;
  }

  static StoredTensor storeArray(const std::string &name, const WeightArray &array) {
    StoredTensor tensor;
    tensor.name = name;
    // Both have torch's numbers.
    tensor.meta.dtype = static_cast<ScalarType>(fromDlpack(array.dtype()));
    int64_t stride = 1;
    for (size_t i = array.ndim(); i-- != 0;) {
      tensor.meta.sizes.insert(tensor.meta.sizes.begin(), SymInt{static_cast<int64_t>(array.shape(i)), ""});
      tensor.meta.strides.insert(tensor.meta.strides.begin(), SymInt{stride, ""});
      stride *= static_cast<int64_t>(array.shape(i));
    }
    tensor.data = static_cast<const uint8_t *>(array.data());
    tensor.storageBytes = array.nbytes();
    auto release = [](const WeightArray *owner) {
      nb::gil_scoped_acquire lock;
      delete owner;
    };
    tensor.owner = std::shared_ptr<const WeightArray>(new WeightArray(array), release);
    return tensor;
  }

  /// Runs a step in a thread of its own, so that this one can answer Ctrl-C, and call
  /// `progress`, if that is not None, with the number of each stage.
  template <typename Step> int run(const nb::object &progress, Step step) {
    if (isCancelled)
      throw nb::value_error("the compilation was cancelled");
    int reported = stage = -1;
    bool isInterrupted = false;
    ExitCode code;
    {
      nb::gil_scoped_release unlock;
      std::future<ExitCode> future = std::async(std::launch::async, step);
      while (future.wait_for(kPollInterval) != std::future_status::ready) {
        if (isInterrupted)
          continue;
        nb::gil_scoped_acquire lock;
        isInterrupted = PyErr_CheckSignals() != 0 || !report(progress, reported);
        // The exception stays set while the step ends.
        isCancelled = isInterrupted;
      }
      code = future.get();
    }
    if (isInterrupted)
      throw nb::python_error();
    return static_cast<int>(code);
  }

  /// Returns false where `progress` raised.
  bool report(const nb::object &progress, int &reported) {
    int next = stage;
    if (progress.is_none() || next == reported)
      return true;
    reported = next;
    try {
      progress(next);
    } catch (nb::python_error &error) {
      error.restore();
      return false;
    }
    return true;
  }

  std::mutex mutex; ///< Of `messages`.
  Messages messages;
  std::atomic<int> stage{-1};
  std::atomic<bool> isCancelled{false};
  Compilation compilation;
};

/// The operators of the op table: "aten.relu", "aten.add.Tensor".
std::vector<std::string> listOps() {
  std::vector<std::string> names;
#define ATEN_OP(Class, name, family, route) names.push_back(llvm::StringRef(name).drop_front(strlen("torch.")).str());
#include "torchc/Dialect/Torch/IR/AtenOps.def"
  return names;
}

/// Each stage: its name, and its other name or "".
std::vector<std::pair<std::string, std::string>> listStages() {
  return {
#define STAGE(Name, name, alias, description) {name, alias},
#include "torchc/Pipeline/Stages.def"
  };
}

/// Runs torchc-compile or torchc-opt, as its name is the first argument; returns its exit code.
int runTool(std::vector<std::string> arguments) {
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  auto main = arguments.front() == "torchc-opt" ? torchcOptMain : torchcCompileMain;
  return main(static_cast<int>(arguments.size()), pointers.data());
}

} // namespace

NB_MODULE(_compiler, m) {
  // Programs and devices may live as long as the process.
  nb::set_leak_warnings(false);
  m.doc() = "Compiles models.";
  m.attr("version") = TORCHC_VERSION;
  nb::class_<PythonCompilation>(m, "Compilation", "One model on its way through the stages; for one thread at a time.")
      .def(nb::init<const std::string &, const std::vector<std::string> &, bool, const std::string &,
                    const std::optional<std::pair<std::string, std::string>> &, const std::vector<std::string> &,
                    unsigned>(),
           nb::arg("target_cpu"), nb::arg("input_shapes"), nb::arg("trust_model"), nb::arg("dump_stages"),
           nb::arg("parameters").none(), nb::arg("custom_ops"), nb::arg("opt_level"))
      .def("read_file", &PythonCompilation::readFile, nb::arg("path"), nb::arg("progress").none())
      .def("read_bytes", &PythonCompilation::readBytes, nb::arg("content"), nb::arg("name"), nb::arg("progress").none())
      .def("read_graphs", &PythonCompilation::readGraphs, nb::arg("graphs"), nb::arg("tensors"),
           nb::arg("progress").none())
      .def("run_to", &PythonCompilation::runTo, nb::arg("stage"), nb::arg("progress").none())
      .def("write", &PythonCompilation::write, nb::arg("path"), nb::arg("bytecode"))
      .def("write_static_library", &PythonCompilation::writeStaticLibrary, nb::arg("path"))
      .def("to_bytes", &PythonCompilation::toBytes)
      .def("to_text", &PythonCompilation::toText, nb::arg("max_weight_bytes"))
      .def("take_messages", &PythonCompilation::takeMessages)
      .def_prop_ro("stage", &PythonCompilation::getStage);
  m.def("find_cache_folder", &findCacheFolder);
  m.def("list_ops", &listOps);
  m.def("list_stages", &listStages);
  m.def("run_tool", &runTool, nb::arg("argv"));
}
