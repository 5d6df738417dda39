//===- Externals.cpp - functions of the host program ----------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vm/Machine.h"

#include "base/Text.h"

#include <algorithm>

namespace torchc::runtime {

/// Appends "(Tensor, int)".
static bool appendKinds(Text &text, const flatbuffers::Vector<schema::RegisterKind> &kinds) {
  bool hasMemory = text.append('(');
  for (unsigned i = 0; i < kinds.size(); ++i)
    hasMemory = hasMemory && text.append(i == 0 ? "" : ", ") &&
                text.append(kinds.Get(i) == schema::RegisterKind::I64 ? "int" : "Tensor");
  return hasMemory && text.append(')');
}

static bool equalBesidesSpaces(std::string_view a, std::string_view b) {
  size_t i = 0, j = 0;
  while (true) {
    i = std::min(a.find_first_not_of(' ', i), a.size());
    j = std::min(b.find_first_not_of(' ', j), b.size());
    if (i == a.size() || j == b.size())
      return i == a.size() && j == b.size();
    if (a[i++] != b[j++])
      return false;
  }
}

static Result<Tensor> copyTensor(const Tensor &tensor) {
  TORCHC_ASSIGN_OR_RETURN(Tensor copy, Tensor::allocate(tensor.getElementType(), tensor.getDims()));
  if (tensor.getByteLength() != 0)
    std::memcpy(copy.getMutableData(), tensor.getData(), tensor.getByteLength());
  return copy;
}

Status Machine::prepareExternals(std::span<const ExternalBinding> given) {
  executeExternal = &Machine::callExternal;
  for (const schema::External *external : *program->module.header->externals()) {
    const char *name = external->name()->c_str();
    Text signature;
    if (!appendKinds(signature, *external->parameters()) || !signature.append(" -> ") ||
        !appendKinds(signature, *external->results()))
      return Status::outOfMemory();
    const ExternalBinding *found = nullptr;
    for (const ExternalBinding &binding : given)
      if (binding.name && external->name()->string_view() == binding.name)
        found = &binding;
    if (!found || !found->function)
      return Status::error(StatusCode::InvalidArgument, "the program calls '%s%s', which is not registered", name,
                           signature.c_str());
    if (found->signature && !equalBesidesSpaces(found->signature, signature.get()))
      return Status::error(StatusCode::InvalidArgument, "the program calls '%s%s', registered is '%s%s'", name,
                           signature.c_str(), name, found->signature);
    if (!externals.push({found->function, found->context}))
      return Status::outOfMemory();
  }
  return {};
}

Status Machine::callExternal(const Instruction &instruction, Frame &frame) {
  const schema::External &external = *program->module.header->externals()->Get(instruction.a);
  const char *name = external.name()->c_str();
  const auto results = program->module.getList(instruction.d);
  const auto arguments = program->module.getList(instruction.e);
  externalArguments.clear();
  externalResults.clear();
  if (!externalArguments.resize(arguments.size()) || !externalResults.resize(results.size()))
    return Status::outOfMemory();
  for (size_t i = 0; i < arguments.size(); ++i)
    if (external.parameters()->Get(unsigned(i)) == schema::RegisterKind::I64)
      externalArguments[i].integer = frame.i64s[arguments[i]];
    else
      externalArguments[i].tensor = frame.refs[arguments[i]].asReadOnly();
  const char *attributes = external.attributes() ? external.attributes()->c_str() : "";
  const Status status = externals[instruction.a].function(externals[instruction.a].context, attributes,
                                                          {externalArguments.data(), arguments.size()},
                                                          {externalResults.data(), results.size()});
  if (!status.isOk())
    return Status::error(status.getCode(), "%s: %s", name, status.getMessage());
  // The storage of an argument is the program's to use again: a result must have its own.
  for (ExternalValue &result : externalResults)
    for (const ExternalValue &argument : externalArguments)
      if (result.tensor.overlaps(argument.tensor)) {
        TORCHC_ASSIGN_OR_RETURN(result.tensor, copyTensor(result.tensor));
      }
  for (size_t i = 0; i < results.size(); ++i) {
    if (external.results()->Get(unsigned(i)) == schema::RegisterKind::I64)
      frame.i64s[results[i]] = externalResults[i].integer;
    else if (externalResults[i].tensor.isNull())
      return Status::error(StatusCode::Failed, "%s did not set result %zu", name, i);
    else
      frame.refs[results[i]] = std::move(externalResults[i].tensor);
  }
  return {};
}

} // namespace torchc::runtime
