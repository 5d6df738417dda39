//===- ImportModelFile.cpp - model files of every kind ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Import/ExportedProgram.h"
#include "torchc/Import/Import.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/Support/IRFile.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace torchc;

/// The strictest alignment of resources in bytecode: that of machine code.
static const llvm::Align kResourceAlignment(64);

static StringRef describe(StringRef path) { return path == "-" ? "standard input" : path; }

namespace {

/// Reads one file.
class ModelFileImporter {
public:
  ModelFileImporter(StringRef path, const ImportOptions &options, MLIRContext &context)
      : path(path), options(options), context(context) {}

  ImportResult import();
  ImportResult import(std::unique_ptr<llvm::MemoryBuffer> file);

private:
  ImportResult fail(ExitCode code, const llvm::Twine &message) {
    emitError(UnknownLoc::get(&context)) << describe(path) << ": " << message;
    return {{}, code};
  }
  ImportResult importArchive(std::shared_ptr<const llvm::MemoryBuffer> file);
  ImportResult importIR(const llvm::MemoryBuffer &file);

  StringRef path;
  bool isFile = false; ///< `path` can be opened once more.
  const ImportOptions &options;
  MLIRContext &context;
};

} // namespace

/// Whether an archive is one of `torch.jit.save`: it has code.
static bool isTorchScript(const ZipArchive &archive) {
  return llvm::any_of(archive.getNames(), [](StringRef name) {
    auto [folder, member] = name.split('/');
    return member == "constants.pkl" || member.starts_with("code/");
  });
}

/// Whether an archive is one of `torch.save`: a pickle and no program.
static bool isPickle(const ZipArchive &archive) {
  return llvm::any_of(archive.getNames(), [](StringRef name) { return name.split('/').second == "data.pkl"; });
}

ImportResult torchc::importCaptured(const CaptureResult &captured, StringRef name, MLIRContext &context) {
  for (const std::string &warning : captured.warnings)
    emitWarning(UnknownLoc::get(&context)) << name << ": " << warning;
  if (captured)
    return importProgram(*captured.program, context);
  for (const std::string &error : captured.errors)
    emitError(UnknownLoc::get(&context)) << name << ": " << error;
  return {{}, static_cast<ExitCode>(captured.failure)};
}

ImportResult ModelFileImporter::importArchive(std::shared_ptr<const llvm::MemoryBuffer> file) {
  llvm::Expected<ZipArchive> archive = ZipArchive::open(llvm::arrayRefFromStringRef(file->getBuffer()));
  if (!archive)
    return fail(ExitCode::BadFile, llvm::toString(archive.takeError()));
  if (isExportedProgram(*archive)) {
    if (!options.torchScript.inputs.empty())
      return fail(ExitCode::Usage, "the file says the shapes of its inputs itself; they cannot be given");
    return importCaptured(readExportedProgram(std::move(file)), describe(path), context);
  }
  if (isTorchScript(*archive)) {
    if (isFile)
      return importCaptured(captureTorchScript(path.str(), options.torchScript), path, context);
    // libtorch reads files only.
    SmallString<128> copy;
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("torchc", "pt", copy))
      return fail(ExitCode::InputOutput, "no place for a copy: " + error.message());
    llvm::FileRemover remover(copy);
    if (llvm::Error error = writeFileAtomically(copy, [&](llvm::raw_ostream &stream) { stream << file->getBuffer(); }))
      return fail(ExitCode::InputOutput, llvm::toString(std::move(error)));
    return importCaptured(captureTorchScript(std::string(copy), options.torchScript), describe(path), context);
  }
  if (isPickle(*archive))
    return fail(ExitCode::BadFile, "the file holds pickled tensors (torch.save) and no program; "
                                   "save the model with torch.export.save or torch.jit.save");
  return fail(ExitCode::BadFile, "an archive, but not one of a model");
}

ImportResult ModelFileImporter::importIR(const llvm::MemoryBuffer &file) {
  StringRef content = file.getBuffer();
  bool isBinary = isBytecode(file.getMemBufferRef());
  if (content.trim().empty())
    return fail(ExitCode::BadFile, "the file is empty");
  if (!isBinary && content.contains('\0'))
    return fail(ExitCode::BadFile, "not a model: neither an archive of torch.export or TorchScript nor MLIR");
  if (!options.torchScript.inputs.empty())
    return fail(ExitCode::Usage, "the module says the shapes of its inputs itself; they cannot be given");

  // The parser wants a zero after text, which a mapped file may lack, and bytecode
  // that lies as its resources are aligned.
  auto copy = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(content.size(), path, kResourceAlignment);
  llvm::copy(content, copy->getBufferStart());
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(copy), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return {{}, ExitCode::BadFile};
  auto &weights = context.getOrLoadDialect<torch::TorchDialect>()->getWeights();
  if (ExitCode code = loadIRWeights(*module, weights, path); code != ExitCode::Success)
    return {{}, code};
  return {std::move(module), ExitCode::Success};
}

ImportResult ModelFileImporter::import() {
  auto file = path == "-" ? llvm::MemoryBuffer::getSTDIN()
                          : llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return fail(ExitCode::InputOutput, file.getError().message());
  isFile = path != "-";
  return import(std::move(*file));
}

ImportResult ModelFileImporter::import(std::unique_ptr<llvm::MemoryBuffer> file) {
  if (ZipArchive::isZip(llvm::arrayRefFromStringRef(file->getBuffer())))
    return importArchive(std::move(file));
  return importIR(*file);
}

ImportResult torchc::importModelFile(StringRef path, const ImportOptions &options, MLIRContext &context) {
  return ModelFileImporter(path, options, context).import();
}

ImportResult torchc::importModelBytes(std::unique_ptr<llvm::MemoryBuffer> content, StringRef name,
                                      const ImportOptions &options, MLIRContext &context) {
  return ModelFileImporter(name, options, context).import(std::move(content));
}
