//===- IRFile.cpp - IR in files, the weights beside it ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/IRFile.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/Support/Safetensors.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace torchc;

/// The globals of a module whose bytes are beside the IR.
static SmallVector<ml_program::GlobalOp> getExternGlobals(ModuleOp module) {
  SmallVector<ml_program::GlobalOp> globals;
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (isa_and_present<ml_program::ExternAttr>(global.getValueAttr()))
      globals.push_back(global);
  return globals;
}

ExitCode torchc::writeIRFile(ModuleOp module, const WeightStore &weights, StringRef path,
                                 const IRWriteOptions &options) {
  auto write = [&](llvm::raw_ostream &stream) {
    if (options.bytecode)
      (void)writeBytecodeToFile(module, stream); // Fails only for versions that were asked for.
    else
      module.print(stream, options.printing);
  };
  if (path == "-") {
    write(llvm::outs());
    llvm::outs().flush();
    return ExitCode::Success;
  }
  std::vector<NamedWeight> used;
  for (ml_program::GlobalOp global : getExternGlobals(module)) {
    std::optional<Weight> weight = weights.lookup(global.getSymName());
    if (!weight) {
      global.emitError() << "has no weight to write";
      return ExitCode::Diagnosed;
    }
    used.push_back({global.getSymName().str(), std::move(*weight)});
  }
  if (!used.empty()) {
    SmallString<128> weightsPath = path;
    llvm::sys::path::replace_extension(weightsPath, "safetensors");
    if (llvm::Error error = writeSafetensors(weightsPath, used)) {
      emitError(module.getLoc()) << llvm::toString(std::move(error));
      return ExitCode::InputOutput;
    }
    module->setAttr(kWeightsFileAttr,
                    StringAttr::get(module.getContext(), llvm::sys::path::filename(weightsPath)));
  }
  llvm::Error error = writeFileAtomically(path, write);
  module->removeAttr(kWeightsFileAttr);
  if (error) {
    emitError(module.getLoc()) << llvm::toString(std::move(error));
    return ExitCode::InputOutput;
  }
  return ExitCode::Success;
}

/// The path of the weights; empty where the name would leave the folder.
static std::string resolveWeightsPath(StringRef modulePath, StringRef name) {
  if (name.empty() || llvm::sys::path::is_absolute(name) ||
      llvm::is_contained(llvm::make_range(llvm::sys::path::begin(name), llvm::sys::path::end(name)), ".."))
    return "";
  SmallString<128> resolved = llvm::sys::path::parent_path(modulePath);
  llvm::sys::path::append(resolved, name);
  return std::string(resolved);
}

ExitCode torchc::loadIRWeights(ModuleOp module, WeightStore &weights, StringRef path) {
  Attribute attribute = module->removeAttr(kWeightsFileAttr);
  if (!attribute)
    return ExitCode::Success;
  auto name = dyn_cast<StringAttr>(attribute);
  std::string weightsPath = name ? resolveWeightsPath(path, name) : "";
  if (weightsPath.empty()) {
    emitError(module.getLoc()) << "attribute " << kWeightsFileAttr << " is not the name of a file beside the module";
    return ExitCode::BadFile;
  }
  auto loaded = readSafetensors(weightsPath, module.getContext());
  if (!loaded) {
    llvm::Error error = loaded.takeError();
    bool isFileError = error.isA<llvm::FileError>();
    emitError(module.getLoc()) << llvm::toString(std::move(error));
    return isFileError ? ExitCode::InputOutput : ExitCode::BadFile;
  }
  for (NamedWeight &entry : *loaded)
    weights.set(entry.name, std::move(entry.weight));
  for (ml_program::GlobalOp global : getExternGlobals(module))
    if (!weights.lookup(global.getSymName())) {
      global.emitError() << "has no weight in " << weightsPath;
      return ExitCode::BadFile;
    }
  return ExitCode::Success;
}
