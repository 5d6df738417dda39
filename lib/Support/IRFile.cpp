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
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/FileSystem.h"
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

/// The weights of a module's globals. Emits an error where one is missing.
static FailureOr<std::vector<NamedWeight>> getUsedWeights(ModuleOp module, const WeightStore &weights) {
  std::vector<NamedWeight> used;
  for (ml_program::GlobalOp global : getExternGlobals(module)) {
    std::optional<Weight> weight = weights.lookup(global.getSymName());
    if (!weight)
      return global.emitError() << "has no weight to write";
    used.push_back({global.getSymName().str(), std::move(*weight)});
  }
  return used;
}

/// Makes the weights resources of the module, which then stands alone.
static void inlineWeights(ModuleOp module, ArrayRef<NamedWeight> used) {
  for (auto [global, entry] : llvm::zip_equal(getExternGlobals(module), used)) {
    auto bytes = ArrayRef(reinterpret_cast<const char *>(entry.weight.bytes.data()), entry.weight.bytes.size());
    // A weight that was read as a resource keeps its name.
    auto *known =
        DenseResourceElementsHandle::getManagerInterface(module.getContext()).getBlobManager().lookup(entry.name);
    if (known && known->getBlob() && known->getBlob()->getData().data() == bytes.data()) {
      auto *builtin = module.getContext()->getLoadedDialect<BuiltinDialect>();
      global.setValueAttr(
          DenseResourceElementsAttr::get(entry.weight.type, DenseResourceElementsHandle(known, builtin)));
      continue;
    }
    AsmResourceBlob blob = UnmanagedAsmResourceBlob::allocateWithAlign(bytes, alignof(uint64_t));
    global.setValueAttr(DenseResourceElementsAttr::get(entry.weight.type, entry.name, std::move(blob)));
  }
}

/// The reverse of `inlineWeights`: IR in memory holds no weights.
static LogicalResult takeInlineWeights(ModuleOp module, WeightStore &weights) {
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto resource = dyn_cast_if_present<DenseResourceElementsAttr>(global.getValueAttr());
    if (!resource)
      continue;
    auto type = dyn_cast<RankedTensorType>(resource.getType());
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!type || !blob)
      return global.emitError() << "the resource '" << resource.getRawHandle().getKey() << "' has no data";
    auto bytes = ArrayRef(reinterpret_cast<const uint8_t *>(blob->getData().data()), blob->getData().size());
    // The context owns the blob, and the store.
    weights.set(global.getSymName(), Weight{type, bytes, nullptr});
    global.setValueAttr(ml_program::ExternAttr::get(module.getContext(), global.getType()));
  }
  return success();
}

static void write(ModuleOp module, llvm::raw_ostream &stream, const IRWriteOptions &options) {
  if (options.bytecode)
    (void)writeBytecodeToFile(module, stream); // Fails only for versions that were asked for.
  else
    module.print(stream, options.printing);
}

LogicalResult torchc::writeIR(ModuleOp module, const WeightStore &weights, llvm::raw_ostream &stream,
                              const IRWriteOptions &options, uint64_t maxWeightBytes) {
  FailureOr<std::vector<NamedWeight>> used = getUsedWeights(module, weights);
  if (failed(used))
    return failure();
  uint64_t bytes = 0;
  for (const NamedWeight &entry : *used)
    bytes += entry.weight.bytes.size();
  if (used->empty() || bytes > maxWeightBytes) {
    write(module, stream, options);
    return success();
  }
  OwningOpRef<ModuleOp> copy = module.clone();
  inlineWeights(*copy, *used);
  write(*copy, stream, options);
  return success();
}

ExitCode torchc::writeIRFile(ModuleOp module, const WeightStore &weights, StringRef path,
                             const IRWriteOptions &options) {
  auto writeFile = [&] {
    return writeFileAtomically(path, [&](llvm::raw_ostream &stream) { write(module, stream, options); });
  };
  auto finish = [&](llvm::Error error) {
    if (!error)
      return ExitCode::Success;
    emitError(module.getLoc()) << llvm::toString(std::move(error));
    return ExitCode::InputOutput;
  };
  FailureOr<std::vector<NamedWeight>> used = getUsedWeights(module, weights);
  if (failed(used))
    return ExitCode::Diagnosed;
  if (used->empty())
    return finish(writeFile());
  bool isStream = path == "-" || (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path));
  if (isStream)
    return finish(
        writeFileAtomically(path, [&](llvm::raw_ostream &stream) { (void)writeIR(module, weights, stream, options); }));
  WrittenWeights own, &written = options.shared ? *options.shared : own;
  WrittenWeights wanted;
  for (const NamedWeight &entry : *used)
    wanted.weights.emplace_back(entry.name, entry.weight.bytes.data());
  if (written.weights != wanted.weights) {
    SmallString<128> weightsPath = path;
    llvm::sys::path::replace_extension(weightsPath, "safetensors");
    if (llvm::Error error = writeSafetensors(weightsPath, *used))
      return finish(std::move(error));
    wanted.path = std::string(weightsPath);
    written = std::move(wanted);
  }
  module->setAttr(kWeightsFileAttr, StringAttr::get(module.getContext(), llvm::sys::path::filename(written.path)));
  llvm::Error error = writeFile();
  module->removeAttr(kWeightsFileAttr);
  return finish(std::move(error));
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
  if (failed(takeInlineWeights(module, weights)))
    return ExitCode::BadFile;
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
