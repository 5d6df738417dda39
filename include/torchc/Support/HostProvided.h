//===- HostProvided.h - what the host program provides at run time ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_HOSTPROVIDED_H
#define TORCHC_SUPPORT_HOSTPROVIDED_H

#include "llvm/ADT/StringRef.h"

namespace torchc {

/// The attribute of a global that the program reads from outside at run time: the scope
/// of the parameter, whose key is the global's name. Nothing may be computed of its value
/// when compiling.
inline constexpr llvm::StringLiteral kParameterAttr = "torchc.parameter";

/// The attribute of a global that is no parameter or buffer of the model but a tensor that
/// its code holds.
inline constexpr llvm::StringLiteral kCodeConstantAttr = "torchc.code_constant";

/// On a `torch.operator`: the host program computes it (a unit attribute). On an external
/// function, what it stands for: {name = "mylib::foo", attributes = "{\"1\": 2.5}"}, where
/// the attributes are those arguments that are constants and neither tensors nor
/// integers, as JSON by their position.
inline constexpr llvm::StringLiteral kCustomOpAttr = "torchc.custom_op";

} // namespace torchc

#endif // TORCHC_SUPPORT_HOSTPROVIDED_H
