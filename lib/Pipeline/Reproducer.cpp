//===- Reproducer.cpp - what shows a bug of torchc again ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Reproducer.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <unistd.h>

using namespace mlir;
using namespace torchc;

static constexpr llvm::StringLiteral kExtension = ".mlirbc";

void Reproducer::prepare(ModuleOp module, PassManager &passes, StringRef stage) {
  SmallString<128> name;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, name);
  llvm::sys::path::append(name, "torchc-" + stage + "-XXXXXX" + kExtension);
  path = std::string(name);

  std::string pipeline;
  llvm::raw_string_ostream pipelineStream(pipeline);
  passes.printAsTextualPipeline(pipelineStream);
  // The names are those that PassReproducerOptions reads.
  BytecodeWriterConfig config;
  config.attachResourcePrinter("mlir_reproducer", [&](Operation *, AsmResourceBuilder &builder) {
    builder.buildString("pipeline", pipeline);
    builder.buildBool("disable_threading", false);
    builder.buildBool("verify_each", true);
  });
  content.clear();
  llvm::raw_string_ostream stream(content);
  if (failed(writeBytecodeToFile(module, stream, config)))
    content.clear();
}

const char *Reproducer::write() {
  if (content.empty())
    return nullptr;
  int descriptor = mkstemps(path.data(), kExtension.size());
  if (descriptor < 0)
    return nullptr;
  const char *next = content.data(), *end = next + content.size();
  while (next != end) {
    ssize_t count = ::write(descriptor, next, end - next);
    if (count <= 0)
      break;
    next += count;
  }
  ::close(descriptor);
  return next == end ? path.c_str() : nullptr;
}
