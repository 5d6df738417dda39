//===- torchc-run.cpp - runs a compiled model -----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "Compare.h"
#include "Files.h"
#include "Profile.h"
#include "Reports.h"
#include "RunTool.h"
#include "Values.h"
#include "torchc/runtime/KernelABI.h"

#include <chrono>
#include <cstdio>

using namespace torchc::runtime;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string program, function, variant, driver = "local-sync", profile, trace;
  std::string loadState, saveState;
  std::vector<std::string> inputs, outputs, expected, parameters;
  unsigned threads = 0;
  Tolerance tolerance;
  Sampling sampling;
  bool list = false, noNative = false, json = false, benchmark = false, stats = false, verify = false;

  bool measures() const { return benchmark || stats || !profile.empty() || !trace.empty(); }
};

constexpr const char *kFooter = R"(Values of --input and --expect:
  @x.npy  @x.npz (all values)  - (stdin)  2x2xi32=1,2,3,4  4x4xf32=1 (all the same)
  5  2.5  true  @x.bin  2x3xf32=@x.bin  2x3xbf16=@bits.npy (uint16)
Exit codes: 0 ok, 1 failure, 2 usage, 4 bad file, 5 I/O, 6 limit, 7 mismatch.
Examples:
  torchc-run model.vmfb --input=@x.npy --output=@y.npy
  torchc-run model.vmfb --input=1x4xf32=1 --expect=@y.npy --rtol=1e-4
  torchc-run model.vmfb --input=@x.npy --driver=local-task --profile=report.html)";

std::string getVersion() {
  return "torchc-run " TORCHC_VERSION ", .vmfb format " + std::to_string(kFormatMajor) + "." +
         std::to_string(kFormatMinor) + ", kernel ABI " + std::to_string(TORCHC_KERNEL_ABI_VERSION);
}

void declare(CLI::App &app, Options &options) {
  app.get_formatter()->column_width(26);
  app.set_help_flag("-h,--help", "print this and exit")->group("Other");
  app.set_version_flag("--version", getVersion(), "print the versions of tool, file format and kernel ABI")
      ->group("Other");
  app.footer(kFooter);
  app.add_option("program", options.program, "the .vmfb file; - is stdin")->required();

  // Values hold commas and dashes: each option takes one text as it is.
  auto addValues = [&](const char *name, std::vector<std::string> &values, const char *text) {
    app.add_option(name, values, text)->allow_extra_args(false)->type_name("VALUE")->group("Values");
  };
  app.add_option("--function", options.function, "what to call; 'forward', or the only one")
      ->type_name("NAME")
      ->group("Values");
  addValues("--input", options.inputs, "one for each input, in order");
  addValues("--output", options.outputs, "@y.npy or - for each output, or one @y.npz; else text");
  addValues("--expect", options.expected, "one for each output, to compare with");
  app.add_option("--rtol", options.tolerance.relative, "relative tolerance; that of torch.testing")
      ->type_name("X")
      ->group("Values");
  app.add_option("--atol", options.tolerance.absolute, "absolute tolerance, likewise")->type_name("X")->group("Values");

  app.add_option("--driver", options.driver, "local-sync or local-task (threads)")
      ->check(CLI::IsMember({"local-sync", "local-task"}))
      ->option_text("NAME")
      ->group("Execution");
  app.add_option("--threads", options.threads, "of local-task; one a CPU, which is the most")
      ->check(CLI::Range(1, 4096))
      ->option_text("N")
      ->group("Execution");
  app.add_option("--parameters", options.parameters, "[SCOPE=]x.safetensors: weights outside of the program")
      ->allow_extra_args(false)
      ->type_name("FILE")
      ->group("Execution");
  app.add_option("--load-state", options.loadState, "state to begin with, of --save-state")
      ->type_name("FILE")
      ->group("Execution");
  app.add_option("--save-state", options.saveState, "write the state as safetensors")
      ->type_name("FILE")
      ->group("Execution");
  app.add_option("--variant", options.variant, "the CPU whose kernels to run (see --list); the best for this one")
      ->option_text("CPU")
      ->group("Execution");
  app.add_flag("--verify", options.verify, "also verify the checksum of large constants")->group("Execution");

  app.add_flag("--list", options.list, "functions, signatures, targets, sizes, producer")->group("Inspection");
  app.add_flag("--no-native", options.noNative, "load no native code, call nothing: verify only")->group("Inspection");
  app.add_flag("--json", options.json, "--list and what is measured as JSON")->group("Inspection");

  app.add_flag("--benchmark", options.benchmark, "min, median, p90, p99, calls a second")->group("Measurement");
  app.add_flag("--stats", options.stats, "memory, dispatches, time of loading")->group("Measurement");
  app.add_flag("--profile", options.profile, "time by kernel and by op; =report.html writes a page")
      ->group("Measurement");
  app.add_option("--trace", options.trace, "timeline of calls for Perfetto or Chrome")
      ->type_name("FILE")
      ->group("Measurement");
  app.add_option("--warmup", options.sampling.warmup, "calls before; a tenth of the time")
      ->type_name("N")
      ->group("Measurement");
  app.add_option("--repetitions", options.sampling.repetitions, "calls to measure; as the time allows")
      ->check(CLI::PositiveNumber)
      ->option_text("N")
      ->group("Measurement");
  app.add_option("--min-time", options.sampling.seconds, "seconds to measure for; 1")
      ->check(CLI::PositiveNumber)
      ->option_text("S")
      ->group("Measurement");
}

