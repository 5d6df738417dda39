//===- Aliases.h - which mutable tensors share memory, and what it holds ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_NORMALIZE_ALIASES_H
#define TORCHC_LIB_NORMALIZE_ALIASES_H

#include "Views.h"

#include <deque>

namespace torchc {

/// Memory of one or more tensors. Its contents are a value, a new one after
/// each write.
struct Storage {
  mlir::Value contents;
  unsigned version = 0;
  /// The input of the function that it is the caller's memory of, which is not written.
  mlir::BlockArgument input;
  /// The global that it is the memory of.
  mlir::FlatSymbolRefAttr global;
  /// Storages that may be the same memory.
  llvm::SmallVector<Storage *> suspects;
  /// The last write to memory that may be this one: the contents are unknown.
  mlir::Operation *clobberedBy = nullptr;
};

/// A mutable tensor: all of a storage, or a view of another tensor.
struct AliasedTensor {
  Storage *storage;
  AliasedTensor *viewed = nullptr; ///< Null: all of the storage.
  ViewStep step;
  mlir::Value value; ///< Valid at `version` of the storage.
  unsigned version = 0;
};

/// The mutable tensors of one function while its ops are visited in order.
class Aliases {
public:
  /// New memory that `value` is held in by the mutable tensor `tensor`.
  AliasedTensor &define(mlir::Value tensor, mlir::Value value);
  /// `tensor` is another name of `other`.
  void defineSame(mlir::Value tensor, mlir::Value other) { tensors[tensor] = tensors.lookup(other); }
  /// `tensor` has the elements of `other` in their present shape.
  void defineAlias(mlir::Value tensor, mlir::Value other);
  /// `tensor` is a view of `viewed`.
  void defineView(mlir::Value tensor, mlir::Value viewed, ViewStep step);
  /// `tensor` holds `value`, in memory that may be that of any of `others`.
  void defineSuspect(mlir::Value tensor, mlir::Value value, mlir::ValueRange others);
  /// `tensor` itself becomes a view of what it was, as by unsqueeze_.
  void review(mlir::Value tensor, ViewStep step);

  bool contains(mlir::Value tensor) const { return tensors.contains(tensor); }
  Storage &getStorage(mlir::Value tensor) { return *tensors.lookup(tensor)->storage; }

  /// The present value of a tensor; null, with an error at `reader`, where a
  /// write to memory that may be its own hides it.
  mlir::Value read(mlir::Value tensor, mlir::Operation *reader, torch::AtenBuilder &b);
  /// Sets the value of a tensor and of all that share memory with it.
  mlir::LogicalResult write(mlir::Value tensor, mlir::Value value, mlir::Operation *writer, torch::AtenBuilder &b);

  std::deque<Storage> &getStorages() { return storages; }

private:
  mlir::Value read(AliasedTensor &tensor, torch::AtenBuilder &b);

  std::deque<Storage> storages;
  std::deque<AliasedTensor> owned;
  llvm::DenseMap<mlir::Value, AliasedTensor *> tensors;
};

} // namespace torchc

#endif // TORCHC_LIB_NORMALIZE_ALIASES_H
