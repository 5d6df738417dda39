//===- Result.h - a value or the error that took its place ------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How to load and run a model:
//
//   Result<Program> program = Program::load("model.vmfb", {});
//   if (!program.isOk()) return fail(program.getStatus().getMessage());
//   Result<Session> session = Session::create(*program, Device::localSync(), {});
//   Tensor inputs[] = {x}, outputs[1];
//   Status status = session->call("forward", inputs, outputs);
//   if (status.isOk()) use(outputs[0].getData(), outputs[0].getDims());
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_RESULT_H
#define TORCHC_RUNTIME_RESULT_H

#include "torchc/runtime/Status.h"

#include <new>

namespace torchc::runtime {

/// A T or an error. Ask isOk() before taking the value.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : hasValue(true) { new (&storage.value) T(std::move(value)); }
  Result(Status error) : error(std::move(error)) {}
  Result(Result &&other) noexcept : error(std::move(other.error)), hasValue(other.hasValue) {
    if (hasValue)
      new (&storage.value) T(std::move(other.storage.value));
  }
  Result &operator=(Result &&) = delete;
  ~Result() {
    if (hasValue)
      storage.value.~T();
  }

  bool isOk() const { return hasValue; }
  const Status &getStatus() const { return error; }
  Status takeStatus() { return std::move(error); }

  T &operator*() { return storage.value; }
  const T &operator*() const { return storage.value; }
  T *operator->() { return &storage.value; }
  T take() { return std::move(storage.value); }

private:
  union Storage {
    Storage() {}
    ~Storage() {}
    T value;
  } storage;
  Status error;
  bool hasValue = false;
};

} // namespace torchc::runtime

/// TORCHC_ASSIGN_OR_RETURN(Tensor x, readNpy(path)): declares or assigns the value,
/// or returns from the function with the error.
#define TORCHC_ASSIGN_OR_RETURN(target, expr) TORCHC_ASSIGN_OR_RETURN_(target, expr, TORCHC_CONCAT(result_, __LINE__))
#define TORCHC_ASSIGN_OR_RETURN_(target, expr, result)                                                                 \
  auto result = (expr);                                                                                                \
  if (!result.isOk())                                                                                                  \
    return result.takeStatus();                                                                                        \
  target = result.take()
#define TORCHC_CONCAT(a, b) TORCHC_CONCAT_(a, b)
#define TORCHC_CONCAT_(a, b) a##b

#endif // TORCHC_RUNTIME_RESULT_H
