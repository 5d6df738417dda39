//===- CompileExecutables.cpp - kernels in the LLVM dialect to shared objects ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinkSharedObject.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Object/Passes.h"
#include "torchc/Support/TargetMachine.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ELFObjectFile.h"

#include <set>

namespace torchc {
#define GEN_PASS_DEF_COMPILEEXECUTABLES
#include "torchc/Object/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;
using namespace torchc::dispatch;

/// Operations in one partition, about. Partitions are compiled in parallel;
/// their number depends on the module alone, so that the bytes do too.
static constexpr size_t kPartitionSize = 4000;

namespace {
/// Kernels that are compiled together, and all that they refer to.
struct Partition {
  llvm::SetVector<Operation *> ops;
  SmallVector<StringRef> kernels;
  size_t size = 0;
};

struct CompileExecutables : torchc::impl::CompileExecutablesBase<CompileExecutables> {
  void getDependentDialects(DialectRegistry &registry) const override {
    registerBuiltinDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
  }

  void runOnOperation() override {
    SmallVector<StringRef> kernels;
    for (KernelOp kernel : getOperation().getOps<KernelOp>())
      kernels.push_back(kernel.getSymName());
    for (ExecutableOp executable : getOperation().getOps<ExecutableOp>())
      if (executable.getModule() && failed(compile(executable, kernels)))
        return signalPassFailure();
  }

  LogicalResult compile(ExecutableOp executable, ArrayRef<StringRef> kernels);
};
} // namespace

/// Adds `op` and, transitively, the definitions in `symbols` that it uses.
static void addWithUses(Operation *op, SymbolTable &symbols, Partition &partition) {
  SmallVector<Operation *> worklist{op};
  while (!worklist.empty()) {
    Operation *next = worklist.pop_back_val();
    if (!partition.ops.insert(next))
      continue;
    next->walk([&](Operation *) { ++partition.size; });
    if (auto uses = SymbolTable::getSymbolUses(next))
      for (SymbolTable::SymbolUse use : *uses)
        if (Operation *definition = symbols.lookup(use.getSymbolRef().getRootReference()))
          worklist.push_back(definition);
  }
}

static FailureOr<std::vector<Partition>> makePartitions(ExecutableOp executable, ArrayRef<StringRef> kernels) {
  SymbolTable symbols(executable.getModule());
  std::vector<Partition> partitions;
  for (StringRef kernel : kernels) {
    auto function = symbols.lookup<LLVM::LLVMFuncOp>(kernel);
    if (!function || function.isExternal())
      return executable.emitError() << "has no code for the kernel '" << kernel << "'";
    if (partitions.empty() || partitions.back().size >= kPartitionSize)
      partitions.emplace_back();
    addWithUses(function, symbols, partitions.back());
    partitions.back().kernels.push_back(kernel);
  }
  return partitions;
}

static FailureOr<ObjectBytes> compilePartition(const Partition &partition, llvm::TargetMachine &machine,
                                               ModuleOp source, std::string &error) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(source.getLoc());
  auto layout = StringAttr::get(source.getContext(), machine.createDataLayout().getStringRepresentation());
  (*module)->setAttr(LLVM::LLVMDialect::getDataLayoutAttrName(), layout);
  auto triple = StringAttr::get(source.getContext(), machine.getTargetTriple().str());
  (*module)->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(), triple);
  for (Operation *op : partition.ops)
    module->push_back(op->clone());
  llvm::Expected<ObjectBytes> object = emitObject(*module, partition.kernels, machine);
  if (object)
    return std::move(*object);
  error = llvm::toString(object.takeError());
  return failure();
}

