//===- ProgramBuilder.h - from IR to a loaded program in one call ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_TEST_UNIT_PACKAGE_PROGRAMBUILDER_H
#define TORCHC_TEST_UNIT_PACKAGE_PROGRAMBUILDER_H

#include "torchc/runtime/Session.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace torchc {

/// A context with all dialects, and what tests do with it.
class ProgramBuilder {
public:
  ProgramBuilder();

  /// Host functions and kernel declarations, together with an executable for this
  /// machine that holds `kernels`, functions in the LLVM dialect, in a module with
  /// `attributes`. Runs the Object and
  /// Package stages. Null, and a test failure, on any error.
  mlir::OwningOpRef<mlir::ModuleOp> package(const std::string &host, const std::string &kernels,
                                            const std::string &attributes = "");

  /// The same down to the bytes of the file; empty on error.
  std::string write(const std::string &host, const std::string &kernels, const std::string &attributes = "");

  mlir::MLIRContext &getContext() { return context; }

private:
  mlir::MLIRContext context;
};

/// A loaded program with a session, single-threaded.
class Runner {
public:
  explicit Runner(const std::string &file);

  /// Calls `function`; outputs that are null are filled in.
  runtime::Status call(const char *function, std::vector<runtime::Tensor> inputs,
                       std::vector<runtime::Tensor> &outputs);
  runtime::Session &getSession() { return *session; }
  const runtime::Program &getProgram() { return *program; }

private:
  runtime::Device device;
  std::unique_ptr<runtime::Program> program;
  std::unique_ptr<runtime::Session> session;
};

template <typename T>
runtime::Tensor makeTensor(runtime::ElementType type, std::vector<int64_t> dims, const std::vector<T> &values) {
  runtime::Tensor tensor = runtime::Tensor::allocate(type, dims).take();
  std::copy(values.begin(), values.end(), reinterpret_cast<T *>(tensor.getMutableData()));
  return tensor;
}

template <typename T> std::vector<T> getValues(const runtime::Tensor &tensor) {
  auto *data = reinterpret_cast<const T *>(tensor.getData());
  return {data, data + tensor.getElementCount()};
}

/// Kernels on vectors of f32, with their declarations: @add (x, y)[n] -> x + y,
/// @double (x)[n] -> 2 x, @count_positive (x)[n] -> i64 tensor of rank 0.
extern const char *const kVectorKernels;
extern const char *const kVectorKernelDeclarations;

} // namespace torchc

#endif // TORCHC_TEST_UNIT_PACKAGE_PROGRAMBUILDER_H
