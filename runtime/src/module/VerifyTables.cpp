//===- VerifyTables.cpp - checks a module's tables ------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "module/ModuleFile.h"
#include "torchc/runtime/Tensor.h"

#include <algorithm>

namespace torchc::runtime {

namespace {

/// Tables may refer to the same vector, which the flatbuffer's verifier permits. Where
/// this one walks a vector it counts, and refuses a file in which more is walked than
/// the header holds: so the time is linear in the file's size.
class TableVerifier {
public:
  explicit TableVerifier(const ModuleFile &file) : file(file), module(*file.header), unwalked(file.headerSize) {}

  Status run() {
    TORCHC_RETURN_IF_ERROR(checkCounts());
    for (const schema::Constant *constant : *module.constants())
      TORCHC_RETURN_IF_ERROR(checkConstant(*constant));
    for (const schema::Parameter *parameter : *module.parameters())
      TORCHC_RETURN_IF_ERROR(
          checkStaticTensor(parameter->key()->c_str(), parameter->element_type(), parameter->dims()).takeStatus());
    for (const schema::Global *global : *module.globals())
      TORCHC_RETURN_IF_ERROR(checkGlobal(*global));
    for (const schema::External *external : *module.externals())
      TORCHC_RETURN_IF_ERROR(checkKinds(*external, external->name()->c_str()));
    for (const schema::Function *function : *module.functions())
      TORCHC_RETURN_IF_ERROR(checkKinds(*function, function->name()->c_str()));
    for (const schema::Export *function : *module.exports())
      TORCHC_RETURN_IF_ERROR(checkExport(*function));
    return checkExportNames();
  }

private:
  /// Ordinals are u16 operands.
  Status checkCounts() {
    const uint64_t counts[] = {module.functions()->size(), module.externals()->size(),  module.kernels()->size(),
                               module.constants()->size(), module.parameters()->size(), module.globals()->size(),
                               module.exports()->size()};
    for (uint64_t count : counts)
      if (count > UINT16_MAX)
        return invalidModule("a table of the module has more than 65535 entries");
    return {};
  }

  Status walk(uint64_t bytes) {
    if (bytes > unwalked)
      return invalidModule("tables of the header overlap");
    unwalked -= bytes;
    return {};
  }

  /// The flatbuffers verifier checks that of a vector's length only.
  Status checkAlignment(const char *name, const flatbuffers::Vector<int64_t> *dims) {
    if (dims->size() != 0 && reinterpret_cast<uintptr_t>(dims->Data()) % alignof(int64_t) != 0)
      return invalidModule("the dims of '%s' are not aligned", name);
    return {};
  }

  /// Bytes of a tensor whose dims the file states.
  Result<uint64_t> checkStaticTensor(const char *name, uint8_t type, const flatbuffers::Vector<int64_t> *dims) {
    TORCHC_RETURN_IF_ERROR(checkAlignment(name, dims));
    auto bytes = computeByteLength(ElementType(type), {dims->data(), dims->size()});
    if (!bytes.isOk())
      return invalidModule("'%s': %s", name, bytes.getStatus().getMessage());
    return bytes;
  }

  Status checkConstant(const schema::Constant &constant) {
    const char *name = constant.name()->c_str();
    TORCHC_ASSIGN_OR_RETURN(const uint64_t bytes, checkStaticTensor(name, constant.element_type(), constant.dims()));
    if (constant.offset() % kSectionAlignment != 0)
      return invalidModule("constant '%s' is not aligned", name);
    if (constant.offset() > file.constants.size() || bytes > file.constants.size() - constant.offset())
      return invalidModule("constant '%s' leaves its section", name);
    return {};
  }

  Status checkGlobal(const schema::Global &global) {
    const char *name = global.name()->c_str();
    if (global.kind() > schema::RegisterKind::Ref)
      return invalidModule("global '%s' is of an unknown kind", name);
    const int64_t initial = global.initial_constant();
    const bool isRef = global.kind() == schema::RegisterKind::Ref;
    if (initial < -1 || initial >= int64_t(module.constants()->size()) || (!isRef && initial != -1))
      return invalidModule("global '%s' starts as a constant that is not there", name);
    if (isRef && !global.mutable_() && initial == -1)
      return invalidModule("global '%s' can never have a value", name);
    return {};
  }