template <typename T> T take(Result<T> result) {
  throwIfError(result.getStatus());
  return result.take();
}

Program load(const Options &options) {
  LoadOptions how;
  how.verifyConstants = options.verify;
  how.variant = options.variant.empty() ? nullptr : options.variant.c_str();
  how.loadKernels = !options.list && !options.noNative;
  if (options.program == "-")
    return take(Program::copyBytes(readStdin(), how));
  return take(Program::load(options.program.c_str(), how));
}

unsigned findFunction(const Program &program, const std::string &name) {
  if (name.empty() && program.getFunctionCount() == 1)
    return 0;
  return take(program.findFunction(name.empty() ? "forward" : name));
}

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000'000 + uint64_t(time.tv_nsec);
}

Session createSession(const Options &options, const Program &program, const Device &device) {
  Parameters parameters = take(Parameters::create());
  for (const std::string &text : options.parameters) {
    const size_t equals = text.find('=');
    const bool hasScope = equals != std::string::npos;
    throwIfFileError(
        parameters.addFile(hasScope ? text.substr(0, equals) : "", text.c_str() + (hasScope ? equals + 1 : 0)));
  }
  SessionOptions how;
  how.parameters = &parameters;
  Session session = take(Session::create(program, device, how));
  if (!options.loadState.empty())
    throwIfFileError(session.loadState(options.loadState.c_str()));
  return session;
}

/// One call as the options ask for it: inputs, outputs, and what they should be.
class Run {
public:
  Run(const Options &options, const Program &program, double loadSeconds)
      : options(options), program(program), loadSeconds(loadSeconds), function(findFunction(program, options.function)),
        device(options.driver == "local-task" ? take(Device::localTask(options.threads)) : Device::localSync()),
        session(createSession(options, program, device)) {
    const FunctionInfo info = program.getFunction(function);
    for (unsigned i = 0; i < info.inputCount; ++i)
      inputInfos.push_back(program.getInput(function, i));
    for (unsigned i = 0; i < info.outputCount; ++i)
      outputInfos.push_back(program.getOutput(function, i));
    outputs.resize(info.outputCount);
  }

