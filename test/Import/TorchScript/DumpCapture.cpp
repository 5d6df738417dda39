//===- DumpCapture.cpp - prints what was captured from a .pt file ---------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes captured programs as JSON to stdout and the storages of their tensors
// to a file, for tests that run the programs with PyTorch. A shape is "2x?xf32".
// A failure prints its errors to stderr; its number is the exit code.
//
//===----------------------------------------------------------------------===//

#include "torchc/Import/TorchScript.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

using namespace torchc;
using json = nlohmann::json;

static json dump(const SymInt &value) {
  if (value.isConstant())
    return value.value;
  return {{"expression", value.expression}, {"hint", value.value}};
}

static json dump(const std::vector<SymInt> &values) {
  json list = json::array();
  for (const SymInt &value : values)
    list.push_back(dump(value));
  return list;
}

static json dump(const TensorMeta &meta) {
  return {{"dtype", static_cast<int>(meta.dtype)},
          {"sizes", dump(meta.sizes)},
          {"strides", dump(meta.strides)},
          {"offset", dump(meta.storageOffset)}};
}

static json dump(const CapturedValue &value) {
  static const char *kinds[] = {"tensor", "int", "float", "bool", "none", "tensor_list"};
  json result = {{"name", value.name}, {"kind", kinds[static_cast<int>(value.type.kind)]}};
  if (value.type.kind == ValueType::Kind::Tensor)
    result["meta"] = dump(value.type.tensor);
  return result;
}

static json dump(const CapturedGraph &graph);

static json dump(const Argument &argument) {
  return std::visit(
      []<typename T>(const T &value) -> json {
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<T, ValueRef>) {
          return {{"ref", value.name}};
        } else if constexpr (std::is_same_v<T, double>) {
          // JSON has no infinity.
          return {{"double", (std::ostringstream() << std::hexfloat << value).str()}};
        } else if constexpr (std::is_same_v<T, std::complex<double>>) {
          return {{"complex", {value.real(), value.imag()}}};
        } else if constexpr (std::is_same_v<T, ScalarType>) {
          return {{"dtype", static_cast<int>(value)}};
        } else if constexpr (std::is_same_v<T, LayoutArg>) {
          return {{"layout", value.value}};
        } else if constexpr (std::is_same_v<T, MemoryFormatArg>) {
          return {{"memory_format", value.value}};
        } else if constexpr (std::is_same_v<T, DeviceArg>) {
          return {{"device", value.type}};
        } else if constexpr (std::is_same_v<T, Argument::List>) {
          json list = json::array();
          for (const Argument &element : value)
            list.push_back(dump(element));
          return list;
        } else if constexpr (std::is_same_v<T, std::shared_ptr<CapturedGraph>>) {
          return {{"graph", dump(*value)}};
        } else {
          return value;
        }
      },
      argument.value);
}

static json dump(const CapturedNode &node) {
  json arguments = json::array(), outputs = json::array(), frames = json::array();
  for (auto &[name, argument] : node.arguments)
    arguments.push_back({name, dump(argument)});
  for (const CapturedValue &output : node.outputs)
    outputs.push_back(dump(output));
  for (const SourceFrame &frame : node.frames)
    frames.push_back({frame.file, frame.line, frame.function});
  return {{"target", node.target}, {"arguments", arguments}, {"outputs", outputs}, {"frames", frames}};
}

static json dump(const CapturedGraph &graph) {
  json inputs = json::array(), nodes = json::array(), outputs = json::array();
  for (const CapturedValue &input : graph.inputs)
    inputs.push_back(dump(input));
  for (const CapturedNode &node : graph.nodes)
    nodes.push_back(dump(node));
  for (const Argument &output : graph.outputs)
    outputs.push_back(dump(output));
  return {{"inputs", inputs}, {"nodes", nodes}, {"outputs", outputs}};
}

