//===- TargetInfo.h - what code generation asks of a CPU ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_SUPPORT_TARGETINFO_H
#define TORCHC_SUPPORT_TARGETINFO_H

#include "torchc/Support/TargetMachine.h"

namespace torchc {

/// One CPU, as its registers limit tiles and layouts.
struct TargetInfo {
  CpuVariant variant;
  unsigned vectorBits = 128;
  unsigned vectorRegisters = 16;
  /// Whether an instruction permutes the floats of a register by numbers in another (AVX2).
  bool permutesFloats = false;
  /// Whether an instruction adds up two products of bf16 in each lane of f32 (AVX512-BF16).
  bool addsPairsOfBf16 = false;
  /// Whether one adds up four products of eight bits, the first without a sign, in each lane of i32 (AVX512-VNNI).
  bool addsFoursOfBytes = false;
  /// Small code rather than the last percents of speed.
  bool prefersSize = false;

  /// How many elements of `bits` one vector register holds.
  unsigned getLanes(unsigned bits) const { return vectorBits / bits; }

  /// Columns of a packed weight panel: two vector registers of f32. All
  /// element types share the layout.
  unsigned getPanelWidth() const { return 2 * getLanes(32); }

  /// Rows of the register tile beside a panel of `columns` elements of `bits`:
  /// the accumulators, one row of the panel and one broadcast element fill
  /// the registers. 6 on AVX2, 14 on AVX-512.
  unsigned getTileRows(unsigned columns, unsigned bits) const;

  /// Fails on a triple, CPU or feature that this LLVM lacks.
  static mlir::FailureOr<TargetInfo> get(const CpuVariant &variant, EmitErrorFn emitError);
};

} // namespace torchc

#endif // TORCHC_SUPPORT_TARGETINFO_H
