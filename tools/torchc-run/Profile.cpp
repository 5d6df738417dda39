//===- Profile.cpp - where the time of a call goes ------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"

#include "Text.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace torchc::runtime {

using Json = nlohmann::ordered_json;

//===----------------------------------------------------------------------===//
// Adding up
//===----------------------------------------------------------------------===//

Profiler ProfileRecorder::getProfiler() {
  return {[](void *to, const DispatchEvent &event) {
            Total &total = static_cast<ProfileRecorder *>(to)->byInstruction[event.instruction];
            total.kernel = event.kernel;
            total.calls += 1;
            total.nanoseconds += event.end - event.begin;
            total.workgroups += event.workgroups;
            total.bytesRead += event.bytesRead;
            total.bytesWritten += event.bytesWritten;
          },
          [](void *to, const BatchEvent &event) {
            static_cast<ProfileRecorder *>(to)->workers[event.worker].nanoseconds += event.end - event.begin;
          },
          this};
}

static std::vector<SourceInfo> getSources(const Program &program, uint32_t instruction) {
  std::vector<SourceInfo> sources;
  for (unsigned i = 0; i < program.getSourceCount(instruction); ++i)
    sources.push_back(program.getSource(instruction, i));
  return sources;
}

namespace {

/// A row of a table: dispatches that have something in common.
struct Row {
  Json names; ///< What they have in common.
  std::vector<Json> sources;
  uint64_t calls = 0, nanoseconds = 0, workgroups = 0, bytes = 0;

  void addSource(const Json &source) {
    if (std::find(sources.begin(), sources.end(), source) == sources.end())
      sources.push_back(source);
  }
};

/// Rows in the order of their time.
Json sortRows(std::map<std::string, Row> &rows, double runs, double total, const char *sourcesKey) {
  std::multimap<uint64_t, Row *, std::greater<>> order;
  for (auto &[key, row] : rows)
    order.emplace(row.nanoseconds, &row);
  Json array = Json::array();
  for (auto [nanoseconds, row] : order) {
    Json entry = row->names;
    entry["ms"] = double(row->nanoseconds) / 1e6 / runs;
    entry["share"] = total > 0 ? double(row->nanoseconds) / 1e9 / total : 0.0;
    entry["dispatches"] = double(row->calls) / runs;
    entry["workgroups"] = double(row->workgroups) / runs;
    entry["bytes"] = double(row->bytes) / runs;
    entry["gb_per_s"] = row->nanoseconds ? double(row->bytes) / double(row->nanoseconds) : 0.0;
    entry[sourcesKey] = row->sources;
    array.push_back(std::move(entry));
  }
  return array;
}

} // namespace

