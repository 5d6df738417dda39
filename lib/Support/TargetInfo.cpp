//===- TargetInfo.cpp - what code generation asks of a CPU ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Support/TargetInfo.h"

#include "llvm/MC/MCSubtargetInfo.h"

#include <algorithm>

using namespace mlir;
using namespace torchc;

unsigned TargetInfo::getTileRows(unsigned columns, unsigned bits) const {
  unsigned registersPerRow = std::max(1u, columns * bits / vectorBits);
  if (vectorRegisters <= 2 * registersPerRow + 1)
    return 1;
  return (vectorRegisters - 1 - registersPerRow) / registersPerRow;
}

FailureOr<TargetInfo> TargetInfo::get(const CpuVariant &variant, EmitErrorFn emitError) {
  TargetInfo info;
  info.variant = variant;
  auto machine = createTargetMachine(variant, emitError);
  if (failed(machine))
    return failure();
  const llvm::MCSubtargetInfo &subtarget = *(*machine)->getMCSubtargetInfo();
  if ((*machine)->getTargetTriple().isX86()) {
    bool avx512 = subtarget.checkFeatures("+avx512f,+avx512bw,+avx512dq,+avx512vl");
    info.vectorBits = avx512 ? 512 : subtarget.checkFeatures("+avx") ? 256 : 128;
    info.vectorRegisters = avx512 ? 32 : 16;
    info.permutesFloats = subtarget.checkFeatures("+avx2");
    info.addsPairsOfBf16 = avx512 && subtarget.checkFeatures("+avx512bf16");
    info.addsFoursOfBytes = avx512 && subtarget.checkFeatures("+avx512vnni");
  } else {
    info.vectorBits = 128;
    info.vectorRegisters = 32;
  }
  return info;
}
