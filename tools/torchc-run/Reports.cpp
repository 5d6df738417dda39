//===- Reports.cpp - what is in a program and what a call used ------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reports.h"

#include "Text.h"
#include "Values.h"

#include <functional>

namespace torchc::runtime {

using Json = nlohmann::ordered_json;

static constexpr const char *kKindNames[] = {"tensor", "int", "float", "bool"};

/// "a, b" of item(0), item(1) ...
static std::string join(unsigned count, const std::function<std::string(unsigned)> &item) {
  std::string text;
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", " : "") + item(i);
  return text;
}

static Json collect(unsigned count, const std::function<Json(unsigned)> &item) {
  Json array = Json::array();
  for (unsigned i = 0; i < count; ++i)
    array.push_back(item(i));
  return array;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

static std::string describeValue(const Program &program, unsigned function, const ValueInfo &value) {
  return std::string(value.name) + ": " +
         (value.kind == ValueKind::Tensor ? formatType(value.type, value.dims, &program, function)
                                          : kKindNames[unsigned(value.kind)]);
}

static std::string describeSymbol(const SymbolInfo &symbol) {
  std::string text = symbol.max == INT64_MAX
                         ? format("%s >= %lld", symbol.name, (long long)symbol.min)
                         : format("%lld <= %s <= %lld", (long long)symbol.min, symbol.name, (long long)symbol.max);
  return symbol.multipleOf == 1 ? text : text + format(", a multiple of %lld", (long long)symbol.multipleOf);
}

static std::string describeSlab(uint64_t slab, uint64_t live) {
  return formatSize(slab) + (live ? " (largest live set " + formatSize(live) + ")" : "");
}

static std::string describeFunction(const Program &program, unsigned index) {
  const FunctionInfo function = program.getFunction(index);
  const auto inputs =
      join(function.inputCount, [&](unsigned i) { return describeValue(program, index, program.getInput(index, i)); });
  const auto outputs = join(function.outputCount,
                            [&](unsigned i) { return describeValue(program, index, program.getOutput(index, i)); });
  const auto symbols =
      join(function.symbolCount, [&](unsigned i) { return describeSymbol(program.getSymbol(index, i)); });
  return "  " + std::string(function.name) + "(" + inputs + ") -> (" + outputs + ")" +
         (symbols.empty() ? "" : "\n    where " + symbols) + "\n" +
         (function.slabBytes ? "    slab " + describeSlab(function.slabBytes, function.liveBytes) + "\n" : "");
}

static std::string describeLibrary(const LibraryInfo &library) {
  return format("%s %s (%s%s)", library.arch, library.cpu, formatSize(library.bytes).c_str(),
                library.isChosen ? ", chosen" : "");
}

static std::string getName(const ParameterInfo &parameter) {
  return std::string(parameter.scope) + "::" + parameter.key;
}

static std::string describeState(const StateInfo &state) {
  return std::string(state.name) + (state.hasValue ? ": " + formatType(state.type, state.dims) : "");
}

std::string describeProgram(const Program &program) {
  const ProducerInfo producer = program.getProducer();
  const ProgramSizes sizes = program.getSizes();
  std::string text = format("module %s\nfunctions\n", producer.module);
  for (unsigned i = 0; i < program.getFunctionCount(); ++i)
    text += describeFunction(program, i);
  text += format("kernels    %u\n", program.getKernelCount());
  text += "targets    " +
          (program.getLibraryCount() == 0
               ? "none"
               : join(program.getLibraryCount(), [&](unsigned i) { return describeLibrary(program.getLibrary(i)); })) +
          "\n";
  if (program.getParameterCount() != 0)
    text += "parameters " +
            join(program.getParameterCount(),
                 [&](unsigned i) {
                   const ParameterInfo parameter = program.getParameter(i);
                   return getName(parameter) + ": " + formatType(parameter.type, parameter.dims);
                 }) +
            "\n";
  if (program.getStateCount() != 0)
    text += "state      " +
            join(program.getStateCount(), [&](unsigned i) { return describeState(program.getState(i)); }) + "\n";
  if (program.getExternalCount() != 0)
    text += "custom ops " + join(program.getExternalCount(), [&](unsigned i) { return program.getExternal(i); }) + "\n";
  text += "sizes      file " + formatSize(sizes.file) + ", header " + formatSize(sizes.header) + ", bytecode " +
          formatSize(sizes.bytecode) + ", kernels " + formatSize(sizes.kernels) + ", constants " +
          formatSize(sizes.constants) + ", debug info " + formatSize(sizes.debugInfo) + "\n";
  text += format("producer   torchc %s, LLVM %s, for %s\n", producer.compilerVersion, producer.llvmVersion,
                 producer.target);
  if (producer.flagCount != 0)
    text += "flags      " + join(producer.flagCount, [&](unsigned i) { return program.getProducerFlag(i); }) + "\n";
  if (*producer.sourceHash)
    text += format("source     %s\n", producer.sourceHash);
  return text;
}

//===----------------------------------------------------------------------===//
// For machines
//===----------------------------------------------------------------------===//

static Json describeValueAsJson(const Program &program, unsigned function, const ValueInfo &value) {
  return {{"name", value.name},
          {"kind", kKindNames[unsigned(value.kind)]},
          {"type", formatType(value.type, value.dims, &program, function)}};
}

static Json describeFunctionAsJson(const Program &program, unsigned index) {
  const FunctionInfo function = program.getFunction(index);
  return {
      {"name", function.name},
      {"inputs", collect(function.inputCount,
                         [&](unsigned i) { return describeValueAsJson(program, index, program.getInput(index, i)); })},
      {"outputs",
       collect(function.outputCount,
               [&](unsigned i) { return describeValueAsJson(program, index, program.getOutput(index, i)); })},
      {"symbols", collect(function.symbolCount,
                          [&](unsigned i) -> Json {
                            const SymbolInfo symbol = program.getSymbol(index, i);
                            return {{"name", symbol.name},
                                    {"min", symbol.min},
                                    {"max", symbol.max},
                                    {"multiple_of", symbol.multipleOf}};
                          })},
      {"input_spec", function.inputSpec},
      {"output_spec", function.outputSpec},
      {"slab_bytes", function.slabBytes},
      {"live_bytes", function.liveBytes}};
}

/// Every kernel with its dispatches and their sources.
static Json describeKernels(const Program &program) {
  struct Context {
    const Program &program;
    Json kernels;
  } context{program, collect(program.getKernelCount(), [&](unsigned i) -> Json {
              return {{"name", program.getKernel(i).name}, {"dispatches", Json::array()}};
            })};
  program.visitDispatches(
      [](void *to, const DispatchInfo &dispatch) {
        auto &[program, kernels] = *static_cast<Context *>(to);
        kernels[dispatch.kernel]["dispatches"].push_back(
            collect(program.getSourceCount(dispatch.instruction), [&](unsigned i) -> Json {
              const SourceInfo source = program.getSource(dispatch.instruction, i);
              return {{"op", source.op}, {"location", source.location}};
            }));
      },
      &context);
  return context.kernels;
}

Json describeProgramAsJson(const Program &program) {
  const ProducerInfo producer = program.getProducer();
  const ProgramSizes sizes = program.getSizes();
  return {{"module", producer.module},
          {"functions",
           collect(program.getFunctionCount(), [&](unsigned i) { return describeFunctionAsJson(program, i); })},
          {"kernels", describeKernels(program)},
          {"libraries", collect(program.getLibraryCount(),
                                [&](unsigned i) -> Json {
                                  const LibraryInfo library = program.getLibrary(i);
                                  return {{"arch", library.arch},
                                          {"cpu", library.cpu},
                                          {"features",
                                           collect(library.featureCount,
                                                   [&](unsigned f) { return program.getLibraryFeature(i, f); })},
                                          {"bytes", library.bytes},
                                          {"chosen", library.isChosen}};
                                })},
          {"parameters", collect(program.getParameterCount(),
                                 [&](unsigned i) -> Json {
                                   const ParameterInfo parameter = program.getParameter(i);
                                   return {{"name", getName(parameter)},
                                           {"type", formatType(parameter.type, parameter.dims)}};
                                 })},
          {"state", collect(program.getStateCount(),
                            [&](unsigned i) -> Json {
                              const StateInfo state = program.getState(i);
                              return {{"name", state.name},
                                      {"type", state.hasValue ? Json(formatType(state.type, state.dims)) : Json()}};
                            })},
          {"custom_ops", collect(program.getExternalCount(), [&](unsigned i) { return program.getExternal(i); })},
          {"sizes",
           {{"file", sizes.file},
            {"header", sizes.header},
            {"bytecode", sizes.bytecode},
            {"kernels", sizes.kernels},
            {"constants", sizes.constants},
            {"debug_info", sizes.debugInfo}}},
          {"producer",
           {{"compiler", producer.compilerVersion},
            {"llvm", producer.llvmVersion},
            {"target", producer.target},
            {"flags", collect(producer.flagCount, [&](unsigned i) { return program.getProducerFlag(i); })},
            {"source_hash", producer.sourceHash}}}};
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

Json collectStats(const Session &session, const Program &program, unsigned function, double loadSeconds) {
  const SessionStats stats = session.getStats();
  return {{"load_ms", loadSeconds * 1e3},        {"dispatches", stats.calls ? stats.dispatches / stats.calls : 0},
          {"slab_bytes", stats.slabBytes},       {"live_bytes", program.getFunction(function).liveBytes},
          {"output_bytes", stats.outputBytes},   {"constant_bytes", program.getSizes().constants},
          {"scratch_bytes", stats.scratchBytes}, {"peak_bytes", stats.peakBytes}};
}

std::string formatStats(const Json &stats) {
  auto get = [&](const char *key) { return stats.at(key).get<uint64_t>(); };
  return format("load        %.2f ms\n", stats.at("load_ms").get<double>()) + "dispatches  " +
         std::to_string(get("dispatches")) + " a call\n" + "slab        " +
         describeSlab(get("slab_bytes"), get("live_bytes")) + "\n" + "outputs     " + formatSize(get("output_bytes")) +
         "\n" + "constants   " + formatSize(get("constant_bytes")) + "\n" + "scratch     " +
         formatSize(get("scratch_bytes")) + "\n" + "peak        " + formatSize(get("peak_bytes")) +
         " (slabs, outputs and state)\n";
}

} // namespace torchc::runtime
