//===- ModuleTables.cpp - the tables of the file's header ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleTables.h"

#include "ElementTypes.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Support/HostProvided.h"
#include "torchc/Support/TargetInfo.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace torchc;
namespace schema = torchc::runtime::schema;

//===----------------------------------------------------------------------===//
// Bytes of constants
//===----------------------------------------------------------------------===//

/// The bytes of `elements`, one an element for i1, splats written out.
static Bytes copyElements(DenseElementsAttr elements) {
  auto owner = std::make_shared<std::vector<uint8_t>>();
  int64_t count = elements.getNumElements();
  if (elements.getElementType().isInteger(1)) {
    owner->reserve(count);
    for (bool value : elements.getValues<bool>())
      owner->push_back(value);
  } else {
    ArrayRef<char> raw = elements.getRawData();
    for (int64_t i = 0; i < (elements.isSplat() ? count : 1); ++i)
      owner->insert(owner->end(), raw.begin(), raw.end());
  }
  ArrayRef<uint8_t> data(*owner);
  return {data, std::move(owner)};
}

FailureOr<Bytes> torchc::getBytes(Operation *global, Attribute value) {
  if (auto elements = dyn_cast<DenseElementsAttr>(value))
    return copyElements(elements);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return global->emitError() << "the resource '" << resource.getRawHandle().getKey() << "' has no data";
    return Bytes{{reinterpret_cast<const uint8_t *>(blob->getData().data()), blob->getData().size()}, nullptr};
  }
  if (isa<ml_program::ExternAttr>(value)) {
    StringRef name = SymbolTable::getSymbolName(global).getValue();
    auto *dialect = global->getContext()->getLoadedDialect<torch::TorchDialect>();
    std::optional<Weight> weight = dialect ? dialect->getWeights().lookup(name) : std::nullopt;
    if (!weight)
      return global->emitError() << "the weight '" << name << "' is missing";
    return Bytes{weight->bytes, weight->owner};
  }
  return global->emitError() << "has an initial value that is no tensor";
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Adds a constant and returns its ordinal.
static FailureOr<uint32_t> addConstant(ml_program::GlobalOp global, ModuleTables &tables) {
  auto type = dyn_cast<RankedTensorType>(global.getType());
  auto element = !type                   ? std::nullopt
                 : global.getIsMutable() ? getHostElementType(global)
                                         : getElementType(type.getElementType());
  if (!element || !type.hasStaticShape())
    return global.emitError() << "a file cannot hold a constant of type " << global.getType();
  FailureOr<Bytes> bytes = getBytes(global, *global.getValue());
  if (failed(bytes))
    return failure();
  uint64_t size = type.getNumElements() * runtime::getElementSize(*element);
  if (bytes->data.size() != size)
    return global.emitError() << "has " << bytes->data.size() << " bytes for the type " << type;
  auto constant = std::make_unique<schema::ConstantT>();
  constant->name = global.getSymName().str();
  constant->element_type = static_cast<uint8_t>(*element);
  constant->dims.assign(type.getShape().begin(), type.getShape().end());
  tables.header.constants.push_back(std::move(constant));
  tables.constants.push_back(*bytes);
  return tables.constants.size() - 1;
}

/// A tensor that the run reads from outside.
static LogicalResult addParameter(ml_program::GlobalOp global, StringAttr scope, ModuleTables &tables) {
  auto type = dyn_cast<RankedTensorType>(global.getType());
  auto element = getHostElementType(global);
  if (!element || !type.hasStaticShape() || global.getIsMutable())
    return global.emitError() << "cannot be a parameter: it is of type " << global.getType();
  auto parameter = std::make_unique<schema::ParameterT>();
  parameter->scope = scope.str();
  parameter->key = global.getSymName().str();
  parameter->element_type = static_cast<uint8_t>(*element);
  parameter->dims.assign(type.getShape().begin(), type.getShape().end());
  tables.ordinals[global.getSymName()] = tables.header.parameters.size();
  tables.header.parameters.push_back(std::move(parameter));
  return success();
}

