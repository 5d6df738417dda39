//===- Values.h - tensors on the command line -------------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TOOLS_TORCHC_RUN_VALUES_H
#define TORCHC_TOOLS_TORCHC_RUN_VALUES_H

#include "Text.h"
#include "torchc/runtime/Program.h"

#include <string>
#include <vector>

namespace torchc::runtime {

/// Tensors for declared values, in their order, from the texts of the options:
///   `@x.npy`, `-` (.npy or .npz on stdin), `2x3xf32=1,2,3,4,5,6`, `4xf32=1` (all the
///   same), `2x3xf32=@x.bin`, `@x.bin` (of the declared type, if that is static),
///   `2x3xbf16=@bits.npy`, or a number alone, whose type is that of its value;
///   `@x.npz` alone for all of them: by their names, or in order if it holds arr_0, arr_1 ...
/// `option` stands in messages. Throws RunError.
std::vector<Tensor> parseValues(const std::vector<std::string> &texts, const std::vector<ValueInfo> &declared,
                                const char *option);

/// "2x3xf32=1,2,3,4,5,6".
std::string formatValue(const Tensor &tensor);

/// Writes tensors to the files that `texts` name: one .npy file each, `-` for stdout, or
/// one .npz file for all. A regular file appears whole or not at all. Throws RunError.
void writeValues(const std::vector<std::string> &texts, const std::vector<Tensor> &tensors,
                 const std::vector<ValueInfo> &declared);

} // namespace torchc::runtime

#endif // TORCHC_TOOLS_TORCHC_RUN_VALUES_H
