//===- Reports.cpp - what torchc-run prints about a program and its speed -===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reports.h"

#include "Values.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>

namespace torchc::runtime {

namespace {

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...) {
  va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  std::string text(size_t(std::vsnprintf(nullptr, 0, pattern, arguments)), 0);
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  va_end(arguments);
  return text;
}

std::string quote(const char *text) {
  std::string quoted = "\"";
  for (; *text; ++text) {
    const auto character = static_cast<unsigned char>(*text);
    if (character < ' ')
      quoted += format("\\u%04x", character);
    else
      quoted += (character == '"' || character == '\\' ? "\\" : "") + std::string(1, *text);
  }
  return quoted + "\"";
}

/// "a, b" of item(0), item(1) ...
std::string join(unsigned count, const std::function<std::string(unsigned)> &item) {
  std::string text;
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", " : "") + item(i);
  return text;
}

std::string formatSize(uint64_t bytes) {
  if (bytes < 10000)
    return format("%llu B", (unsigned long long)bytes);
  return bytes < 10'000'000 ? format("%.1f kB", double(bytes) / 1e3) : format("%.1f MB", double(bytes) / 1e6);
}

constexpr const char *kKindNames[] = {"tensor", "int", "float", "bool"};

std::string describeValue(const Program &program, unsigned function, const ValueInfo &value, bool asJson) {
  const std::string type = formatType(value.type, value.dims, &program, function);
  if (asJson)
    return "{\"name\": " + quote(value.name) + ", \"kind\": " + quote(kKindNames[unsigned(value.kind)]) +
           ", \"type\": " + quote(type.c_str()) + "}";
  return std::string(value.name) + ": " + (value.kind == ValueKind::Tensor ? type : kKindNames[unsigned(value.kind)]);
}

std::string describeSymbol(const SymbolInfo &symbol, bool asJson) {
  if (asJson)
    return format("{\"name\": %s, \"min\": %lld, \"max\": %lld, \"multiple_of\": %lld}", quote(symbol.name).c_str(),
                  (long long)symbol.min, (long long)symbol.max, (long long)symbol.multipleOf);
  std::string text = format("%s >= %lld", symbol.name, (long long)symbol.min);
  if (symbol.max != INT64_MAX)
    text = format("%lld <= %s <= %lld", (long long)symbol.min, symbol.name, (long long)symbol.max);
  return symbol.multipleOf == 1 ? text : text + format(", a multiple of %lld", (long long)symbol.multipleOf);
}

std::string describeFunction(const Program &program, unsigned index, bool asJson) {
  const FunctionInfo function = program.getFunction(index);
  const auto inputs = join(function.inputCount, [&](unsigned i) { return describeValue(program, index, program.getInput(index, i), asJson); });
  const auto outputs = join(function.outputCount, [&](unsigned i) { return describeValue(program, index, program.getOutput(index, i), asJson); });
  const auto symbols = join(function.symbolCount, [&](unsigned i) { return describeSymbol(program.getSymbol(index, i), asJson); });
  if (asJson)
    return "{\"name\": " + quote(function.name) + ", \"inputs\": [" + inputs + "], \"outputs\": [" + outputs +
           "], \"symbols\": [" + symbols + "], \"input_spec\": " + quote(function.inputSpec) +
           ", \"output_spec\": " + quote(function.outputSpec) + "}";
  return "  " + std::string(function.name) + "(" + inputs + ") -> (" + outputs + ")" +
         (symbols.empty() ? "" : "\n    where " + symbols) + "\n";
}

std::string describeLibrary(const LibraryInfo &library, bool asJson) {
  if (asJson)
    return format("{\"arch\": %s, \"cpu\": %s, \"bytes\": %llu}", quote(library.arch).c_str(), quote(library.cpu).c_str(),
                  (unsigned long long)library.bytes);
  return format("%s %s (%s)", library.arch, library.cpu, formatSize(library.bytes).c_str());
}

std::string describeParameter(const ParameterInfo &parameter, bool asJson) {
  const std::string name = std::string(parameter.scope) + "::" + parameter.key;
  const std::string type = formatType(parameter.type, parameter.dims);
  return asJson ? "{\"name\": " + quote(name.c_str()) + ", \"type\": " + quote(type.c_str()) + "}" : name + ": " + type;
}

} // namespace

