//===- torchc-lsp-server.cpp - language server for IR of all stages ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Pipeline/Pipeline.h"
#include "torchc/Support/ExitCode.h"
#include "torchc/Support/FaultHandler.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

using namespace torchc;

int main(int argc, char **argv) {
  installFaultHandler("torchc-lsp-server");
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  // Fails where the editor leaves without the protocol's goodbye.
  bool isClean = succeeded(mlir::MlirLspServerMain(argc, argv, registry));
  return static_cast<int>(isClean ? ExitCode::Success : ExitCode::Diagnosed);
}
