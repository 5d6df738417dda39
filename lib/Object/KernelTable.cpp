//===- KernelTable.cpp - the table by which the runtime finds kernels ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/EmitObject.h"

#include "torchc/runtime/KernelABI.h"

#include "llvm/IR/IRBuilder.h"

using namespace mlir;
using namespace torchc;

namespace {
/// Writes affine expressions of the constants of a dispatch as i64 arithmetic.
class ExpressionEmitter {
public:
  ExpressionEmitter(llvm::IRBuilder<> &b, llvm::Value *constants) : b(b), constants(constants) {}

  llvm::Value *emit(AffineExpr expression) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expression))
      return b.getInt64(constant.getValue());
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expression))
      return b.CreateLoad(b.getInt64Ty(), b.CreateConstGEP1_64(b.getInt64Ty(), constants, symbol.getPosition()));
    auto binary = cast<AffineBinaryOpExpr>(expression);
    llvm::Value *left = emit(binary.getLHS()), *right = emit(binary.getRHS());
    switch (expression.getKind()) {
    case AffineExprKind::Add: return b.CreateAdd(left, right);
    case AffineExprKind::Mul: return b.CreateMul(left, right);
    case AffineExprKind::Mod: return b.CreateSub(left, b.CreateMul(emitFloorDiv(left, right), right));
    case AffineExprKind::FloorDiv: return emitFloorDiv(left, right);
    case AffineExprKind::CeilDiv:
      // ceil(a / b) = -floor(-a / b)
      return b.CreateNeg(emitFloorDiv(b.CreateNeg(left), right));
    default: llvm_unreachable("not a binary expression");
    }
  }

private:
  /// For a divisor above 0.
  llvm::Value *emitFloorDiv(llvm::Value *left, llvm::Value *right) {
    llvm::Value *quotient = b.CreateSDiv(left, right);
    llvm::Value *isBelow = b.CreateICmpSLT(b.CreateSRem(left, right), b.getInt64(0));
    return b.CreateSub(quotient, b.CreateZExt(isBelow, b.getInt64Ty()));
  }

  llvm::IRBuilder<> &b;
  llvm::Value *constants;
};
} // namespace

/// void grid(const int64_t *constants, int64_t *extents), named after the first kernel that has it
static llvm::Function *emitGrid(const KernelEntry &kernel, llvm::Module &module) {
  llvm::IRBuilder<> b(module.getContext());
  auto *type = llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getPtrTy()}, /*isVarArg=*/false);
  llvm::Function *function =
      llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, kernel.name + ".grid", module);
  b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", function));
  ExpressionEmitter emitter(b, function->getArg(0));
  for (auto [i, extent] : llvm::enumerate(kernel.workgroups.getResults()))
    b.CreateStore(emitter.emit(extent), b.CreateConstGEP1_64(b.getInt64Ty(), function->getArg(1), i));
  b.CreateRetVoid();
  return function;
}

llvm::Expected<ObjectBytes> torchc::emitKernelTable(llvm::ArrayRef<KernelEntry> kernels, llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  llvm::Module module("kernel_table", context);
  llvm::IRBuilder<> b(context);
  auto *kernelType = llvm::FunctionType::get(b.getInt32Ty(), /*isVarArg=*/false);
  auto *entryType = llvm::StructType::get(b.getPtrTy(), b.getPtrTy());
  llvm::SmallVector<llvm::Constant *> entries;
  llvm::DenseMap<AffineMap, llvm::Function *> grids;
  for (const KernelEntry &kernel : kernels) {
    auto *run = llvm::Function::Create(kernelType, llvm::GlobalValue::ExternalLinkage, kernel.name, module);
    llvm::Function *&grid = grids[kernel.workgroups];
    if (!grid)
      grid = emitGrid(kernel, module);
    entries.push_back(llvm::ConstantStruct::get(entryType, {grid, run}));
  }
  // struct torchc_kernel_table { uint32_t abi_version, count; torchc_kernel kernels[]; }
  auto *array = llvm::ConstantArray::get(llvm::ArrayType::get(entryType, entries.size()), entries);
  auto *table =
      llvm::ConstantStruct::getAnon({b.getInt32(TORCHC_KERNEL_ABI_VERSION), b.getInt32(kernels.size()), array});
  new llvm::GlobalVariable(module, table->getType(), /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage, table,
                           TORCHC_KERNEL_TABLE_SYMBOL);
  return emitObject(module, machine);
}