std::string describeProgram(const Program &program, bool asJson) {
  const ProducerInfo producer = program.getProducer();
  const ProgramSizes sizes = program.getSizes();
  const auto libraries = join(program.getLibraryCount(), [&](unsigned i) { return describeLibrary(program.getLibrary(i), asJson); });
  const auto parameters = join(program.getParameterCount(), [&](unsigned i) { return describeParameter(program.getParameter(i), asJson); });
  const auto flags = join(producer.flagCount, [&](unsigned i) { return asJson ? quote(program.getProducerFlag(i)) : program.getProducerFlag(i); });
  std::string functions;
  for (unsigned i = 0; i < program.getFunctionCount(); ++i)
    functions += (asJson && i ? ", " : "") + describeFunction(program, i, asJson);
  auto number = [](uint64_t value) { return std::to_string(value); };
  if (asJson)
    return "{\"module\": " + quote(producer.module) + ", \"functions\": [" + functions + "], \"libraries\": [" + libraries +
           "], \"parameters\": [" + parameters + "], \"sizes\": {\"file\": " + number(sizes.file) + ", \"header\": " +
           number(sizes.header) + ", \"bytecode\": " + number(sizes.bytecode) + ", \"kernels\": " + number(sizes.kernels) +
           ", \"constants\": " + number(sizes.constants) + ", \"debug_info\": " + number(sizes.debugInfo) +
           "}, \"producer\": {\"compiler\": " + quote(producer.compilerVersion) + ", \"llvm\": " + quote(producer.llvmVersion) +
           ", \"target\": " + quote(producer.target) + ", \"flags\": [" + flags + "], \"source_hash\": " +
           quote(producer.sourceHash) + "}}\n";
  std::string text = format("module %s\nfunctions\n", producer.module) + functions;
  text += "targets    " + (libraries.empty() ? "no kernels" : libraries) + "\n";
  if (!parameters.empty())
    text += "parameters " + parameters + "\n";
  text += "sizes      file " + formatSize(sizes.file) + ", header " + formatSize(sizes.header) + ", bytecode " +
          formatSize(sizes.bytecode) + ", kernels " + formatSize(sizes.kernels) + ", constants " +
          formatSize(sizes.constants) + ", debug info " + formatSize(sizes.debugInfo) + "\n";
  text += format("producer   torchc %s, LLVM %s, for %s\n", producer.compilerVersion, producer.llvmVersion, producer.target);
  if (!flags.empty())
    text += "flags      " + flags + "\n";
  if (*producer.sourceHash)
    text += format("source     %s\n", producer.sourceHash);
  return text;
}

std::string benchmark(const std::function<void()> &run, double seconds, bool asJson) {
  using Clock = std::chrono::steady_clock;
  auto secondsSince = [](Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); };
  const auto warmUp = Clock::now();
  do
    run();
  while (secondsSince(warmUp) < seconds / 10);
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 10 || (secondsSince(start) < seconds && times.size() < 10'000'000)) {
    const auto begin = Clock::now();
    run();
    times.push_back(secondsSince(begin));
  }
  const double total = secondsSince(start);
  std::sort(times.begin(), times.end());
  auto percentile = [&](double part) { return times[size_t(part * double(times.size() - 1) + 0.5)] * 1e3; };
  return format(asJson ? "{\"runs\": %zu, \"median_ms\": %.6f, \"p90_ms\": %.6f, \"p99_ms\": %.6f, \"runs_per_second\": %.3f}\n"
                       : "%zu runs: median %.4f ms, p90 %.4f ms, p99 %.4f ms, %.1f runs/s\n",
                times.size(), percentile(0.5), percentile(0.9), percentile(0.99), double(times.size()) / total);
}

std::string describeStats(const Session &session, const Program &program, bool asJson) {
  const SessionStats stats = session.getStats();
  return format(asJson ? "{\"peak_bytes\": %llu, \"scratch_bytes\": %llu, \"constant_bytes\": %llu}\n"
                       : "peak bytes %llu (slabs, outputs, state); scratch %llu; constants %llu\n",
                (unsigned long long)stats.peakBytes, (unsigned long long)stats.scratchBytes,
                (unsigned long long)program.getSizes().constants);
}

} // namespace torchc::runtime