static LogicalResult addGlobal(ml_program::GlobalOp global, ModuleTables &tables) {
  if (auto scope = global->getAttrOfType<StringAttr>(kParameterAttr))
    return addParameter(global, scope, tables);
  if (!global.getIsMutable()) {
    if (!global.getValue())
      return global.emitError() << "is constant and has no value";
    FailureOr<uint32_t> ordinal = addConstant(global, tables);
    if (failed(ordinal))
      return failure();
    tables.ordinals[global.getSymName()] = *ordinal;
    return success();
  }
  auto entry = std::make_unique<schema::GlobalT>();
  entry->name = global.getSymName().str();
  entry->mutable_ = true;
  entry->kind = schema::RegisterKind::Ref;
  if (isa<IntegerType, IndexType>(global.getType())) {
    entry->kind = schema::RegisterKind::I64;
    if (auto value = dyn_cast_or_null<IntegerAttr>(global.getValueAttr()))
      entry->initial_i64 = value.getInt();
  } else if (global.getValue()) {
    FailureOr<uint32_t> ordinal = addConstant(global, tables);
    if (failed(ordinal))
      return failure();
    entry->initial_constant = *ordinal;
  }
  tables.ordinals[global.getSymName()] = tables.header.globals.size();
  tables.header.globals.push_back(std::move(entry));
  return success();
}

static void addKernel(dispatch::KernelOp kernel, ModuleTables &tables) {
  auto entry = std::make_unique<schema::KernelT>();
  entry->name = kernel.getSymName().str();
  entry->inputs = kernel.getNumTensors();
  entry->outputs = kernel.getResultTypes().size();
  entry->constants = kernel.getArgumentTypes().size() - kernel.getNumTensors();
  entry->scratch_bytes = kernel.getScratch().value_or(0);
  tables.ordinals[kernel.getSymName()] = tables.header.kernels.size();
  tables.header.kernels.push_back(std::move(entry));
}

static LogicalResult addLibraries(ModuleOp module, ModuleTables &tables) {
  struct Library {
    dispatch::ExecutableOp executable;
    std::vector<std::string> features;
    std::string arch;
    unsigned vectorBits;
  };
  std::vector<Library> libraries;
  for (auto executable : module.getOps<dispatch::ExecutableOp>()) {
    if (!executable.getObject())
      return executable.emitError() << "has no machine code: the Object stage makes it";
    CpuVariant variant{executable.getTriple().str(), executable.getCpu().str(), executable.getFeatures().str()};
    auto machine = createTargetMachine(variant, [&] { return executable.emitError(); });
    auto info = TargetInfo::get(variant, [&] { return executable.emitError(); });
    if (failed(machine) || failed(info))
      return failure();
    libraries.push_back({executable, getRequiredFeatures(**machine), (*machine)->getTargetTriple().getArchName().str(),
                         info->vectorBits});
  }
  // The loader takes the first that a CPU can run: wider vectors come first, then
  // what asks for more.
  llvm::sort(libraries, [](Library &a, Library &b) {
    return std::tuple(b.vectorBits, b.features.size(), a.executable.getSymName()) <
           std::tuple(a.vectorBits, a.features.size(), b.executable.getSymName());
  });
  for (Library &library : libraries) {
    FailureOr<Bytes> object = getBytes(library.executable, *library.executable.getObject());
    if (failed(object))
      return failure();
    tables.objects.push_back(*object);
    auto entry = std::make_unique<schema::LibraryT>();
    entry->arch = library.arch;
    entry->cpu = library.executable.getCpu().str();
    entry->features = std::move(library.features);
    entry->object = std::make_unique<schema::Section>();
    tables.header.libraries.push_back(std::move(entry));
  }
  return success();
}