static json dump(const CapturedFunction &function) {
  static const char *inputKinds[] = {"user", "parameter", "buffer", "constant"};
  static const char *outputKinds[] = {"user", "buffer_mutation", "parameter_mutation", "user_input_mutation"};
  json inputs = json::array(), outputs = json::array();
  for (const InputSpec &input : function.inputs)
    inputs.push_back(
        {{"kind", inputKinds[static_cast<int>(input.kind)]}, {"name", input.name}, {"target", input.target}});
  for (const OutputSpec &output : function.outputs)
    outputs.push_back({{"kind", outputKinds[static_cast<int>(output.kind)]}, {"target", output.target}});
  return {{"name", function.name}, {"graph", dump(function.graph)},    {"inputs", inputs},
          {"outputs", outputs},    {"input_spec", function.inputSpec}, {"output_spec", function.outputSpec}};
}

/// Dumps the tensors and appends each storage to `storages` once.
static json dumpTensors(const CapturedProgram &program, const std::string &storages) {
  std::ofstream file(storages, std::ios::binary);
  std::map<const uint8_t *, uint64_t> offsets;
  json tensors = json::object();
  for (const StoredTensor &tensor : program.tensors) {
    auto [it, isNew] = offsets.try_emplace(tensor.data, static_cast<uint64_t>(file.tellp()));
    if (isNew)
      file.write(reinterpret_cast<const char *>(tensor.data), static_cast<std::streamsize>(tensor.storageBytes));
    tensors[tensor.name] = {{"meta", dump(tensor.meta)}, {"offset", it->second}, {"bytes", tensor.storageBytes}};
  }
  return tensors;
}

static InputShape parseShape(std::string text) {
  static const std::map<std::string, ScalarType> types = {
      {"f32", ScalarType::Float}, {"f64", ScalarType::Double}, {"f16", ScalarType::Half}, {"i64", ScalarType::Long},
      {"si64", ScalarType::Long}, {"i32", ScalarType::Int},    {"i1", ScalarType::Bool}};
  InputShape shape;
  for (size_t end; (end = text.find('x')) != std::string::npos; text.erase(0, end + 1)) {
    std::string size = text.substr(0, end);
    shape.sizes.push_back(size == "?" ? InputShape::dynamic : std::stoll(size));
  }
  shape.dtype = types.at(text);
  return shape;
}

/// Arguments: model file, file for the storages, input shapes and options.
static int capture(const std::vector<std::string> &arguments) {
  TorchScriptOptions options;
  for (const std::string &argument : std::vector(arguments.begin() + 2, arguments.end())) {
    if (argument == "--trust-model")
      options.trustModel = true;
    else if (argument.starts_with("--function="))
      options.function = argument.substr(11);
    else
      options.inputs.push_back(parseShape(argument));
  }
  CaptureResult result = captureTorchScript(arguments[0], options);
  for (const std::string &error : result.errors)
    std::cerr << error << "\n";
  if (!result)
    return static_cast<int>(result.failure);
  json functions = json::array(), symbols = json::array();
  for (const CapturedFunction &function : result.program->functions)
    functions.push_back(dump(function));
  for (const SymbolRange &range : result.program->symbols)
    symbols.push_back({range.symbol, range.min, range.max});
  std::cout << json{{"functions", functions},
                    {"tensors", dumpTensors(*result.program, arguments[1])},
                    {"symbols", symbols}}
            << "\n";
  return 0;
}

/// Answers requests, one JSON object a line with "arguments", "cwd" and the files
/// "stdout" and "stderr", by the exit code. Each runs in a child of its own that
/// has libtorch loaded already, which takes longer than most captures.
int main() {
  (void)captureTorchScript("/dev/null", {});
  for (std::string line; std::getline(std::cin, line);) {
    json request = json::parse(line);
    pid_t child = fork();
    if (child == 0) {
      auto open = [&](const char *name, FILE *stream) {
        return freopen(request[name].get<std::string>().c_str(), "w", stream) != nullptr;
      };
      if (chdir(request["cwd"].get<std::string>().c_str()) != 0 || !open("stdout", stdout) || !open("stderr", stderr))
        _exit(255);
      int code = capture(request["arguments"]);
      std::cout.flush();
      fflush(nullptr);
      _exit(code);
    }
    int status = 0;
    waitpid(child, &status, 0);
    std::cout << (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)) << std::endl;
  }
}
