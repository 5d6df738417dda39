//===- torchc-run.cpp - runs a compiled model -----------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compare.h"
#include "Reports.h"
#include "Values.h"

#include <CLI/CLI.hpp>
#include <cstdio>

using namespace torchc::runtime;

namespace {

struct Options {
  std::string program, function, driver = "local-sync";
  std::vector<std::string> inputs, outputs, expected;
  unsigned threads = 0;
  Tolerance tolerance;
  double benchmarkSeconds = 1;
  bool list = false, disassemble = false, json = false, benchmark = false, stats = false, verify = false;
};

constexpr const char *kFooter = R"(Values (inputs, and for --expect):
  @x.npy  2x2xi32=1,2,3,4  4x4xf32=1 (all the same)  5  2.5  true
  2x3xf32=@raw.bin  2x3xbf16=@bits.npy  - (a .npy file on stdin)
Exit codes: 0 ok, 1 failure, 2 usage, 4 bad file, 5 I/O, 6 limit, 7 mismatch.
Examples:
  torchc-run model.vmfb --input=@x.npy --output=@y.npy
  torchc-run model.vmfb --input=1x4xf32=1 --expect=@y.npy --rtol=1e-4
  torchc-run model.vmfb --input=@x.npy --driver=local-task --benchmark)";

void declare(CLI::App &app, Options &options) {
  app.set_version_flag("--version", "torchc-run " TORCHC_VERSION ", format " + std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor));
  app.footer(kFooter);
  app.add_option("program", options.program, "the .vmfb file; - is stdin")->required();
  app.add_option("--function", options.function, "what to call; 'forward', or the only function there is");
  // Values hold commas and dashes: each option takes one text as it is.
  app.add_option("--input", options.inputs, "one for each input, in order")->allow_extra_args(false);
  app.add_option("--output", options.outputs, "@file.npy or - for each output; else text on stdout")->allow_extra_args(false);
  app.add_option("--expect", options.expected, "a value for each output to compare with")->allow_extra_args(false);
  app.add_option("--rtol", options.tolerance.relative, "relative tolerance; that of torch.testing for the type");
  app.add_option("--atol", options.tolerance.absolute, "absolute tolerance, likewise");
  app.add_option("--driver", options.driver, "local-sync or local-task")->check(CLI::IsMember({"local-sync", "local-task"}));
  app.add_option("--threads", options.threads, "of local-task; one a CPU")->check(CLI::Range(1, 4096));
  app.add_flag("--list", options.list, "print functions, signatures, targets, sizes, producer");
  app.add_flag("--disassemble", options.disassemble, "print the verified program; loads no native code");
  app.add_flag("--verify", options.verify, "also verify the checksum of large constants");
  app.add_flag("--benchmark", options.benchmark, "measure instead of printing outputs");
  app.add_option("--benchmark-seconds", options.benchmarkSeconds, "how long; 1")->check(CLI::PositiveNumber);
  app.add_flag("--stats", options.stats, "print the memory that was used");
  app.add_flag("--json", options.json, "--list, --benchmark and --stats as JSON");
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw RunError{kIo, std::string("stdout: ") + std::strerror(errno)};
}

template <typename T>
T take(Result<T> result) {
  throwIfError(result.getStatus());
  return result.take();
}

Program load(const Options &options) {
  LoadOptions how;
  how.verifyConstants = options.verify;
  how.loadKernels = !options.list && !options.disassemble;
  if (options.program == "-")
    return take(Program::copyBytes(readStdin(), how));
  return take(Program::load(options.program.c_str(), how));
}

unsigned findFunction(const Program &program, const std::string &name) {
  if (name.empty() && program.getFunctionCount() == 1)
    return 0;
  return take(program.findFunction(name.empty() ? "forward" : name));
}

void checkCount(const char *what, size_t given, unsigned wanted) {
  if (given != wanted)
    throw RunError{kUsage, std::to_string(given) + " " + what + " for " + std::to_string(wanted)};
}

void call(const Options &options, const Program &program) {
  const unsigned index = findFunction(program, options.function);
  const FunctionInfo function = program.getFunction(index);
  checkCount("--input", options.inputs.size(), function.inputCount);
  if (!options.outputs.empty())
    checkCount("--output", options.outputs.size(), function.outputCount);
  if (!options.expected.empty())
    checkCount("--expect", options.expected.size(), function.outputCount);
  const Device device = options.driver == "local-task" ? take(Device::localTask(options.threads)) : Device::localSync();
  Session session = take(Session::create(program, device, {}));
  std::vector<Tensor> inputs, outputs(function.outputCount);
  for (unsigned i = 0; i < function.inputCount; ++i)
    inputs.push_back(parseValue(options.inputs[i], program.getInput(index, i)));
  throwIfError(session.call(index, inputs, outputs));
  std::string mismatches;
  for (unsigned i = 0; i < options.expected.size(); ++i) {
    const std::string difference = compareTensors(outputs[i], parseValue(options.expected[i], program.getOutput(index, i)), options.tolerance);
    if (!difference.empty())
      mismatches += (mismatches.empty() ? "" : "\n") + std::string("output ") + std::to_string(i) + " '" + program.getOutput(index, i).name + "' " + difference;
  }
  for (unsigned i = 0; i < options.outputs.size(); ++i)
    writeNpy(options.outputs[i], outputs[i]);
  if (options.outputs.empty() && options.expected.empty() && !options.benchmark)
    for (const Tensor &output : outputs)
      print(formatValue(output) + "\n");
  if (!mismatches.empty())
    throw RunError{kMismatch, mismatches};
  if (options.benchmark)
    print(benchmark([&] { throwIfError(session.call(index, inputs, outputs)); }, options.benchmarkSeconds, options.json));
  if (options.stats)
    print(describeStats(session, program, options.json));
}

void run(const Options &options) {
  const Program program = load(options);
  if (options.list)
    return print(describeProgram(program, options.json));
  if (options.disassemble) {
    std::string text;
    program.disassemble([](void *to, std::string_view piece) { *static_cast<std::string *>(to) += piece; }, &text);
    return print(text);
  }
  call(options, program);
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Runs a program that torchc-compile made.", "torchc-run");
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
    run(options);
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : int(kUsage);
  } catch (const RunError &error) {
    std::fprintf(stderr, "torchc-run: error: %s\n", error.message.c_str());
    return error.exitCode;
  } catch (const std::bad_alloc &) {
    std::fputs("torchc-run: error: out of memory\n", stderr);
    return kLimit;
  }
}
