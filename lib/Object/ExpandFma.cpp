//===- ExpandFma.cpp - fused products and sums without the instruction ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A CPU without the instruction would call fma and fmaf of libm. Formulas that
// only want speed use fmuladd and never come here.
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/EmitObject.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/MC/MCSubtargetInfo.h"

using namespace torchc;
using llvm::Value;

/// f32, in f64: the product is exact; one sum in about 2^29 is rounded differently.
static Value *expandSingle(llvm::IRBuilder<> &b, Value *x, Value *y, Value *z) {
  llvm::Type *wide = x->getType()->getWithNewType(b.getDoubleTy());
  Value *product = b.CreateFMul(b.CreateFPExt(x, wide), b.CreateFPExt(y, wide));
  return b.CreateFPTrunc(b.CreateFAdd(product, b.CreateFPExt(z, wide)), x->getType());
}

/// The upper 26 bits of x and the rest (Veltkamp).
static std::pair<Value *, Value *> split(llvm::IRBuilder<> &b, Value *x) {
  Value *scaled = b.CreateFMul(x, llvm::ConstantFP::get(x->getType(), 134217729.0)); // 2^27 + 1
  Value *high = b.CreateFSub(scaled, b.CreateFSub(scaled, x));
  return {high, b.CreateFSub(x, high)};
}

/// f64: product and sum with their rounding errors (Dekker, Knuth), about 1 ulp of the
/// exact result. The errors are left out where the product's factors are too large to split.
static Value *expandDouble(llvm::IRBuilder<> &b, Value *x, Value *y, Value *z) {
  auto [xHigh, xLow] = split(b, x);
  auto [yHigh, yLow] = split(b, y);
  Value *product = b.CreateFMul(x, y);
  Value *error = b.CreateFSub(b.CreateFMul(xHigh, yHigh), product);
  error = b.CreateFAdd(error, b.CreateFMul(xHigh, yLow));
  error = b.CreateFAdd(error, b.CreateFMul(xLow, yHigh));
  error = b.CreateFAdd(error, b.CreateFMul(xLow, yLow));
  Value *sum = b.CreateFAdd(product, z);
  Value *part = b.CreateFSub(sum, product);
  Value *sumError = b.CreateFAdd(b.CreateFSub(product, b.CreateFSub(sum, part)), b.CreateFSub(z, part));
  Value *correction = b.CreateFAdd(error, sumError);
  Value *isNumber = b.CreateFCmpORD(correction, correction);
  return b.CreateFAdd(sum, b.CreateSelect(isNumber, correction, llvm::ConstantFP::getZero(x->getType())));
}

void torchc::expandFma(llvm::Module &module, const llvm::TargetMachine &machine) {
  const llvm::MCSubtargetInfo &subtarget = *machine.getMCSubtargetInfo();
  if (!machine.getTargetTriple().isX86() || subtarget.checkFeatures("+fma") || subtarget.checkFeatures("+fma4"))
    return;
  llvm::SmallVector<llvm::IntrinsicInst *> calls;
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
          call && call->getIntrinsicID() == llvm::Intrinsic::fma)
        calls.push_back(call);
  for (llvm::IntrinsicInst *call : calls) {
    llvm::IRBuilder<> b(call);
    bool isDouble = call->getType()->getScalarType()->isDoubleTy();
    Value *x = call->getArgOperand(0), *y = call->getArgOperand(1), *z = call->getArgOperand(2);
    call->replaceAllUsesWith(isDouble ? expandDouble(b, x, y, z) : expandSingle(b, x, y, z));
    call->eraseFromParent();
  }
}
