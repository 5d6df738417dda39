//===- CompileExecutables.cpp - kernels in the LLVM dialect to shared objects ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/EmitObject.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Object/Passes.h"
#include "torchc/Support/TargetMachine.h"

#include "mlir/IR/Action.h"
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
  ObjectBytes object;
  std::string error;
};

/// The kernels for one CPU variant on their way to one object.
class Variant {
public:
  Variant(ExecutableOp executable, llvm::CodeGenOptLevel optLevel, const KernelCache &cache)
      : executable(executable), optLevel(optLevel), cache(cache),
        target{executable.getTriple().str(), executable.getCpu().str(), executable.getFeatures().str()} {}

  /// Cuts the module into partitions.
  LogicalResult prepare(ArrayRef<StringRef> kernels);
  size_t getPartitionCount() const { return partitions.size(); }
  /// Partitions of any variants may be compiled at the same time.
  void compile(size_t partition);
  /// Puts the object in the place of the module.
  LogicalResult finish();

private:
  FailureOr<std::unique_ptr<llvm::TargetMachine>> makeMachine() {
    auto machine = createTargetMachine(target, [&] { return executable.emitError(); });
    if (succeeded(machine))
      (*machine)->setOptLevel(optLevel);
    return machine;
  }
  void compile(Partition &partition);
  LogicalResult resolveUndefined(llvm::TargetMachine &machine, std::vector<ObjectBytes> &objects);

  ExecutableOp executable;
  llvm::CodeGenOptLevel optLevel;
  const KernelCache &cache;
  CpuVariant target;
  SmallVector<KernelEntry> entries;
  std::vector<Partition> partitions;
};

struct CompileExecutables : torchc::impl::CompileExecutablesBase<CompileExecutables> {
  using CompileExecutablesBase::CompileExecutablesBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registerBuiltinDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
  }

  void runOnOperation() override {
    SmallVector<StringRef> kernels;
    for (KernelOp kernel : getOperation().getOps<KernelOp>())
      kernels.push_back(kernel.getSymName());
    KernelCache kept(cache.getValue());
    std::vector<Variant> variants;
    std::vector<std::pair<size_t, size_t>> jobs;
    for (ExecutableOp executable : getOperation().getOps<ExecutableOp>()) {
      if (!executable.getModule())
        continue;
      variants.emplace_back(executable, optLevel == 0 ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Aggressive,
                            kept);
      if (failed(variants.back().prepare(kernels)))
        return signalPassFailure();
      for (size_t i = 0; i != variants.back().getPartitionCount(); ++i)
        jobs.emplace_back(variants.size() - 1, i);
    }
    parallelForEach(&getContext(), jobs,
                    [&](std::pair<size_t, size_t> job) { variants[job.first].compile(job.second); });
    kept.prune();
    for (Variant &variant : variants)
      if (failed(variant.finish()))
        signalPassFailure();
  }
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

LogicalResult Variant::prepare(ArrayRef<StringRef> kernels) {
  // Names that LLVM lacks are an error here, once.
  if (failed(makeMachine()))
    return failure();
  SymbolTable symbols(executable.getModule());
  for (StringRef kernel : kernels) {
    auto function = symbols.lookup<LLVM::LLVMFuncOp>(kernel);
    if (!function || function.isExternal())
      return executable.emitError() << "has no code for the kernel '" << kernel << "'";
    auto workgroups = function->getAttrOfType<AffineMapAttr>(kWorkgroupsAttrName);
    if (!workgroups || workgroups.getAffineMap().getNumDims() != 0 || workgroups.getAffineMap().getNumResults() != 3)
      return function.emitError() << "needs '" << kWorkgroupsAttrName << "', a map from sizes to three extents";
    entries.push_back({kernel, workgroups.getAffineMap()});
    if (partitions.empty() || partitions.back().size >= kPartitionSize)
      partitions.emplace_back();
    addWithUses(function, symbols, partitions.back());
    partitions.back().kernels.push_back(kernel);
  }
  return success();
}

