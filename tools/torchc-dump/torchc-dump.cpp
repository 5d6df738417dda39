//===- torchc-dump.cpp - what is in a .vmfb -------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Files.h"
#include "NativeCode.h"
#include "Reports.h"
#include "RunTool.h"
#include "Text.h"

#include <cstdio>

using namespace torchc::runtime;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string program;
  bool sections = false, data = false, native = false, json = false;
};

constexpr const char *kFooter = R"(The file is verified as a load does, large constants too; no code of it runs.
The text goes back to a file with torchc-as, if --data is given.
Exit codes: 0 ok, 1 failure, 2 usage, 4 bad file, 5 I/O, 6 out of memory.
Examples:
  torchc-dump model.vmfb                  sections, signatures and bytecode
  torchc-dump model.vmfb --json | jq .sections
  torchc-dump model.vmfb --native | less  and the kernels' machine code)";

/// As comments, so that the assembler takes the whole text.
std::string formatSections(const Program &program) {
  std::vector<std::vector<std::string>> rows = {{"; section", "offset", "bytes", "checksum"}};
  for (unsigned i = 0; i < program.getSectionCount(); ++i) {
    const SectionInfo section = program.getSection(i);
    std::string name;
    for (const char *character = section.name; *character; ++character)
      name += *character >= ' ' && *character <= '~' ? *character : '?';
    rows.push_back({"; " + name, std::to_string(section.offset), std::to_string(section.size),
                    format("%016llx", (unsigned long long)section.checksum)});
  }
  return "; .vmfb, " + std::to_string(program.getSizes().file) + " bytes\n" +
         formatTable(rows, {false, true, true, true});
}

std::string describeAsJson(const Program &program) {
  Json description = describeProgramAsJson(program);
  Json &sections = description["sections"] = Json::array();
  for (unsigned i = 0; i < program.getSectionCount(); ++i) {
    const SectionInfo section = program.getSection(i);
    sections.push_back({{"name", section.name},
                        {"offset", section.offset},
                        {"bytes", section.size},
                        {"checksum", format("%016llx", (unsigned long long)section.checksum)}});
  }
  return description.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void run(const Options &options) {
  LoadOptions inspect;
  inspect.loadKernels = false;
  inspect.verifyConstants = true;
  // Read, not mapped: the objects are needed as bytes.
  const std::vector<uint8_t> bytes = options.program == "-" ? readStdin() : readWholeFile(options.program);
  Result<Program> program = Program::copyBytes(bytes, inspect);
  if (!program.isOk())
    throw RunError{getExitCode(program.getStatus().getCode()),
                   options.program + ": " + program.getStatus().getMessage()};
  if (options.json)
    return print(describeAsJson(*program));
  std::string text = formatSections(*program);
  if (!options.sections)
    program->disassemble(
        options.data ? UINT64_MAX : 64,
        [](void *to, std::string_view piece) { *static_cast<std::string *>(to) += piece; }, &text);
  print(text);
  for (unsigned i = 0; options.native && i < program->getLibraryCount(); ++i) {
    const SectionInfo section = program->getSection(3 + i);
    print(format("\n; library %u, %s\n", i, section.name));
    disassembleObject(std::span(bytes).subspan(section.offset, section.size));
  }
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Verifies a .vmfb file and prints what is in it, as assembler text.", "torchc-dump");
  Options options;
  app.set_version_flag("--version", "torchc-dump " TORCHC_VERSION ", .vmfb format " + std::to_string(kFormatMajor) +
                                        "." + std::to_string(kFormatMinor));
  app.footer(kFooter);
  app.add_option("program", options.program, "the .vmfb file; - is stdin")->required();
  app.add_flag("--sections", options.sections, "offsets, sizes and checksums only");
  app.add_flag("--data", options.data, "all constants and native code as hexadecimal, for torchc-as");
  app.add_flag("--native", options.native, "also disassemble each library, by llvm-objdump");
  app.add_flag("--json", options.json, "signatures, kernels, producer and sections as JSON");
  return runTool(app, argc, argv, [&] { run(options); });
}
