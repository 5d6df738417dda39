//===- WriteStaticLibrary.cpp - a program to an archive and its C header ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The archive has one object for each CPU variant and one for the rest: the bytes of
// the .vmfb without machine code, and the `torchc_linked_program` (torchc/linked.h)
// that leads to all of them.
//
//===----------------------------------------------------------------------===//

#include "torchc/Package/WriteStaticLibrary.h"

#include "ModuleBytes.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Object/EmitObject.h"
#include "torchc/Object/LinkObjects.h"
#include "torchc/Support/AtomicFile.h"
#include "torchc/Support/TargetMachine.h"
#include "torchc/runtime/Format.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace torchc;

/// More would leave the 2 GB that code can address.
static constexpr size_t kMostBytes = size_t(1) << 30;

/// The machine of the kernels; this one for a program without kernels.
static FailureOr<std::unique_ptr<llvm::TargetMachine>> makeMachine(ModuleOp module) {
  auto emitError = [&] { return module.emitError(); };
  for (auto executable : module.getOps<dispatch::ExecutableOp>())
    return createTargetMachine(
        {executable.getTriple().str(), executable.getCpu().str(), executable.getFeatures().str()}, emitError);
  auto variants = resolveTargets("", "portable", "", emitError);
  if (failed(variants))
    return failure();
  return createTargetMachine(variants->front(), emitError);
}

static std::string getTableName(StringRef name, size_t library) { return (name + "_kernels_" + Twine(library)).str(); }

/// The object that defines `<name>_program`.
static llvm::Expected<ObjectBytes> emitProgram(StringRef name, ArrayRef<char> bytes, size_t libraryCount,
                                               llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  llvm::Module module("program", context);
  llvm::IRBuilder<> b(context);
  auto addConstant = [&](llvm::Constant *value, const llvm::Twine &symbol, bool isPublic) {
    auto linkage = isPublic ? llvm::GlobalValue::ExternalLinkage : llvm::GlobalValue::InternalLinkage;
    return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, linkage, value, symbol);
  };
  auto *data =
      addConstant(llvm::ConstantDataArray::getRaw(StringRef(bytes.data(), bytes.size()), bytes.size(), b.getInt8Ty()),
                  name + "_bytes", /*isPublic=*/false);
  data->setAlignment(llvm::Align(runtime::kSectionAlignment));
  llvm::SmallVector<llvm::Constant *> tables;
  for (size_t i = 0; i != libraryCount; ++i)
    tables.push_back(new llvm::GlobalVariable(module, b.getInt32Ty(), /*isConstant=*/true,
                                              llvm::GlobalValue::ExternalLinkage, nullptr, getTableName(name, i)));
  auto *libraries = addConstant(llvm::ConstantArray::get(llvm::ArrayType::get(b.getPtrTy(), tables.size()), tables),
                                name + "_libraries", /*isPublic=*/false);
  // struct torchc_linked_program
  auto *program = llvm::ConstantStruct::getAnon({data, b.getInt64(bytes.size()), libraries, b.getInt64(libraryCount)});
  addConstant(program, name + "_program", /*isPublic=*/true);
  return emitObject(module, machine);
}

static llvm::Expected<std::vector<ObjectBytes>> makeObjects(StringRef name, const ModuleBytes &bytes,
                                                            llvm::TargetMachine &machine) {
  std::vector<ObjectBytes> objects;
  llvm::Expected<ObjectBytes> program = emitProgram(name, bytes.file, bytes.objects.size(), machine);
  if (!program)
    return program.takeError();
  objects.push_back(std::move(*program));
  for (auto [i, object] : llvm::enumerate(bytes.objects)) {
    ArrayRef<char> data(reinterpret_cast<const char *>(object.data.data()), object.data.size());
    llvm::Expected<ObjectBytes> local = localizeSymbols(data, getTableName(name, i));
    if (!local)
      return local.takeError();
    objects.push_back(std::move(*local));
  }
  return objects;
}

static llvm::Error writeArchive(ArrayRef<ObjectBytes> objects, ArrayRef<std::string> names, StringRef path) {
  std::vector<llvm::NewArchiveMember> members;
  for (auto [object, name] : llvm::zip_equal(objects, names))
    members.emplace_back(llvm::MemoryBufferRef(StringRef(object.data(), object.size()), name));
  llvm::Error error = llvm::Error::success();
  llvm::Error written = writeFileAtomically(path, [&](llvm::raw_ostream &stream) {
    llvm::ErrorAsOutParameter checked(&error);
    error = llvm::writeArchiveToStream(stream, members, llvm::SymtabWritingMode::NormalSymtab,
                                       llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  });
  return llvm::joinErrors(std::move(error), std::move(written));
}

LogicalResult torchc::writeStaticLibrary(ModuleOp module, StringRef path, const ProducerInfo &producer) {
  FailureOr<ModuleBytes> bytes = writeModuleBytes(module, producer);
  auto machine = makeMachine(module);
  if (failed(bytes) || failed(machine))
    return failure();
  if (bytes->file.size() > kMostBytes)
    return module.emitError() << "the program has " << bytes->file.size()
                              << " bytes of constants, and a static library " << kMostBytes
                              << " at most; write a .vmfb";
  std::string name = makeIdentifier(llvm::sys::path::stem(path));
  llvm::Expected<std::vector<ObjectBytes>> objects = makeObjects(name, *bytes, **machine);
  if (!objects)
    return module.emitError(llvm::toString(objects.takeError()));
  std::vector<std::string> members{name + "_program.o"};
  for (const auto &library : bytes->header.libraries)
    members.push_back(name + "_" + library->cpu + ".o");
  std::string header = writeStaticHeader(name, llvm::sys::path::filename(path), bytes->header);
  SmallString<128> headerPath(path);
  llvm::sys::path::replace_extension(headerPath, "h");
  llvm::Error error = writeArchive(*objects, members, path);
  if (!error)
    error = writeFileAtomically(headerPath, [&](llvm::raw_ostream &stream) { stream << header; });
  return error ? module.emitError(llvm::toString(std::move(error))) : success();
}