/// The symbols that objects use but do not define, each with the functions that use it.
static llvm::Expected<std::map<std::string, std::set<std::string>>> findUndefined(ArrayRef<ObjectBytes> objects) {
  std::map<std::string, std::set<std::string>> undefined;
  llvm::StringSet<> defined;
  for (const ObjectBytes &bytes : objects) {
    llvm::MemoryBufferRef buffer(StringRef(bytes.data(), bytes.size()), "object");
    auto file = llvm::object::ObjectFile::createELFObjectFile(buffer);
    if (!file)
      return file.takeError();
    for (const llvm::object::SymbolRef &symbol : (*file)->symbols())
      if (auto flags = symbol.getFlags(); flags && !(*flags & llvm::object::SymbolRef::SF_Undefined))
        if (auto name = symbol.getName())
          defined.insert(*name);
    for (const llvm::object::SectionRef &section : (*file)->sections()) {
      auto target = section.getRelocatedSection();
      if (!target || *target == (*file)->section_end())
        continue;
      StringRef user = llvm::cantFail((*target)->getName());
      user.consume_front(".text.");
      for (const llvm::object::RelocationRef &relocation : section.relocations())
        if (auto symbol = relocation.getSymbol(); symbol != (*file)->symbol_end())
          if (auto flags = symbol->getFlags(); flags && (*flags & llvm::object::SymbolRef::SF_Undefined))
            if (auto name = symbol->getName())
              undefined[name->str()].insert(user.str());
    }
  }
  for (const auto &name : defined)
    undefined.erase(name.first().str());
  return undefined;
}

/// Adds the memory functions, if anything uses them, and refuses what else is missing.
static LogicalResult resolveUndefined(ExecutableOp executable, llvm::TargetMachine &machine,
                                      std::vector<ObjectBytes> &objects) {
  auto fail = [&](llvm::Error error) { return executable.emitError(llvm::toString(std::move(error))); };
  auto undefined = findUndefined(objects);
  if (!undefined)
    return fail(undefined.takeError());
  if (undefined->empty())
    return success();
  llvm::Expected<ObjectBytes> memory = emitMemoryFunctions(machine);
  if (!memory)
    return fail(memory.takeError());
  objects.push_back(std::move(*memory));
  undefined = findUndefined(objects);
  if (!undefined)
    return fail(undefined.takeError());
  for (const auto &[symbol, users] : *undefined)
    executable.emitError() << "kernels may not call '" << symbol << "', which " << llvm::join(users, ", ")
                           << (users.size() == 1 ? " needs" : " need");
  return success(undefined->empty());
}

LogicalResult CompileExecutables::compile(ExecutableOp executable, ArrayRef<StringRef> kernels) {
  CpuVariant variant{executable.getTriple().str(), executable.getCpu().str(), executable.getFeatures().str()};
  auto makeMachine = [&] { return createTargetMachine(variant, [&] { return executable.emitError(); }); };
  auto machine = makeMachine();
  if (failed(machine))
    return failure();
  FailureOr<std::vector<Partition>> partitions = makePartitions(executable, kernels);
  if (failed(partitions))
    return failure();

  std::vector<ObjectBytes> objects(partitions->size());
  std::vector<std::string> errors(partitions->size());
  parallelFor(&getContext(), 0, partitions->size(), [&](size_t i) {
    // A target machine serves one thread at a time.
    auto own = makeMachine();
    if (failed(own))
      return;
    auto object = compilePartition((*partitions)[i], **own, executable.getModule(), errors[i]);
    if (succeeded(object))
      objects[i] = std::move(*object);
  });
  for (auto [partition, error] : llvm::zip_equal(*partitions, errors))
    if (!error.empty())
      executable.emitError() << "cannot compile the kernels " << llvm::join(partition.kernels, ", ") << ": " << error;
  if (llvm::any_of(objects, [](const ObjectBytes &object) { return object.empty(); }))
    return failure();

  llvm::Expected<ObjectBytes> table = emitKernelTable(kernels, **machine);
  if (!table)
    return executable.emitError(llvm::toString(table.takeError()));
  objects.push_back(std::move(*table));
  if (failed(resolveUndefined(executable, **machine, objects)))
    return failure();
  llvm::Expected<ObjectBytes> image = linkSharedObject(objects);
  if (!image)
    return executable.emitError(llvm::toString(image.takeError()));

  auto type = RankedTensorType::get({static_cast<int64_t>(image->size())}, IntegerType::get(&getContext(), 8));
  auto blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(*image, 64, /*dataIsMutable=*/false);
  executable.setImageAttr(DenseResourceElementsAttr::get(type, executable.getSymName(), std::move(blob)));
  executable.getModule().erase();
  return success();
}