Json ProfileRecorder::summarize(const Program &program, const std::vector<double> &seconds) const {
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  const auto runs = double(seconds.size());
  std::map<std::string, Row> kernels, ops;
  uint64_t inKernels = 0, dispatches = 0;
  for (const auto &[instruction, sum] : byInstruction) {
    const std::string kernel = program.getKernel(sum.kernel).name;
    std::vector<SourceInfo> sources = getSources(program, instruction);
    if (sources.empty())
      sources.push_back({"", ""});
    Row &byKernel = kernels[kernel];
    byKernel.names = {{"kernel", kernel}};
    Row &byOp = ops[std::string(sources[0].op) + '\n' + sources[0].location];
    byOp.names = {{"op", sources[0].op}, {"location", sources[0].location}};
    for (const SourceInfo &source : sources) {
      const Json text = {{"op", source.op}, {"location", source.location}};
      byKernel.addSource(text);
      if (&source != &sources[0])
        byOp.addSource(text);
    }
    for (Row *row : {&byKernel, &byOp}) {
      row->calls += sum.calls;
      row->nanoseconds += sum.nanoseconds;
      row->workgroups += sum.workgroups;
      row->bytes += sum.bytesRead + sum.bytesWritten;
    }
    inKernels += sum.nanoseconds;
    dispatches += sum.calls;
  }
  Json busy = Json::array();
  for (size_t i = 0; i < workers.size(); ++i) {
    const double time = double(workers[i].nanoseconds) / 1e9;
    busy.push_back({{"worker", i}, {"busy_ms", time * 1e3 / runs}, {"share", total > 0 ? time / total : 0.0}});
  }
  const double outside = std::max(0.0, total - double(inKernels) / 1e9);
  return {{"calls", seconds.size()},
          {"ms_per_call", total / runs * 1e3},
          {"dispatches", double(dispatches) / runs},
          {"outside_kernels_ms", outside / runs * 1e3},
          {"outside_kernels_share", total > 0 ? outside / total : 0.0},
          {"kernels", sortRows(kernels, runs, total, "sources")},
          {"ops", sortRows(ops, runs, total, "fused")},
          {"workers", std::move(busy)}};
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string formatNumber(double value, const char *pattern = "%.3f") { return format(pattern, value); }

static std::vector<std::string> formatNumbers(const Json &row, bool inMilliseconds) {
  const auto dispatches = row.at("dispatches").get<double>();
  return {formatNumber(row.at("ms").get<double>() * (inMilliseconds ? 1 : 1e3)),
          formatNumber(row.at("share").get<double>() * 100, "%.1f %%"),
          formatNumber(dispatches, dispatches == double(uint64_t(dispatches)) ? "%.0f" : "%.2f"),
          formatNumber(row.at("bytes").get<double>() / 1e6), formatNumber(row.at("gb_per_s"), "%.1f")};
}

/// "aten.relu.default model.py:27"
static std::string formatSource(const Json &source) {
  const std::string op = source.at("op"), location = source.at("location");
  return op.empty() || location.empty() ? op + location : op + " " + location;
}

static std::string formatSources(const Json &sources) {
  if (sources.empty())
    return "";
  return formatSource(sources[0]) + (sources.size() > 1 ? format(" +%zu", sources.size() - 1) : "");
}

std::string formatProfile(const Json &profile) {
  std::string text = format("%llu calls, %.3f ms each, %.3f ms of it outside of kernels\n\n",
                            (unsigned long long)profile.at("calls").get<uint64_t>(),
                            profile.at("ms_per_call").get<double>(), profile.at("outside_kernels_ms").get<double>());
  const bool inMilliseconds = profile.at("ms_per_call").get<double>() >= 10;
  auto addTable = [&](std::vector<std::string> head, const char *table, auto getNames) {
    std::vector<std::vector<std::string>> rows = {{inMilliseconds ? "ms" : "us", "share", "calls", "MB", "GB/s"}};
    rows[0].insert(rows[0].end(), head.begin(), head.end());
    for (const Json &row : profile.at(table)) {
      std::vector<std::string> cells = formatNumbers(row, inMilliseconds);
      for (std::string name : getNames(row))
        cells.push_back(std::move(name));
      rows.push_back(std::move(cells));
    }
    text += formatTable(rows, {true, true, true, true, true, false, false});
  };
  addTable({"kernel", "what it computes"}, "kernels", [](const Json &row) {
    return std::vector<std::string>{row.at("kernel"), formatSources(row.at("sources"))};
  });
  text += "\n";
  addTable({"op", "fused with it"}, "ops", [](const Json &row) {
    const std::string op = formatSource(row);
    return std::vector<std::string>{op.empty() ? "unknown" : op, formatSources(row.at("fused"))};
  });
  text += "\n";
  for (const Json &worker : profile.at("workers"))
    text += format("worker %llu busy %.1f %%\n", (unsigned long long)worker.at("worker").get<uint64_t>(),
                   worker.at("share").get<double>() * 100);
  return text;
}

//===----------------------------------------------------------------------===//
// Trace
//===----------------------------------------------------------------------===//

Profiler TraceRecorder::getProfiler() {
  return {[](void *to, const DispatchEvent &event) { static_cast<TraceRecorder *>(to)->dispatches.push_back(event); },
          [](void *to, const BatchEvent &event) {
            static_cast<TraceRecorder *>(to)->batches[event.worker].push_back(event);
          },
          this};
}

/// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
Json TraceRecorder::getTrace(const Program &program) const {
  Json events = Json::array();
  const uint64_t start = calls.empty() ? 0 : calls.front().begin;
  auto nameLane = [&](size_t lane, const std::string &name) {
    events.push_back({{"ph", "M"}, {"name", "thread_name"}, {"pid", 1}, {"tid", lane}, {"args", {{"name", name}}}});
    events.push_back(
        {{"ph", "M"}, {"name", "thread_sort_index"}, {"pid", 1}, {"tid", lane}, {"args", {{"sort_index", lane}}}});
  };
  auto add = [&](size_t lane, const char *category, const std::string &name, uint64_t begin, uint64_t end,
                 Json arguments) {
    events.push_back({{"ph", "X"},
                      {"name", name},
                      {"cat", category},
                      {"pid", 1},
                      {"tid", lane},
                      {"ts", double(begin - start) / 1e3},
                      {"dur", double(end - begin) / 1e3},
                      {"args", std::move(arguments)}});
  };
  nameLane(0, "calls and dispatches");
  for (size_t i = 0; i < batches.size(); ++i)
    nameLane(i + 1, "worker " + std::to_string(i) + (i == 0 ? " (caller)" : ""));
  for (const Call &call : calls)
    add(0, "call", "call", call.begin, call.end, Json::object());
  for (const DispatchEvent &event : dispatches) {
    Json sources = Json::array();
    for (const SourceInfo &source : getSources(program, event.instruction))
      sources.push_back(formatSource({{"op", source.op}, {"location", source.location}}));
    add(0, "dispatch", program.getKernel(event.kernel).name, event.begin, event.end,
        {{"sources", std::move(sources)},
         {"workgroups", event.workgroups},
         {"bytes read", event.bytesRead},
         {"bytes written", event.bytesWritten}});
  }
  for (size_t i = 0; i < batches.size(); ++i)
    for (const BatchEvent &event : batches[i])
      add(i + 1, "kernel", program.getKernel(event.kernel).name, event.begin, event.end,
          {{"first workgroup", event.firstWorkgroup}, {"workgroups", event.workgroupCount}});
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
}

} // namespace torchc::runtime