namespace {
/// Lets a compilation that is cancelled leave out the kernels to come.
struct CompileKernelsAction : tracing::ActionImpl<CompileKernelsAction> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CompileKernelsAction)
  static constexpr StringLiteral tag = "torchc-compile-kernels";
  using ActionImpl::ActionImpl;
};
} // namespace

void Variant::compile(size_t index) {
  executable.getContext()->executeAction<CompileKernelsAction>([&] { compile(partitions[index]); },
                                                               {IRUnit(executable.getOperation())});
}

void Variant::compile(Partition &partition) {
  // A target machine serves one thread at a time.
  auto machine = makeMachine();
  if (failed(machine))
    return;
  Builder b(executable.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(executable.getLoc());
  (*module)->setAttr(LLVM::LLVMDialect::getDataLayoutAttrName(),
                     b.getStringAttr((*machine)->createDataLayout().getStringRepresentation()));
  (*module)->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(),
                     b.getStringAttr((*machine)->getTargetTriple().str()));
  for (Operation *op : partition.ops)
    module->push_back(op->clone());
  llvm::Expected<ObjectBytes> object = emitObject(*module, partition.kernels, **machine, cache);
  if (object)
    partition.object = std::move(*object);
  else
    partition.error = llvm::toString(object.takeError());
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

/// Adds the functions that LLVM calls, if anything uses them, and refuses what else is missing.
LogicalResult Variant::resolveUndefined(llvm::TargetMachine &machine, std::vector<ObjectBytes> &objects) {
  auto fail = [&](llvm::Error error) { return executable.emitError(llvm::toString(std::move(error))); };
  auto undefined = findUndefined(objects);
  if (!undefined)
    return fail(undefined.takeError());
  if (undefined->empty())
    return success();
  for (auto *emit : {emitMemoryFunctions, emitHalfFunctions}) {
    llvm::Expected<ObjectBytes> provided = emit(machine);
    if (!provided)
      return fail(provided.takeError());
    objects.push_back(std::move(*provided));
  }
  undefined = findUndefined(objects);
  if (!undefined)
    return fail(undefined.takeError());
  for (const auto &[symbol, users] : *undefined)
    executable.emitError() << "kernels may not call '" << symbol << "', which " << llvm::join(users, ", ")
                           << (users.size() == 1 ? " needs" : " need");
  return success(undefined->empty());
}

LogicalResult Variant::finish() {
  std::vector<ObjectBytes> objects;
  bool isComplete = true;
  for (Partition &partition : partitions) {
    if (!partition.error.empty())
      executable.emitError() << "cannot compile the kernels " << llvm::join(partition.kernels, ", ") << ": "
                             << partition.error;
    isComplete &= !partition.object.empty();
    objects.push_back(std::move(partition.object));
  }
  auto machine = makeMachine();
  if (!isComplete || failed(machine))
    return failure();
  llvm::Expected<ObjectBytes> table = emitKernelTable(entries, **machine);
  if (!table)
    return executable.emitError(llvm::toString(table.takeError()));
  objects.push_back(std::move(*table));
  if (failed(resolveUndefined(**machine, objects)))
    return failure();
  llvm::Expected<ObjectBytes> object =
      linkRelocatable(llvm::map_to_vector(objects, [](const ObjectBytes &bytes) { return ArrayRef<char>(bytes); }));
  if (!object)
    return executable.emitError(llvm::toString(object.takeError()));

  MLIRContext *context = executable.getContext();
  auto type = RankedTensorType::get({static_cast<int64_t>(object->size())}, IntegerType::get(context, 8));
  auto blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(*object, 64, /*dataIsMutable=*/false);
  executable.setObjectAttr(DenseResourceElementsAttr::get(type, executable.getSymName(), std::move(blob)));
  executable.getModule().erase();
  return success();
}
