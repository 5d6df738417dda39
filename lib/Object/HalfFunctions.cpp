//===- HalfFunctions.cpp - conversions of half precision for kernels ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Without F16C, LLVM lowers conversions of f16 to calls of the compiler's library,
// and a kernel library has none. All are rounded to nearest, ties to even.
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/EmitObject.h"

using namespace torchc;

static constexpr llvm::StringLiteral kSource = R"(
; The bits, moved into place, are a float 2^112 times too small; denormals too.
define float @__extendhfsf2(half %x) {
  %half = bitcast half %x to i16
  %bits = zext i16 %half to i32
  %sign.half = and i32 %bits, 32768
  %sign = shl i32 %sign.half, 16
  %size.half = and i32 %bits, 32767
  %size = shl i32 %size.half, 13
  %small = bitcast i32 %size to float
  %scaled = fmul float %small, 0x46F0000000000000
  %finite = bitcast float %scaled to i32
  %special = or i32 %size, 2139095040
  %is.special = icmp uge i32 %size.half, 31744
  %magnitude = select i1 %is.special, i32 %special, i32 %finite
  %result = or i32 %magnitude, %sign
  %float = bitcast i32 %result to float
  ret float %float
}

define half @__truncsfhf2(float %x) {
  %bits = bitcast float %x to i32
  %high = lshr i32 %bits, 16
  %sign = and i32 %high, 32768
  %size = and i32 %bits, 2147483647
  ; Adding 1/2 leaves a denormal's bits, rounded, at the end.
  %magnitude.float = bitcast i32 %size to float
  %aligned = fadd float %magnitude.float, 5.000000e-01
  %aligned.bits = bitcast float %aligned to i32
  %denormal = sub i32 %aligned.bits, 1056964608
  ; Otherwise the exponent changes its bias by 112, and 13 bits are rounded off.
  %last = lshr i32 %size, 13
  %odd = and i32 %last, 1
  %rebiased = add i32 %size, -939520001
  %rounded = add i32 %rebiased, %odd
  %normal = lshr i32 %rounded, 13
  %is.denormal = icmp ult i32 %size, 947912704
  %finite = select i1 %is.denormal, i32 %denormal, i32 %normal
  ; 65520 is the first that rounds to infinity.
  %is.large = icmp uge i32 %size, 1199566848
  %bounded = select i1 %is.large, i32 31744, i32 %finite
  %is.nan = icmp ugt i32 %size, 2139095040
  %magnitude = select i1 %is.nan, i32 32256, i32 %bounded
  %result = or i32 %magnitude, %sign
  %short = trunc i32 %result to i16
  %half = bitcast i16 %short to half
  ret half %half
}

; By way of a float rounded to odd, so that the second rounding sees what the first left out.
define half @__truncdfhf2(double %x) {
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %bits = bitcast float %near to i32
  %size = call double @llvm.fabs.f64(double %x)
  %back.size = call double @llvm.fabs.f64(double %back)
  %is.above = fcmp ogt double %back.size, %size
  %down = sext i1 %is.above to i32
  %towards.zero = add i32 %bits, %down
  %sticky = or i32 %towards.zero, 1
  %is.inexact = fcmp one double %back, %x
  %odd = select i1 %is.inexact, i32 %sticky, i32 %bits
  %float = bitcast i32 %odd to float
  %half = call half @__truncsfhf2(float %float)
  ret half %half
}

declare double @llvm.fabs.f64(double)
)";

llvm::Expected<ObjectBytes> torchc::emitHalfFunctions(llvm::TargetMachine &machine) {
  return emitObject(kSource, machine);
}
