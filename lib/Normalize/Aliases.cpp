//===- Aliases.cpp - which mutable tensors share memory, and what it holds ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Aliases.h"

#include "torchc/Dialect/Torch/IR/TorchName.h"
#include "torchc/Support/UnsupportedOps.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

AliasedTensor &Aliases::define(Value tensor, Value value) {
  Storage &storage = storages.emplace_back();
  storage.contents = value;
  AliasedTensor &alias = owned.emplace_back();
  alias.storage = &storage;
  alias.value = value;
  tensors[tensor] = &alias;
  return alias;
}

void Aliases::defineAlias(Value tensor, Value other) {
  AliasedTensor copy = *tensors.lookup(other);
  tensors[tensor] = &owned.emplace_back(std::move(copy));
}

void Aliases::defineView(Value tensor, Value viewed, ViewStep step) {
  AliasedTensor *parent = tensors.lookup(viewed);
  AliasedTensor &alias = owned.emplace_back();
  alias.storage = parent->storage;
  alias.viewed = parent;
  alias.step = std::move(step);
  tensors[tensor] = &alias;
}

void Aliases::defineSuspect(Value tensor, Value value, ValueRange others) {
  Storage &storage = *define(tensor, value).storage;
  for (Value other : others) {
    Storage &suspect = getStorage(other);
    storage.suspects.push_back(&suspect);
    suspect.suspects.push_back(&storage);
  }
}

void Aliases::review(Value tensor, ViewStep step) {
  AliasedTensor &alias = *tensors.lookup(tensor);
  AliasedTensor copy = alias;
  AliasedTensor &before = owned.emplace_back(std::move(copy));
  // Views taken until now are views of what it was.
  for (AliasedTensor &other : owned)
    if (other.viewed == &alias)
      other.viewed = &before;
  alias.viewed = &before;
  alias.step = std::move(step);
  alias.value = Value();
}

Value Aliases::read(AliasedTensor &tensor, AtenBuilder &b) {
  if (tensor.value && tensor.version == tensor.storage->version)
    return tensor.value;
  tensor.value = tensor.viewed ? tensor.step.take(read(*tensor.viewed, b), b) : tensor.storage->contents;
  tensor.version = tensor.storage->version;
  return tensor.value;
}

Value Aliases::read(Value tensor, Operation *reader, AtenBuilder &b) {
  AliasedTensor &alias = *tensors.lookup(tensor);
  if (Operation *writer = alias.storage->clobberedBy) {
    InFlightDiagnostic error = emitUnsupportedOp(torch::getTorchName(reader), reader->getLoc())
                               << ": reads a tensor that may share memory with one written in place; clone() it first";
    error.attachNote(getUserLocation(writer->getLoc())) << "written here";
    return {};
  }
  return read(alias, b);
}

LogicalResult Aliases::write(Value tensor, Value value, Operation *writer, AtenBuilder &b) {
  AliasedTensor *alias = tensors.lookup(tensor);
  Storage &storage = *alias->storage;
  // Whatever may be the same memory, this storage first.
  SmallVector<Storage *> reached{&storage};
  for (size_t i = 0; i < reached.size(); ++i)
    for (Storage *suspect : reached[i]->suspects)
      if (!llvm::is_contained(reached, suspect))
        reached.push_back(suspect);
  for (Storage *suspect : reached) {
    StringRef verb = suspect == &storage ? " writes to " : " may write to ";
    if (suspect->input)
      return emitUnsupportedOp(torch::getTorchName(writer), writer->getLoc())
             << ": input mutation:" << verb << "input " << suspect->input.getArgNumber()
             << " of the function, the caller's memory; clone() it first";
    if (suspect->global && suspect != &storage)
      return emitUnsupportedOp(torch::getTorchName(writer), writer->getLoc())
             << ":" << verb << suspect->global << " through what may be a view or a copy of it";
  }
  // From the innermost view out to the storage, in what the views see now.
  Value written = value;
  for (AliasedTensor *view = alias; view->viewed; view = view->viewed) {
    written = view->step.undo(read(*view->viewed, b), written, b);
    if (!written)
      return emitUnsupportedOp(torch::getTorchName(writer), writer->getLoc())
             << ": writes through a view of " << view->step.op << ", which cannot be undone";
  }
  storage.contents = written;
  ++storage.version;
  alias->value = value;
  alias->version = storage.version;
  // All else that may be this memory is unknown from here on.
  for (Storage *suspect : llvm::drop_begin(reached))
    suspect->clobberedBy = writer;
  return success();
}
