//===- torchc-as.cpp - VM assembler ---------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Files.h"
#include "RunTool.h"
#include "module/Assembler.h"
#include "torchc/runtime/Program.h"

#include <cerrno>
#include <cstdio>

using namespace torchc::runtime;

namespace {

struct Options {
  std::string input = "-", output;
  bool verify = true;
};

constexpr const char *kFooter = R"(The text is that of torchc-dump --data; runtime/src/module/Assembler.h describes it.
Exit codes: 0 ok, 2 usage, 4 bad input, 5 I/O, 6 out of memory.
Examples:
  torchc-dump model.vmfb --data > model.vms
  torchc-as model.vms -o model.vmfb)";

std::string readText(const std::string &path) {
  const std::vector<uint8_t> bytes = path == "-" ? readStdin() : readWholeFile(path);
  return {bytes.begin(), bytes.end()};
}

void run(const Options &options) {
  ModuleParts parts;
  try {
    assemble(readText(options.input), parts);
  } catch (const AssemblyError &error) {
    throw RunError{kBadInput, options.input + ": " + error.what()};
  }
  const std::vector<uint8_t> file = writeModule(parts);
  LoadOptions inspect;
  inspect.loadKernels = false;
  if (options.verify)
    throwIfError(Program::copyBytes(file, inspect).getStatus());
  writeText(options.output, {reinterpret_cast<const char *>(file.data()), file.size()});
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Assembles VM text to a .vmfb file.", "torchc-as");
  Options options;
  app.set_version_flag("--version", "torchc-as " TORCHC_VERSION ", .vmfb format " + std::to_string(kFormatMajor) + "." +
                                        std::to_string(kFormatMinor));
  app.footer(kFooter);
  app.add_option("input", options.input, "the text; - or nothing is stdin");
  app.add_option("-o,--output", options.output, "the .vmfb file; - is stdout")->required();
  app.add_flag("!--no-verify", options.verify, "write also what the runtime will refuse to load");
  return runTool(app, argc, argv, [&] { run(options); });
}
