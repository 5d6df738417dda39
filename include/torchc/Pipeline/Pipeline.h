//===- Pipeline.h - the way from a model to a .vmfb, stage by stage ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_PIPELINE_PIPELINE_H
#define TORCHC_PIPELINE_PIPELINE_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>
#include <vector>

namespace torchc {

/// The stages, in the order in which a model passes them.
enum class Stage {
#define STAGE(Name, name, alias, description) Name,
#include "torchc/Pipeline/Stages.def"
};

/// What is to be written: the result of a stage, in its own form or in another one.
struct Emission {
  Stage stage;
  bool isStaticLibrary = false;
};

/// What `name` stands for: a stage, by its own name or its other one, or a form.
std::optional<Emission> parseEmission(llvm::StringRef name);
llvm::StringRef getStageName(Stage stage);

/// The machine that code is made for.
struct TargetOptions {
  std::string triple;   ///< Empty: this machine's.
  std::string cpu;      ///< A comma list of CPUs, see `resolveTargets`. Empty: "portable".
  std::string features; ///< Such as "+avx2,-fma", added to each CPU's.
};

/// Options of the whole way.
struct PipelineOptions {
  TargetOptions target;
  /// 0: kernels as the model states them, one op each, and no optimisation by LLVM;
  /// 3: the fastest program.
  unsigned optLevel = 3;
  /// Small kernels rather than the last percents of speed.
  bool optimizeForSize = false;
  /// A file of parameters for kernels (`torchc-tune-kernels`); empty for none.
  std::string strategyFile;
  /// The folder that keeps the machine code of kernels for later compilations (KernelCache); empty for none.
  std::string kernelCache;
  /// Parameters and buffers are read at run time, from this scope, and are no part of the
  /// program.
  std::optional<std::string> parameterScope;
  /// Operators that the host program computes, such as "mylib.foo".
  std::vector<std::string> customOps;
};

/// Adds the passes of one stage, which expect what the stage before left. The
/// Import stage has none.
void addStagePasses(mlir::OpPassManager &manager, Stage stage, const PipelineOptions &options);

/// All dialects that IR of any stage may hold, with their interfaces.
void registerAllDialects(mlir::DialectRegistry &registry);

/// All passes and, as `torchc-<stage>-pipeline`, all stages.
void registerAllPasses();

} // namespace torchc

#endif // TORCHC_PIPELINE_PIPELINE_H
