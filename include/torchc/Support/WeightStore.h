//===- WeightStore.h - bytes of parameters, beside the IR ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_WEIGHTSTORE_H
#define TORCHC_SUPPORT_WEIGHTSTORE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Support/LLVM.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace torchc {

/// A tensor's bytes: contiguous, row-major, little-endian; one byte for an i1.
struct Weight {
  mlir::RankedTensorType type; ///< Static shape; signless element type.
  llvm::ArrayRef<uint8_t> bytes;
  std::shared_ptr<const void> owner; ///< Keeps `bytes` alive (a mapped file, a buffer).
  bool isUnsigned = false;           ///< Whether a file calls its integers unsigned.
};

/// The bytes behind the `ml_program.global`s of a module whose initial value
/// is `#ml_program.extern`, by symbol name. IR never holds them: printing,
/// hashing and cloning IR must not walk gigabytes. All methods may be called
/// from several threads.
class WeightStore {
public:
  /// Sets the weight of a symbol; an earlier one under that name is dropped.
  void set(llvm::StringRef symbol, Weight weight);
  /// Copies `bytes` into a buffer that the store owns.
  void setCopy(llvm::StringRef symbol, mlir::RankedTensorType type, llvm::ArrayRef<uint8_t> bytes,
               bool isUnsigned = false);
  /// The weight of a symbol, or nullopt.
  std::optional<Weight> lookup(llvm::StringRef symbol) const;
  void erase(llvm::StringRef symbol);
  bool empty() const;

private:
  mutable std::mutex mutex;
  std::map<std::string, Weight, std::less<>> weights;
};

/// The module attribute that names the safetensors file of its weights, a
/// path relative to the file of the module.
inline constexpr llvm::StringLiteral kWeightsFileAttr = "torchc.weights";

} // namespace torchc

#endif // TORCHC_SUPPORT_WEIGHTSTORE_H
