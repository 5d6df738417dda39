//===- UserLocation.h - the user's source line behind a location ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_USERLOCATION_H
#define TORCHC_SUPPORT_USERLOCATION_H

#include "mlir/IR/Location.h"

#include <string>

namespace torchc {

/// The innermost frame of `loc` that is not inside the torch package itself;
/// the innermost one where all are, and `loc` where it has no frame. Errors
/// about the user's program are emitted there.
mlir::Location getUserLocation(mlir::Location loc);

/// An op's name as PyTorch prints it, with its overload: `aten.relu.default` for
/// `aten.relu`, `aten.add.Tensor` as it is.
std::string getTorchName(llvm::StringRef name);

/// `loc` as the location of an op of the model, such as "aten.linear.default".
mlir::Location getOpLocation(llvm::StringRef op, mlir::Location loc);

/// An op of the model and where the user's program calls it.
struct OpSource {
  llvm::StringRef op;   ///< Empty if it is not known.
  std::string location; ///< "model.py:27"; empty if it is not known.

  bool operator==(const OpSource &) const = default;
};

/// The ops that a location stands for, each once, in their order: several where ops
/// were fused, none where nothing is known.
llvm::SmallVector<OpSource> getOpSources(mlir::Location loc);

} // namespace torchc

#endif // TORCHC_SUPPORT_USERLOCATION_H