/// Orders functions so that callees come before callers.
static LogicalResult orderFunctions(ModuleOp module, std::vector<vm::FuncOp> &ordered) {
  SymbolTable symbols(module);
  llvm::SetVector<Operation *> done, open;
  std::function<LogicalResult(vm::FuncOp)> visit = [&](vm::FuncOp function) -> LogicalResult {
    if (done.contains(function))
      return success();
    if (!open.insert(function))
      return function.emitError() << "calls itself; the runtime has no recursion";
    WalkResult result = function.walk([&](vm::CallOp call) {
      auto callee = symbols.lookup<vm::FuncOp>(call.getCallee());
      if (!callee) {
        call.emitError() << "calls the unknown function '" << call.getCallee() << "'";
        return WalkResult::interrupt();
      }
      return failed(visit(callee)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    done.insert(function);
    ordered.push_back(function);
    return success();
  };
  for (auto function : module.getOps<vm::FuncOp>())
    if (failed(visit(function)))
      return failure();
  return success();
}

static std::vector<schema::RegisterKind> getKinds(TypeRange types) {
  std::vector<schema::RegisterKind> kinds;
  for (Type type : types)
    kinds.push_back(isa<vm::RefType>(type) ? schema::RegisterKind::Ref : schema::RegisterKind::I64);
  return kinds;
}

static void addExternal(vm::ExternalOp external, ModuleTables &tables) {
  auto entry = std::make_unique<schema::ExternalT>();
  entry->name = external.getHostName().str();
  entry->parameters = getKinds(external.getFunctionType().getInputs());
  entry->results = getKinds(external.getFunctionType().getResults());
  entry->attributes = external.getHostAttributes().str();
  tables.ordinals[external.getSymName()] = tables.header.externals.size();
  tables.header.externals.push_back(std::move(entry));
}

static LogicalResult addFunctions(ModuleOp module, ModuleTables &tables) {
  if (failed(orderFunctions(module, tables.functions)))
    return failure();
  for (auto [i, function] : llvm::enumerate(tables.functions)) {
    auto entry = std::make_unique<schema::FunctionT>();
    entry->name = function.getName().str();
    entry->parameters = getKinds(function.getArgumentTypes());
    entry->results = getKinds(function.getResultTypes());
    entry->slab_bytes = function.getSlabBytes().value_or(0);
    entry->live_bytes = function.getLiveBytes().value_or(0);
    tables.header.functions.push_back(std::move(entry));
    tables.ordinals[function.getName()] = i;
  }
  for (auto function : module.getOps<vm::FuncOp>()) {
    if (!function.isPublic())
      continue;
    auto entry = std::make_unique<schema::ExportT>();
    if (failed(makeExport(function, *entry)))
      return failure();
    entry->function = tables.ordinals[function.getName()];
    tables.header.exports.push_back(std::move(entry));
  }
  return success();
}

LogicalResult torchc::collectTables(ModuleOp module, ModuleTables &tables) {
  tables.header.name = module.getName().value_or("module").str();
  // What a kernel fails with is the place of its message.
  if (auto messages = module->getAttrOfType<ArrayAttr>("dispatch.messages"))
    for (StringRef message : messages.getAsValueRange<StringAttr>())
      tables.header.messages.push_back(message.str());
  // Kernels keep the order that the kernel tables of the libraries have.
  for (auto kernel : module.getOps<dispatch::KernelOp>())
    addKernel(kernel, tables);
  for (auto external : module.getOps<vm::ExternalOp>())
    addExternal(external, tables);
  llvm::DenseSet<StringRef> used;
  for (auto function : module.getOps<vm::FuncOp>())
    if (auto uses = SymbolTable::getSymbolUses(function))
      for (SymbolTable::SymbolUse use : *uses)
        used.insert(use.getSymbolRef().getLeafReference().getValue());
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (used.contains(global.getSymName()) && failed(addGlobal(global, tables)))
      return failure();
  if (failed(addFunctions(module, tables)))
    return failure();
  return addLibraries(module, tables);
}
