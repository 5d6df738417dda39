//===- Dialects.cpp - all dialects that IR of any stage may hold ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dialect/Torch/IR/TorchDialect.h"
#include "torchc/Dialect/VM/IR/VMDialect.h"
#include "torchc/Pipeline/Pipeline.h"

#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"

using namespace mlir;

void torchc::registerAllDialects(DialectRegistry &registry) {
  registry.insert<torch::TorchDialect, dispatch::DispatchDialect, vm::VMDialect>();
  registry.insert<affine::AffineDialect, arith::ArithDialect, bufferization::BufferizationDialect,
                  cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect, linalg::LinalgDialect,
                  math::MathDialect, memref::MemRefDialect, ml_program::MLProgramDialect, scf::SCFDialect,
                  tensor::TensorDialect, ub::UBDialect, vector::VectorDialect>();
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
}
