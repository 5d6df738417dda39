//===- Compiler.cpp - the compiler in Python ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Compilation.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace torchc;

namespace {

/// Compiles a file to a file. Returns the exit code and the messages; the
/// package turns them into exceptions.
std::pair<int, std::vector<std::pair<std::string, std::string>>>
compileFile(const std::string &input, const std::string &output, const std::string &emit,
            const std::vector<std::string> &inputShapes, const std::string &targetCpu, bool trustModel,
            const std::string &dumpStages, const std::optional<std::pair<std::string, std::string>> &parameters,
            const std::vector<std::string> &customOps) {
  nb::gil_scoped_release unlock;
  std::vector<std::pair<std::string, std::string>> messages;
  CompileOptions options;
  options.inputs = inputShapes;
  options.pipeline.target.cpu = targetCpu;
  options.trustModel = trustModel;
  options.dumpStages = dumpStages;
  options.pipeline.customOps = customOps;
  if (parameters) {
    options.pipeline.parameterScope = parameters->first;
    options.parameterFile = parameters->second;
  }
  options.onMessage = [&](const Message &message) {
    bool isError = message.severity == mlir::DiagnosticSeverity::Error;
    messages.emplace_back(isError ? "error" : "warning", message.str());
  };
  auto finish = [&](ExitCode code) { return std::make_pair(static_cast<int>(code), messages); };

  std::optional<Emission> emission = parseEmission(emit);
  if (!emission) {
    messages.emplace_back("error", "'" + emit + "' is not a stage");
    return finish(ExitCode::Usage);
  }
  Compilation compilation(options);
  ExitCode code = compilation.read(input);
  if (code == ExitCode::Success)
    code = compilation.runTo(emission->stage);
  if (code == ExitCode::Success)
    code = emission->isStaticLibrary ? compilation.writeStaticLibrary(output) : compilation.write(output);
  return finish(code);
}

} // namespace

NB_MODULE(_compiler, m) {
  m.doc() = "Compiles model files.";
  m.def("compile_file", &compileFile, nb::arg("input"), nb::arg("output"), nb::arg("emit"), nb::arg("input_shapes"),
        nb::arg("target_cpu"), nb::arg("trust_model"), nb::arg("dump_stages"), nb::arg("parameters").none(),
        nb::arg("custom_ops"));
}
