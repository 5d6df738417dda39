//===- Safetensors.h - files of weights ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The safetensors format: a 64-bit length, a JSON header of that length that
// gives each tensor's type, shape and place, and the bytes, without gaps.
// https://github.com/huggingface/safetensors#format
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_SAFETENSORS_H
#define TORCHC_SUPPORT_SAFETENSORS_H

#include "torchc/Support/WeightStore.h"

#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace torchc {

struct NamedWeight {
  std::string name;
  Weight weight;
};

/// Writes the file under a temporary name and renames it, so that no reader
/// sees half of it. Names are unique. Fails for element types that the format
/// lacks (complex<f64>) and where the file cannot be written.
llvm::Error writeSafetensors(llvm::StringRef path, llvm::ArrayRef<NamedWeight> weights);

/// Maps the file; the weights keep the mapping alive. Element types come back
/// signless, beside whether the file calls them unsigned. Strict: tensors cover the file without gap or overlap, and
/// each has the bytes that its type and shape say.
llvm::Expected<std::vector<NamedWeight>> readSafetensors(llvm::StringRef path, mlir::MLIRContext *context);

} // namespace torchc

#endif // TORCHC_SUPPORT_SAFETENSORS_H