  void execute() {
    const bool isArchive = options.outputs.size() == 1 && options.outputs[0].ends_with(".npz");
    if (!options.outputs.empty() && !isArchive && options.outputs.size() != outputs.size())
      throw RunError{kUsage,
                     std::to_string(options.outputs.size()) + " --output for " + std::to_string(outputs.size())};
    inputs = parseValues(options.inputs, inputInfos, "--input");
    std::vector<Tensor> expected;
    if (!options.expected.empty())
      expected = parseValues(options.expected, outputInfos, "--expect");
    call();
    if (!options.saveState.empty())
      throwIfFileError(session.saveState(options.saveState.c_str()));
    if (!options.outputs.empty())
      writeValues(options.outputs, outputs, outputInfos);
    else if (options.expected.empty() && !options.measures())
      for (const Tensor &output : outputs)
        print(formatValue(output) + "\n");
    compare(expected);
    measure();
  }

private:
  void call() { throwIfError(session.call(function, inputs, outputs)); }

  void compare(const std::vector<Tensor> &expected) {
    std::string mismatches;
    for (size_t i = 0; i < expected.size(); ++i) {
      const std::string difference = compareTensors(outputs[i], expected[i], options.tolerance);
      if (!difference.empty())
        mismatches += (mismatches.empty() ? "" : "\n") + std::string("output ") + std::to_string(i) + " '" +
                      outputInfos[i].name + "' " + difference;
    }
    if (!mismatches.empty())
      throw RunError{kMismatch, mismatches};
  }

  /// Everything that --json may hold, in one object.
  void measure() {
    Json report = Json::object();
    std::string text;
    auto add = [&](const char *name, const Json &part, const std::string &partText) {
      report[name] = part;
      text += (text.empty() ? "" : "\n") + partText;
    };
    if (options.stats) {
      const Json stats = collectStats(session, program, function, loadSeconds);
      add("stats", stats, formatStats(stats));
    }
    if (options.benchmark) {
      warmUp([&] { call(); }, options.sampling);
      const Json summary = summarize(sampleCalls([&] { call(); }, options.sampling));
      add("benchmark", summary, formatSummary(summary));
    }
    if (!options.profile.empty()) {
      const Json found = profile();
      add("profile", found, formatProfile(found));
      if (options.profile != "true")
        writeText(options.profile, formatProfilePage(found));
    }
    if (!options.trace.empty())
      trace();
    if (options.json && options.measures())
      print(report.dump() + "\n");
    else
      print(text);
  }

  Json profile() {
    warmUp([&] { call(); }, options.sampling);
    ProfileRecorder recorder(device.getWorkerCount());
    session.setProfiler(recorder.getProfiler());
    const std::vector<double> seconds = sampleCalls([&] { call(); }, options.sampling);
    session.setProfiler({});
    Json found = recorder.summarize(program, seconds);
    found["driver"] = options.driver;
    return found;
  }

  void trace() {
    warmUp([&] { call(); }, options.sampling);
    TraceRecorder recorder(device.getWorkerCount());
    session.setProfiler(recorder.getProfiler());
    for (unsigned i = 0, count = options.sampling.repetitions.value_or(1); i < count; ++i) {
      const uint64_t begin = now();
      call();
      recorder.addCall(begin, now());
    }
    session.setProfiler({});
    writeText(options.trace, recorder.getTrace(program).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  const Options &options;
  const Program &program;
  const double loadSeconds;
  const unsigned function;
  const Device device;
  Session session;
  std::vector<ValueInfo> inputInfos, outputInfos;
  std::vector<Tensor> inputs, outputs;
};

void run(const Options &options) {
  const uint64_t begin = now();
  const Program program = load(options);
  const double loadSeconds = double(now() - begin) / 1e9;
  if (options.list)
    return print(options.json
                     ? describeProgramAsJson(program).dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                     : describeProgram(program));
  if (options.noNative)
    return;
  Run(options, program, loadSeconds).execute();
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Runs a program that torchc-compile made.", "torchc-run");
  Options options;
  declare(app, options);
  return runTool(app, argc, argv, [&] { run(options); });
}
