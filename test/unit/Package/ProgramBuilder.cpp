//===- ProgramBuilder.cpp - from IR to a loaded program in one call ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"

#include "torchc/Package/WriteModule.h"
#include "torchc/Pipeline/Pipeline.h"
#include "torchc/Support/TargetMachine.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace torchc;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  return registry;
}

ProgramBuilder::ProgramBuilder() : context(makeRegistry()) {}

OwningOpRef<ModuleOp> ProgramBuilder::package(const std::string &host, const std::string &kernels,
                                              const std::string &attributes) {
  CpuVariant variant = resolveTargets("", "host", "", [&] { return emitError(UnknownLoc::get(&context)); })->front();
  std::string source = "module attributes {" + attributes + "} {\n" + host;
  if (!kernels.empty())
    source += "\ndispatch.executable @host_cpu attributes {triple = \"" + variant.triple + "\", cpu = \"" +
              variant.cpu + "\", features = \"" + variant.features + "\"} { builtin.module {\n" + kernels + "\n} }\n";
  source += "}\n";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module) {
    ADD_FAILURE() << "the IR does not parse";
    return nullptr;
  }
  PassManager manager(&context);
  addStagePasses(manager, Stage::Object, PipelineOptions());
  addStagePasses(manager, Stage::Package, PipelineOptions());
  if (failed(manager.run(*module))) {
    ADD_FAILURE() << "the stages fail";
    return nullptr;
  }
  return module;
}

std::string ProgramBuilder::write(const std::string &host, const std::string &kernels, const std::string &attributes) {
  OwningOpRef<ModuleOp> module = package(host, kernels, attributes);
  if (!module)
    return "";
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  EXPECT_TRUE(succeeded(writeVmfb(*module, stream)));
  return bytes;
}

Runner::Runner(const std::string &file) : device(runtime::Device::localSync()) {
  auto loaded = runtime::Program::copyBytes({reinterpret_cast<const uint8_t *>(file.data()), file.size()}, {});
  if (!loaded.isOk()) {
    ADD_FAILURE() << loaded.getStatus().getMessage();
    return;
  }
  program = std::make_unique<runtime::Program>(loaded.take());
  auto created = runtime::Session::create(*program, device, {});
  if (!created.isOk()) {
    ADD_FAILURE() << created.getStatus().getMessage();
    return;
  }
  session = std::make_unique<runtime::Session>(created.take());
}

runtime::Status Runner::call(const char *function, std::vector<runtime::Tensor> inputs,
                             std::vector<runtime::Tensor> &outputs) {
  if (!session)
    return runtime::Status::error(runtime::StatusCode::InvalidArgument, "the program was not loaded");
  return session->call(function, inputs, outputs);
}

const char *const torchc::kVectorKernelDeclarations = R"(
dispatch.kernel private @add(tensor<?xf32>, tensor<?xf32>, index) -> tensor<?xf32> attributes {
  dims = [array<i64: 0>, array<i64: 0>, array<i64: 0>], scratch = 0 : i64}
dispatch.kernel private @double(tensor<?xf32>, index) -> tensor<?xf32> attributes {
  dims = [array<i64: 0>, array<i64: 0>], scratch = 0 : i64}
dispatch.kernel private @count_positive(tensor<?xf32>, index) -> tensor<i64> attributes {
  dims = [array<i64: 0>, array<i64>], scratch = 0 : i64}
)";

const char *const torchc::kVectorKernels = R"(
// Each work group adds up to four elements.
llvm.func @add(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<()[n] -> (n ceildiv 4, 1, 1)>} {
  %ok = llvm.mlir.constant(0 : i32) : i32
  %one = llvm.mlir.constant(1 : i64) : i64
  %four = llvm.mlir.constant(4 : i64) : i64
  %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %a = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
  %pb = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %b = llvm.load %pb : !llvm.ptr -> !llvm.ptr
  %pc = llvm.getelementptr %bindings[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %c = llvm.load %pc : !llvm.ptr -> !llvm.ptr
  %pconstants = llvm.getelementptr %args[16] : (!llvm.ptr) -> !llvm.ptr, i8
  %constants = llvm.load %pconstants : !llvm.ptr -> !llvm.ptr
  %n = llvm.load %constants : !llvm.ptr -> i64
  %group = llvm.zext %x : i32 to i64
  %begin = llvm.mul %group, %four : i64
  %limit = llvm.add %begin, %four : i64
  %end = llvm.intr.smin(%limit, %n) : (i64, i64) -> i64
  llvm.br ^head(%begin : i64)
^head(%i: i64):
  %more = llvm.icmp "slt" %i, %end : i64
  llvm.cond_br %more, ^body, ^done
^body:
  %pai = llvm.getelementptr %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %pbi = llvm.getelementptr %b[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %pci = llvm.getelementptr %c[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %ai = llvm.load %pai : !llvm.ptr -> f32
  %bi = llvm.load %pbi : !llvm.ptr -> f32
  %ci = llvm.fadd %ai, %bi : f32
  llvm.store %ci, %pci : f32, !llvm.ptr
  %next = llvm.add %i, %one : i64
  llvm.br ^head(%next : i64)
^done:
  llvm.return %ok : i32
}
llvm.func @double(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<()[n] -> (n, 1, 1)>} {
  %ok = llvm.mlir.constant(0 : i32) : i32
  %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %a = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
  %pb = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %b = llvm.load %pb : !llvm.ptr -> !llvm.ptr
  %i = llvm.zext %x : i32 to i64
  %pai = llvm.getelementptr %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %pbi = llvm.getelementptr %b[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %ai = llvm.load %pai : !llvm.ptr -> f32
  %bi = llvm.fadd %ai, %ai : f32
  llvm.store %bi, %pbi : f32, !llvm.ptr
  llvm.return %ok : i32
}
llvm.func @count_positive(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<()[n] -> (1, 1, 1)>} {
  %ok = llvm.mlir.constant(0 : i32) : i32
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %fzero = llvm.mlir.constant(0.0 : f32) : f32
  %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %a = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
  %pb = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %b = llvm.load %pb : !llvm.ptr -> !llvm.ptr
  %pconstants = llvm.getelementptr %args[16] : (!llvm.ptr) -> !llvm.ptr, i8
  %constants = llvm.load %pconstants : !llvm.ptr -> !llvm.ptr
  %n = llvm.load %constants : !llvm.ptr -> i64
  llvm.br ^head(%zero, %zero : i64, i64)
^head(%i: i64, %count: i64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^done
^body:
  %pai = llvm.getelementptr %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %ai = llvm.load %pai : !llvm.ptr -> f32
  %positive = llvm.fcmp "ogt" %ai, %fzero : f32
  %bit = llvm.zext %positive : i1 to i64
  %sum = llvm.add %count, %bit : i64
  %next = llvm.add %i, %one : i64
  llvm.br ^head(%next, %sum : i64, i64)
^done:
  llvm.store %count, %b : i64, !llvm.ptr
  llvm.return %ok : i32
}
)";
