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

namespace torchc {

/// The innermost frame of `loc` that is not inside the torch package itself;
/// the innermost one where all are, and `loc` where it has no frame. Errors
/// about the user's program are emitted there.
mlir::Location getUserLocation(mlir::Location loc);

} // namespace torchc

#endif // TORCHC_SUPPORT_USERLOCATION_H
