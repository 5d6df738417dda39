//===- torchc-opt.cpp - runs single passes and stages on IR ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Pipeline.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  torchc::registerAllPasses();
  mlir::DialectRegistry registry;
  torchc::registerAllDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "torchc-opt: runs passes of torchc\n", registry));
}