  template <typename Callable> Status checkKinds(const Callable &callable, const char *name) {
    for (const auto *kinds : {callable.parameters(), callable.results()}) {
      if (kinds->size() > UINT16_MAX)
        return invalidModule("function '%s' has more than 65535 parameters or results", name);
      TORCHC_RETURN_IF_ERROR(walk(kinds->size()));
      for (unsigned i = 0; i < kinds->size(); ++i)
        if (kinds->Get(i) > schema::RegisterKind::Ref)
          return invalidModule("function '%s' has a value of an unknown kind", name);
    }
    return {};
  }

  Status checkExport(const schema::Export &function) {
    const char *name = function.name()->c_str();
    if (function.function() >= module.functions()->size())
      return invalidModule("export '%s' names a function that is not there", name);
    const schema::Function &body = *module.functions()->Get(function.function());
    if (body.parameters()->size() != function.inputs()->size() || body.results()->size() != function.outputs()->size())
      return invalidModule("export '%s': its signature and its function differ", name);
    for (const auto *kinds : {body.parameters(), body.results()})
      for (unsigned i = 0; i < kinds->size(); ++i)
        if (kinds->Get(i) != schema::RegisterKind::Ref)
          return invalidModule("export '%s' takes or gives a value that is no tensor", name);
    for (const schema::Symbol *symbol : *function.symbols())
      if (symbol->min() < 0 || symbol->max() < symbol->min() || symbol->multiple_of() < 1)
        return invalidModule("export '%s': the range of symbol '%s' is empty or negative", name,
                             symbol->name()->c_str());
    for (const schema::Value *input : *function.inputs())
      TORCHC_RETURN_IF_ERROR(checkValue(function, *input, /*isInput=*/true));
    for (const schema::Value *output : *function.outputs())
      TORCHC_RETURN_IF_ERROR(checkValue(function, *output, /*isInput=*/false));
    return {};
  }

  /// Sorted by hash: comparing each name with each other would not be linear.
  Status checkExportNames() {
    struct Name {
      uint64_t hash;
      unsigned ordinal;
    };
    Array<Name> names;
    for (unsigned i = 0; i < module.exports()->size(); ++i) {
      const auto name = module.exports()->Get(i)->name()->string_view();
      TORCHC_RETURN_IF_ERROR(walk(name.size()));
      if (!names.push({checksum64(name.data(), name.size()), i}))
        return Status::outOfMemory();
    }
    std::sort(names.begin(), names.end(), [](const Name &a, const Name &b) { return a.hash < b.hash; });
    for (size_t i = 1; i < names.size(); ++i)
      if (names[i].hash == names[i - 1].hash)
        return invalidModule("two exports are named '%s'", module.exports()->Get(names[i].ordinal)->name()->c_str());
    return {};
  }

  Status checkValue(const schema::Export &function, const schema::Value &value, bool isInput) {
    const char *name = value.name()->c_str();
    if (getElementSize(ElementType(value.element_type())) == 0)
      return invalidModule("'%s' has an unknown element type", name);
    TORCHC_RETURN_IF_ERROR(checkAlignment(name, value.dims()));
    if (value.dims()->size() > kMaxRank)
      return invalidModule("'%s' has more than %u dimensions", name, kMaxRank);
    for (int64_t dim : *value.dims()) {
      const bool isUnknown = dim == INT64_MIN;
      if (isUnknown ? isInput : dim < 0 && -1 - dim >= int64_t(function.symbols()->size()))
        return invalidModule("'%s' has a dimension without a meaning", name);
    }
    constexpr ElementType scalarTypes[] = {ElementType::I64, ElementType::F64, ElementType::I1};
    if (value.kind() > schema::ValueKind::Bool)
      return invalidModule("'%s' is of an unknown kind", name);
    if (value.kind() != schema::ValueKind::Tensor &&
        (value.dims()->size() != 0 || ElementType(value.element_type()) != scalarTypes[uint8_t(value.kind()) - 1]))
      return invalidModule("the Python scalar '%s' is not a rank-0 tensor of its type", name);
    if (value.is_fixed() && (!isInput || value.kind() == schema::ValueKind::Tensor))
      return invalidModule("'%s' is fixed, and no scalar input", name);
    if (value.leaf() < -1 || value.mutates() < -1 ||
        value.mutates() >= (isInput ? 0 : int64_t(function.inputs()->size())))
      return invalidModule("'%s' refers to a leaf or an input that is not there", name);
    return {};
  }

  const ModuleFile &file;
  const schema::Module &module;
  uint64_t unwalked; ///< Bytes of the header that the vectors to come may have.
};

} // namespace

Status verifyTables(const ModuleFile &module) { return TableVerifier(module).run(); }

} // namespace torchc::runtime
